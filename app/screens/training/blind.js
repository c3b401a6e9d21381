// The blind comparison by keyboard; a key that is held down must not judge notes that nobody has read.
import { byId } from '../browser/dom.js';

/** @type {Record<string, string>} */
const SIDES = { Digit1: 'blind-left', Digit2: 'blind-same', Digit3: 'blind-right', KeyS: 'blind-skip' };

document.addEventListener('keydown', (event) => {
  const panel = byId('blind');
  if (!panel?.offsetParent) return;
  if (event.repeat && event.key === 'Enter' && panel.contains(event.target)) { event.preventDefault(); return; }
  const side = event.altKey && !event.ctrlKey && byId(SIDES[event.code]);
  if (!side?.offsetParent) return;
  event.preventDefault();
  if (!event.repeat) side.click();
});
