// What is kept in this tab, as JSON. A browser may have its storage switched off; then nothing is kept.

/** @param {string} key */
export function read(key) {
  try { return JSON.parse(sessionStorage.getItem(key) ?? 'null'); } catch { return null; }
}

/** @param {string} key @param {unknown} value */
export function write(key, value) {
  try { sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* switched off, or full */ }
}

/** @param {string} key */
export function remove(key) {
  try { sessionStorage.removeItem(key); } catch { /* switched off */ }
}

/** @param {string} start */
export function keysFrom(start) {
  try { return Object.keys(sessionStorage).filter((key) => key.startsWith(start)); } catch { return []; }
}
