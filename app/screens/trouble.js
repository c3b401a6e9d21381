// A screen that could not be filled, or an action that nobody answered, says so in a sentence and offers to try again.
// What was never filled is not shown: empty boxes look like settings, and no rows look like no notes.
(() => {
  'use strict';

  const PATIENCE_MS = 8000;
  const NEVER = 'This screen could not be filled', OLDER = 'What you see is older: it could not be refreshed';
  const waits = new Map(), filled = new Set();
  const $ = (id) => document.getElementById(id);
  const line = (screen) => $(`trouble-${screen}`);

  // Why there was no good answer: the desk is away, its store says what is wrong, or its log does.
  async function why(isSilent = false) {
    try {
      if (isSilent) throw new Error();
      const answer = await fetch('/healthz', { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.ok) return 'the desk has a problem, and its log says which.';
      return (await answer.json()).detail ?? 'the desk has a problem.';
    } catch { return 'the desk cannot be reached.'; }
  }

  // `what` was asked for: the screen itself where it is empty. The clock runs from the first time that it was.
  function wait(screen, what = '') {
    const name = `${screen} ${what}`;
    if (!waits.has(name)) waits.set(name, setTimeout(() => failed(screen, what, true), PATIENCE_MS));
  }
  function end(screen, what) {
    clearTimeout(waits.get(`${screen} ${what}`));
    waits.delete(`${screen} ${what}`);
  }

  async function failed(screen, what = '', isSilent = false) {
    end(screen, what);
    const place = line(screen);
    if (!place) return;
    place.dataset.what = what;
    place.closest('.tabitem')?.classList.toggle('unfilled', !filled.has(screen));
    const sentence = `${what || (filled.has(screen) ? OLDER : NEVER)}: ${await why(isSilent)}`, again = window.shell.make('button', 'Try again', 'plain');
    Object.assign(again, { type: 'button', hidden: Boolean(what), onclick: () => $(`fill-${screen}`)?.click() });
    place.replaceChildren(window.shell.make('p', sentence), again);
    place.hidden = false;
    place.scrollIntoView({ block: 'nearest' });
  }

  function answered(screen, what = '', isFilled = false) {
    end(screen, what);
    if (isFilled) filled.add(screen);
    const place = line(screen);
    if (!place || (!isFilled && place.dataset.what !== what)) return;
    place.hidden = true;
    place.closest('.tabitem')?.classList.toggle('unfilled', false);
  }

  window.trouble = { answered, failed, wait, why };
})();
