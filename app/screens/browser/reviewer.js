// By whom the page was opened, as the server wrote into it.

const NOBODY = '{"name":"","is_local":true}';
const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="caseloop-reviewer"]'));

/** @type {{ name: string, role?: string, is_local: boolean }} */
export const reviewer = JSON.parse(meta?.content ?? NOBODY);
