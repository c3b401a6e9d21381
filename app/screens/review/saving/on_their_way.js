// The outbox of this tab.
import { post } from '../../browser/api.js';
import { reviewer } from '../../browser/reviewer.js';
import { read, write } from '../../browser/storage.js';
import { Outbox } from './outbox.js';

const KEPT = `caseloop:outbox:${reviewer.name}`;

export const outbox = new Outbox({
  send: (content) => post('/decisions', content),
  read: () => read(KEPT),
  keep: (entries) => write(KEPT, entries),
});

addEventListener('online', () => outbox.flush());
addEventListener('beforeunload', (event) => { if (outbox.size()) event.preventDefault(); });
