// Around the screens: light and dark, the banner, the status at the top right, ways to a note and to a screen.
(() => {
  'use strict';

  const LOOK_MS = 5000, LOOK_AGAIN_MS = 1000;
  const $ = (id) => document.getElementById(id);

  // Every page is in English. Gradio would speak the browser's language where it has words of its own, and tell screen
  // readers that the whole page does.
  Object.defineProperties(navigator, { language: { get: () => 'en' }, languages: { get: () => ['en'] } });
  const root = document.documentElement;
  const english = () => { if (root.lang !== 'en') root.lang = 'en'; };
  new MutationObserver(english).observe(root, { attributes: true, attributeFilter: ['lang'] });
  english();

  // ---------------------------------------------------------------- who this is

  // The page says by whom it was opened; what is sent says so too, so that nothing is saved in another's name.
  const reviewer = JSON.parse(document.querySelector('meta[name="caseloop-reviewer"]')?.content ?? '{"name":"","is_local":true}');
  const named = () => ({ 'x-reviewer': encodeURIComponent(reviewer.name) });
  let isOut = false;   // the sign-in has ended
  function signedOut(out) { if (isOut !== out) { isOut = out; if (!out) banner(null); } }

  const isKept = () => window.outbox.size() > 0 || Object.keys(sessionStorage).some((key) => key.startsWith('caseloop:typed:'));
  async function signOut() {
    await window.outbox.flush();
    for (let tries = 0; tries < 20 && isKept(); tries += 1) await new Promise((resolve) => { setTimeout(resolve, 150); });  // a draft on its way
    if (isKept()) { banner('Not signed out: what you typed or decided is not saved yet. It is sent again as soon as the desk can be reached.'); return; }
    addEventListener('pagehide', () => { try { for (const key of Object.keys(sessionStorage)) if (key.startsWith('caseloop:')) sessionStorage.removeItem(key); } catch { /* storage may be switched off */ } });
    window.claims.leave();
    await fetch('/logout', { method: 'POST', redirect: 'manual' });
    location.assign('/login');
  }

  // Gradio builds the top bar after the page has loaded, and sometimes anew.
  function greet() {
    const bar = $('theme')?.parentElement;
    if (reviewer.is_local || !bar || $('sign-out')) return;
    const out = Object.assign(document.createElement('button'), { type: 'button', id: 'sign-out', className: 'plain', textContent: 'Sign out' });
    const name = Object.assign(document.createElement('a'), { id: 'reviewer-name', href: '/password', textContent: reviewer.name, title: `signed in as ${reviewer.name}, ${reviewer.role}: change the password` });
    bar.append(name, out);
  }
  setInterval(greet, 500);
  document.documentElement.dataset.role = reviewer.role ?? 'admin';  // what a role may not do is not shown; the store refuses it too

  // Whether somebody did something since it was last told: a page that is only open does not stay signed in.
  let isActive = true;
  for (const kind of ['keydown', 'pointerdown', 'wheel']) addEventListener(kind, () => { isActive = true; }, { capture: true, passive: true });

  // ---------------------------------------------------------------- light and dark

  const system = matchMedia('(prefers-color-scheme: dark)');
  const chosen = () => { try { return localStorage.getItem('caseloop:theme'); } catch { return null; } };
  const isDark = () => (chosen() ?? (system.matches ? 'dark' : 'light')) === 'dark';
  function dress() {
    for (const element of [document.documentElement, document.body]) {
      if (element && element.classList.contains('dark') !== isDark()) element.classList.toggle('dark', isDark());
    }
  }
  dress();
  system.addEventListener('change', dress);
  document.addEventListener('DOMContentLoaded', () => {
    dress();
    // Gradio follows the system alone; the reader's choice comes after it.
    new MutationObserver(dress).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  });

  // ---------------------------------------------------------------- what is shared with the review screen

  // While the disk is full the desk can be read only; what is typed and decided waits in this tab and is sent again.
  const FULL = 'READ ONLY: the disk of the desk is full. What you type and decide is kept in this tab and saved once there is room. Keep the tab open, and tell whoever runs the desk.';
  let isFull = false;
  function full(on) { if (isFull !== on) { isFull = on; banner(null); } }

  function banner(text) {
    const bar = $('banner') ?? document.body.appendChild(Object.assign(document.createElement('div'), { id: 'banner' }));
    bar.setAttribute('role', 'alert');
    const said = isFull ? FULL : isOut ? text ?? 'Your sign-in has ended. What you typed is kept in this tab.' : text;
    bar.hidden = !said;
    bar.dataset.kind = isFull ? 'full' : '';
    if (!said && !bar.textContent) return;  // nothing to change, so that nothing is removed while one types
    bar.replaceChildren(said ?? '');
    if (isOut) bar.append(' ', Object.assign(document.createElement('a'), { href: '/login', target: '_blank', textContent: 'Sign in again in a new tab' }), ', then this one goes on.');
  }

  function away(gone) {
    document.body.classList.toggle('away', gone);
    if (!gone) banner(null);
  }

  // Notes decided in this tab, for Previous: ids only.
  const visited = {
    key: 'caseloop:visited',
    all() { try { return JSON.parse(sessionStorage.getItem(this.key)) ?? []; } catch { return []; } },
    write(list) { try { sessionStorage.setItem(this.key, JSON.stringify(list.slice(-200))); } catch { /* storage may be switched off */ } },
    push(note) { this.write([...this.all().filter((other) => other !== note), note]); },
    pop() { const list = this.all(), note = list.pop(); this.write(list); return note; },
  };

  // ---------------------------------------------------------------- status

  let failures = 0;
  async function look() {
    if (document.hidden && !isOut) return;
    const note = window.desk?.note() ?? null, askedAt = performance.now();
    try {
      const asked = new URLSearchParams({ ...(note === null ? {} : { note }), ...(isActive ? { active: 1 } : {}) });
      isActive = false;
      const answer = await fetch(`/status?${asked}`, { headers: named(), signal: AbortSignal.timeout(LOOK_MS) });
      if (answer.status === 401) { signedOut(true); if ($('banner')?.hidden ?? true) banner(null); return; }
      signedOut(false);
      if (!answer.ok) throw new Error(String(answer.status));
      const status = await answer.json();
      failures = 0;
      full(status.is_full);
      away(false);
      worker(status.worker);
      name(status.adapter ?? 'no adapter');
      offer(note !== null && note === window.desk.note() && window.desk.lacksSuggestion() && status.has_suggestion);
      read(note === window.desk.note() && window.desk.lacksSuggestion() ? status.share_read : null);
      window.claims.told(note, status, askedAt);
    } catch {
      failures += 1;
      if (failures > 1) { away(true); worker({ state: 'away', sentence: 'the desk cannot be reached' }); }
    }
  }
  let adapter = '', isBlind = false;
  function name(found) { adapter = found; if ($('adapter-name')) window.typing.write($('adapter-name'), isBlind ? 'names hidden' : adapter); }
  function blind(on) { isBlind = on; name(adapter); }
  function worker(status) {
    const line = $('worker');
    if (!line || !status) return;
    line.dataset.state = status.state;
    window.typing.write(line, status.sentence);
    line.title = status.sentence;
  }
  function offer(there) { const line = $('offer'); if (line) line.hidden = !there; }
  // How far the model has read a long note for which the reviewer waits; meanwhile it is asked for more often.
  let again = null;
  function read(share) {
    const line = $('read');
    clearTimeout(again);
    if (!line) return;
    line.hidden = share === null;
    if (share === null) return;
    line.querySelector('progress').value = share;
    window.typing.write(line.querySelector('.word'), share < 1 ? `the model has read ${Math.floor(100 * share)} % of this note` : 'the model has read this note and is writing its answer');
    again = setTimeout(look, LOOK_AGAIN_MS);
  }
  setInterval(look, LOOK_MS);
  document.addEventListener('visibilitychange', look);

  // ---------------------------------------------------------------- navigation

  const tab = (name) => document.querySelector(`[role="tab"][data-tab-id="${name}"]`);
  // A note, or the next one for none; what follows it is as it was, or as `walk` says (see queue_position.js).
  function openNote(note, walk) { tab('review')?.click(); window.desk.open(note, { walk }); }

  document.addEventListener('click', (event) => {
    const target = event.target;
    const row = target.closest?.('[data-note]');
    if (row && (event.ctrlKey || event.metaKey || target.closest('.tick'))) return;  // another tab; a tick
    if (row) { event.preventDefault(); openNote(Number(row.dataset.note), row.closest('[data-walk]')?.dataset.walk); return; }
    const to = target.closest?.('[data-tab]');
    if (to) { event.preventDefault(); tab(to.dataset.tab)?.click(); return; }
    if (target.closest?.('#theme')) { try { localStorage.setItem('caseloop:theme', isDark() ? 'light' : 'dark'); } catch { /* not kept */ } dress(); return; }
    if (target.closest?.('#sign-out')) { signOut(); return; }
    if (target.closest?.('#offer')) { offer(false); window.desk.showSuggestion(); return; }
  });
  // The blind comparison by keyboard; a key that is held down must not judge notes that nobody has read.
  const SIDES = { Digit1: 'blind-left', Digit2: 'blind-same', Digit3: 'blind-right', KeyS: 'blind-skip' };
  document.addEventListener('keydown', (event) => {
    const panel = $('blind');
    if (!panel?.offsetParent) return;
    if (event.repeat && event.key === 'Enter' && panel.contains(event.target)) { event.preventDefault(); return; }
    const button = event.altKey && !event.ctrlKey && $(SIDES[event.code]);
    if (!button?.offsetParent) return;
    event.preventDefault();
    if (!event.repeat) button.click();
  });

  // Times are stored in UTC and shown in the reader's own time.
  function localTimes() {
    for (const time of document.querySelectorAll('time[datetime]:not([data-local])')) {
      const at = new Date(time.dateTime);
      time.dataset.local = '1';
      time.textContent = `${at.toLocaleDateString('sv')} ${at.toLocaleTimeString('sv', { hour: '2-digit', minute: '2-digit' })}`;
    }
  }
  document.addEventListener('DOMContentLoaded', () => new MutationObserver(localTimes).observe(document.body, { childList: true, subtree: true }));

  // An element with a text in it, which is never read as markup.
  const make = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text ?? '', className: name ?? '' });
  // A button that does something; the label is for a screen reader, where the text alone would not tell.
  const button = (text, act, label) => { const made = Object.assign(make('button', text, 'plain'), { type: 'button', onclick: act }); if (label) made.setAttribute('aria-label', label); return made; };

  window.shell = { reviewer, named, signedOut, make, button, away, banner, full, blind, look, openNote, visited };
})();
