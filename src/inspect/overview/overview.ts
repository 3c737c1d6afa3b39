import { AT } from '../../kernel/proc/auxv.js';
import type { MmEntry, PstreeEntry } from '../../image/generated/messages.js';
import { openAddressSpace } from '../address-space/address-space.js';
import type { Checkpoint } from '../checkpoint.js';
import { sockets, type SocketInfo } from '../sockets.js';
import { taskMemory, type TaskVma } from '../memory.js';
import { TolerantImages } from '../tolerant-images.js';
import { cmdlineOf, environmentOf } from './arguments.js';
import { cgroupSets, type CgroupSet } from './cgroups.js';
import { containerInfo, type ContainerInfo } from './container.js';
import { credentialsOf, type CredentialsInfo } from './credentials.js';
import { dumpStats, type DumpStats } from './dump-stats.js';
import { identity, type Identity } from './identity.js';
import { limitsOf, type LimitInfo } from './limits.js';
import { memoryOf, type MemoryInfo } from './memory.js';
import { mounts, type MountEntry } from './mounts.js';
import { namespaces, type NamespaceInfo } from './namespaces.js';
import { OpenFiles } from './open-files.js';
import { coresOf, descriptorsOf, inTreeOrder, processOf, type DescriptorInfo, type ProcessInfo } from './processes.js';
import { signalsInfo, type SignalsInfo } from './signals.js';
import { terminals, type TerminalInfo } from './terminals.js';
import { threadOf, type ThreadInfo } from './threads.js';
import { timerfdOf, timersOf, type TimerInfo } from './timers.js';

/** What an overview can be asked for. Processes are always in it. */
export const PARTS = [
  'identity',
  'container',
  'stats',
  'cmdline',
  'env',
  'threads',
  'auxv',
  'files',
  'memory',
  'mappings',
  'creds',
  'limits',
  'signals',
  'timers',
  'sockets',
  'terminals',
  'mounts',
  'namespaces',
  'cgroups',
] as const;
export type Part = (typeof PARTS)[number];

/** A word of the auxiliary vector (getauxval(3)). */
export interface AuxvWord {
  /** AT_PHDR; "type 99" for one without a name. */
  readonly name: string;
  readonly value: bigint;
}

/** A process with the parts that were asked for; a zombie has few of them. */
export interface ProcessOverview extends ProcessInfo {
  /** Generations above it in the set. */
  readonly depth: number;
  /** As its memory has them; undefined when that is not in the images. */
  readonly cmdline?: readonly string[] | undefined;
  readonly env?: readonly string[] | undefined;
  readonly threads?: readonly ThreadInfo[];
  readonly auxv?: readonly AuxvWord[];
  readonly files?: readonly DescriptorInfo[];
  readonly memory?: MemoryInfo;
  readonly mappings?: readonly TaskVma[];
  readonly credentials?: CredentialsInfo;
  readonly limits?: readonly LimitInfo[];
  readonly signals?: SignalsInfo;
  readonly timers?: readonly TimerInfo[];
}

/** A checkpoint in words that people use. */
export interface Overview {
  readonly identity?: Identity;
  readonly container?: ContainerInfo | undefined;
  readonly stats?: DumpStats | undefined;
  /** In the order of the tree, each behind its parent. */
  readonly processes: readonly ProcessOverview[];
  readonly sockets?: readonly SocketInfo[];
  readonly terminals?: readonly TerminalInfo[];
  readonly mounts?: readonly MountEntry[];
  readonly namespaces?: readonly NamespaceInfo[];
  readonly cgroups?: readonly CgroupSet[];
  /** What is missing or damaged: one line each. */
  readonly problems: readonly string[];
}

const AUXV = new Map<bigint, string>(Object.entries(AT).map(([name, type]) => [BigInt(type), name]));

function auxvOf({ mm_saved_auxv = [], mm_auxv_tail = [] }: MmEntry): AuxvWord[] {
  const words = [...mm_saved_auxv, ...mm_auxv_tail];
  const out: AuxvWord[] = [];
  for (let i = 0; i + 1 < words.length && words[i] !== BigInt(AT.AT_NULL); i += 2)
    out.push({ name: AUXV.get(words[i]!) ?? `type ${words[i]}`, value: words[i + 1]! });
  return out;
}

/** Makes the parts of one process. */
class ProcessMaker {
  readonly #checkpoint: Checkpoint;
  readonly #images: TolerantImages;
  readonly #files: OpenFiles;
  readonly #wants: (part: Part) => boolean;
  #mappings: ReadonlyMap<number, readonly TaskVma[]> | undefined;

  constructor(checkpoint: Checkpoint, images: TolerantImages, wants: (part: Part) => boolean) {
    this.#checkpoint = { ...checkpoint, images };
    this.#images = images;
    this.#files = new OpenFiles(images);
    this.#wants = wants;
  }

