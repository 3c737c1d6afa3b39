import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from '../root.js';
import { isUnseen, Person } from './person.js';
import { comes, ended, sleep, Subject } from './round-trip.js';

// Real programs on terminals: what is typed after a restore is answered as it would have been.

const missing = (...commands: string[]) =>
  commands.filter((command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0);
const needs = (...commands: string[]) => {
  const lost = missing(...commands);
  return { skip: lost.length > 0 ? `no ${lost.join(', ')} here` : false };
};

test('bash: jobs that run, are stopped and are in the foreground go on', {}, async () => {
  await using person = new Person('bash', ['--norc', '--noprofile', '-i']);
  await person.says('PROMPT:');
  await person.ask('sleep 1000 &\r', /\[1\].*PROMPT:/s);
  await person.ask('sed -u s/^/=/\r', 'sed');
  await person.ask('abc\r', '=abc');
  await person.ask('\x1a', /Stopped.*PROMPT:/s);
  // what is typed before the shell has run it is not echoed
  await person.ask("echo st''arted; cat\r", 'started');
  await sleep(200);
  await person.ask('one\r', /one\s+one/);
  await isUnseen(person, 2);
  await person.ask('two\r', /two\s+two/);
  await person.ask('\x1a', /Stopped.*PROMPT:/s);
  await person.ask('jobs\r', /Running\s+sleep.*Stopped\s+sed.*Stopped\s+cat.*PROMPT:/s);
  await person.ask('fg %2\r', 'sed');
  await person.ask('xyz\r', '=xyz');
  // with a foreground job that a restored shell continued
  await isUnseen(person);
  await person.ask('xyzzy\r', '=xyzzy');
  await person.ask('\x03', 'PROMPT:');
  await person.ask('kill %1; wait %1; echo status $?\r', /status 143\s.*PROMPT:/s);
  await person.ask([33, 99], /./s);
  // programs have what the shell has, across execve
  await person.ask('stty size; echo $LINES\r', /33 99\s+33\s.*PROMPT:/s);
  await person.ask('fg\r', 'cat');
  await sleep(200);
  await person.ask('three\r', /three\s+three/);
  await person.ask('\x04', 'PROMPT:');
  await person.ask('cat | sed -u s/^/+/\r', 'sed');
  await person.ask('four\r', '+four');
  await person.ask('\x03', 'PROMPT:');
  person.passed();
});

test('vim: a text in the middle of a change', needs('vim'), async () => {
  await using person = new Person('vim', ['-u', 'NONE', '-N', '-n', 'text']);
  await person.ask('iHello', 'Hello');
  await isUnseen(person);
  await person.ask(', world', 'world');
  person.does('\x1b:w\r');
  await person.writes('text', 'Hello, world\n');
  await person.ask([30, 90], /./s);
  person.does(":call writefile([&lines .. ' ' .. &columns], 'size')\r");
  await person.writes('size', '30 90\n');
  person.does('u:w\r');
  await person.writes('text', '');
  await person.ask(':!echo $((6*7))\r', '42');
  person.does('\r:q\r');
  await ended(person.pid);
  assert.ok(!existsSync(`/proc/${person.pid}/exe`), 'it ends');
  person.passed();
});

test('less: a page in the middle of a file', needs('less'), async () => {
  await using person = new Person('less', ['numbers'], (dir) => {
    writeFileSync(path.join(dir, 'numbers'), Array.from({ length: 2000 }, (_, n) => `line ${n}.\n`).join(''));
  });
  await person.says('line 22.');
  await person.ask(' ', 'line 45.');
  await isUnseen(person);
  await person.ask(' ', 'line 68.');
  await person.ask('/line 1234\r', 'line 1256.');
  await person.ask('\x07', 'lines 1235-1257/2000');
  await person.ask([10, 80], 'line 1242');
  await person.ask('\x07', 'lines 1235-1243/2000');
  person.does('q');
  await ended(person.pid);
  assert.ok(!existsSync(`/proc/${person.pid}/exe`), 'it ends');
  person.passed();
});

test('script: a terminal in a terminal', needs('script'), async () => {
  await using person = new Person('script', ['-q', '-f', '-c', 'bash --norc --noprofile -i', 'typescript']);
  await person.says('PROMPT:');
  await person.ask('X=41\r', 'PROMPT:');
  await isUnseen(person);
  await person.ask('echo got$((X+1))\r', /got42\s.*PROMPT:/s);
  await person.ask("echo st''arted; cat\r", 'started');
  await person.ask('one\r', /one\s+one/);
  await person.ask('\x1a', /Stopped.*PROMPT:/s);
  await person.ask('fg\r', 'cat');
  await person.ask('two\r', /two\s+two/);
  await person.ask('\x03', 'PROMPT:');
  await person.ask([40, 100], /./s);
  await person.ask('stty size\r', /40 100\s.*PROMPT:/s);
  person.does('exit\r');
  await ended(person.pid);
  assert.match(readFileSync(path.join(person.dir, 'typescript'), 'utf8'), /got42.*Stopped.*40 100/s);
  person.passed();
});

test('expect: a program that another one drives', needs('expect'), async () => {
  await using subject = new Subject('expect', ['talk'], { PS1: 'PROMPT:' }, (dir) => {
    writeFileSync(
      path.join(dir, 'talk'),
      `set timeout 60
       spawn bash --norc --noprofile -i
       expect PROMPT:
       send "n=1\\r"
       for {set i 1} {$i < 100000} {incr i} {
         send "n=\\$((n+1)); echo is \\$n.\\r"
         expect -re {is (\\d+)\\.} {} timeout { puts FAIL; exit 1 }
         if {$expect_out(1,string) != $i + 1} { puts "FAIL: $expect_out(1,string) is not $i + 1"; exit 1 }
         expect PROMPT:
       }`,
    );
  });
  await subject.says('is 5.');
  await subject.dump('-R');
  for (let i = 0; i < 2; i++) {
    await subject.dump();
    const before = subject.output;
    subject.restore();
    const last = Number(/.*is (\d+)\./s.exec(before)![1]);
    await subject.says(`is ${last + 5}.`);
  }
  assert.doesNotMatch(subject.output, /FAIL/);
  subject.passed();
});

const tmux = (person: Subject, ...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync('tmux', ['-S', path.join(person.dir, 'socket'), ...args], {
    env: { PATH: process.env['PATH'], TERM: 'screen' },
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 0, `tmux ${args.join(' ')}: ${stderr}`);
  return stdout;
};

async function pane(subject: Subject, target: string, text: RegExp): Promise<void> {
  if (await comes(() => text.test(tmux(subject, 'capture-pane', '-p', '-t', target)))) return;
  throw new Error(`pane ${target}: no ${String(text)} in\n${tmux(subject, 'capture-pane', '-p', '-t', target)}`);
}

const TMUX = ['-S', 'socket', '-f', 'conf'];
const config = (dir: string) => {
  writeFileSync(path.join(dir, 'conf'), 'set -g status off\nset -g automatic-rename off\n');
};
const BASH = 'PS1=PROMPT: bash --norc --noprofile -i';

test('tmux: a server with two panes and a client', needs('tmux', 'vim'), async () => {
  const panes = ['new-session', BASH, ';', 'split-window', 'vim -u NONE -N -n text'];
  await using person = new Person('tmux', [...TMUX, ...panes], config);
  await person.says('PROMPT:');
  // it has asked what the terminal is
  person.does('\x1b[>41;330;0c');
  await pane(person, ':.1', /~/);
  await person.ask('itext', 'text');
  await isUnseen(person, 3);
  person.does(' more\x1b:w\r');
  await person.writes('text', 'text more\n');
  // the other pane
  person.does('\x02o');
  await person.ask('echo $((6*7))\r', '42');
  await person.ask([30, 90], /./s);
  await person.ask('stty size\r', '15 90');
  await person.ask("echo st''arted; cat\r", 'started');
  await person.ask('one\r', /one\s.*one/s);
  await person.ask('\x1a', 'Stopped');
  await person.ask('fg\r', 'cat');
  await person.ask('two\r', /two\s.*two/s);
  await person.ask('\x03', 'PROMPT:');
  assert.match(tmux(person, 'list-clients'), /\[90x30 screen\]/);
  await person.ask('\x02d', 'detached');
  person.passed();
});

test('tmux: a server whose clients are elsewhere', needs('tmux'), async () => {
  await using subject = new Subject('tmux', [...TMUX, '-D'], {}, config);
  await comes(() => existsSync(path.join(subject.dir, 'socket')));
  tmux(subject, 'new-session', '-d', '-x', '80', '-y', '24', BASH, ';', 'split-window', 'cat');
  await pane(subject, ':.0', /PROMPT:/);
  tmux(subject, 'send-keys', '-t', ':.0', 'X=41', 'Enter');
  await sleep(300);
  await subject.dump('-R');
  await subject.dump();
  subject.restore();
  tmux(subject, 'send-keys', '-t', ':.0', 'echo $((X+1))', 'Enter');
  await pane(subject, ':.0', /^42$/m);
  tmux(subject, 'send-keys', '-t', ':.1', 'words', 'Enter');
  await pane(subject, ':.1', /words\nwords/);
  tmux(subject, 'resize-window', '-x', '90', '-y', '30');
  tmux(subject, 'send-keys', '-t', ':.0', 'stty size', 'Enter');
  await pane(subject, ':.0', /^\d+ 90$/m);
  tmux(subject, 'kill-server');
  subject.passed();
});
