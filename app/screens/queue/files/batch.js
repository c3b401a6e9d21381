// Importing several files at once: each is looked at, and then imported, by itself and one after the other, so that
// however many there are the desk holds one of them, a fault stays with its file, and stopping keeps what was done.
import { button, byId, find, make, table } from '../../browser/dom.js';
import { plural } from '../../browser/words.js';
import { noteOnScreen, open } from '../../review/note/note.js';
import { isUnsettled, sameIds, updating } from '../correcting/known.js';
import { messageOf } from '../dialogs.js';
import { refresh } from '../list/asking.js';
import { mapping, send, tell } from '../uploads.js';

/** @typedef {import('../uploads.js').Found} Found */
/** @typedef {import('../uploads.js').Chosen} Chosen */
/** @typedef {{ file: File, found: Found | null, fault: string }} Seen what the desk says of a file, or why it says nothing */

const MAX_LINES = 200;
let round = 0;             // counts what was begun; only the newest goes on

/**
 * Do something with each of some things, with a bar that shows how far it is.
 * @template T
 * @param {string} doing
 * @param {T[]} all
 * @param {(one: T) => string} nameOf
 * @param {(one: T) => Promise<void>} act
 * @param {string} stop what the button says that ends it
 * @returns {Promise<number>} with how many it was done
 */
async function each(doing, all, nameOf, act, stop) {
  const mine = ++round, dialog = byId('import-preview');
  const line = make('p', { className: 'sum' }), bar = make('progress', { max: all.length, value: 0, ariaLabel: doing });
  const no = button(stop, () => { round += 1; no.disabled = true; }, { name: 'no' });
  line.setAttribute('role', 'status');
  dialog.replaceChildren(make('h3', { id: 'import-title' }, doing), line, bar, make('div', { className: 'answers' }, no));
  dialog.onclose = () => { round += 1; };                  // Escape, too
  if (!dialog.open) dialog.showModal();
  no.focus();
  let n = 0;
  for (const one of all) {
    line.textContent = `${(n + 1).toLocaleString('en')} of ${all.length.toLocaleString('en')}: ${nameOf(one)}`;
    await act(one);
    bar.value = ++n;
    if (mine !== round) break;
  }
  dialog.onclose = null;
  return n;
}

/** @param {File} file */
const nameOf = (file) => file.webkitRelativePath || file.name;

/** @param {File[]} files @param {Chosen} chosen */
export async function lookAtAll(files, chosen = {}) {
  /** @type {Seen[]} */
  const seen = [];
  const look = async (/** @type {File} */ file) => {
    try {
      seen.push({ file, found: await send('/import/preview', file, chosen), fault: '' });
    } catch (error) { seen.push({ file, found: null, fault: messageOf(error) }); }
  };
  tell([], 'done');
  if (await each(`Reading ${plural(files.length, 'file')}`, files, nameOf, look, 'Cancel') < files.length) {
    byId('import-preview').close();
    return;
  }
  show(files, seen, chosen);
}

/** @param {File[]} files @param {Seen[]} seen @param {Chosen} chosen */
function show(files, seen, chosen) {
  const dialog = byId('import-preview'), first = seen.find((one) => one.found?.can_choose)?.found;
  const ask = (/** @type {Chosen} */ again) => lookAtAll(files, again);
  const more = (/** @type {Chosen} */ also) => ask({ ...chosen, ...also });
  dialog.replaceChildren(
    make('h3', { id: 'import-title' }, `Import ${plural(files.length, 'file')}`),
    make('p', { className: 'sum' }, sum(seen)),
    ...(first ? mapping(first, chosen, ask) : []),
    make('div', { className: 'filter-line' }, ...updating(total(seen, 'n_known') > 0, chosen, more), ...sameIds(total(seen, 'n_namesakes'), chosen, more)),
    ...faults(seen), ...lines(seen), answers(seen, chosen),
  );
  (find('[name="yes"]:enabled', dialog) ?? find('[name="no"]', dialog)).focus();
}

/** @param {Seen[]} seen @param {'n_new' | 'n_known' | 'n_refused' | 'n_labelled' | 'n_updated' | 'n_namesakes'} what */
const total = (seen, what) => seen.reduce((n, one) => n + (one.found?.[what] ?? 0), 0);

