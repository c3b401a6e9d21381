// The status at the top right, asked for every few seconds: the worker, the adapter, and what is new about the note.
import { senderHeaders } from './browser/api.js';
import { byId, closest, find } from './browser/dom.js';
import { announce, listen } from './browser/events.js';
import { write } from './browser/typing.js';
import { lacksSuggestion, noteOnScreen, showSuggestion } from './review/note/note.js';
import { hear } from './review/people/claims.js';
import { banner, isSignedOut, markAway } from './shell/banner.js';

const LOOK_MS = 5000, LOOK_AGAIN_MS = 1000;

// Whether somebody did something since it was last told: a page that is only open does not stay signed in.
let isActive = true;
for (const kind of ['keydown', 'pointerdown', 'wheel']) addEventListener(kind, () => { isActive = true; }, { capture: true, passive: true });

let failures = 0;
export async function look() {
  if (document.hidden && !isSignedOut()) return;
  const note = noteOnScreen(), askedAt = performance.now();
  try {
    const asked = new URLSearchParams({ ...(note === null ? {} : { note: String(note) }), ...(isActive ? { active: '1' } : {}) });
    isActive = false;
    const answer = await fetch(`/status?${asked}`, { headers: senderHeaders(), signal: AbortSignal.timeout(LOOK_MS) });
    if (answer.status === 401) { announce('signedOut', true); if (byId('banner')?.hidden ?? true) banner(null); return; }
    announce('signedOut', false);
    if (!answer.ok) throw new Error(String(answer.status));
    const status = await answer.json();
    failures = 0;
    announce('full', status.is_full);
    markAway(false);
    sayWorker(status.worker);
    sayAdapter(status.adapter ?? 'no adapter');
    const isWaiting = note === noteOnScreen() && lacksSuggestion();
    offer(isWaiting && note !== null && status.has_suggestion);
    sayRead(isWaiting ? status.share_read : null);
    hear(note, status, askedAt);
  } catch {
    failures += 1;
    if (failures > 1) { markAway(true); sayWorker({ state: 'away', sentence: 'the desk cannot be reached' }); }
  }
}

let adapter = '', isHidden = false;
/** @param {string} name */
function sayAdapter(name) { adapter = name; if (byId('adapter-name')) write(byId('adapter-name'), isHidden ? 'names hidden' : adapter); }

/** @param {boolean} on whether adapters are compared whose names are not to be known */
export function hideAdapter(on) { isHidden = on; sayAdapter(adapter); }

/** @param {{ state: string, sentence: string } | undefined} status */
function sayWorker(status) {
  const line = byId('worker');
  if (!line || !status) return;
  line.dataset.state = status.state;
  write(line, status.sentence);
  line.title = status.sentence;
}

/** @param {boolean} on whether a suggestion has arrived for a note that was shown without one */
function offer(on) { const line = byId('offer'); if (line) line.hidden = !on; }

// How far the model has read a long note for which the reviewer waits; meanwhile it is asked for more often.
let again = 0;
/** @param {number | null} share */
function sayRead(share) {
  const line = byId('read');
  clearTimeout(again);
  if (!line) return;
  line.hidden = share === null;
  if (share === null) return;
  find('progress', line).value = share;
  write(find('.word', line), share < 1 ? `the model has read ${Math.floor(100 * share)} % of this note` : 'the model has read this note and is writing its answer');
  again = setTimeout(look, LOOK_AGAIN_MS);
}

setInterval(look, LOOK_MS);
document.addEventListener('visibilitychange', look);
listen('shown', look);
document.addEventListener('click', (event) => { if (closest(event, '#offer')) { offer(false); showSuggestion(); } });
