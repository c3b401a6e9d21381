// Days are those of whoever looks: the server learns the time zone of the browser with every request.
const YEAR_S = 31_536_000;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
// biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is there with HTTPS only
if (zone) document.cookie = `caseloop-zone=${encodeURIComponent(zone)}; path=/; max-age=${YEAR_S}; samesite=strict`;
