import { COMMANDS, type CriuCommand } from './command-table.js';
import { OPTIONS, type CriuOption } from './option-table.js';

/** What help, completion and the manual say of a command that CRIU has too. */
export interface CriuCommandText {
  readonly name: CriuCommand;
  readonly describe: string;
  readonly usage: readonly string[];
  /** Command line (without "crit") and what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
}

const TEXTS: Readonly<Record<CriuCommand, Omit<CriuCommandText, 'name'>>> = {
  dump: {
    describe: 'dump a process and its descendants into images',
    usage: ['dump -t PID [-D DIR] [options]'],
    examples: [
      ['dump -t 1234 -D checkpoint/', 'the processes end, their images are in the directory'],
      ['dump -t 1234 -D checkpoint/ -R', '... and they run on'],
      ['dump -t 1234 -D checkpoint/ --shell-job', 'what a shell has started'],
    ],
  },
  restore: {
    describe: 'bring the processes of images back',
    usage: ['restore [-D DIR] [options]', 'restore --exec-cmd [options] -- COMMAND [ARGUMENT...]'],
    examples: [
      ['restore -d -D checkpoint/', 'the processes run, crit ends'],
      ['restore -D checkpoint/', 'crit stays until they have ended'],
      ['restore --dry-run -D checkpoint/', 'the plan; nothing is started'],
    ],
  },
  check: {
    describe: 'say whether processes can be dumped and restored here',
    usage: ['check [--feature NAME] [options]'],
    examples: [
      ['check', 'what crit uses of this kernel'],
      ['check --feature list', 'the features that CRIU knows by name'],
    ],
  },
  cpuinfo: {
    describe: 'write what this processor can do into cpuinfo.img, or compare it with one',
    usage: ['cpuinfo dump|check [-D DIR] [--cpu-cap CAP]'],
    examples: [
      ['cpuinfo dump -D checkpoint/', 'on the machine of the dump'],
      ['cpuinfo check -D checkpoint/', 'on another one: can it be restored here?'],
    ],
  },
};
export const CRIU_COMMAND_TEXTS: readonly CriuCommandText[] = COMMANDS.map((name) => ({ name, ...TEXTS[name] }));

const ENGINES: readonly CriuCommand[] = ['dump', 'restore'];

/** The commands that an option means something to: "dump, restore: ..." in its text says so. */
export function commandsOf(option: CriuOption): readonly CriuCommand[] {
  if (option.of) return option.of;
  const words = /^([a-z, ]+): /.exec(option.what)?.[1]?.split(', ') ?? [];
  const said = COMMANDS.filter((command) => words.includes(command));
  return said.length > 0 && said.length === words.length ? said : ENGINES;
}

/** What an option does, to somebody who has asked about one command. */
export const whatFor = (option: CriuOption, command: CriuCommand): string => {
  const prefix = /^([a-z, ]+): /.exec(option.what);
  return prefix?.[1]?.split(', ').includes(command) ? option.what.slice(prefix[0].length) : option.what;
};

/** The options of a command that crit supports. */
export const optionsOf = (command: CriuCommand): CriuOption[] =>
  OPTIONS.filter((option) => option.support === 'yes' && commandsOf(option).includes(command));
