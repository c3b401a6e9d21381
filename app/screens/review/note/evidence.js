// What the review screen shows around a note: a word about another note, and the marks of the evidence. Whatever comes
// from a note or a person is written with textContent, but for the marked note itself, which the server escaped.
import { button, byId, find } from '../../browser/dom.js';
import { announce } from '../../browser/events.js';
import { clear, hide } from '../../browser/typing.js';

// Gradio builds the form after the page has loaded.
const PARTS = ['#note-place', '#form .field :is(textarea, input)', '#comment :is(textarea, input)'];
const isBuilt = () => PARTS.every((selector) => find(selector));
/** @type {Promise<void>} */
export const built = new Promise((resolve) => {
  const look = () => { if (isBuilt()) resolve(); else requestAnimationFrame(look); };
  look();
});

const noteText = () => find('#note .note-text');
export const plainText = () => noteText()?.textContent ?? '';

/**
 * A sentence about a note that is not on screen, with a way to it.
 * @param {string} text
 * @param {number} note
 */
export function notice(text, note) {
  const bar = byId('notice');
  if (!bar) return;
  const close = () => { bar.hidden = true; };
  bar.replaceChildren(text, ' ', button('Open it', () => { close(); announce('open', note); }), button('Close', close));
  bar.hidden = false;
}

/** @param {string | null} key the field whose evidence is brought out; none for all alike */
export function strengthen(key) {
  const text = noteText();
  if (!text) return;
  text.classList.toggle('focusing', Boolean(key));
  let first = null;
  for (const mark of text.querySelectorAll('mark')) {
    const strong = key !== null && mark.dataset.fields.split(' ').includes(key);
    mark.classList.toggle('strong', strong);
    if (strong && !first) first = mark;
  }
  if (!first) return;
  const mark = first.getBoundingClientRect(), frame = text.getBoundingClientRect();
  if (mark.top < frame.top + 8 || mark.bottom > frame.bottom - 8) text.scrollTop += mark.top - frame.top - frame.height / 3;
}

/**
 * Shows the evidence of what was typed. The note as it was goes when the field is left; words that somebody selects in it
 * stay.
 * @param {unknown} html the note with its marks; the server escaped it
 */
export function showEvidence(html) {
  const text = noteText(), selection = getSelection();
  if (!text || typeof html !== 'string' || (selection && !selection.isCollapsed && text.contains(selection.anchorNode))) return;
  const fresh = text.cloneNode(false), top = text.scrollTop;
  fresh.innerHTML = html;
  if (fresh.innerHTML === text.innerHTML) return;
  text.before(fresh);
  text.className = '';
  hide(text);
  fresh.scrollTop = top;
  if (!document.activeElement?.closest('#form')) clear();
}
