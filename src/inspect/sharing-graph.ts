import type { Checkpoint } from './checkpoint.js';
import { OpenFiles } from './overview/open-files.js';
import { kobjIds } from './overview/namespaces.js';
import { inTreeOrder } from './overview/processes.js';
import { taskMemory } from './memory.js';
import { TolerantImages } from './tolerant-images.js';

/** A process, or something that processes share. */
export interface GraphNode {
  readonly id: string;
  readonly kind: 'process' | 'file' | 'pipe' | 'socket pair' | 'terminal' | 'memory' | 'descriptor table';
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

/** Processes, their children, and every pipe, socket pair, terminal, memory, open file and descriptor table that two of them have, or one of them twice. */
export function sharingGraph(checkpoint: Checkpoint): SharingGraph {
  const images = new TolerantImages(checkpoint.images);
  const files = new OpenFiles(images);
  const places = inTreeOrder(images);
  const pids = new Set(places.map(({ task }) => task.pid));
  const nodes = new Map<string, GraphNode>();
  const edges: GraphEdge[] = [];
  const shared = new Map<string, { readonly node: GraphNode; readonly edges: GraphEdge[] }>();
  const has = (pid: number, id: string, kind: GraphNode['kind'], label: string, by: string) => {
    const held = shared.get(id) ?? { node: { id, kind, label }, edges: [] };
    held.edges.push({ from: `process ${pid}`, to: id, label: by });
    shared.set(id, held);
  };
  for (const { task } of places) {
    const { pid, ppid } = task;
    const comm = images.first('CORE', pid)?.tc?.comm ?? '?';
    nodes.set(`process ${pid}`, { id: `process ${pid}`, kind: 'process', label: `${pid} ${comm}` });
    if (pids.has(ppid) && ppid !== pid) edges.push({ from: `process ${ppid}`, to: `process ${pid}`, label: 'child' });
    const table = kobjIds(images, pid)?.files_id;
    if (table === undefined) continue;
    has(pid, `descriptor table ${table}`, 'descriptor table', `descriptor table ${table}`, 'has');
    for (const { fd, id } of images.each('FDINFO', table)) {
      const entry = files.entry(id);
      const what = files.of(id)?.what ?? `open file ${id}`;
      const by = `fd ${fd}`;
      if (entry?.pipe) has(pid, `pipe ${entry.pipe.pipe_id}`, 'pipe', `pipe ${entry.pipe.pipe_id}`, by);
      else if (entry?.usk?.peer) {
        const pair = [entry.usk.ino, entry.usk.peer].sort((a, b) => a - b).join(' ');
        has(pid, `socket pair ${pair}`, 'socket pair', `UNIX sockets ${pair}`, by);
      } else if (entry?.tty) has(pid, `terminal ${entry.tty.tty_info_id}`, 'terminal', what, by);
      else has(pid, `file ${id}`, 'file', what, by);
    }
  }
  for (const { pid, vmas } of taskMemory(images))
    for (const { kind, object, start } of vmas)
      if (object !== undefined) has(pid, `memory ${object}`, 'memory', `${kind} ${object}`, start.toString(16));
  for (const { node, edges: of } of shared.values()) {
    if (of.length < 2) continue;
    nodes.set(node.id, node);
    edges.push(...of);
  }
  return { nodes: [...nodes.values()], edges, problems: images.problems };
}
