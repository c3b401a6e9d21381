// What the desk says about a field: the model's word until a person has one, and whether somebody has to look at it.

/**
 * What the server says about a field.
 * @typedef {object} Field
 * @property {string} title
 * @property {string} hotkey
 * @property {string | null} value that the form starts with
 * @property {string | null} suggested
 * @property {{ value: string | null, by: string } | null} offered
 * @property {number | null} confidence 0 to 1
 * @property {'unsure' | 'not_found' | 'inferred' | null} withheld why the suggested value is not put in
 * @property {boolean} raw whether the confidence is not calibrated
 * @property {string} word what stands beside the field before a person says something
 * @property {Record<string, Grounding>} grounding of values
 * @property {(string | null)[]} alternatives
 * @property {{ value: string | null, by: string } | null} [before] what was decided about the version before
 */

/**
 * How a value rests on the note: the parts that were not found, and those of them that are denied there.
 * @typedef {{ kind: string, missing: string[], denied: string[], rule: string | null }} Grounding
 */

/**
 * A field as it stands in the form.
 * @typedef {object} FieldState
 * @property {string | null} value
 * @property {boolean} suggested whether the note has a suggestion
 * @property {boolean} settled whether the reviewer confirmed or changed it
 * @property {boolean} typed whether it was typed into
 * @property {import('./completion.js').Counted[]} used values used before
 * @property {string} note the note's text
 * @property {string} separator
 * @property {boolean} all whether every field has to be confirmed
 * @property {boolean} isTyping
 */

// Of a suggested value that is not put into the field: why, and the same on its chip.
const WITHHELD = {
  unsure: ['too unsure to put in', 'unsure'],
  not_found: ['not found in the note', 'not found'],
  denied: ['only denied in the note', 'denied'],
  inferred: ['only inferred from the note', 'inferred'],
};

/**
 * How a value rests on the note: a part that is only denied there counts as not found, and says so.
 * @param {Field} field
 * @param {string | null} value
 */
export function restOf(field, value) {
  const found = value !== null && Object.hasOwn(field.grounding, value) ? field.grounding[value] : null;
  const isDenied = found !== null && found.missing.length > 0 && found.missing.length === found.denied.length;
  return { kind: found?.kind ?? 'none', missing: found?.missing ?? [], isDenied, rule: found?.rule ?? null };
}

/** @param {Field} field that has a suggestion which is withheld */
export function whyWithheld(field) {
  const isDenied = field.withheld === 'not_found' && restOf(field, field.suggested).isDenied;
  return WITHHELD[isDenied ? 'denied' : field.withheld ?? 'unsure'];
}

/**
 * The state of a field in one word: what the model thinks of its own value until a person says otherwise.
 * @param {Field} field
 * @param {Pick<FieldState, 'value' | 'suggested' | 'settled'>} state
 */
export function wordOf(field, { value, suggested, settled }) {
  // Where reviewers were asked, what they said counts rather than what the model did.
  if (['agree', 'differ'].includes(field.word)) {
    if (!settled || value === field.value) return settled ? 'confirmed' : field.word;
    return value === null ? 'cleared' : 'edited';
  }
  if (!suggested) return settled ? 'edited' : 'none';
  if (field.withheld && value === null && !field.offered) return settled ? 'empty' : 'withheld';
  if (value === field.suggested) return settled ? 'confirmed' : field.word;
  if (!settled && field.offered && value === field.offered.value) return 'offered';
  return value === null ? 'cleared' : 'edited';
}

/** @param {Field} field @param {Pick<FieldState, 'value' | 'suggested' | 'settled' | 'all'>} state */
export const asks = (field, state) => !state.settled && (state.all || ['look', 'offered', 'differ'].includes(wordOf(field, state)));

/**
 * The fields that one press confirms together: all that ask, but each by itself where people differ or every field has
 * to be confirmed.
 * @param {{ adjudication: unknown }} record
 * @param {string[]} asking
 * @param {string} key
 * @param {boolean} isEachAlone
 */
export function groupAsking(record, asking, key, isEachAlone) {
  return record.adjudication || isEachAlone ? [key] : asking;
}

/**
 * What is said of the fields that ask.
 * @param {{ caution: string, fields: Record<string, { title: string }> }} record
 * @param {string[]} left all that ask
 * @param {string[]} now those of them that the next press confirms
 */
export function whyAsked(record, left, now) {
  const { title } = record.fields[now[0]], n = now.length;
  const one = (/** @type {string} */ key) => record.fields[key].title;
  if (record.caution) return `${record.caution} The same key confirms ${n > 1 ? `the ${n} fields that ask` : title} as ${n > 1 ? 'they stand' : 'it stands'}.`;
  if (n > 1) return `${now.slice(0, -1).map(one).join(', ')} and ${one(now[n - 1])} ask to be looked at first: the same key confirms them together.`;
  return `${left.length > 1 ? `${left.length} fields ask` : `${title} asks`} to be looked at first: the same key confirms ${left.length > 1 ? 'each' : 'it'}.`;
}
