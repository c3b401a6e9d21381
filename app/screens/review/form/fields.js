// What stands beside each field of the review screen: how sure the model is, how the value rests on the note, and other
// values. Each is told by a word and a shape, never by colour alone. Values are written with textContent or value.
import { byId, closest, find, make } from '../../browser/dom.js';
import { hide, write } from '../../browser/typing.js';
import { keyShown } from '../keys.js';
import { choices, isBeginning } from './completion.js';
import { difference } from './difference.js';
import { asks, restOf, whyWithheld, wordOf } from './field_state.js';

/** @typedef {import('./field_state.js').Field} Field */
/** @typedef {import('./field_state.js').FieldState} FieldState */
/** @typedef {import('./completion.js').Choice} Choice */
/** @typedef {HTMLTextAreaElement | HTMLInputElement} Box */

/** @type {Record<string, [shape: string, word: string]>} */
const CONFIDENCE = {
  agree: ['=', 'they agree'],
  differ: ['≠', 'THEY DIFFER'],
  sure: ['✓', 'sure'],
  fair: ['~', 'likely'],
  look: ['▲', 'look'],
  offered: ['◇', 'offered'],
  confirmed: ['✔', 'confirmed'],
  edited: ['✎', 'yours'],
  cleared: ['∅', 'cleared'],
  withheld: ['◌', 'left empty'],
  empty: ['✔', 'left empty'],
  none: ['', ''],
};
/** @type {Record<string, [shape: string, word: string]>} */
const GROUNDING = {
  exact: ['●', 'in the note'],
  fuzzy: ['≈', 'similar wording'],
  synonym: ['⇄', 'synonym'],
  inferred: ['∴', 'inferred'],
  not_found: ['✕', 'NOT FOUND IN THE NOTE'],
  denied: ['✕', 'ONLY DENIED IN THE NOTE'],
};
/** @param {Element} part @param {string[]} said */
function sayIn(part, [shape, word]) {
  write(find('.shape', part), shape);
  write(find('.word', part), word);
}

/**
 * By which rule an inferred value follows, under its box; of a value that stays out of the form, beside which it stands.
 * @param {HTMLElement} side
 * @param {Box | null} box
 * @param {Field} field
 * @param {FieldState} state
 * @param {boolean} isLeftEmpty
 */
function paintRule(side, box, field, { value }, isLeftEmpty) {
  const { rule } = restOf(field, isLeftEmpty ? field.suggested : value), part = find('.rule', side);
  write(find('.word', part), rule ? `${isLeftEmpty ? 'The model’s value is inferred: ' : ''}${rule}` : '');
  if (part.hidden === Boolean(rule)) part.hidden = !rule;
  box?.setAttribute('aria-describedby', [find('.grounding', side).id, ...(rule ? [part.id] : [])].join(' '));
}

/**
 * Nothing while the server has not looked for what is being typed, and no alarm while it may become a value of the note.
 * @param {HTMLElement} side
 * @param {Box | null} box
 * @param {Field} field
 * @param {FieldState} state
 */
function paintGrounding(side, box, field, { value, isTyping, note }) {
  const part = find('.grounding', side);
  const { kind: rests, missing, isDenied } = restOf(field, value);
  const kind = rests === 'not_found' && isTyping && (isDenied || isBeginning(note, value)) ? 'none' : rests;
  const alarm = kind === 'not_found';
  const [shape, word] = GROUNDING[alarm && isDenied ? 'denied' : kind] ?? ['', ''];
  const parts = missing.filter((one) => one !== value).join('; ');
  side.dataset.grounding = kind;
  sayIn(part, [shape, alarm && parts ? `${word}: ${parts}` : word]);
  part.title = kind === 'inferred' && parts ? `not said in so many words: ${parts}` : '';
  box?.closest('[id^="field-"]')?.classList.toggle('unfounded', alarm);
}

/** @param {HTMLElement} side @param {Choice[]} shown @param {boolean} isTyping */
function paintOthers(side, shown, isTyping) {
  const part = find('.others', side);
  const keys = ['first', 'second'].map((action) => keyShown(action));
  const now = JSON.stringify([shown, keys]);
  if (part.dataset.shown === now) return;
  part.dataset.shown = now;
  const buttons = [...part.querySelectorAll('button:not([hidden])')];
  for (const [position, choice] of shown.entries()) {
    paintOther(buttons[position] ?? part.appendChild(newOther()), choice, position, keys[position]);
  }
  for (const spare of buttons.slice(shown.length)) if (isTyping) hide(spare); else spare.remove();
  if (part.hidden !== !shown.length) part.hidden = !shown.length;
}

const newOther = () => make('button', { type: 'button' }, '', make('small'));

