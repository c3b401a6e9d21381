// The queue in the browser: the filter's controls, moving and ticking by keyboard, and what is done to many notes.
//
// What the list shows stands in it as JSON, written by the server. Whatever is done to "all" goes by that and not by
// what stands in the controls, which may be newer. Names and sentences are written with textContent.
(() => {
  'use strict';

  const TYPING_MS = 220;     // pause in typing after which the notes are searched
  const PATIENCE_MS = 8000;
  const ASK_ABOVE = 50;      // from more ticked notes on, one is asked first; about notes that are not ticked always
  const MAX_TICKED = 1000;
  const PLAIN = { text: '', state: '', origin: 'incoming', reviewer: '', adapter: '', is_unsure: false, is_not_found: false, is_corrected: false, is_disputed: false };
  const DONE = { skip: 'skipped', flag: 'flagged', reopen: 'taken back' };
  const DOING = { skip: 'Skipping', flag: 'Flagging', reopen: 'Taking back' };

  const { asked, post } = window.asking;
  const $ = (id) => document.getElementById(id);
  const form = () => $('queue-filters');
  const isHere = () => Boolean($('queue-table')?.offsetParent);
  const many = (n) => `${n.toLocaleString('en')} ${n === 1 ? 'note' : 'notes'}`;

  let told = null;           // what the server said about the list on screen
  let read = '';             // as it said it
  let expected = null;       // the filter that was asked for and not answered
  let page = 0, seed = 0, order = 'imported';
  let typing = 0, patience = 0;
  let current = null, goTo = null;   // the row with the focus; where the focus goes on the next page
  let bulk = null, isStopped = false, isWorking = false;
  const ticked = new Map();  // note to what can be done to it

  // What was looked for, so that a reload comes back to it: Gradio loads the page anew when its server was away.
  const kept = {
    key: `caseloop:queue:${window.shell.reviewer.name}`,
    get() { try { return JSON.parse(sessionStorage.getItem(this.key)) ?? {}; } catch { return {}; } },
    put(more) { try { sessionStorage.setItem(this.key, JSON.stringify({ ...this.get(), ...more })); } catch { /* storage may be switched off */ } },
  };
  let comesBack = performance.getEntriesByType('navigation')[0]?.type === 'reload' && kept.get().isHere;

  // ---------------------------------------------------------------- the filter

  function filters() {
    const controls = form()?.elements;
    if (!controls) return { ...PLAIN };
    return Object.fromEntries(Object.entries(PLAIN).map(([name, plain]) => [name, typeof plain === 'boolean' ? controls[name].checked : controls[name].value]));
  }
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  function wanted() {
    return JSON.stringify({ filters: expected ?? told?.filters ?? PLAIN, order, seed, page });
  }

  function ask(chosen, { to = 0 } = {}) {
    clearTimeout(typing);
    expected = chosen;
    page = to;
    kept.put({ wanted: { filters: chosen, order, seed, page } });
    if (told && !same(chosen, told.filters)) ticked.clear();
    $('queue-table')?.setAttribute('aria-busy', 'true');
    $('queue-refresh')?.click();
    clearTimeout(patience);
    patience = setTimeout(() => failed(true), PATIENCE_MS);
  }
  const refresh = () => ask(told?.filters ?? filters(), { to: page });

  async function failed(isSilent = false) {
    clearTimeout(patience);
    $('queue-table')?.removeAttribute('aria-busy');
    sayFound(`What you see is older: the list could not be refreshed: ${await window.trouble.why(isSilent)}`, true);
  }

  function sayFound(text, isFailed = false) {
    const line = $('queue-found');
    if (!line) return;
    if (line.textContent !== text) line.textContent = text;
    line.dataset.state = isFailed ? 'failed' : 'told';
    button('refresh').hidden = !isFailed;
  }
  const button = (name) => document.querySelector(`#queue-controls [data-queue-do="${name}"], #queue-foot [data-queue-do="${name}"]`);

  function options(select, choices, value) {
    const known = choices.some(([, other]) => other === value) ? choices : [...choices, [value, value]];
    if (!same([...select.options].map((one) => [one.textContent, one.value]), known)) {
      select.replaceChildren(...known.map(([title, other]) => new Option(title, other)));
    }
    select.value = value;
  }

  function set(chosen) {
    const controls = form().elements;
    for (const [name, value] of Object.entries(chosen)) {
      if (typeof value === 'boolean') controls[name].checked = value;
      else if (name === 'reviewer' || name === 'adapter') options(controls[name], [[name === 'reviewer' ? 'Anybody' : 'Any adapter', ''], ...told[`${name}s`].map((one) => [one, one])], value);
      else if (controls[name] !== document.activeElement || name !== 'text') controls[name].value = value;
    }
    controls.order.value = order;
    const kept = told.saved.find((one) => same(one.filters, chosen) && one.order === order);
    options($('queue-saved'), [['None chosen', ''], ...told.saved.map((one) => [one.name, String(one.id)])], kept ? String(kept.id) : '');
    button('drop').hidden = !kept;
    button('save').hidden = Boolean(kept);
    button('clear').hidden = same(chosen, PLAIN) && order === 'imported';
  }

  // ---------------------------------------------------------------- a list arrives

  // Whether a list is what was asked for last: another order may have been chosen while it was on its way.
  const isAsked = (list) => same(expected, list.filters) && order === list.order && seed === list.seed;

  function sync() {
    const list = document.querySelector('#queue-table [data-queue]');
    if (document.querySelector('#queue-table .trouble-here')) { clearTimeout(patience); $('queue-table').removeAttribute('aria-busy'); sayFound(''); }
    if (!list || !form()) return;
    const { wanted: before, undo: last } = kept.get();
    if (!read && last) { bulk = last.bulk; report(last.said, { undo: true }); }
    if (!read && before) {
      ({ order, seed } = before);
      told = JSON.parse(list.dataset.queue);
      read = list.dataset.queue;
      set(before.filters);
      ask(before.filters, { to: before.page });
      return;
    }
    if (list.dataset.queue !== read) {
      read = list.dataset.queue;
      told = JSON.parse(read);
      const isNewest = expected === null || isAsked(told);
      if (isNewest) {
        clearTimeout(patience);
        expected = null;
        ({ page, seed, order } = told);
        $('queue-table').removeAttribute('aria-busy');
        set(told.filters);
      }
    } else if (expected !== null && isAsked(told)) {   // asked again, and nothing had changed
      clearTimeout(patience);
      expected = null;
      $('queue-table').removeAttribute('aria-busy');
    }
    paint();
    place();
  }

  const rows = () => [...document.querySelectorAll('#queue-table tr[data-note]')];
  const rowOf = (note) => document.querySelector(`#queue-table tr[data-note="${note}"]`);
  function canDo(row) {
    const { state, origin, labelled } = row.dataset;
    if (state === 'todo') return origin === 'incoming' || (origin === 'sample' && labelled === '0') ? 'untouched' : '';
    return state === 'draft' ? '' : 'decided';
  }

  function paint() {
    if (!told) return;
    const all = rows();
    for (const row of all) {
      const isTicked = ticked.has(Number(row.dataset.note));
      row.querySelector('.tick input').checked = isTicked;
      row.classList.toggle('ticked', isTicked);
    }
    const whole = $('tick-all');
    if (whole) {
      const n = all.filter((row) => row.classList.contains('ticked')).length;
      whole.checked = n > 0 && n === all.length;
      whole.indeterminate = n > 0 && n < all.length;
    }
    const kinds = [...ticked.values()];
    const n = ticked.size ? { untouched: kinds.filter((kind) => kind === 'untouched').length, decided: kinds.filter((kind) => kind === 'decided').length } : { untouched: told.n_untouched, decided: told.n_decided };
    sayFound(ticked.size ? `${many(told.n_notes)}, ${ticked.size.toLocaleString('en')} ticked` : many(told.n_notes));
    const whose = ticked.size ? 'ticked' : 'all shown by the filter';
    for (const [action, word, kind] of [['skip', 'Skip', 'untouched'], ['flag', 'Flag', 'untouched'], ['reopen', 'Take back', 'decided']]) {
      const act = document.querySelector(`[data-queue-act="${action}"]`);
      act.textContent = `${word} ${n[kind].toLocaleString('en')}${asks(action, n[kind]) ? '…' : ''}`;
      act.disabled = !n[kind] || isWorking;
      act.title = kind === 'untouched' ? `Notes nobody has worked on, ${whose}` : `Notes that were decided, ${whose}`;
      act.setAttribute('aria-label', `${word} ${many(n[kind])}, ${whose}`);
    }
    const review = button('review');
    review.textContent = `Review these ${told.n_waiting.toLocaleString('en')}`;
    review.disabled = !told.n_waiting;
    review.title = 'Those of them that wait for you, one after the other as they are listed (R)';
    review.setAttribute('aria-label', `${review.textContent}: ${many(told.n_waiting)} waiting for you, as they are listed`);
    button('untick').hidden = !ticked.size;
    $('queue-pages').hidden = told.n_pages < 2;
    $('queue-place').textContent = `page ${(told.page + 1).toLocaleString('en')} of ${told.n_pages.toLocaleString('en')}`;
    button('back').disabled = told.page === 0;
    button('on').disabled = told.page + 1 >= told.n_pages;
    document.querySelector('#queue-foot .help').hidden = !all.length;
  }

  // One row can be reached with Tab, the others from it with the arrows.
  function place() {
    const all = rows();
    if (!all.length) return;
    if (goTo !== null && expected === null) { current = Number(all.at(goTo).dataset.note); goTo = null; focus(rowOf(current)); }
    const here = rowOf(current) ?? all[0];
    for (const row of all) { const index = row === here ? 0 : -1; if (row.tabIndex !== index) row.tabIndex = index; }
  }
  function focus(row) {
    if (!row) return;
    current = Number(row.dataset.note);
    for (const other of rows()) other.tabIndex = other === row ? 0 : -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: 'nearest' });
  }

  function move(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row === document.activeElement?.closest('tr[data-note]'));
    const next = at < 0 ? Math.max(0, all.findIndex((row) => Number(row.dataset.note) === current)) : at + step;
    if (next >= 0 && next < all.length) focus(all[next]);
    else if (next < 0 ? page > 0 : page + 1 < told.n_pages) turn(step);
  }
  function turn(step) {
    goTo = step > 0 ? 0 : -1;
    ask(told.filters, { to: page + step });
  }

  // ---------------------------------------------------------------- ticks

  function tick(row, on) {
    const note = Number(row.dataset.note);
    if (!on) ticked.delete(note);
    else if (ticked.size < MAX_TICKED) ticked.set(note, canDo(row));
    else report(`At most ${MAX_TICKED.toLocaleString('en')} notes can be ticked. Narrow the filter and do it to all that it shows.`, { state: 'failed' });
  }

  // ---------------------------------------------------------------- many notes at once

  function report(text, { state = 'done', undo = false, stop = false } = {}) {
    const line = $('queue-done');
    line.hidden = !text;
    line.dataset.state = state;
    line.querySelector('span').textContent = text;
    button('undo').hidden = !undo;
    button('stop').hidden = !stop;
  }

  const name = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

  const asks = (action, n) => action === 'flag' || !ticked.size || n > ASK_ABOVE;

  async function actOn(action) {
    if (isWorking || !told) return;
    const meant = { action, filters: told.filters, ids: ticked.size ? [...ticked.keys()] : null };
    try {
      const plan = await post('/queue/plan', meant);
      const alone = plan.n_notes - plan.n_touched;
      if (!plan.n_touched) { report('Nothing to do: none of these notes is in a state for it.', {}); refresh(); return; }
      const why = action === 'reopen' ? 'not decided, or somebody has a draft of it since' : 'decided, or somebody has a draft of it';
      const stays = alone ? ` ${many(alone)} of ${plan.n_notes.toLocaleString('en')} ${alone === 1 ? 'stays' : 'stay'} as ${alone === 1 ? 'it is' : 'they are'} (${why}).` : '';
      const title = { skip: `Skip ${many(plan.n_touched)}?`, flag: `Flag ${many(plan.n_touched)}`, reopen: `Take back ${many(plan.n_touched)}?` }[action];
      const effect = { skip: 'They leave the queue without values.', flag: 'They leave the queue for whoever looks at flags.', reopen: 'They wait for review again, with what was decided as your draft.' }[action];
      let comment = '';
      if (asks(action, plan.n_touched)) {
        const whole = ticked.size ? '' : 'No row is ticked: this is about all that the filter shows. ';
        const answer = await asked({ title, says: `${whole}${effect}${stays} It can be undone.`, yes: `${{ skip: 'Skip', flag: 'Flag', reopen: 'Take back' }[action]} ${many(plan.n_touched)}`, line: action === 'flag' ? 'Comment, for whoever reads the flags' : '', limit: 2000 });
        if (!answer) return;
        comment = answer.line;
      }
      bulk = name();
      await inTurns('/queue/act', { ...meant, bulk, comment, upto: plan.upto }, DOING[action], plan.n_touched, (n) => `${many(n)} ${DONE[action]}.${stays}`, true);
    } catch (error) { report(error.message, { state: 'failed' }); }
  }

  async function undo() {
    if (isWorking || !bulk) return;
    const before = bulk;
    bulk = null;
    kept.put({ undo: null });
    await inTurns('/queue/undo', { bulk: before }, 'Undoing', 0, (n, left) => `${many(n)} as before.${left ? ` ${many(left)} left alone: somebody changed ${left === 1 ? 'it' : 'them'} since.` : ''}`, false);
  }

  async function inTurns(path, body, doing, total, sentence, canUndo) {
    let after = 0, n = 0, left = 0, trouble = '';
    isWorking = true; isStopped = false;
    paint();
    try {
      do {
        report(`${doing} … ${n.toLocaleString('en')}${total ? ` of ${total.toLocaleString('en')}` : ''}`, { state: 'working', stop: true });
        const done = await post(path, { ...body, after });
        n += done.n_done; left += done.n_left_alone ?? 0; after = done.last;
      } while (after !== null && !isStopped);
    } catch (error) { trouble = ` It stopped there: ${error.message}`; }
    isWorking = false;
    if (after !== null && isStopped) trouble = ' You stopped it there.';
    if (trouble && !canUndo) { bulk = body.bulk; }
    report(`${sentence(n, left)}${trouble}`, { state: trouble ? 'failed' : 'done', undo: canUndo ? n > 0 || Boolean(trouble) : Boolean(trouble) });
    if (bulk && n) kept.put({ undo: { bulk, said: `${sentence(n, left)}${trouble}` } });
    ticked.clear();
    refresh();
  }

  // ---------------------------------------------------------------- saved filters

  async function save() {
    const limit = Number($('queue-ask').querySelector('input').dataset.nameLimit);
    const chosen = filters();
    const answer = await asked({ title: 'Save this filter', says: 'With its order, for you. A filter of the same name is replaced.', yes: 'Save', line: 'Name', limit });
    if (!answer) return;
    try { await post('/queue/filters', { name: answer.line, filters: chosen, order }); ask(chosen); } catch (error) { report(error.message, { state: 'failed' }); }
  }
  async function drop() {
    const kept = told?.saved.find((one) => String(one.id) === $('queue-saved').value);
    if (!kept || !await asked({ title: 'Delete a saved filter', says: `“${kept.name}” is deleted. No note is touched.`, yes: 'Delete' })) return;
    try { await post('/queue/filters/drop', { id: kept.id }); refresh(); } catch (error) { report(error.message, { state: 'failed' }); }
  }

  // ---------------------------------------------------------------- events

  const DO = {
    save, drop, undo, refresh,
    review: () => window.shell.openNote(null, document.querySelector('#queue-table [data-walk]').dataset.walk),
    back: () => ask(told.filters, { to: page - 1 }),
    on: () => ask(told.filters, { to: page + 1 }),
    clear: () => { order = 'imported'; form().elements.text.value = ''; ask({ ...PLAIN }); },
    untick: () => { ticked.clear(); paint(); },
    stop: () => { isStopped = true; },
    cancel: () => $('queue-ask').close(),
  };

  document.addEventListener('click', (event) => {
    const target = event.target;
    const todo = target.closest?.('[data-queue-do]');
    if (todo) { DO[todo.dataset.queueDo](); return; }
    const act = target.closest?.('[data-queue-act]');
    if (act) { actOn(act.dataset.queueAct); return; }
    const cell = target.closest?.('#queue-table td.tick');
    if (cell) {
      const box = cell.querySelector('input');
      tick(cell.parentElement, target === box ? box.checked : !box.checked);
      current = Number(cell.parentElement.dataset.note);
      paint(); place();
    }
  });

  document.addEventListener('submit', (event) => { if (event.target.id === 'queue-filters') event.preventDefault(); });
  document.addEventListener('input', (event) => {
    if (event.target.id !== 'queue-search') return;
    clearTimeout(typing);
    typing = setTimeout(() => ask(filters()), TYPING_MS);
  });
  document.addEventListener('change', (event) => {
    const target = event.target;
    if (target.id === 'tick-all') { for (const row of rows()) tick(row, target.checked); paint(); return; }
    if (target.id === 'queue-saved') {
      const kept = told.saved.find((one) => String(one.id) === target.value);
      if (kept) { ({ order } = kept); form().elements.text.value = kept.filters.text; ask(kept.filters); } else DO.clear();
      return;
    }
    if (!target.closest?.('#queue-filters') || target.id === 'queue-search') return;
    if (target.name === 'order') { order = target.value; if (order === 'random') seed = crypto.getRandomValues(new Uint16Array(1))[0]; }
    ask(filters());
  });

  const isTyping = (element) => Boolean(element.closest?.('textarea, select, [contenteditable="true"], input:not([type="checkbox"])'));

  document.addEventListener('keydown', (event) => {
    if (!isHere() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return;
    const target = event.target, key = event.key;
    const take = (action) => { event.preventDefault(); action(); };
    if (target.id === 'queue-search') {
      if (key === 'Escape') take(() => { target.blur(); focus(rowOf(current) ?? rows()[0]); });
      else if (key === 'ArrowDown') take(() => focus(rows()[0]));
      else if (key === 'Enter') take(() => ask(filters()));
      return;
    }
    if (isTyping(target)) return;
    const row = target.closest?.('tr[data-note]');
    if (key === '/') take(() => { $('queue-search').focus(); $('queue-search').select(); });
    else if (key === 'Enter' && target === row) take(() => row.click());
    else if (key.toLowerCase() === 'x' && row?.querySelector('.tick')?.offsetParent) take(() => { tick(row, !ticked.has(Number(row.dataset.note))); paint(); });
    else if (key.toLowerCase() === 'r') take(() => button('review').click());
    else if (key === 'j' || (row && key === 'ArrowDown')) take(() => move(1));
    else if (key === 'k' || (row && key === 'ArrowUp')) take(() => move(-1));
  });
  document.addEventListener('focusin', (event) => { const row = event.target.closest?.('#queue-table tr[data-note]'); if (row) current = Number(row.dataset.note); });

  document.addEventListener('DOMContentLoaded', () => {
    const here = (mutation) => mutation.target.closest?.('#queue-table') || [...mutation.addedNodes].some((node) => node.querySelector?.('#queue-table, #queue-controls'));
    function look(mutations) {
      const tab = comesBack && document.body.dataset.desk === 'ready' && document.querySelector('[role="tab"][data-tab-id="queue"]');
      if (tab) { comesBack = false; tab.click(); }
      if (mutations.some(here)) sync();
    }
    new MutationObserver(look)
      .observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-queue', 'data-desk'] });
  });
  window.addEventListener('pagehide', () => kept.put({ isHere: isHere() }));

  window.queue = { failed, refresh, wanted };
})();
