// What was typed about a note and not acknowledged yet, kept in this tab. A note's text is never kept.
import { reviewer } from '../../browser/reviewer.js';
import { read, remove, write } from '../../browser/storage.js';

const KEPT = `caseloop:typed:${reviewer.name}:`;

/** @typedef {import('../form/form.js').Content} Content */
/** @typedef {Pick<Content, 'revision' | 'suggestion' | 'values' | 'settled' | 'comment'>} Typed */

/** @param {number | null} note @returns {Typed | null} */
export const typedFor = (note) => read(KEPT + note);

/** @param {Content} content */
export function keepTyped({ note, revision, suggestion, values, settled, comment }) {
  write(KEPT + note, { revision, suggestion, values, settled, comment });
}

/** @param {number | null} note */
export const forgetTyped = (note) => remove(KEPT + note);
