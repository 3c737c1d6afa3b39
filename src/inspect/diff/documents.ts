import type { PstreeEntry, VmaEntry } from '../../image/generated/messages.js';
import { fileMessage } from '../../image/file-kinds.js';
import { messageDef, type MessageName } from '../../image/message-def.js';
import { NAMESPACES } from '../../image/namespaces.js';
import { VMA } from '../../image/vma-status.js';
import { FD_CLOEXEC } from '../../kernel/uapi/open-flags.js';
import { kobjIds } from '../overview/namespaces.js';
import { OpenFiles } from '../overview/open-files.js';
import { coresOf, inTreeOrder } from '../overview/processes.js';
import type { TolerantImages } from '../tolerant-images.js';
import { isSetAside } from './set-aside.js';
import { treeOf, type Tree } from './tree.js';

/** What a process is called in both sets: its number in the first. */
export type NameOf = (pid: number) => string;

const words = (message: object, name: MessageName) => treeOf(message, messageDef(name), isSetAside);

/** Who was first to have something, for "with". */
class Holders {
  readonly #first = new Map<string, string>();
  /** @returns the first holder when that is another one */
  of(what: string, holder: string): string | undefined {
    const first = this.#first.get(what);
    if (first === undefined) this.#first.set(what, holder);
    return first === holder ? undefined : first;
  }
}

/** The processes of a set as trees of values, for comparing: by section, numbers that mean nothing replaced by what they stand for. */
export class Documents {
  readonly images: TolerantImages;
  readonly #files: OpenFiles;
  readonly #nameOf: NameOf;
  readonly #open = new Holders();
  readonly #used = new Set<number>();

  constructor(images: TolerantImages, nameOf: NameOf) {
    this.images = images;
    this.#files = new OpenFiles(images);
    this.#nameOf = nameOf;
  }

