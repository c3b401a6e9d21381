// The history of the note on screen, in a dialog: what was suggested, who decided what and when, and what that changed.
(() => {
  'use strict';

  const { make } = window.shell;
  const when = (at) => { const time = new Date(at); return `${time.toLocaleDateString('sv')} ${time.toLocaleTimeString('sv')}`; };

  function line(step) {
    const entry = make('li'), head = make('p');
    head.append(make('time', when(step.at)), ' ', make('b', step.who), ` ${step.what}`);
    entry.append(head);
    if (step.comment) entry.append(make('p', `“${step.comment}”`, 'quiet'));
    if (step.changes.length) {
      const list = make('ul');
      for (const { field, old, new: now } of step.changes) {
        const change = make('li', `${field}: `);
        if (step.what === 'suggested') change.append(now);
        else change.append(make('del', old ?? 'none'), ' → ', make('ins', now ?? 'none'));
        list.append(change);
      }
      entry.append(list);
    } else if (step.what.startsWith('saved')) entry.append(make('p', 'nothing changed', 'quiet'));
    return entry;
  }

  async function show() {
    const open = document.getElementById('history');
    if (open?.open) { open.close(); return; }
    open?.remove();
    const note = window.desk.note();
    if (!note) return;
    const dialog = make('dialog'), title = make('h2', `History of ${document.querySelector('#note-head h2')?.textContent ?? 'the note'}`), close = make('button', 'Close', 'plain');
    dialog.id = 'history';
    title.id = 'history-title';
    dialog.setAttribute('aria-labelledby', title.id);
    Object.assign(close, { type: 'button', onclick: () => dialog.close() });
    let body;
    try {
      const { steps } = await window.outbox.get(`/review/history?note=${note}`);
      body = make('ol');
      body.append(...steps.map(line));
    } catch (error) { body = make('p', `The history cannot be shown: ${window.outbox.why(error)}. Try again in a moment.`); }
    dialog.append(title, body, close);
    document.querySelector('.gradio-container').append(dialog);
    dialog.showModal();
    close.focus();
  }

  document.addEventListener('click', (event) => { if (event.target.closest?.('#history-open')) show(); });
  window.past = { show };
})();
