import type { Overview } from '../../inspect/overview/overview.js';
import { ALL_CAPABILITIES } from '../../inspect/overview/credentials.js';
import { grouped, type Section, table } from './section.js';

const shortNames = (names: readonly string[]): string =>
  names.map((name) => name.replace(/^CAP_/, '').toLowerCase()).join(' ');

function capabilities(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const missing = ALL_CAPABILITIES.filter((name) => !names.includes(name));
  if (missing.length === 0) return 'all';
  return missing.length < names.length ? `all but ${shortNames(missing)}` : shortNames(names);
}

const ids = ({ real, effective, saved, fs }: { real: number; effective: number; saved: number; fs: number }): string =>
  real === effective && real === saved && real === fs
    ? `${real}`
    : `real ${real} effective ${effective} saved ${saved} fs ${fs}`;

export function creds({ processes }: Overview): Section[] {
  return table(
    'CREDENTIALS',
    ['PIDS', 'UID', 'GID', 'GROUPS', 'EFFECTIVE', 'PERMITTED', 'BOUNDING', 'OTHER'],
    [],
    grouped(processes, ({ credentials }) => credentials).map(({ pids, value }) => [
      pids,
      ids(value.uid),
      ids(value.gid),
      value.groups.join(' '),
      capabilities(value.effective),
      capabilities(value.permitted),
      capabilities(value.bounding),
      [
        ...(value.inheritable.length > 0 ? [`inheritable ${capabilities(value.inheritable)}`] : []),
        ...(value.ambient.length > 0 ? [`ambient ${capabilities(value.ambient)}`] : []),
        ...value.securebits,
        ...(value.noNewPrivs ? ['no-new-privs'] : []),
        ...(value.lsmProfile === undefined ? [] : [value.lsmProfile]),
      ].join(', '),
    ]),
  );
}

export function limits({ processes }: Overview): Section[] {
  const rows = grouped(processes, ({ limits }) => (limits?.length ? limits : undefined)).flatMap(({ pids, value }) =>
    value.map(({ name, soft, hard }, i) => [i === 0 ? pids : '', name, soft, hard]),
  );
  return table('LIMITS', ['PIDS', 'LIMIT', 'SOFT', 'HARD'], [2, 3], rows);
}
