// The review screen in the browser: the note on screen and those behind it, its fields, drafts and decisions.
//
// Nothing of it goes through Gradio: a plain request has a status code, a time limit and a body that can be read when it
// is refused. Whatever is typed is kept in this tab until the server has acknowledged it; a note's text is never kept.
(() => {
  'use strict';

  const DWELL_MS = 400;      // a note must have been on screen this long before it can be decided
  const IDLE_MS = 600;       // pause in typing after which a draft is stored
  const RETRY_MS = 2000;     // between attempts to store a draft while the server is away
  const KEPT = `caseloop:typed:${window.shell.reviewer.name}:`;

  let record = null;         // what the server said about the note on screen
  let busy = false;          // no note can be decided: the next one is on its way
  let asked = 0;             // counts the notes that were asked for; only the newest is shown
  let shownAt = 0;
  let visibleMs = 0, visibleSince = null;
  let dwell = 0, draftTimer = 0, draftOnItsWay = null;
  let text = '';             // of the note on screen, to complete what is typed
  let done = '';             // what became of the note before
  let last = null;           // the decision that Undo takes back
  let fillUntouched = false, explained = false;  // explained: what one press confirms together
  let comparing = null;         // the note on screen, while what was typed is compared with what stands
  let aid = { values: {}, separators: {}, guidelines: {}, confirm: 'asked' };
  const conflicts = new Map(); // notes whose decision was refused, with the version that stands
  const touched = new Set(); // fields that were typed into
  const settled = new Set(); // fields that the reviewer confirmed or changed

  const { away, banner, visited } = window.shell;
  const { draft, get, post, why } = window.outbox;
  const { walk } = window;
  const { built, strengthen } = window.panels;
  const elsewhere = (entry) => window.elsewhere(entry);
  const $ = (id) => document.getElementById(id);
  const box = (key) => $(`field-${key}`)?.querySelector('textarea, input');
  const comment = () => $('comment')?.querySelector('textarea, input');
  const keys = () => (record ? Object.keys(record.fields) : []);
  const valueOf = (key) => box(key)?.value.trim() || null;
  const say = (state, text) => { const line = $('saved'); if (line) { line.dataset.state = state; window.typing.write(line, text); } };
  const set = (element, value) => {
    if (!element || element.value === value) return;
    element.value = value;
    element.dispatchEvent(new Event('input', { bubbles: true }));  // or Gradio goes on with the old value
  };
  const phase = (name) => { document.body.dataset.desk = name; };
  const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false });

  // ---------------------------------------------------------------- a note arrives

  function show(page, wanted = null) {
    const same = record !== null && record.note === page.note;
    record = page;
    $('heading').innerHTML = page.heading;                    // the server escaped both
    $('note-place').innerHTML = page.note === null ? page.html : `<div class="note-text" tabindex="-1" dir="auto">${page.html}</div>`;
    text = record.note === null ? '' : window.panels.plain();
    if (record.note !== null) {
      if (!same) touched.clear();
      settled.clear();
      explained = false;
      for (const key of record.settled) settled.add(key);
      for (const key of keys()) set(box(key), record.fields[key].value ?? '');
      set(comment(), record.comment);
      restore();
      if (fillUntouched) fill();
      keys().forEach(paint);
    }
    walk.choose(page.walk);
    walk.address(record.note ?? wanted);
    fillUntouched = false;
    window.opinions.show(record.adjudication ?? null);
    window.merge.show(conflicts.get(record.note) ?? null);
    conflicts.delete(record.note);
    settle();
    window.shell.look();
    window.keys.label();
    if (record.note !== null) lookAhead();
  }

  function settle() {
    busy = false;
    const form = $('form');
    if (form) form.inert = false;
    shownAt = performance.now();
    visibleMs = 0;
    visibleSince = document.hidden ? null : shownAt;
    const note = $('note');
    note?.querySelector('.note-text')?.scrollTo(0, 0);
    // Out of the last note's field, so that keys scroll the new one and Tab goes to its first field.
    if (!note?.contains(document.activeElement) && (document.activeElement === document.body || document.activeElement?.closest('#form'))) note?.querySelector('.note-text, #all-notes')?.focus({ preventScroll: true });
    strengthen(null);
    phase('settling');
    clearTimeout(dwell);
    dwell = setTimeout(() => { if (!busy) phase('ready'); }, DWELL_MS);
  }

  // Show a note, or the next one to review; while the desk is away, try again until it is back.
  async function open(note, { walk: chosen, after } = {}) {
    const mine = ++asked;
    busy = true;
    phase('busy');
    clearTimeout(draftTimer);
    if (chosen !== undefined) walk.choose(chosen);
    const form = $('form');
    if (form) form.inert = true;
    for (;;) {
      try {
        const page = await walk.page(note, after);
        await built;
        if (mine === asked) { away(false); walk.forget(); show(page, note); }
        return;
      } catch (error) {
        if (mine !== asked) return;
        if (!error.status) away(true);
        say('away', error.status ? `the note cannot be shown: ${why(error)}` : 'the desk cannot be reached; the note will show when it is back');
        await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
        if (mine !== asked) return;
      }
    }
  }

  function lookAhead() {
    const of = record;
    walk.load(of.note, () => record === of);
  }

  function next() {
    const page = walk.take(record.note);
    asked += 1;
    if (page) show(page); else open(null, { after: record.note });
  }

  // ---------------------------------------------------------------- fields

  function paint(key) {
    const field = record?.fields[key];
    if (field) window.fields.paint(key, box(key), field, stateOf(key));
  }

  const stateOf = (key) => ({ value: valueOf(key), suggested: record.suggestion !== null, settled: settled.has(key), typed: touched.has(key), used: aid.values[key], note: text, separator: aid.separators[key], all: aid.confirm === 'all', isTyping: touched.has(key) && focusedField() === key });
  const asking = () => (aid.confirm === 'none' ? [] : keys().filter((key) => window.fields.asks(record.fields[key], stateOf(key))));

  function confirm(key) { settled.add(key); typed(null); paint(key); }

  // To the next field that asks to be looked at, from the one in focus round to it; false where none does.
  function toAsking() {
    const order = keys(), from = order.indexOf(focusedField()) + 1;
    const key = [...order.slice(from), ...order.slice(0, from)].find((one) => asking().includes(one));
    if (!key) return false;
    box(key).focus();
    box(key).select();
    return true;
  }

  // As if it were typed, so that it can be undone as typing can.
  function put(key, value) {
    window.fields.type(box(key), value ?? '');
    typed(key);
    touched.delete(key);      // a choice needs no completion
    paint(key);
  }

  function fill() {
    for (const key of keys()) if (!touched.has(key) && !valueOf(key)) set(box(key), record.fields[key].withheld ? '' : record.fields[key].suggested ?? '');
  }

  const focusedField = () => document.activeElement?.closest?.('[id^="field-"]')?.id.slice(6) ?? null;

  // ---------------------------------------------------------------- what was typed

  const values = () => Object.fromEntries(keys().map((key) => [key, valueOf(key)]));
  const leadTime = () => Math.round(visibleMs + (visibleSince === null ? 0 : performance.now() - visibleSince));
  const body = () => ({ note: record.note, revision: record.revision, draft: record.draft, opinion: record.opinion, suggestion: record.suggestion, values: values(), settled: keys().filter((key) => settled.has(key)), comment: comment()?.value ?? '', lead_time_ms: leadTime() });
  const kept = () => { try { return JSON.parse(sessionStorage.getItem(KEPT + record.note)); } catch { return null; } };
  const forget = (note) => { try { sessionStorage.removeItem(KEPT + note); } catch { /* storage may be switched off */ } };

  function keep({ note, revision, suggestion, values: typedValues, settled: looked, comment: said }) {
    try { sessionStorage.setItem(KEPT + note, JSON.stringify({ revision, suggestion, values: typedValues, settled: looked, comment: said })); } catch { /* as above */ }
  }

  function typed(key) {
    if (!record || record.note === null) return;
    if (key) { touched.add(key); settled.add(key); paint(key); }
    keep(body());
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
    for (const key of typedBefore.settled ?? []) settled.add(key);
    set(comment(), typedBefore.comment ?? '');
    const changed = typedBefore.revision !== record.revision && record.state !== 'todo' && record.state !== 'draft';
    say('pending', changed ? 'not saved: this note was decided while you typed; your values are back in the form' : 'not saved yet; restored from this tab');
    if (!changed) later(0); else if (!conflicts.has(record.note)) compare(typedBefore);
  }

  // What was typed before a reload, beside what was decided meanwhile; until it is there nothing is saved.
  async function compare({ revision, suggestion, values: typedValues, settled: looked }) {
    const of = record;
    comparing = of;
    const answer = await post('/conflicts', { note: of.note, revision, suggestion: suggestion ?? null, values: typedValues, settled: looked ?? [] });
    if (comparing === of) comparing = null;
    if (record === of && answer.theirs) window.merge.show(answer);
  }

  const sentence = (answer) => (typeof answer.detail === 'string' ? answer.detail : null);
  function later(ms) { clearTimeout(draftTimer); draftTimer = setTimeout(sendDraft, ms); }

  function sendDraft() {
    if (!record || record.note === null || busy) return draftOnItsWay;
    if (draftOnItsWay) { later(IDLE_MS); return draftOnItsWay; }
    const sent = body(), of = record;
    draftOnItsWay = draft(sent).then((answer) => { draftOnItsWay = null; if (record === of) drafted(sent, answer); });
    return draftOnItsWay;
  }

  function drafted(sent, answer) {
    if (answer.status === 200) {
      record.draft = answer.draft;
      const now = body();
      if (JSON.stringify([now.values, now.settled, now.comment]) === JSON.stringify([sent.values, sent.settled, sent.comment])) { forget(record.note); say('saved', `draft saved ${clock(answer.at)}`); remark(answer); } else later(IDLE_MS);
      away(false);
    } else if (answer.status === 409) {
      say('away', 'draft not saved: this note was changed elsewhere');
      window.merge.show(answer);
    } else if (answer.status === 0 || answer.status === 401 || answer.status >= 500) {
      say('away', `not saved: ${answer.status === 401 ? 'you are signed out' : answer.status === 507 ? 'the disk is full' : answer.status ? 'the desk has a problem' : 'the desk cannot be reached'}; kept in this tab`);
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
    window.panels.remark(html);
    if (focusedField()) strengthen(focusedField());
  }

  // ---------------------------------------------------------------- decisions

  // The next note shows at once; the decision is on its way, kept in this tab until the desk has it.
  function decide(status) {
    if (!record || record.note === null || busy || performance.now() - shownAt < DWELL_MS) return;
    if (status === 'flagged' && !comment()?.value.trim()) { comment()?.focus(); say('hint', 'Say in a word what is wrong, then flag again.'); return; }
    if (comparing === record || window.merge.holdsBack() || (status === 'submitted' && !isLookedAt())) return;
    clearTimeout(draftTimer);
    const token = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    const name = document.querySelector('#note-head h2')?.textContent ?? 'the note';
    const entry = { content: { ...body(), status, token }, name, changes: changes() };
    window.outbox.push(entry, draftOnItsWay);  // a draft that arrives after its decision would only be refused
    forget(record.note);
    last = { note: record.note, revision: null };
    visited.push(record.note);
    done = '';
    elsewhere(null);
    if (!walk.hasNext()) { busy = true; phase('busy'); $('form').inert = true; say('pending', 'saving …'); return; }
    next();
    say('pending', `saving ${name} …`);
  }

  // Whether every value that asks was looked at. Pressed again, Save confirms the one in focus and goes on to the next;
  // what is confirmed together is explained first.
  function isLookedAt() {
    const key = focusedField(), group = (one) => window.fields.together(record, asking(), one, stateOf);
    if (key && asking().includes(key)) { const all = group(key); if (all.length < 2 || explained) all.forEach(confirm); }
    const left = asking();
    if (!left.length) return true;
    toAsking();
    const now = group(focusedField());
    explained ||= now.length > 1;
    say('hint', window.fields.whyAsked(record, left, now, stateOf));
    return false;
  }

  // What was changed against the suggestion, for the offer to change it elsewhere.
  const changes = () => keys().filter((key) => record.suggestion !== null && record.fields[key].suggested !== null && valueOf(key) !== record.fields[key].suggested && !(record.fields[key].withheld && valueOf(key) === null)).map((key) => ({ field: key, old_value: record.fields[key].suggested, new_value: valueOf(key) }));

  function acknowledged(entry, answer) {
    away(false);
    const { note, status } = entry.content;
    if (last?.note === note) last = { note, revision: answer.revision, opinion: answer.opinion };
    done = `${entry.name} ${status === 'submitted' ? 'saved' : status} ${clock(answer.at)}, ${answer.is_decided ? `revision ${answer.revision}` : 'as your opinion'}`;
    if (record && ['none', 'pending', 'saved', 'away'].includes($('saved')?.dataset.state) && !kept()) { say('saved', done); if (!(busy && record.note === note)) done = ''; }
    built.then(() => { $('undo').hidden = false; });  // after a reload the answer may be there before the form
    if (answer.seeded) {
      window.panels.notice(`A test: on ${entry.name} the desk had put a wrong value into ${answer.seeded}, and it was saved. The note is open again with the model's own value.`, note);
      walk.forget();
    } else if (status === 'submitted') elsewhere(entry);
    if (busy && record?.note === note) next();
  }

  function refused(entry, answer) {
    const { note } = entry.content;
    keep(entry.content);
    say('away', `${entry.name} is not saved`);
    window.panels.notice(`NOT SAVED: ${entry.name}. ${sentence(answer) ?? 'The desk refused it.'}`, note);
    if (answer.theirs) conflicts.set(note, answer);
    if (record?.note === note) open(note);
  }

  function unsent(n, answer) {
    const why = answer.status === 0 ? 'the desk cannot be reached' : answer.status === 507 ? 'the disk is full' : sentence(answer) ?? 'the desk has a problem';
    say('away', `not saved: ${why}; kept in this tab`);
    banner(`NOT SAVED: ${why}. ${n === 1 ? 'One decision waits' : `${n} decisions wait`} in this tab and will be saved when the desk is back. Keep the tab open.`);
    if (answer.status === 0) away(true);
  }

  async function undo() {
    if (!last) { say('hint', 'No save of this tab to take back; the queue lists every note.'); return; }
    const { note } = last;
    const unsentOne = window.outbox.take(note);
    if (unsentOne) {
      keep(unsentOne.content);
    } else {
      await window.outbox.flush();
      if (last.revision === null) { say('hint', 'The save is still on its way; try again in a moment.'); return; }
      const answer = await post('/decisions/undo', { note, revision: last.revision, opinion: last.opinion, token: `${note}-${last.revision}-${Date.now()}` });
      if (answer.status !== 200) { say('away', `not taken back: ${why(answer)}`); return; }
    }
    last = null;
    walk.forget();
    $('undo').hidden = true;
    elsewhere(null);
    done = 'taken back: the note waits again, with what you had decided';
    open(note);
  }

  async function discard() {
    clearTimeout(draftTimer);
    const answer = await post('/drafts/discard', { note: record.note });
    if (answer.status !== 200) { say('away', `the draft is still there: ${why(answer)}`); return; }
    forget(record.note);
    touched.clear();
    open(record.note);
  }

  async function previous() {
    if (busy) return;
    if (draftTimer && kept()) await sendDraft();
    const note = visited.pop();
    if (note === undefined) say('hint', 'Nothing before this in this tab; the queue lists every note.'); else open(note);
  }

  // ---------------------------------------------------------------- beginning and end

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      if (visibleSince !== null) visibleMs += performance.now() - visibleSince;
      visibleSince = null;
      if (record?.note && kept() && !busy) { const sent = body(); draft(sent, true).then((answer) => drafted(sent, answer)); }
    } else { visibleSince = performance.now(); help(); }
  });

  const inAddress = () => new URL(location).searchParams.get('note');
  window.addEventListener('popstate', () => { walk.read(); open(inAddress()); });

  async function help() {
    try { aid = await get('/review/values'); } catch { return; }
    window.keys.use(aid.keys, () => (record ? keys().map((key) => ({ key, ...record.fields[key] })) : []));
    keys().forEach(paint); window.tour.use(aid.tour);
  }

  // Decisions of before a reload go first, so that the note they decided is not shown again.
  window.outbox.tell({ saved: acknowledged, refused, waiting: unsent });
  document.addEventListener('DOMContentLoaded', () => {
    const sent = Promise.race([window.outbox.flush(), new Promise((resolve) => { setTimeout(resolve, RETRY_MS); })]);
    sent.catch(() => {}).then(() => open(inAddress()));
    help();
    built.then(() => window.keys.label());
  });
  // Gradio builds parts of its page anew, after its start or a long absence of the server: what stood there is put back.
  setInterval(() => { if ($('save') && !$('save').dataset.key) window.keys.label(); if (record && !busy && $('note-place') && !$('note-place').firstChild) open(record.note); }, 500);

  window.desk = {
    open, decide, discard, previous, undo, confirm, paint, toAsking, put, typed, say, box, comment, keys, valueOf, focusedField,
    record: () => record,
    aid: () => aid,
    refresh: () => { walk.forget(); if (record?.note) lookAhead(); },
    note: () => (record ? record.note : null),
    lacksSuggestion: () => Boolean(record) && record.note !== null && record.suggestion === null && !record.blind,
    showSuggestion: async () => { if (kept()) await sendDraft(); fillUntouched = true; open(record.note); },
  };
})();
