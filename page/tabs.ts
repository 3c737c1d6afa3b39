import { add, h, newId } from './dom.js';

interface Tab {
  readonly name: string;
  readonly make: () => readonly Node[];
}

/** Panels of which one is seen (ARIA's pattern of tabs); on paper, all. A panel is built when it is first seen. */
export function tabs(label: string, all: readonly Tab[], chosen: number, onTab: (tab: number) => void): HTMLElement {
  const buttons: HTMLButtonElement[] = [];
  const panels: HTMLElement[] = [];
  const build = (i: number) => {
    const panel = panels[i]!;
    if (panel.childElementCount === 1) add(panel, all[i]!.make());
  };
  const choose = (i: number) => {
    for (const [at, button] of buttons.entries()) {
      button.setAttribute('aria-selected', String(at === i));
      button.tabIndex = at === i ? 0 : -1;
      panels[at]!.classList.toggle('shut', at !== i);
    }
    build(i);
    onTab(i);
  };
  for (const [i, { name }] of all.entries()) {
    const [tab, panel] = [newId(), newId()];
    buttons.push(
      h('button', { type: 'button', role: 'tab', id: tab, 'aria-controls': panel, click: () => choose(i) }, name),
    );
    panels.push(
      h(
        'div',
        { role: 'tabpanel', id: panel, 'aria-labelledby': tab, class: 'panel' },
        h('h4', { class: 'print-only' }, name),
      ),
    );
  }
  const bar = h('div', { role: 'tablist', 'aria-label': label, class: 'tabs no-print' }, buttons);
  bar.addEventListener('keydown', ({ key }) => {
    const at = buttons.findIndex((button) => button.tabIndex === 0);
    const last = buttons.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[key];
    if (to === undefined) return;
    choose(to);
    buttons[to]!.focus();
  });
  const element = h('div', {}, bar, panels);
  // whoever prints wants all of it
  const print = () => {
    if (element.isConnected) all.forEach((_, i) => build(i));
    else window.removeEventListener('beforeprint', print);
  };
  window.addEventListener('beforeprint', print);
  choose(Math.min(chosen, all.length - 1));
  return element;
}
