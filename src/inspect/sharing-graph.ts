import type { FileLockEntry } from '../image/generated/messages.js';
import { VMA } from '../image/vma-status.js';
import type { Checkpoint } from './checkpoint.js';
import { OpenFiles } from './overview/open-files.js';
import { kobjIds } from './overview/namespaces.js';
import { inTreeOrder } from './overview/processes.js';
import { taskMemory } from './memory.js';
import { sockets, type SocketInfo } from './sockets.js';
import { TolerantImages } from './tolerant-images.js';

/** A process, or something that processes share. */
export interface GraphNode {
  readonly id: string;
  readonly kind: 'process' | 'file' | 'pipe' | 'socket pair' | 'terminal' | 'memory' | 'descriptor table' | 'lock';
  readonly label: string;
}

/** Who has what: a child, a descriptor, a mapping. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** "fd 3"; "child" from a parent. */
  readonly label: string;
}

/** Who shares what in a checkpoint. */
export interface SharingGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly problems: readonly string[];
}

/** The two ends of connections that are both in the set, by their ids: what the connection is called. */
function connections(all: readonly SocketInfo[]): ReadonlyMap<number, string> {
  const key = (protocol: string, from: string, to: string) => `${protocol} ${from} - ${to}`;
  const byEnds = new Map(
    all.flatMap(({ id, protocol, local, peer }) => (peer === '' ? [] : [[key(protocol, local, peer), id] as const])),
  );
  const out = new Map<number, string>();
  for (const { id, family, protocol, local, peer } of all) {
    const other = byEnds.get(key(protocol, peer, local));
    if (!family.startsWith('INET') || other === undefined) continue;
    out.set(id, id < other ? key(protocol, local, peer) : key(protocol, peer, local));
  }
  return out;
}

const LOCKS: Readonly<Record<number, string>> = { 1: 'POSIX', 2: 'flock', 4: 'OFD', 8: 'lease' };
/** Locks of these kinds belong to the open file, and so to all who have it. */
const OF_OPEN_FILE = new Set([2, 4]);

function lockWords({ flag, type, start, len }: FileLockEntry): string {
  const isWrite = flag === 2 ? type === 2 : (type & 3) === 1;
  const what = flag === 8 ? '' : isWrite ? ' write' : ' read';
  const range = start === 0n && len === 0n ? '' : `, bytes ${start}-${len === 0n ? 'end' : start + len - 1n}`;
  return `${LOCKS[flag] ?? `kind ${flag}`}${what} lock${range}`;
}

/** Collects who has what. */
class Gatherer {
  readonly nodes = new Map<string, GraphNode>();
  readonly edges: GraphEdge[] = [];
  readonly #shared = new Map<
    string,
    { readonly node: GraphNode; readonly edges: GraphEdge[]; readonly least: number }
  >();

  /** @param least so many must have it, or it is not told of */
  has(pid: number, id: string, kind: GraphNode['kind'], label: string, by: string, least = 2): void {
    const held = this.#shared.get(id) ?? { node: { id, kind, label }, edges: [], least };
    held.edges.push({ from: `process ${pid}`, to: id, label: by });
    this.#shared.set(id, held);
  }

  finish(): void {
    for (const { node, edges, least } of this.#shared.values()) {
      if (edges.length < least) continue;
      this.nodes.set(node.id, node);
      for (const edge of edges) this.edges.push(edge);
    }
  }
}

