// A note about which reviewers differ, for whoever adjudicates: who says what, field by field. A value is a button that
// puts it into the form; the keys of the alternatives do the same. What is saved then is the decision.
(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const { button, make } = window.shell;
  const WORDS = { skipped: 'skipped it', flagged: 'flagged it' };

  // Nothing at all without `found`.
  function show(found) {
    const panel = $('opinions');
    if (!panel) return;
    panel.replaceChildren();
    panel.hidden = !found;
    if (found) build(panel, found);
  }

  function build(panel, { opinions, differing }) {
    const table = document.createElement('table'), head = table.createTHead().insertRow(), rows = table.createTBody();
    for (const title of ['', ...opinions.map(({ who }) => who)]) head.append(make('th', title));
    const set = rows.insertRow();
    if (opinions.some(({ status }) => status !== 'submitted')) {
      set.append(make('th', 'Decision'), ...opinions.map(({ status }) => make('td', WORDS[status] ?? 'reviewed it')));
    } else set.remove();
    for (const key of differing) {
      const row = rows.insertRow(), { title } = window.desk.record().fields[key];
      row.append(make('th', title));
      for (const { who, values } of opinions) row.insertCell().append(choice(key, title, values[key] ?? null, who));
    }
    panel.append(make('strong', 'Opinions differ: choose or write what is right.'), table);
    for (const { who, comment } of opinions) if (comment) panel.append(make('p', `${who}: ${comment}`));
  }

  function choice(key, title, value, who) {
    const take = () => { window.desk.put(key, value); window.desk.box(key)?.focus(); };
    return button(value ?? 'none', take, `${title}, as ${who} says: ${value ?? 'none'}`);
  }

  window.opinions = { show };
})();
