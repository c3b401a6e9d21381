// The line across the page while the desk is away, its disk is full or the sign-in has ended.
import { byId, make } from '../browser/dom.js';
import { listen } from '../browser/events.js';

// While the disk is full the desk can be read only; what is typed and decided waits in this tab and is sent again.
const FULL = 'READ ONLY: the disk of the desk is full. What you type and decide is kept in this tab and saved once there is room. Keep the tab open, and tell whoever runs the desk.';
const ENDED = 'Your sign-in has ended. What you typed is kept in this tab.';

let isFull = false, isOut = false;

export const isSignedOut = () => isOut;

/** @param {string | null} text what is wrong; null for nothing else than the disk and the sign-in */
export function banner(text) {
  const bar = byId('banner') ?? document.body.appendChild(make('div', { id: 'banner' }));
  bar.setAttribute('role', 'alert');
  const said = isFull ? FULL : isOut ? text ?? ENDED : text;
  bar.hidden = !said;
  bar.dataset.kind = isFull ? 'full' : '';
  if (!said && !bar.textContent) return;  // nothing to change, so that nothing is removed while one types
  bar.replaceChildren(said ?? '');
  if (isOut) bar.append(' ', make('a', { href: '/login', target: '_blank' }, 'Sign in again in a new tab'), ', then this one goes on.');
}

/** @param {boolean} gone whether the desk cannot be reached */
export function markAway(gone) {
  document.body.classList.toggle('away', gone);
  if (!gone) banner(null);
}

listen('signedOut', (out) => { if (isOut !== out) { isOut = out; if (!out) banner(null); } });
listen('full', (full) => { if (isFull !== full) { isFull = full; banner(null); } });
