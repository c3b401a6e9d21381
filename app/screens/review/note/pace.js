// When the note on screen may be decided: not while the next one is on its way, nor before it was seen for a moment. And
// for how long it was looked at.
import { byId } from '../../browser/dom.js';

const DWELL_MS = 400;      // a note must have been on screen this long before it can be decided

let busy = false;          // no note can be decided: the next one is on its way
let shownAt = 0;
let visibleMs = 0;
/** @type {number | null} */
let visibleSince = null;
let dwell = 0;

/** @param {string} name */
const phase = (name) => { document.body.dataset.desk = name; };

export const isBusy = () => busy;
export const canDecide = () => !busy && performance.now() - shownAt >= DWELL_MS;
export const leadTime = () => Math.round(visibleMs + (visibleSince === null ? 0 : performance.now() - visibleSince));

/** @param {boolean} on */
function setBusy(on) {
  busy = on;
  const form = byId('form');
  if (form) form.inert = on;
}

// From here on nothing can be typed or decided, until a note is there.
export function hold() {
  setBusy(true);
  phase('busy');
}

// A note is on screen.
export function release() {
  setBusy(false);
  shownAt = performance.now();
  visibleMs = 0;
  visibleSince = document.hidden ? null : shownAt;
  phase('settling');
  clearTimeout(dwell);
  dwell = setTimeout(() => { if (!busy) phase('ready'); }, DWELL_MS);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) { visibleSince = performance.now(); return; }
  if (visibleSince !== null) visibleMs += performance.now() - visibleSince;
  visibleSince = null;
});
