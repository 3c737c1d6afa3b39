import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import nodeProcess from 'node:process';
import { after, describe, it } from 'node:test';
import { ImageDir } from '../../src/encode/image-dir.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { overview } from '../../src/inspect/overview/overview.js';
import { fixture } from '../project-path.js';
import { makeManyTasks } from './many-tasks-set.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-overview-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});
const of = (set: string) => overview(openCheckpoint(fixture(set)));
const process = (set: string, pid: number) => of(set).processes.find((one) => one.pid === pid);

describe('overview', () => {
  for (const set of readdirSync(fixture()))
    it(`${set}: a sound set has no problems, and every process has a name and a state`, () => {
      const { problems, processes } = of(set);
      // the fixtures have no images of pages
      assert.deepEqual(
        problems.filter((line) => !/cannot be read: .*pages-\d+\.img/.test(line)),
        [],
      );
      assert.ok(processes.length > 0);
      for (const { comm, state } of processes) assert.ok(comm !== undefined && state !== undefined);
    });

  it('stands each process behind its parent, as deep as it is', () => {
    const places = of('tree').processes.map(({ pid, depth }) => `${' '.repeat(depth)}${pid}`);
    assert.deepEqual(places, ['812', ' 814', '  816', ' 815', '  818', ' 819', ' 820', ' 821']);
  });

  it('tells how zombies ended, and by what a process was stopped', () => {
    assert.equal(process('tree', 820)?.ended, 'exit 7');
    assert.equal(process('tree', 821)?.ended, 'SIGTERM');
    assert.ok(of('stopped').processes.some(({ state }) => /^stopped by SIG[A-Z]+$/.test(state ?? '')));
  });

  it('names limits, and says unlimited', () => {
    const limits = process('tree', 812)?.limits ?? [];
    assert.equal(limits.length, 16);
    assert.deepEqual(limits[3], { name: 'STACK', soft: 8_388_608, hard: 'unlimited' });
    assert.deepEqual(limits[7], { name: 'NOFILE', soft: 20_000, hard: 20_000 });
  });

  it('names signals and capabilities', () => {
    const root = process('tree', 812);
    assert.deepEqual(
      root?.signals?.actions.map(({ signal }) => signal),
      ['SIGUSR1'],
    );
    assert.deepEqual(root.signals.threads, [{ tid: 812, blocked: ['SIGUSR1'], pending: [] }]);
    const may = root.credentials?.effective ?? [];
    assert.ok(may.includes('CAP_SYS_ADMIN') && !may.includes('CAP_SYS_RESOURCE'));
  });

  it('describes descriptors in words', () => {
    const files = of('pipes').processes.flatMap(({ files }) => files ?? []);
    assert.ok(files.some(({ file }) => /^pipe \d+ \(write end\)$/.test(file?.what ?? '')));
    assert.ok(files.some(({ file }) => file?.what === '/dev/null' && file.mode === '020666'));
    const sockets = of('tcp_est').processes.flatMap(({ files }) => files ?? []);
    assert.ok(sockets.some(({ file }) => file?.what === 'TCP ESTABLISHED 127.0.0.1:46398 -> 127.0.0.1:42569'));
  });

  it('counts memory by kind: the pages in the images are those that the dump counted', () => {
    const { processes, stats } = of('tree');
    const bytes = processes.reduce((sum, { memory }) => sum + (memory?.inImagesBytes ?? 0), 0);
    assert.equal(bytes, stats!.pagesWritten * 4096);
    assert.deepEqual(
      processes[0]?.memory?.kinds.map(({ kind, mappings }) => [kind, mappings]),
      [
        ['file', 15],
        ['stack', 1],
        ['anonymous', 3],
        ['kernel', 3],
        ['memfd', 1],
      ],
    );
  });

  it('reads arguments and environment out of the memory', () => {
    const at = path.join(dir, 'arguments');
    const from = new ImageDir(fixture('tree'));
    const mm = from.read('MM', 812).entries[0]!.message;
    const [start, end] = [mm.mm_arg_start, mm.mm_env_end];
    cpSync(fixture('tree'), at, { recursive: true });
    const to = new ImageDir(at);
    to.write('MM', 812, [
      {
        message: {
          ...mm,
          mm_arg_start: start,
          mm_arg_end: start + 9n,
          mm_env_start: start + 9n,
          mm_env_end: start + 13n,
        },
      },
    ]);
    assert.ok(end > start + 13n);
    const page = start & ~0xfffn;
    to.write('PAGEMAP', 812, [
      { message: { pages_id: 99 } },
      { message: { vaddr: page, compat_nr_pages: 0, flags: 4, nr_pages: 1n } },
    ]);
    const bytes = Buffer.alloc(4096);
    bytes.write('./x\0a \n\xff\0A=b\0', Number(start - page), 'latin1');
    writeFileSync(path.join(at, 'pages-99.img'), bytes);
    const [process] = overview(openCheckpoint(at), { parts: ['cmdline', 'env'], pid: 812 }).processes;
    assert.deepEqual(process?.cmdline, ['./x', 'a \n\ufffd']);
    assert.deepEqual(process.env, ['A=b']);
  });

  it('tells the container by what the engine wrote beside the images', () => {
    const at = path.join(dir, 'container');
    cpSync(fixture('tree'), path.join(at, 'checkpoint'), { recursive: true });
    writeFileSync(
      path.join(at, 'config.dump'),
      JSON.stringify({
        id: 'abc',
        name: 'web',
        rootfsImageName: 'nginx',
        runtime: 'crun',
        checkpointedTime: '2024-05-06T07:08:09Z',
        restoredTime: '0001-01-01T00:00:00Z',
      }),
    );
    writeFileSync(
      path.join(at, 'spec.dump'),
      JSON.stringify({
        hostname: 'h',
        annotations: {
          'io.container.manager': 'cri-o',
          'io.kubernetes.pod.name': 'pod',
          'io.kubernetes.pod.namespace': 'ns',
        },
      }),
    );
    writeFileSync(
      path.join(at, 'network.status'),
      JSON.stringify({
        podman: { interfaces: { eth0: { subnets: [{ ipnet: '10.88.0.9/16' }], mac_address: 'aa:bb' } } },
      }),
    );
    const { container, problems } = overview(openCheckpoint(at), { parts: ['container'] });
    assert.deepEqual(problems, []);
    assert.deepEqual(container, {
      engine: 'CRI-O',
      id: 'abc',
      name: 'web',
      image: 'nginx',
      runtime: 'crun',
      createdAt: undefined,
      checkpointedAt: '2024-05-06T07:08:09Z',
      restoredAt: undefined,
      hostname: 'h',
      pod: 'pod',
      namespace: 'ns',
      addresses: ['10.88.0.9/16'],
      macs: ['aa:bb'],
    });
    writeFileSync(path.join(at, 'config.dump'), '{');
    assert.match(overview(openCheckpoint(at), { parts: ['container'] }).problems[0] ?? '', /config\.dump: is no JSON/);
  });
});

