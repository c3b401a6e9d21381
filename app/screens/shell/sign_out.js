// Who is signed in, at the top right, and the way out.
import { pause } from '../browser/api.js';
import { button, byId, make } from '../browser/dom.js';
import { reviewer } from '../browser/reviewer.js';
import { keysFrom, remove } from '../browser/storage.js';
import { leave } from '../review/people/claims.js';
import { outbox } from '../review/saving/on_their_way.js';
import { banner } from './banner.js';

const NOT_YET = 'Not signed out: what you typed or decided is not saved yet. It is sent again once the desk is reachable.';

const isKept = () => outbox.size() > 0 || keysFrom('caseloop:typed:').length > 0;

async function signOut() {
  await outbox.flush();
  for (let tries = 0; tries < 20 && isKept(); tries += 1) await pause(150);  // a draft on its way
  if (isKept()) { banner(NOT_YET); return; }
  addEventListener('pagehide', () => keysFrom('caseloop:').forEach(remove));
  leave();
  await fetch('/logout', { method: 'POST', redirect: 'manual' });
  location.assign('/login');
}

// Gradio builds the top bar after the page has loaded, and sometimes anew.
function greet() {
  const bar = byId('theme')?.parentElement;
  if (reviewer.is_local || !bar || byId('sign-out')) return;
  const title = `signed in as ${reviewer.name}, ${reviewer.role}: change the password`;
  bar.append(make('a', { id: 'reviewer-name', href: '/password', title }, reviewer.name), button('Sign out', signOut, { id: 'sign-out' }));
}

setInterval(greet, 500);
document.documentElement.dataset.role = reviewer.role ?? 'admin';  // what a role may not do is not shown; the store refuses it too
