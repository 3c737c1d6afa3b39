import { warn } from './stdout.js';

/**
 * The commands that CRIU has (dump, restore, check, ...), with CRIU's command line.
 * @param argv the whole command line behind the executable's name
 * @returns the exit status, 0 or 1
 */
// eslint-disable-next-line @typescript-eslint/require-await
export async function runCriu(argv: readonly string[]): Promise<number> {
  warn(`crit: not supported yet: ${argv.join(' ')}`);
  return 1;
}
