// Numbers and times in words.

/** @param {number} n @param {string} one */
export const plural = (n, one = 'note') => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;

/** @param {string | number} at */
export const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false });

/**
 * A day and a time as they are in the reader's own time.
 * @param {string} at
 * @param {Intl.DateTimeFormatOptions} [how]
 */
export function localTime(at, how) {
  const time = new Date(at);
  return `${time.toLocaleDateString('sv')} ${time.toLocaleTimeString('sv', how)}`;
}

// Times are stored in UTC and shown in the reader's own time.
export function showLocalTimes() {
  for (const time of /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll('time[datetime]:not([data-local])'))) {
    time.dataset.local = '1';
    time.textContent = localTime(time.dateTime, { hour: '2-digit', minute: '2-digit' });
  }
}