  make(task: PstreeEntry, depth: number): ProcessOverview {
    const [images, files, wants] = [this.#images, this.#files, this.#wants];
    const { pid } = task;
    const cores = coresOf(images, task);
    const main = cores.get(pid);
    const mm = images.first('MM', pid);
    const creds = main?.thread_core?.creds ?? main?.tc?.zombie_creds ?? images.first('CREDS', pid);
    const descriptors = wants('files') || wants('timers') ? descriptorsOf(images, files, pid) : [];
    return {
      ...processOf(images, files, task),
      depth,
      ...(wants('threads') && main && { threads: Array.from(cores, ([tid, core]) => threadOf(tid, core, main)) }),
      ...(mm && (wants('cmdline') || wants('env')) && this.#arguments(pid, mm)),
      ...(wants('auxv') && mm && { auxv: auxvOf(mm) }),
      ...(wants('files') && { files: descriptors }),
      ...(wants('memory') && { memory: memoryOf(images, pid) }),
      ...(wants('mappings') && { mappings: this.#mappingsOf(pid) }),
      ...(wants('creds') && creds && { credentials: credentialsOf(creds) }),
      ...(wants('limits') && main && { limits: limitsOf(main, images.messages('RLIMIT', pid)) }),
      ...(wants('signals') && { signals: signalsInfo(cores) }),
      ...(wants('timers') && { timers: [...(main ? timersOf(main) : []), ...this.#timerfds(descriptors)] }),
    };
  }

  #arguments(pid: number, mm: MmEntry): Pick<ProcessOverview, 'cmdline' | 'env'> | undefined {
    const images = this.#images;
    const onProblem = (line: string) => images.problem(line);
    return images.attempt(() => {
      using space = openAddressSpace(this.#checkpoint, pid, { root: null });
      return {
        ...(this.#wants('cmdline') && { cmdline: cmdlineOf(space, mm, onProblem) }),
        ...(this.#wants('env') && { env: environmentOf(space, mm, onProblem) }),
      };
    });
  }

  #timerfds(descriptors: readonly DescriptorInfo[]): TimerInfo[] {
    const ids = new Set(descriptors.filter(({ file }) => file?.kind === 'TIMERFD').map(({ id }) => id));
    return [...ids].flatMap((id) => {
      const entry = this.#files.entry(id);
      const timer = entry && timerfdOf(entry);
      return timer ? [timer] : [];
    });
  }

  #mappingsOf(pid: number): readonly TaskVma[] {
    this.#mappings ??= new Map(taskMemory(this.#images).map((task) => [task.pid, task.vmas]));
    return this.#mappings.get(pid) ?? [];
  }
}

/**
 * A checkpoint as a whole. What is damaged or missing is in `problems`, and the rest is there.
 * @param options.parts what is wanted; all without it
 * @param options.pid only this process
 * @throws ImageError NO_IMAGE when there is no process tree and no inventory
 * @example
 * import { openCheckpoint, overview } from 'crit-checkpoint';
 * const { processes } = overview(openCheckpoint('fixtures/sets/tree'), { parts: ['limits'] });
 * console.assert(processes[0]?.limits?.some(({ name }) => name === 'NOFILE'));
 */
export function overview(
  checkpoint: Checkpoint,
  { parts = PARTS, pid }: { readonly parts?: readonly Part[]; readonly pid?: number | undefined } = {},
): Overview {
  const images = new TolerantImages(checkpoint.images);
  const wanted = new Set(parts);
  const wants = (part: Part) => wanted.has(part);
  const maker = new ProcessMaker(checkpoint, images, wants);
  const all = inTreeOrder(images).filter(({ task }) => pid === undefined || task.pid === pid);
  const of = <T>(pids: readonly T[], is: (one: T) => boolean) => pid === undefined || pids.some(is);
  const made = {
    ...(wants('identity') && { identity: identity(checkpoint, images) }),
    ...(wants('container') && { container: containerInfo(checkpoint.beside, (line) => images.problem(line)) }),
    ...(wants('stats') && { stats: dumpStats(images) }),
    processes: all.map(({ task, depth }) => maker.make(task, depth)),
    ...(wants('sockets') && { sockets: sockets(images).filter(({ owners }) => of(owners, (one) => one.pid === pid)) }),
    ...(wants('terminals') && { terminals: terminals(images) }),
    ...(wants('mounts') && { mounts: mounts(images) }),
    ...(wants('namespaces') && { namespaces: namespaces(images).filter(({ pids }) => of(pids, (one) => one === pid)) }),
    ...(wants('cgroups') && { cgroups: cgroupSets(images) }),
  };
  return { ...made, problems: images.problems };
}
