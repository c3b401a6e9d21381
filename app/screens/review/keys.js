// The keyboard: what each key does, the sheet that says so, and giving an action another key.
//
// Keys are told by their place on the keyboard, so that Alt with a letter works where it would write a character. No key
// is a letter alone: a reviewer types all day, and speech input would set it off.
(() => {
  'use strict';

  const ACTIONS = [
    ['save', 'Ctrl+Enter', 'Save and go to the next note; first to what asks to be looked at'],
    ['accept', 'Enter', 'In a field: confirm its value and go to the next that asks'],
    ['acceptAll', 'Alt+A', 'Confirm every field as it stands'],
    ['asks', 'Alt+N', 'Go to the next field that asks to be looked at'],
    ['first', 'Alt+Q', 'Take the first other value of the field'],
    ['second', 'Alt+W', 'Take the second other value of the field'],
    ['clear', 'Alt+X', 'Empty the field: the note says nothing'],
    ['skip', 'Alt+S', 'Skip the note'],
    ['flag', 'Alt+F', 'Flag the note, with a comment'],
    ['comment', 'Alt+C', 'Go to the comment'],
    ['previous', 'Alt+P', 'Go back to the note before'],
    ['undo', 'Alt+U', 'Take the last save back'],
    ['offer', 'Alt+O', 'Offer the correction on the other notes that have the same value'],
    ['history', 'Alt+H', 'Show what happened to the note: suggestions, decisions, who and when'],
    ['help', 'Alt+K', 'Show or close this sheet; ? where nothing is typed'],
  ];
  const FIXED = [
    ['Alt+↓', 'In a field: go to its other values; ← → choose, Enter takes, Esc goes back'],
    ['Ctrl+Z', 'In a field: undo what was typed or put there'],
    ['Tab', 'Through fields and buttons'],
  ];
  // Keys that browsers keep for themselves, whatever a page says.
  const RESERVED = new Set(['Ctrl+N', 'Ctrl+T', 'Ctrl+W', 'Ctrl+R', 'Ctrl+Tab', 'Ctrl+Z', 'Ctrl+Y', 'Ctrl+A', 'Ctrl+C', 'Ctrl+V', 'Ctrl+X', 'Alt+F4', 'Alt+ArrowLeft', 'Alt+ArrowRight', 'Alt+ArrowDown']);

  let own = {};              // action to the key that the reviewer gave it
  let fields = () => [];     // the fields on screen: key, title, hotkey

  const keyOf = (action) => own[action] ?? ACTIONS.find(([name]) => name === action)?.[1] ?? '';
  const shown = (combination) => combination.replaceAll('+', ' ').replace('Enter', '⏎');

  function pressed(event) {
    const name = /^(?:Key|Digit)(.)$/.exec(event.code)?.[1] ?? event.code.replace('NumpadEnter', 'Enter');
    if (/^(Alt|Control|Shift|Meta)/.test(name)) return '';
    return `${event.ctrlKey || event.metaKey ? 'Ctrl+' : ''}${event.altKey ? 'Alt+' : ''}${event.shiftKey ? 'Shift+' : ''}${name}`;
  }

  // The action or field that a key press stands for: {action} or {field, add}.
  function meant(event) {
    const combination = pressed(event);
    if (!combination) return null;
    const action = ACTIONS.map(([name]) => name).find((name) => keyOf(name) === combination);
    if (action) return { action };
    if (event.key === '?' && !event.target.closest?.('input, textarea, [contenteditable]')) return { action: 'help' };
    const hotkey = /^Alt\+(Shift\+)?(.)$/.exec(combination);
    const field = hotkey && fields().find((one) => one.hotkey.toUpperCase() === hotkey[2]);
    return field ? { field: field.key, add: Boolean(hotkey[1]) } : null;
  }

  // ---------------------------------------------------------------- the sheet

  const { make } = window.shell;

  function sheet() {
    let dialog = document.getElementById('key-sheet');
    if (dialog?.open) { dialog.close(); return; }
    dialog?.remove();
    dialog = make('dialog');
    dialog.id = 'key-sheet';
    dialog.setAttribute('aria-labelledby', 'key-sheet-title');
    const title = make('h2', 'Keys');
    title.id = 'key-sheet-title';
    const table = make('table', '', 'list');
    const rows = table.createTBody();
    const line = (combination, says, change) => {
      const row = rows.insertRow(), cell = row.insertCell();
      cell.append(make('kbd', shown(combination)));
      row.insertCell().textContent = says;
      if (change) row.insertCell().append(change);
    };
    const hotkeys = fields();
    if (hotkeys.length) {
      line(`Alt+${hotkeys[0].hotkey} … ${hotkeys.at(-1).hotkey}`, 'Go to a field; with text selected in the note, put it there');
      line(`Alt+Shift+${hotkeys[0].hotkey} …`, 'Add the selected text to what the field holds');
    }
    for (const [action, , says] of ACTIONS) {
      const change = make('button', 'change', 'plain');
      change.type = 'button';
      change.setAttribute('aria-label', `Change the key of: ${says}`);
      change.onclick = () => wait(action, change);
      line(keyOf(action), says, change);
    }
    for (const [combination, says] of FIXED) line(combination, says);
    const said = make('p', '', 'quiet');
    said.id = 'key-sheet-said';
    said.setAttribute('role', 'status');
    const close = make('button', 'Close', 'plain'), tour = make('button', 'Show the tour', 'plain'), reset = make('button', 'All keys as they were', 'plain');
    close.onclick = () => dialog.close();
    tour.onclick = () => { dialog.close(); window.tour.open(document.activeElement); };
    reset.onclick = () => keep({}, 'All keys are as they were.');
    const foot = make('p');
    foot.append(close, tour, reset);
    dialog.append(title, table, said, foot);
    document.querySelector('.gradio-container').append(dialog);
    dialog.showModal();
    close.focus();
  }

  function wait(action, button) {
    const said = document.getElementById('key-sheet-said');
    button.textContent = 'press a key';
    const end = () => { button.textContent = 'change'; document.removeEventListener('keydown', taken, true); };
    function taken(event) {
      const combination = pressed(event);
      if (!combination) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      end();
      if (combination === 'Escape') return;
      const other = ACTIONS.find(([name]) => name !== action && keyOf(name) === combination)?.[2];
      const isField = fields().some((one) => combination === `Alt+${one.hotkey.toUpperCase()}` || combination === `Alt+Shift+${one.hotkey.toUpperCase()}`);
      if (!/^(Ctrl|Alt)\+|^F\d+$/.test(combination)) said.textContent = 'Choose a key with Ctrl or Alt: alone it would be typed.';
      else if (RESERVED.has(combination)) said.textContent = `${shown(combination)} belongs to the browser. Choose another.`;
      else if (other || isField) said.textContent = `${shown(combination)} is taken: ${other ?? 'it goes to a field'}. Choose another.`;
      else keep({ ...own, [action]: combination }, `${shown(combination)} it is.`);
    }
    document.addEventListener('keydown', taken, true);
  }

  async function keep(keys, sentence) {
    const answer = await window.outbox.post('/keys', { keys });
    const dialog = document.getElementById('key-sheet');
    if (answer.status === 200) { own = keys; label(); dialog?.close(); sheet(); }
    const said = document.getElementById('key-sheet-said');
    if (said) said.textContent = answer.status === 200 ? sentence : `Not kept: ${window.outbox.why(answer)}.`;
  }

  // The keys stand on the controls.
  function label() {
    for (const id of ['save', 'skip', 'flag', 'previous', 'undo', 'offer-make']) {
      const action = id === 'offer-make' ? 'offer' : id;
      document.getElementById(id)?.setAttribute('data-key', shown(keyOf(action)));
    }
    document.getElementById('history-open')?.setAttribute('data-key', shown(keyOf('history')));
    const help = document.getElementById('keys-open');
    if (help) help.dataset.key = shown(keyOf('help'));
  }

  window.keys = {
    meant, sheet, label, keyOf, shown,
    use: (given, onScreen) => { own = given ?? {}; fields = onScreen; label(); },
  };
})();
