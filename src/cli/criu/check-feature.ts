import { CRIU_FEATURES, askCriuFeature } from '../../kernel/features/criu-features.js';
import type { SyscallFunction } from '../../kernel/features/features.js';
import { closest } from '../closest.js';
import { print, warn } from '../stdout.js';
import { UsageError } from '../usage-error.js';
import { printResult } from './result.js';

/** `crit check --feature NAME ...`. @returns 0 when all that were named are there */
export function checkFeatures(names: readonly string[], syscall: SyscallFunction | undefined, json: boolean): number {
  const known = Object.keys(CRIU_FEATURES);
  const features = names
    .filter((name) => name !== 'list')
    .map((name) => {
      const feature = Object.hasOwn(CRIU_FEATURES, name) ? CRIU_FEATURES[name] : undefined;
      if (!feature) {
        const near = closest(name, known);
        throw new UsageError(
          `unknown feature ${name}${near === undefined ? ' ("--feature list" names them)' : `; is ${near} meant?`}`,
        );
      }
      return { name, here: askCriuFeature(feature, syscall), used: feature.used === true, purpose: feature.what };
    });
  const ok = features.every(({ here }) => here === 'yes');
  if (json) {
    printResult({ ok, features, ...(names.includes('list') && { known }) });
    return ok ? 0 : 1;
  }
  if (names.includes('list')) print(`${known.join('\n')}\n`);
  for (const { name, here, purpose } of features) {
    if (here === 'yes') print(`${name} is supported\n`);
    else
      warn(
        `crit: ${name} ${here === 'no' ? 'is not supported by this kernel' : 'cannot be told from here'}: ${purpose}`,
      );
  }
  return ok ? 0 : 1;
}
