// Importing a file: first what would become of it, then doing it. The browser keeps the file and sends it again, so
// nothing of a preview stays on the server. Everything that a file holds is written with textContent.
import { button, byId, find, make, table } from '../browser/dom.js';
import { plural } from '../browser/words.js';
import { noteOnScreen, open } from '../review/note/note.js';
import { corrections, isUnsettled } from './correcting/known.js';
import { messageOf } from './dialogs.js';
import { refresh } from './list/asking.js';

/** @typedef {{ name: string, role: string, becomes: string, holds: string }} Column */
/** @typedef {{ id: string | null, n_characters: number, metadata: string[], labels: Record<string, string>, text: string }} FirstNote */

/**
 * What the server found in a file; see `uploads.py`.
 * @typedef {object} Found
 * @property {string} file
 * @property {number} n_rows
 * @property {number} n_new
 * @property {number} n_known
 * @property {number} n_refused
 * @property {number} n_files_refused
 * @property {number} n_labelled
 * @property {number} n_updated notes that are here and would be corrected
 * @property {{ field: string, n: number, examples: { place: string, before: string | null, now: string | null }[] }[]} updates
 * @property {number} n_namesakes notes with the id of another text
 * @property {string[]} remarks
 * @property {string[]} refusals the first
 * @property {Column[]} columns
 * @property {boolean} can_choose
 * @property {boolean} is_guessed whether the column of the notes is
 * @property {string | null} text the column with the notes
 * @property {string | null} id
 * @property {boolean} has_labels
 * @property {boolean} original
 * @property {boolean} has_decisions whether it tells who decided what and when
 * @property {boolean} decisions whether these are taken
 * @property {boolean} adjudicate whether a lead is asked where this desk decided otherwise
 * @property {number} [n_decisions]
 * @property {number} [n_differing]
 * @property {FirstNote[]} notes
 */

/** @typedef {Record<string, string | boolean | null>} Chosen columns, and whether labels are taken */

const AWAY = 'Nothing was imported: the desk cannot be reached. Try again when it is back.';
const PROBLEM = 'Nothing was imported: the desk has a problem; see its log.';

/** @type {any} */
let file = null;
/** @type {Chosen} */
let choice = {};
let asked = 0;             // counts the previews; only the newest is shown

/** @param {string[]} lines @param {'pending' | 'done' | 'failed'} state */
export function tell(lines, state) {
  const report = byId('import-report');
  if (!report) return;
  report.dataset.state = state;
  report.replaceChildren(...lines.map((line) => make('p', {}, line)));
}

/** @param {string} path @param {File} sent @param {Chosen} chosen */
export async function send(path, sent, chosen) {
  const headers = {
    'content-type': 'application/octet-stream',
    accept: 'application/json',
    'x-file-name': encodeURIComponent(sent.name),
    'x-columns': encodeURIComponent(JSON.stringify(chosen)),
  };
  let answer, result;
  try {
    answer = await fetch(path, { method: 'POST', body: sent, headers });
    result = await answer.json();
  } catch { throw new Error(answer ? PROBLEM : AWAY); }
  if (!answer.ok) throw new Error(result.detail);
  return result;
}

// ---------------------------------------------------------------- the preview

/** @param {File} next @param {Chosen} chosen */
export async function look(next, chosen = {}) {
  file = next; choice = chosen;
  const mine = ++asked;
  const dialog = byId('import-preview');
  if (dialog.open) dialog.setAttribute('aria-busy', 'true'); else tell([`Reading ${file.name} …`], 'pending');
  try {
    const found = await send('/import/preview', file, choice);
    if (mine !== asked) return;
    tell([], 'done');
    show(found);
  } catch (error) {
    if (mine !== asked) return;
    dialog.close();
    tell([messageOf(error)], 'failed');
  }
}

