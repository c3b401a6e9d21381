// How many notes the list has, on its buttons: what can be done to those that are ticked, or else to all.
import { byId, find } from '../../browser/dom.js';
import { plural } from '../../browser/words.js';
import { sayFound } from './lines.js';
import { paintTicks, rows } from './rows.js';
import { control, list, ticked } from './state.js';

/** @typedef {import('./state.js').Action} Action */

const ASK_ABOVE = 50;      // from more ticked notes on, one is asked first; about notes that are not ticked always
/** @type {[action: Action, word: string, kind: 'untouched' | 'decided'][]} */
const ACTS = [['skip', 'Skip', 'untouched'], ['flag', 'Flag', 'untouched'], ['reopen', 'Reopen', 'decided']];

/** @param {Action} action @param {number} n */
export const asksFirst = (action, n) => action === 'flag' || !ticked.size || n > ASK_ABOVE;

export function paint() {
  const { told, isWorking } = list;
  if (!told) return;
  paintTicks();
  const kinds = [...ticked.values()], nOf = (/** @type {string} */ kind) => kinds.filter((other) => other === kind).length;
  const all = { untouched: told.n_untouched, decided: told.n_decided };
  const n = ticked.size ? { untouched: nOf('untouched'), decided: nOf('decided') } : all;
  sayFound(ticked.size ? `${plural(told.n_notes)}, ${ticked.size.toLocaleString('en')} ticked` : plural(told.n_notes));
  const whose = ticked.size ? 'ticked' : 'all shown by the filter';
  for (const [action, word, kind] of ACTS) {
    const act = find(`[data-queue-act="${action}"]`);
    act.textContent = `${word} ${n[kind].toLocaleString('en')}${asksFirst(action, n[kind]) ? '…' : ''}`;
    act.disabled = !n[kind] || isWorking;
    act.title = kind === 'untouched' ? `Notes nobody has worked on, ${whose}` : `Notes that were decided, ${whose}`;
    act.setAttribute('aria-label', `${word} ${plural(n[kind])}, ${whose}`);
  }
  const gone = control('delete'), nGone = ticked.size || told.n_notes;
  gone.textContent = `Delete ${nGone.toLocaleString('en')}…`;
  gone.disabled = !nGone || isWorking;
  gone.title = `Delete notes for good, ${whose}; for leads`;
  gone.setAttribute('aria-label', `Delete ${plural(nGone)}, ${whose}`);
  const review = control('review');
  review.textContent = `Review these ${told.n_waiting.toLocaleString('en')}`;
  review.disabled = !told.n_waiting;
  review.title = 'Review those that wait for you, in this order (R)';
  review.setAttribute('aria-label', `${review.textContent}: ${plural(told.n_waiting)} waiting for you, as they are listed`);
  control('untick').hidden = !ticked.size;
  byId('queue-pages').hidden = told.n_pages < 2;
  byId('queue-place').textContent = `page ${(told.page + 1).toLocaleString('en')} of ${told.n_pages.toLocaleString('en')}`;
  control('back').disabled = told.page === 0;
  control('on').disabled = told.page + 1 >= told.n_pages;
  find('#queue-foot .help').hidden = !rows().length;
}
