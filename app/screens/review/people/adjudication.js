// A note about which reviewers differ, for whoever adjudicates: who says what, field by field. A value is a button that
// puts it into the form; the keys of the alternatives do the same. What is saved then is the decision.
import { button, byId, make } from '../../browser/dom.js';
import { box, put, record } from '../form/form.js';

/** @typedef {{ who: string, status: string, values: Record<string, string | null>, comment: string | null }} Opinion */
/** @typedef {{ opinions: Opinion[], differing: string[] }} Dispute the opinions, and the fields in which they differ */

/** @type {Record<string, string>} */
const WORDS = { skipped: 'skipped it', flagged: 'flagged it' };

/** @param {Dispute | null} dispute */
export function showDispute(dispute) {
  const panel = byId('opinions');
  if (!panel) return;
  panel.hidden = !dispute;
  panel.replaceChildren(...(dispute ? partsOf(dispute) : []));
}

/** @param {Dispute} dispute */
function partsOf({ opinions, differing }) {
  const heads = ['', ...opinions.map(({ who }) => who)].map((title) => make('th', {}, title));
  const rows = [];
  if (opinions.some(({ status }) => status !== 'submitted')) {
    rows.push(make('tr', {}, make('th', {}, 'Decision'), ...opinions.map(({ status }) => make('td', {}, WORDS[status] ?? 'reviewed it'))));
  }
  for (const key of differing) {
    const { title } = record().fields[key];
    const cells = opinions.map(({ who, values }) => make('td', {}, choice(key, title, values[key] ?? null, who)));
    rows.push(make('tr', {}, make('th', {}, title), ...cells));
  }
  const table = make('table', {}, make('thead', {}, make('tr', {}, ...heads)), make('tbody', {}, ...rows));
  const comments = opinions.filter(({ comment }) => comment).map(({ who, comment }) => make('p', {}, `${who}: ${comment}`));
  return [make('strong', {}, 'Opinions differ: choose or write what is right.'), table, ...comments];
}

/** @param {string} key @param {string} title @param {string | null} value @param {string} who */
function choice(key, title, value, who) {
  const take = () => { put(key, value); box(key)?.focus(); };
  return button(value ?? 'none', take, { ariaLabel: `${title}, as ${who} says: ${value ?? 'none'}` });
}
