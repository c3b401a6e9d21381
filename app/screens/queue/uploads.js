// Importing a file: first what would become of it, then doing it. The browser keeps the file and sends it again, so
// nothing of a preview stays on the server. Everything that a file holds is written with textContent.
(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const ROLES = { text: 'the note', id: 'its id', label: 'label', 'ignored label': 'label, left out', 'left out': 'left out', metadata: 'metadata' };
  const many = (n, one = 'note') => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;

  function make(tag, settings = {}, ...children) {
    const element = Object.assign(document.createElement(tag), settings);
    element.append(...children);
    return element;
  }

  let file = null, choice = {}, asked = 0;

  function tell(lines, state) {
    const report = $('import-report');
    if (!report) return;
    report.dataset.state = state;
    report.replaceChildren(...lines.map((line) => make('p', { textContent: line })));
  }

  async function send(path) {
    const headers = { 'content-type': 'application/octet-stream', accept: 'application/json', 'x-file-name': encodeURIComponent(file.name), 'x-columns': encodeURIComponent(JSON.stringify(choice)) };
    let answer, result;
    try {
      answer = await fetch(path, { method: 'POST', body: file, headers });
      result = await answer.json();
    } catch { throw new Error(answer ? 'Nothing was imported: the desk has a problem, and its log says which.' : 'Nothing was imported: the desk cannot be reached. Try again when it is back.'); }
    if (!answer.ok) throw new Error(result.detail);
    return result;
  }

  // ---------------------------------------------------------------- the preview

  async function look(next, chosen = {}) {
    file = next; choice = chosen;
    const mine = ++asked;
    const dialog = $('import-preview');
    if (dialog.open) dialog.setAttribute('aria-busy', 'true'); else tell([`Reading ${file.name} …`], 'pending');
    try {
      const found = await send('/import/preview');
      if (mine !== asked) return;
      tell([], 'done');
      show(found);
    } catch (error) {
      if (mine !== asked) return;
      dialog.close();
      tell([error.message], 'failed');
    }
  }

  function show(found) {
    const dialog = $('import-preview');
    const focused = dialog.contains(document.activeElement) ? document.activeElement.name : '';
    dialog.removeAttribute('aria-busy');
    dialog.replaceChildren(
      make('h3', { id: 'import-title', textContent: `Import ${found.file}` }),
      make('p', { className: 'sum', textContent: sum(found) }),
      ...remarks(found), ...mapping(found), ...refused(found), ...columns(found), ...beginnings(found), answers(found),
    );
    dialog.querySelector('.sum').setAttribute('role', 'status');
    if (!dialog.open) dialog.showModal();
    (dialog.querySelector(`[name="${focused || 'yes'}"]`) ?? dialog.querySelector('[name="no"]')).focus();
    dialog.scrollTop = focused ? dialog.scrollTop : 0;
  }

  function sum(found) {
    const parts = [`${many(found.n_new, 'new note')}`, `${found.n_known.toLocaleString('en')} already here`, `${found.n_refused.toLocaleString('en')} refused`];
    return `${many(found.n_rows, 'row')} read: ${parts.join(', ')}. Nothing is written yet.`;
  }

  const remarks = (found) => found.remarks.map((line) => make('p', { className: 'hint', textContent: line }));

  function picker(label, name, value, names, none) {
    const select = make('select', { name, ariaLabel: label }, ...(none ? [new Option(none, '')] : []), ...names.map((one) => new Option(one, one)));
    select.value = value ?? '';
    select.addEventListener('change', () => look(file, { ...choice, [name]: select.value || null }));
    return make('label', { className: 'choice' }, make('span', { textContent: label }), select);
  }

  function mapping(found) {
    const made = [];
    const names = found.columns.map((column) => column.name);
    if (found.is_guessed) made.push(make('p', { className: 'hint', textContent: `No column is named text or input; “${found.text}” looks like the notes. Choose another if it is not.` }));
    else if (found.can_choose && !found.text) made.push(make('p', { className: 'hint', textContent: 'No column looks like the notes. Choose the one that holds them.' }));
    const line = make('div', { className: 'filter-line' });
    if (found.can_choose) {
      // The guess stands until a person chooses; what is chosen is sent with the file.
      if (found.is_guessed) choice = { ...choice, text: found.text };
      if (found.id && !('id' in choice)) choice = { ...choice, id: found.id };
      line.append(picker('The note is in', 'text', found.text, names, found.text ? '' : 'choose a column'), picker('Its id is in', 'id', found.id, names.filter((name) => name !== found.text), found.id ? '' : 'no column'));
    }
    if (found.has_labels) {
      const box = make('input', { type: 'checkbox', name: 'original', checked: found.original });
      box.addEventListener('change', () => look(file, { ...choice, original: box.checked }));
      line.append(make('label', { className: 'chip', title: 'Labelled notes are originals: training material, not work for the queue.' }, box, make('span', { textContent: 'take the labels too: the notes become originals' })));
    }
    if (line.childElementCount) made.push(line);
    return made;
  }

  function table(headings, lines) {
    const head = make('tr', {}, ...headings.map((heading) => make('th', { scope: 'col', textContent: heading })));
    const body = lines.map((cells) => make('tr', {}, ...cells.map((cell, at) => Object.assign(document.createElement(at ? 'td' : 'th'), { textContent: cell, dir: 'auto', ...(at ? {} : { scope: 'row' }) }))));
    return make('table', { className: 'list' }, make('thead', {}, head), make('tbody', {}, ...body));
  }

  function columns(found) {
    if (!found.can_choose && found.columns.length < 2) return [];
    return [make('h4', { textContent: 'What becomes of each column' }), table(['Column', 'Becomes', 'Begins'], found.columns.map((column) => [column.name, ROLES[column.role], column.holds]))];
  }

  function beginnings(found) {
    if (!found.notes.length) return [];
    const shown = found.notes.map((note) => {
      const facts = [`${note.n_characters.toLocaleString('en')} characters`];
      if (note.metadata.length) facts.push(`metadata: ${note.metadata.join(', ')}`);
      const labels = Object.entries(note.labels).map(([key, value]) => `${key}: ${value}`);
      if (labels.length) facts.push(`labels: ${labels.join('; ')}`);
      return make('article', {}, make('p', {}, make('b', { textContent: note.id ?? 'no id' }), ` ${facts.join(' · ')}`), make('p', { className: 'text', dir: 'auto', textContent: note.text }));
    });
    return [make('h4', { textContent: found.notes.length > 1 ? `The first ${found.notes.length} notes` : 'The first note' }), ...shown];
  }

  function rest(found) {
    if (!found.n_new && !found.n_known) return 'nothing is left to import';
    return found.n_files_refused ? 'the file could not be read to its end' : 'the rest can be imported';
  }

  function refused(found) {
    if (!found.n_refused) return [];
    const more = found.n_refused - found.refusals.length;
    const lines = [...found.refusals, ...(more ? [`${more.toLocaleString('en')} more are refused.`] : [])].map((line) => make('li', { textContent: line }));
    return [make('details', { className: 'refused', open: lines.length <= 4 }, make('summary', { textContent: `${found.n_refused.toLocaleString('en')} refused; ${rest(found)}` }), make('ul', {}, ...lines))];
  }

  function answers(found) {
    const brings = found.n_new > 0 || found.n_labelled > 0;
    const yes = make('button', { type: 'button', name: 'yes', className: 'strong-button', disabled: !brings, textContent: found.n_new || !brings ? `Import ${many(found.n_new)}` : `Bring the labels of ${many(found.n_labelled)}` });
    const no = make('button', { type: 'button', name: 'no', className: 'plain', textContent: brings ? 'Cancel' : 'Close' });
    no.addEventListener('click', () => $('import-preview').close());
    yes.addEventListener('click', () => bring(yes));
    return make('div', { className: 'answers' }, no, yes);
  }

  async function bring(button) {
    button.disabled = true;
    button.textContent = 'Importing …';
    try {
      const done = await send('/import');
      tell(done.sentences, 'done');
      window.queue.refresh();
      if (window.desk.note() === null) window.desk.open(null);
    } catch (error) { tell([error.message], 'failed'); }
    $('import-preview').close();
    file = null;
  }

  // ---------------------------------------------------------------- choosing and dropping

  document.addEventListener('click', (event) => { if (event.target.closest?.('#import')) $('import-file')?.click(); });
  document.addEventListener('keydown', (event) => {
    if (event.target.id === 'import' && (event.key === 'Enter' || event.key === ' ')) { event.preventDefault(); $('import-file')?.click(); }
  });
  document.addEventListener('change', (event) => { if (event.target.id === 'import-file' && event.target.files[0]) { look(event.target.files[0]); event.target.value = ''; } });
  document.addEventListener('dragover', (event) => { if (event.dataTransfer?.types.includes('Files')) { event.preventDefault(); $('import')?.classList.add('over'); } });
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) $('import')?.classList.remove('over'); });
  document.addEventListener('drop', (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();                                  // or the browser leaves the desk to show the file
    $('import')?.classList.remove('over');
    if ($('import')?.offsetParent) look(event.dataTransfer.files[0]);
  });
})();
