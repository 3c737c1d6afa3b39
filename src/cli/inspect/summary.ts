import type { Overview } from '../../inspect/overview/overview.js';
import { sizeWords, timeWords } from '../words.js';
import { pairs, type Section } from './section.js';

export function summary({ identity, container, stats, processes }: Overview): Section[] {
  const zombies = processes.filter(({ ended }) => ended !== undefined).length;
  const threads = processes.reduce((sum, { tids }) => sum + tids.length, 0);
  return [
    ...pairs('CHECKPOINT', [
      ['path', identity?.path],
      [
        'engine',
        identity && `${identity.engine} ${identity.version ?? '(version not told)'}, images ${identity.format ?? '?'}`,
      ],
      ['dumped', identity?.dumpedAt],
      [
        'size',
        identity &&
          `${sizeWords(identity.sizeBytes)} in ${identity.images} images${identity.hasParent ? ', an increment of another set' : ''}`,
      ],
      ['processes', `${processes.length}, ${threads} threads${zombies > 0 ? `, ${zombies} zombies` : ''}`],
      ['security module', identity?.securityModule],
      ['uptime', identity?.uptimeSec === undefined ? undefined : timeWords(identity.uptimeSec)],
      ['run', identity?.runId],
    ]),
    ...containerLines(container),
    ...statsLines(stats),
  ];
}

function containerLines(container: Overview['container']): Section[] {
  if (!container) return [];
  return pairs('CONTAINER', [
    ['name', container.name],
    ['id', container.id],
    ['image', container.image],
    ['engine', container.engine],
    ['runtime', container.runtime],
    ['created', container.createdAt],
    ['checkpointed', container.checkpointedAt],
    ['restored', container.restoredAt],
    ['host name', container.hostname],
    ['pod', container.pod && `${container.namespace ?? '?'}/${container.pod}`],
    ['addresses', [...container.addresses, ...container.macs].join(' ')],
  ]);
}

export function statsLines(stats: Overview['stats']): Section[] {
  if (!stats) return [];
  const pages = (count: number) => `${count} (${sizeWords(count * 4096)})`;
  return pairs('DUMP STATISTICS', [
    ['freezing', timeWords(stats.freezingSec)],
    ['frozen', timeWords(stats.frozenSec)],
    ['memory read', timeWords(stats.memdumpSec)],
    ['memory written', timeWords(stats.memwriteSec)],
    ['pages scanned', pages(stats.pagesScanned)],
    ['pages written', pages(stats.pagesWritten)],
    ['unchanged since the parent', stats.pagesSkippedParent > 0 ? pages(stats.pagesSkippedParent) : undefined],
    ['left for later', stats.pagesLazy > 0 ? pages(stats.pagesLazy) : undefined],
    ['shared pages written', stats.sharedPagesWritten > 0 ? pages(stats.sharedPagesWritten) : undefined],
  ]);
}
