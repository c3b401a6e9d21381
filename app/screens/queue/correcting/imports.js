// The imports so far, each with the way to undo it.
import { button, find, make, openDialog } from '../../browser/dom.js';
import { localTime, plural } from '../../browser/words.js';
import { ask, messageOf, request } from '../dialogs.js';
import { sayDone } from '../list/lines.js';
import { DELETING_MS, follow, REASON } from './deleting.js';

/**
 * An import; see `routes.py`.
 * @typedef {object} Import
 * @property {number} number
 * @property {string} at
 * @property {string} by
 * @property {string} source
 * @property {string[]} files
 * @property {number} n_more files that are not named
 * @property {string} counted
 * @property {number} n_here its notes that are still here
 * @property {boolean} is_ended
 * @property {string | null} undone by whom
 */

export async function showImports() {
  try {
    /** @type {{ imports: Import[] }} */
    const { imports } = /** @type {any} */ (await request('/queue/imports', {}));
    const close = button('Close', () => dialog.close(), { name: 'no' });
    const body = make('div', { className: 'prose' }, imports.length ? table(imports) : make('p', {}, 'No imports yet.'));
    const dialog = openDialog('imports', 'Imports', body, make('div', { className: 'answers' }, close));
    find('button', dialog)?.focus();
  } catch (error) { sayDone(messageOf(error), { state: 'failed' }); }
}

/** @param {Import[]} imports */
function table(imports) {
  const heads = ['Import', 'When', 'Who', 'Files', 'Notes', ''].map((head) => make('th', { scope: 'col' }, head));
  return make('table', { className: 'list' }, make('thead', {}, make('tr', {}, ...heads)), make('tbody', {}, ...imports.map(line)));
}

/** @param {Import} one */
function line(one) {
  const files = [...one.files, ...(one.n_more ? [`and ${plural(one.n_more, 'file')} more`] : [])].join(', ');
  const facts = [one.counted, `${one.n_here.toLocaleString('en')} still here`, ...(one.is_ended ? [] : ['did not end'])];
  const undo = one.undone === null && one.n_here ? button('Undo…', () => undoImport(one, false), { ariaLabel: `Undo import ${one.number}` }) : '';
  const cells = [localTime(one.at, { hour: '2-digit', minute: '2-digit' }), one.by, one.source ? `${files} (${one.source})` : files, facts.join(' · ')];
  const state = one.undone === null ? undo : `undone by ${one.undone}`;
  return make('tr', {}, make('th', { scope: 'row' }, String(one.number)), ...cells.map((cell) => make('td', { dir: 'auto' }, cell)), make('td', {}, state));
}

/** @param {Import} one @param {boolean} force also notes that somebody has worked on */
async function undoImport(one, force) {
  try {
    const plan = await request('/queue/imports/plan', { number: one.number, force });
    if (!plan.n_notes && plan.n_staying) { await undoImport(one, true); return; }
    const stay = plan.n_staying ? ` ${plural(plan.n_staying)} that somebody has worked on ${plan.n_staying === 1 ? 'stays' : 'stay'}.` : '';
    const says = `This deletes ${plan.told} for good.${stay} It cannot be undone. What the import corrected in older notes stays corrected.`;
    const answer = await ask({ title: `Undo import ${one.number}?`, says, yes: `Delete ${plural(plan.n_notes)}`, ...REASON });
    if (!answer) return;
    find('#imports')?.close();
    sayDone('Deleting …', { state: 'working' });
    await follow(request('/queue/imports/undo', { number: one.number, force, reason: answer.line, expected: plan.n_notes }, DELETING_MS));
  } catch (error) {
    find('#imports')?.close();
    sayDone(messageOf(error), { state: 'failed' });
  }
}
