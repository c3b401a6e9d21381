// Ways to a note and to a screen.
import { closest, find } from '../browser/dom.js';
import { open } from '../review/note/note.js';

/** @param {string} name */
const tab = (name) => find(`[role="tab"][data-tab-id="${name}"]`);

/**
 * Shows a note, or the next one for none; what follows it is as it was, or as `walk` says (see queue_position.js).
 * @param {number | null} note
 * @param {string} [walk]
 */
export function openNote(note, walk) { tab('review')?.click(); open(note, { walk }); }

document.addEventListener('click', (event) => {
  const row = closest(event, '[data-note]');
  if (row && (event.ctrlKey || event.metaKey || closest(event, '.tick'))) return;  // another tab; a tick
  if (row) { event.preventDefault(); openNote(Number(row.dataset.note), row.closest('[data-walk]')?.dataset.walk); return; }
  const to = closest(event, '[data-tab]');
  if (to) { event.preventDefault(); tab(to.dataset.tab)?.click(); }
});
