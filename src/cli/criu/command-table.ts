/** CRIU's commands, and whether crit has them: `gone` is what CRIU itself has given up. */
const CRIU_COMMANDS = {
  dump: 'yes',
  restore: 'yes',
  check: 'yes',
  'pre-dump': 'not yet',
  'page-server': 'not yet',
  'lazy-pages': 'not yet',
  service: 'not yet',
  swrk: 'not yet',
  dedup: 'not yet',
  cpuinfo: 'yes',
  exec: 'gone',
} as const;

type Table = typeof CRIU_COMMANDS;
type Support = Table[keyof Table];
type Named<S extends Support> = { [Name in keyof Table]: Table[Name] extends S ? Name : never }[keyof Table];

const named = <S extends Support>(support: S): readonly Named<S>[] =>
  (Object.keys(CRIU_COMMANDS) as Named<S>[]).filter((name) => CRIU_COMMANDS[name] === support);

/** The commands that crit has. */
export type CriuCommand = Named<'yes'>;
export const COMMANDS = named('yes');
export const LATER_COMMANDS = named('not yet');

/** Whether it is a command of CRIU's: its command line, its options, another parser. */
export const isCriuCommand = (word: string): boolean => Object.hasOwn(CRIU_COMMANDS, word);
export const CRIU_COMMAND_NAMES = Object.keys(CRIU_COMMANDS);
