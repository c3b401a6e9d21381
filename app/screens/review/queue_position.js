// Which notes come next on the review screen: all that wait, or those of a filter in an order that was chosen in the
// queue, a walk. It stands in the page's address, so that a reload, a link and the way back keep it; the server checks it
// with every request. And the next notes, loaded ahead.
(() => {
  'use strict';

  const PARTS = ['text', 'state', 'origin', 'reviewer', 'adapter', 'is_unsure', 'is_not_found', 'is_corrected', 'is_disputed', 'order', 'seed'];
  const { get, notes: onTheirWay } = window.outbox;

  let walk = '';             // as the query of an address; empty for all notes
  let ahead = [];            // the next notes, loaded while this one is read
  let loadedAt = 0;

  function read() {
    const { searchParams } = new URL(location);
    walk = new URLSearchParams(PARTS.filter((part) => searchParams.has(part)).map((part) => [part, searchParams.get(part)])).toString();
    return walk;
  }

  function asked(path, parts, skip) {
    const query = new URLSearchParams(walk);
    for (const [part, value] of Object.entries(parts)) if (value !== null && value !== undefined) query.set(part, value);
    for (const note of skip) query.append('skip', note);
    return get(`${path}?${query}`);
  }
  const undecided = (note) => [...new Set(onTheirWay())].filter((other) => other !== note);

  // A note, or for none the next one behind `after`.
  const page = (note, after) => asked('/review', { note, after }, note === null ? undecided(null) : []);

  // The next two notes, anew with each note: what is loaded ahead is never older than one note's work.
  async function load(note, isOnScreen) {
    try {
      const { notes } = await asked('/review/ahead', { after: note }, undecided(note));
      if (isOnScreen()) { ahead = notes; loadedAt = performance.now(); }
    } catch { /* the next note is then asked for when it is needed */ }
  }

  // The next of them that is not decided already; null where none is loaded.
  function take(note) {
    const decided = onTheirWay();
    while (ahead.length && (ahead[0].note === note || decided.includes(ahead[0].note))) ahead.shift();
    return ahead.shift() ?? null;
  }

  // The address of what is on screen: a note, or for none the end of the walk.
  function address(note) {
    const url = new URL(location), parts = url.searchParams;
    const before = sorted(parts), isFirst = !parts.has('note') && !PARTS.some((part) => parts.has(part));
    for (const part of ['note', ...PARTS]) parts.delete(part);
    if (note !== null) parts.set('note', note);
    for (const [part, value] of new URLSearchParams(walk)) parts.set(part, value);
    if (sorted(parts) !== before) history[isFirst ? 'replaceState' : 'pushState']({}, '', url);
  }
  const sorted = (parts) => JSON.stringify([...parts].sort());

  document.addEventListener('click', (event) => { if (event.target.closest?.('#all-notes')) window.desk.open(window.desk.note(), { walk: '' }); });

  read();
  window.walk = {
    address, load, page, read, take,
    choose: (other) => { if (other !== walk) ahead = []; walk = other; },
    forget: () => { ahead = []; },
    hasNext: () => ahead.length > 0,
    loaded: () => ahead.map((one) => one.note),
    // What somebody else may have been given meanwhile is not shown; what was loaded since it was asked for is not meant.
    keep: (notes, askedAt) => { if (askedAt > loadedAt) ahead = ahead.filter((one) => notes.includes(one.note)); },
  };
})();