  /** @returns sections by name */
  of(task: PstreeEntry): Map<string, Tree> {
    const { pid } = task;
    const cores = coresOf(this.images, task);
    const out = new Map<string, Tree>([['process', this.#process(task)]]);
    const main = cores.get(pid);
    if (main?.tc) {
      const { timers, rlimits, sigactions, signals_s, ...rest } = main.tc;
      for (const [name, value] of words(rest, 'task_core_entry'))
        (out.get('process') as Map<string, Tree>).set(name, value);
      if (timers) out.set('timers', words(timers, 'task_timers_entry'));
      if (rlimits) out.set('limits', words(rlimits, 'task_rlimits_entry').get('rlimits') ?? '');
      const actions = words({ sigactions }, 'task_core_entry').get('sigactions');
      const pending = signals_s && words(signals_s, 'signal_queue_entry').get('signals');
      out.set(
        'signals',
        new Map([
          ...(actions ? [['actions', actions] as const] : []),
          ...(pending ? [['pending', pending] as const] : []),
        ]),
      );
    }
    out.set('threads', this.#threads(task, cores));
    this.#namespaces(pid, out);
    this.#memory(pid, out);
    out.set('files', this.#descriptors(pid));
    const fs = this.images.first('FS', pid);
    if (fs) {
      for (const id of [fs.cwd_id, fs.root_id]) this.#used.add(id);
      const tree = words(fs, 'fs_entry');
      tree.set('cwd', this.#files.path(fs.cwd_id) ?? '?').set('root', this.#files.path(fs.root_id) ?? '?');
      out.set('fs', tree);
    }
    return out;
  }

  #process({ ppid, pgid, sid }: PstreeEntry): Map<string, Tree> {
    return new Map(
      Object.entries({ parent: ppid, group: pgid, session: sid }).map(([name, pid]) => [name, this.#nameOf(pid)]),
    );
  }

  #threads({ pid }: PstreeEntry, cores: ReturnType<typeof coresOf>): Tree {
    let index = 0;
    return new Map(
      Array.from(cores, ([tid, { tc: _process, ...core }]) => {
        // a thread has the number that the kernel gave it; where the process is matched by place, so are its threads
        const name = tid === pid ? 'main' : this.#nameOf(pid) === `${pid}` ? `${tid}` : `#${++index}`;
        const tree = words(core, 'core_entry');
        const registers = tree.get('thread_info');
        if (registers && tree.delete('thread_info')) tree.set('registers', registers);
        return [name, tree];
      }),
    );
  }

  #namespaces(pid: number, out: Map<string, Tree>): void {
    const ids = kobjIds(this.images, pid);
    const own = this.images.first('INVENTORY')?.root_ids;
    if (!ids) return;
    out.set(
      'namespaces',
      new Map(
        Object.entries(NAMESPACES).flatMap(([kind, { field }]) => {
          const id = ids[field];
          return id === undefined
            ? []
            : [[kind, id === own?.[field] ? "the engine's" : `dumped, ${kind} ${id}`] as const];
        }),
      ),
    );
  }

  #memory(pid: number, out: Map<string, Tree>): void {
    const mm = this.images.first('MM', pid);
    if (!mm) return;
    const { vmas = this.images.messages('VMAS', pid) ?? [], ...rest } = mm;
    this.#used.add(mm.exe_file_id);
    out.set('memory', words(rest, 'mm_entry').set('exe', this.#files.path(mm.exe_file_id) ?? '?'));
    out.set('mappings', new Map(vmas.map((vma) => [`0x${vma.start.toString(16)}`, this.#mapping(vma)])));
  }

  #mapping(vma: VmaEntry): Tree {
    const tree = words(vma, 'vma_entry');
    tree.delete('start');
    if (vma.status & (VMA.FILE_PRIVATE | VMA.FILE_SHARED | VMA.SOCKET)) {
      const id = Number(vma.shmid);
      this.#used.add(id);
      tree.set('file', this.#files.of(id)?.what ?? '?');
    }
    return tree;
  }

  #descriptors(pid: number): Tree {
    const table = kobjIds(this.images, pid)?.files_id;
    const holder = this.#nameOf(pid);
    const out = new Map<string, Tree>();
    if (table === undefined) return out;
    for (const { fd, flags, id } of this.images.each('FDINFO', table)) {
      const tree = new Map<string, Tree>(this.#file(id));
      const name = `${holder}:${fd}`;
      const also = this.#open.of(`file ${id}`, name);
      if (also !== undefined) tree.set('same open file as', also);
      for (const [what, key] of this.#ties(id)) {
        const other = this.#open.of(key, name);
        if (other !== undefined && other !== also) tree.set(what, other);
      }
      if (flags & FD_CLOEXEC) tree.set('close-on-exec', 'yes');
      out.set(`${fd}`, tree);
    }
    return out;
  }

  /** Pipes and sockets that belong together, by numbers that are not compared. */
  *#ties(id: number): Generator<readonly [string, string]> {
    const entry = this.#files.entry(id);
    if (entry?.pipe) yield ['same pipe as', `pipe ${entry.pipe.pipe_id}`];
    if (entry?.fifo) yield ['same pipe as', `pipe ${entry.fifo.pipe_id}`];
    if (entry?.usk) {
      const { ino, peer } = entry.usk;
      yield ['connected with', `pair ${Math.min(ino, peer)} ${Math.max(ino, peer)}`];
    }
    if (entry?.tty) yield ['same terminal as', `terminal ${entry.tty.tty_info_id}`];
    if (entry?.memfd) yield ['same memfd as', `memfd ${entry.memfd.inode_id}`];
  }

  #file(id: number): Map<string, Tree> {
    this.#used.add(id);
    const entry = this.#files.entry(id);
    if (!entry) return new Map([['file', 'not in the images']]);
    const tree = words(entry, 'file_entry');
    const inner = [...tree.values()].find((value) => value instanceof Map);
    return new Map<string, Tree>([
      ['kind', this.#files.of(id)?.kind ?? '?'],
      ...((inner as Map<string, Tree> | undefined) ?? []),
    ]);
  }

  /** Open files that no process that was asked about refers to: in messages, or waiting to be accepted. */
  otherFiles(): Tree[] {
    const out: Tree[] = [];
    for (const entry of this.images.messages('FILES') ?? [])
      if (!this.#used.has(entry.id) && fileMessage(entry) && !entry.reg) out.push(words(entry, 'file_entry'));
    return out;
  }
}

/** A process and what it is matched by. */
export interface Matchable {
  readonly task: PstreeEntry;
  readonly comm: string | undefined;
  /** Its place in the tree, as numbers of children, and its name. */
  readonly place: string;
}

/** The processes of a set, each behind its parent. */
export function matchables(images: TolerantImages): readonly Matchable[] {
  const counts: number[] = [];
  return inTreeOrder(images).map(({ task, depth }) => {
    counts.length = depth + 1;
    counts[depth] = (counts[depth] ?? 0) + 1;
    const comm = images.first('CORE', task.pid)?.tc?.comm;
    return { task, comm, place: `${counts.join('/')} ${comm ?? '?'}` };
  });
}
