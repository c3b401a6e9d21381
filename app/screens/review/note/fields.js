// What stands beside each field of the review screen: how sure the model is, how the value rests on the note, and other
// values. Each is told by a word and a shape, never by colour alone. Values are written with textContent or value.
(() => {
  'use strict';

  const CONFIDENCE = { agree: ['=', 'they agree'], differ: ['≠', 'THEY DIFFER'], sure: ['✓', 'sure'], fair: ['~', 'likely'], look: ['▲', 'look'], offered: ['◇', 'offered'], confirmed: ['✔', 'confirmed'], edited: ['✎', 'yours'], cleared: ['∅', 'cleared'], withheld: ['◌', 'left empty'], empty: ['✔', 'left empty'], none: ['', ''] };
  const GROUNDING = {
    exact: ['●', 'in the note'],
    fuzzy: ['≈', 'similar wording'],
    synonym: ['⇄', 'synonym'],
    inferred: ['∴', 'inferred'],
    not_found: ['✕', 'NOT FOUND IN THE NOTE'],
    denied: ['✕', 'ONLY DENIED IN THE NOTE'],
  };
  // Of a suggested value that is not put into the field: why, and the same on its chip.
  const WITHHELD = { unsure: ['too unsure to put in', 'unsure'], not_found: ['not found in the note', 'not found'], denied: ['only denied in the note', 'denied'], inferred: ['only inferred from the note', 'inferred'] };

  const { write } = window.typing;

  function told(part, [shape, word]) {
    write(part.querySelector('.shape'), shape);
    write(part.querySelector('.word'), word);
  }

  // How a value rests on the note: a part that is only denied there counts as not found, and says so.
  function restOf(field, value) {
    const found = value !== null && Object.hasOwn(field.grounding, value) ? field.grounding[value] : null;
    const isDenied = found?.missing.length > 0 && found.missing.length === found.denied.length;
    return { kind: found?.kind ?? 'none', missing: found?.missing ?? [], isDenied, rule: found?.rule ?? null };
  }

  const whyWithheld = (field) => WITHHELD[field.withheld === 'not_found' && restOf(field, field.suggested).isDenied ? 'denied' : field.withheld];

  // By which rule an inferred value follows, under its box; of a value that stays out of the form, beside which it stands.
  function paintRule(side, box, field, { value }, isLeftEmpty) {
    const { rule } = restOf(field, isLeftEmpty ? field.suggested : value), part = side.querySelector('.rule');
    write(part.querySelector('.word'), rule ? `${isLeftEmpty ? 'The model’s value is inferred: ' : ''}${rule}` : '');
    if (part.hidden === Boolean(rule)) part.hidden = !rule;
    box?.setAttribute('aria-describedby', [side.querySelector('.grounding').id, ...(rule ? [part.id] : [])].join(' '));
  }

  // Nothing while the server has not looked for what is being typed, and no alarm while it may become a value of the note.
  function paintGrounding(side, box, field, { value, isTyping, note }) {
    const part = side.querySelector('.grounding');
    const { kind: rests, missing, isDenied } = restOf(field, value);
    const kind = rests === 'not_found' && isTyping && (isDenied || window.completion.isBeginning(note, value)) ? 'none' : rests;
    const alarm = kind === 'not_found';
    const [shape, word] = GROUNDING[alarm && isDenied ? 'denied' : kind] ?? ['', ''];
    const parts = missing.filter((one) => one !== value).join('; ');
    side.dataset.grounding = kind;
    told(part, [shape, alarm && parts ? `${word}: ${parts}` : word]);
    part.title = kind === 'inferred' && parts ? `not said in so many words: ${parts}` : '';
    box?.closest('[id^="field-"]')?.classList.toggle('unfounded', alarm);
  }

  function paintOthers(side, shown, isTyping) {
    const part = side.querySelector('.others');
    const keys = ['first', 'second'].map((action) => window.keys.shown(window.keys.keyOf(action)));
    const now = JSON.stringify([shown, keys]);
    if (part.dataset.shown === now) return;
    part.dataset.shown = now;
    const buttons = [...part.querySelectorAll('button:not([hidden])')];
    shown.forEach((choice, position) => paintOther(buttons[position] ?? part.appendChild(newOther()), choice, position, keys[position]));
    for (const spare of buttons.slice(shown.length)) if (isTyping) window.typing.hide(spare); else spare.remove();
    if (part.hidden !== !shown.length) part.hidden = !shown.length;
  }

  function newOther() {
    const button = document.createElement('button');
    button.type = 'button';
    button.append('', document.createElement('small'));
    return button;
  }

  function paintOther(button, { other, label, why, n, tag }, position, key) {
    button.tabIndex = position === 0 ? 0 : -1;
    button.dataset.value = JSON.stringify(other);
    write(button, label ?? other ?? 'none');
    button.title = label ? `${other} (${why})` : why;
    write(button.querySelector('small'), tag || n ? ` ${tag ?? `${n}×`}` : '');
    button.className = other === null ? 'null' : '';
    if (key) { button.dataset.key = key; button.setAttribute('aria-keyshortcuts', key.replaceAll(' ', '+')); } else { delete button.dataset.key; button.removeAttribute('aria-keyshortcuts'); }
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

  // What the model said, and how the reviewer's value differs; that waits for the end of typing.
  function paintSaid(said, suggested, value) {
    const now = JSON.stringify([suggested, value]);
    if (said.dataset.shown === now) return;
    said.dataset.shown = now;
    if (suggested !== null && value !== null) said.replaceChildren(...difference(suggested, value)); else write(said, suggested ?? 'none');
  }

  // The state of a field in one word: what the model thinks of its own value until a person says otherwise.
  function wordOf(field, { value, suggested, settled }) {
    // Where reviewers were asked, what they said counts rather than what the model did.
    if (['agree', 'differ'].includes(field.word)) return !settled ? field.word : value === field.value ? 'confirmed' : value === null ? 'cleared' : 'edited';
    if (!suggested) return settled ? 'edited' : 'none';
    if (field.withheld && value === null && !field.offered) return settled ? 'empty' : 'withheld';
    if (value === field.suggested) return settled ? 'confirmed' : field.word;
    if (!settled && field.offered && value === field.offered.value) return 'offered';
    return value === null ? 'cleared' : 'edited';
  }

  const asks = (field, state) => !state.settled && (state.all || ['look', 'offered', 'differ'].includes(wordOf(field, state)));

  // The fields that one press confirms together: all that ask, but each by itself where people differ or every field has
  // to be confirmed.
  function together(record, asking, key, stateOf) {
    return record.adjudication || stateOf(key).all ? [key] : asking;
  }

  // What is said of the fields that ask: all of them, and those of them that the next press confirms.
  function whyAsked(record, left, now, stateOf) {
    const { title } = record.fields[now[0]], n = now.length;
    const one = (key) => record.fields[key].title;
    if (record.caution) return `${record.caution} The same key confirms ${n > 1 ? `the ${n} fields that ask` : title} as ${n > 1 ? 'they stand' : 'it stands'}.`;
    if (n > 1) return `${now.slice(0, -1).map(one).join(', ')} and ${one(now.at(-1))} ask to be looked at first: the same key confirms them together.`;
    return `${left.length > 1 ? `${left.length} fields ask` : `${title} asks`} to be looked at first: the same key confirms ${left.length > 1 ? 'each' : 'it'}.`;
  }

  function paint(key, box, field, state) {
    const side = document.querySelector(`.side[data-field="${key}"]`);
    if (!side) return;
    const { value } = state;
    const word = wordOf(field, state);
    const percent = Math.round(100 * (field.confidence ?? 0));
    side.dataset.word = word;
    told(side.querySelector('.confidence'), CONFIDENCE[word]);
    // A server that gives no probabilities leaves the confidence unknown, which is not the same as none.
    const unknown = !['sure', 'fair', 'look', 'confirmed'].includes(word) || field.confidence === null;
    write(side.querySelector('.percent'), unknown ? '' : `${field.raw ? 'raw ' : ''}${percent} %`);
    side.querySelector('.percent').title = field.raw ? 'Not calibrated: the model’s own probability, as a rule too high' : '';
    side.querySelector('.bar').style.setProperty('--share', `${percent}%`);
    const differs = ['edited', 'cleared', 'offered'].includes(word) && state.suggested;
    side.querySelector('.model').hidden = !differs;
    paintSaid(side.querySelector('.said'), field.suggested, differs && !state.isTyping ? value : null);
    const part = document.getElementById(`field-${key}`);
    part?.classList.toggle('edited', differs);
    part?.closest('.field')?.classList.toggle('asks', asks(field, state));
    paintGrounding(side, box, field, state);
    const isLeftEmpty = ['withheld', 'empty'].includes(word);
    paintRule(side, box, field, state, isLeftEmpty);
    if (isLeftEmpty) told(side.querySelector('.grounding'), ['', `the model’s value is ${whyWithheld(field)[0]}`]);
    paintOthers(side, window.completion.choices(field, { ...state, isSure: ['sure', 'agree', 'confirmed'].includes(word), whyWithheld: field.withheld ? whyWithheld(field) : null }), state.isTyping);
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
    const buttons = [...(row?.querySelectorAll('.others:not([hidden]) button:not([hidden])') ?? [])];
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

  window.fields = { asks, paint, together, whyAsked, type, moved };
})();
