import { sizeWords, timeWords, addressWords } from '../src/cli/words.js';
import { commandOf, data, processName, stateOf, type Process } from './data.js';
import { facts, h, type Child } from './dom.js';
import { memoryPanel } from './memory.js';
import { table } from './table.js';
import { tabs } from './tabs.js';
import { stateClass } from './tree.js';

type Credentials = (typeof data.credentials)[number];
type Ids = Credentials['uid'];

const ids = ({ real, effective, saved, fs }: Ids): string =>
  real === effective && real === saved && real === fs
    ? `${real}`
    : `real ${real}, effective ${effective}, saved ${saved}, file system ${fs}`;

const short = (signal: string): string => signal.replace(/^SIG/, '');
const list = (all: readonly string[]): string => (all.length === 0 ? 'none' : all.join(' '));

/** Longer lists of capabilities are told by what is not in them: the bounding set is nearly always whole. */
function capabilities(all: readonly string[]): Child {
  const names = all.map((name) => name.replace(/^CAP_/, '').toLowerCase());
  if (names.length <= 6) return list(names);
  return h('details', {}, h('summary', {}, `${names.length} capabilities`), names.join(' '));
}

const threads = ({ threads = [], signals }: Process): Node[] => [
  table(
    'Threads',
    [
      { head: 'TID', right: true, mono: true, cell: ({ tid }) => tid },
      { head: 'Name', mono: true, cell: ({ comm }) => comm ?? '?' },
      { head: 'Policy', cell: ({ policy }) => policy },
      { head: 'Nice', right: true, cell: ({ priority, nice }) => priority || nice },
      { head: 'System call', isSparse: true, right: true, cell: ({ syscall }) => syscall ?? '' },
      {
        head: 'Goes on at',
        mono: true,
        right: true,
        cell: ({ ip }) => (ip === undefined ? '' : addressWords(BigInt(ip))),
      },
      { head: 'Stack', mono: true, right: true, cell: ({ sp }) => (sp === undefined ? '' : addressWords(BigInt(sp))) },
      { head: 'Seccomp', isSparse: true, cell: ({ seccomp }) => seccomp },
      {
        head: 'Blocked signals',
        isSparse: true,
        wide: true,
        cell: ({ tid }) =>
          signals?.threads
            .find((one) => one.tid === tid)
            ?.blocked.map(short)
            .join(' '),
      },
    ],
    threads,
  ),
];

const files = ({ fds, exe, cwd, root, umask }: Process): Node[] => [
  facts([
    ['Program', exe && h('span', { class: 'mono' }, exe)],
    ['Working directory', cwd && h('span', { class: 'mono' }, cwd)],
    ['Root', root && h('span', { class: 'mono' }, root)],
    ['umask', umask && h('span', { class: 'mono' }, umask)],
  ]),
  table(
    'Descriptors',
    [
      { head: 'FD', right: true, mono: true, cell: ([fd]) => fd },
      { head: 'Kind', cell: ([, file]) => kindWords(data.files[file]?.kind ?? '?') },
      {
        head: 'File',
        mono: true,
        wide: true,
        cell: ([, file]) => data.files[file]?.what ?? 'is not in the images',
      },
      { head: 'Access', mono: true, cell: ([, file]) => data.files[file]?.access },
      { head: 'Position', isSparse: true, right: true, cell: ([, file]) => data.files[file]?.pos || '' },
      { head: 'Size', isSparse: true, right: true, cell: ([, file]) => size(data.files[file]?.sizeBytes) },
      { head: 'Mode', isSparse: true, mono: true, cell: ([, file]) => data.files[file]?.mode },
      {
        head: 'Flags',
        isSparse: true,
        wide: true,
        cell: ([, file, isCloexec]) =>
          [
            ...(data.files[file]?.flags ?? []).filter((flag) => flag !== 'O_LARGEFILE'),
            ...(isCloexec ? ['FD_CLOEXEC'] : []),
            ...(data.files[file]?.isExternal ? ['external'] : []),
          ].join(' '),
      },
    ],
    fds,
  ),
];
/** What an open file is, for those who have not learned the image's names. */
const KINDS: Readonly<Record<string, string>> = {
  reg: 'file',
  unixsk: 'UNIX socket',
  inetsk: 'IP socket',
  netlinksk: 'netlink socket',
  packetsk: 'packet socket',
  tty: 'terminal',
  ns: 'namespace',
  tunf: 'tun',
  eventpoll: 'epoll',
};
const kindWords = (kind: string): string => KINDS[kind.toLowerCase()] ?? kind.toLowerCase();

const size = (bytes: number | undefined): string => (bytes === undefined ? '' : sizeWords(bytes));

