// Filters that a reviewer saves under a name, with their order.
import { byId, find } from '../../browser/dom.js';
import { ask, messageOf, request } from '../dialogs.js';
import { askFor, refresh } from './asking.js';
import { chosenFilters } from './filters.js';
import { sayDone } from './lines.js';
import { list } from './state.js';

// The one that is chosen.
export const savedFilter = () => list.told?.saved.find((one) => String(one.id) === byId('queue-saved').value);

/** @param {() => Promise<unknown>} act */
async function orSay(act) {
  try { await act(); } catch (error) { sayDone(messageOf(error), { state: 'failed' }); }
}

export async function saveFilter() {
  const limit = Number(find('#queue-ask input').dataset.nameLimit), filters = chosenFilters();
  const says = 'With its order, for you. A filter of the same name is replaced.';
  const answer = await ask({ title: 'Save this filter', says, yes: 'Save', line: 'Name', limit });
  if (!answer) return;
  await orSay(async () => { await request('/queue/filters', { name: answer.line, filters, order: list.order }); askFor(filters); });
}

export async function dropFilter() {
  const saved = savedFilter(), says = `“${saved?.name}” is deleted. No note is touched.`;
  if (!saved || !await ask({ title: 'Delete a saved filter', says, yes: 'Delete' })) return;
  await orSay(async () => { await request('/queue/filters/drop', { id: saved.id }); refresh(); });
}
