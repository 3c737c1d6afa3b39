import type { Overview } from '../../inspect/overview/overview.js';
import { numbersWords } from '../words.js';
import { table, type Section } from './section.js';

export const mounts = ({ mounts = [] }: Overview): Section[] =>
  table(
    'MOUNTS',
    ['NS', 'ID', 'PARENT', 'MOUNT POINT', 'TYPE', 'SOURCE', 'ROOT', 'OPTIONS'],
    [0, 1, 2],
    mounts.map((one) => [
      one.namespace,
      one.id,
      one.parent,
      one.mountpoint,
      one.type ?? '?',
      one.source,
      one.root,
      [...one.options, ...(one.external === undefined ? [] : [`external ${one.external}`])].join(','),
    ]),
  );

export const namespaces = ({ namespaces = [] }: Overview): Section[] =>
  table(
    'NAMESPACES',
    ['KIND', 'ID', 'WHOSE', 'PIDS', 'DETAIL'],
    [1],
    namespaces.map((one) => [
      one.kind,
      one.id,
      one.isDumped ? 'dumped' : "the engine's",
      numbersWords(one.pids),
      one.detail,
    ]),
  );

export const cgroups = ({ cgroups = [] }: Overview): Section[] =>
  table(
    'CONTROL GROUPS',
    ['SET', 'HIERARCHY', 'PATH'],
    [0],
    cgroups.flatMap(({ id, isEngines, members }) =>
      members.map(({ hierarchy, path }) => [id, hierarchy, `${path}${isEngines ? " (the engine's)" : ''}`]),
    ),
  );
