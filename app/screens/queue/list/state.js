// What the list on screen is, what was asked for, and which notes are ticked.
//
// What the list shows stands in it as JSON, written by the server. Whatever is done to "all" goes by that and not by what
// stands in the controls, which may be newer. Names and sentences are written with textContent.
import { find } from '../../browser/dom.js';
import { reviewer } from '../../browser/reviewer.js';
import { read, write } from '../../browser/storage.js';

/** @typedef {'skip' | 'flag' | 'reopen'} Action */
/** @typedef {'untouched' | 'decided' | ''} Kind what can be done to a note */
/** @typedef {Record<'text' | 'state' | 'origin' | 'reviewer' | 'adapter' | 'meta_name' | 'meta_test' | 'meta_value', string>} Chosen */
/** @typedef {Chosen & Record<'is_unsure' | 'is_not_found' | 'is_corrected' | 'is_disputed', boolean>} Filters */

/**
 * What the server says about a list; see `queue.py`.
 * @typedef {object} Told
 * @property {Filters} filters
 * @property {string} order
 * @property {number} seed
 * @property {number} page from 0
 * @property {number} n_pages
 * @property {number} n_notes
 * @property {number} n_waiting for this reviewer
 * @property {number} n_untouched
 * @property {number} n_decided
 * @property {string[]} reviewers
 * @property {string[]} adapters
 * @property {string[]} columns of the notes' metadata
 * @property {{ id: number, name: string, filters: Filters, order: string }[]} saved
 */

/** @type {Filters} */
export const PLAIN = {
  text: '', state: '', origin: 'incoming', reviewer: '', adapter: '',
  is_unsure: false, is_not_found: false, is_corrected: false, is_disputed: false,
  meta_name: '', meta_test: 'is', meta_value: '',
};
export const PLAIN_ORDER = 'imported';

export const list = {
  told: /** @type {Told | null} */ (null),          // what the server said about the list on screen
  raw: '',                                          // as it said it
  expected: /** @type {Filters | null} */ (null),   // the filter that was asked for and not answered
  page: 0, seed: 0, order: PLAIN_ORDER,
  current: /** @type {number | null} */ (null),     // the note of the row that has, or had, the focus
  goTo: /** @type {0 | -1 | null} */ (null),        // where the focus goes on the next page
  isWorking: false,                                 // many notes are being changed
};

/** @type {Map<number, Kind>} */
export const ticked = new Map();

// What the list is, for whoever acts on it when there is one.
export const listState = () => /** @type {Told} */ (list.told);

/** @param {unknown} one @param {unknown} other */
export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** @param {string} name */
export const control = (name) => find(`#queue-controls [data-queue-do="${name}"], #queue-foot [data-queue-do="${name}"]`);

// What was looked for, so that a reload comes back to it: Gradio loads the page anew when its server was away.
const KEPT = `caseloop:queue:${reviewer.name}`;
/** @typedef {{ filters: Filters, order: string, seed: number, page: number }} Wanted */
/** @returns {{ wanted?: Wanted, undo?: { bulk: string, said: string } | null, isHere?: boolean }} */
export const readKept = () => read(KEPT) ?? {};
/** @param {ReturnType<typeof readKept>} more */
export const keep = (more) => write(KEPT, { ...readKept(), ...more });
