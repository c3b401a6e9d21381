// The note on screen: how it gets there, and those behind it.
import { explain, pause } from '../../browser/api.js';
import { byId, find } from '../../browser/dom.js';
import { announce, listen } from '../../browser/events.js';
import { markAway } from '../../shell/banner.js';
import { begin, fill, hasNote, keys, paint, record } from '../form/form.js';
import { say } from '../form/saved_line.js';
import { labelKeys } from '../keys.js';
import { showDispute } from '../people/adjudication.js';
import { ahead, askFor, chooseWalk, loadAhead, showInAddress, takeNext } from '../queue_position.js';
import { holdDraft, restore, sendDraft, showRefusal } from '../saving/drafts.js';
import { typedFor } from '../saving/typed.js';
import { built, plainText, strengthen } from './evidence.js';
import { hold, release } from './pace.js';

/** @typedef {import('../form/form.js').Page} Page */

const RETRY_MS = 2000;     // between attempts to show a note while the server is away

let asked = 0;             // counts the notes that were asked for; only the newest is shown
let fillUntouched = false; // what was not typed into is filled with the suggestion that has arrived

export const noteOnScreen = () => record()?.note ?? null;
export const lacksSuggestion = () => hasNote() && record().suggestion === null && !record().blind;

/** @param {Page} page @param {number | string | null} wanted the note that was asked for */
function show(page, wanted = null) {
  byId('heading').innerHTML = page.heading;                    // the server escaped both
  byId('note-place').innerHTML = page.note === null ? page.html : `<div class="note-text" tabindex="-1" dir="auto">${page.html}</div>`;
  begin(page, page.note === null ? '' : plainText());
  if (page.note !== null) {
    restore();
    if (fillUntouched) fill();
    keys().forEach(paint);
  }
  chooseWalk(page.walk);
  showInAddress(page.note ?? wanted);
  fillUntouched = false;
  showDispute(page.adjudication ?? null);
  showRefusal();
  settle();
  announce('shown', null);
  labelKeys();
  if (page.note !== null) lookAhead();
}

function settle() {
  const note = byId('note');
  find('#note .note-text')?.scrollTo(0, 0);
  release();
  // Out of the last note's field, so that keys scroll the new one and Tab goes to its first field.
  const focused = document.activeElement, isAstray = focused === document.body || focused?.closest('#form');
  if (!note?.contains(focused) && isAstray) find('#note :is(.note-text, #all-notes)')?.focus({ preventScroll: true });
  strengthen(null);
}

/**
 * Shows a note, or the next one to review; while the desk is away, tries again until it is back.
 * @param {number | string | null} note
 * @param {{ walk?: string, after?: number }} [how] which notes follow; the note behind which the next one is looked for
 */
export async function open(note, { walk, after } = {}) {
  const mine = ++asked;
  hold();
  holdDraft();
  if (walk !== undefined) chooseWalk(walk);
  for (;;) {
    try {
      const page = await askFor(note, after);
      await built;
      if (mine === asked) { markAway(false); ahead.forget(); show(page, note); }
      return;
    } catch (error) {
      if (mine !== asked) return;
      const isAway = !(/** @type {any} */ (error).status);
      if (isAway) markAway(true);
      say('away', isAway ? 'the desk cannot be reached; the note will show when it is back' : `the note cannot be shown: ${explain(error)}`);
      await pause(RETRY_MS);
      if (mine !== asked) return;
    }
  }
}
listen('open', open);

// Shows what was loaded ahead, or else asks for it.
export function showNext() {
  const note = /** @type {number} */ (record().note), page = takeNext(note);
  asked += 1;
  if (page) show(page); else open(null, { after: note });
}

function lookAhead() {
  const of = record();
  loadAhead(/** @type {number} */ (of.note), () => record() === of);
}

// The notes loaded ahead are not as they were.
export function loadNextAnew() {
  ahead.forget();
  if (hasNote()) lookAhead();
}

// The suggestion that has arrived for the note on screen, in every field that nobody typed into.
export async function showSuggestion() {
  const note = noteOnScreen();
  if (typedFor(note)) await sendDraft();
  fillUntouched = true;
  open(note);
}
