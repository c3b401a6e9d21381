// Changes around a field while one types in it. Chromium ends a run of typing, which one Ctrl+Z takes back, whenever a
// node is removed from the page, wherever that is. So while somebody types words change in place and what is not needed
// is hidden; it is removed when the field is left.
(() => {
  'use strict';

  const gone = new Set();    // elements to remove once nobody types

  const isText = (node) => node.nodeType === Node.TEXT_NODE;

  // The text of an element, in place of whatever it holds.
  function write(element, text) {
    const own = [...element.childNodes].find(isText) ?? element.appendChild(document.createTextNode(''));
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) { const value = walker.currentNode === own ? text : ''; if (walker.currentNode.nodeValue !== value) walker.currentNode.nodeValue = value; }
  }

  function hide(element) { element.hidden = true; gone.add(element); }

  // Elements that are not to be seen any more leave the page.
  function clear() {
    for (const element of gone) element.remove();
    gone.clear();
  }

  // Gradio puts what was just typed into its box once more where the next key is faster than its own round; that, too,
  // would end the run. What changes nothing is let be.
  function guard(box) {
    for (const name of ['value', 'selectionStart', 'selectionEnd']) {
      const { get, set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(box), name);
      Object.defineProperty(box, name, { configurable: true, get, set(to) { if (get.call(box) !== to) set.call(box, to); } });
    }
  }

  document.addEventListener('focusin', ({ target: box }) => { if (box.matches('#form textarea, #form input') && !Object.hasOwn(box, 'value')) guard(box); });
  document.addEventListener('focusout', (event) => { if (event.target.closest?.('#form')) setTimeout(clear); });

  window.typing = { write, hide, clear };
})();
