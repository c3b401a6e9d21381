// A note that somebody else decided meanwhile: both versions field by field, and what they merge to. What only one of the
// two touched is merged at once and Save keeps it; where both touched a field the reviewer chooses first.
import { button, byId, find, make } from '../../browser/dom.js';
import { keys, noteTyping, put, record, values } from '../form/form.js';
import { say } from '../form/saved_line.js';
import { keyShown } from '../keys.js';
import { compareVersions } from './merging.js';

/** @typedef {import('./merging.js').Values} Values */
/** @typedef {{ who: string, revision: number, draft: number, opinion: number, values: Values, merge: import('./merging.js').Merge }} Theirs */
/** @typedef {{ detail: string, theirs: Theirs }} Conflict */

/** @type {Set<string>} */
let open = new Set();      // fields that both touched and nobody chose for
/** @type {HTMLElement} */
let said;                  // what stands below the table

/** @param {string | null} value */
const inWords = (value) => value ?? 'none';

export function hideConflict() {
  open = new Set();
  const panel = byId('conflict');
  if (!panel) return;
  panel.replaceChildren();
  panel.hidden = true;
}

/** @param {Conflict} conflict @param {() => void} discard leaves this reviewer's version for the other */
export function showConflict({ detail, theirs }, discard) {
  hideConflict();
  const panel = byId('conflict');
  if (!panel) return;
  panel.hidden = false;
  const { merge, who } = theirs, mine = values();
  const { differing, taken, both } = compareVersions(keys(), mine, theirs.values, merge);
  const heads = ['', 'yours', who, ...(merge ? ['merged'] : [])].map((title) => make('th', {}, title));
  const rows = differing.map((key) => {
    const versions = [mine[key], theirs.values[key] ?? null];
    const cells = versions.map((value) => make('td', {}, inWords(value)));
    if (merge) cells.push(outcome(key, versions, who, { isTaken: taken.includes(key), isOpen: both.includes(key) }));
    return make('tr', {}, make('th', {}, record().fields[key].title), ...cells);
  });
  const table = make('table', {}, make('thead', {}, make('tr', {}, ...heads)), make('tbody', {}, ...rows));
  const keepMine = () => {
    for (const key of taken) put(key, mine[key]);
    hideConflict();
    goOnTop(theirs);
    say('hint', 'Your values go on top when you save; the other version stays in the history.');
  };
  said = make('p');
  said.setAttribute('role', 'status');
  const buttons = make('p', {}, button('Keep mine', keepMine), button('Take theirs', discard));
  panel.append(make('strong', {}, detail), differing.length ? table : make('p', {}, 'Both versions hold the same values.'), said, buttons);
  if (!merge) return;
  open = new Set(both);
  goOnTop(theirs);
  for (const key of taken) put(key, theirs.values[key] ?? null);
  noteTyping(null);        // a draft of it follows
  sayWhatIsOpen();
}

// What is saved from here on goes on top of the other version, which the reviewer sees; what both touched keeps it back.
/** @param {Theirs} theirs */
function goOnTop({ revision, draft, opinion }) {
  record().revision = revision;
  if (draft) record().draft = draft;
  if (opinion) record().opinion = opinion;
}

/**
 * What a field merges to, or the choice.
 * @param {string} key
 * @param {(string | null)[]} versions
 * @param {string} who
 * @param {{ isTaken: boolean, isOpen: boolean }} how
 */
function outcome(key, [mine, theirs], who, { isTaken, isOpen }) {
  if (isTaken) return make('td', {}, `${inWords(theirs)} (by ${who}; you had left it)`);
  if (!isOpen) return make('td', {}, `${inWords(mine)} (yours; ${who} had left it)`);
  const cell = make('td'), { title } = record().fields[key];
  const choose = (/** @type {string | null} */ value) => {
    put(key, value);
    cell.replaceChildren(`${inWords(value)} (you chose)`);
    open.delete(key);
    sayWhatIsOpen();
    (find('#conflict td button') ?? byId('save'))?.focus();
  };
  cell.append(
    button('Mine', () => choose(mine), { ariaLabel: `${title}: mine` }), ' ',
    button('Theirs', () => choose(theirs), { ariaLabel: `${title}: theirs` }),
  );
  return cell;
}

const titles = () => [...open].map((key) => record().fields[key].title).join(', ');

function sayWhatIsOpen() {
  said.textContent = open.size ? `You both changed ${titles()}: choose, then save.` : `Merged in the form: ${keyShown('save')} saves it.`;
}

// Whether a choice is left; then the reviewer is led to it.
export function leadsToChoice() {
  if (!open.size || byId('conflict')?.hidden !== false) return false;
  say('hint', `Choose first for ${titles()}: yours or theirs.`);
  find('#conflict td button')?.focus();
  return true;
}
