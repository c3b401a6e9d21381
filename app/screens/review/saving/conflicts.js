// A note that somebody else decided meanwhile: both versions field by field, and what they merge to. What only one of the
// two touched is merged at once and Save keeps it; where both touched a field the reviewer chooses first.
(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const { button, make } = window.shell;
  const shown = (value) => value ?? 'none';
  let open = new Set();      // fields that both touched and nobody chose for
  let said = null;           // what stands below the table

  // Nothing at all without `answer`.
  function show(answer) {
    const panel = $('conflict');
    open = new Set();
    if (!panel) return;
    panel.replaceChildren();
    panel.hidden = !answer;
    if (answer) build(panel, answer);
  }

  function build(panel, { detail, theirs }) {
    const { desk } = window, record = desk.record(), { merge, who } = theirs;
    const mine = Object.fromEntries(desk.keys().map((key) => [key, desk.valueOf(key)]));
    const differing = desk.keys().filter((key) => mine[key] !== (theirs.values[key] ?? null));
    // What was typed since it was sent is touched too.
    const taken = differing.filter((key) => merge?.taken.includes(key) && mine[key] === (merge.base[key] ?? null));
    const both = merge ? differing.filter((key) => !taken.includes(key) && !merge.kept.includes(key)) : [];
    const table = document.createElement('table'), head = table.createTHead().insertRow(), rows = table.createTBody();
    for (const title of ['', 'yours', who, ...(merge ? ['merged'] : [])]) head.append(make('th', title));
    for (const key of differing) {
      const row = rows.insertRow();
      row.append(make('th', record.fields[key].title), make('td', shown(mine[key])), make('td', shown(theirs.values[key])));
      if (merge) row.append(outcome(key, { mine, theirs, taken, both, who }));
    }
    const buttons = make('p');
    const keepMine = () => { for (const key of taken) desk.put(key, mine[key]); show(null); go(record, theirs); desk.say('hint', 'Your values go on top when you save; the other version stays in the history.'); };
    buttons.append(button('Keep mine', keepMine), button('Take theirs', desk.discard));
    said = make('p');
    said.setAttribute('role', 'status');
    panel.append(make('strong', detail), differing.length ? table : make('p', 'Both versions hold the same values.'), said, buttons);
    if (!merge) return;
    open = new Set(both);
    go(record, theirs);
    for (const key of taken) desk.put(key, theirs.values[key] ?? null);
    desk.typed(null);        // a draft of it follows
    tell();
  }

  // What is saved from here on goes on top of the other version, which the reviewer sees; what both touched keeps it back.
  function go(record, theirs) {
    record.revision = theirs.revision;
    if (theirs.draft) record.draft = theirs.draft;
    if (theirs.opinion) record.opinion = theirs.opinion;
  }

  function outcome(key, { mine, theirs, taken, both, who }) {
    if (taken.includes(key)) return make('td', `${shown(theirs.values[key])} (by ${who}; you had left it)`);
    const cell = make('td');
    if (!both.includes(key)) { cell.textContent = `${shown(mine[key])} (yours; ${who} had left it)`; return cell; }
    const { title } = window.desk.record().fields[key];
    const choose = (value) => {
      window.desk.put(key, value);
      cell.replaceChildren(`${shown(value)} (you chose)`);
      open.delete(key);
      tell();
      (document.querySelector('#conflict td button') ?? $('save'))?.focus();
    };
    cell.append(button('Mine', () => choose(mine[key]), `${title}: mine`), ' ', button('Theirs', () => choose(theirs.values[key] ?? null), `${title}: theirs`));
    return cell;
  }

  const titles = () => [...open].map((key) => window.desk.record().fields[key].title).join(', ');
  function tell() {
    const save = window.keys.shown(window.keys.keyOf('save'));
    said.textContent = open.size ? `You both changed ${titles()}: choose, then save.` : `Merged in the form: ${save} saves it.`;
  }

  // Whether a choice is left; then the reviewer is led to it.
  function holdsBack() {
    if (!open.size || $('conflict')?.hidden !== false) return false;
    window.desk.say('hint', `Choose first for ${titles()}: yours or theirs.`);
    document.querySelector('#conflict td button')?.focus();
    return true;
  }

  window.merge = { show, holdsBack };
})();
