// What two versions of a note merge to, as seen from the form. Nothing here knows the page.

/** @typedef {Record<string, string | null>} Values */

/**
 * What the server found: the values that both began with, and the fields that only the other version touched (`taken`),
 * that only this reviewer did (`kept`) and that both did. None where another window of the same person has a newer draft.
 * @typedef {{ base: Values, taken: string[], kept: string[], both: string[] } | null} Merge
 */

/**
 * The fields in which the two versions differ; those that are taken from the other one, and those to choose for. What was
 * typed since it was sent is touched too.
 * @param {string[]} keys
 * @param {Values} mine
 * @param {Values} theirs
 * @param {Merge} merge
 */
export function compareVersions(keys, mine, theirs, merge) {
  const differing = keys.filter((key) => mine[key] !== (theirs[key] ?? null));
  if (!merge) return { differing, taken: [], both: [] };
  const taken = differing.filter((key) => merge.taken.includes(key) && mine[key] === (merge.base[key] ?? null));
  return { differing, taken, both: differing.filter((key) => !taken.includes(key) && !merge.kept.includes(key)) };
}
