// Which notes come next on the review screen: all that wait, or those of a walk. The walk stands in the page's address, so
// that a reload, a link and the way back keep it; the server checks it with every request.
import { get } from '../browser/api.js';
import { read, write } from '../browser/storage.js';
import { outbox } from './saving/on_their_way.js';
import { Ahead, addressOf, SearchWords, walkIn } from './walk.js';

/** @typedef {import('./form/form.js').Page} Page */

const WORDS = 'search-words';
const words = new SearchWords(read(WORDS) ?? [], (all) => write(WORDS, all));
let walk = walkIn(new URL(location.href), words);   // as the query of an address; empty for all notes
export const ahead = new Ahead();

export function readAddress() { walk = walkIn(new URL(location.href), words); }

/** @param {string} other */
export function chooseWalk(other) {
  if (other !== walk) ahead.forget();
  walk = other;
}

/** @param {string} path @param {Record<string, unknown>} parts @param {number[]} skip */
function ask(path, parts, skip) {
  const query = new URLSearchParams(walk);
  for (const [part, value] of Object.entries(parts)) if (value !== null && value !== undefined) query.set(part, String(value));
  for (const note of skip) query.append('skip', String(note));
  return get(`${path}?${query}`);
}

/** @param {number | null} note */
const undecided = (note) => [...new Set(outbox.notes())].filter((other) => other !== note);

/**
 * A note, or for none the next one behind `after`.
 * @param {number | string | null} note
 * @param {number} [after]
 * @returns {Promise<Page>}
 */
export const askFor = (note, after) => ask('/review', { note, after }, note === null ? undecided(null) : []);

/**
 * Loads the next two notes, anew with each note: what is loaded ahead is never older than one note's work.
 * @param {number} note
 * @param {() => boolean} isOnScreen
 */
export async function loadAhead(note, isOnScreen) {
  try {
    const { notes } = await ask('/review/ahead', { after: note }, undecided(note));
    if (isOnScreen()) ahead.load(notes, performance.now());
  } catch { /* the next note is then asked for when it is needed */ }
}

/** @param {number | null} note */
export const takeNext = (note) => ahead.take(note, outbox.notes());

/** @param {number | string | null} note what is on screen; none for the end of the walk */
export function showInAddress(note) {
  const next = addressOf(new URL(location.href), note, walk, words);
  if (next) history[next.isFirst ? 'replaceState' : 'pushState']({}, '', next.url);
}
