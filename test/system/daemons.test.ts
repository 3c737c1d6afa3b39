import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { projectPath } from '../project-path.js';
import { nodeExporter, phpFpm, rsyslog } from '../real-servers.js';
import { test } from '../root.js';
import { endsAt, has, livesOn, needs, start } from './lives-on.js';
import { sleep, Subject } from './round-trip.js';
import { answers, freePort, Talk } from './talk.js';

// More real programs under load: those that write logs and databases, hold locks, watch directories.

const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/** Waits until a file has a text. */
async function becomes(file: string, text: string): Promise<void> {
  for (const begin = Date.now(); !read(file).includes(text); await sleep(2))
    if (Date.now() - begin > 60_000) throw new Error(`${file} has no "${text}": ${read(file).slice(-300)}`);
}

test('rsyslog: messages over TCP and of a file, each once', needs(rsyslog(0)), async (t) => {
  const port = await freePort();
  await using subject = start(rsyslog(port));
  using kept = await answers(() => Talk.connect(port));
  const log = path.join(subject.dir, 'log');
  let [sent, lines] = [0, 0];
  const send = async () => {
    kept.say(`<13>Nov 26 10:00:00 here tcp: ${++sent}\n`);
    await becomes(log, `tcp: ${sent}\n`);
  };
  const check = async () => {
    await send();
    appendFileSync(path.join(subject.dir, 'in'), `${++lines}\n`);
    await becomes(log, `file:${lines}\n`);
  };
  await livesOn(t, subject, { check, ask: send }, '--tcp-established');
  const numbers = (tag: string) =>
    [...read(log).matchAll(new RegExp(`^${tag}: ?(\\d+)$`, 'gm'))].map(([, n]) => Number(n));
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  await endsAt(subject, 'SIGTERM');
  assert.deepEqual(numbers('tcp'), upTo(sent));
  assert.deepEqual(numbers('file'), upTo(lines));
});

test('a server in Go (prometheus-node-exporter): its metrics go on', needs(nodeExporter(0)), async (t) => {
  const port = await freePort();
  await using subject = start(nodeExporter(port));
  using kept = await answers(() => Talk.connect(port));
  let n = -1;
  const scrape = async () => {
    const answer = await kept.ask('GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n', /\r\n0\r\n\r\n/);
    assert.equal(/^promhttp_metric_handler_requests_total\{code="200"\} (\d+)/m.exec(answer)?.[1], String(++n));
    assert.match(answer, /^node_load1 /m);
  };
  await livesOn(t, subject, { check: scrape, ask: scrape }, '--tcp-established');
  await endsAt(subject, 'SIGTERM');
});

const fcgiRecord = (type: number, body: Buffer) =>
  Buffer.concat([Buffer.from([1, type, 0, 1, body.length >> 8, body.length & 255, 0, 0]), body]);
const FCGI_END = new RegExp(`${String.fromCharCode(1, 3, 0, 1, 0, 8)}.{10}`, 's');

/** A request of FastCGI, after which the connection is kept. */
function fcgi(script: string): string {
  const parameters = { REQUEST_METHOD: 'GET', SCRIPT_NAME: script, SCRIPT_FILENAME: script };
  const pairs = Object.entries(parameters).map(([name, value]) =>
    Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]),
  );
  const none = Buffer.alloc(0);
  const [BEGIN, PARAMS, STDIN] = [1, 4, 5];
  return Buffer.concat([
    fcgiRecord(BEGIN, Buffer.from([0, 1, 1, 0, 0, 0, 0, 0])),
    fcgiRecord(PARAMS, Buffer.concat(pairs)),
    fcgiRecord(PARAMS, none),
    fcgiRecord(STDIN, none),
  ]).toString('latin1');
}

test(
  'php-fpm: sessions, compiled scripts in shared memory, a request in the middle',
  needs(phpFpm(0, () => 0)),
  async (t) => {
    const port = await freePort();
    const prepare = (dir: string) => {
      const session = `session_id('one'); session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; session_write_close();`;
      writeFileSync(
        path.join(dir, 'count.php'),
        `<?php ${session} echo "n {$_SESSION['n']} hits ", opcache_get_status()['opcache_statistics']['hits'], "\\n";`,
      );
      writeFileSync(
        path.join(dir, 'slow.php'),
        '<?php for ($i = 1; ; $i++) { echo "line $i\\n"; flush(); usleep(10000); }',
      );
    };
    await using subject = start(phpFpm(port, prepare));
    using kept = await answers(() => Talk.connect(port));
    using slow = await Talk.connect(port);
    slow.say(fcgi(path.join(subject.dir, 'slow.php')));
    let [n, hits, lines, looks] = [0, 0, 0, 0];
    const count = async () => {
      const answer = await kept.ask(fcgi(path.join(subject.dir, 'count.php')), FCGI_END);
      const [, session, compiled] = /n (\d+) hits (\d+)\n/.exec(answer) ?? assert.fail(answer);
      assert.equal(Number(session), ++n);
      assert.ok(n === 1 || Number(compiled) > hits, answer);
      hits = Number(compiled);
    };
    const check = async () => {
      await count();
      const heard = await slow.until(new RegExp(`line ${lines + 10}\n`));
      for (const [, line] of heard.matchAll(/line (\d+)\n/g)) assert.equal(Number(line), ++lines);
      // one is answered yet
      const accepted = new RegExp(`accepted conn: +${n + ++looks + 1}\n`);
      assert.match(await kept.ask(fcgi('/status'), FCGI_END), accepted);
    };
    await livesOn(t, subject, { check, ask: count }, '--tcp-established', '--file-locks');
    await endsAt(subject, 'SIGTERM');
  },
);

