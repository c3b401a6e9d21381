// The form of the note on screen: its boxes and what stands in them, which fields the reviewer looked at, and which ask.
import { byId } from '../../browser/dom.js';
import { announce } from '../../browser/events.js';
import { leadTime } from '../note/pace.js';
import { asks, groupAsking } from './field_state.js';
import { paintField, typeInto } from './fields.js';

/** @typedef {import('./field_state.js').Field} Field */
/** @typedef {import('./field_state.js').FieldState} FieldState */
/** @typedef {Record<string, string | null>} Values field to value */

/**
 * What the server says about a note; see `note.py`.
 * @typedef {object} Page
 * @property {number | null} note none where nothing is left
 * @property {string} heading markup that the server escaped
 * @property {string} html the note's text with its evidence marked; or, without a note, why there is none
 * @property {string} walk which notes follow, as a query
 * @property {Record<string, Field>} fields
 * @property {number} revision
 * @property {number} draft version of this reviewer's draft
 * @property {string | null} draft_at
 * @property {boolean} draft_is_old
 * @property {number} opinion
 * @property {number | null} suggestion
 * @property {boolean} blind
 * @property {string} state
 * @property {string} comment
 * @property {string[]} settled
 * @property {string} caution
 * @property {import('../people/adjudication.js').Dispute | null} adjudication
 */

/**
 * What the server says about the reviewer and the values used before.
 * @typedef {object} Aid
 * @property {Record<string, [string, number][]>} values
 * @property {Record<string, string>} separators of fields that hold lists
 * @property {Record<string, string>} guidelines
 * @property {'asked' | 'all' | 'none'} confirm which fields have to be confirmed
 * @property {Record<string, string>} [keys]
 * @property {string | null} [tour]
 */

/**
 * What is sent about a note, as draft or decision.
 * @typedef {Pick<Page, 'revision' | 'draft' | 'opinion' | 'suggestion' | 'settled' | 'comment'> & { note: number, values: Values, lead_time_ms: number }} Content
 */

/** @type {Page | null} */
let page = null;
let text = '';             // of the note on screen, to complete what is typed
/** @type {Aid} */
let aid = { values: {}, separators: {}, guidelines: {}, confirm: 'asked' };
/** @type {Set<string>} */
const touched = new Set(); // fields that were typed into
/** @type {Set<string>} */
const settled = new Set(); // fields that the reviewer confirmed or changed

// What the server said about the note on screen; whoever asks knows that there is one.
export const record = () => /** @type {Page} */ (page);
export const hasNote = () => page !== null && page.note !== null;
export const helpOf = () => aid;

/** @param {string} key @returns {HTMLTextAreaElement | HTMLInputElement | null} */
export const box = (key) => byId(`field-${key}`)?.querySelector('textarea, input') ?? null;
/** @returns {HTMLTextAreaElement | null} */
export const comment = () => byId('comment')?.querySelector('textarea, input') ?? null;
export const keys = () => (page?.fields ? Object.keys(page.fields) : []);
/** @param {string} key */
export const valueIn = (key) => box(key)?.value.trim() || null;
/** @returns {Values} */
export const values = () => Object.fromEntries(keys().map((key) => [key, valueIn(key)]));
/** @returns {string | null} */
export const focusedField = () => document.activeElement?.closest('[id^="field-"]')?.id.slice(6) ?? null;

/** @param {HTMLTextAreaElement | HTMLInputElement | null} element @param {string} value */
function set(element, value) {
  if (!element || element.value === value) return;
  element.value = value;
  element.dispatchEvent(new Event('input', { bubbles: true }));  // or Gradio goes on with the old value
}

// ---------------------------------------------------------------- a note arrives

