// Asks the server for another list. Gradio carries one line of JSON there, what is wanted, and brings the list.
import { byId } from '../../browser/dom.js';
import { whyNoAnswer } from '../../trouble.js';
import { chosenFilters } from './filters.js';
import { sayFound } from './lines.js';
import { keep, list, PLAIN, same, ticked } from './state.js';

/** @typedef {import('./state.js').Filters} Filters */

const TYPING_MS = 220;     // pause in typing after which the notes are searched
const PATIENCE_MS = 8000;

let typing = 0, patience = 0;

// What Gradio sends.
export function readWanted() {
  const { expected, told, order, seed, page } = list;
  return JSON.stringify({ filters: expected ?? told?.filters ?? PLAIN, order, seed, page });
}

/** @param {Filters} filters */
export function askFor(filters, page = 0) {
  clearTimeout(typing);
  list.expected = filters;
  list.page = page;
  keep({ wanted: { filters, order: list.order, seed: list.seed, page } });
  if (list.told && !same(filters, list.told.filters)) ticked.clear();
  byId('queue-table')?.setAttribute('aria-busy', 'true');
  byId('queue-refresh')?.click();
  clearTimeout(patience);
  patience = setTimeout(() => showFailure(true), PATIENCE_MS);
}

// The same list again, as it is now.
export const refresh = () => askFor(list.told?.filters ?? chosenFilters(), list.page);

export function askWhenTyped() {
  clearTimeout(typing);
  typing = setTimeout(() => askFor(chosenFilters()), TYPING_MS);
}

// Whatever was asked for is there, or never comes.
export function endWait() {
  clearTimeout(patience);
  byId('queue-table')?.removeAttribute('aria-busy');
}

export async function showFailure(isSilent = false) {
  endWait();
  sayFound(`This list is out of date and could not be refreshed: ${await whyNoAnswer(isSilent)}`, true);
}
