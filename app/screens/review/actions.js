// What a key press, a click or typing on the review screen does; `review.js` does it.
(() => {
  'use strict';

  const { desk } = window;
  const $ = (id) => document.getElementById(id);

  function accept() {
    const key = desk.focusedField();
    if (!key || !desk.record().fields[key]) return;
    desk.confirm(key);
    if (!desk.toAsking()) desk.say('hint', `Every field that asks is looked at: ${window.keys.shown(window.keys.keyOf('save'))} saves.`);
  }

  function take(key, place) {
    const button = document.querySelectorAll(`.side[data-field="${key}"] .others:not([hidden]) button:not([hidden])`)[place];
    if (button) desk.put(key, JSON.parse(button.dataset.value));
  }

  const inField = (act) => () => { const key = desk.focusedField(); if (key && desk.record()?.fields[key]) act(key); };
  const ACTIONS = {
    save: () => desk.decide('submitted'), skip: () => desk.decide('skipped'), flag: () => desk.decide('flagged'),
    previous: () => desk.previous(), undo: () => desk.undo(), accept,
    acceptAll: () => { desk.keys().forEach(desk.confirm); desk.say('hint', 'Every field is confirmed as it stands.'); },
    asks: () => { if (!desk.toAsking()) desk.say('hint', 'No field asks to be looked at.'); },
    first: inField((key) => take(key, 0)), second: inField((key) => take(key, 1)), clear: inField((key) => desk.put(key, null)),
    comment: () => desk.comment()?.focus(),
    offer: () => $('offer-make')?.click(),
    history: () => window.past.show(),
    help: () => window.keys.sheet(),
  };

  // Where text of the note is selected, a field's key puts it into the field; with Shift it is added.
  function toField(key, add) {
    const selection = getSelection(), within = $('note')?.contains(selection.anchorNode) && $('note').contains(selection.focusNode);
    const text = within ? selection.toString().replace(/\s+/g, ' ').trim() : '';
    if (!text) { desk.box(key)?.focus(); desk.box(key)?.select(); return; }
    const before = desk.valueOf(key), separator = desk.aid().separators[key];
    desk.put(key, add && before && separator ? `${before}${separator}${text}` : text);
  }

  document.addEventListener('click', (event) => {
    const target = event.target.closest?.('#save, #skip, #flag, #previous, #undo');
    if (target) { event.preventDefault(); ACTIONS[target.id](); return; }
    if (event.target.closest?.('#keys-open')) { window.keys.sheet(); return; }
    const mark = event.target.closest?.('#note mark');
    if (mark && getSelection().isCollapsed) { desk.box(mark.dataset.fields.split(' ')[0])?.focus(); return; }
    const use = event.target.closest?.('.side .use');
    const other = event.target.closest?.('.side .others button');
    const key = (use ?? other)?.closest('.side').dataset.field;
    if (use) desk.put(key, desk.record().fields[key].suggested);
    if (other) desk.put(key, JSON.parse(other.dataset.value));
  });

  document.addEventListener('keydown', (event) => {
    if (event.isComposing || !$('review')?.offsetParent || document.querySelector('dialog[open]')) { if (window.keys.meant(event)?.action === 'help' && !event.repeat) { event.preventDefault(); window.keys.sheet(); } return; }
    const meant = window.keys.meant(event);
    // Enter means something in a field only; on a button or a row it is that one's.
    if (!meant || (meant.action === 'accept' && !event.target.closest?.('.field textarea, .field input'))) { window.fields.moved(event); return; }
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat) return;
    if (!desk.note()) { if (['undo', 'previous', 'help'].includes(meant.action)) ACTIONS[meant.action](); return; }
    if (meant.action) ACTIONS[meant.action](); else toField(meant.field, meant.add);
  }, true);

  document.addEventListener('input', (event) => {
    if (!event.isTrusted || !desk.record()) return;
    const field = event.target.closest?.('[id^="field-"]');
    if (field) desk.typed(field.id.slice(6)); else if (event.target.closest?.('#comment')) desk.typed(null);
  }, true);

  // A word that was being typed is at its end now.
  document.addEventListener('focusout', (event) => {
    const key = event.target.closest?.('.field [id^="field-"]')?.id.slice(6);
    if (key && desk.record()?.fields[key]) desk.paint(key);
  });

  document.addEventListener('focusin', (event) => {
    if (!event.target.closest?.('#form')) return;
    const key = desk.focusedField();
    window.panels.strengthen(key);
    const line = $('guideline');
    if (line && key) line.textContent = desk.aid().guidelines[key] ?? '';
  });
})();
