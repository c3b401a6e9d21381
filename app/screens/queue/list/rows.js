// The rows of the list: ticks, and moving from one to the next by keyboard.
import { find } from '../../browser/dom.js';
import { askFor } from './asking.js';
import { sayDone } from './lines.js';
import { list, listState, ticked } from './state.js';

const MAX_TICKED = 1000;
const TOO_MANY = `At most ${MAX_TICKED.toLocaleString('en')} notes can be ticked. Narrow the filter and do it to all that it shows.`;

/** @returns {HTMLTableRowElement[]} */
export const rows = () => Array.from(document.querySelectorAll('#queue-table tr[data-note]'));
/** @param {HTMLElement} row */
export const noteOf = (row) => Number(row.dataset.note);
/** @returns {HTMLTableRowElement | null} */
export const currentRow = () => find(`#queue-table tr[data-note="${list.current}"]`);

// ---------------------------------------------------------------- ticks

/** @param {HTMLElement} row @returns {import('./state.js').Kind} */
function kindOf(row) {
  const { state, origin, labelled } = row.dataset;
  if (state === 'todo') return origin === 'incoming' || (origin === 'sample' && labelled === '0') ? 'untouched' : '';
  return state === 'draft' ? '' : 'decided';
}

/** @param {HTMLElement} row @param {boolean} isOn */
export function tick(row, isOn) {
  if (!isOn) ticked.delete(noteOf(row));
  else if (ticked.size < MAX_TICKED) ticked.set(noteOf(row), kindOf(row));
  else sayDone(TOO_MANY, { state: 'failed' });
}

export function paintTicks() {
  const all = rows(), whole = find('#tick-all');
  for (const row of all) {
    const isTicked = ticked.has(noteOf(row));
    find('.tick input', row).checked = isTicked;
    row.classList.toggle('ticked', isTicked);
  }
  if (!whole) return;
  const n = all.filter((row) => row.classList.contains('ticked')).length;
  whole.checked = n > 0 && n === all.length;
  whole.indeterminate = n > 0 && n < all.length;
}

// ---------------------------------------------------------------- moving

// One row can be reached with Tab, the others from it with the arrows.
export function placeTab() {
  const all = rows();
  if (!all.length) return;
  if (list.goTo !== null && list.expected === null) {
    const row = all.at(list.goTo);
    list.goTo = null;
    if (row) focusRow(row);
  }
  const here = currentRow() ?? all[0];
  for (const row of all) { const index = row === here ? 0 : -1; if (row.tabIndex !== index) row.tabIndex = index; }
}

/** @param {HTMLElement | null | undefined} row */
export function focusRow(row) {
  if (!row) return;
  list.current = noteOf(row);
  for (const other of rows()) other.tabIndex = other === row ? 0 : -1;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: 'nearest' });
}

/** @param {1 | -1} step */
export function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(/** @type {any} */ (document.activeElement?.closest('tr[data-note]')));
  const next = at < 0 ? Math.max(0, all.findIndex((row) => noteOf(row) === list.current)) : at + step;
  if (next >= 0 && next < all.length) focusRow(all[next]);
  else if (next < 0 ? list.page > 0 : list.page + 1 < listState().n_pages) turnPage(step);
}

/** @param {1 | -1} step */
function turnPage(step) {
  list.goTo = step > 0 ? 0 : -1;
  askFor(listState().filters, list.page + step);
}
