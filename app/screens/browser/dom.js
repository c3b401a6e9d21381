// What every script needs of the page: an element by its id, a new one, and a button. Text is never read as markup.

/**
 * The element with an id, or null; its kind is known to whoever asks.
 * @param {string} id
 * @returns {any}
 */
export const byId = (id) => document.getElementById(id);

/**
 * The first element that fits a selector, or null.
 * @param {string} selector
 * @param {ParentNode} within
 * @returns {any}
 */
export const find = (selector, within = document) => within.querySelector(selector);

/**
 * What an event is about, if it happened inside such an element; or null.
 * @param {Event} event
 * @param {string} selector
 * @returns {any}
 */
export const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

/**
 * A new element with properties and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Partial<HTMLElementTagNameMap[K]>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/**
 * A button that does something; an `ariaLabel` is for where the text alone would not tell a screen reader.
 * @param {string} text
 * @param {() => unknown} act
 * @param {Partial<HTMLButtonElement>} [properties]
 */
export const button = (text, act, properties = {}) =>
  make('button', { type: 'button', className: 'plain', ...properties, onclick: () => { act(); } }, text);

/**
 * A dialog that is opened anew whenever it is asked for, in the colours of the desk.
 * @param {string} id
 * @param {string} title
 * @param {...(Node | string)} children
 */
export function openDialog(id, title, ...children) {
  byId(id)?.remove();
  const dialog = make('dialog', { id }, make('h2', { id: `${id}-title` }, title), ...children);
  dialog.setAttribute('aria-labelledby', `${id}-title`);
  find('.gradio-container').append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * A table with headings; the first cell of a line names it.
 * @param {string[]} headings
 * @param {string[][]} lines
 */
export function table(headings, lines) {
  const head = make('tr', {}, ...headings.map((heading) => make('th', { scope: 'col' }, heading)));
  const body = lines.map(([first, ...others]) => make(
    'tr', {}, make('th', { scope: 'row', dir: 'auto' }, first), ...others.map((cell) => make('td', { dir: 'auto' }, cell)),
  ));
  return make('table', { className: 'list' }, make('thead', {}, head), make('tbody', {}, ...body));
}