test('sqlite: a database in WAL mode with two writers and a reader outside', has('sqlite3', 'python3'), async (t) => {
  await using subject = new Subject('python3', [projectPath('test/programs/servers/sqlite_writers.py')]);
  const db = path.join(subject.dir, 'db');
  using reader = await answers(async () => {
    const talk = Talk.program('sqlite3', ['-batch', '-bail', '-readonly', db], {});
    try {
      // an empty table would answer nothing
      assert.match(await talk.ask("select ifnull((select n from total), 'none yet');\n"), /\d/);
      return talk;
    } catch (error) {
      talk[Symbol.dispose]();
      throw error;
    }
  });
  reader.say('.timeout 20000\n');
  let total = 0;
  const look = async () => {
    const now = Number(await reader.ask('select n from total;\n'));
    assert.ok(now >= total);
    total = now;
  };
  const ROWS =
    "select group_concat(count(*) || ' ' || max(n) || ' ' || count(distinct n)) over () from rows group by writer limit 1;\n";
  let before = [0, 0];
  const check = async () => {
    await answers(async () => {
      const rows = (await reader.ask(ROWS))
        .trim()
        .split(',')
        .map((row) => row.split(' '));
      assert.ok(
        rows.every(([all, last, distinct]) => all === last && all === distinct),
        String(rows),
      );
      const now = rows.map(([all]) => Number(all));
      assert.ok(now.length === 2 && now.every((count, i) => count > before[i]!), String(now));
      before = now;
    });
    assert.equal(await reader.ask('select (select n from total) = (select count(*) from rows);\n'), '1\n');
    assert.equal(await reader.ask('pragma integrity_check;\n'), 'ok\n');
  };
  await livesOn(t, subject, { check, ask: look }, '--file-locks');
});

test('inotifywait: each file and directory that is made is told of once', has('inotifywait'), async (t) => {
  const prepare = (dir: string) => {
    mkdirSync(path.join(dir, 'watched'));
  };
  await using subject = new Subject('inotifywait', ['-m', '-r', '--format', '%e %w%f', 'watched'], {}, prepare);
  await subject.says('Watches established');
  let [files, directories] = [0, 0];
  const watched = path.join(subject.dir, 'watched');
  const touch = async () => {
    writeFileSync(path.join(watched, `f${++files}`), 'x');
    await subject.says(`CLOSE_WRITE,CLOSE watched/f${files}\n`);
  };
  const check = async () => {
    await touch();
    const made = path.join(watched, `d${++directories}`);
    mkdirSync(made);
    // it watches a new directory some time after that is made
    await answers(async () => {
      writeFileSync(path.join(made, 'inside'), 'x');
      await sleep(50);
      assert.match(subject.output, new RegExp(`CLOSE_WRITE,CLOSE watched/d${directories}/inside\n`));
    });
    for (let i = 1; i < directories; i++) {
      const before = subject.output.length;
      writeFileSync(path.join(watched, `d${i}`, 'inside'), 'x');
      await subject.says(`MODIFY watched/d${i}/inside\n`, before);
    }
  };
  await livesOn(t, subject, { check, ask: touch });
  const told = [...subject.output.matchAll(/^CREATE watched\/f(\d+)$/gm)].map(([, n]) => Number(n));
  assert.deepEqual(
    told,
    Array.from({ length: files }, (_, i) => i + 1),
  );
});

/** Three that take a lock in turn, one that holds another lock, shared, and one that waits for that. */
const FLOCKS = `
add() { echo $(($(cat $1) + 1)) > $1; }
work() { while :; do flock lock sh -c "$(declare -f add); add total; add done$1"; done; }
for file in total done1 done2 done3; do echo 0 > $file; done
for i in 1 2 3; do work $i & done
flock --shared other sleep 100000 &
until [ -e other ]; do sleep .01; done
sleep .1
flock other echo NEVER &
wait
`;

test('flock: three that contend for a lock, one that holds another, one that waits for it', has('flock'), async (t) => {
  await using subject = new Subject('bash', ['-c', FLOCKS]);
  const flock = (...args: string[]) => {
    const { status, stdout } = spawnSync('flock', args, { cwd: subject.dir, encoding: 'utf8', timeout: 60_000 });
    return { status, stdout };
  };
  let last = 0;
  const look = async () => {
    const { stdout } = flock('lock', 'cat', 'total', 'done1', 'done2', 'done3');
    const [total = 0, ...done] = stdout.trim().split('\n').map(Number);
    assert.equal(
      done.reduce((a, b) => a + b),
      total,
    );
    assert.ok(total >= last);
    last = total;
    await sleep(5);
  };
  const check = async () => {
    const before = last;
    await answers(async () => {
      await look();
      assert.ok(last > before + 3);
    });
    assert.equal(flock('-n', 'other', 'true').status, 1);
    assert.equal(flock('-n', '--shared', 'other', 'true').status, 0);
    assert.doesNotMatch(subject.output, /./);
  };
  await answers(async () => {
    await look();
    assert.ok(last > 0 && existsSync(path.join(subject.dir, 'other')));
  });
  await livesOn(t, subject, { check, ask: look }, '--file-locks');
});
