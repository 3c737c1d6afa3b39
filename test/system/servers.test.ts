import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { projectPath } from '../project-path.js';
import { memcached, nginx, node, postgres, POSTGRES, postgresEnv, redis } from '../real-servers.js';
import { test } from '../root.js';
import { ALL, endsAt, has, livesOn, needs, start } from './lives-on.js';
import { Subject } from './round-trip.js';
import { answers, ask, freePort, Talk } from './talk.js';

// Real servers: each answers its clients after dumps that let it run on, and after a restore, with all that it had.
// Clients outside of the tree keep their connections where a test says --tcp-established.

/** A client in the tree, which counts, beside the server. */
const COUNTING = `
import socket, time
while True:
    try: connection = socket.create_connection(('127.0.0.1', PORT)); break
    except OSError: time.sleep(.05)
answers, n = connection.makefile('rb'), 0
while True:
    connection.sendall(b'INCR inside\\r\\n'); n += 1
    assert answers.readline() == b':%d\\r\\n' % n
    time.sleep(.01)
`;

test('redis: AOF and RDB, clients in the tree and outside, of which one waits', needs(redis(0)), async (t) => {
  const port = await freePort();
  const { command } = redis(port);
  const script = `${command} --port ${port} --appendonly yes --save '1 1' & python3 -c "$COUNTING" & wait`;
  await using subject = new Subject('bash', ['-c', script], { COUNTING: COUNTING.replace('PORT', String(port)) });
  using client = await answers(() => Talk.connect(port));
  using waiting = await Talk.connect(port);
  using begun = await Talk.connect(port);
  assert.match(await begun.ask('MULTI\r\nINCR begun\r\n', /QUEUED\r\n/), /OK/);
  waiting.say('BLPOP list 0\r\n');
  using loaded = await Talk.connect(port);
  const fill =
    "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'k' .. i, string.rep(math.random() .. '', 60000)) end";
  await loaded.ask(`EVAL "${fill}" 0 ${ALL ? 64 : 4}\r\n`);
  let answered = 0;
  const load = async () => {
    assert.equal(await loaded.ask('INCR loaded\r\n'), `:${++answered}\r\n`);
  };
  let n = 0;
  let inside = 0;
  const check = async () => {
    assert.equal(await client.ask('INCR counter\r\n'), `:${++n}\r\n`);
    assert.equal(await client.ask(`RPUSH list item${n}\r\n`), ':1\r\n');
    assert.match(await waiting.ask('BLPOP list 0\r\n', /item\d+\r\n/), new RegExp(`list\r\n.*\r\nitem${n}\r\n$`));
    await client.ask('BGSAVE\r\n');
    await answers(async () => {
      const now = Number(/\d+/.exec(await client.ask('INCRBY inside 0\r\n'))![0]);
      assert.ok(now > inside);
      inside = now;
    });
  };
  await livesOn(t, subject, { check, ask: load }, '--tcp-established');
  assert.match(await begun.ask('EXEC\r\n', /:\d+\r\n/), /\*1\r\n:1\r\n$/);
  assert.doesNotMatch(subject.output, /Error/);
});

test('memcached: what it has cached', needs(memcached(0)), async (t) => {
  const port = await freePort();
  await using subject = start(memcached(port));
  await answers(() => ask(port, 'set key 0 0 5\r\nvalue\r\n', /STORED/));
  using kept = await Talk.connect(port);
  const get = async () => {
    assert.equal(await kept.ask('get key\r\n', /END\r\n/), 'VALUE key 0 5\r\nvalue\r\nEND\r\n');
  };
  await livesOn(t, subject, { check: get, ask: get }, '--tcp-established');
  assert.match(await ask(port, 'get key\r\n', /END\r\n/), /value/);
});

