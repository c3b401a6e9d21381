// Drafts: whatever is typed is kept in this tab until the server has acknowledged it, and put back after a reload.
import { explain, post } from '../../browser/api.js';
import { announce, listen } from '../../browser/events.js';
import { clock } from '../../browser/words.js';
import { markAway } from '../../shell/banner.js';
import { content, focusedField, forgetTouched, hasNote, keys, paint, putBack, record, valueIn } from '../form/form.js';
import { before, saidState, say } from '../form/saved_line.js';
import { showEvidence, strengthen } from '../note/evidence.js';
import { isBusy } from '../note/pace.js';
import { hideConflict, showConflict } from './conflicts.js';
import { forgetTyped, keepTyped, typedFor } from './typed.js';

/** @typedef {import('../../browser/api.js').Answer} Answer */
/** @typedef {import('../form/form.js').Content} Content */
/** @typedef {import('./conflicts.js').Conflict} Conflict */

const IDLE_MS = 600;       // pause in typing after which a draft is stored
const RETRY_MS = 2000;     // between attempts to store a draft while the server is away

/** @type {Record<number, string>} */
const REASONS = { 0: 'the desk cannot be reached', 401: 'you are signed out', 507: 'the disk is full' };

let timer = 0;
/** @type {Promise<void> | null} */
let onItsWay = null;
/** @type {unknown} */
let comparing = null;      // the note on screen, while what was typed is compared with what stands
/** @type {string[]} */
let unanswered = [];       // drafts that were sent and not answered, the newest last
/** @type {Map<number, Conflict>} */
const refusals = new Map(); // notes whose decision was refused, with the version that stands

export const draftOnItsWay = () => onItsWay;
export const isComparing = () => comparing === record();
// No draft is sent but at the next change.
export const holdDraft = () => clearTimeout(timer);
/** @param {number} note @param {Conflict} conflict */
export const noteRefusal = (note, conflict) => refusals.set(note, conflict);

/** @param {number} ms */
function sendLater(ms) { clearTimeout(timer); timer = setTimeout(sendDraft, ms); }

listen('typed', () => {
  keepTyped(content());
  if (saidState() !== 'away') say('pending', 'typing …');
  sendLater(IDLE_MS);
});

// ---------------------------------------------------------------- sending

export function sendDraft() {
  if (!hasNote() || isBusy()) return onItsWay;
  if (onItsWay) { sendLater(IDLE_MS); return onItsWay; }
  const sent = content(), of = record();
  onItsWay = postDraft(sent).then((answer) => { onItsWay = null; if (record() === of) hearOf(sent, answer); });
  return onItsWay;
}

// A page that is left may be closed next.
export function sendBeforeLeaving() {
  if (!hasNote() || isBusy() || !typedFor(record().note)) return;
  const sent = content();
  postDraft(sent, true).then((answer) => hearOf(sent, answer));
}

/** @param {{ note: number, values: Content['values'], comment: string }} of */
const essence = ({ note, values, comment }) => JSON.stringify([note, Object.entries(values).sort(), comment]);

/**
 * A draft whose answer was lost may have arrived: what the desk then holds is this tab's own, and no other window's.
 * @param {Content} sent
 * @returns {Promise<Answer>}
 */
async function postDraft(sent, keepalive = false) {
  const answer = await post('/drafts', sent, { keepalive }), { theirs } = answer;
  if (answer.status === 0) unanswered = [...unanswered.slice(-50), essence(sent)];
  if (answer.status !== 409 || !theirs?.draft || !unanswered.includes(essence({ ...theirs, note: sent.note }))) return answer;
  return postDraft({ ...sent, draft: theirs.draft }, keepalive);
}

/** @param {Content} sent @param {Answer} answer */
function hearOf(sent, answer) {
  const { status } = answer;
  if (status === 200) {
    record().draft = answer.draft;
    const now = content();
    const isNewest = JSON.stringify([now.values, now.settled, now.comment]) === JSON.stringify([sent.values, sent.settled, sent.comment]);
    if (isNewest) { forgetTyped(now.note); say('saved', `draft saved ${clock(answer.at)}`); showFound(answer); } else sendLater(IDLE_MS);
    markAway(false);
  } else if (status === 409) {
    say('away', 'draft not saved: this note was changed elsewhere');
    showConflict(/** @type {any} */ (answer), discard);
  } else if (status === 0 || status === 401 || status >= 500) {
    say('away', `not saved: ${REASONS[status] ?? 'the desk has a problem'}; kept in this tab`);
    if (!status) markAway(true);
    sendLater(RETRY_MS);
  } else say('away', `not saved: ${typeof answer.detail === 'string' ? answer.detail : 'the desk refused it'}`);
}

/**
 * The evidence of what was typed.
 * @param {Answer} answer
 */
function showFound({ html, grounding }) {
  for (const key of keys()) {
    const value = valueIn(key);
    if (value !== null && grounding?.[key]) record().fields[key].grounding[value] = grounding[key];
    paint(key);
  }
  showEvidence(html);
  if (focusedField()) strengthen(focusedField());
}

// ---------------------------------------------------------------- a note arrives

export function restore() {
  const { note, draft_at: at, draft_is_old: isOld, revision, state } = record(), typed = typedFor(note);
  if (!typed) {
    const drafted = at ? `draft saved ${clock(at)}` : '', said = before.outcome || drafted;
    if (isOld) say('hint', 'This note was decided after your draft; your draft is in the form.');
    else say(said ? 'saved' : 'none', said);
    before.outcome = '';
    return;
  }
  putBack(typed);
  const isChanged = typed.revision !== revision && state !== 'todo' && state !== 'draft';
  say('pending', isChanged ? 'not saved: this note was decided while you typed; your values are back in the form' : 'not saved yet; restored from this tab');
  if (!isChanged) sendLater(0); else if (!refusals.has(/** @type {number} */ (note))) compare(typed);
}

// Both versions of a note whose decision was refused; once.
export function showRefusal() {
  const note = /** @type {number} */ (record().note), conflict = refusals.get(note);
  refusals.delete(note);
  if (conflict) showConflict(conflict, discard); else hideConflict();
}

/**
 * What was typed before a reload, beside what was decided meanwhile; until it is there nothing is saved.
 * @param {import('./typed.js').Typed} typed
 */
async function compare({ revision, suggestion, values, settled }) {
  const of = record();
  comparing = of;
  const answer = await post('/conflicts', { note: of.note, revision, suggestion: suggestion ?? null, values, settled: settled ?? [] });
  if (comparing === of) comparing = null;
  if (record() === of && answer.theirs) showConflict(/** @type {any} */ (answer), discard);
}

async function discard() {
  holdDraft();
  const { note } = record(), answer = await post('/drafts/discard', { note });
  if (answer.status !== 200) { say('away', `the draft is still there: ${explain(answer)}`); return; }
  forgetTyped(note);
  forgetTouched();
  announce('open', note);
}
