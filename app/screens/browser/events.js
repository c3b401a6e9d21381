// What one script tells others that it does not know: who imports a script is never called by it.

/**
 * @typedef {object} Events
 * @property {boolean} signedOut whether the sign-in has ended
 * @property {boolean} full whether the disk of the desk is full
 * @property {number | null} open a note to show, or the next one
 * @property {null} typed something on the review screen was changed
 * @property {null} shown another note is on screen
 */

const target = new EventTarget();

/** @template {keyof Events} K @param {K} name @param {Events[K]} detail */
export function announce(name, detail) {
  target.dispatchEvent(new CustomEvent(name, { detail }));
}

/** @template {keyof Events} K @param {K} name @param {(detail: Events[K]) => void} handler */
export function listen(name, handler) {
  target.addEventListener(name, (event) => handler(/** @type {CustomEvent<Events[K]>} */ (event).detail));
}
