// Decisions on their way to the desk. Each is kept in this tab until the desk has acknowledged it, and sent again with
// the same token, which makes sending it twice harmless: neither a lost connection nor a reload loses one.
(() => {
  'use strict';

  const { full, named, reviewer, signedOut } = window.shell;
  const KEPT = `caseloop:outbox:${reviewer.name}`;
  const PATIENCE_MS = 8000;  // how long an answer may take
  const SAVES = new Set(['/drafts', '/decisions', '/decisions/undo']);
  const RETRY_MS = 2000;     // between attempts while the desk is away

  let list = read(), running = null, timer = 0;
  let unanswered = [];       // drafts that were sent and not answered, the newest last
  let told = { saved() {}, refused() {}, waiting() {} };

  function read() { try { return JSON.parse(sessionStorage.getItem(KEPT)) ?? []; } catch { return []; } }
  function write() { try { sessionStorage.setItem(KEPT, JSON.stringify(list)); } catch { /* storage may be switched off */ } }

  async function post(path, content, { keepalive = false, patience = PATIENCE_MS } = {}) {
    const stop = new AbortController(), limit = setTimeout(() => stop.abort(), patience);
    try {
      const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json', ...named() }, body: JSON.stringify(content), signal: stop.signal, keepalive });
      if (answer.status === 401) signedOut(true);
      if (answer.status === 507 || (answer.ok && SAVES.has(path))) full(answer.status === 507);
      return { status: answer.status, ...(await answer.json().catch(() => ({}))) };
    } catch {
      return { status: 0 };
    } finally { clearTimeout(limit); }
  }

  async function get(path) {
    const answer = await fetch(path, { headers: { accept: 'application/json', ...named() }, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status === 401) signedOut(true);
    if (!answer.ok) throw Object.assign(new Error(String(answer.status)), { status: answer.status, ...(await answer.json().catch(() => ({}))) });
    return answer.json();
  }

  // Why an answer is none, as `post` gave it or `get` threw it: only one that never came is the connection's fault.
  function why({ status, detail }) {
    if (!status) return 'the desk cannot be reached';
    return typeof detail === 'string' ? detail.replace(/\.$/, '') : 'the desk has a problem, and its log says which';
  }

  // A draft whose answer was lost may have arrived: what the desk then holds is this tab's own, and no other window's.
  async function draft(content, keepalive = false) {
    const answer = await post('/drafts', content, { keepalive }), { theirs } = answer;
    if (answer.status === 0) unanswered = [...unanswered.slice(-50), said(content)];
    if (answer.status !== 409 || !theirs?.draft || !unanswered.includes(said({ ...theirs, note: content.note }))) return answer;
    return draft({ ...content, draft: theirs.draft }, keepalive);
  }
  const said = ({ note, values, comment }) => JSON.stringify([note, Object.entries(values).sort(), comment]);

  // Kept at once, sent after what it is to follow.
  function push(entry, before = null) { list.push(entry); write(); return Promise.resolve(before).then(flush); }

  // In order, one after the other; ends when all are acknowledged or the desk does not answer.
  function flush() {
    clearTimeout(timer);
    running ??= send().finally(() => { running = null; });
    return running;
  }

  async function send() {
    while (list.length) {
      const entry = list[0];
      const answer = await post('/decisions', entry.content);
      if (list[0] !== entry) continue;  // taken back meanwhile
      if (answer.status === 200) {
        list.shift(); write(); told.saved(entry, answer);
      } else if ([403, 409, 422].includes(answer.status)) {
        list.shift(); write(); told.refused(entry, answer);
      } else {
        told.waiting(list.length, answer);
        timer = setTimeout(flush, RETRY_MS);
        return;
      }
    }
  }

  // A decision that has not been sent is simply not sent; null where it is on its way or gone.
  function take(note) {
    const place = list.findIndex((entry, position) => entry.content.note === note && (position > 0 || !running));
    if (place < 0) return null;
    const [entry] = list.splice(place, 1);
    write();
    return entry;
  }

  window.addEventListener('online', flush);
  window.addEventListener('beforeunload', (event) => { if (list.length) event.preventDefault(); });

  window.outbox = {
    get, post, draft, push, flush, take, why,
    size: () => list.length,
    notes: () => list.map((entry) => entry.content.note),
    tell: (handlers) => { told = handlers; },
  };
})();
