// Takes the sample notes out, once a person has been told what goes with them.
(() => {
  'use strict';

  async function remove() {
    const { asked, post } = window.asking;
    const line = document.querySelector('#samples span');
    const say = (text) => { if (line) line.textContent = text; };
    try {
      const { seen, told } = await post('/queue/samples', {});
      const says = `This removes ${told} for good. Your own notes are not touched. It cannot be undone; a backup has them.`;
      if (!await asked({ title: 'Remove the sample notes?', says, yes: 'Remove the samples' })) return;
      say((await post('/queue/samples/remove', seen)).told);
      window.queue.refresh();
    } catch (error) { say(error.message); }
  }

  document.addEventListener('click', (event) => { if (event.target.closest?.('[data-samples="remove"]')) remove(); });
})();
