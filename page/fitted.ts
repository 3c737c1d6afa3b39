import { h } from './dom.js';

/** A picture that is drawn as wide as its place is, and again when that changes; where it is narrow, it scrolls. */
export function fitted(name: string, label: string, leastPx: number, draw: (width: number) => SVGElement): HTMLElement {
  const element = h('div', { class: name, tabindex: 0, role: 'region', 'aria-label': label });
  let drawn = 0;
  new ResizeObserver(() => {
    const { paddingLeft, paddingRight } = getComputedStyle(element);
    const room = Math.floor(element.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight));
    const width = Math.max(leastPx, room);
    if (room <= 0 || width === drawn) return;
    drawn = width;
    element.replaceChildren(draw(width));
  }).observe(element);
  return element;
}