/** @param {HTMLButtonElement} button @param {Choice} choice @param {number} position @param {string} [key] */
function paintOther(button, { other, label, why, n, tag }, position, key) {
  button.tabIndex = position === 0 ? 0 : -1;
  button.dataset.value = JSON.stringify(other);
  write(button, label ?? other ?? 'none');
  button.title = label ? `${other} (${why})` : why;
  write(find('small', button), tag || n ? ` ${tag ?? `${n}×`}` : '');
  button.className = other === null ? 'null' : '';
  if (key) {
    button.dataset.key = key;
    button.setAttribute('aria-keyshortcuts', key.replaceAll(' ', '+'));
  } else {
    delete button.dataset.key;
    button.removeAttribute('aria-keyshortcuts');
  }
}

/**
 * What the model said; and how the reviewer's value differs, which waits for the end of typing.
 * @param {HTMLElement} said
 * @param {string | null} suggested
 * @param {string | null} value
 */
function paintSaid(said, suggested, value) {
  const now = JSON.stringify([suggested, value]);
  if (said.dataset.shown === now) return;
  said.dataset.shown = now;
  if (suggested !== null && value !== null) said.replaceChildren(...changedWords(suggested, value)); else write(said, suggested ?? 'none');
}

// The model's words that are gone are struck out, the new ones underlined.
/** @param {string} suggested @param {string} value */
const changedWords = (suggested, value) => difference(suggested, value)?.map(({ tag, text }) => make(tag, {}, text)) ?? [suggested];

/** @param {string} key @param {Box | null} box @param {Field} field @param {FieldState} state */
export function paintField(key, box, field, state) {
  const side = find(`.side[data-field="${key}"]`);
  if (!side) return;
  const { value } = state;
  const word = wordOf(field, state);
  const percent = Math.round(100 * (field.confidence ?? 0));
  side.dataset.word = word;
  sayIn(find('.confidence', side), CONFIDENCE[word]);
  // A server that gives no probabilities leaves the confidence unknown, which is not the same as none.
  const unknown = !['sure', 'fair', 'look', 'confirmed'].includes(word) || field.confidence === null;
  write(find('.percent', side), unknown ? '' : `${field.raw ? 'raw ' : ''}${percent} %`);
  find('.percent', side).title = field.raw ? 'Not calibrated: the model’s own probability, usually too high' : '';
  find('.bar', side).style.setProperty('--share', `${percent}%`);
  const differs = state.suggested && ['edited', 'cleared', 'offered'].includes(word);
  find('.model', side).hidden = !differs;
  paintSaid(find('.said', side), field.suggested, differs && !state.isTyping ? value : null);
  const part = byId(`field-${key}`);
  part?.classList.toggle('edited', differs);
  part?.closest('.field')?.classList.toggle('asks', asks(field, state));
  paintGrounding(side, box, field, state);
  const isLeftEmpty = ['withheld', 'empty'].includes(word);
  paintRule(side, box, field, state, isLeftEmpty);
  if (isLeftEmpty) sayIn(find('.grounding', side), ['', `the model’s value is ${whyWithheld(field)[0]}`]);
  const isSure = ['sure', 'agree', 'confirmed'].includes(word);
  paintOthers(side, choices(field, { ...state, isSure, whyWithheld: field.withheld ? whyWithheld(field) : null }), state.isTyping);
}

/**
 * Puts a value into a box as if it were typed: the browser's own undo takes it back.
 * @param {Box | null} box
 * @param {string} value
 */
export function typeInto(box, value) {
  if (!box) return;
  box.focus();
  if (box.value === value) return;
  box.select();
  document.execCommand(value ? 'insertText' : 'delete', false, value);
  if (box.value === value) return;
  box.value = value;
  box.dispatchEvent(new Event('input', { bubbles: true }));
}

/**
 * Alt and the arrow down lead from a box to its other values, the arrows along them, Escape back.
 * @param {KeyboardEvent} event
 */
export function moveAlong(event) {
  const row = closest(event, '.field');
  const buttons = [...(row?.querySelectorAll('.others:not([hidden]) button:not([hidden])') ?? [])];
  const place = buttons.indexOf(document.activeElement);
  let next = null;
  if (place < 0) {
    if (event.altKey && event.key === 'ArrowDown') next = buttons[0] ?? null;
  } else if (event.key === 'ArrowRight' || event.key === 'ArrowDown') next = buttons[(place + 1) % buttons.length];
  else if (event.key === 'ArrowLeft') next = buttons[(place + buttons.length - 1) % buttons.length];
  else if (event.key === 'Escape' || event.key === 'ArrowUp') next = row.querySelector('textarea, input');
  if (!next) return;
  event.preventDefault();
  next.focus();
}
