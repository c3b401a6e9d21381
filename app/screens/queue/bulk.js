// Many notes at once: skipped, flagged or taken back in turns, with a question before and an undo after.
import { plural } from '../browser/words.js';
import { ask, messageOf, request } from './dialogs.js';
import { refresh } from './list/asking.js';
import { asksFirst, paint } from './list/counts.js';
import { sayDone } from './list/lines.js';
import { keep, list, listState, ticked } from './list/state.js';

/** @typedef {import('./list/state.js').Action} Action */
/** @typedef {{ word: string, doing: string, done: string, effect: string, stays: string }} Words */

const UNTOUCHED = 'decided, or someone has drafted it';
/** @type {Record<Action, Words>} */
const WORDS = {
  skip: { word: 'Skip', doing: 'Skipping', done: 'skipped', effect: 'They leave the queue without values.', stays: UNTOUCHED },
  flag: { word: 'Flag', doing: 'Flagging', done: 'flagged', effect: 'They leave the queue for whoever looks at flags.', stays: UNTOUCHED },
  reopen: {
    word: 'Reopen', doing: 'Reopening', done: 'reopened', effect: 'They wait for review again, with what was decided as your draft.',
    stays: 'not decided, or someone has drafted it since',
  },
};

/** @type {string | null} */
let last = null;           // what Undo takes back
let isStopped = false;

const newName = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export function stop() { isStopped = true; }

/** @param {{ bulk: string, said: string }} kept what was done before a reload */
export function recall({ bulk, said }) {
  last = bulk;
  sayDone(said, { undo: true });
}

/** @param {Action} action */
export async function actOn(action) {
  if (list.isWorking || !list.told) return;
  const meant = { action, filters: listState().filters, ids: ticked.size ? [...ticked.keys()] : null };
  const { word, doing, done, effect, stays: why } = WORDS[action];
  try {
    const plan = await request('/queue/plan', meant), n = plan.n_touched;
    if (!n) { sayDone('Nothing to do: none of these notes is in a state for it.'); refresh(); return; }
    const stays = sayLeftAlone(plan.n_notes - n, plan.n_notes, why);
    let comment = '';
    if (asksFirst(action, n)) {
      const whole = ticked.size ? '' : 'No row is ticked: this is about all that the filter shows. ';
      const says = `${whole}${effect}${stays} It can be undone.`, doIt = `${word} ${plural(n)}`;
      const question = action === 'flag' ? { title: doIt, line: 'Comment, for whoever reads the flags' } : { title: `${doIt}?` };
      const answer = await ask({ ...question, says, yes: doIt, limit: 2000 });
      if (!answer) return;
      comment = answer.line;
    }
    last = newName();
    const body = { ...meant, bulk: last, comment, upto: plan.upto };
    await actInTurns('/queue/act', body, { doing, total: n, sentence: (m) => `${plural(m)} ${done}.${stays}`, canUndo: true });
  } catch (error) { sayDone(messageOf(error), { state: 'failed' }); }
}

/** @param {number} n @param {number} total @param {string} why */
function sayLeftAlone(n, total, why) {
  if (!n) return '';
  return ` ${plural(n)} of ${total.toLocaleString('en')} ${n === 1 ? 'stays as it is' : 'stay as they are'} (${why}).`;
}

export async function undo() {
  if (list.isWorking || !last) return;
  const bulk = last;
  last = null;
  keep({ undo: null });
  const alone = (/** @type {number} */ n) => (n ? ` ${plural(n)} left alone: somebody changed ${n === 1 ? 'it' : 'them'} since.` : '');
  const sentence = (/** @type {number} */ n, /** @type {number} */ left) => `${plural(n)} as before.${alone(left)}`;
  await actInTurns('/queue/undo', { bulk }, { doing: 'Undoing', total: 0, sentence, canUndo: false });
}

/**
 * Asks for turn after turn until all is done.
 * @param {string} path
 * @param {{ bulk: string, [more: string]: unknown }} body
 * @param {{ doing: string, total: number, sentence: (n: number, left: number) => string, canUndo: boolean }} how
 */
async function actInTurns(path, body, { doing, total, sentence, canUndo }) {
  let after = 0, n = 0, left = 0, trouble = '';
  list.isWorking = true; isStopped = false;
  paint();
  try {
    do {
      const of = total ? ` of ${total.toLocaleString('en')}` : '';
      sayDone(`${doing} … ${n.toLocaleString('en')}${of}`, { state: 'working', stop: true });
      const done = await request(path, { ...body, after });
      n += done.n_done; left += done.n_left_alone ?? 0; after = done.last;
    } while (after !== null && !isStopped);
  } catch (error) { trouble = ` It stopped there: ${messageOf(error)}`; }
  list.isWorking = false;
  if (after !== null && isStopped) trouble = ' You stopped it there.';
  if (trouble && !canUndo) last = body.bulk;
  const said = `${sentence(n, left)}${trouble}`;
  sayDone(said, { state: trouble ? 'failed' : 'done', undo: (canUndo && n > 0) || Boolean(trouble) });
  if (last && n) keep({ undo: { bulk: last, said } });
  ticked.clear();
  refresh();
}