/** @param {Seen[]} seen */
function sum(seen) {
  const known = total(seen, 'n_known').toLocaleString('en'), refused = total(seen, 'n_refused').toLocaleString('en');
  return `${plural(total(seen, 'n_new'), 'new note')}, ${known} already here, ${refused} refused. Nothing is written yet.`;
}

/** @param {Seen[]} seen */
function faults(seen) {
  const said = seen.flatMap(({ found, fault }) => (fault ? [fault] : [...(found?.refusals ?? []), ...(found?.remarks ?? [])]));
  if (!said.length) return [];
  const items = said.slice(0, MAX_LINES).map((one) => make('li', {}, one));
  const n = seen.filter((one) => one.fault || one.found?.n_refused).length;
  const summary = make('summary', {}, n ? `${plural(n, 'file')} with something that cannot be read` : 'How files were read');
  return [make('details', { className: n ? 'refused' : '', open: items.length <= 4 }, summary, make('ul', {}, ...items))];
}

/** @param {Seen[]} seen */
function lines(seen) {
  const rows = seen.slice(0, MAX_LINES).map(({ file, found, fault }) => [
    nameOf(file), found ? plural(found.n_new, 'new note') : 'cannot be read', found ? `${found.n_known.toLocaleString('en')} here, ${found.n_refused.toLocaleString('en')} refused` : fault,
  ]);
  const more = seen.length - rows.length;
  return [table(['File', 'Brings', 'Besides'], rows), ...(more > 0 ? [make('p', { className: 'quiet' }, `and ${plural(more, 'more file')}`)] : [])];
}

/**
 * What is sent with a file: the choice for all, and what was guessed for this one.
 * @param {Seen} one
 * @param {Chosen} chosen
 * @returns {Chosen}
 */
function chosenFor({ found }, chosen) {
  if (!found?.can_choose) return chosen;
  return { ...(found.is_guessed ? { text: found.text } : {}), ...(found.id ? { id: found.id } : {}), ...chosen };
}

/** @param {Seen[]} seen @param {Chosen} chosen */
function answers(seen, chosen) {
  const some = seen.filter((one) => one.found && (one.found.n_new || one.found.n_labelled || one.found.n_updated));
  const n = total(seen, 'n_new'), does = n ? `Import ${plural(n)}` : `Correct ${plural(total(seen, 'n_updated') + total(seen, 'n_labelled'))}`;
  const disabled = !some.length || isUnsettled(total(seen, 'n_namesakes'), chosen);
  const yes = button(`${does} from ${plural(some.length, 'file')}`, () => bringAll(some, chosen), { name: 'yes', className: 'strong-button', disabled });
  const no = button(some.length ? 'Cancel' : 'Close', () => byId('import-preview').close(), { name: 'no' });
  return make('div', { className: 'answers' }, no, yes);
}

/** @param {Seen[]} some @param {Chosen} chosen */
async function bringAll(some, chosen) {
  /** @type {string[]} */
  const failed = [];
  /** @type {string[]} */
  const refused = [];
  let n_added = 0, n_known = 0;
  const bring = async (/** @type {Seen} */ one) => {
    try {
      const done = await send('/import', one.file, chosenFor(one, chosen));
      n_added += done.n_added;
      n_known += done.n_known;
      if (done.n_refused) refused.push(...done.sentences);
    } catch (error) { failed.push(`${nameOf(one.file)}: ${messageOf(error)}`); }
  };
  const n = await each(`Importing ${plural(some.length, 'file')}`, some, (one) => nameOf(one.file), bring, 'Stop');
  const stopped = n < some.length ? `Stopped after ${n.toLocaleString('en')} of ${plural(some.length, 'file')}; what was imported stays. ` : '';
  const added = `${stopped}${plural(n_added)} added from ${plural(n - failed.length, 'file')}, ${n_known.toLocaleString('en')} already here.`;
  tell([added, ...failed.slice(0, MAX_LINES), ...refused.slice(0, MAX_LINES)], failed.length ? 'failed' : 'done');
  byId('import-preview').close();
  refresh();
  if (noteOnScreen() === null) open(null);
}
