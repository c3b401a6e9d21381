// Takes the sample notes out, once a person has been told what goes with them.
import { closest, find } from '../browser/dom.js';
import { ask, messageOf, request } from './dialogs.js';
import { refresh } from './list/asking.js';

async function remove() {
  const line = find('#samples span');
  const say = (/** @type {string} */ text) => { if (line) line.textContent = text; };
  try {
    const { seen, told } = await request('/queue/samples', {});
    const says = `This removes ${told} for good. Your own notes are not touched. It cannot be undone; a backup has them.`;
    if (!await ask({ title: 'Remove the sample notes?', says, yes: 'Remove the samples' })) return;
    say((await request('/queue/samples/remove', seen)).told);
    refresh();
  } catch (error) { say(messageOf(error)); }
}

document.addEventListener('click', (event) => { if (closest(event, '[data-samples="remove"]')) remove(); });