/** @param {Found} found */
function show(found) {
  const dialog = byId('import-preview'), focused = find(':focus', dialog)?.name ?? '';
  dialog.removeAttribute('aria-busy');
  dialog.replaceChildren(
    make('h3', { id: 'import-title' }, `Import ${found.file}`),
    make('p', { className: 'sum' }, sum(found)),
    ...remarks(found), ...mapping(found, settle(found), (chosen) => look(file, chosen)), ...corrections(found, choice, (more) => look(file, { ...choice, ...more })),
    ...listRefused(found), ...columns(found), ...beginnings(found), answers(found),
  );
  find('.sum', dialog).setAttribute('role', 'status');
  if (!dialog.open) dialog.showModal();
  (find(`[name="${focused || 'yes'}"]`, dialog) ?? find('[name="no"]', dialog)).focus();
  dialog.scrollTop = focused ? dialog.scrollTop : 0;
}

/** @param {Found} found */
function sum(found) {
  const { n_rows: n, n_new: fresh, n_known: known, n_refused: refusedRows } = found, words = (/** @type {number} */ m) => m.toLocaleString('en');
  return `${plural(n, 'row')} read: ${plural(fresh, 'new note')}, ${words(known)} already here, ${words(refusedRows)} refused. Nothing is written yet.`;
}

/** @param {Found} found */
const remarks = (found) => found.remarks.map((line) => make('p', { className: 'hint' }, line));

/**
 * The choice with what was guessed: the guess stands until a person chooses, and is sent with the file.
 * @param {Found} found
 */
function settle(found) {
  if (found.can_choose && found.is_guessed) choice = { ...choice, text: found.text };
  if (found.can_choose && found.id && !('id' in choice)) choice = { ...choice, id: found.id };
  return choice;
}

/**
 * A choice between columns.
 * @param {string} label
 * @param {string | null} value
 * @param {string[]} names
 * @param {string} none what no column is called; empty where there has to be one
 * @param {(value: string | null) => void} choose
 */
function picker(label, value, names, none, choose) {
  const options = [...(none ? [new Option(none, '')] : []), ...names.map((one) => new Option(one, one))];
  const select = make('select', { name: label, ariaLabel: label }, ...options);
  select.value = value ?? '';
  select.addEventListener('change', () => choose(select.value || null));
  return make('label', { className: 'choice' }, make('span', {}, label), select);
}

/**
 * Which column is what, to be chosen.
 * @param {Found} found
 * @param {Chosen} chosen so far
 * @param {(chosen: Chosen) => void} again what a choice does
 */
export function mapping(found, chosen, again) {
  const names = found.columns.map((column) => column.name), line = make('div', { className: 'filter-line' });
  const guessed = `No column is named text or input; “${found.text}” looks like the notes. Choose another if it is not.`;
  const missing = 'No column looks like the notes. Choose the column with the notes.';
  const hint = found.is_guessed ? guessed : found.can_choose && !found.text ? missing : '';
  if (found.can_choose) {
    const others = names.filter((name) => name !== found.text);
    line.append(
      picker('The note is in', found.text, names, found.text ? '' : 'choose a column', (text) => again({ ...chosen, text })),
      picker('Its id is in', found.id, others, found.id ? '' : 'no column', (id) => again({ ...chosen, id })),
    );
  }
  if (found.has_decisions) line.append(...decisions(found, chosen, again));
  if (found.has_labels && !found.decisions) {
    const box = make('input', { type: 'checkbox', name: 'original', checked: found.original });
    const title = 'Labelled notes are originals: training material, not work for the queue.';
    box.addEventListener('change', () => again({ ...chosen, original: box.checked }));
    line.append(make('label', { className: 'chip', title }, box, make('span', {}, 'take the labels too: the notes become originals')));
  }
  return [...(hint ? [make('p', { className: 'hint' }, hint)] : []), ...(line.childElementCount ? [line] : [])];
}

/**
 * Whether the decisions of another desk are taken, and what becomes of notes that this one decided otherwise.
 * @param {Found} found
 * @param {Chosen} chosen
 * @param {(chosen: Chosen) => void} again
 */
