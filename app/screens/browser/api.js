// Requests to the desk, with a time limit and in the name of whoever opened the page: nothing is saved in another's name.
import { announce } from './events.js';
import { reviewer } from './reviewer.js';

const PATIENCE_MS = 8000;  // how long an answer may take
const SAVES = new Set(['/drafts', '/decisions', '/decisions/undo']);

/** @typedef {{ status: number, detail?: unknown, [more: string]: any }} Answer */

// Two tabs of one person keep their notes apart.
const tab = Math.random().toString(36).slice(2);
export const senderHeaders = () => ({ 'x-reviewer': encodeURIComponent(reviewer.name), 'x-tab': tab });

/** @param {number} ms */
export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * What the desk answers; of status 0 where no answer came.
 * @param {string} path
 * @param {unknown} content
 * @param {{ keepalive?: boolean, patience?: number }} [how]
 * @returns {Promise<Answer>}
 */
export async function post(path, content, { keepalive = false, patience = PATIENCE_MS } = {}) {
  const stop = new AbortController(), limit = setTimeout(() => stop.abort(), patience);
  try {
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...senderHeaders() };
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(content), signal: stop.signal, keepalive });
    if (answer.status === 401) announce('signedOut', true);
    if (answer.status === 507 || (answer.ok && SAVES.has(path))) announce('full', answer.status === 507);
    return { ...(await answer.json().catch(() => ({}))), status: answer.status };
  } catch {
    return { status: 0 };
  } finally { clearTimeout(limit); }
}

/**
 * What the desk says.
 * @param {string} path
 * @throws an error with the `status` and `detail` of any other answer; without them where none came
 */
export async function get(path) {
  const answer = await fetch(path, { headers: { accept: 'application/json', ...senderHeaders() }, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.status === 401) announce('signedOut', true);
  if (!answer.ok) throw Object.assign(new Error(String(answer.status)), await answer.json().catch(() => ({})), { status: answer.status });
  return answer.json();
}

/**
 * Why an answer is none, as `post` gave it or `get` threw it: only one that never came is the connection's fault.
 * @param {any} answer
 */
export function explain({ status, detail }) {
  if (!status) return 'the desk cannot be reached';
  return typeof detail === 'string' ? detail.replace(/\.$/, '') : 'the desk has a problem; see its log';
}
