// What the review screen shows around a note: a word about another note, and the marks of the evidence. Whatever comes
// from a note or a person is written with textContent, but for the marked note itself, which the server escaped.
(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const { button } = window.shell;

  // Gradio builds the form after the page has loaded.
  const isBuilt = () => $('note-place') && document.querySelector('#form .field textarea, #form .field input') && $('comment')?.querySelector('textarea, input');
  const built = new Promise((resolve) => { const look = () => { if (isBuilt()) resolve(); else requestAnimationFrame(look); }; look(); });

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

  window.panels = { plain, built, notice, remark, strengthen };
})();
