import { CGROUP_DEFAULTS, type CgroupMode, type CgroupOptions } from '../../image/cgroup-mode.js';
import type { CpuCap } from '../../image/cpu-features.js';
import { encodeMessage } from '../../encode/encode-message.js';
import type { Log } from '../../image/log.js';
import type { Stats } from '../../image/stats.js';
import { loadScripts } from '../action-scripts.js';
import { imagesDirectory } from '../directories.js';
import { oneLine } from '../log-file.js';
import { DUMP_DEFAULTS, RESTORE_DEFAULTS } from '../options.js';
import { checkPrivileges } from '../privileges.js';
import { inRun, type Watcher, type Run } from '../run.js';
import { Channel } from './channel.js';
import { failureOf } from './failure.js';
import { CHANNEL_FD, type EngineKind, type EngineRequest } from './messages.js';

/** What every engine here works with. */
interface Work {
  readonly options: EngineRequest['options'];
  readonly scripts: readonly string[];
  readonly log: Log;
  readonly channel: Channel;
}

/** Options of a request stand for what the library has checked. */
type Dump = Parameters<typeof import('../dump.js').performDump>[0]['options'];
type Restore = Parameters<typeof import('../restore.js').performRestore>[0]['options'];

/** Those of the library that JSON holds in another form than the engines have them. */
interface Plain {
  readonly cgroups?: CgroupMode;
  readonly cgroupRoots?: Readonly<Record<string, string>>;
  readonly externals?: Readonly<Record<string, string>>;
  readonly inheritFds?: Readonly<Record<string, number>>;
  readonly cpuCaps?: readonly CpuCap[];
}

const mapOf = <Value>(record: Readonly<Record<string, Value>> = {}): Map<string, Value> =>
  new Map(Object.entries(record));
const cgroupsOf = ({ cgroups, cgroupRoots }: Plain): { cgroups: CgroupOptions } => ({
  cgroups: { ...CGROUP_DEFAULTS, mode: cgroups ?? CGROUP_DEFAULTS.mode, roots: mapOf(cgroupRoots) },
});
function dumpOptions({ options }: Work): Dump {
  const plain = options as Plain;
  return {
    ...DUMP_DEFAULTS,
    ...options,
    ...cgroupsOf(plain),
    externals: mapOf(plain.externals),
  } as unknown as Dump;
}
function restoreOptions({ options }: Work): Restore {
  const plain = options as Plain;
  return {
    ...RESTORE_DEFAULTS,
    ...options,
    ...cgroupsOf(plain),
    inheritFds: mapOf(plain.inheritFds),
    cpuCaps: plain.cpuCaps && new Set(plain.cpuCaps),
    detached: true,
    sibling: false,
    execCmd: undefined,
  } as unknown as Restore;
}

/** The message of stats-dump or stats-restore, whose 64-bit numbers JSON does not hold. */
const statsBytes = (message: ReturnType<Stats['dumpEntry']>): string =>
  Buffer.from(encodeMessage('stats_entry', message)).toString('base64');

/** Runs an engine. Its answer is on its way before a signal can end this process. */
function guarded({ log, channel }: Work, work: (run: Run) => unknown): void {
  channel.dontWait();
  const watcher: Watcher = {
    show: (...progress) => {
      channel.sendNow({ progress });
    },
    checkpoint: () => {
      channel.checkReader();
    },
  };
  inRun(log, watcher, (run) => {
    channel.send({ done: work(run) });
  });
}

const ENGINES: Readonly<Record<EngineKind, (work: Work) => Promise<void>>> = {
  async dump(work) {
    const { performDump } = await import('../dump.js');
    const options = dumpOptions(work);
    const imagesDir = imagesDirectory(options.imagesDir, 'write');
    const scripts = await loadScripts(work.scripts);
    guarded(work, (run) => {
      performDump({ options: { ...options, imagesDir }, scripts }, run);
      return { imagesDir, stats: statsBytes(run.stats.dumpEntry()) };
    });
  },
  async restore(work) {
    const { performRestore, prepareRestore } = await import('../restore.js');
    const options = restoreOptions(work);
    const imagesDir = prepareRestore(options.imagesDir, false, [CHANNEL_FD, ...options.inheritFds.values()]);
    const scripts = await loadScripts(work.scripts);
    guarded(work, (run) => {
      const { rootPid } = performRestore({ options: { ...options, imagesDir }, scripts }, run);
      return { pid: rootPid, stats: statsBytes(run.stats.restoreEntry()) };
    });
  },
  async 'plan-dump'(work) {
    const { planDump } = await import('../dump.js');
    const options = dumpOptions(work);
    const checks = [checkPrivileges, () => imagesDirectory(options.imagesDir, 'write')];
    const { lines, obstacles } = planDump(options, checks);
    work.channel.send({ done: { lines, obstacles: obstacles.map(failureOf) } });
  },
  async 'plan-restore'(work) {
    const { planRestore, prepareRestore, restoreChecks } = await import('../restore.js');
    const options = restoreOptions(work);
    const imagesDir = prepareRestore(options.imagesDir, true);
    const { lines, obstacles } = planRestore({ ...options, imagesDir }, restoreChecks(options), work.log);
    work.channel.send({ done: { lines, obstacles: obstacles.map(failureOf) } });
  },
  async check({ options, channel }) {
    const { check } = await import('../check.js');
    const too = { extra: false, experimental: false, ...options };
    const { problems, ...rest } = await check(too);
    channel.send({ done: { ...rest, problems: problems.map(failureOf) } });
  },
};

/** Sends the log on, a line each, if anybody listens. */
function logTo(channel: Channel, wanted: boolean): Log {
  const level = (name: keyof Log) => (text: string) => {
    if (wanted) channel.send({ log: [name, oneLine(text)] });
  };
  return { error: level('error'), warn: level('warn'), info: level('info'), debug: level('debug') };
}

/**
 * Runs one engine for a program that uses crit as a library, in a process of its own (docs/library.md says why). Answers go
 * to CHANNEL_FD.
 * @param kind an EngineKind
 * @param request an EngineRequest as JSON
 * @returns the exit status
 */
export async function serve(kind: EngineKind, request: string): Promise<number> {
  const channel = new Channel();
  try {
    const { options, scripts = [], log } = JSON.parse(request) as EngineRequest;
    await ENGINES[kind]({ options, scripts, log: logTo(channel, log), channel });
  } catch (error) {
    channel.send({ failed: failureOf(error) });
  }
  channel.end();
  return 0;
}
