import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { readStat } from '../../src/kernel/proc/stat-file.js';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { crit, Subject } from './round-trip.js';

/** The tools that are to restore what was changed. */
const RESTORERS = [CRIT, ...(process.env['CRIU'] ? [process.env['CRIU']] : [])];

async function dumped(): Promise<{ subject: Subject; value: string; thread: number; child: number }> {
  const subject = new Subject(program('editable'), ['old'], { WHERE: 'here' });
  await subject.says('ready');
  const [, value = ''] = /ready (0x[0-9a-f]+)/.exec(subject.output)!;
  const thread = readdirSync(`/proc/${subject.pid}/task`)
    .map(Number)
    .find((tid) => tid !== subject.pid)!;
  const [child] = readFileSync(`/proc/${subject.pid}/task/${subject.pid}/children`, 'utf8').split(' ').map(Number);
  await subject.dump();
  return { subject, value, thread, child: child! };
}

/** A listener, a connection with bytes that nobody has read, and two sockets of UDP; SIGUSR1 makes it say what is there. */
const SOCKETS = `
import signal, socket
listener = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
client.send(b'question')
server.send(b'answer')
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(('127.0.0.1', 0))
sender = socket.socket(type=socket.SOCK_DGRAM)
sender.connect(udp.getsockname())
sender.send(b'datagram')
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
print('ready', listener.getsockname()[1], client.getsockname()[1], udp.getsockname()[1], flush=True)
while True:
    signal.sigwait({signal.SIGUSR1})
    print('listener', *listener.getsockname())
    print('client', *client.getsockname(), 'of', *client.getpeername())
    print('server', *server.getsockname(), 'of', *server.getpeername())
    print('udp', *udp.getsockname())
    print('sender', *sender.getpeername())
    client.send(b' more')
    sender.send(b'another')
    print('question', server.recv(13, socket.MSG_WAITALL).decode())
    print('answer', client.recv(6, socket.MSG_WAITALL).decode())
    got = udp.recv(99)
    while not got.endswith(b'another'): got += b' ' + udp.recv(99)
    print('datagrams', got.decode())
    other = socket.create_connection(listener.getsockname())
    print('other', *listener.accept()[0].getsockname())
    print('end', flush=True)
`;

/** Ports of an address that nobody has at this moment. */
function freePorts(address: string): { tcp: number; client: number; udp: number } {
  const script = `import socket
all = [socket.socket(type=kind) for kind in (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM)]
for one in all: one.bind(('${address}', 0))
print(*(one.getsockname()[1] for one in all))`;
  const [tcp, client, udp] = spawnSync('python3', ['-c', script], { encoding: 'utf8' }).stdout.split(' ').map(Number);
  return { tcp: tcp!, client: client!, udp: udp! };
}

/** Restores it and asks it what it sees of itself. */
async function seen(
  subject: Subject,
  restorer: string,
  pid = subject.pid,
  ...options: string[]
): Promise<Record<string, string>> {
  const before = subject.output.length;
  subject.restoredBy = restorer;
  try {
    subject.restore(...options);
    subject.tree();
    process.kill(pid, 'SIGUSR1');
    await subject.says('end', before);
    const lines = subject.output.slice(before).trim().split('\n');
    return Object.fromEntries(lines.map((line) => [line.split(' ')[0]!, line.slice(line.indexOf(' ') + 1)]));
  } finally {
    if (pid !== subject.pid && existsSync(`/proc/${pid}`)) {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
      for (const one of [pid, ...children]) process.kill(one, 'SIGKILL');
    }
  }
}

/** No process, thread, group or session has the number. */
function isFree(id: number): boolean {
  const using = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const { pgrp, session } = readStat(Number(pid));
        return [pgrp, session];
      } catch {
        return []; // it ended
      }
    });
  return !existsSync(`/proc/${id}`) && !using.includes(id);
}

function set(subject: Subject, ...changes: string[]): string {
  const { status, stdout, stderr } = crit('set', subject.images, '--in-place', ...changes);
  assert.equal(status, 0, stderr);
  return stdout;
}