test(
  'nginx: a master, two workers, a connection that is kept, and a download',
  needs(nginx(0, () => undefined)),
  async (t) => {
    const port = await freePort();
    const large = randomBytes(16 << 20);
    const prepare = (dir: string) => {
      writeFileSync(path.join(dir, 'page'), 'a page\n');
      writeFileSync(path.join(dir, 'large'), large);
    };
    await using subject = start(nginx(port, prepare));
    const page = 'GET /page HTTP/1.1\r\nHost: here\r\n\r\n';
    using kept = await answers(() => Talk.connect(port));
    using download = await Talk.connect(port);
    await download.ask('GET /large HTTP/1.1\r\nHost: here\r\n\r\n', /\r\n\r\n/);
    download.pause();
    let at = 0;
    const load = async (bytes: number) => {
      const part = Buffer.from(await download.bytes(bytes), 'latin1');
      assert.ok(part.equals(large.subarray(at, at + bytes)), `the download at ${at}`);
      at += bytes;
      download.pause();
    };
    const check = async () => {
      assert.match(await kept.ask(page, /a page\n/), /^HTTP\/1\.1 200 OK/);
      for (let i = 0; i < 4; i++) assert.match(await ask(port, page, /a page\n/), /^HTTP\/1\.1 200 OK/);
      await load(100_000);
      assert.equal(subject.tree().length, 3);
    };
    await livesOn(t, subject, { check, ask: () => kept.ask(page, /a page\n/) }, '--tcp-established');
    await load(large.length - at);
  },
);

test('node: a cluster with two workers', async (t) => {
  const port = await freePort();
  const program = `
    const cluster = require('node:cluster'), http = require('node:http');
    if (cluster.isPrimary) { cluster.fork(); cluster.fork(); }
    else http.createServer((_, answer) => answer.end('worker ' + process.pid + '.')).listen(${port}, '127.0.0.1');`;
  await using subject = start(node(program));
  const worker = async () => /worker \d+/.exec(await ask(port, 'GET / HTTP/1.0\r\n\r\n', /worker \d+\./))![0];
  const both = async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 4; i++) seen.add(await worker());
    assert.equal(seen.size, 2);
    return [...seen].sort();
  };
  const workers = await answers(both);
  const check = async () => {
    assert.deepEqual(await both(), workers);
  };
  // a connection that is made during the stop waits in the queue of a server that runs on
  await livesOn(t, subject, { check, ask: worker }, '--tcp-established', '--skip-in-flight');
});

test('node: a stream of frames, a worker thread, a watch', async (t) => {
  const port = await freePort();
  await using subject = new Subject(process.execPath, [
    projectPath('test/programs/servers/websocket.cjs'),
    String(port),
  ]);
  using kept = await answers(() => Talk.connect(port));
  using frames = await Talk.connect(port);
  await frames.ask('GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', /\r\n\r\n/);
  let [requests, ticks, echoes] = [0, 0, 0];
  const get = async () => {
    const answer = await kept.ask('GET / HTTP/1.1\r\nHost: here\r\n\r\n', / true\n/);
    assert.ok(answer.endsWith(`\n${++requests} ${requests} true\n`), answer);
  };
  const check = async () => {
    await get();
    frames.say(`${++echoes}`);
    const heard = await frames.until(new RegExp(`echo ${echoes}\n`));
    for (const [, tick] of heard.matchAll(/tick (\d+)\n/g)) assert.equal(Number(tick), ++ticks);
    writeFileSync(path.join(subject.dir, 'touched'), '');
    await subject.says(new RegExp(`(?:seen\\n){${echoes}}`));
  };
  await livesOn(t, subject, { check, ask: get }, '--tcp-established');
});

