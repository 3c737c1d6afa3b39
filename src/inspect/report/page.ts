import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import type { Report } from './report.js';

/** What a page says of itself. */
export interface PageOptions {
  /** What made it: "crit 0.1.0". */
  readonly madeBy?: string;
  readonly madeAt?: Date;
}

/** Longer texts of images are cut off: nobody reads them, and a forged image may have any number. */
const MAX_TEXT = 4096;

/** A file that the build puts into dist/, looked up from this module towards the package's root. */
function asset(name: string): string {
  const here = typeof __dirname === 'string' ? __dirname : import.meta.dirname;
  for (let dir = here; ; dir = path.dirname(dir)) {
    for (const file of [path.join(dir, name), path.join(dir, 'dist', name)])
      if (existsSync(file)) return readFileSync(file, 'utf8');
    if (dir === path.dirname(dir))
      throw new CritError(`${name} is not there: build crit (npm run build), or install it again`, {
        code: 'NOT_BUILT',
      });
  }
}

const clipped = (text: string): string =>
  text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}... (${text.length} characters in all)` : text;

/** What could end the script element that it stands in, or is no character of a line of text. */
const UNSAFE = /[<>&\u007f-\u009f\u2028\u2029]/g;

/** JSON that may stand in a script element; 64-bit values are hex strings. */
function dataJson(data: unknown): string {
  const json = JSON.stringify(data, (_, value: unknown) =>
    typeof value === 'bigint' ? `0x${value.toString(16)}` : typeof value === 'string' ? clipped(value) : value,
  );
  return json.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// eslint-disable-next-line no-control-regex -- what has no place in a line of text, or turns its direction
const DECEIVING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const htmlText = (text: string): string =>
  clipped(text)
    .replace(DECEIVING, '\ufffd')
    .replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * A report as one HTML page that needs nothing else: no network, no other file, from file:// too. Its policy lets nothing run but
 * the page's own script, and that makes no HTML of texts.
 * @throws CritError NOT_BUILT where the package lacks the page's script
 */
export function reportPage(report: Report, { madeBy = 'crit', madeAt = new Date() }: PageOptions = {}): string {
  const [script, style] = [asset('report-page.js'), asset('report-page-style.css')];
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
  const title = htmlText(`${path.basename(report.identity.path)}: checkpoint report`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<noscript>This page draws itself with a script of its own, which is switched off here. crit inspect shows the same as text.</noscript>
<script type="application/json" id="data">${dataJson({ ...report, madeBy, madeAt: madeAt.toISOString() })}</script>
<script>${script}</script>
</body>
</html>
`;
}
