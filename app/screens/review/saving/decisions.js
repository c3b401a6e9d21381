// Decisions: the next note shows at once, and the decision is on its way, kept in this tab until the desk has it.
import { explain, post } from '../../browser/api.js';
import { byId, find } from '../../browser/dom.js';
import { listen } from '../../browser/events.js';
import { read, write } from '../../browser/storage.js';
import { clock } from '../../browser/words.js';
import { banner, markAway } from '../../shell/banner.js';
import { whyAsked } from '../form/field_state.js';
import { changes, comment, confirm, content, focusedField, groupOf, hasNote, keysAsking, record, toAsking } from '../form/form.js';
import { before, saidState, say } from '../form/saved_line.js';
import { built, notice } from '../note/evidence.js';
import { noteOnScreen, open, showNext } from '../note/note.js';
import { canDecide, hold, isBusy } from '../note/pace.js';
import { ahead } from '../queue_position.js';
import { offerCopies } from '../relatives/copies.js';
import { leadsToChoice } from './conflicts.js';
import { draftOnItsWay, holdDraft, isComparing, noteRefusal, sendDraft } from './drafts.js';
import { hideOffer, offerElsewhere } from './offers.js';
import { outbox } from './on_their_way.js';
import { forgetTyped, keepTyped, typedFor } from './typed.js';

/** @typedef {import('../../browser/api.js').Answer} Answer */
/** @typedef {import('./outbox.js').Entry} Entry */
/** @typedef {'submitted' | 'skipped' | 'flagged'} Status */

/** @type {{ note: number, revision: number | null, opinion?: number } | null} */
let last = null;           // the decision that Undo takes back
let isExplained = false;   // what one press confirms together
listen('shown', () => { isExplained = false; });

// Notes decided in this tab, for Previous: ids only.
const VISITED = 'caseloop:visited', MAX_VISITED = 200;
/** @returns {number[]} */
const readVisited = () => read(VISITED) ?? [];

/** @param {Status} status */
export function decide(status) {
  if (!hasNote() || !canDecide()) return;
  if (status === 'flagged' && !comment()?.value.trim()) {
    comment()?.focus();
    say('hint', 'Say briefly what is wrong, then flag again.');
    return;
  }
  if (isComparing() || leadsToChoice() || (status === 'submitted' && !isLookedAt())) return;
  holdDraft();
  const token = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const name = find('#note-head h2')?.textContent ?? 'the note';
  const decided = { ...content(), status, token }, { note } = decided;
  // A draft that arrives after its decision would only be refused.
  outbox.push({ content: decided, name, changes: changes() }, draftOnItsWay());
  forgetTyped(note);
  last = { note, revision: null };
  write(VISITED, [...readVisited().filter((other) => other !== note), note].slice(-MAX_VISITED));
  before.outcome = '';
  hideOffer();
  if (ahead.isEmpty) { hold(); say('pending', 'saving …'); return; }
  showNext();
  say('pending', `saving ${name} …`);
}

/**
 * Whether every value that asks was looked at. Pressed again, Save confirms the one in focus and goes on to the next; what
 * is confirmed together is explained first.
 */
function isLookedAt() {
  const key = focusedField();
  const all = key && keysAsking().includes(key) ? groupOf(key) : [];
  if (all.length < 2 || isExplained) all.forEach(confirm);
  const left = keysAsking();
  if (!left.length) return true;
  toAsking();
  const now = groupOf(focusedField() ?? left[0]);
  isExplained ||= now.length > 1;
  say('hint', whyAsked(record(), left, now));
  return false;
}

// ---------------------------------------------------------------- what becomes of them

outbox.tell({ saved: settleSaved, refused: settleRefused, waiting: showWaiting });

/** @param {Entry} entry @param {Answer} answer */
function settleSaved(entry, answer) {
  markAway(false);
  const { note, status } = entry.content;
  if (last?.note === note) last = { note, revision: answer.revision, opinion: answer.opinion };
  const how = answer.is_decided ? `revision ${answer.revision}` : 'as your opinion';
  before.outcome = `${entry.name} ${status === 'submitted' ? 'saved' : status} ${clock(answer.at)}, ${how}`;
  const isWaitedFor = isBusy() && noteOnScreen() === note;
  if (record() && saidState() !== 'hint' && saidState() && !typedFor(noteOnScreen())) {
    say('saved', before.outcome);
    if (!isWaitedFor) before.outcome = '';
  }
  built.then(() => { byId('undo').hidden = false; });  // after a reload the answer may be there before the form
  if (answer.seeded) {
    notice(`A test: on ${entry.name} the desk had put a wrong value into ${answer.seeded}, and it was saved. The note is open again with the model's own value.`, note);
    ahead.forget();
  } else if (status === 'submitted' && answer.copies) { hideOffer(); offerCopies(note, entry.name, answer.copies); }
  else if (status === 'submitted') offerElsewhere(entry);
  if (isWaitedFor) showNext();
}

/** @param {Entry} entry @param {Answer} answer */
function settleRefused(entry, answer) {
  const { note } = entry.content;
  keepTyped(entry.content);
  say('away', `${entry.name} is not saved`);
  notice(`NOT SAVED: ${entry.name}. ${typeof answer.detail === 'string' ? answer.detail : 'The desk refused it.'}`, note);
  if (answer.theirs) noteRefusal(note, /** @type {any} */ (answer));
  if (noteOnScreen() === note) open(note);
}

/** @param {number} n @param {Answer} answer */
function showWaiting(n, answer) {
  const detail = typeof answer.detail === 'string' ? answer.detail : 'the desk has a problem';
  const reason = answer.status === 0 ? 'the desk cannot be reached' : answer.status === 507 ? 'the disk is full' : detail;
  say('away', `not saved: ${reason}; kept in this tab`);
  banner(`NOT SAVED: ${reason}. ${n === 1 ? 'One decision waits' : `${n} decisions wait`} in this tab and will be saved when the desk is back. Keep the tab open.`);
  if (answer.status === 0) markAway(true);
}

// ---------------------------------------------------------------- the way back

export async function undo() {
  if (!last) { say('hint', 'Nothing saved in this tab to undo; the queue lists every note.'); return; }
  const { note } = last, unsent = outbox.take(note);
  if (unsent) {
    keepTyped(unsent.content);
  } else {
    await outbox.flush();
    const { revision, opinion } = last ?? { revision: null };
    if (revision === null) { say('hint', 'The save is still on its way; try again in a moment.'); return; }
    const answer = await post('/decisions/undo', { note, revision, opinion, token: `${note}-${revision}-${Date.now()}` });
    if (answer.status !== 200) { say('away', `not undone: ${explain(answer)}`); return; }
  }
  last = null;
  ahead.forget();
  byId('undo').hidden = true;
  hideOffer();
  before.outcome = 'undone: the note waits again, with what you had decided';
  open(note);
}

export async function previous() {
  if (isBusy()) return;
  if (typedFor(noteOnScreen())) await sendDraft();
  const list = readVisited(), note = list.pop();
  write(VISITED, list);
  if (note === undefined) say('hint', 'This is the first note in this tab; the queue lists every note.'); else open(note);
}
