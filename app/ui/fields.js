// What stands beside each field of the review screen: how sure the model is, how the value rests on the note, and other
// values. Each is told by a word and a shape, never by colour alone. Values are written with textContent or value.
(() => {
  'use strict';

  const CONFIDENCE = { sure: ['✓', 'sure'], look: ['▲', 'look'], edited: ['✎', 'yours'], none: ['', ''] };
  const GROUNDING = {
    exact: ['●', 'in the note'],
    fuzzy: ['≈', 'similar wording'],
    synonym: ['⇄', 'synonym'],
    inferred: ['∴', 'inferred'],
    not_found: ['✕', 'NOT FOUND IN THE NOTE'],
  };

  function told(part, [shape, word]) {
    part.querySelector('.shape').textContent = shape;
    part.querySelector('.word').textContent = word;
  }

  // How a value rests on the note; nothing while the server has not looked for what is being typed.
  function paintGrounding(side, box, field, value) {
    const part = side.querySelector('.grounding');
    const found = value !== null && Object.hasOwn(field.grounding, value) ? field.grounding[value] : null;
    const kind = found?.kind ?? 'none';
    const [shape, word] = GROUNDING[kind] ?? ['', ''];
    const parts = (found?.missing ?? []).filter((missing) => missing !== value).join('; ');
    const alarm = kind === 'not_found';
    side.dataset.grounding = kind;
    told(part, [shape, alarm && parts ? `${word}: ${parts}` : word]);
    part.title = kind === 'inferred' && parts ? `not said in so many words: ${parts}` : '';
    box?.setAttribute('aria-describedby', part.id);
    box?.closest('[id^="field-"]')?.classList.toggle('unfounded', alarm);
  }

  function paintOthers(side, field, value) {
    const part = side.querySelector('.others');
    const shown = field.alternatives.map((other, place) => ({ other, place })).filter(({ other }) => other !== value && (other !== null || value !== null));
    const now = JSON.stringify(shown);
    if (part.dataset.shown === now) return;
    part.dataset.shown = now;
    part.replaceChildren(...shown.map(({ other, place }, position) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.tabIndex = position === 0 ? 0 : -1;
      button.dataset.place = String(place);
      button.textContent = other ?? 'none';
      button.title = other ?? 'no value';
      if (other === null) button.className = 'null';
      return button;
    }));
    part.hidden = !shown.length;
  }

  function paint(key, box, field, { value, suggested }) {
    const side = document.querySelector(`.side[data-field="${key}"]`);
    if (!side) return;
    const word = !suggested ? 'none' : value === field.suggested ? field.word : 'edited';
    const percent = Math.round(100 * (field.confidence ?? 0));
    side.dataset.word = word;
    told(side.querySelector('.confidence'), CONFIDENCE[word]);
    // A server that gives no probabilities leaves the confidence unknown, which is not the same as none.
    const unknown = word === 'edited' || word === 'none' || field.confidence === null;
    side.querySelector('.percent').textContent = unknown ? '' : `${percent} %`;
    side.querySelector('.bar').style.setProperty('--share', `${percent}%`);
    side.querySelector('.model').hidden = word !== 'edited';
    side.querySelector('.said').textContent = field.suggested ?? 'none';
    document.getElementById(`field-${key}`)?.classList.toggle('edited', word === 'edited');
    paintGrounding(side, box, field, value);
    paintOthers(side, field, value);
  }

  // Puts a value into a box as if it were typed: the browser's own undo takes it back.
  function type(box, value) {
    if (!box) return;
    box.focus();
    if (box.value === value) return;
    box.select();
    document.execCommand(value ? 'insertText' : 'delete', false, value);
    if (box.value === value) return;
    box.value = value;
    box.dispatchEvent(new Event('input', { bubbles: true }));
  }

  // Alt and the arrow down lead from a box to its other values, the arrows along them, Escape back.
  function moved(event) {
    const row = event.target.closest?.('.field');
    const buttons = [...(row?.querySelectorAll('.others:not([hidden]) button') ?? [])];
    const place = buttons.indexOf(document.activeElement);
    let next = null;
    if (place < 0) {
      if (event.altKey && event.key === 'ArrowDown') next = buttons[0] ?? null;
    } else if (event.key === 'ArrowRight' || event.key === 'ArrowDown') next = buttons[(place + 1) % buttons.length];
    else if (event.key === 'ArrowLeft') next = buttons[(place + buttons.length - 1) % buttons.length];
    else if (event.key === 'Escape' || event.key === 'ArrowUp') next = row.querySelector('textarea, input');
    if (!next) return false;
    event.preventDefault();
    next.focus();
    return true;
  }

  window.fields = { paint, type, moved };
})();
