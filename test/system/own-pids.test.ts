import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';

/** Runs a script of bash in a new pid namespace of its own, where the first process that it starts has pid 2. */
function inNewNamespace(script: string, env: Record<string, string>, ...options: string[]) {
  const { status, stdout, stderr } = spawnSync('unshare', ['-p', '-f', '-m', ...options, 'bash', '-c', script], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], CRIT, ...env },
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

class Place implements Disposable {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'crit-pids-'));
  readonly env = { DIR: this.dir, PROGRAM: program('counting-threads') };
  read(name: string): string {
    const file = path.join(this.dir, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const LAST = '/proc/sys/kernel/ns_last_pid';
/** Dumps the program as pid 4, its threads as 5 to 12, and waits until its numbers are free. */
const DUMP = `
cd "$DIR"; mkdir img
echo 3 > ${LAST}; setsid "$PROGRAM" </dev/null >out 2>&1 & P=$!
for i in $(seq 6000); do grep -q ready out && break; sleep 0.01; done
echo 100 > ${LAST}; "$CRIT" dump -t $P -D img && echo "dumped $P"; wait $P 2>/dev/null
`;
/** Asks the restored program whether it is well, and ends it. */
const ASK = `
kill -USR1 4; for i in $(seq 6000); do [ -e /proc/4/exe ] || break; sleep 0.01; done
`;

test('in a new pid namespace crit leaves the numbers of its threads to the tasks', () => {
  using place = new Place();
  const done = inNewNamespace(
    `${DUMP} echo 1 > ${LAST}; "$CRIT" restore -d -D img --pidfile "$DIR/pid"; echo "restored $?" ${ASK}`,
    place.env,
    '--mount-proc',
  );
  assert.match(done.stdout, /^dumped 4\nrestored 0$/m, done.stderr);
  assert.equal(place.read('pid'), '4');
  assert.equal(place.read('out'), 'ready\nok\n');
});

test('crit that moves stays the process that its parent waits for', () => {
  using place = new Place();
  const script = `#!/bin/sh\necho "$CRTOOLS_SCRIPT_ACTION $CRIT_MOVED" >> "${place.dir}/actions"`;
  const done = inNewNamespace(
    `${DUMP} printf '%s' '${script}' > act; chmod +x act; echo 1 > ${LAST}
"$CRIT" restore -D img --action-script "$DIR/act" < /dev/zero & C=$!
for i in $(seq 6000); do grep -q post-resume actions 2>/dev/null && break; sleep 0.01; done
grep -E '^(PPid|Tgid)' /proc/4/status; echo "crit is $C"; ${ASK} wait $C; echo "crit said $?"`,
    place.env,
    '--mount-proc',
  );
  assert.match(done.stdout, /Tgid:\t4\nPPid:\t2\ncrit is 2\ncrit said 0$/m, done.stdout + done.stderr);
  assert.equal(place.read('out'), 'ready\nok\n');
  assert.match(place.read('actions'), /^pre-restore \n/, 'scripts do not see how often crit moved');
});

test('crit as the init of a new pid namespace restores into it', () => {
  using place = new Place();
  const dumped = inNewNamespace(DUMP, place.env, '--mount-proc');
  assert.match(dumped.stdout, /^dumped 4$/m, dumped.stderr);
  // the program ends with the namespace, whose init is crit
  const script = `#!/bin/sh\necho "$CRTOOLS_SCRIPT_ACTION" >> "${place.dir}/actions"`;
  const done = inNewNamespace(
    `cd "$DIR"; printf '%s' '${script}' > act; chmod +x act
(for i in $(seq 6000); do grep -q post-resume actions 2>/dev/null && break; sleep 0.01; done; kill -USR1 4) &
exec "$CRIT" restore -D "$DIR/img" --action-script "$DIR/act"`,
    place.env,
    '--mount-proc',
  );
  assert.equal(done.status, 0, done.stderr);
  assert.equal(place.read('out'), 'ready\nok\n');
});

test('images that want the pid of crit itself are refused by that name', () => {
  using place = new Place();
  const done = inNewNamespace(
    `${DUMP} echo 3 > ${LAST}; "$CRIT" restore -d -D img; echo "first $?"`,
    place.env,
    '--mount-proc',
  );
  assert.match(done.stdout, /^first 1$/m, done.stderr);
  assert.match(done.stderr, /pid 4 is that of crit itself/);
  // the advice is right: with larger numbers it goes well
  const again = inNewNamespace(
    `cd "$DIR"; echo 200 > ${LAST}; "$CRIT" restore -d -D img; echo "third $?" ${ASK}`,
    place.env,
    '--mount-proc',
  );
  assert.match(again.stdout, /^third 0$/m, again.stderr);
  assert.equal(place.read('out'), 'ready\nok\n');
});

test('a thread of crit that cannot get out of the way is named', () => {
  using place = new Place();
  const done = inNewNamespace(
    `${DUMP} echo 1 > ${LAST}; mount --bind -o ro /proc/sys /proc/sys
"$CRIT" restore -d -D img; echo "restored $?"`,
    place.env,
    '--mount-proc',
  );
  assert.match(done.stdout, /^restored 1$/m);
  assert.match(
    done.stderr,
    /pid \d+ is that of a thread of crit's.*cannot be written \(the file system is read-only\)/,
  );
});

test("the /proc of another pid namespace is not taken for crit's own", () => {
  using place = new Place();
  const dumped = inNewNamespace(DUMP, place.env, '--mount-proc');
  assert.match(dumped.stdout, /^dumped 4$/m, dumped.stderr);
  const done = inNewNamespace(`"$CRIT" restore -d -D "$DIR/img"`, place.env);
  assert.equal(done.status, 1);
  assert.match(done.stderr, /\/proc is that of another pid namespace/);
});
