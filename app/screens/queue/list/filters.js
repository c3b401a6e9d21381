// The filter's controls: what is chosen in them, and what the list shows put into them.
import { byId } from '../../browser/dom.js';
import { control, list, listState, PLAIN, PLAIN_ORDER, same } from './state.js';

/** @typedef {import('./state.js').Filters} Filters */
/** @typedef {[title: string, value: string]} Option */

/** @returns {HTMLFormElement | null} */
export const form = () => byId('queue-filters');
/** @returns {any} */
const controls = () => form()?.elements;

/** @param {string} test whether metadata is compared with a value by it */
const comparesValue = (test) => test !== 'present' && test !== 'absent';

/** @returns {Filters} */
export function chosenFilters() {
  const all = controls();
  if (!all) return { ...PLAIN };
  const values = Object.entries(PLAIN).map(([name, plain]) => [name, typeof plain === 'boolean' ? all[name].checked : all[name].value]);
  const filters = Object.fromEntries(values);
  if (!filters.meta_name) filters.meta_test = PLAIN.meta_test;
  if (!filters.meta_name || !comparesValue(filters.meta_test)) filters.meta_value = '';
  return filters;
}

/** @param {string} text */
export function setSearch(text) { controls().text.value = text; }

/** @param {HTMLSelectElement} select @param {Option[]} choices @param {string} value */
function setOptions(select, choices, value) {
  /** @type {Option[]} */
  const known = choices.some(([, other]) => other === value) ? choices : [...choices, [value, value]];
  if (!same([...select.options].map((one) => [one.textContent, one.value]), known)) {
    select.replaceChildren(...known.map(([title, other]) => new Option(title, other)));
  }
  select.value = value;
}

/** @param {string[]} names @param {string} none @returns {Option[]} */
const options = (names, none) => [[none, ''], ...names.map((name) => /** @type {Option} */ ([name, name]))];

/** @param {string} name @returns {Option[]} */
const byColumn = (name) => [[`By ${name}`, `meta.${name}`], [`By ${name}, downward`, `-meta.${name}`]];

/** @param {HTMLSelectElement} select @returns {Option[]} the orders that every desk has */
const plainOrders = (select) => [...select.options].filter(({ value }) => !/^-?meta\./.test(value)).map((one) => [one.textContent ?? '', one.value]);

/** @param {Filters} filters */
export function showFilters(filters) {
  const all = controls(), { adapters, columns, reviewers, saved } = listState();
  byId('queue-metadata').hidden = !columns.length && !filters.meta_name;
  for (const [name, value] of Object.entries(filters)) {
    if (typeof value === 'boolean') all[name].checked = value;
    else if (name === 'reviewer') setOptions(all[name], options(reviewers, 'Anybody'), value);
    else if (name === 'meta_name') setOptions(all[name], options(columns, 'Any'), value);
    else if (name === 'adapter') setOptions(all[name], options(adapters, 'Any adapter'), value);
    else if (all[name] !== document.activeElement || all[name].tagName !== 'INPUT') all[name].value = value;
  }
  all.meta_value.hidden = !filters.meta_name || !comparesValue(filters.meta_test);
  all.meta_test.closest('label').hidden = !filters.meta_name;
  setOptions(all.order, [...plainOrders(all.order), ...columns.flatMap(byColumn)], list.order);
  const kept = saved.find((one) => same(one.filters, filters) && one.order === list.order);
  const names = saved.map((one) => /** @type {Option} */ ([one.name, String(one.id)]));
  setOptions(byId('queue-saved'), [['None chosen', ''], ...names], kept ? String(kept.id) : '');
  control('drop').hidden = !kept;
  control('save').hidden = Boolean(kept);
  control('clear').hidden = same(filters, PLAIN) && list.order === PLAIN_ORDER;
}