for (const restorer of RESTORERS) {
  const name = path.basename(restorer);

  test(`a set that was changed comes back as changed, by ${name}`, async () => {
    const { subject, value } = await dumped();
    await using it = subject;
    const { pid } = it;
    const long = 'a place with a much longer name than it had before '.repeat(100);
    const out = set(
      it,
      ...['--comm', `${pid}=renamed`, '--env', `${pid}:WHERE=${long}`, '--arg', `${pid}:1=another argument`],
      ...[
        '--memory',
        `${pid}:sym:value=u64:0x12345678`,
        '--register',
        `${pid}:mxcsr=0x3f80`,
        '--limit',
        `${pid}:NOFILE=333:444`,
        '--uid',
        '0=65534',
      ],
      ...['--gid', '0=65533', '--pos', `${pid}:9=7`, '--drop-fd', `${pid}:8`, '--add-fd', `${pid}:7=/dev/null:rw`],
      ...['--sigmask', `${pid}=USR1,USR2`, `core-${pid}.img`, 'thread_core.sched_nice=5'],
    );
    assert.match(out, /1 pointer leads there/);
    assert.ok(out.includes(`8 bytes of u64 at ${value}\n`));
    const found = await seen(it, restorer);
    assert.deepEqual(
      [found['comm'], found['where'], found['argument'], found['value'], found['limit'], found['user']],
      ['renamed', long, 'another argument', String(0x12345678), '333 444', '65534 group 65533'],
    );
    assert.equal(found['mxcsr'], '3f80');
    assert.deepEqual([found['read'], found['blocks'], found['eight']], ['1 7', '1', '-1 seven 0']);
    assert.equal(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[16], '5');
    assert.ok(readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`WHERE=${long}\0`));
    assert.ok(readFileSync(`/proc/${pid}/cmdline`, 'utf8').endsWith('\0another argument\0'));
    it.passed();
  });

  test(`a tree gets other numbers, by ${name}`, async () => {
    const { subject, thread, child } = await dumped();
    await using it = subject;
    const { pid } = it;
    // far from where the kernel is with its numbers, and below the smallest pid_max that is usual
    const far = [15_000, 14_000, 13_000, 12_000, 11_000].map((far) => (pid > 16_384 ? -far : far));
    const by = far.find((by) => [pid, thread, child].every((id) => isFree(id + by)))!;
    const to = (id: number) => id + by;
    set(it, '--env', `${pid}:EXTRA=new`, ...[pid, thread, child].flatMap((id) => ['--pid', `${id}=${to(id)}`]));
    const found = await seen(it, restorer, to(pid));
    assert.deepEqual(
      [found['pid'], found['group'], found['thread']],
      [String(to(pid)), `${to(pid)} session ${to(pid)}`, `${to(thread)} found 0`],
    );
    assert.deepEqual([found['extra'], found['where']], ['new', 'here']);
    // where a program keeps a number itself, it is the old one
    assert.equal(found['child'], `${child} alive 0`);
    it.passed();
  });

  test(`ports and addresses change at both ends of connections, by ${name}`, async () => {
    await using it = new Subject('python3', ['-c', SOCKETS]);
    await it.says(/ready .*\n/);
    const [, tcp, client, udp] = /ready (\d+) (\d+) (\d+)/.exec(it.output)!;
    await it.dump('--tcp-established');
    const to = freePorts('127.0.0.9');
    set(
      it,
      ...['--port', `tcp:${tcp}=${to.tcp}`, '--port', `tcp:${client}=${to.client}`, '--port', `udp:${udp}=${to.udp}`],
      ...['--address', '127.0.0.1=127.0.0.9'],
    );
    const found = await seen(it, restorer, it.pid, '--tcp-established');
    const [there, its] = [`127.0.0.9 ${to.tcp}`, `127.0.0.9 ${to.client}`];
    assert.deepEqual(found, {
      listener: there,
      client: `${its} of ${there}`,
      server: `${there} of ${its}`,
      udp: `127.0.0.9 ${to.udp}`,
      sender: `127.0.0.9 ${to.udp}`,
      question: 'question more',
      answer: 'answer',
      // CRIU leaves what is in the queue of UDP
      datagrams: restorer === CRIT ? 'datagram another' : 'another',
      other: there,
      end: 'end',
    });
    it.passed();
  });
}

test('paths are moved with what they name', async () => {
  const { subject } = await dumped();
  await using it = subject;
  const moved = path.join(it.dir, 'moved');
  mkdirSync(moved);
  set(it, '--path', `${path.join(it.dir, 'numbers')}=${path.join(moved, 'digits')}`);
  renameSync(path.join(it.dir, 'numbers'), path.join(moved, 'digits'));
  const found = await seen(it, CRIT);
  assert.equal(found['read'], '1 2');
  it.passed();
});
