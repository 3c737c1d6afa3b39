import { sizeWords } from '../src/cli/words.js';
import { commandOf, stateOf, type Process } from './data.js';
import { bar, h } from './dom.js';

/** Generations that are told apart by indentation. */
const MAX_INDENT = 16;

interface Item {
  readonly process: Process;
  readonly element: HTMLElement;
  /** Index of the parent, -1 for a root. */
  readonly parent: number;
  readonly hasChildren: boolean;
  isOpen: boolean;
}

const marks: Readonly<Record<string, string>> = { alive: 'alive', stopped: 'stopped' };
export const stateClass = (process: Process): string =>
  process.ended !== undefined ? 'ended' : (marks[(process.state ?? '').split(' ')[0]!] ?? 'unknown');

/** What stands in the images of a process's memory, in bytes. */
const storedBytes = (process: Process): number => process.memory?.inImagesBytes ?? 0;

/** The process tree: one tab stop, arrow keys, Home, End, letters, `*` (ARIA's pattern of a tree). */
export class Tree {
  readonly element: HTMLElement;
  readonly #items: Item[] = [];
  readonly #onSelect: (process: Process) => void;
  #current = 0;
  #filter = '';

  constructor(processes: readonly Process[], changed: ReadonlySet<number>, onSelect: (process: Process) => void) {
    this.#onSelect = onSelect;
    this.element = h('div', { role: 'tree', 'aria-label': 'Processes', class: 'tree' });
    const most = Math.max(1, ...processes.map(storedBytes));
    const above: number[] = [];
    const siblings = new Map<number, number>();
    for (const [i, process] of processes.entries()) {
      above.length = process.depth;
      const parent = above.at(-1) ?? -1;
      above.push(i);
      const hasChildren = (processes[i + 1]?.depth ?? 0) > process.depth;
      const place = (siblings.get(parent) ?? 0) + 1;
      siblings.set(parent, place);
      const element = this.#row(process, hasChildren, place, storedBytes(process) / most, changed.has(process.pid));
      element.addEventListener('click', (event) => {
        if ((event.target as Element).closest('.twist')) this.#toggle(i);
        this.select(i);
      });
      this.#items.push({ process, element, parent, hasChildren, isOpen: true });
    }
    for (const { element, parent } of this.#items)
      element.setAttribute('aria-setsize', String(siblings.get(parent) ?? 1));
    this.element.append(...this.#items.map(({ element }) => element));
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  #row(process: Process, hasChildren: boolean, place: number, share: number, isChanged: boolean): HTMLElement {
    const { pid, comm, depth, tids, fds, ended } = process;
    const stored = storedBytes(process);
    const label = [
      `${pid} ${comm ?? 'unknown name'}`,
      stateOf(process),
      `${tids.length} ${tids.length === 1 ? 'thread' : 'threads'}`,
      ...(ended === undefined ? [`${sizeWords(stored)} of memory in the images`, `${fds.length} descriptors`] : []),
      ...(isChanged ? ['changed'] : []),
      commandOf(process),
    ].join(', ');
    const element = h(
      'div',
      {
        role: 'treeitem',
        class: 'row',
        tabindex: -1,
        'aria-level': depth + 1,
        'aria-posinset': place,
        'aria-selected': 'false',
        'aria-expanded': hasChildren ? 'true' : undefined,
        'aria-label': label,
      },
      h('span', { class: 'twist', 'aria-hidden': 'true' }),
      h(
        'span',
        { class: 'who' },
        h(
          'span',
          { class: 'line' },
          h('span', { class: `state ${stateClass(process)}`, title: stateOf(process) }),
          h('span', { class: 'pid' }, pid),
          h('span', { class: 'comm' }, comm ?? '?'),
          isChanged && h('span', { class: 'tag changed', title: 'changed' }, '±'),
        ),
        h('span', { class: 'command mono' }, commandOf(process)),
      ),
      h('span', { class: 'number', title: 'threads' }, tids.length),
      h('span', { class: 'number', title: 'descriptors' }, fds.length),
      h(
        'span',
        { class: 'memory' },
        h('span', { class: 'number' }, ended === undefined ? sizeWords(stored) : ''),
        bar(share),
      ),
    );
    element.style.setProperty('--depth', String(Math.min(depth, MAX_INDENT)));
    return element;
  }

  /** Makes one the current process. */
  select(index: number, isFocused = true): void {
    const item = this.#items[index];
    if (!item) return;
    const before = this.#items[this.#current]!;
    before.element.setAttribute('aria-selected', 'false');
    before.element.tabIndex = -1;
    this.#current = index;
    item.element.setAttribute('aria-selected', 'true');
    item.element.tabIndex = 0;
    if (isFocused) item.element.focus();
    this.#onSelect(item.process);
  }

  /** Shows a process, wherever it is, and makes it the current one. */
  show(pid: number): void {
    const index = this.#items.findIndex(({ process }) => process.pid === pid);
    for (let at = this.#items[index]?.parent ?? -1; at >= 0; at = this.#items[at]!.parent) this.#open(at, true);
    this.select(index, false);
    this.#items[index]?.element.scrollIntoView({ block: 'nearest' });
  }

  /** Only processes whose number, name or command line has the text, and those above them. @returns how many have it */
  filter(text: string): number {
    this.#filter = text.toLowerCase();
    return this.#update();
  }

  openAll(isOpen: boolean): void {
    for (const [i, { hasChildren }] of this.#items.entries()) if (hasChildren) this.#open(i, isOpen, false);
    this.#update();
    if (this.#items[this.#current]?.element.hidden) this.select(this.#visible()[0] ?? 0, false);
  }

  #open(index: number, isOpen: boolean, updates = true): void {
    const item = this.#items[index]!;
    item.isOpen = isOpen;
    item.element.setAttribute('aria-expanded', String(isOpen));
    if (updates) this.#update();
  }

  #toggle(index: number): void {
    if (this.#items[index]!.hasChildren) this.#open(index, !this.#items[index]!.isOpen);
  }

  #update(): number {
    const wanted = new Set<number>();
    let found = 0;
    for (const [i, { process, parent }] of this.#items.entries()) {
      const text = `${process.pid} ${process.comm ?? ''} ${commandOf(process)}`.toLowerCase();
      if (!text.includes(this.#filter)) continue;
      found++;
      wanted.add(i);
      for (let at = parent; at >= 0 && !wanted.has(at); at = this.#items[at]!.parent) wanted.add(at);
    }
    for (const [i, { element, parent }] of this.#items.entries()) {
      const above = this.#items[parent];
      const isShut = above !== undefined && (above.element.hidden || (!above.isOpen && this.#filter === ''));
      element.hidden = isShut || !wanted.has(i);
    }
    return found;
  }

  #visible(): number[] {
    return this.#items.flatMap(({ element }, i) => (element.hidden ? [] : [i]));
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const item = this.#items[this.#current]!;
    const visible = this.#visible();
    const at = visible.indexOf(this.#current);
    const to = this.#target(event.key, item, visible, at);
    if (to === undefined) return;
    event.preventDefault();
    if (to !== this.#current) this.select(to);
  }

  /** Where a key leads; the current one when it does something else, undefined when it is not for the tree. */
  #target(key: string, item: Item, visible: readonly number[], at: number): number | undefined {
    const here = this.#current;
    switch (key) {
      case 'ArrowDown':
        return visible[at + 1] ?? here;
      case 'ArrowUp':
        return visible[at - 1] ?? here;
      case 'Home':
        return visible[0] ?? here;
      case 'End':
        return visible.at(-1) ?? here;
      case 'ArrowRight':
        if (!item.hasChildren) return here;
        if (item.isOpen) return visible[at + 1] ?? here;
        this.#toggle(here);
        return here;
      case 'ArrowLeft':
        if (!item.hasChildren || !item.isOpen) return item.parent >= 0 ? item.parent : here;
        this.#toggle(here);
        return here;
      case 'Enter':
      case ' ':
        this.select(here);
        return here;
      case '*':
        this.openAll(true);
        return here;
      default: {
        if (key.length !== 1) return undefined;
        const after = [...visible.slice(at + 1), ...visible.slice(0, at + 1)];
        const letter = key.toLowerCase();
        return after.find((i) => {
          const { pid, comm } = this.#items[i]!.process;
          return (comm ?? '').toLowerCase().startsWith(letter) || String(pid).startsWith(letter);
        });
      }
    }
  }
}
