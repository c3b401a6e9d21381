// The sheet that says what each key does, and gives an action another key.
import { explain, post } from '../browser/api.js';
import { button, byId, make, openDialog } from '../browser/dom.js';
import { ACTIONS, combinationOf, hotFields, inWords, keyOf, ownKeys, useKeys } from './keys.js';
import { openTour } from './tour.js';

const FIXED = [
  ['Alt+↓', 'In a field: go to its other values; ← → choose, Enter takes, Esc goes back'],
  ['Ctrl+Z', 'In a field: undo what was typed or put there'],
  ['Tab', 'Through fields and buttons'],
];
// Keys that browsers keep for themselves, whatever a page says.
const RESERVED = new Set([
  'Ctrl+N', 'Ctrl+T', 'Ctrl+W', 'Ctrl+R', 'Ctrl+Tab', 'Ctrl+Z', 'Ctrl+Y', 'Ctrl+A', 'Ctrl+C', 'Ctrl+V', 'Ctrl+X',
  'Alt+F4', 'Alt+ArrowLeft', 'Alt+ArrowRight', 'Alt+ArrowDown',
]);

// Shows the sheet, or closes it.
export function showSheet() {
  const open = byId('key-sheet');
  if (open?.open) { open.close(); return; }
  const lines = [...hotkeyLines(), ...ACTIONS.map(actionLine), ...FIXED.map(([combination, says]) => line(combination, says))];
  const table = make('table', { className: 'list' }, make('tbody', {}, ...lines));
  const said = make('p', { id: 'key-sheet-said', className: 'quiet' });
  said.setAttribute('role', 'status');
  const close = button('Close', () => dialog.close());
  const tour = button('Show the tour', () => { dialog.close(); openTour(document.activeElement); });
  const reset = button('Reset all keys', () => keep({}, 'All keys are reset.'));
  const dialog = openDialog('key-sheet', 'Keys', table, said, make('p', {}, close, tour, reset));
  close.focus();
}

/** @param {string} combination @param {string} says @param {...HTMLElement} change */
const line = (combination, says, ...change) =>
  make('tr', {}, make('td', {}, make('kbd', {}, inWords(combination))), make('td', {}, says), make('td', {}, ...change));

function hotkeyLines() {
  const hotkeys = hotFields().map(({ hotkey }) => hotkey);
  if (!hotkeys.length) return [];
  return [
    line(`Alt+${hotkeys[0]} … ${hotkeys.at(-1)}`, 'Go to a field; with text selected in the note, put it there'),
    line(`Alt+Shift+${hotkeys[0]} …`, 'Add the selected text to what the field holds'),
  ];
}

/** @param {[action: string, combination: string, says: string]} of */
function actionLine([action, , says]) {
  const change = button('change', () => takeNext(action, change), { ariaLabel: `Change the key of: ${says}` });
  return line(keyOf(action), says, change);
}

/**
 * Takes the next key that is pressed for an action.
 * @param {string} action
 * @param {HTMLButtonElement} change the button that was pressed for it
 */
function takeNext(action, change) {
  change.textContent = 'press a key';
  /** @param {KeyboardEvent} event */
  function take(event) {
    const combination = combinationOf(event);
    if (!combination) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    change.textContent = 'change';
    document.removeEventListener('keydown', take, true);
    if (combination === 'Escape') return;
    const objection = whyNot(action, combination);
    if (objection) byId('key-sheet-said').textContent = objection;
    else keep({ ...ownKeys(), [action]: combination }, `Set to ${inWords(combination)}.`);
  }
  document.addEventListener('keydown', take, true);
}

/** @param {string} action @param {string} combination why it cannot be the action's key; empty where it can */
function whyNot(action, combination) {
  const other = ACTIONS.find(([name]) => name !== action && keyOf(name) === combination)?.[2];
  const hotkeys = hotFields().map(({ hotkey }) => hotkey.toUpperCase());
  const isField = hotkeys.some((hotkey) => combination === `Alt+${hotkey}` || combination === `Alt+Shift+${hotkey}`);
  if (!/^(Ctrl|Alt)\+|^F\d+$/.test(combination)) return 'Choose a key with Ctrl or Alt: alone it would be typed.';
  if (RESERVED.has(combination)) return `${inWords(combination)} belongs to the browser. Choose another.`;
  if (other || isField) return `${inWords(combination)} is taken: ${other ?? 'it goes to a field'}. Choose another.`;
  return '';
}

/** @param {Record<string, string>} keys @param {string} sentence */
async function keep(keys, sentence) {
  const answer = await post('/keys', { keys });
  if (answer.status === 200) { useKeys(keys); byId('key-sheet')?.close(); showSheet(); }
  const said = byId('key-sheet-said');
  if (said) said.textContent = answer.status === 200 ? sentence : `Not kept: ${explain(answer)}.`;
}
