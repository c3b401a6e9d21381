// What the reviewer changed, word by word.

/** @typedef {{ tag: 'span' | 'del' | 'ins', text: string }} Part kept, gone or new */

/**
 * The parts of both texts in order: the model's words that are gone, the new ones, and what they share. Null where they
 * have no word in common.
 * @param {string} before
 * @param {string} after
 * @returns {Part[] | null}
 */
export function difference(before, after) {
  const old = before.split(/(\s+)/), now = after.split(/(\s+)/), common = commonAhead(old, now);
  /** @type {Part[]} */
  const parts = [];
  const add = (/** @type {Part['tag']} */ tag, /** @type {string} */ text) => {
    const last = parts.at(-1);
    if (last?.tag === tag) last.text += text; else parts.push({ tag, text });
  };
  let a = 0, b = 0;
  while (a < old.length || b < now.length) {
    if (a < old.length && b < now.length && old[a] === now[b]) { add('span', old[a]); a += 1; b += 1; }
    else if (b >= now.length || (a < old.length && common[a + 1][b] >= common[a][b + 1])) { add('del', old[a]); a += 1; }
    else { add('ins', now[b]); b += 1; }
  }
  return parts.some(({ tag, text }) => tag === 'span' && text.trim()) ? parts.filter(({ text }) => text) : null;
}

/**
 * How many words two texts have in common from each pair of places on.
 * @param {string[]} old
 * @param {string[]} now
 */
function commonAhead(old, now) {
  const length = Array.from({ length: old.length + 1 }, () => new Array(now.length + 1).fill(0));
  for (let a = old.length - 1; a >= 0; a -= 1) {
    for (let b = now.length - 1; b >= 0; b -= 1) {
      length[a][b] = old[a] === now[b] ? length[a + 1][b + 1] + 1 : Math.max(length[a + 1][b], length[a][b + 1]);
    }
  }
  return length;
}
