import { safeText } from '../src/cli/safe-text.js';

export type Child = Node | string | number | undefined | false | readonly Child[];
type Value = string | number | boolean | undefined | ((event: never) => void);
type Attributes = Readonly<Record<string, Value>>;

/** They are not seen, and turn the direction of what follows. */
const MARKS = /[\u061c\u200e\u200f]/g;

/** A text of an image as it may be shown: what is not seen, or would deceive who reads, is told by its number. */
export const shown = (text: string): string =>
  safeText(text).replace(MARKS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

function fill<T extends Element>(element: T, attributes: Attributes, children: readonly Child[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value as (event: Event) => void);
    else element.setAttribute(name, value === true ? '' : typeof value === 'string' ? shown(value) : String(value));
  }
  add(element, children);
  return element;
}

/** Texts become text nodes: nothing of an image is ever read as HTML. */
export function add(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue;
    if (typeof child !== 'object') element.append(shown(String(child)));
    else if (child instanceof Node) element.append(child);
    else add(element, child);
  }
}

/** An element of HTML; a function among the attributes is what listens to the event of that name. */
export const h = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] => fill(document.createElement(tag), attributes, children);

/** An element of SVG. */
export const svg = <K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

let ids = 0;
/** An id that no other element has. */
export const newId = (): string => `i${++ids}`;

/** A section of the page with its heading. */
export function section(id: string, title: string, intro: Child, ...children: Child[]): HTMLElement {
  return h(
    'section',
    { id, 'aria-labelledby': `${id}-title`, class: 'section' },
    h('h2', { id: `${id}-title` }, title),
    intro !== undefined && intro !== '' && h('p', { class: 'intro' }, intro),
    children,
  );
}

/** Names with values. */
export function facts(all: readonly (readonly [name: string, value: Child])[]): HTMLElement {
  const told = all.filter(([, value]) => value !== undefined && value !== '' && value !== false);
  return h(
    'dl',
    { class: 'facts' },
    told.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

/** A share of a whole as a thin bar; what it says stands beside it in words. */
export function bar(share: number, kind = ''): HTMLElement {
  const inner = h('span', {});
  // the page's policy refuses style attributes; this is not one
  inner.style.width = `${Math.max(share > 0 ? 2 : 0, Math.min(100, share * 100)).toFixed(1)}%`;
  return h('span', { class: `bar ${kind}`, 'aria-hidden': 'true' }, inner);
}
