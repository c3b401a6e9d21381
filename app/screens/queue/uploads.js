// Importing a file: first what would become of it, then doing it. The browser keeps the file and sends it again, so
// nothing of a preview stays on the server. Everything that a file holds is written with textContent.
import { button, byId, find, make, within } from '../browser/dom.js';
import { plural } from '../browser/words.js';
import { noteOnScreen, open } from '../review/note/note.js';
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
 * @property {string[]} remarks
 * @property {string[]} refusals the first
 * @property {Column[]} columns
 * @property {boolean} can_choose
 * @property {boolean} is_guessed whether the column of the notes is
 * @property {string | null} text the column with the notes
 * @property {string | null} id
 * @property {boolean} has_labels
 * @property {boolean} original
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
function tell(lines, state) {
  const report = byId('import-report');
  if (!report) return;
  report.dataset.state = state;
  report.replaceChildren(...lines.map((line) => make('p', {}, line)));
}

/** @param {string} path */
async function send(path) {
  const headers = {
    'content-type': 'application/octet-stream',
    accept: 'application/json',
    'x-file-name': encodeURIComponent(file.name),
    'x-columns': encodeURIComponent(JSON.stringify(choice)),
  };
  let answer, result;
  try {
    answer = await fetch(path, { method: 'POST', body: file, headers });
    result = await answer.json();
  } catch { throw new Error(answer ? PROBLEM : AWAY); }
  if (!answer.ok) throw new Error(result.detail);
  return result;
}

// ---------------------------------------------------------------- the preview

/** @param {File} next @param {Chosen} chosen */
async function look(next, chosen = {}) {
  file = next; choice = chosen;
  const mine = ++asked;
  const dialog = byId('import-preview');
  if (dialog.open) dialog.setAttribute('aria-busy', 'true'); else tell([`Reading ${file.name} …`], 'pending');
  try {
    const found = await send('/import/preview');
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
    ...remarks(found), ...mapping(found), ...refused(found), ...columns(found), ...beginnings(found), answers(found),
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
 * A choice between columns.
 * @param {string} label
 * @param {'text' | 'id'} name
 * @param {string | null} value
 * @param {string[]} names
 * @param {string} none what no column is called; empty where there has to be one
 */
function picker(label, name, value, names, none) {
  const options = [...(none ? [new Option(none, '')] : []), ...names.map((one) => new Option(one, one))];
  const select = make('select', { name, ariaLabel: label }, ...options);
  select.value = value ?? '';
  select.addEventListener('change', () => look(file, { ...choice, [name]: select.value || null }));
  return make('label', { className: 'choice' }, make('span', {}, label), select);
}

/** @param {Found} found */
function mapping(found) {
  const names = found.columns.map((column) => column.name), line = make('div', { className: 'filter-line' });
  const guessed = `No column is named text or input; “${found.text}” looks like the notes. Choose another if it is not.`;
  const missing = 'No column looks like the notes. Choose the column with the notes.';
  const hint = found.is_guessed ? guessed : found.can_choose && !found.text ? missing : '';
  if (found.can_choose) {
    // The guess stands until a person chooses; what is chosen is sent with the file.
    if (found.is_guessed) choice = { ...choice, text: found.text };
    if (found.id && !('id' in choice)) choice = { ...choice, id: found.id };
    const others = names.filter((name) => name !== found.text);
    line.append(
      picker('The note is in', 'text', found.text, names, found.text ? '' : 'choose a column'),
      picker('Its id is in', 'id', found.id, others, found.id ? '' : 'no column'),
    );
  }
  if (found.has_labels) {
    const box = make('input', { type: 'checkbox', name: 'original', checked: found.original });
    const title = 'Labelled notes are originals: training material, not work for the queue.';
    box.addEventListener('change', () => look(file, { ...choice, original: box.checked }));
    line.append(make('label', { className: 'chip', title }, box, make('span', {}, 'take the labels too: the notes become originals')));
  }
  return [...(hint ? [make('p', { className: 'hint' }, hint)] : []), ...(line.childElementCount ? [line] : [])];
}

/** @param {string[]} headings @param {string[][]} lines */
function table(headings, lines) {
  const head = make('tr', {}, ...headings.map((heading) => make('th', { scope: 'col' }, heading)));
  const body = lines.map(([first, ...others]) => make(
    'tr', {}, make('th', { scope: 'row', dir: 'auto' }, first), ...others.map((cell) => make('td', { dir: 'auto' }, cell)),
  ));
  return make('table', { className: 'list' }, make('thead', {}, head), make('tbody', {}, ...body));
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
function rest(found) {
  if (!found.n_new && !found.n_known) return 'nothing is left to import';
  return found.n_files_refused ? 'the file could not be read to its end' : 'the rest can be imported';
}

/** @param {Found} found */
function refused(found) {
  if (!found.n_refused) return [];
  const more = found.n_refused - found.refusals.length;
  const sentences = more ? [...found.refusals, `${more.toLocaleString('en')} more are refused.`] : found.refusals;
  const lines = sentences.map((line) => make('li', {}, line));
  const summary = make('summary', {}, `${found.n_refused.toLocaleString('en')} refused; ${rest(found)}`);
  return [make('details', { className: 'refused', open: lines.length <= 4 }, summary, make('ul', {}, ...lines))];
}

/** @param {Found} found */
function answers(found) {
  const brings = found.n_new > 0 || found.n_labelled > 0;
  const does = found.n_new || !brings ? `Import ${plural(found.n_new)}` : `Bring the labels of ${plural(found.n_labelled)}`;
  const yes = button(does, () => bring(yes), { name: 'yes', className: 'strong-button', disabled: !brings });
  const no = button(brings ? 'Cancel' : 'Close', () => byId('import-preview').close(), { name: 'no' });
  return make('div', { className: 'answers' }, no, yes);
}

/** @param {HTMLButtonElement} yes */
async function bring(yes) {
  yes.disabled = true;
  yes.textContent = 'Importing …';
  try {
    const done = await send('/import');
    tell(done.sentences, 'done');
    refresh();
    if (noteOnScreen() === null) open(null);
  } catch (error) { tell([messageOf(error)], 'failed'); }
  byId('import-preview').close();
  file = null;
}

// ---------------------------------------------------------------- choosing and dropping

const chooseFile = () => byId('import-file')?.click();
document.addEventListener('click', (event) => { if (within(event, '#import')) chooseFile(); });
document.addEventListener('keydown', (event) => {
  const isHere = event.target instanceof Element && event.target.id === 'import';
  if (isHere && (event.key === 'Enter' || event.key === ' ')) { event.preventDefault(); chooseFile(); }
});
document.addEventListener('change', (event) => {
  const input = within(event, '#import-file');
  if (!input?.files[0]) return;
  look(input.files[0]);
  input.value = '';
});

/** @param {boolean} on whether a file is over the page */
const mark = (on) => byId('import')?.classList.toggle('over', on);
document.addEventListener('dragover', (event) => {
  if (!event.dataTransfer?.types.includes('Files')) return;
  event.preventDefault();
  mark(true);
});
document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) mark(false); });
document.addEventListener('drop', (event) => {
  const dropped = event.dataTransfer?.files[0];
  if (!dropped) return;
  event.preventDefault();                                  // or the browser leaves the desk to show the file
  mark(false);
  if (byId('import')?.offsetParent) look(dropped);
});
