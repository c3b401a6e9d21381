// The same correction elsewhere: after a save, the corrected value is offered on the other notes whose suggestion says the
// same. An offer changes what their forms propose and decides nothing; it can be taken back.
(() => {
  'use strict';

  const { make } = window.shell;
  const code = (value) => make('code', value ?? 'no value');
  let of = null;

  function button(text, act, id) {
    const made = make('button', text, 'plain');
    Object.assign(made, { type: 'button', onclick: act });
    if (id) made.id = id;
    return made;
  }

  async function elsewhere(entry) {
    const bar = document.getElementById('elsewhere');
    of = entry;
    if (!bar) return;
    if (!entry) { bar.hidden = true; bar.replaceChildren(); return; }
    for (const change of entry.changes) {
      const same = { note: entry.content.note, ...change };
      const found = await window.outbox.post('/offers/look', same);
      if (of !== entry) return;
      if (found.status === 200 && found.n > 0) { ask(bar, same, found); return; }
    }
  }

  function ask(bar, same, found) {
    const notes = make('details');
    notes.append(make('summary', 'which'));
    const list = make('ul');
    for (const note of found.notes) {
      const line = make('li'), open = button(note.name, () => {});
      open.dataset.note = note.note;
      line.append(open, ` ${note.begins}`);
      list.append(line);
    }
    if (found.n > found.notes.length) list.append(make('li', `and ${found.n - found.notes.length} more`));
    notes.append(list);
    const offer = button('Offer it there', () => give(bar, same, found), 'offer-make');
    bar.replaceChildren(`${found.n} other pre-fill${found.n === 1 ? ' says' : 's say'} `, code(same.old_value), ` for ${found.title}: offer `, code(same.new_value), ' there? ', offer, button('No', () => elsewhere(null)), notes);
    bar.hidden = false;
    window.keys.label();
  }

  async function give(bar, same, found) {
    const made = await window.outbox.post('/offers', same);
    if (made.status !== 200) { bar.replaceChildren(`Not offered: ${window.outbox.why(made)}.`); return; }
    window.desk.refresh();
    const back = button('Undo', async () => { await window.outbox.post('/offers/withdraw', { note: made.offer }); window.desk.refresh(); elsewhere(null); });
    bar.replaceChildren('Offered ', code(same.new_value), ` on ${found.n} note${found.n === 1 ? '' : 's'}; each still waits for a person. `, back, button('Close', () => elsewhere(null)));
  }

  window.elsewhere = elsewhere;
})();
