// What the queue asks: of a person, in a window that waits for the answer, and of the server, with sentences for errors.
(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);

  function asked({ title, says, yes, line = '', limit = 0 }) {
    const dialog = $('queue-ask');
    const input = dialog.querySelector('input');
    $('queue-ask-title').textContent = title;
    $('queue-ask-says').textContent = says;
    $('queue-ask-line').hidden = !line;
    $('queue-ask-line').querySelector('span').textContent = line;
    input.value = '';
    input.required = Boolean(line);
    if (limit) input.maxLength = limit;
    dialog.querySelector('[value="yes"]').textContent = yes;
    dialog.returnValue = '';
    dialog.showModal();
    (line ? input : dialog.querySelector('[value="yes"]')).focus();
    return new Promise((resolve) => {
      dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' ? { line: input.value.trim() } : null), { once: true });
    });
  }

  const PATIENCE_MS = 30000;  // many notes in one turn take longer than one

  async function post(path, body) {
    const { status, ...said } = await window.outbox.post(path, body, { patience: PATIENCE_MS });
    if (status === 0) throw new Error('The desk cannot be reached.');
    if (status !== 200) throw new Error(said.detail ?? 'The desk has a problem, and its log says which.');
    return said;
  }

  window.asking = { asked, post };
})();
