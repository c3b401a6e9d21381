// The tour: four steps about the desk, shown to every reviewer once. It stands under the note, where it takes room but
// covers nothing, and takes no focus by itself: who does not need it reviews on, with every key as usual.
import { post } from '../browser/api.js';
import { button, byId, closest, find, make } from '../browser/dom.js';
import { keys, record } from './form/form.js';
import { keyShown } from './keys.js';
import { noteOnScreen } from './note/note.js';

const RETRY_MS = 5000;     // between attempts to say that it was seen, while the server is away
/** @param {string} action */
const key = (action) => make('kbd', {}, keyShown(action));

// Title, what is brought into view (tour.css frames what it speaks of), and what it says.
/** @type {[title: string, brings: string | null, says: () => (Node | string)[]][]} */
const STEPS = [
  ['The note', '#note', () => [
    'Where the note says a value, its words are marked in the colour of the value’s field. Click a mark and you are in its field; go to a field and its words stand out.',
  ]],
  ['The fields', '.field', () => [
    'The model filled them in; you decide. A field that asks to be looked at has a ? beside its name: ', key('accept'), ' in it confirms the value and goes to the next that asks. Type to correct a value; an empty field says none. ', hotkeys(), ' go to the fields, ', key('asks'), ' to the next that asks.',
  ]],
  ['Save and next', '#save', () => [
    key('save'), ' saves and shows the next note; while a value asks, it goes there first. ', key('undo'), ' takes the last save back. The line under the buttons says what became of it: saved, or NOT SAVED, and then it is kept in this tab until it is.',
  ]],
  ['The other screens', null, () => [
    'Queue finds notes and imports files. Train turns your corrections into a better model. Progress shows how many are done and how often the model was right. Export downloads what was reviewed. ', key('help'), ' shows every key, and this tour again.',
  ]],
];

/** @type {number | null} */
let step = null;           // the step on screen, from 0; null while there is none
let isWanted = false;      // nobody has ended it yet, so it comes with the first note
let isAsked = false;       // the reviewer opened it
/** @type {any} */
let opener = null;         // where the focus was then

const panel = () => byId('tour-panel');
const isShown = () => step !== null && Boolean(panel()?.offsetParent);

function hotkeys() {
  const all = keys().map((name) => record().fields[name].hotkey);
  return make('kbd', {}, all.length ? `Alt ${all[0]} … ${all.at(-1)}` : 'Alt and a digit');
}

/** @param {string} name @param {string} text @param {() => void} act */
const stepButton = (name, text, act, look = 'plain') => button(text, act, { id: `tour-${name}`, className: look });

// The parts stay while the steps change, so that neither the focus nor a screen reader loses its place.
function build() {
  const said = make('div', {}, make('h2', { id: 'tour-title' }), make('p', { id: 'tour-text' }));
  said.setAttribute('aria-live', 'polite');
  panel().replaceChildren(said, make(
    'p', { className: 'tour-foot' },
    make('span', { className: 'quiet' }, '→ goes on, Esc skips; the desk’s own keys work meanwhile.'),
    stepButton('skip', 'Skip', () => end('skipped')), stepButton('back', 'Back', () => go((step ?? 0) - 1)),
    stepButton('next', 'Next', () => go((step ?? 0) + 1), 'plain strong'),
  ));
}

function paint() {
  const whole = panel();
  if (!whole) return;
  whole.hidden = step === null;
  if (step === null) { delete document.body.dataset.tour; return; }
  document.body.dataset.tour = String(step + 1);
  if (!whole.firstChild) build();
  const [title, , says] = STEPS[step], isLast = step === STEPS.length - 1;
  byId('tour-title').textContent = `Tour ${step + 1} of ${STEPS.length}: ${title}`;
  byId('tour-text').replaceChildren(...says());
  byId('tour-next').textContent = isLast ? 'Done' : 'Next';
  for (const [name, isGone] of Object.entries({ back: step === 0, skip: isLast })) {
    const part = byId(`tour-${name}`);
    if (isGone && document.activeElement === part) byId('tour-next').focus();
    part.hidden = isGone;
  }
}

/** @param {number} to */
function go(to) {
  if (to >= STEPS.length) { end('finished'); return; }
  step = Math.max(0, to);
  paint();
  for (const part of [find(STEPS[step][1] ?? '#brand'), panel()]) part?.scrollIntoView({ block: 'nearest' });
}

/** @param {'skipped' | 'finished'} how */
function end(how) {
  const hadFocus = panel()?.contains(document.activeElement);
  step = null;
  isWanted = isAsked = false;
  paint();
  if (hadFocus) (opener?.offsetParent ? opener : find('#note .note-text'))?.focus({ preventScroll: true });
  opener = null;
  tell(how);
}

/** @param {'skipped' | 'finished'} how */
async function tell(how) {
  const { status } = await post('/tour', { ended: how });
  if (status === 0 || status >= 500) setTimeout(() => tell(how), RETRY_MS);
}

/**
 * Because the reviewer asks for it: the focus goes along, and comes back in the end.
 * @param {Element | null} from
 */
export function openTour(from) {
  find('[role="tab"][data-tab-id="review"]:not([aria-selected="true"])')?.click();
  opener = from ?? null;
  isAsked = true;
  go(0);
  const focus = () => {
    if (!isShown()) { if (step !== null) requestAnimationFrame(focus); return; }
    panel().scrollIntoView({ block: 'nearest' });
    byId('tour-next').focus({ preventScroll: true });
  };
  focus();
}

/**
 * What the store says: how this reviewer ended it, or null. It may have been ended in another window.
 * @param {string | null} ended
 */
export function useTour(ended) {
  isWanted = ended === null && step === null;
  if (ended !== null && step !== null && !isAsked) { step = null; paint(); }
  show();
}

// With the first note; and again where Gradio has built the page anew.
function show() {
  if (isWanted && noteOnScreen() !== null) { isWanted = false; step = 0; }
  if (step !== null && document.body.dataset.desk !== 'busy') paint();
}

new MutationObserver(show).observe(document.body, { attributes: true, attributeFilter: ['data-desk'] });
document.addEventListener('click', (event) => { const from = closest(event, '#tour-open'); if (from) openTour(from); });

// Escape skips wherever nothing else takes it. The others mean something in a field, so they go on only outside.
document.addEventListener('keydown', (event) => {
  if (step === null || !isShown() || event.defaultPrevented || event.isComposing || event.repeat || find('dialog[open]')) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  if (event.key === 'Escape') { end('skipped'); return; }
  const { target } = event;
  if (target !== document.body && !closest(event, '#tour-panel, #note .note-text')) return;
  if (event.key === 'ArrowRight' && step < STEPS.length - 1) go(step + 1);
  else if (event.key === 'ArrowLeft') go(step - 1);
  else if (event.key === 'Enter' && !closest(event, 'button')) go(step + 1);
  else return;
  event.preventDefault();
});