/** The descriptors of one process. */
function descriptors(
  into: Gatherer,
  images: TolerantImages,
  files: OpenFiles,
  pid: number,
  pairs: ReadonlyMap<number, string>,
  holders: Map<number, { readonly pid: number; readonly fd: number }[]>,
): void {
  const table = kobjIds(images, pid)?.files_id;
  if (table === undefined) return;
  into.has(pid, `descriptor table ${table}`, 'descriptor table', `descriptor table ${table}`, 'has');
  for (const { fd, id } of images.each('FDINFO', table)) {
    const entry = files.entry(id);
    const what = files.of(id)?.what ?? `open file ${id}`;
    const by = `fd ${fd}`;
    const held = holders.get(id);
    if (held) held.push({ pid, fd });
    else holders.set(id, [{ pid, fd }]);
    if (entry?.pipe) into.has(pid, `pipe ${entry.pipe.pipe_id}`, 'pipe', `pipe ${entry.pipe.pipe_id}`, by);
    else if (entry?.usk?.peer) {
      const pair = [entry.usk.ino, entry.usk.peer].sort((a, b) => a - b).join(' ');
      into.has(pid, `socket pair ${pair}`, 'socket pair', `UNIX sockets ${pair}`, by);
    } else if (pairs.has(id)) into.has(pid, `socket pair ${pairs.get(id)}`, 'socket pair', pairs.get(id)!, by);
    else if (entry?.tty) into.has(pid, `terminal ${entry.tty.tty_info_id}`, 'terminal', what, by);
    else into.has(pid, `file ${id}`, 'file', what, by);
  }
}

/** Files and memfds that one process maps shared: what it writes there the others see. */
function sharedFiles(into: Gatherer, images: TolerantImages, files: OpenFiles, pid: number): void {
  for (const { status, shmid, start } of images.first('MM', pid)?.vmas ?? []) {
    if (!(status & VMA.FILE_SHARED)) continue;
    const memfd = files.entry(Number(shmid))?.memfd;
    const path = files.path(Number(shmid));
    const id = memfd ? `memfd ${memfd.inode_id}` : path;
    if (id === undefined) continue;
    const label = memfd ? (files.of(Number(shmid))?.what ?? id) : id;
    into.has(pid, `memory ${id}`, 'memory', label, start.toString(16));
  }
}

/**
 * Processes, their children, every lock, and every pipe, connection, terminal, memory, open file and descriptor table that two of
 * them have, or one of them twice.
 */
export function sharingGraph(checkpoint: Checkpoint): SharingGraph {
  const images = new TolerantImages(checkpoint.images);
  const files = new OpenFiles(images);
  const places = inTreeOrder(images);
  const pids = new Set(places.map(({ task }) => task.pid));
  const pairs = connections(sockets(images));
  const holders = new Map<number, { readonly pid: number; readonly fd: number }[]>();
  const into = new Gatherer();
  for (const { task } of places) {
    const { pid, ppid } = task;
    const comm = images.first('CORE', pid)?.tc?.comm ?? '?';
    into.nodes.set(`process ${pid}`, { id: `process ${pid}`, kind: 'process', label: `${pid} ${comm}` });
    if (pids.has(ppid) && ppid !== pid)
      into.edges.push({ from: `process ${ppid}`, to: `process ${pid}`, label: 'child' });
    descriptors(into, images, files, pid, pairs, holders);
    sharedFiles(into, images, files, pid);
  }
  for (const { pid, vmas } of taskMemory(images))
    for (const { kind, object, start } of vmas)
      if (object !== undefined) into.has(pid, `memory ${object}`, 'memory', `${kind} ${object}`, start.toString(16));
  const opened = new Map(
    [...holders].flatMap(([id, held]) => held.map(({ pid, fd }) => [`${pid} ${fd}`, id] as const)),
  );
  let lock = 0;
  for (const entry of images.each('FILE_LOCKS')) {
    const open = opened.get(`${entry.pid} ${entry.fd}`);
    const label = `${lockWords(entry)} on ${(open !== undefined && files.of(open)?.what) || 'an unknown file'}`;
    const held = open !== undefined && OF_OPEN_FILE.has(entry.flag) ? holders.get(open)! : [entry];
    lock++;
    for (const { pid, fd } of held) if (pids.has(pid)) into.has(pid, `lock ${lock}`, 'lock', label, `fd ${fd}`, 1);
  }
  into.finish();
  return { nodes: [...into.nodes.values()], edges: into.edges, problems: images.problems };
}
