import type { Overview, ProcessOverview } from '../inspect/overview/overview.js';
import { ALL_CAPABILITIES } from '../inspect/overview/credentials.js';
import { safeText } from './safe-text.js';
import type { TableView } from './table.js';
import { addressWords, numbersWords, sizeWords, timeWords } from './words.js';

/** A part of an overview as it is printed: lines of "name value", or a table. */
export interface Section {
  readonly title: string;
  readonly pairs?: readonly (readonly [name: string, value: string])[];
  readonly table?: TableView;
}

/** Generations that are shown by indentation; a number stands for those above. */
const MAX_INDENT = 24;
const indent = (depth: number): string =>
  depth <= MAX_INDENT ? '  '.repeat(depth) : `${'  '.repeat(MAX_INDENT)}(${depth}) `;

type Cell = string | number | bigint | undefined;
const cell = (value: Cell): string => (value === undefined ? '' : safeText(String(value)));

/** A table of what several processes have, a row for each. */
function table(
  title: string,
  head: readonly string[],
  right: readonly number[],
  rows: Iterable<readonly Cell[]>,
): Section[] {
  const cells = Array.from(rows, (row) => row.map(cell));
  return cells.length === 0 ? [] : [{ title, table: { head, right, rows: cells, paint: paintFirst } }];
}
const paintFirst: NonNullable<TableView['paint']> = (chalk, text, column) => (column === 0 ? chalk.cyan(text) : text);

function pairs(title: string, all: readonly (readonly [string, Cell])[]): Section[] {
  const told = all.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, cell(value)] as const],
  );
  return told.length === 0 ? [] : [{ title, pairs: told }];
}

