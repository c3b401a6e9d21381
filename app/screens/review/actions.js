// What a key press, a click or typing on the review screen does.
import { byId, closest, find } from '../browser/dom.js';
import { moveAlong } from './form/fields.js';
import { box, comment, confirm, focusedField, hasNote, helpOf, keys, noteTyping, paint, put, record, toAsking, valueIn } from './form/form.js';
import { say } from './form/saved_line.js';
import { showSheet } from './key_sheet.js';
import { keyShown, meaningOf } from './keys.js';
import { strengthen } from './note/evidence.js';
import { showHistory } from './note/history.js';
import { decide, previous, undo } from './saving/decisions.js';

// The field in focus, where the note on screen has it.
function field() {
  const key = focusedField();
  return key && record()?.fields[key] ? key : null;
}

/** @param {(key: string) => void} act */
const inField = (act) => () => { const key = field(); if (key) act(key); };

/** @param {string} key */
function accept(key) {
  confirm(key);
  if (!toAsking()) say('hint', `Every field that asks is looked at: ${keyShown('save')} saves.`);
}

/** @param {string} key @param {number} place */
function take(key, place) {
  const other = document.querySelectorAll(`.side[data-field="${key}"] .others:not([hidden]) button:not([hidden])`)[place];
  if (other) putOther(other);
}

/** @param {any} other the button of one of a field's other values */
const putOther = (other) => put(other.closest('.side').dataset.field, JSON.parse(other.dataset.value));

/** @type {Record<string, () => unknown>} */
const DO = {
  save: () => decide('submitted'), skip: () => decide('skipped'), flag: () => decide('flagged'), previous, undo,
  accept: inField(accept),
  acceptAll: () => { keys().forEach(confirm); say('hint', 'Every field is confirmed as it is.'); },
  asks: () => { if (!toAsking()) say('hint', 'No field asks to be looked at.'); },
  first: inField((key) => take(key, 0)), second: inField((key) => take(key, 1)), clear: inField((key) => put(key, null)),
  comment: () => comment()?.focus(),
  offer: () => byId('offer-make')?.click(),
  history: showHistory,
  help: showSheet,
};

/**
 * Where text of the note is selected, a field's key puts it into the field; with Shift it is added.
 * @param {string} key
 * @param {boolean} isAdded
 */
function goToField(key, isAdded) {
  const selection = getSelection(), note = byId('note');
  const isInNote = selection && note?.contains(selection.anchorNode) && note.contains(selection.focusNode);
  const text = isInNote ? selection.toString().replace(/\s+/g, ' ').trim() : '';
  if (!text) { box(key)?.focus(); box(key)?.select(); return; }
  const value = valueIn(key), separator = helpOf().separators[key];
  put(key, isAdded && value && separator ? `${value}${separator}${text}` : text);
}

document.addEventListener('click', (event) => {
  const target = closest(event, '#save, #skip, #flag, #previous, #undo');
  if (target) { event.preventDefault(); DO[target.id](); return; }
  if (closest(event, '#keys-open')) { showSheet(); return; }
  const mark = closest(event, '#note mark');
  if (mark && getSelection()?.isCollapsed) { box(mark.dataset.fields.split(' ')[0])?.focus(); return; }
  const use = closest(event, '.side .use'), other = closest(event, '.side .others button');
  if (use) { const key = use.closest('.side').dataset.field; put(key, record().fields[key].suggested); }
  if (other) putOther(other);
});

/** @param {KeyboardEvent} event @param {() => unknown} act */
function press(event, act) {
  event.preventDefault();
  event.stopPropagation();
  if (!event.repeat) act();
}

document.addEventListener('keydown', (event) => {
  const meant = meaningOf(event), action = meant && 'action' in meant ? meant.action : null;
  if (event.isComposing || !byId('review')?.offsetParent || find('dialog[open]')) {
    if (action === 'help' && !event.repeat) { event.preventDefault(); showSheet(); }
    return;
  }
  // Enter means something in a field only; on a button or a row it is that one's.
  if (!meant || (action === 'accept' && !closest(event, '.field :is(textarea, input)'))) { moveAlong(event); return; }
  press(event, () => {
    if (!hasNote() && !(action && ['undo', 'previous', 'help'].includes(action))) return;
    if ('action' in meant) DO[meant.action](); else goToField(meant.field, meant.add);
  });
}, true);

document.addEventListener('input', (event) => {
  if (!event.isTrusted || !record()) return;
  const typed = closest(event, '[id^="field-"]');
  if (typed) noteTyping(typed.id.slice(6)); else if (closest(event, '#comment')) noteTyping(null);
}, true);

// A word that was being typed is at its end now.
document.addEventListener('focusout', (event) => {
  const left = closest(event, '.field [id^="field-"]');
  if (left) paint(left.id.slice(6));
});

document.addEventListener('focusin', (event) => {
  if (!closest(event, '#form')) return;
  const key = focusedField(), line = byId('guideline');
  strengthen(key);
  if (line && key) line.textContent = helpOf().guidelines[key] ?? '';
});
