// A walk: the notes of a filter in an order that was chosen in the queue, as they stand in the page's address. And the
// notes that were loaded ahead. Nothing here knows the page.

/** @typedef {import('./form/form.js').Page} Page */

const PARTS = ['text', 'state', 'origin', 'reviewer', 'adapter', 'is_unsure', 'is_not_found', 'is_corrected', 'is_disputed', 'order', 'seed'];

/** @param {URLSearchParams} parts */
const sorted = (parts) => JSON.stringify([...parts].sort());

/** @param {URL} url the address of the page @returns {string} the walk as a query; empty for all notes */
export function walkIn({ searchParams }) {
  return new URLSearchParams(PARTS.filter((part) => searchParams.has(part)).map((part) => [part, searchParams.get(part) ?? ''])).toString();
}

/**
 * The address of what is on screen, and whether it is the first of the page; null where it is the address already.
 * @param {URL} before
 * @param {number | string | null} note none for the end of the walk
 * @param {string} walk
 */
export function addressOf(before, note, walk) {
  const url = new URL(before), parts = url.searchParams;
  const isFirst = !parts.has('note') && !PARTS.some((part) => parts.has(part));
  for (const part of ['note', ...PARTS]) parts.delete(part);
  if (note !== null) parts.set('note', String(note));
  for (const [part, value] of new URLSearchParams(walk)) parts.set(part, value);
  return sorted(parts) === sorted(before.searchParams) ? null : { url, isFirst };
}

// The next notes, loaded while one is read.
export class Ahead {
  /** @type {Page[]} */
  #pages = [];
  #loadedAt = 0;

  get notes() { return this.#pages.map(({ note }) => note); }
  get isEmpty() { return this.#pages.length === 0; }

  /** @param {Page[]} pages @param {number} now */
  load(pages, now) { this.#pages = [...pages]; this.#loadedAt = now; }

  forget() { this.#pages = []; }

  /**
   * The next that is not decided already; null where none is loaded.
   * @param {number | null} note the one on screen
   * @param {number[]} decided
   */
  take(note, decided) {
    const isDone = (/** @type {Page} */ page) => page.note === note || decided.includes(/** @type {number} */ (page.note));
    while (this.#pages.length && isDone(this.#pages[0])) this.#pages.shift();
    return this.#pages.shift() ?? null;
  }

  /**
   * What somebody else may have been given meanwhile is not shown; what was loaded since it was asked for is not meant.
   * @param {number[]} notes those that are this reviewer's
   * @param {number} askedAt
   */
  keep(notes, askedAt) {
    if (askedAt > this.#loadedAt) this.#pages = this.#pages.filter(({ note }) => notes.includes(/** @type {number} */ (note)));
  }
}