function signals({ signals: of, timers = [] }: Process): Node[] {
  const pending = [
    ...(of?.pending ?? []).map((one) => ({ ...one, tid: 0 })),
    ...(of?.threads ?? []).flatMap(({ tid, pending: own }) => own.map((one) => ({ ...one, tid }))),
  ];
  return [
    h('h4', {}, 'Actions'),
    table(
      'Signal actions that are not the default',
      [
        { head: 'Signal', mono: true, cell: ({ signal }) => signal },
        {
          head: 'Handler',
          mono: true,
          right: true,
          cell: ({ handler }) => (handler === 'ignore' ? 'ignored' : addressWords(BigInt(handler))),
        },
        { head: 'Flags', isSparse: true, cell: ({ flags }) => flags.join(' ') },
        { head: 'Blocked meanwhile', isSparse: true, wide: true, cell: ({ mask }) => mask.map(short).join(' ') },
      ],
      of?.actions ?? [],
    ),
    h('h4', {}, 'Pending'),
    table(
      'Pending signals',
      [
        { head: 'Signal', mono: true, cell: ({ signal }) => signal },
        { head: 'For', cell: ({ tid }) => (tid === 0 ? 'the process' : `thread ${tid}`) },
        { head: 'Code', right: true, cell: ({ code }) => code },
        { head: 'From', isSparse: true, right: true, cell: ({ fromPid }) => fromPid ?? '' },
      ],
      pending,
    ),
    h('h4', {}, 'Timers'),
    table(
      'Timers',
      [
        { head: 'Kind', cell: ({ kind, id }) => `${kind} ${id}` },
        { head: 'Clock', cell: ({ clock }) => clock.replace(/^CLOCK_/, '').toLowerCase() },
        {
          head: 'Left',
          right: true,
          cell: ({ leftSec }) => (leftSec === undefined ? 'not armed' : timeWords(leftSec)),
        },
        {
          head: 'Interval',
          right: true,
          cell: ({ intervalSec }) => (intervalSec === undefined ? 'once' : timeWords(intervalSec)),
        },
        { head: 'Sends', cell: ({ signal, tid }) => [signal ?? '', tid === undefined ? '' : ` to thread ${tid}`] },
        { head: 'Overrun', isSparse: true, right: true, cell: ({ overrun }) => overrun || '' },
      ],
      timers,
    ),
  ];
}

function rights({ credentials, limits, oomScoreAdj, loginUid }: Process): Node[] {
  const of = credentials === undefined ? undefined : data.credentials[credentials];
  return [
    h('h4', {}, 'Credentials'),
    of
      ? facts([
          ['User', ids(of.uid)],
          ['Group', ids(of.gid)],
          ['Supplementary groups', list(of.groups.map(String))],
          ['Login user', loginUid === undefined ? 'none' : String(loginUid)],
          ['Effective', capabilities(of.effective)],
          ['Permitted', capabilities(of.permitted)],
          ['Inheritable', capabilities(of.inheritable)],
          ['Bounding', capabilities(of.bounding)],
          ['Ambient', capabilities(of.ambient)],
          ['Secure bits', list(of.securebits)],
          ['No new privileges', of.noNewPrivs ? 'yes' : 'no'],
          ['Security label', of.lsmProfile],
          ['OOM score adjustment', oomScoreAdj === undefined ? undefined : String(oomScoreAdj)],
        ])
      : h('p', { class: 'none' }, 'The images do not tell.'),
    h('h4', {}, 'Limits'),
    table(
      'Resource limits',
      [
        { head: 'Limit', mono: true, cell: ({ name }) => name },
        { head: 'Soft', right: true, mono: true, cell: ({ soft }) => soft },
        { head: 'Hard', right: true, mono: true, cell: ({ hard }) => hard },
      ],
      limits === undefined ? [] : data.limits[limits]!,
    ),
  ];
}

function environment({ env, cmdline }: Process): Node[] {
  const variables = (env ?? []).map((place) => {
    const text = data.strings[place] ?? '';
    const at = text.indexOf('=');
    return at < 0 ? { name: text, value: '' } : { name: text.slice(0, at), value: text.slice(at + 1) };
  });
  return [
    h('h4', {}, 'Arguments'),
    table(
      'Arguments',
      [
        { head: 'N', right: true, cell: ({ place }) => place },
        { head: 'Argument', mono: true, wide: true, cell: ({ word }) => word },
      ],
      (cmdline ?? []).map((word, place) => ({ word, place })),
    ),
    h('h4', {}, 'Environment'),
    env === undefined
      ? h('p', { class: 'none' }, 'It was left out, or its memory is not in the images.')
      : table(
          'Environment variables',
          [
            { head: 'Variable', mono: true, cell: ({ name }) => name },
            { head: 'Value', mono: true, wide: true, cell: ({ value }) => value },
          ],
          variables,
        ),
  ];
}

const TABS = [
  ['Memory', memoryPanel],
  ['Threads', threads],
  ['Files', files],
  ['Signals', signals],
  ['Rights', rights],
  ['Environment', environment],
] as const;

/** All about one process. Each panel is built when it is looked at. @param chosen the tab that was open before */
export function detail(process: Process, chosen: number, onTab: (tab: number) => void): HTMLElement {
  const { pid, ppid, pgid, sid, tids, fds, memory } = process;
  return h(
    'article',
    { 'aria-labelledby': 'detail-title', class: 'detail' },
    h(
      'header',
      {},
      h('h3', { id: 'detail-title' }, h('span', { class: 'sr' }, 'Process '), processName(process)),
      h('p', { class: 'command mono' }, commandOf(process)),
      facts([
        ['State', [h('span', { class: `state ${stateClass(process)}` }), stateOf(process)]],
        ['Parent', ppid === 0 ? 'none (root)' : String(ppid)],
        ['Group', String(pgid)],
        ['Session', String(sid)],
        ['Threads', String(tids.length)],
        ['Descriptors', String(fds.length)],
        ['Memory', memory && `${sizeWords(memory.inImagesBytes)} of ${sizeWords(memory.sizeBytes)} in the images`],
        ['In sets before', memory && memory.inParentBytes > 0 && sizeWords(memory.inParentBytes)],
      ]),
    ),
    tabs(
      `Process ${pid}`,
      TABS.map(([name, make]) => ({ name, make: () => make(process) })),
      chosen,
      onTab,
    ),
  );
}
