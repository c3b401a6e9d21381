// What becomes of notes that are here already: they can be corrected, or replaced by newer versions.
import { make, table } from '../../browser/dom.js';
import { plural } from '../../browser/words.js';

/** @typedef {import('../uploads.js').Found} Found */
/** @typedef {import('../uploads.js').Chosen} Chosen */

const SAME_IDS = [
  ['', 'choose what they are'],
  ['supersede', 'new versions: they replace the older texts'],
  ['separate', 'other notes: both stay'],
  ['refuse', 'leave them out'],
];

/** @param {number} n notes with the id of another text @param {Chosen} chosen whether nobody has said what they are */
export const isUnsettled = (n, chosen) => n > 0 && !chosen.same_id;

/** @param {number} n @param {Chosen} chosen @param {(more: Chosen) => unknown} again */
export function sameIds(n, chosen, again) {
  if (!n) return [];
  const options = SAME_IDS.map(([value, words]) => new Option(words, value));
  const select = make('select', { name: 'same_id', ariaLabel: 'Notes with the id of another text' }, ...options);
  select.value = String(chosen.same_id ?? '');
  select.addEventListener('change', () => again({ same_id: select.value || null }));
  return [make('label', { className: 'choice' }, make('span', {}, `${plural(n)} with the id of another text:`), select)];
}

/** @param {boolean} isOffered @param {Chosen} chosen @param {(more: Chosen) => unknown} again */
export function updating(isOffered, chosen, again) {
  if (!isOffered && !chosen.update) return [];
  const box = make('input', { type: 'checkbox', name: 'update', checked: chosen.update === true });
  box.addEventListener('change', () => again({ update: box.checked }));
  const title = 'Notes with exactly the same text get the ids, labels and metadata that the file has; what it leaves out stays.';
  return [make('label', { className: 'chip', title }, box, make('span', {}, 'correct the notes that are already here'))];
}

/** @param {Found} found @param {Chosen} chosen @param {(more: Chosen) => unknown} again looks at the file once more, with this chosen as well */
export function corrections(found, chosen, again) {
  const parts = [...updating(found.n_known > 0, chosen, again), ...sameIds(found.n_namesakes, chosen, again)];
  const lines = found.updates.map(({ field, n, examples }) => [
    field, plural(n), examples.map(({ place, before, now }) => `${place}: ${before ?? 'none'} → ${now ?? 'none'}`).join('; '),
  ]);
  const changes = lines.length ? [make('h4', {}, `What would be corrected in ${plural(found.n_updated)}`), table(['Field', 'In', 'For example'], lines)] : [];
  return [...(parts.length ? [make('div', { className: 'filter-line' }, ...parts)] : []), ...changes];
}
