// The same correction elsewhere: after a save, the corrected value is offered on the other notes whose suggestion says the
// same. An offer changes what their forms propose and decides nothing; it can be taken back.
import { explain, post } from '../../browser/api.js';
import { button, byId, make } from '../../browser/dom.js';
import { plural } from '../../browser/words.js';
import { labelKeys } from '../keys.js';
import { loadNextAnew } from '../note/note.js';

/** @typedef {import('./outbox.js').Entry} Entry */
/** @typedef {{ note: number, field: string, old_value: string | null, new_value: string | null }} Same */
/** @typedef {{ n: number, title: string, notes: { note: number, name: string, begins: string }[] }} Found */

/** @type {Entry | null} */
let of = null;             // the save that is offered elsewhere

/** @param {string | null} value */
const code = (value) => make('code', {}, value ?? 'no value');

export function hideOffer() {
  of = null;
  const bar = byId('elsewhere');
  if (bar) { bar.hidden = true; bar.replaceChildren(); }
}

/** @param {Entry} entry what was saved */
export async function offerElsewhere(entry) {
  of = entry;
  for (const change of entry.changes) {
    const same = { note: entry.content.note, ...change };
    const found = await post('/offers/look', same);
    if (of !== entry) return;
    if (found.status === 200 && found.n > 0) { ask(same, /** @type {any} */ (found)); return; }
  }
}

/** @param {...(Node | string)} parts */
function show(...parts) {
  const bar = byId('elsewhere');
  if (!bar) return;
  bar.replaceChildren(...parts);
  bar.hidden = false;
}

/** @param {Same} same @param {Found} found */
function ask(same, found) {
  const lines = found.notes.map(({ note, name, begins }) => {
    const open = button(name, () => {});
    open.dataset.note = String(note);
    return make('li', {}, open, ` ${begins}`);
  });
  if (found.n > lines.length) lines.push(make('li', {}, `and ${found.n - lines.length} more`));
  const which = make('details', {}, make('summary', {}, 'which'), make('ul', {}, ...lines));
  const offer = button('Offer it there', () => give(same, found), { id: 'offer-make' });
  const says = `${found.n} other pre-fill${found.n === 1 ? ' says' : 's say'} `;
  show(says, code(same.old_value), ` for ${found.title}: offer `, code(same.new_value), ' there? ', offer, button('No', hideOffer), which);
  labelKeys();
}

/** @param {Same} same @param {Found} found */
async function give(same, found) {
  const made = await post('/offers', same);
  if (made.status !== 200) { show(`Not offered: ${explain(made)}.`); return; }
  loadNextAnew();
  const undo = async () => {
    await post('/offers/withdraw', { note: made.offer });
    loadNextAnew();
    hideOffer();
  };
  show('Offered ', code(same.new_value), ` on ${plural(found.n)}; each still waits for a person. `, button('Undo', undo), button('Close', hideOffer));
}
