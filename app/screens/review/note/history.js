// The history of the note on screen, in a dialog: what was suggested, who decided what and when, and what that changed.
import { explain, get } from '../../browser/api.js';
import { button, byId, closest, find, make, openDialog } from '../../browser/dom.js';
import { localTime } from '../../browser/words.js';
import { noteOnScreen } from './note.js';

/** @typedef {{ field: string, old: string | null, new: string | null }} Change */
/** @typedef {{ at: string, who: string, what: string, comment: string | null, changes: Change[] }} Step */

/** @param {Step} step */
function line({ at, who, what, comment, changes }) {
  const entry = make('li', {}, make('p', {}, make('time', {}, localTime(at)), ' ', make('b', {}, who), ` ${what}`));
  if (comment) entry.append(make('p', { className: 'quiet' }, `“${comment}”`));
  if (changes.length) entry.append(make('ul', {}, ...changes.map((change) => changeLine(change, what === 'suggested'))));
  else if (what.startsWith('saved')) entry.append(make('p', { className: 'quiet' }, 'nothing changed'));
  return entry;
}

/** @param {Change} change @param {boolean} isSuggested */
function changeLine({ field, old, new: now }, isSuggested) {
  if (isSuggested) return make('li', {}, `${field}: `, now ?? 'none');
  return make('li', {}, `${field}: `, make('del', {}, old ?? 'none'), ' → ', make('ins', {}, now ?? 'none'));
}

// Shows the history, or closes it.
export async function showHistory() {
  const open = byId('history');
  if (open?.open) { open.close(); return; }
  const note = noteOnScreen();
  if (!note) return;
  const name = find('#note-head h2')?.textContent ?? 'the note';
  let body;
  try {
    const { steps } = await get(`/review/history?note=${note}`);
    body = make('ol', {}, ...steps.map(line));
  } catch (error) { body = make('p', {}, `The history cannot be shown: ${explain(error)}. Try again in a moment.`); }
  const close = button('Close', () => dialog.close());
  const dialog = openDialog('history', `History of ${name}`, body, close);
  close.focus();
}

document.addEventListener('click', (event) => { if (closest(event, '#history-open')) showHistory(); });
