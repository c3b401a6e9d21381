// What the queue asks: of a person, in a window that waits for the answer, and of the server, with sentences for errors.
import { post } from '../browser/api.js';
import { byId, find } from '../browser/dom.js';

const PATIENCE_MS = 30000;  // many notes in one turn take longer than one

/**
 * What the dialog says; with a `line` there is something to write, at most `limit` characters.
 * @typedef {{ title: string, says: string, yes: string, line?: string, limit?: number }} Question
 */

/** @param {Question} question @returns {Promise<{ line: string } | null>} null for no */
export function ask({ title, says, yes, line = '', limit = 0 }) {
  const dialog = byId('queue-ask'), input = find('input', dialog), confirm = find('[value="yes"]', dialog);
  byId('queue-ask-title').textContent = title;
  byId('queue-ask-says').textContent = says;
  byId('queue-ask-line').hidden = !line;
  find('#queue-ask-line span').textContent = line;
  input.value = '';
  input.required = Boolean(line);
  if (limit) input.maxLength = limit;
  confirm.textContent = yes;
  dialog.returnValue = '';
  dialog.showModal();
  (line ? input : confirm).focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' ? { line: input.value.trim() } : null), { once: true });
  });
}

/** @param {string} path @param {unknown} body @param {number} patience in ms @throws an error whose message is a sentence */
export async function request(path, body, patience = PATIENCE_MS) {
  const { status, ...said } = await post(path, body, { patience });
  if (status === 0) throw new Error('The desk cannot be reached.');
  if (status !== 200) throw new Error(typeof said.detail === 'string' ? said.detail : 'The desk has a problem; see its log.');
  return said;
}

/** @param {unknown} error */
export const messageOf = (error) => /** @type {Error} */ (error).message;
