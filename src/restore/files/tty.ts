import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { FileOf } from '../../image/file-kinds.js';
import { hasHungUp, isDeviceTerminal, isPtyMaster, mastersOf, outerTerminals } from '../../image/terminals.js';
import { AT_FDCWD, O_NOCTTY } from '../../kernel/uapi/open-flags.js';
import { TtyType, type TtyInfoEntry } from '../../image/generated/messages.js';
import { externalTerminal } from '../../image/external.js';
import { ownTerminal } from '../job-terminal.js';
import { CurrentTerminals } from './current-terminals.js';
import type { FileGroup, Files, GroupMaker } from './group.js';
import { DeviceTerminal } from './device-terminal.js';
import { GivenTerminal } from './given-terminal.js';
import { HungUp } from './hung-up.js';
import type { OpenTerminal } from './open-terminal.js';
import { openFlags, place, setFlags } from './place.js';
import { PtyPair } from './pty-pair.js';

/**
 * Terminals. Pseudoterminals whose master is in the images are made anew, with their index; for the terminal of a shell
 * job there is the one that crit stands on (--shell-job). One that had hung up is a new one that hangs up.
 */
export const tty: GroupMaker<'tty'> = (files, entries) => {
  const infos = files.images.dir.messages('TTY_INFO') ?? [];
  const byId = new Map(infos.map((info) => [info.id, info]));
  const all = entries.map((entry): OpenTerminal => {
    const info = byId.get(entry.tty.tty_info_id);
    if (!info) throw lostInfo(entry);
    files.slot(entry.id);
    return { entry, info };
  });
  const masters = mastersOf(infos);
  const given = givenTerminals(files, all);
  const devices = deviceTerminals(files, all, given);
  const outer = new Set(outerTerminals(infos, (info) => given.has(info) || devices.has(info)));
  const pairs = all
    .filter(({ info }) => isPtyMaster(info) && masters.get(info.pty!.index) === info && !given.has(info))
    .map((master) => {
      const { index } = master.info.pty!;
      const slaves = all.filter(
        ({ info }) => info.pty?.index === index && !isPtyMaster(info) && !hasHungUp(info) && !given.has(info),
      );
      return new PtyPair(files, index, master, slaves);
    });
  const hungUp = new HungUp(
    files,
    all.filter(({ info }) => hasHungUp(info) && !given.has(info)),
  );
  const current = new CurrentTerminals(
    files,
    all.filter(({ info }) => info.type === TtyType.CTTY && !outer.has(info) && !given.has(info)),
    [...pairs, ...given.values(), ...devices.values()].map(({ session }) => session),
  );
  const job = all.filter(({ info }) => outer.has(info));
  const standard = job.length > 0 ? jobTerminal(files) : -1;
  return {
    name: 'terminals',
    at: {
      open: ({ b }) => {
        for (const { entry, info } of job) {
          const path = info.type === TtyType.CTTY ? '/dev/tty' : `/proc/self/fd/${standard}`;
          using _doing = b.doing(`taking the terminal for file ${entry.id}`);
          const { flags } = entry.tty;
          place(b, b.call('openat', AT_FDCWD, path, openFlags(flags) | O_NOCTTY, 0), files.slot(entry.id));
          setFlags(b, files.slot(entry.id), flags);
        }
        for (const pair of pairs) pair.open(b);
        hungUp.open(b);
        for (const terminal of given.values()) terminal.open(b);
      },
      fill: () => {
        for (const pair of pairs) pair.finish();
        hungUp[Symbol.dispose]();
        for (const terminal of [...given.values(), ...devices.values()]) terminal.set();
      },
      session: ({ task, b }) => {
        for (const { session, slot } of [...given.values(), ...devices.values()]) session.control(task, b, slot);
        for (const pair of pairs) pair.control(task, b);
      },
      born: ({ b }) => {
        for (const pair of pairs) pair.toForeground();
        for (const { session, slot } of [...given.values(), ...devices.values()]) session.toForeground(slot);
        current.open(b);
      },
      running: () => {
        for (const terminal of devices.values()) terminal.letGo();
      },
    },
    late: current.ids,
    undo: () => {
      for (const pair of pairs) pair[Symbol.dispose]();
      hungUp[Symbol.dispose]();
      for (const terminal of [...given.values(), ...devices.values()]) terminal.undo();
    },
  } satisfies FileGroup;
};

/** Those that crit has descriptors for. @throws CritError NO_TERMINAL; refuses EXTERNAL_FILE where one is missing */
function givenTerminals(files: Files, all: readonly OpenTerminal[]): Map<TtyInfoEntry, GivenTerminal> {
  const given = new Map<TtyInfoEntry, GivenTerminal>();
  for (const { entry, info } of all) {
    const fd = files.inherited.of(entry.id);
    if (fd === undefined && info.type === TtyType.EXT_TTY) files.ctx.refuse(missing(entry, info));
    if (fd === undefined || given.has(info)) continue;
    const ends = all.filter((end) => end.info === info);
    given.set(info, new GivenTerminal(files, info, fd, ends));
  }
  return given;
}

/** Consoles and serial lines, but for one that a shell's job is on. */
function deviceTerminals(
  files: Files,
  all: readonly OpenTerminal[],
  given: ReadonlyMap<TtyInfoEntry, unknown>,
): Map<TtyInfoEntry, DeviceTerminal> {
  const { tasks, options } = files.ctx;
  const devices = new Map<TtyInfoEntry, DeviceTerminal>();
  for (const { info } of all) {
    if (!isDeviceTerminal(info) || given.has(info) || devices.has(info)) continue;
    if (options.shellJob && !tasks.some(({ pid }) => pid === info.sid)) continue;
    const ends = all.filter((end) => end.info === info);
    devices.set(info, new DeviceTerminal(files, info, ends));
  }
  return devices;
}

function missing({ id }: FileOf<'tty'>, info: TtyInfoEntry): CritError {
  return new CritError(
    `file ${id} is an external terminal: open what stands for it as a descriptor N of crit, and add --inherit-fd 'fd[N]:${externalTerminal(info)}'`,
    { code: 'EXTERNAL_FILE' },
  );
}

function lostInfo({ id, tty: { tty_info_id: info } }: FileOf<'tty'>): CritError {
  return new CritError(
    `${imageFileName('FILES')}: file ${id}: there is no terminal ${info} in ${imageFileName('TTY_INFO')}`,
    { code: 'BAD_IMAGE' },
  );
}

/** crit's own terminal. @throws CritError SHELL_JOB, NO_TERMINAL */
function jobTerminal(files: Files): number {
  if (!files.ctx.options.shellJob)
    throw new CritError('the dumped tree was on a terminal: restore it on one, with --shell-job', {
      code: 'SHELL_JOB',
    });
  const standard = ownTerminal();
  if (standard === undefined)
    throw new CritError('the dumped tree was on a terminal, and crit is on none: run it from a terminal', {
      code: 'NO_TERMINAL',
    });
  return standard;
}