function decisions(found, chosen, again) {
  const chip = (/** @type {string} */ name, /** @type {boolean} */ checked, /** @type {string} */ says, /** @type {string} */ title) => {
    const box = make('input', { type: 'checkbox', name, checked });
    box.addEventListener('change', () => again({ ...chosen, original: false, [name]: box.checked }));
    return make('label', { className: 'chip', title }, box, make('span', {}, says));
  };
  const take = chip('decisions', found.decisions, 'take the decisions too, as their reviewers made them', 'Who is not known here is added, but cannot sign in.');
  const differ = found.n_differing || found.adjudicate;
  return [take, ...(found.decisions && differ ? [chip('adjudicate', found.adjudicate, 'ask a lead where this desk decided otherwise', 'Else the decision of this desk stands.')] : [])];
}

/** @param {Found} found */
function columns(found) {
  if (!found.can_choose && found.columns.length < 2) return [];
  const lines = found.columns.map(({ name, becomes, holds }) => [name, becomes, holds]);
  return [make('h4', {}, 'What becomes of each column'), table(['Column', 'Becomes', 'Begins'], lines)];
}

/** @param {Found} found */
function beginnings(found) {
  if (!found.notes.length) return [];
  const shown = found.notes.map((note) => {
    const facts = [`${note.n_characters.toLocaleString('en')} characters`];
    if (note.metadata.length) facts.push(`metadata: ${note.metadata.join(', ')}`);
    const labels = Object.entries(note.labels).map(([key, value]) => `${key}: ${value}`);
    if (labels.length) facts.push(`labels: ${labels.join('; ')}`);
    const head = make('p', {}, make('b', {}, note.id ?? 'no id'), ` ${facts.join(' · ')}`);
    return make('article', {}, head, make('p', { className: 'text', dir: 'auto' }, note.text));
  });
  return [make('h4', {}, found.notes.length > 1 ? `The first ${found.notes.length} notes` : 'The first note'), ...shown];
}

/** @param {Found} found */
function sayRest(found) {
  if (!found.n_new && !found.n_known) return 'nothing is left to import';
  return found.n_files_refused ? 'the file could not be read to its end' : 'the rest can be imported';
}

/** @param {Found} found */
function listRefused(found) {
  if (!found.n_refused) return [];
  const more = found.n_refused - found.refusals.length;
  const sentences = more ? [...found.refusals, `${more.toLocaleString('en')} more are refused.`] : found.refusals;
  const lines = sentences.map((line) => make('li', {}, line));
  const summary = make('summary', {}, `${found.n_refused.toLocaleString('en')} refused; ${sayRest(found)}`);
  return [make('details', { className: 'refused', open: lines.length <= 4 }, summary, make('ul', {}, ...lines))];
}

/** @param {Found} found */
function answers(found) {
  const asked = found.adjudicate ? found.n_differing ?? 0 : 0, decided = (found.n_decisions ?? 0) + asked;
  const brings = found.n_new > 0 || found.n_labelled > 0 || found.n_updated > 0 || decided > 0;
  const other = found.n_updated ? `Correct ${plural(found.n_updated)}` : `Bring the labels of ${plural(found.n_labelled)}`;
  const both = found.n_updated ? `, correct ${found.n_updated.toLocaleString('en')}` : '';
  const notes = found.n_new || !brings ? `Import ${plural(found.n_new)}${both}` : other;
  const does = found.decisions ? `Bring ${plural(decided, 'decision')}` : notes;
  const isOpen = isUnsettled(found.n_namesakes, choice);
  const title = isOpen ? 'First choose what the notes with the id of another text are' : '';
  const yes = button(does, () => bring(yes), { name: 'yes', className: 'strong-button', disabled: !brings || isOpen, title });
  const no = button(brings ? 'Cancel' : 'Close', () => byId('import-preview').close(), { name: 'no' });
  return make('div', { className: 'answers' }, no, yes);
}

/** @param {HTMLButtonElement} yes */
async function bring(yes) {
  yes.disabled = true;
  yes.textContent = 'Importing …';
  try {
    const done = await send('/import', file, choice);
    tell(done.sentences, 'done');
    refresh();
    if (noteOnScreen() === null) open(null);
  } catch (error) { tell([messageOf(error)], 'failed'); }
  byId('import-preview').close();
  file = null;
}
