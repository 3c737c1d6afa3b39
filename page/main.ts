import { changesSection } from './changes.js';
import { baseName, data, type Process } from './data.js';
import { detail } from './detail.js';
import { h, section } from './dom.js';
import { findingsSection, pageHeader } from './header.js';
import { setSection } from './set.js';
import { sharingSection } from './sharing.js';
import { themeChooser } from './theme.js';
import { timelineSection } from './timeline.js';
import { Tree } from './tree.js';

function processesSection(): HTMLElement {
  const { processes, diff } = data;
  if (processes.length === 0)
    return section('processes', 'Processes', 'The images do not tell which processes there are.');
  const place = h('div', { class: 'detail-place', 'aria-live': 'off' });
  let tab = 0;
  let current: Process | undefined;
  const show = (process: Process) => {
    if (process === current) return;
    current = process;
    place.replaceChildren(detail(process, tab, (chosen) => (tab = chosen)));
  };
  const changed = new Set(diff?.processes.map(({ pid }) => pid));
  const tree = new Tree(processes, changed, show);
  const count = h('p', { class: 'said', role: 'status' });
  const find = h('input', {
    type: 'search',
    placeholder: 'Number, name, command line',
    'aria-label': 'Find a process',
    input: () => {
      const found = tree.filter(find.value);
      count.textContent = find.value === '' ? '' : `${found} of ${processes.length}`;
    },
  });
  const button = (text: string, label: string, click: () => void) =>
    h('button', { type: 'button', 'aria-label': label, title: label, click }, text);
  const all = section(
    'processes',
    'Processes',
    undefined,
    h(
      'div',
      { class: 'split' },
      h(
        'div',
        { class: 'side' },
        h(
          'div',
          { class: 'tools no-print' },
          find,
          button('+', 'Open all', () => tree.openAll(true)),
          button('−', 'Close all', () => tree.openAll(false)),
        ),
        count,
        h(
          'div',
          { class: 'row heads', 'aria-hidden': 'true' },
          h('span', { class: 'twist' }),
          h('span', { class: 'who' }, 'Process'),
          h('span', { class: 'number' }, 'thr'),
          h('span', { class: 'number' }, 'fds'),
          h('span', { class: 'memory' }, 'in images'),
        ),
        tree.element,
      ),
      place,
    ),
  );
  tree.select(0, false);
  const byHash = () => {
    const pid = /^#process-(\d+)$/.exec(location.hash)?.[1];
    if (pid === undefined) return;
    tree.show(Number(pid));
    all.scrollIntoView();
  };
  window.addEventListener('hashchange', byHash);
  requestAnimationFrame(byHash);
  return all;
}

const sections = [
  findingsSection(),
  processesSection(),
  sharingSection(),
  timelineSection(),
  changesSection(),
  setSection(),
].filter((one) => one !== undefined);

const links = sections.map((one) => h('a', { href: `#${one.id}` }, one.querySelector('h2')!.textContent));

document.body.append(
  h('a', { class: 'skip', href: '#content' }, 'Skip to the content'),
  h(
    'nav',
    { class: 'top no-print', 'aria-label': 'Sections' },
    h('a', { href: '#content', class: 'brand', 'aria-label': 'Top of the page' }, 'crit report'),
    h('div', { class: 'links' }, links),
    themeChooser(),
  ),
  h('main', { id: 'content', tabindex: -1 }, pageHeader(), sections),
  h(
    'footer',
    {},
    `Made by ${data.madeBy} of ${baseName(data.identity.path)}, `,
    h('time', { datetime: data.madeAt }, data.madeAt.replace('T', ' ').slice(0, 16)),
    ' UTC. Images hold the memory of processes, secrets included: so may this page.',
  ),
);
