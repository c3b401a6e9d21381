// The days on the export screen: the browser's own date fields. A hidden text box carries each to the server, also one
// that is no day: the browser calls such a field empty, and an export without the limit would be more than was asked for.
(() => {
  'use strict';

  const NO_DAY = 'no whole day';
  const PAUSE_MS = 1000;     // in typing, after which what stands there is meant
  let timer = 0;

  function send(input, value) {
    const carrier = document.querySelector(`#${input.dataset.carrier} :is(input, textarea)`);
    if (!carrier || carrier.value === value) return;
    carrier.value = value;
    carrier.dispatchEvent(new Event('input', { bubbles: true }));
  }

  const dayOf = (event) => event.target.closest?.('input[type="date"][data-carrier]');

  const told = (input) => send(input, input.validity.badInput ? NO_DAY : input.value);

  // While one types, a day is incomplete or of the year 2: no mistake before a pause, or before the field is left.
  function typed(event) {
    const input = dayOf(event);
    if (!input) return;
    clearTimeout(timer);
    if (input.validity.valid) told(input); else timer = setTimeout(() => told(input), PAUSE_MS);
  }
  for (const kind of ['input', 'keyup']) document.addEventListener(kind, typed);
  document.addEventListener('focusout', (event) => { const input = dayOf(event); if (input) { clearTimeout(timer); told(input); } });
})();
