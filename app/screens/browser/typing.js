// Changes around a field while one types in it. Chromium ends a run of typing, which one Ctrl+Z takes back, whenever a
// node is removed from the page, wherever that is. So while somebody types words change in place and what is not needed
// is hidden; it is removed when the field is left.
import { closest } from './dom.js';

/** @type {Set<HTMLElement>} */
const gone = new Set();    // elements to remove once nobody types

/**
 * Puts a text in place of whatever an element holds.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  const own = [...element.childNodes].find((node) => node.nodeType === Node.TEXT_NODE) ?? element.appendChild(document.createTextNode(''));
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const value = walker.currentNode === own ? text : '';
    if (walker.currentNode.nodeValue !== value) walker.currentNode.nodeValue = value;
  }
}

/** @param {HTMLElement} element */
export function hide(element) { element.hidden = true; gone.add(element); }

// Elements that are not to be seen any more leave the page.
export function clear() {
  for (const element of gone) element.remove();
  gone.clear();
}

/**
 * Gradio puts what was just typed into its box once more where the next key is faster than its own round; that, too,
 * would end the run. What changes nothing is let be.
 * @param {HTMLElement} box
 */
function guard(box) {
  for (const name of ['value', 'selectionStart', 'selectionEnd']) {
    const { get, set } = /** @type {any} */ (Object.getOwnPropertyDescriptor(Object.getPrototypeOf(box), name));
    Object.defineProperty(box, name, { configurable: true, get, set(to) { if (get.call(box) !== to) set.call(box, to); } });
  }
}

document.addEventListener('focusin', (event) => {
  const box = closest(event, '#form textarea, #form input');
  if (box && !Object.hasOwn(box, 'value')) guard(box);
});
document.addEventListener('focusout', (event) => { if (closest(event, '#form')) setTimeout(clear); });
