// The review screen in the browser: keyboard, drafts, saving, and the marks of the focused field.
//
// Saving does not go through Gradio: a plain request has a status code, a time limit and a body that can be read when
// it is refused. Gradio shows notes. Whatever is typed is kept in this tab until the server has acknowledged it; a
// note's text is never kept. Everything that comes from a note or a model is written with textContent or value.
(() => {
  'use strict';

  const DWELL_MS = 400;      // a note must have been on screen this long before it can be decided
  const IDLE_MS = 600;       // pause in typing after which a draft is stored
  const PATIENCE_MS = 8000;  // how long an answer may take
  const RETRY_MS = 2000;     // between attempts to store a draft while the server is away
  const KEPT = 'caseloop:typed:';

  let record = null;         // what the server said about the note on screen
  let busy = false;          // a decision is on its way
  let shownAt = 0;
  let visibleMs = 0, visibleSince = null;
  let attempt = null;        // token of a decision that was not answered: repeating the same one is harmless
  let draftTimer = 0, draftOnItsWay = null;
  let done = '';             // what became of the note before
  let wanted = '', fillUntouched = false, navigating = false;
  const touched = new Set();

  const { away, banner, visited } = window.shell;
  const $ = (id) => document.getElementById(id);
  const box = (key) => $(`field-${key}`)?.querySelector('textarea, input');
  const comment = () => $('comment')?.querySelector('textarea, input');
  const keys = () => (record ? Object.keys(record.fields) : []);
  const valueOf = (key) => box(key)?.value.trim() || null;
  const say = (state, text) => { const line = $('saved'); if (line) { line.dataset.state = state; line.textContent = text; } };
  const set = (element, value) => {
    if (!element || element.value === value) return;
    element.value = value;
    element.dispatchEvent(new Event('input', { bubbles: true }));  // or Gradio goes on with the old value
  };
  const phase = (name) => { document.body.dataset.desk = name; };
  const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false });

  // ---------------------------------------------------------------- a note arrives

  function incoming() {
    const text = $('record')?.querySelector('textarea, input')?.value;
    try { return text ? JSON.parse(text) : null; } catch { return null; }
  }

  // Gradio updates its parts one by one: wait until the record and the note on screen are of the same view.
  function shown(tries = 0) {
    const next = incoming();
    const view = document.querySelector('#note [data-view]')?.dataset.view;
    if (!next || view !== next.view) {
      if (tries < 120) requestAnimationFrame(() => shown(tries + 1));
      return;
    }
    if (record?.view === next.view && !busy && !navigating) return;
    const same = record?.note === next.note;
    record = next;
    navigating = false;
    if (record.note !== null) {
      if (!same) touched.clear();
      for (const key of keys()) set(box(key), record.fields[key].value ?? '');
      set(comment(), record.comment);
      restore();
      if (fillUntouched) fill();
      keys().forEach(paint);
      address();
    }
    fillUntouched = false;
    conflict(null);
    settle();
    window.shell.look();
  }

  function settle() {
    busy = false;
    attempt = null;
    const form = $('form');
    if (form) form.inert = false;
    shownAt = performance.now();
    visibleMs = 0;
    visibleSince = document.hidden ? null : shownAt;
    const note = $('note');
    note?.querySelector('.note-text')?.scrollTo(0, 0);
    // Out of the last note's field, so that keys scroll the new one and Tab goes to its first field.
    if (!note?.contains(document.activeElement) && document.activeElement?.closest('#form')) note?.querySelector('.note-text')?.focus({ preventScroll: true });
    strengthen(null);
    phase('settling');
    setTimeout(() => { if (!busy) phase('ready'); }, DWELL_MS);
  }

  function address() {
    const url = new URL(location);
    if (url.searchParams.get('note') === String(record.note)) return;
    const first = !url.searchParams.has('note');
    url.searchParams.set('note', record.note);
    history[first ? 'replaceState' : 'pushState']({}, '', url);
  }

  // Ask Gradio for a note. If it does not answer (it may still be connecting again), load the page.
  function open(note, { push = true } = {}) {
    wanted = String(note ?? '');
    navigating = true;
    const from = record?.view;
    $('go')?.click();
    setTimeout(() => {
      if (!navigating || record?.view !== from) return;
      const url = new URL(location);
      if (note === null || note === undefined) url.searchParams.delete('note'); else url.searchParams.set('note', note);
      push ? location.assign(url) : location.replace(url);
    }, PATIENCE_MS / 2);
  }

  // ---------------------------------------------------------------- fields

  function paint(key) {
    const field = record?.fields[key];
    if (field) window.fields.paint(key, box(key), field, { value: valueOf(key), suggested: record.suggestion !== null });
  }

  // As if it were typed, so that it can be undone as typing can.
  function put(key, value) {
    window.fields.type(box(key), value ?? '');
    typed(key);
  }

  function fill() {
    for (const key of keys()) if (!touched.has(key) && !valueOf(key)) set(box(key), record.fields[key].suggested ?? '');
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

  const focusedField = () => document.activeElement?.closest?.('[id^="field-"]')?.id.slice(6) ?? null;

  // ---------------------------------------------------------------- what was typed

  const values = () => Object.fromEntries(keys().map((key) => [key, valueOf(key)]));
  const leadTime = () => Math.round(visibleMs + (visibleSince === null ? 0 : performance.now() - visibleSince));
  const body = () => ({ note: record.note, revision: record.revision, draft: record.draft, suggestion: record.suggestion, values: values(), comment: comment()?.value ?? '', lead_time_ms: leadTime() });
  const kept = () => { try { return JSON.parse(sessionStorage.getItem(KEPT + record.note)); } catch { return null; } };
  const forget = (note) => { try { sessionStorage.removeItem(KEPT + note); } catch { /* storage may be switched off */ } };

  function typed(key) {
    if (!record || record.note === null) return;
    if (key) { touched.add(key); paint(key); }
    try { sessionStorage.setItem(KEPT + record.note, JSON.stringify({ revision: record.revision, values: values(), comment: comment()?.value ?? '' })); } catch { /* as above */ }
    if (document.querySelector('#saved')?.dataset.state !== 'away') say('pending', 'typing …');
    later(IDLE_MS);
  }

  function restore() {
    const typedBefore = kept();
    if (!typedBefore) {
      const drafted = record.draft_at ? `draft saved ${clock(record.draft_at)}` : '';
      if (record.draft_is_old) say('hint', 'This note was decided after your draft; your draft is in the form.');
      else say(done || drafted ? 'saved' : 'none', done || drafted);
      done = '';
      return;
    }
    for (const key of keys()) {
      if (!(key in typedBefore.values)) continue;
      if ((typedBefore.values[key] ?? null) !== (record.fields[key].value ?? null)) touched.add(key);
      set(box(key), typedBefore.values[key] ?? '');
    }
    set(comment(), typedBefore.comment ?? '');
    const changed = typedBefore.revision !== record.revision && record.state !== 'todo' && record.state !== 'draft';
    say('pending', changed ? 'not saved: this note was decided while you typed; your values are back in the form' : 'not saved yet; restored from this tab');
    if (!changed) later(0);
  }

  const sentence = (answer) => (typeof answer.detail === 'string' ? answer.detail : null);
  function later(ms) { clearTimeout(draftTimer); draftTimer = setTimeout(sendDraft, ms); }

  async function post(path, content, keepalive = false) {
    const stop = new AbortController(), timer = setTimeout(() => stop.abort(), PATIENCE_MS);
    try {
      const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify(content), signal: stop.signal, keepalive });
      return { status: answer.status, ...(await answer.json().catch(() => ({}))) };
    } catch {
      return { status: 0 };
    } finally { clearTimeout(timer); }
  }

  function sendDraft() {
    if (!record || record.note === null || busy || navigating) return draftOnItsWay;
    if (draftOnItsWay) { later(IDLE_MS); return draftOnItsWay; }
    const sent = body(), of = record;
    draftOnItsWay = post('/drafts', sent).then((answer) => { draftOnItsWay = null; if (record === of) drafted(sent, answer); });
    return draftOnItsWay;
  }

  function drafted(sent, answer) {
    if (answer.status === 200) {
      record.draft = answer.draft;
      const now = body();
      if (JSON.stringify([now.values, now.comment]) === JSON.stringify([sent.values, sent.comment])) { forget(record.note); say('saved', `draft saved ${clock(answer.at)}`); remark(answer); } else later(IDLE_MS);
      away(false);
    } else if (answer.status === 409) {
      say('away', 'draft not saved: this note was changed elsewhere');
      conflict(answer);
    } else if (answer.status === 0 || answer.status >= 500) {
      say('away', answer.status ? 'not saved: the desk has a problem; kept in this tab' : 'not saved: the desk cannot be reached; kept in this tab');
      if (!answer.status) away(true);
      later(RETRY_MS);
    } else say('away', `not saved: ${sentence(answer) ?? 'the desk refused it'}`);
  }

  // The evidence of what was typed; the server escaped it.
  function remark({ html, grounding }) {
    for (const key of keys()) {
      const value = valueOf(key);
      if (value !== null && grounding?.[key]) record.fields[key].grounding[value] = grounding[key];
      paint(key);
    }
    const text = document.querySelector('#note .note-text');
    if (!text || typeof html !== 'string') return;
    const top = text.scrollTop;
    text.innerHTML = html;
    text.scrollTop = top;
    if (focusedField()) strengthen(focusedField());
  }

  // ---------------------------------------------------------------- decisions

  async function decide(status) {
    if (!record || record.note === null || busy || navigating || performance.now() - shownAt < DWELL_MS) return;
    if (status === 'flagged' && !comment()?.value.trim()) { comment()?.focus(); say('hint', 'Say in a word what is wrong, then flag again.'); return; }
    busy = true;
    phase('busy');
    clearTimeout(draftTimer);
    const form = $('form');
    if (form) form.inert = true;
    banner(null);
    const of = record;
    if (draftOnItsWay) await draftOnItsWay;
    const content = { ...body(), status };
    const signature = JSON.stringify([status, content.note, content.values, content.comment]);
    if (attempt?.signature !== signature) attempt = { signature, token: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
    say('pending', 'saving …');
    const answer = await post('/decisions', { ...content, token: attempt.token });
    if (record !== of) return;
    if (answer.status === 200) {
      forget(of.note);
      away(false);
      visited.push(of.note);
      done = `${document.querySelector('#note-head h2')?.textContent ?? 'the note'} ${status === 'submitted' ? 'saved' : status} ${clock(answer.at)}`;
      say('saved', done);
      open(answer.next);
      return;
    }
    busy = false;
    if (form) form.inert = false;
    phase('ready');
    if (answer.status === 409) { say('away', 'not saved: this note was changed elsewhere'); conflict(answer); return; }
    typed(null);
    clearTimeout(draftTimer);
    const why = answer.status === 0 ? 'the desk cannot be reached' : sentence(answer) ?? 'the desk has a problem';
    say('away', `not saved: ${why}; kept in this tab`);
    banner(`NOT SAVED: ${why}. What you typed is still in the form; save again when the desk is back.`);
    if (answer.status === 0) { away(true); later(RETRY_MS); }
  }

  function conflict(answer) {
    const panel = $('conflict');
    if (!panel) return;
    panel.replaceChildren();
    panel.hidden = !answer;
    if (!answer) return;
    const line = (tag, text, name) => { const element = document.createElement(tag); element.textContent = text; if (name) element.className = name; return element; };
    const table = document.createElement('table');
    const head = table.createTHead().insertRow();
    for (const title of ['', 'yours', answer.theirs.who]) head.append(line('th', title));
    const rows = table.createTBody();
    for (const key of keys()) {
      const mine = valueOf(key), theirs = answer.theirs.values[key] ?? null;
      if (mine === theirs) continue;
      const row = rows.insertRow();
      row.append(line('th', record.fields[key].title), line('td', mine ?? 'none'), line('td', theirs ?? 'none'));
    }
    const mine = line('button', 'Keep mine', 'plain'), theirs = line('button', 'Take theirs', 'plain');
    mine.onclick = () => { record.revision = answer.theirs.revision; record.draft = answer.theirs.draft; attempt = null; conflict(null); say('hint', 'Your values go on top when you save; the other version stays in the history.'); };
    theirs.onclick = () => discard();
    const buttons = document.createElement('p');
    buttons.append(mine, theirs);
    panel.append(line('strong', answer.detail), ...(rows.rows.length ? [table] : [line('p', 'Both versions hold the same values.')]), buttons);
  }

  async function discard() {
    clearTimeout(draftTimer);
    const answer = await post('/drafts/discard', { note: record.note });
    if (answer.status !== 200) { say('away', 'the draft is still there: the desk cannot be reached'); return; }
    forget(record.note);
    touched.clear();
    open(record.note);
  }

  async function previous() {
    if (busy || navigating) return;
    if (draftTimer && kept()) await sendDraft();
    const note = visited.pop();
    if (note === undefined) say('hint', 'Nothing before this in this tab; the queue lists every note.'); else open(note);
  }

  // ---------------------------------------------------------------- events

  const ACTIONS = { save: () => decide('submitted'), skip: () => decide('skipped'), flag: () => decide('flagged'), previous };

  document.addEventListener('click', (event) => {
    const target = event.target.closest?.('#save, #skip, #flag, #previous');
    if (target) { event.preventDefault(); ACTIONS[target.id](); return; }
    const mark = event.target.closest?.('#note mark');
    if (mark) { box(mark.dataset.fields.split(' ')[0])?.focus(); return; }
    const use = event.target.closest?.('.side .use');
    const other = event.target.closest?.('.side .others button');
    const key = (use ?? other)?.closest('.side').dataset.field;
    if (use) put(key, record.fields[key].suggested);
    if (other) put(key, record.fields[key].alternatives[Number(other.dataset.place)]);
  });

  document.addEventListener('keydown', (event) => {
    if (event.isComposing || !$('form')?.offsetParent) return;
    let action = null;
    if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') action = ACTIONS.save;
    else if (event.altKey && !event.ctrlKey && event.code === 'KeyS') action = ACTIONS.skip;
    else if (event.altKey && !event.ctrlKey && event.code === 'KeyF') action = ACTIONS.flag;
    else if (event.altKey && !event.ctrlKey && event.code === 'KeyP') action = ACTIONS.previous;
    else if (event.altKey && !event.ctrlKey) {
      const pressed = /^(Digit|Key)(.)$/.exec(event.code)?.[2].toLowerCase();
      const key = keys().find((name) => record.fields[name].hotkey === pressed);
      if (key) action = () => { box(key)?.focus(); box(key)?.select(); };
    }
    if (!action && window.fields.moved(event)) return;
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) action();
  }, true);

  document.addEventListener('input', (event) => {
    if (!event.isTrusted || !record) return;
    const field = event.target.closest?.('[id^="field-"]');
    if (field) typed(field.id.slice(6)); else if (event.target.closest?.('#comment')) typed(null);
  }, true);

  document.addEventListener('focusin', (event) => { if (event.target.closest?.('#form')) strengthen(focusedField()); });

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      if (visibleSince !== null) visibleMs += performance.now() - visibleSince;
      visibleSince = null;
      if (record?.note && kept() && !busy) post('/drafts', body(), true).then((answer) => drafted(body(), answer));
    } else visibleSince = performance.now();
  });

  window.addEventListener('popstate', () => { const note = new URL(location).searchParams.get('note'); if (note) open(note, { push: false }); });

  window.desk = {
    shown, open,
    failed: () => { navigating = false; busy = false; const form = $('form'); if (form) form.inert = false; banner('The note could not be shown. Reload the page; nothing you typed is lost.'); },
    wanted: () => wanted,
    note: () => (record ? record.note : null),
    lacksSuggestion: () => Boolean(record) && record.note !== null && record.suggestion === null,
    showSuggestion: async () => { if (kept()) await sendDraft(); fillUntouched = true; open(record.note); },
  };
})();
