// The queue in the browser: a list arrives, and what keys, clicks and the filter's controls do.
import './samples.js';
import './files/choosing.js';
import { byId, closest, find } from '../browser/dom.js';
import { openNote } from '../shell/navigation.js';
import { actOn, recall, stop, undo } from './bulk.js';
import { deleteNotes } from './correcting/deleting.js';
import { showImports } from './correcting/imports.js';
import { askFor, askWhenTyped, endWait, refresh } from './list/asking.js';
import { paint } from './list/counts.js';
import { chosenFilters, form, setSearch, showFilters } from './list/filters.js';
import { sayFound } from './list/lines.js';
import { currentRow, focusRow, move, noteOf, placeTab, rows, tick } from './list/rows.js';
import { dropFilter, savedFilter, saveFilter } from './list/saved_filters.js';
import { control, keep, list, listState, PLAIN, PLAIN_ORDER, readKept, same, ticked } from './list/state.js';

const isHere = () => Boolean(byId('queue-table')?.offsetParent);

// ---------------------------------------------------------------- a list arrives

// Whether a list is what was asked for last: another order may have been chosen while it was on its way.
const isAsked = () => same(list.expected, listState().filters) && list.order === listState().order && list.seed === listState().seed;

function sync() {
  const shown = find('#queue-table [data-queue]');
  if (find('#queue-table .trouble-here')) { endWait(); sayFound(''); }
  if (!shown || !form()) return;
  const raw = shown.dataset.queue, isFirst = !list.raw, isNew = raw !== list.raw;
  const before = readKept();
  if (isFirst && before.undo) recall(before.undo);
  if (isNew) { list.raw = raw; list.told = JSON.parse(raw); }
  if (isFirst && before.wanted) {
    const { filters, order, seed, page } = before.wanted;
    Object.assign(list, { order, seed });
    showFilters(filters);
    askFor(filters, page);
    return;
  }
  if (isNew && (list.expected === null || isAsked())) {
    const { page, seed, order, filters } = listState();
    endWait();
    Object.assign(list, { expected: null, page, seed, order });
    showFilters(filters);
  } else if (!isNew && list.expected !== null && isAsked()) {   // asked again, and nothing had changed
    endWait();
    list.expected = null;
  }
  paint();
  placeTab();
}

const [visit] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType('navigation'));
let comesBack = visit?.type === 'reload' && readKept().isHere;

/** @param {Node} node */
const holdsList = (node) => node instanceof Element && node.querySelector('#queue-table, #queue-controls');
/** @param {MutationRecord} change */
const isOfList = ({ target, addedNodes }) => (target instanceof Element && target.closest('#queue-table')) || [...addedNodes].some(holdsList);

new MutationObserver((changes) => {
  const tab = comesBack && document.body.dataset.desk === 'ready' && find('[role="tab"][data-tab-id="queue"]');
  if (tab) { comesBack = false; tab.click(); }
  if (changes.some(isOfList)) sync();
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-queue', 'data-desk'] });
addEventListener('pagehide', () => keep({ isHere: isHere() }));

// ---------------------------------------------------------------- clicks

/** @type {Record<string, () => unknown>} */
const DO = {
  undo, refresh, stop,
  save: saveFilter,
  drop: dropFilter,
  delete: deleteNotes,
  imports: showImports,
  review: () => openNote(null, find('#queue-table [data-walk]').dataset.walk),
  back: () => askFor(listState().filters, list.page - 1),
  on: () => askFor(listState().filters, list.page + 1),
  clear: () => { list.order = PLAIN_ORDER; setSearch(''); askFor({ ...PLAIN }); },
  untick: () => { ticked.clear(); paint(); },
  cancel: () => byId('queue-ask').close(),
};

document.addEventListener('click', (event) => {
  const todo = closest(event, '[data-queue-do]'), act = closest(event, '[data-queue-act]'), cell = closest(event, '#queue-table td.tick');
  if (todo) DO[todo.dataset.queueDo]();
  else if (act) actOn(act.dataset.queueAct);
  else if (cell) {
    const box = find('input', cell), row = cell.parentElement;
    tick(row, event.target === box ? box.checked : !box.checked);
    list.current = noteOf(row);
    paint();
    placeTab();
  }
});

// ---------------------------------------------------------------- the filter's controls

document.addEventListener('submit', (event) => { if (closest(event, '#queue-filters')) event.preventDefault(); });
document.addEventListener('input', (event) => { if (closest(event, '#queue-search, [name="meta_value"]')) askWhenTyped(); });
document.addEventListener('change', (event) => {
  const target = /** @type {any} */ (event.target);
  if (target.id === 'tick-all') {
    for (const row of rows()) tick(row, target.checked);
    paint();
  } else if (target.id === 'queue-saved') {
    const saved = savedFilter();
    if (saved) { list.order = saved.order; setSearch(saved.filters.text); askFor(saved.filters); } else DO.clear();
  } else if (closest(event, '#queue-filters') && target.id !== 'queue-search' && target.name !== 'meta_value') {
    if (target.name === 'order') chooseOrder(target.value);
    askFor(chosenFilters());
  }
});

/** @param {string} order */
function chooseOrder(order) {
  list.order = order;
  if (order === 'random') list.seed = crypto.getRandomValues(new Uint16Array(1))[0];
}

// ---------------------------------------------------------------- keys

/** @type {Record<string, () => void>} */
const IN_SEARCH = {
  Escape: () => { byId('queue-search').blur(); focusRow(currentRow() ?? rows()[0]); },
  ArrowDown: () => focusRow(rows()[0]),
  Enter: () => askFor(chosenFilters()),
};

/** @param {string} key @param {HTMLElement | null} row the one in focus @returns {(() => void) | undefined} */
function actionOf(key, row) {
  if (key === '/') return () => { byId('queue-search').focus(); byId('queue-search').select(); };
  if (key === 'r' || key === 'R') return () => control('review').click();
  if (key === 'j' || (row && key === 'ArrowDown')) return () => move(1);
  if (key === 'k' || (row && key === 'ArrowUp')) return () => move(-1);
  if (row && key === 'Enter' && row === document.activeElement) return () => row.click();
  const canTick = row && find('.tick', row)?.offsetParent;
  if (canTick && (key === 'x' || key === 'X')) return () => { tick(row, !ticked.has(noteOf(row))); paint(); };
  return undefined;
}

document.addEventListener('keydown', (event) => {
  if (!isHere() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || find('dialog[open]')) return;
  const isSearching = closest(event, '#queue-search');
  if (!isSearching && closest(event, 'textarea, select, [contenteditable="true"], input:not([type="checkbox"])')) return;
  const action = isSearching ? IN_SEARCH[event.key] : actionOf(event.key, closest(event, 'tr[data-note]'));
  if (action) { event.preventDefault(); action(); }
});
document.addEventListener('focusin', (event) => {
  const row = closest(event, '#queue-table tr[data-note]');
  if (row) list.current = noteOf(row);
});
