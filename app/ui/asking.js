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

  async function post(path, body) {
    let answer, said;
    try {
      answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      said = await answer.json();
    } catch { throw new Error('The desk cannot be reached.'); }
    if (!answer.ok) throw new Error(said.detail);
    return said;
  }

  window.asking = { asked, post };
})();