/** @param {Page} shown @param {string} plain the note's text */
export function begin(shown, plain) {
  const isSame = page !== null && page.note === shown.note;
  page = shown;
  text = plain;
  if (page.note === null) return;
  if (!isSame) touched.clear();
  settled.clear();
  for (const key of page.settled) settled.add(key);
  for (const key of keys()) set(box(key), page.fields[key].value ?? '');
  set(comment(), page.comment);
}

/**
 * Puts back what was typed before.
 * @param {import('../saving/typed.js').Typed} typed
 */
export function putBack(typed) {
  for (const key of keys()) {
    if (!(key in typed.values)) continue;
    const value = typed.values[key] ?? null;
    if (value !== (record().fields[key].value ?? null)) touched.add(key);
    set(box(key), value ?? '');
  }
  for (const key of typed.settled ?? []) settled.add(key);
  set(comment(), typed.comment ?? '');
}

// What the model says, into every field that is empty and was not typed into.
export function fill() {
  for (const key of keys()) {
    const { withheld, suggested } = record().fields[key];
    if (!touched.has(key) && !valueIn(key)) set(box(key), withheld ? '' : suggested ?? '');
  }
}

export const forgetTouched = () => touched.clear();

/** @param {Aid} said */
export function useHelp(said) {
  aid = said;
  keys().forEach(paint);
}

// ---------------------------------------------------------------- fields

/** @param {string} key */
export function paint(key) {
  const field = page?.fields?.[key];
  if (field) paintField(key, box(key), field, stateOf(key));
}

/** @param {string} key @returns {FieldState} */
const stateOf = (key) => ({
  value: valueIn(key),
  suggested: record().suggestion !== null,
  settled: settled.has(key),
  typed: touched.has(key),
  used: aid.values[key],
  note: text,
  separator: aid.separators[key],
  all: aid.confirm === 'all',
  isTyping: touched.has(key) && focusedField() === key,
});

export const keysAsking = () => (aid.confirm === 'none' ? [] : keys().filter((key) => asks(record().fields[key], stateOf(key))));
/** @param {string} key */
export const groupOf = (key) => groupAsking(record(), keysAsking(), key, aid.confirm === 'all');

// To the next field that asks to be looked at, from the one in focus round to it; false where none does.
export function toAsking() {
  const order = keys(), from = order.indexOf(focusedField() ?? '') + 1;
  const key = [...order.slice(from), ...order.slice(0, from)].find((one) => keysAsking().includes(one));
  if (!key) return false;
  box(key)?.focus();
  box(key)?.select();
  return true;
}

/** @param {string | null} key the field that was typed into; none for the comment */
export function noteTyping(key) {
  if (!hasNote()) return;
  if (key) { touched.add(key); settled.add(key); paint(key); }
  announce('typed', null);
}

/** @param {string} key */
export function confirm(key) { settled.add(key); noteTyping(null); paint(key); }

/**
 * Puts a value into a field as if it were typed, so that it can be undone as typing can.
 * @param {string} key
 * @param {string | null} value
 */
export function put(key, value) {
  typeInto(box(key), value ?? '');
  noteTyping(key);
  touched.delete(key);      // a choice needs no completion
  paint(key);
}

// ---------------------------------------------------------------- what is sent

/** @returns {Content} */
export function content() {
  const { revision, draft, opinion, suggestion } = record(), note = /** @type {number} */ (record().note);
  const typed = { values: values(), settled: keys().filter((key) => settled.has(key)), comment: comment()?.value ?? '' };
  return { note, revision, draft, opinion, suggestion, ...typed, lead_time_ms: leadTime() };
}

// What was changed against the suggestion, for the offer to change it elsewhere.
export function changes() {
  if (record().suggestion === null) return [];
  const isChanged = (/** @type {string} */ key) => {
    const { suggested, withheld } = record().fields[key], value = valueIn(key);
    return suggested !== null && value !== suggested && !(withheld && value === null);
  };
  return keys().filter(isChanged).map((key) => ({ field: key, old_value: record().fields[key].suggested, new_value: valueIn(key) }));
}
