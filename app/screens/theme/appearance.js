// Light and dark, and English: before the first paint and before Gradio looks at the browser. It imports nothing, so that
// the page waits for one small file only.

// Every page is in English. Gradio would speak the browser's language where it has words of its own, and tell screen
// readers that the whole page does.
Object.defineProperties(navigator, { language: { get: () => 'en' }, languages: { get: () => ['en'] } });
const root = document.documentElement;
const english = () => { if (root.lang !== 'en') root.lang = 'en'; };
new MutationObserver(english).observe(root, { attributes: true, attributeFilter: ['lang'] });
english();

const KEPT = 'caseloop:theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const readChosen = () => { try { return localStorage.getItem(KEPT); } catch { return null; } };
const isDark = () => (readChosen() ?? (system.matches ? 'dark' : 'light')) === 'dark';

function dress() {
  for (const element of [root, document.body]) {
    if (element && element.classList.contains('dark') !== isDark()) element.classList.toggle('dark', isDark());
  }
}

function turn() {
  try { localStorage.setItem(KEPT, isDark() ? 'light' : 'dark'); } catch { /* not kept */ }
  dress();
}

dress();
system.addEventListener('change', dress);
// Gradio follows the system alone; the reader's choice comes after it.
new MutationObserver(dress).observe(document.body, { attributes: true, attributeFilter: ['class'] });
document.addEventListener('click', (event) => { if (event.target instanceof Element && event.target.closest('#theme')) turn(); });
