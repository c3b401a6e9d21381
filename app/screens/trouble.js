// A screen that could not be filled, or an action that nobody answered, says so in a sentence and offers to try again.
// What was never filled is not shown: empty boxes look like settings, and no rows look like no notes.
import { button, byId, make } from './browser/dom.js';

const PATIENCE_MS = 8000;
const NEVER = 'This screen could not be filled', OLDER = 'What you see is out of date: it could not be refreshed';
/** @type {Map<string, number>} */
const waits = new Map();
/** @type {Set<string>} */
const filled = new Set();
/** @param {string} screen */
const lineOf = (screen) => byId(`trouble-${screen}`);

// Why there was no good answer: the desk is away, its store says what is wrong, or its log does.
export async function whyNoAnswer(isSilent = false) {
  try {
    if (isSilent) throw new Error();
    const answer = await fetch('/healthz', { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) return 'the desk has a problem; see its log.';
    return (await answer.json()).detail ?? 'the desk has a problem.';
  } catch { return 'the desk cannot be reached.'; }
}

/**
 * Waits for an answer to what was asked for: the screen itself where that is empty. The clock runs from the first time.
 * @param {string} screen
 */
export function wait(screen, what = '') {
  const name = `${screen} ${what}`;
  if (!waits.has(name)) waits.set(name, setTimeout(() => showFailure(screen, what, true), PATIENCE_MS));
}

/** @param {string} screen @param {string} what */
function endWait(screen, what) {
  clearTimeout(waits.get(`${screen} ${what}`));
  waits.delete(`${screen} ${what}`);
}

/** @param {string} screen */
export async function showFailure(screen, what = '', isSilent = false) {
  endWait(screen, what);
  const line = lineOf(screen);
  if (!line) return;
  line.dataset.what = what;
  line.closest('.tabitem')?.classList.toggle('unfilled', !filled.has(screen));
  const sentence = `${what || (filled.has(screen) ? OLDER : NEVER)}: ${await whyNoAnswer(isSilent)}`;
  const again = button('Try again', () => byId(`fill-${screen}`)?.click(), { hidden: Boolean(what) });
  line.replaceChildren(make('p', {}, sentence), again);
  line.hidden = false;
  line.scrollIntoView({ block: 'nearest' });
}

/** @param {string} screen */
export function showAnswer(screen, what = '', isFilled = false) {
  endWait(screen, what);
  if (isFilled) filled.add(screen);
  const line = lineOf(screen);
  if (!line || (!isFilled && line.dataset.what !== what)) return;
  line.hidden = true;
  line.closest('.tabitem')?.classList.toggle('unfilled', false);
}