test('postgres: a transaction that is open, one that waits for its lock, a cursor', needs(postgres(0)), async (t) => {
  const port = await freePort();
  const psql = path.join(POSTGRES!, 'psql');
  const options = ['-h', '127.0.0.1', '-qAtX', '-v', 'ON_ERROR_STOP=1'];
  await using subject = start(postgres(port));
  const session = () => Talk.program(psql, options, postgresEnv(port));
  const tell = (talk: Talk, text: string) => {
    talk.say(`${text};\n\\echo END\n`);
  };
  const query = async (talk: Talk, text: string) => {
    tell(talk, text);
    return (await talk.until(/END\n/)).slice(0, -'END\n'.length).trim();
  };
  try {
    await answers(async () => {
      using first = session();
      await query(first, 'create table kept (n int); insert into kept values (0); create table counted (n int)');
    });
    using holder = session();
    using waiter = session();
    using other = session();
    await query(holder, 'begin; update kept set n = n + 1; declare c cursor for select generate_series(1, 1000)');
    tell(waiter, 'update kept set n = n + 10');
    let rows = 0;
    const check = async () => {
      await query(other, 'insert into counted values (1)');
      assert.equal(await query(other, 'select count(*) from counted'), String(++rows));
      assert.equal(await query(holder, 'fetch c'), String(rows));
      assert.equal(await query(holder, 'select n from kept'), '1');
      assert.equal(await query(other, 'select n from kept'), '0');
      await answers(async () => {
        const waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
        assert.equal(await query(other, waits), '1');
      });
    };
    const load = async () => {
      assert.equal(await query(other, 'select n from kept'), '0');
    };
    await livesOn(t, subject, { check, ask: load }, '--tcp-established');
    await query(holder, 'commit');
    await waiter.until(/END\n/);
    assert.equal(await query(other, 'select n from kept'), '11');
  } finally {
    await endsAt(subject, 'SIGINT');
  }
});

test('python3 asyncio: executors, children, timers, a request that is being answered', async (t) => {
  const port = await freePort();
  await using subject = new Subject('python3', [projectPath('test/programs/servers/asyncio_server.py'), String(port)]);
  using kept = await answers(() => Talk.connect(port));
  using loaded = await Talk.connect(port);
  const numbers: number[] = [];
  // each answer tells how many requests there were on its connection, and altogether
  const isAnswer = (n: number, answer: string) => {
    const [, number] = new RegExp(`^${n} ${2 * n} (\\d+) hello\n$`).exec(answer) ?? assert.fail(answer);
    numbers.push(Number(number));
  };
  let [n, m] = [0, 0];
  kept.say('hello\n');
  const load = async () => {
    isAnswer(++m, await loaded.ask('hello\n'));
  };
  const check = async () => {
    isAnswer(++n, await kept.until(/\n/));
    isAnswer(1, await ask(port, 'hello\n'));
    kept.say('hello\n');
  };
  await livesOn(t, subject, { check, ask: load }, '--tcp-established');
  isAnswer(++n, await kept.until(/\n/));
  assert.equal(Math.max(...numbers), numbers.length);
});

for (const method of ALL ? ['spawn', 'forkserver', 'fork'] : ['spawn'])
  test(`python3 multiprocessing (${method}): pool, manager, semaphores, shared memory`, async (t) => {
    const port = await freePort();
    const program = projectPath('test/programs/servers/multiprocessing_server.py');
    // the directory of its manager is in its own
    const start = 'TMPDIR=$PWD exec python3 "$@"';
    await using subject = new Subject('sh', ['-c', start, 'sh', program, String(port), method]);
    using kept = await answers(() => Talk.connect(port));
    let n = 0;
    const check = async () => {
      assert.equal(await kept.ask('next\n'), `${++n} ${2 * n} queued\n`);
    };
    // the semaphores have other names than they were opened by: sem_open(3) links them
    await livesOn(t, subject, { check, ask: check }, '--tcp-established', '--link-remap');
    await endsAt(subject, 'SIGINT');
  });

test('java: threads, timers, a collected heap, a mapped file; its shutdown hook runs', has('java'), async (t) => {
  const port = await freePort();
  const program = projectPath('test/programs/servers/Server.java');
  await using subject = new Subject('java', ['-Xmx64m', program, String(port)]);
  using kept = await answers(() => Talk.connect(port));
  let n = 0;
  const get = async () => {
    const answer = await kept.ask('GET / HTTP/1.1\r\nHost: here\r\n\r\n', / true\n/);
    assert.ok(answer.endsWith(`\n${++n} ${n} ${n} true\n`), answer);
  };
  const check = async () => {
    for (let i = 0; i < 25; i++) await get();
  };
  await livesOn(t, subject, { check, ask: get }, '--tcp-established');
  process.kill(subject.pid, 'SIGTERM');
  await subject.says(`hook ${n}\n`);
});
