import assert from 'node:assert/strict';
import { inflateSync } from 'node:zlib';
import type { Page } from './chromium.js';

/** Runs in the page: texts whose contrast with what is behind them is below WCAG AA. */
const LOW_CONTRAST = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const known = new Map();
  const rgba = (color) => {
    const before = known.get(color);
    if (before) return before;
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    known.set(color, [r, g, b, a / 255]);
    return known.get(color);
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const low = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.textContent.trim() === '' || !element.checkVisibility({ visibilityProperty: true }) || element.closest('script, noscript, title, .tip')) continue;
    const style = getComputedStyle(element);
    const isSvg = element instanceof SVGElement;
    const back = behind(isSvg ? element.closest('svg').parentElement : element);
    const front = over(rgba(isSvg ? style.fill : style.color), back);
    const [a, b] = [luminance(front), luminance(back)].sort((x, y) => y - x);
    const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (isLarge ? 3 : 4.5)) low.add(element.tagName + '.' + (element.getAttribute('class') ?? '') + ' ' + ratio.toFixed(2) + ' "' + node.textContent.slice(0, 30) + '"');
  }
  return [...low];
})()`;

/** Runs in the page: what is wrong with its structure. */
const STRUCTURE = `(() => {
  const faults = [];
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    if (!heading.checkVisibility()) continue;
    const own = Number(heading.tagName[1]);
    if (own > level + 1) faults.push('h' + own + ' "' + heading.textContent + '" follows h' + level);
    if (heading.textContent.trim() === '') faults.push('an empty h' + own);
    level = own;
  }
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
  for (const landmark of ['main', 'nav', 'footer', 'header'])
    if (!document.querySelector(landmark)) faults.push('no ' + landmark);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push('twice: #' + id);
  for (const attribute of ['aria-controls', 'aria-labelledby'])
    for (const element of document.querySelectorAll('[' + attribute + ']'))
      if (!document.getElementById(element.getAttribute(attribute))) faults.push(attribute + ' leads nowhere');
  for (const link of document.querySelectorAll('a[href^="#"]'))
    if (!document.querySelector(link.getAttribute('href'))) faults.push('a link leads nowhere: ' + link.getAttribute('href'));
  for (const scroller of document.querySelectorAll('main *')) {
    const { overflowX, overflowY } = getComputedStyle(scroller);
    const scrolls = (overflowX !== 'visible' && overflowX !== 'hidden' && scroller.scrollWidth > scroller.clientWidth + 1) ||
      (overflowY !== 'visible' && overflowY !== 'hidden' && scroller.scrollHeight > scroller.clientHeight + 1);
    if (scrolls && scroller.tabIndex < 0 && !scroller.querySelector('button, a, [tabindex="0"]')) faults.push('scrolls, and no key reaches it: ' + scroller.className);
  }
  for (const table of document.querySelectorAll('table'))
    if (!table.caption || !table.querySelector('th[scope]')) faults.push('a table without caption or heads');
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) {
    const wide = [...document.querySelectorAll('body *')].find((one) => one.getBoundingClientRect().right > clientWidth + 1 && !one.closest('.table, .links, .tabs, .graph, .gantt, .skip, .tree'));
    faults.push('the page scrolls sideways: ' + scrollWidth + ' px of ' + clientWidth + ' ' + (wide ? wide.tagName + '.' + wide.className : ''));
  }
  return faults;
})()`;

const NAMED = new Set([
  'button',
  'link',
  'combobox',
  'searchbox',
  'textbox',
  'tab',
  'tabpanel',
  'tablist',
  'tree',
  'treeitem',
  'region',
  'navigation',
  'image',
  'img',
  'table',
  'columnheader',
]);

interface AxNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
}

/** What an assistive technology would miss: controls, graphics and tables without a name. */
async function unnamed(page: Page): Promise<string[]> {
  const { nodes } = (await page.send('Accessibility.getFullAXTree')) as { nodes: readonly AxNode[] };
  assert.ok(nodes.length > 20);
  return nodes.flatMap(({ ignored, role, name }) =>
    !ignored && role && NAMED.has(role.value) && (name?.value ?? '').trim() === '' ? [role.value] : [],
  );
}

/** What is wrong with a page, for whoever looks, hears, or uses keys. */
export async function faultsOf(page: Page): Promise<string[]> {
  const names = (await unnamed(page)).map((role) => `a ${role} without a name`);
  const contrast = (await page.evaluate<string[]>(LOW_CONTRAST)).map((text) => `low contrast: ${text}`);
  return [...page.complaints, ...names, ...contrast, ...(await page.evaluate<string[]>(STRUCTURE))];
}

/** What a PNG of 8 bits a channel is like: its first pixel, and how many bytes of it differ from those before. */
export function pictureOf(png: Buffer): { readonly first: readonly number[]; readonly changes: number } {
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const bytes = inflateSync(Buffer.concat(parts));
  let changes = 0;
  for (let i = 1; i < bytes.length; i++) if (bytes[i] !== bytes[i - 1]) changes++;
  // the first pixel has no neighbours that a filter could take from it
  return { first: [...bytes.subarray(1, 4)], changes };
}
