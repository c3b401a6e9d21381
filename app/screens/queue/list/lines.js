// The two lines of the queue: what was found, and what was done.
import { byId, find } from '../../browser/dom.js';
import { control } from './state.js';

/** @param {string} text */
export function sayFound(text, isFailed = false) {
  const line = byId('queue-found');
  if (!line) return;
  if (line.textContent !== text) line.textContent = text;
  line.dataset.state = isFailed ? 'failed' : 'told';
  control('refresh').hidden = !isFailed;
}

/**
 * @param {string} text
 * @param {{ state?: 'done' | 'working' | 'failed', undo?: boolean, stop?: boolean }} [how] what else is offered
 */
export function sayDone(text, { state = 'done', undo = false, stop = false } = {}) {
  const line = byId('queue-done');
  line.hidden = !text;
  line.dataset.state = state;
  find('span', line).textContent = text;
  control('undo').hidden = !undo;
  control('stop').hidden = !stop;
}