/** Processes with equal values share a row. */
function grouped<T>(processes: readonly ProcessOverview[], value: (process: ProcessOverview) => T | undefined) {
  const groups = new Map<string, { pids: number[]; value: T }>();
  for (const process of processes) {
    const found = value(process);
    if (found === undefined) continue;
    const key = JSON.stringify(found, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
    const group = groups.get(key);
    if (group) group.pids.push(process.pid);
    else groups.set(key, { pids: [process.pid], value: found });
  }
  return [...groups.values()].map(({ pids, value }) => ({
    pids: pids.length === processes.length && pids.length > 1 ? 'all' : numbersWords(pids),
    value,
  }));
}

/** What a process was started with, or else its name as ps(1) shows it. */
function command({ cmdline, comm }: ProcessOverview): string {
  const words = cmdline?.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');
  return words === undefined || words === '' ? `[${comm ?? '?'}]` : words;
}

export function summary({ identity, container, stats, processes }: Overview): Section[] {
  const zombies = processes.filter(({ ended }) => ended !== undefined).length;
  const threads = processes.reduce((sum, { tids }) => sum + tids.length, 0);
  return [
    ...pairs('CHECKPOINT', [
      ['path', identity?.path],
      [
        'engine',
        identity && `${identity.engine} ${identity.version ?? '(version not told)'}, images ${identity.format ?? '?'}`,
      ],
      ['dumped', identity?.dumpedAt],
      [
        'size',
        identity &&
          `${sizeWords(identity.sizeBytes)} in ${identity.images} images${identity.hasParent ? ', an increment of another set' : ''}`,
      ],
      ['processes', `${processes.length}, ${threads} threads${zombies > 0 ? `, ${zombies} zombies` : ''}`],
      ['security module', identity?.securityModule],
      ['uptime', identity?.uptimeSec === undefined ? undefined : timeWords(identity.uptimeSec)],
      ['run', identity?.runId],
    ]),
    ...containerLines(container),
    ...statsLines(stats),
  ];
}

function containerLines(container: Overview['container']): Section[] {
  if (!container) return [];
  return pairs('CONTAINER', [
    ['name', container.name],
    ['id', container.id],
    ['image', container.image],
    ['engine', container.engine],
    ['runtime', container.runtime],
    ['created', container.createdAt],
    ['checkpointed', container.checkpointedAt],
    ['restored', container.restoredAt],
    ['host name', container.hostname],
    ['pod', container.pod && `${container.namespace ?? '?'}/${container.pod}`],
    ['addresses', [...container.addresses, ...container.macs].join(' ')],
  ]);
}

export function statsLines(stats: Overview['stats']): Section[] {
  if (!stats) return [];
  const pages = (count: number) => `${count} (${sizeWords(count * 4096)})`;
  return pairs('DUMP STATISTICS', [
    ['freezing', timeWords(stats.freezingSec)],
    ['frozen', timeWords(stats.frozenSec)],
    ['memory read', timeWords(stats.memdumpSec)],
    ['memory written', timeWords(stats.memwriteSec)],
    ['pages scanned', pages(stats.pagesScanned)],
    ['pages written', pages(stats.pagesWritten)],
    ['unchanged since the parent', stats.pagesSkippedParent > 0 ? pages(stats.pagesSkippedParent) : undefined],
    ['left for later', stats.pagesLazy > 0 ? pages(stats.pagesLazy) : undefined],
    ['shared pages written', stats.sharedPagesWritten > 0 ? pages(stats.sharedPagesWritten) : undefined],
  ]);
}

export function tree({ processes }: Overview): Section[] {
  const state = ({ state, ended }: ProcessOverview) => (ended === undefined ? (state ?? '?') : `zombie (${ended})`);
  return table(
    'PROCESSES',
    ['PID', 'PPID', 'PGID', 'SID', 'THREADS', 'STATE', 'COMMAND'],
    [0, 1, 2, 3, 4],
    processes.map((process) => [
      process.pid,
      process.ppid,
      process.pgid,
      process.sid,
      process.tids.length,
      state(process),
      `${indent(process.depth)}${command(process)}`,
    ]),
  );
}

const byLine =
  (title: string, of: (process: ProcessOverview) => Iterable<readonly Cell[]>, head: string[], right: number[]) =>
  ({ processes }: Overview): Section[] =>
    table(
      title,
      ['PID', ...head],
      [0, ...right.map((column) => column + 1)],
      processes.flatMap((process) => Array.from(of(process), (row) => [process.pid, ...row])),
    );

const shortNames = (names: readonly string[]): string =>
  names.map((name) => name.replace(/^CAP_/, '').toLowerCase()).join(' ');

function capabilities(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const missing = ALL_CAPABILITIES.filter((name) => !names.includes(name));
  if (missing.length === 0) return 'all';
  return missing.length < names.length ? `all but ${shortNames(missing)}` : shortNames(names);
}

const ids = ({ real, effective, saved, fs }: { real: number; effective: number; saved: number; fs: number }): string =>
  real === effective && real === saved && real === fs
    ? `${real}`
    : `real ${real} effective ${effective} saved ${saved} fs ${fs}`;

export function creds({ processes }: Overview): Section[] {
  return table(
    'CREDENTIALS',
    ['PIDS', 'UID', 'GID', 'GROUPS', 'EFFECTIVE', 'PERMITTED', 'BOUNDING', 'OTHER'],
    [],
    grouped(processes, ({ credentials }) => credentials).map(({ pids, value }) => [
      pids,
      ids(value.uid),
      ids(value.gid),
      value.groups.join(' '),
      capabilities(value.effective),
      capabilities(value.permitted),
      capabilities(value.bounding),
      [
        ...(value.inheritable.length > 0 ? [`inheritable ${capabilities(value.inheritable)}`] : []),
        ...(value.ambient.length > 0 ? [`ambient ${capabilities(value.ambient)}`] : []),
        ...value.securebits,
        ...(value.noNewPrivs ? ['no-new-privs'] : []),
        ...(value.lsmProfile === undefined ? [] : [value.lsmProfile]),
      ].join(', '),
    ]),
  );
}

export function limits({ processes }: Overview): Section[] {
  const rows = grouped(processes, ({ limits }) => (limits?.length ? limits : undefined)).flatMap(({ pids, value }) =>
    value.map(({ name, soft, hard }, i) => [i === 0 ? pids : '', name, soft, hard]),
  );
  return table('LIMITS', ['PIDS', 'LIMIT', 'SOFT', 'HARD'], [2, 3], rows);
}

export function signals({ processes }: Overview): Section[] {
  const short = (name: string) => name.replace(/^SIG/, '');
  const list = (names: readonly string[]) => names.map(short).join(' ');
  return table(
    'SIGNALS',
    ['PID', 'TID', 'IGNORED', 'CAUGHT', 'BLOCKED', 'PENDING'],
    [0, 1],
    processes.flatMap(({ pid, signals }) =>
      (signals?.threads ?? []).flatMap(({ tid, blocked, pending }, i) => {
        const { actions, pending: shared } = signals!;
        const waiting = [...(i === 0 ? shared : []), ...pending].map(({ signal, fromPid }) =>
          fromPid === undefined ? short(signal) : `${short(signal)} (from ${fromPid})`,
        );
        const row = [
          i === 0 ? list(actions.filter(({ handler }) => handler === 'ignore').map(({ signal }) => signal)) : '',
          i === 0 ? list(actions.filter(({ handler }) => handler !== 'ignore').map(({ signal }) => signal)) : '',
          list(blocked),
          waiting.join(' '),
        ];
        return row.some((text) => text !== '') ? [[pid, tid, ...row]] : [];
      }),
    ),
  );
}

export function memory({ processes }: Overview): Section[] {
  const sizes = (sum: { sizeBytes: number; inImagesBytes: number; inParentBytes: number }) => [
    sizeWords(sum.sizeBytes),
    sizeWords(sum.inImagesBytes),
    sum.inParentBytes > 0 ? sizeWords(sum.inParentBytes) : '',
  ];
  return table(
    'MEMORY',
    ['PID', 'KIND', 'MAPPINGS', 'SIZE', 'IN IMAGES', 'IN PARENTS'],
    [0, 2, 3, 4, 5],
    processes.flatMap(({ pid, memory }) =>
      memory && memory.kinds.length > 0
        ? [
            ...memory.kinds.map((one) => [pid, one.kind, one.mappings, ...sizes(one)]),
            [pid, 'all', memory.kinds.reduce((sum, { mappings }) => sum + mappings, 0), ...sizes(memory)],
          ]
        : [],
    ),
  );
}

export const files = byLine(
  'FILES',
  function* ({ files, cwd, root, exe }) {
    if (exe !== undefined) yield ['exe', '', '', '', '', exe];
    if (cwd !== undefined) yield ['cwd', '', '', '', '', cwd];
    if (root !== undefined) yield ['root', '', '', '', '', root];
    for (const { fd, file, id, isCloexec } of files ?? []) {
      const flags = [...(file?.flags ?? []), ...(isCloexec ? ['FD_CLOEXEC'] : [])].filter(
        (flag) => flag !== 'O_LARGEFILE',
      );
      const what = file?.what ?? `open file ${id}, which is not in the images`;
      yield [
        fd,
        file?.access,
        file?.pos || '',
        file?.mode,
        flags.join(' '),
        `${what}${file?.isExternal ? ' (external)' : ''}`,
      ];
    }
  },
  ['FD', 'ACCESS', 'POSITION', 'MODE', 'FLAGS', 'FILE'],
  [0, 2],
);

export const threads = byLine(
  'THREADS',
  ({ threads }) =>
    (threads ?? []).map((thread) => [
      thread.tid,
      thread.comm,
      thread.policy,
      thread.priority || thread.nice,
      thread.syscall,
      thread.ip && addressWords(thread.ip),
      thread.sp && addressWords(thread.sp),
      thread.seccomp === 'disabled' ? '' : thread.seccomp,
    ]),
  ['TID', 'NAME', 'POLICY', 'NICE', 'SYSCALL', 'IP', 'SP', 'SECCOMP'],
  [0, 3, 4],
);

export const timers = byLine(
  'TIMERS',
  ({ timers }) =>
    (timers ?? []).map((timer) => [
      timer.kind,
      timer.id,
      timer.clock.replace(/^CLOCK_/, '').toLowerCase(),
      timer.leftSec === undefined ? 'not armed' : timeWords(timer.leftSec),
      timer.intervalSec === undefined ? 'once' : timeWords(timer.intervalSec),
      timer.signal,
      timer.tid,
      timer.overrun || '',
    ]),
  ['KIND', 'ID', 'CLOCK', 'LEFT', 'INTERVAL', 'SIGNAL', 'THREAD', 'OVERRUN'],
  [],
);

export const mappings = byLine(
  'MAPPINGS',
  ({ mappings }) =>
    (mappings ?? []).map((vma) => [
      `${addressWords(vma.start)}-${addressWords(vma.end)}`,
      vma.prot,
      sizeWords(Number(vma.end - vma.start)),
      vma.path ?? `[${vma.kind}${vma.object === undefined ? '' : ` ${vma.object}`}]`,
    ]),
  ['RANGE', 'PROT', 'SIZE', 'WHAT'],
  [2],
);

export const auxv = byLine(
  'AUXILIARY VECTOR',
  ({ auxv }) => (auxv ?? []).map(({ name, value }) => [name, `0x${value.toString(16)}`]),
  ['NAME', 'VALUE'],
  [],
);
export const cmdline = byLine(
  'COMMAND LINES',
  ({ cmdline }) => (cmdline ?? []).map((word, i) => [i, word]),
  ['N', 'ARGUMENT'],
  [0],
);
export const env = byLine('ENVIRONMENT', ({ env }) => (env ?? []).map((word) => [word]), ['VARIABLE'], []);

export const sockets = ({ sockets = [] }: Overview): Section[] =>
  table(
    'SOCKETS',
    ['ID', 'FAMILY', 'TYPE', 'PROTO', 'STATE', 'QUEUED', 'LOCAL', 'PEER', 'OWNERS'],
    [0],
    sockets.map((one) => [
      one.id,
      one.family,
      one.type,
      one.protocol,
      one.state,
      one.queued_in + one.queued_out > 0 ? `${one.queued_in}/${one.queued_out}` : '',
      one.local,
      one.peer,
      one.owners.map(({ pid, fd }) => `${pid}:${fd}`).join(' '),
    ]),
  );

export const terminals = ({ terminals = [] }: Overview): Section[] =>
  table(
    'TERMINALS',
    ['ID', 'KIND', 'NAME', 'SESSION', 'FOREGROUND', 'SIZE', 'UNREAD', 'SETTINGS'],
    [0, 3, 4, 6],
    terminals.map((one) => [
      one.id,
      one.kind,
      one.name,
      one.session || '',
      one.foreground || '',
      one.rows === undefined ? '' : `${one.columns}x${one.rows}`,
      one.unreadBytes || '',
      one.settings.join(' '),
    ]),
  );

export const mounts = ({ mounts = [] }: Overview): Section[] =>
  table(
    'MOUNTS',
    ['NS', 'ID', 'PARENT', 'MOUNT POINT', 'TYPE', 'SOURCE', 'ROOT', 'OPTIONS'],
    [0, 1, 2],
    mounts.map((one) => [
      one.namespace,
      one.id,
      one.parent,
      one.mountpoint,
      one.type ?? '?',
      one.source,
      one.root,
      [...one.options, ...(one.external === undefined ? [] : [`external ${one.external}`])].join(','),
    ]),
  );

export const namespaces = ({ namespaces = [] }: Overview): Section[] =>
  table(
    'NAMESPACES',
    ['KIND', 'ID', 'WHOSE', 'PIDS', 'DETAIL'],
    [1],
    namespaces.map((one) => [
      one.kind,
      one.id,
      one.isDumped ? 'dumped' : "the engine's",
      numbersWords(one.pids),
      one.detail,
    ]),
  );

export const cgroups = ({ cgroups = [] }: Overview): Section[] =>
  table(
    'CONTROL GROUPS',
    ['SET', 'HIERARCHY', 'PATH'],
    [0],
    cgroups.flatMap(({ id, isEngines, members }) =>
      members.map(({ hierarchy, path }) => [id, hierarchy, `${path}${isEngines ? " (the engine's)" : ''}`]),
    ),
  );
