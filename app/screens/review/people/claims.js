// Where several people sign in: who else has the note on screen open, and which of the notes loaded ahead are still this
// reviewer's. A page that is closed gives its notes back.
(() => {
  'use strict';

  let isLeaving = false;

  // What the status said of the note that was on screen when it was asked.
  function told(note, { held_by: by, claims }, askedAt) {
    if (!claims) return;
    window.walk.keep(claims, askedAt);
    const line = document.getElementById('held');
    if (!line || note !== window.desk.note()) return;
    line.hidden = !by;
    window.typing.write(line, by ? `${by} has this note open` : '');
  }

  addEventListener('pagehide', () => {
    const notes = [window.desk?.note(), ...(window.walk?.loaded() ?? [])].filter(Boolean);
    if (!window.shell.reviewer.is_local && !isLeaving && notes.length) window.outbox.post('/claims/give-back', { notes }, { keepalive: true });
  });

  window.claims = { told, leave: () => { isLeaving = true; } };
})();
