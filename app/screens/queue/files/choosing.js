// Choosing files and folders to import, and dropping them on the page.
import { byId, closest } from '../../browser/dom.js';
import { look } from '../uploads.js';
import { lookAtAll } from './batch.js';

/** @param {File[]} files */
function open(files) {
  // What a system leaves in folders, such as .DS_Store, or .git below the one that was chosen.
  const seen = files.filter((file) => ![...file.webkitRelativePath.split('/').slice(1), file.name].some((part) => part.startsWith('.')));
  if (seen.length === 1) look(seen[0]); else if (seen.length) lookAtAll(seen);
}

const choose = () => byId('import-file')?.click();
document.addEventListener('click', (event) => {
  if (closest(event, '#import')) choose();
  if (closest(event, '#import-folder-button')) byId('import-folder').click();
});
document.addEventListener('keydown', (event) => {
  const isHere = event.target instanceof Element && event.target.id === 'import';
  if (isHere && (event.key === 'Enter' || event.key === ' ')) { event.preventDefault(); choose(); }
});
document.addEventListener('change', (event) => {
  const input = closest(event, '#import-file, #import-folder');
  if (!input) return;
  open([...input.files].sort((a, b) => (a.webkitRelativePath || a.name).localeCompare(b.webkitRelativePath || b.name)));
  input.value = '';
});

// ---------------------------------------------------------------- dropping

/**
 * The files of what was dropped: of a folder, all that are below it, in the order of their names.
 * @param {FileSystemEntry} entry
 * @returns {Promise<File[]>}
 */
async function filesOf(entry) {
  if (entry.name.startsWith('.')) return [];
  if (entry.isFile) {
    const { promise, resolve, reject } = promised();
    /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject);
    return [await promise];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader(), entries = [];
  for (;;) {                                               // the browser gives a hundred at a time
    const { promise, resolve, reject } = promised();
    reader.readEntries(resolve, reject);
    const some = await promise;
    if (!some.length) break;
    entries.push(...some);
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return (await Promise.all(entries.map(filesOf))).flat();
}

function promised() {
  /** @type {(value: any) => void} */
  let resolve = () => {};
  /** @type {(error: unknown) => void} */
  let reject = () => {};
  const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
}

/** @param {boolean} on whether files are over the page */
const mark = (on) => byId('import')?.classList.toggle('over', on);
document.addEventListener('dragover', (event) => {
  if (!event.dataTransfer?.types.includes('Files')) return;
  event.preventDefault();
  mark(true);
});
document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) mark(false); });
document.addEventListener('drop', async (event) => {
  const dropped = event.dataTransfer;
  if (!dropped?.files.length && !dropped?.items.length) return;
  event.preventDefault();                                  // or the browser leaves the desk to show the file
  mark(false);
  if (!byId('import')?.offsetParent) return;
  // Both are gone once this handler has given way. A file that a script made has no entry.
  const files = [...dropped.files], entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const whole = entries.every((entry) => entry !== null);
  const found = whole ? await Promise.all(entries.map(filesOf)).catch(() => [files]) : [files];
  open(found.flat());
});
