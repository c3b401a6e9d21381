// Decisions on their way to the desk. Each is kept until the desk has acknowledged it, and sent again with the same token,
// which makes sending it twice harmless: neither a lost connection nor a reload loses one.

/** @typedef {import('../../browser/api.js').Answer} Answer */
/** @typedef {import('../form/form.js').Content} Content */

/**
 * @typedef {object} Entry
 * @property {Content & { status: string, token: string }} content
 * @property {string} name of the note, for a person
 * @property {{ field: string, old_value: string | null, new_value: string | null }[]} changes against the suggestion
 */

/**
 * Who hears what became of a decision.
 * @typedef {object} Handlers
 * @property {(entry: Entry, answer: Answer) => void} saved
 * @property {(entry: Entry, answer: Answer) => void} refused
 * @property {(n: number, answer: Answer) => void} waiting the desk does not answer, and this many wait
 */

const RETRY_MS = 2000;     // between attempts while the desk is away
const REFUSALS = [403, 409, 422];

export class Outbox {
  /** @type {Entry[]} */
  #entries;
  /** @type {Promise<void> | null} */
  #running = null;
  #retry = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  /** @type {Handlers} */
  #handlers = { saved() {}, refused() {}, waiting() {} };
  #send;
  #keep;

  /**
   * @param {object} ways
   * @param {(content: Entry['content']) => Promise<Answer>} ways.send
   * @param {() => Entry[] | null} ways.read what was kept before
   * @param {(entries: Entry[]) => void} ways.keep
   */
  constructor({ send, read, keep }) {
    this.#send = send;
    this.#keep = keep;
    this.#entries = read() ?? [];
  }

  size() { return this.#entries.length; }
  notes() { return this.#entries.map(({ content }) => content.note); }
  /** @param {Handlers} handlers */
  tell(handlers) { this.#handlers = handlers; }

  /**
   * Keeps a decision at once, and sends it after what it is to follow.
   * @param {Entry} entry
   * @param {Promise<unknown> | null} before
   */
  push(entry, before = null) {
    this.#entries.push(entry);
    this.#keep(this.#entries);
    return Promise.resolve(before).then(() => this.flush());
  }

  // In order, one after the other; ends when all are acknowledged or the desk does not answer.
  flush() {
    clearTimeout(this.#retry);
    this.#running ??= this.#sendAll().finally(() => { this.#running = null; });
    return this.#running;
  }

  async #sendAll() {
    while (this.#entries.length) {
      const entry = this.#entries[0], answer = await this.#send(entry.content);
      const isSaved = answer.status === 200;
      if (!isSaved && !REFUSALS.includes(answer.status)) {
        this.#handlers.waiting(this.#entries.length, answer);
        this.#retry = setTimeout(() => this.flush(), RETRY_MS);
        return;
      }
      this.#entries.shift();
      this.#keep(this.#entries);
      if (isSaved) this.#handlers.saved(entry, answer); else this.#handlers.refused(entry, answer);
    }
  }

  /**
   * A decision that has not been sent is simply not sent.
   * @param {number} note
   * @returns {Entry | null} none where it is on its way or gone
   */
  take(note) {
    const place = this.#entries.findIndex((entry, position) => entry.content.note === note && (position > 0 || !this.#running));
    if (place < 0) return null;
    const [entry] = this.#entries.splice(place, 1);
    this.#keep(this.#entries);
    return entry;
  }
}
