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

  // The evidence of what was typed. The note as it was goes when the field is left; words that somebody selects in it stay.
  function remark(html) {
    const text = document.querySelector('#note .note-text'), selection = getSelection();
    if (!text || typeof html !== 'string' || (!selection.isCollapsed && text.contains(selection.anchorNode))) return;
    const fresh = text.cloneNode(false), top = text.scrollTop;
    fresh.innerHTML = html;
    if (fresh.innerHTML === text.innerHTML) return;
    text.before(fresh);
    text.className = '';
    window.typing.hide(text);
    fresh.scrollTop = top;
    if (!document.activeElement?.closest('#form')) window.typing.clear();
  }

  const plain = () => document.querySelector('#note .note-text')?.textContent ?? '';

  window.panels = { plain, built, notice, remark, strengthen };
})();
