// A walk: the notes of a filter in an order that was chosen in the queue, as they stand in the page's address. And the
// notes that were loaded ahead. Nothing here knows the page.
//
// Browsers keep addresses and show them again, and the words of a search may be a patient's name: an address holds only a
// number for them, and this tab knows the words.

/** @typedef {import('./form/form.js').Page} Page */

const PARTS = ['text', 'state', 'origin', 'reviewer', 'adapter', 'is_unsure', 'is_not_found', 'is_corrected', 'is_disputed', 'meta_name', 'meta_test', 'meta_value', 'order', 'seed'];

// What stands in an address for a part that may name a patient.
/** @type {Record<string, string>} */
const NUMBERED = { text: 'words', meta_value: 'value' };

/** @param {URLSearchParams} parts */
const sorted = (parts) => JSON.stringify([...parts].sort());

// The words that were searched for in this tab.
export class SearchWords {
  /** @type {string[]} */
  #words;
  #keep;

  /** @param {string[]} words what was kept before @param {(words: string[]) => void} keep */
  constructor(words, keep) { this.#words = words; this.#keep = keep; }

  /** @param {string} text */
  numberOf(text) {
    if (!this.#words.includes(text)) { this.#words.push(text); this.#keep(this.#words); }
    return String(this.#words.indexOf(text));
  }

  /** @param {string | null} number @returns {string} nothing where this tab does not know it */
  wordsOf(number) { return number === null ? '' : this.#words[Number(number)] ?? ''; }
}

/**
 * @param {URL} url the address of the page
 * @param {SearchWords} words
 * @returns {string} the walk as a query; empty for all notes
 */
export function walkIn({ searchParams }, words) {
  /** @param {string} part */
  const partOf = (part) => searchParams.get(part) ?? (part in NUMBERED ? words.wordsOf(searchParams.get(NUMBERED[part])) : '');
  const isLost = searchParams.has(NUMBERED.meta_value) && !partOf('meta_value');   // a filter without its value is another
  const parts = PARTS.filter((part) => partOf(part) && !(isLost && part.startsWith('meta_')));
  return new URLSearchParams(parts.map((part) => [part, partOf(part)])).toString();
}

/**
 * The address of what is on screen, and whether it is the first of the page; null where it is the address already.
 * @param {URL} before
 * @param {number | string | null} note none for the end of the walk
 * @param {string} walk
 * @param {SearchWords} words
 */
export function addressOf(before, note, walk, words) {
  const url = new URL(before), parts = url.searchParams, own = ['note', ...Object.values(NUMBERED), ...PARTS];
  // An address with words is not left behind in the history either.
  const isFirst = !own.some((part) => parts.has(part)) || Object.keys(NUMBERED).some((part) => parts.has(part));
  for (const part of own) parts.delete(part);
  if (note !== null) parts.set('note', String(note));
  for (const [part, value] of new URLSearchParams(walk)) {
    if (part in NUMBERED) parts.set(NUMBERED[part], words.numberOf(value)); else parts.set(part, value);
  }
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
