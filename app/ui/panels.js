// What the review screen shows around a note: both versions where two people decided, a word about another note, and the
// marks of the evidence. Whatever comes from a note or a person is written with textContent, but for the marked note
// itself, which the server escaped.
(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const { make } = window.shell;
  const button = (text, act) => Object.assign(make('button', text, 'plain'), { type: 'button', onclick: act });

  // Gradio builds the form after the page has loaded.
  const isBuilt = () => $('note-place') && document.querySelector('#form .field textarea, #form .field input') && $('comment')?.querySelector('textarea, input');
  const built = new Promise((resolve) => { const look = () => { if (isBuilt()) resolve(); else requestAnimationFrame(look); }; look(); });

  // Another version of this note, beside the reader's own; nothing at all without `answer`.
  function conflict(answer, differing, choose) {
    const panel = $('conflict');
    if (!panel) return;
    panel.replaceChildren();
    panel.hidden = !answer;
    if (!answer) return;
    const table = document.createElement('table'), head = table.createTHead().insertRow();
    for (const title of ['', 'yours', answer.theirs.who]) head.append(make('th', title));
    const rows = table.createTBody();
    for (const [title, mine, theirs] of differing) rows.insertRow().append(make('th', title), make('td', mine ?? 'none'), make('td', theirs ?? 'none'));
    const buttons = make('p');
    buttons.append(button('Keep mine', () => { conflict(null); choose.mine(); }), button('Take theirs', choose.theirs));
    panel.append(make('strong', answer.detail), differing.length ? table : make('p', 'Both versions hold the same values.'), buttons);
  }

  // A sentence about a note that is not on screen, with a way to it.
  function notice(text, note) {
    const bar = $('notice');
    if (!bar) return;
    const close = () => { bar.hidden = true; };
    bar.replaceChildren(text, ' ', button('Open it', () => { close(); window.desk.open(note); }), button('Close', close));
    bar.hidden = false;
  }

  function strengthen(key) {
    const text = document.querySelector('#note .note-text');
    if (!text) return;
    text.classList.toggle('focusing', Boolean(key));
    let first = null;
    for (const mark of text.querySelectorAll('mark')) {
      const strong = Boolean(key) && mark.dataset.fields.split(' ').includes(key);
      mark.classList.toggle('strong', strong);
      if (strong && !first) first = mark;
    }
    if (!first) return;
    const mark = first.getBoundingClientRect(), frame = text.getBoundingClientRect();
    if (mark.top < frame.top + 8 || mark.bottom > frame.bottom - 8) text.scrollTop += mark.top - frame.top - frame.height / 3;
  }

  // The evidence of what was typed.
  function remark(html) {
    const text = document.querySelector('#note .note-text');
    if (!text || typeof html !== 'string') return;
    const top = text.scrollTop;
    text.innerHTML = html;
    text.scrollTop = top;
  }

  const plain = () => document.querySelector('#note .note-text')?.textContent ?? '';

  window.panels = { plain, built, conflict, notice, remark, strengthen };
})();
