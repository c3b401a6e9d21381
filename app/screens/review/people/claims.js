// Where several people sign in: who else has the note on screen open, and which of the notes loaded ahead are still this
// reviewer's. A page that is closed gives its notes back.
import { post } from '../../browser/api.js';
import { byId } from '../../browser/dom.js';
import { reviewer } from '../../browser/reviewer.js';
import { write } from '../../browser/typing.js';
import { noteOnScreen } from '../note/note.js';
import { ahead } from '../queue_position.js';

let isLeaving = false;

// Everything was given back by whoever signs out.
export function leave() { isLeaving = true; }

/**
 * What the status said of the note that was on screen when it was asked.
 * @param {number | null} note
 * @param {{ held_by?: string | null, claims?: number[] | null }} said
 * @param {number} askedAt
 */
export function hear(note, { held_by: by, claims }, askedAt) {
  if (!claims) return;
  ahead.keep(claims, askedAt);
  const line = byId('held');
  if (!line || note !== noteOnScreen()) return;
  line.hidden = !by;
  write(line, by ? `${by} has this note open` : '');
}

addEventListener('pagehide', () => {
  const notes = [noteOnScreen(), ...ahead.notes].filter(Boolean);
  if (!reviewer.is_local && !isLeaving && notes.length) post('/claims/give-back', { notes }, { keepalive: true });
});
