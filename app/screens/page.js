// The desk in the browser: every script, in the order of what each needs. Gradio builds its page anew at times, so they
// listen to the document and look for elements when they need them.
import './zone.js';
import './review/review.js';
import './status.js';
import './shell/navigation.js';
import './shell/sign_out.js';
import './queue/queue.js';
import './training/blind.js';
import './export/export.js';
import './trouble.js';
import { showLocalTimes } from './browser/words.js';

new MutationObserver(showLocalTimes).observe(document.body, { childList: true, subtree: true });
