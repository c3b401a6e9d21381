// The keyboard: what each key does, and which action has another key.
//
// Keys are told by their place on the keyboard, so that Alt with a letter works where it would write a character. No key
// is a letter alone: a reviewer types all day, and speech input would set it off.
import { byId } from '../browser/dom.js';

/** @typedef {{ key: string, title: string, hotkey: string }} HotField a field on screen */
/** @typedef {{ action: string } | { field: string, add: boolean }} Meant */

// Action, its key, and what it does.
/** @type {[action: string, combination: string, says: string][]} */
export const ACTIONS = [
  ['save', 'Ctrl+Enter', 'Save and go to the next note; first to what asks to be looked at'],
  ['accept', 'Enter', 'In a field: confirm its value and go to the next that asks'],
  ['acceptAll', 'Alt+A', 'Confirm every field as it is'],
  ['asks', 'Alt+N', 'Go to the next field that asks to be looked at'],
  ['first', 'Alt+Q', 'Take the first other value of the field'],
  ['second', 'Alt+W', 'Take the second other value of the field'],
  ['clear', 'Alt+X', 'Empty the field: the note says nothing'],
  ['skip', 'Alt+S', 'Skip the note'],
  ['flag', 'Alt+F', 'Flag the note, with a comment'],
  ['comment', 'Alt+C', 'Go to the comment'],
  ['previous', 'Alt+P', 'Go back to the note before'],
  ['undo', 'Alt+U', 'Take the last save back'],
  ['offer', 'Alt+O', 'Offer the correction on the other notes that have the same value'],
  ['history', 'Alt+H', 'Show what happened to the note: suggestions, decisions, who and when'],
  ['help', 'Alt+K', 'Show or close this sheet; ? where nothing is typed'],
];

/** @type {Record<string, string>} */
let own = {};              // action to the key that the reviewer gave it
/** @type {() => HotField[]} */
let fieldsOnScreen = () => [];

export const ownKeys = () => own;
export const hotFields = () => fieldsOnScreen();
/** @param {string} action */
export const keyOf = (action) => own[action] ?? ACTIONS.find(([name]) => name === action)?.[1] ?? '';
/** @param {string} combination */
export const inWords = (combination) => combination.replaceAll('+', ' ').replace('Enter', '⏎');
/** @param {string} action */
export const keyShown = (action) => inWords(keyOf(action));

/** @param {KeyboardEvent} event the combination it stands for; empty for a key that only changes others */
export function combinationOf(event) {
  const name = /^(?:Key|Digit)(.)$/.exec(event.code)?.[1] ?? event.code.replace('NumpadEnter', 'Enter');
  if (/^(Alt|Control|Shift|Meta)/.test(name)) return '';
  return `${event.ctrlKey || event.metaKey ? 'Ctrl+' : ''}${event.altKey ? 'Alt+' : ''}${event.shiftKey ? 'Shift+' : ''}${name}`;
}

/**
 * The action or the field that a key press stands for.
 * @param {KeyboardEvent} event
 * @returns {Meant | null}
 */
export function meaningOf(event) {
  const combination = combinationOf(event);
  if (!combination) return null;
  const action = ACTIONS.map(([name]) => name).find((name) => keyOf(name) === combination);
  if (action) return { action };
  const isTyped = event.target instanceof Element && event.target.closest('input, textarea, [contenteditable]');
  if (event.key === '?' && !isTyped) return { action: 'help' };
  const hotkey = /^Alt\+(Shift\+)?(.)$/.exec(combination);
  const field = hotkey && fieldsOnScreen().find((one) => one.hotkey.toUpperCase() === hotkey[2]);
  return field ? { field: field.key, add: Boolean(hotkey[1]) } : null;
}

/** @param {Record<string, string> | null | undefined} given action to the key that the reviewer gave it */
export function useKeys(given, fields = fieldsOnScreen) {
  own = given ?? {};
  fieldsOnScreen = fields;
  labelKeys();
}

// The keys stand on the controls.
export function labelKeys() {
  const controls = { 'offer-make': 'offer', 'history-open': 'history', 'keys-open': 'help' };
  for (const id of ['save', 'skip', 'flag', 'previous', 'undo']) byId(id)?.setAttribute('data-key', keyShown(id));
  for (const [id, action] of Object.entries(controls)) byId(id)?.setAttribute('data-key', keyShown(action));
}
