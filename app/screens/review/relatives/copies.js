// A decision for the copies of a note, which have the same text: offered after it was saved, done at one click or key, and
// taken back at another. Nothing is applied by itself.
import { explain, post } from '../../browser/api.js';
import { button, byId } from '../../browser/dom.js';
import { plural } from '../../browser/words.js';
import { labelKeys } from '../keys.js';
import { loadNextAnew } from '../note/note.js';

/** @param {...(Node | string)} parts */
function show(...parts) {
  const bar = byId('elsewhere');
  if (!bar) return;
  bar.replaceChildren(...parts);
  bar.hidden = parts.length === 0;
}

const newName = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
/** @param {number} n */
const copies = (n) => plural(n, 'note').replace(' ', ' other ');

/** @param {number} note that was decided @param {string} called @param {number} n copies of it that wait */
export function offerCopies(note, called, n) {
  const apply = button('Save it there too', () => give(note, n), { id: 'offer-make' });
  show(`${copies(n)} with exactly the same text as ${called} ${n === 1 ? 'waits' : 'wait'}. `, apply, button('No', () => show()));
  labelKeys();
}

/** @param {number} note @param {number} n */
async function give(note, n) {
  const name = newName();
  show(`Saving ${copies(n)} …`);
  const done = await post('/copies', { note, name });
  if (done.status !== 200) { show(`Not saved: ${explain(done)}.`); return; }
  loadNextAnew();
  show(`Saved ${copies(/** @type {any} */ (done).n)} alike. `, button('Undo', () => takeBack(name)), button('Close', () => show()));
}

/** @param {string} name */
async function takeBack(name) {
  const done = /** @type {any} */ (await post('/copies/undo', { name }));
  if (done.status !== 200) { show(`Not undone: ${explain(done)}.`); return; }
  loadNextAnew();
  const left = done.n_left_alone ? ` ${plural(done.n_left_alone)} left alone: somebody changed it since.` : '';
  show(`${copies(done.n)} as before.${left} `, button('Close', () => show()));
}
