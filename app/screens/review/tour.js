// The tour: four steps about the desk, shown to every reviewer once. It stands under the note, where it takes room but
// covers nothing, and takes no focus by itself: who does not need it reviews on, with every key as usual.
(() => {
  'use strict';

  const RETRY_MS = 5000;     // between attempts to say that it was seen, while the server is away
  const $ = (id) => document.getElementById(id);
  const { make } = window.shell;
  const key = (action) => make('kbd', window.keys.shown(window.keys.keyOf(action)));

  // Title, what is brought into view (tour.css frames what it speaks of), and what it says.
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

  let step = null;           // the step on screen, from 0; null while there is none
  let isWanted = false;      // nobody has ended it yet, so it comes with the first note
  let isAsked = false;       // the reviewer opened it
  let opener = null;         // where the focus was then

  const panel = () => $('tour-panel');
  const isShown = () => step !== null && Boolean(panel()?.offsetParent);

  function hotkeys() {
    const all = window.desk.keys().map((name) => window.desk.record().fields[name].hotkey);
    return make('kbd', all.length ? `Alt ${all[0]} … ${all.at(-1)}` : 'Alt and a digit');
  }

  function button(name, text, act, look = 'plain') {
    return Object.assign(make('button', text, look), { type: 'button', id: `tour-${name}`, onclick: act });
  }

  // The parts stay while the steps change, so that neither the focus nor a screen reader loses its place.
  function build() {
    const said = make('div');
    said.setAttribute('aria-live', 'polite');
    said.append(Object.assign(make('h2'), { id: 'tour-title' }), Object.assign(make('p'), { id: 'tour-text' }));
    const foot = make('p', '', 'tour-foot');
    foot.append(
      make('span', '→ goes on, Esc skips; the desk’s own keys work meanwhile.', 'quiet'),
      button('skip', 'Skip', () => end('skipped')), button('back', 'Back', () => go(step - 1)),
      button('next', 'Next', () => go(step + 1), 'plain strong'),
    );
    $('tour-panel').replaceChildren(said, foot);
  }

  function paint() {
    const part = panel();
    if (!part) return;
    part.hidden = step === null;
    if (step === null) { delete document.body.dataset.tour; return; }
    document.body.dataset.tour = step + 1;
    if (!part.firstChild) build();
    const [title, , text] = STEPS[step], isLast = step === STEPS.length - 1;
    $('tour-title').textContent = `Tour ${step + 1} of ${STEPS.length}: ${title}`;
    $('tour-text').replaceChildren(...text());
    $('tour-next').textContent = isLast ? 'Done' : 'Next';
    for (const [name, isGone] of [['back', step === 0], ['skip', isLast]]) {
      if (isGone && document.activeElement === $(`tour-${name}`)) $('tour-next').focus();
      $(`tour-${name}`).hidden = isGone;
    }
  }

  function go(to) {
    if (to >= STEPS.length) { end('finished'); return; }
    step = Math.max(0, to);
    paint();
    for (const part of [document.querySelector(STEPS[step][1] ?? '#brand'), panel()]) part?.scrollIntoView({ block: 'nearest' });
  }

  function end(how) {
    const hadFocus = panel()?.contains(document.activeElement);
    step = null;
    isWanted = isAsked = false;
    paint();
    if (hadFocus) (opener?.offsetParent ? opener : document.querySelector('#note .note-text'))?.focus({ preventScroll: true });
    opener = null;
    tell(how);
  }

  async function tell(how) {
    const { status } = await window.outbox.post('/tour', { ended: how });
    if (status === 0 || status >= 500) setTimeout(() => tell(how), RETRY_MS);
  }

  // Because the reviewer asks for it: the focus goes along, and comes back in the end.
  function open(from) {
    document.querySelector('[role="tab"][data-tab-id="review"]:not([aria-selected="true"])')?.click();
    opener = from ?? null;
    isAsked = true;
    go(0);
    const focus = () => { if (isShown()) { panel().scrollIntoView({ block: 'nearest' }); $('tour-next').focus({ preventScroll: true }); } else if (step !== null) requestAnimationFrame(focus); };
    focus();
  }

  // What the store says: how this reviewer ended it, or null. It may have been ended in another window.
  function use(ended) {
    isWanted = ended === null && step === null;
    if (ended !== null && step !== null && !isAsked) { step = null; paint(); }
    show();
  }

  // With the first note; and again where Gradio has built the page anew.
  function show() {
    if (isWanted && window.desk.note() !== null) { isWanted = false; step = 0; }
    if (step !== null && document.body.dataset.desk !== 'busy') paint();
  }

  document.addEventListener('DOMContentLoaded', () => new MutationObserver(show).observe(document.body, { attributes: true, attributeFilter: ['data-desk'] }));
  document.addEventListener('click', (event) => { const from = event.target.closest?.('#tour-open'); if (from) open(from); });

  // Escape skips wherever nothing else takes it. The others mean something in a field, so they go on only outside.
  document.addEventListener('keydown', (event) => {
    if (!isShown() || event.defaultPrevented || event.isComposing || event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape') { end('skipped'); return; }
    const { target } = event;
    if (target !== document.body && !target.closest?.('#tour-panel, #note .note-text')) return;
    if (event.key === 'ArrowRight' && step < STEPS.length - 1) go(step + 1);
    else if (event.key === 'ArrowLeft') go(step - 1);
    else if (event.key === 'Enter' && !target.closest?.('button')) go(step + 1);
    else return;
    event.preventDefault();
  });

  window.tour = { open, use };
})();
