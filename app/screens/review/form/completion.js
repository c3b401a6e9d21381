// Other values for a field, beside the model's own: words of the note that go on from what is typed, values used before,
// and the list without one of its items. What is typed is completed at its end and never changed before that.
/** @typedef {[value: string, n: number]} Counted a value, and how often it was used */

/**
 * @typedef {object} Choice
 * @property {string | null} other the value that is put in
 * @property {string} why
 * @property {string} [label] where the whole value would be hard to read
 * @property {string} [tag] a word on the button
 * @property {number} [n] how often it was used
 */

const MAX_CHOICES = 5;
const MAX_COMPLETED = 160;  // characters that a completion may take from the note
const MIN_TYPED = 2, MIN_WHOLE_WORD = 4;
const JOINT = /\s*(?:[;,+/]|\b(?:and|plus|with|then)\b)\s*/;
const PHRASE = /^[^.;:,()\n]*(?:[.,](?=\d)[^.;:,()\n]*)*/;
const WORD = /^[\p{L}\p{N}/+-]*(?:\.\d+)?/u, NEXT = /^\s+[^\s.;:,()]+/;

/** @param {string} text */
const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// What one value says, whatever the order, the joints and the letters: "FOLFOX and bevacizumab" is "bevacizumab; FOLFOX".
/** @param {string} value */
const essence = (value) => value.toLowerCase().split(JOINT).map((part) => part.replace(/\s+/g, ' ').trim()).filter(Boolean).sort().join('|');

/**
 * Values used before that fit what is being typed: the same thing said otherwise first, then those that begin with it,
 * then those that hold it; among equals the commonest.
 * @param {Counted[]} used
 * @param {string} value
 * @returns {Choice[]}
 */
function completeValue(used, value) {
  const typed = value.toLowerCase(), same = essence(value);
  const rank = (/** @type {string} */ other) => {
    if (essence(other) === same) return 0;
    if (other.toLowerCase().startsWith(typed)) return 1;
    return typed.length > 2 && other.toLowerCase().includes(typed) ? 2 : 3;
  };
  const fitting = used.map(([other, n]) => ({ place: rank(other), other, n })).filter(({ place }) => place < 3);
  return fitting.sort((a, b) => a.place - b.place).slice(0, 3).map(({ other, n }) => ({ other, why: `used ${n} times`, n }));
}

/**
 * In a list the last item is completed from items used before; what stands before it stays.
 * @param {Counted[]} used
 * @param {string} value
 * @param {string} [separator]
 * @returns {Choice[]}
 */
function completeItem(used, value, separator) {
  const mark = separator?.trim();
  if (!mark) return [];
  const cut = value.includes(mark) ? value.lastIndexOf(mark) + mark.length : 0;
  const typed = cut ? value.slice(cut).trim().toLowerCase() : '';
  if (typed.length < MIN_TYPED) return [];
  /** @type {Map<string, number>} */
  const counted = new Map();
  for (const [other, n] of used) {
    const items = other.split(mark).map((one) => one.trim()).filter((item) => item.toLowerCase().startsWith(typed));
    for (const item of items) counted.set(item, (counted.get(item) ?? 0) + n);
  }
  const before = value.slice(0, cut), commonest = [...counted].sort(([, a], [, b]) => b - a).slice(0, 2);
  return commonest.map(([item, n]) => ({ other: `${before} ${item}`, label: `… ${item}`, why: `used ${n} times`, n }));
}

/**
 * Words of the note that go on from the end of what is typed: to the end of the word, of the phrase, of the next word.
 * As much of what is typed as the note has in one piece says where to go on from.
 * @param {string} note
 * @param {string} value
 * @returns {Choice[]}
 */
function completeFromNote(note, value) {
  for (const { index: start } of value.matchAll(/(?<![\p{L}\p{N}])[\p{L}\p{N}]/gu)) {
    const tail = value.slice(start);
    if (tail.length < MIN_TYPED) break;
    /** @type {Set<string>} */
    const ends = new Set();
    for (const { index } of note.matchAll(new RegExp(`(?<![\\p{L}\\p{N}])${literal(tail)}`, 'giu'))) {
      for (const end of findEnds(note.slice(index, index + tail.length + MAX_COMPLETED), tail)) ends.add(end);
    }
    if (ends.size) {
      const word = tail.search(/\S+$/);  // where the word begins that is being typed
      const label = (/** @type {string} */ end) => (start + word ? `… ${end.slice(word)}` : end);
      return [...ends].slice(0, 4).map((end) => ({ other: value.slice(0, start) + end, label: label(end), why: 'in the note' }));
    }
  }
  return [];
}

