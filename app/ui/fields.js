// What stands beside each field of the review screen: how sure the model is, how the value rests on the note, and other
// values. Each is told by a word and a shape, never by colour alone. Values are written with textContent or value.
(() => {
  'use strict';

  const CONFIDENCE = { agree: ['=', 'they agree'], differ: ['≠', 'THEY DIFFER'], sure: ['✓', 'sure'], look: ['▲', 'look'], offered: ['◇', 'offered'], confirmed: ['✔', 'confirmed'], edited: ['✎', 'yours'], cleared: ['∅', 'cleared'], none: ['', ''] };
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

  function paintOthers(side, shown) {
    const part = side.querySelector('.others');
    const keys = ['first', 'second'].map((action) => window.keys.shown(window.keys.keyOf(action)));
    const now = JSON.stringify([shown, keys]);
    if (part.dataset.shown === now) return;
    part.dataset.shown = now;
    part.replaceChildren(...shown.map(({ other, label, why, n }, position) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.tabIndex = position === 0 ? 0 : -1;
      button.dataset.value = JSON.stringify(other);
      button.textContent = label ?? other ?? 'none';
      button.title = label ? `${other} (${why})` : why;
      if (n) button.append(Object.assign(document.createElement('small'), { textContent: ` ${n}×` }));
      if (other === null) button.className = 'null';
      if (keys[position]) { button.dataset.key = keys[position]; button.setAttribute('aria-keyshortcuts', keys[position].replaceAll(' ', '+')); }
      return button;
    }));
    part.hidden = !shown.length;
  }

  // What the reviewer changed, word by word: the model's words that are gone struck out, the new ones underlined.
  function difference(said, value) {
    const old = (said ?? '').split(/(\s+)/), now = (value ?? '').split(/(\s+)/);
    const length = Array.from({ length: old.length + 1 }, () => new Array(now.length + 1).fill(0));
    for (let a = old.length - 1; a >= 0; a -= 1) for (let b = now.length - 1; b >= 0; b -= 1) length[a][b] = old[a] === now[b] ? length[a + 1][b + 1] + 1 : Math.max(length[a + 1][b], length[a][b + 1]);
    const parts = [];
    const add = (tag, text) => { if (parts.at(-1)?.tag === tag) parts.at(-1).text += text; else parts.push({ tag, text }); };
    let a = 0, b = 0;
    while (a < old.length || b < now.length) {
      if (a < old.length && b < now.length && old[a] === now[b]) { add('span', old[a]); a += 1; b += 1; }
      else if (b >= now.length || (a < old.length && length[a + 1][b] >= length[a][b + 1])) { add('del', old[a]); a += 1; }
      else { add('ins', now[b]); b += 1; }
    }
    if (!parts.some(({ tag, text }) => tag === 'span' && text.trim())) return [said ?? 'none'];  // nothing in common
    return parts.filter(({ text }) => text).map(({ tag, text }) => Object.assign(document.createElement(tag), { textContent: text }));
  }

  // The state of a field in one word: what the model thinks of its own value until a person says otherwise.
  function wordOf(field, { value, suggested, settled }) {
    // Where reviewers were asked, what they said counts rather than what the model did.
    if (['agree', 'differ'].includes(field.word)) return !settled ? field.word : value === field.value ? 'confirmed' : value === null ? 'cleared' : 'edited';
    if (!suggested) return settled ? 'edited' : 'none';
    if (value === field.suggested) return settled ? 'confirmed' : field.word;
    if (!settled && field.offered && value === field.offered.value) return 'offered';
    return value === null ? 'cleared' : 'edited';
  }

  const asks = (field, state) => !state.settled && (state.all || ['look', 'offered', 'differ'].includes(wordOf(field, state)));

  function paint(key, box, field, state) {
    const side = document.querySelector(`.side[data-field="${key}"]`);
    if (!side) return;
    const { value } = state;
    const word = wordOf(field, state);
    const percent = Math.round(100 * (field.confidence ?? 0));
    side.dataset.word = word;
    told(side.querySelector('.confidence'), CONFIDENCE[word]);
    // A server that gives no probabilities leaves the confidence unknown, which is not the same as none.
    const unknown = !['sure', 'look', 'confirmed'].includes(word) || field.confidence === null;
    side.querySelector('.percent').textContent = unknown ? '' : `${field.raw ? 'raw ' : ''}${percent} %`;
    side.querySelector('.percent').title = field.raw ? 'Not calibrated: the model’s own probability, as a rule too high' : '';
    side.querySelector('.bar').style.setProperty('--share', `${percent}%`);
    const differs = ['edited', 'cleared', 'offered'].includes(word) && state.suggested;
    side.querySelector('.model').hidden = !differs;
    const said = side.querySelector('.said');
    if (differs && field.suggested !== null && value !== null) said.replaceChildren(...difference(field.suggested, value)); else said.textContent = field.suggested ?? 'none';
    const part = document.getElementById(`field-${key}`);
    part?.classList.toggle('edited', differs);
    part?.closest('.field')?.classList.toggle('asks', asks(field, state));
    paintGrounding(side, box, field, value);
    paintOthers(side, window.completion.choices(field, { ...state, isSure: ['sure', 'agree', 'confirmed'].includes(word) }));
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

  window.fields = { asks, paint, type, moved };
})();