describe('overview of a damaged set', () => {
  for (const set of ['tree', 'tcp_est', 'container', 'sysv_ipc', 'ns_mnt', 'unix_scm', 'memfd'])
    it(`${set}: with any one image removed, cut off or garbled, the rest is shown`, () => {
      const at = path.join(dir, 'damaged');
      cpSync(fixture(set), at, { recursive: true });
      for (const name of readdirSync(fixture(set))) {
        if (!statSync(fixture(set, name)).isFile()) continue;
        for (const damage of ['removed', 'cut', 'garbled', 'empty']) {
          const file = path.join(at, name);
          const bytes = readFileSync(file);
          if (damage === 'removed') rmSync(file);
          else if (damage === 'cut') truncateSync(file, Math.floor(bytes.length / 2));
          else if (damage === 'empty') truncateSync(file, 0);
          else
            writeFileSync(
              file,
              bytes.map((byte, i) => (i > 8 && i % 7 === 0 ? byte ^ 0xff : byte)),
            );
          const { processes, problems } = overview(openCheckpoint(at));
          if (name !== 'pstree.img') assert.ok(processes.length > 0, `${name} ${damage}`);
          if (/^(core|mm|fs|pstree|inventory)/.test(name) && damage !== 'garbled')
            assert.ok(
              problems.some((line) => line.includes(name)),
              `${name} ${damage}: ${problems.join('\n')}`,
            );
          writeFileSync(file, bytes);
        }
      }
      rmSync(at, { recursive: true });
    });
});

describe('overview of 1,000 processes', () => {
  // alone on the machine half a second; time on a clock would be that of the tests beside it
  it('takes a second or two of CPU time at most', (t) => {
    const at = makeManyTasks(dir, 1000);
    const best = Math.min(
      ...[0, 1, 2].map(() => {
        const begin = nodeProcess.cpuUsage();
        assert.equal(overview(openCheckpoint(at)).processes.length, 1000);
        const { user, system } = nodeProcess.cpuUsage(begin);
        return (user + system) / 1000;
      }),
    );
    t.diagnostic(`${best.toFixed(0)} ms of CPU time`);
    assert.ok(best < 2500, `${best} ms`);
  });
});