/** @param {string} rest the note from where it says what is typed @param {string} tail the end of what is typed */
function findEnds(rest, tail) {
  const more = rest.slice(tail.length), word = WORD.exec(more)?.[0] ?? '', next = NEXT.exec(more.slice(word.length))?.[0] ?? '';
  // A short word on its own stands anywhere in a note, so what follows it there says nothing.
  if (!word && !/\s/.test(tail) && tail.length < MIN_WHOLE_WORD) return [];
  const phrase = (PHRASE.exec(rest)?.[0] ?? '').trimEnd();
  const ends = [tail.length + word.length, phrase.length < MAX_COMPLETED ? phrase.length : 0, tail.length + word.length + next.length];
  return ends.filter((end) => end > tail.length).map((end) => rest.slice(0, end));
}

/**
 * A list without each of its items: what the model took in too much is taken out with one key. Not where it is sure:
 * a row of choices that nobody needs is in the way.
 * @param {string | null} value
 * @param {string} [separator]
 * @returns {Choice[]}
 */
function leaveOutItems(value, separator) {
  if (!separator || !value) return [];
  const joint = [separator, ', '].find((one) => value.includes(one.trim()));
  if (!joint) return [];
  const items = value.split(joint.trim()).map((item) => item.trim());
  const others = (/** @type {number} */ place) => items.filter((_, other) => other !== place).join(joint);
  return items.map((item, place) => ({ other: others(place), label: `− ${item}`, why: `without ${item}` }));
}

/**
 * At most five, the likeliest first.
 * @param {Pick<import('./field_state.js').Field, 'alternatives' | 'suggested' | 'offered' | 'before'>} field
 * @param {object} state
 * @param {string | null} state.value
 * @param {Counted[]} [state.used] values used before
 * @param {boolean} state.typed whether the field was typed into
 * @param {string} state.note the note's text
 * @param {string} [state.separator] of a field that holds a list
 * @param {boolean} [state.isSure] whether the model is
 * @param {string[] | null} [state.whyWithheld] why the model's value is not in the form, and the same for its chip
 */
export function choices(field, { value, used = [], typed, note, separator, isSure, whyWithheld = null }) {
  /** @type {Choice[]} */
  const others = field.alternatives.filter((other) => other !== null || value !== null).map((other) => ({ other, why: other ?? 'no value' }));
  if (whyWithheld) others.unshift({ other: field.suggested, why: `the model’s value, ${whyWithheld[0]}`, tag: whyWithheld[1] });
  if (field.before && (field.before.value !== null || value !== null)) {
    others.unshift({ other: field.before.value, why: `decided about the version before${field.before.by ? ` by ${field.before.by}` : ''}`, tag: 'before' });
  }
  if (field.offered) others.unshift({ other: field.offered.value, why: `offered by ${field.offered.by}` });
  const words = typed && value ? completeFromNote(note, value) : [];
  const before = typed && value ? completeValue(used, value) : [];
  const shown = typed && value
    ? [...before.slice(0, 2), ...words.slice(0, 3), ...completeItem(used, value, separator), ...before.slice(2), ...others]
    : [...others, ...(isSure ? [] : leaveOutItems(value, separator))];
  return shown.filter(({ other }, place) => other !== value && shown.findIndex((one) => one.other === other) === place).slice(0, MAX_CHOICES);
}

/**
 * Whether the last word of a value is the beginning of a longer one of the note: it is still being typed.
 * @param {string} note
 * @param {string | null} value
 */
export function isBeginning(note, value) {
  const word = /[\p{L}\p{N}]+$/u.exec(value ?? '')?.[0];
  return word !== undefined && new RegExp(`(?<![\\p{L}\\p{N}])${literal(word)}[\\p{L}\\p{N}]`, 'iu').test(note);
}
