// The line under the buttons: whether what was typed is saved, and what became of the note before.
import { byId } from '../../browser/dom.js';
import { write } from '../../browser/typing.js';

// What became of the note before; said once, with the next note.
export const before = { outcome: '' };

/** @typedef {'none' | 'pending' | 'saved' | 'away' | 'hint'} State */

/** @param {State} state @param {string} text */
export function say(state, text) {
  const line = byId('saved');
  if (!line) return;
  line.dataset.state = state;
  write(line, text);
}

/** @returns {State | undefined} */
export const saidState = () => byId('saved')?.dataset.state;
