// Deletes the ticked notes, or all that the filter shows, once a person has been told what goes with them and said why.
import { plural } from '../../browser/words.js';
import { ask, messageOf, request } from '../dialogs.js';
import { refresh } from '../list/asking.js';
import { sayDone } from '../list/lines.js';
import { list, listState, ticked } from '../list/state.js';

export const DELETING_MS = 600_000;  // the database is written anew, so that no free page keeps a word
export const REASON = { line: 'Reason, kept in the audit trail for good: name no patient in it', limit: 1000 };

export async function deleteNotes() {
  if (list.isWorking || !list.told) return;
  const meant = { filters: listState().filters, ids: ticked.size ? [...ticked.keys()] : null };
  try {
    const plan = await request('/queue/delete/plan', meant);
    if (!plan.n_notes) { sayDone('Nothing to delete: none of these notes is here any more.'); refresh(); return; }
    const whole = ticked.size ? '' : 'No row is ticked: this is about all that the filter shows. ';
    const says = `${whole}This deletes ${plan.told} for good, here and in the files of training runs. It cannot be undone. Backups and adapters are not changed.`;
    const answer = await ask({ title: `Delete ${plural(plan.n_notes)}?`, says, yes: `Delete ${plural(plan.n_notes)}`, ...REASON });
    if (!answer) return;
    sayDone('Deleting …', { state: 'working' });
    await follow(request('/queue/delete', { ...meant, upto: plan.upto, reason: answer.line, expected: plan.n_notes }, DELETING_MS));
  } catch (error) { sayDone(messageOf(error), { state: 'failed' }); }
}

/** @param {Promise<any>} asked what is being deleted */
export async function follow(asked) {
  const { sentences, is_finished: isFinished, stay = '' } = await asked;
  sayDone(sentences.join(' ') + stay, { state: isFinished ? 'done' : 'failed' });
  ticked.clear();
  refresh();
}
