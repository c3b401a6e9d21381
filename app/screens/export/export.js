// The format and the days on the export screen: the browser's own fields. A hidden text box carries each to the server,
// also what is no day: the browser calls such a field empty, and an export without the limit would be more than was asked for.
import { closest, find } from '../browser/dom.js';

const NO_DAY = 'no whole day';
const PAUSE_MS = 1000;     // in typing, after which what stands there is meant
let timer = 0;

/** @param {HTMLInputElement} input */
function send(input) {
  const value = input.validity.badInput ? NO_DAY : input.value;
  const carrier = find(`#${input.dataset.carrier} :is(input, textarea)`);
  if (!carrier || carrier.value === value) return;
  carrier.value = value;
  carrier.dispatchEvent(new Event('input', { bubbles: true }));
}

/** @param {Event} event */
const dayOf = (event) => closest(event, 'input[type="date"][data-carrier]');

// While one types, a day is incomplete or of the year 2: no mistake before a pause, or before the field is left.
/** @param {Event} event */
function type(event) {
  const input = dayOf(event);
  if (!input) return;
  clearTimeout(timer);
  if (input.validity.valid) send(input); else timer = setTimeout(() => send(input), PAUSE_MS);
}

for (const kind of ['input', 'keyup']) document.addEventListener(kind, type);
document.addEventListener('change', (event) => {
  const input = closest(event, 'input[type="radio"][data-carrier]');
  if (input?.checked) send(input);
});
document.addEventListener('focusout', (event) => { const input = dayOf(event); if (input) { clearTimeout(timer); send(input); } });
