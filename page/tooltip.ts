import { h } from './dom.js';

/** A box of words beside the pointer. What it says stands in a table, too: it is not for those who hear the page. */
export class Tooltip {
  readonly element = h('div', { class: 'tip', 'aria-hidden': 'true', hidden: true });
  readonly #within: HTMLElement;

  constructor(within: HTMLElement) {
    this.#within = within;
  }

  /** @param x px within the element that it belongs to */
  show(x: number, y: number, lines: readonly string[]): void {
    this.element.replaceChildren(...lines.map((line, i) => h(i === 0 ? 'strong' : 'span', {}, line)));
    this.element.hidden = false;
    const most = this.#within.clientWidth - this.element.offsetWidth;
    this.element.style.left = `${Math.max(0, Math.min(x + 12, most))}px`;
    this.element.style.top = `${y + 4}px`;
  }

  hide(): void {
    this.element.hidden = true;
  }
}
