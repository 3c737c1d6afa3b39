import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { test } from '../root.js';
import { sleep, Subject } from './round-trip.js';

// Real servers: each answers its clients after dumps that let it run on, and after a restore, with all that it had.

const DUMPS = Number(process.env['CRIT_SERVER_DUMPS'] ?? 3);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Sends a request to a port and reads until the answer is whole. */
async function ask(port: number, request: string, whole: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer to ${request}`)));
  try {
    socket.write(request);
    let answer = '';
    for await (const chunk of socket) {
      answer += (chunk as Buffer).toString('latin1');
      if (whole.test(answer)) return answer;
    }
    throw new Error(`${request}: ${answer}`);
  } finally {
    socket.destroy();
  }
}

async function answers(question: () => Promise<unknown>): Promise<void> {
  for (let i = 0; ; i++)
    try {
      await question();
      return;
    } catch (error) {
      if (i === 200) throw error;
      await sleep(50);
    }
}

const installed = (program: string): string | undefined =>
  ['/usr/bin', '/usr/sbin'].map((dir) => path.join(dir, program)).find(existsSync);
const needs = (program: string | undefined, name: string) => ({
  skip: program === undefined ? `${name} is not installed` : false,
});

/** Dumps it while it runs, then ends and restores it. @param check asks it for what it must know */
async function livesOn(subject: Subject, check: () => Promise<void>): Promise<void> {
  for (let i = 0; i < DUMPS; i++) {
    await subject.dump('-R');
    await check();
  }
  await subject.dump();
  subject.restore();
  await check();
  // what was restored is as good
  await subject.dump();
  subject.restore();
  await check();
  subject.passed();
}

const redis = installed('redis-server');
test('redis: keys, and an append-only file', needs(redis, 'redis'), async () => {
  const port = await freePort();
  await using subject = new Subject(redis!, ['--port', String(port), '--save', '', '--appendonly', 'yes']);
  await answers(() => ask(port, 'SET key value\r\n', /OK/));
  let n = 0;
  await livesOn(subject, async () => {
    assert.equal(await ask(port, 'GET key\r\n', /value\r\n/), '$5\r\nvalue\r\n');
    assert.equal(await ask(port, 'INCR counter\r\n', /\r\n/), `:${++n}\r\n`);
  });
});

const memcached = installed('memcached');
test('memcached: what it has cached', needs(memcached, 'memcached'), async () => {
  const port = await freePort();
  await using subject = new Subject(memcached!, ['-u', 'root', '-p', String(port), '-l', '127.0.0.1']);
  await answers(() => ask(port, 'set key 0 0 5\r\nvalue\r\n', /STORED/));
  await livesOn(subject, async () => {
    assert.equal(await ask(port, 'get key\r\n', /END\r\n/), 'VALUE key 0 5\r\nvalue\r\nEND\r\n');
  });
});

const nginx = installed('nginx');
test('nginx: a master and two workers', needs(nginx, 'nginx'), async () => {
  const port = await freePort();
  await using subject = new Subject(nginx!, ['-p', '.', '-c', 'nginx.conf', '-e', 'errors'], {}, (dir) => {
    chmodSync(dir, 0o755);
    writeFileSync(path.join(dir, 'page'), 'a page\n');
    writeFileSync(
      path.join(dir, 'nginx.conf'),
      `daemon off; worker_processes 2; pid pid; events { worker_connections 64; }
       http { access_log access; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;
              scgi_temp_path t5; server { listen 127.0.0.1:${port}; root ${dir}; } }`,
    );
  });
  const page = () => ask(port, 'GET /page HTTP/1.0\r\n\r\n', /a page\n$/);
  await answers(page);
  assert.equal(subject.tree().length, 3);
  await livesOn(subject, async () => {
    for (let i = 0; i < 4; i++) assert.match(await page(), /^HTTP\/1\.1 200 OK/);
  });
  assert.equal(subject.tree().length, 3);
});

test('node: a cluster with two workers', {}, async () => {
  const port = await freePort();
  const program = `
    const cluster = require('node:cluster'), http = require('node:http');
    if (cluster.isPrimary) { cluster.fork(); cluster.fork(); }
    else http.createServer((_, answer) => answer.end('worker ' + process.pid)).listen(${port}, '127.0.0.1');`;
  await using subject = new Subject(process.execPath, ['server.js'], {}, (dir) => {
    writeFileSync(path.join(dir, 'server.js'), program);
  });
  const worker = async () => /worker (\d+)$/.exec(await ask(port, 'GET / HTTP/1.0\r\n\r\n', /worker \d+$/))![1]!;
  const both = async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 4; i++) seen.add(await worker());
    assert.equal(seen.size, 2);
    return [...seen].sort();
  };
  let workers: string[] = [];
  await answers(async () => {
    workers = await both();
  });
  await livesOn(subject, async () => {
    assert.deepEqual(await both(), workers);
  });
});

const postgres = ['/usr/lib/postgresql']
  .filter(existsSync)
  .flatMap((dir) => readdirSync(dir).map((version) => path.join(dir, version, 'bin')))
  .find((dir) => existsSync(path.join(dir, 'postgres')));
const USER = 65534;

test('postgres: tables, and shared memory of its processes', needs(postgres, 'postgresql'), async () => {
  const as = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups'];
  const port = await freePort();
  const env = { PGPORT: String(port), PGUSER: 'someone', PGDATABASE: 'postgres', LC_ALL: 'C' };
  await using subject = new Subject(
    'setpriv',
    [...as, path.join(postgres!, 'postgres'), '-D', 'data', '-k', '', '-c', 'listen_addresses=127.0.0.1'],
    env,
    (dir) => {
      chmodSync(dir, 0o755);
      const data = path.join(dir, 'data');
      mkdirSync(data, 0o700);
      chownSync(data, USER, USER);
      const init = ['-D', data, '-U', 'someone', '-A', 'trust', '--no-sync', '--locale=C'];
      const { status, stderr } = spawnSync('setpriv', [...as, path.join(postgres!, 'initdb'), ...init], {
        cwd: dir,
        env: { PATH: process.env['PATH'], ...env },
        encoding: 'utf8',
        timeout: 60_000,
      });
      assert.equal(status, 0, stderr);
    },
  );
  const psql = (text: string): Promise<string> => {
    const { status, stdout, stderr } = spawnSync(path.join(postgres!, 'psql'), ['-h', '127.0.0.1', '-qAtc', text], {
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
      timeout: 30_000,
    });
    return status === 0 ? Promise.resolve(stdout.trim()) : Promise.reject(new Error(stderr));
  };
  try {
    await answers(() => psql('create table kept (n int)'));
    let rows = 0;
    await livesOn(subject, async () => {
      assert.equal(await psql('insert into kept values (1); select count(*) from kept'), String(++rows));
    });
  } finally {
    // its segment of shared memory goes with an orderly end alone
    process.kill(subject.pid, 'SIGINT');
    for (let i = 0; i < 500 && existsSync(`/proc/${subject.pid}/exe`); i++) await sleep(10);
  }
});
