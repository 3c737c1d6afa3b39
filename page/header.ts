import { sizeWords, timeWords } from '../src/cli/words.js';
import { counted } from '../src/image/count-words.js';
import { baseName, data } from './data.js';
import { facts, h, section, type Child } from './dom.js';

const { identity, machine, container, stats, verification, processes, log } = data;
const errors = verification.findings.filter(({ severity }) => severity === 'error').length;
const warnings = verification.findings.length - errors;
const more = Object.values(verification.more).reduce((sum, count) => sum + count, 0);

const tile = (name: string, value: string, detail: Child = ''): HTMLElement =>
  h(
    'div',
    { class: 'tile' },
    h('dt', {}, name),
    h('dd', {}, h('span', { class: 'value' }, value), h('span', { class: 'note' }, detail)),
  );

function verdict(): HTMLElement {
  const kind = errors > 0 ? 'error' : warnings > 0 ? 'warning' : 'sound';
  const words =
    errors > 0 ? counted(errors + more, 'error') : warnings > 0 ? `sound, ${counted(warnings, 'warning')}` : 'sound';
  return h('a', { class: `verdict ${kind}`, href: '#findings' }, words);
}

/** Who, when, how large. */
export function pageHeader(): HTMLElement {
  const threads = processes.reduce((sum, { tids }) => sum + tids.length, 0);
  const zombies = processes.filter(({ ended }) => ended !== undefined).length;
  const memory = (field: 'sizeBytes' | 'inImagesBytes' | 'inParentBytes') =>
    processes.reduce((sum, process) => sum + (process.memory?.[field] ?? 0), 0);
  const inParent = memory('inParentBytes');
  return h(
    'header',
    { class: 'head' },
    h('div', { class: 'title' }, h('h1', {}, baseName(identity.path)), verdict()),
    h('p', { class: 'path mono' }, identity.path),
    h(
      'dl',
      { class: 'tiles' },
      tile('Processes', String(processes.length), [
        counted(threads, 'thread'),
        zombies > 0 && `, ${counted(zombies, 'zombie')}`,
      ]),
      tile(
        'Memory in images',
        sizeWords(memory('inImagesBytes')),
        `of ${sizeWords(memory('sizeBytes'))} address space${inParent > 0 ? `, ${sizeWords(inParent)} in sets before` : ''}`,
      ),
      tile(
        'Size of the set',
        sizeWords(identity.sizeBytes),
        `${counted(identity.images, 'image')}${identity.hasParent ? ', an increment' : ''}`,
      ),
      tile(
        'Pause',
        stats ? timeWords(stats.freezingSec + stats.frozenSec) : 'not told',
        stats ? `freezing ${timeWords(stats.freezingSec)}, frozen ${timeWords(stats.frozenSec)}` : 'no stats-dump',
      ),
    ),
    facts([
      ['Engine', `${identity.engine} ${identity.version ?? ''}`],
      ['Format', identity.format && `images ${identity.format}`],
      [
        'Dumped',
        identity.dumpedAt &&
          h(
            'time',
            { datetime: identity.dumpedAt },
            `${identity.dumpedAt.replace('T', ' ').replace(/\.\d+Z$/, '')} UTC`,
          ),
      ],
      ['Machine', [machine.architecture, machine.processor].filter(Boolean).join(', ')],
      ['Ran on', log?.ranOn],
      ['Host name', machine.hostNames.join(', ')],
      ['Uptime', identity.uptimeSec === undefined ? undefined : timeWords(identity.uptimeSec)],
      ['Security module', identity.securityModule],
      ['Run', identity.runId && h('span', { class: 'mono' }, identity.runId)],
      ...(container
        ? ([
            ['Container', [container.name, container.id?.slice(0, 12)].filter(Boolean).join(' ')],
            ['Image', container.image],
            ['Container engine', [container.engine, container.runtime].filter(Boolean).join(', ')],
            ['Pod', container.pod && `${container.namespace ?? '?'}/${container.pod}`],
            ['Addresses', [...container.addresses, ...container.macs].join(' ')],
          ] as const)
        : []),
    ]),
  );
}

/** What verify finds, with the place and what to do; and what could not be shown. */
export function findingsSection(): HTMLElement {
  const { findings, restore, namespaces } = verification;
  const place = ({ image, entry, field }: (typeof findings)[number]) =>
    [image, entry === undefined ? '' : `entry ${entry}`, field ?? ''].filter(Boolean).join(', ');
  const cards = findings.map((finding) =>
    h(
      'li',
      { class: `finding ${finding.severity}` },
      h(
        'p',
        { class: 'finding-head' },
        h('span', { class: `tag ${finding.severity}` }, finding.severity),
        h('code', {}, finding.code),
        h('span', { class: 'mono place' }, place(finding)),
      ),
      h('p', {}, finding.cause),
      h('p', { class: 'todo' }, h('strong', {}, 'Do: '), finding.todo),
    ),
  );
  const seen = h('ul', { class: 'findings' }, cards.slice(0, SEEN));
  const button = h(
    'button',
    {
      type: 'button',
      class: 'more',
      click: () => {
        seen.append(...cards.slice(SEEN));
        button.remove();
      },
    },
    `Show ${cards.length - SEEN} more findings`,
  );
  const list = (title: string, lines: readonly string[], intro: string) =>
    lines.length > 0 && [
      h('h3', {}, title),
      h('p', { class: 'intro' }, intro),
      h(
        'div',
        { class: 'lines mono', tabindex: 0, role: 'region', 'aria-label': title },
        h(
          'ul',
          {},
          lines.slice(0, MOST_LINES).map((line) => h('li', {}, line)),
        ),
      ),
      lines.length > MOST_LINES && h('p', { class: 'said' }, `${lines.length - MOST_LINES} more are not shown.`),
    ];
  return section(
    'findings',
    'Findings',
    verification.sound
      ? findings.length === 0
        ? `All images decode and agree with each other: ${counted(verification.nrTasks, 'task')}, ${counted(verification.nrImages, 'image')}.`
        : 'The set restores; somebody should know this.'
      : `A restore would fail, or bring back something else: ${counted(errors + more, 'error')}.`,
    cards.length > 0 && seen,
    cards.length > SEEN && button,
    Object.entries(verification.more).map(([rule, count]) =>
      h('p', { class: 'said' }, `${rule}: ${count} more like these.`),
    ),
    (restore.length > 0 || namespaces.length > 0) && [
      h('h3', {}, 'A restore needs'),
      h(
        'ul',
        { class: 'needs' },
        restore.map(({ name, value, why }) =>
          h('li', {}, h('code', {}, `--${name}${value === undefined ? '' : ` ${value}`}`), ` ${why}`),
        ),
        namespaces.length > 0 && h('li', {}, `namespaces of its own: ${namespaces.join(', ')}`),
      ),
    ],
    list('Damaged or missing', data.problems, 'What of the images could not be shown.'),
    list('Left out', data.leftOut, 'There is too much of it for a page; crit inspect has all.'),
  );
}
const SEEN = 20;
const MOST_LINES = 200;
