// The review screen in the browser: how it begins and what comes from outside of it.
//
// Nothing of it goes through Gradio: a plain request has a status code, a time limit and a body that can be read when it
// is refused.
import './actions.js';
import './people/claims.js';
import { get, pause } from '../browser/api.js';
import { byId, closest } from '../browser/dom.js';
import { keys, record, useHelp } from './form/form.js';
import { labelKeys, useKeys } from './keys.js';
import { built } from './note/evidence.js';
import { noteOnScreen, open } from './note/note.js';
import { isBusy } from './note/pace.js';
import { readAddress } from './queue_position.js';
import { sendBeforeLeaving } from './saving/drafts.js';
import { outbox } from './saving/on_their_way.js';
import { useTour } from './tour.js';

const PATIENCE_MS = 2000;  // for decisions of before a reload
const LOOK_MS = 500;

const noteInAddress = () => new URL(location.href).searchParams.get('note');
const fieldsOnScreen = () => (record() ? keys().map((key) => ({ key, ...record().fields[key] })) : []);

async function loadHelp() {
  let help;
  try { help = await get('/review/values'); } catch { return; }
  useKeys(help.keys, fieldsOnScreen);
  useHelp(help);
  useTour(help.tour);
}

async function start() {
  // Decisions of before a reload go first, so that the note they decided is not shown again.
  await Promise.race([outbox.flush(), pause(PATIENCE_MS)]).catch(() => {});
  open(noteInAddress());
}

start();
loadHelp();
built.then(labelKeys);
// Gradio builds parts of its page anew, after its start or a long absence of the server: what stood there is put back.
setInterval(() => {
  if (byId('save') && !byId('save').dataset.key) labelKeys();
  if (record() && !isBusy() && byId('note-place') && !byId('note-place').firstChild) open(noteOnScreen());
}, LOOK_MS);

document.addEventListener('visibilitychange', () => { if (document.hidden) sendBeforeLeaving(); else loadHelp(); });
addEventListener('popstate', () => { readAddress(); open(noteInAddress()); });
document.addEventListener('click', (event) => { if (closest(event, '#all-notes')) open(noteOnScreen(), { walk: '' }); });
