import assert from 'node:assert/strict';
import path from 'node:path';
import { sshd } from '../real-servers.js';
import { test } from '../root.js';
import { isUnseen, Person } from './person.js';
import { ended, Subject } from './round-trip.js';
import { answers, freePort, Talk } from './talk.js';

// Shells of an SSH server: what is typed after a restore goes on through the same connection.

const SSHD = { skip: sshd(0).skip };

/** A client outside of the tree. */
const login = (subject: Subject): Talk =>
  Talk.program('ssh', ['-F', path.join(subject.dir, 'client'), 'here'], { TERM: 'screen' });

test('sshd: a session goes on, ends in order, and further ones can be had', SSHD, async () => {
  const port = await freePort();
  const { command, args, env, prepare } = sshd(port);
  await using subject = new Subject(command, args, env, prepare);
  await answers(async () => {
    using _talk = await Talk.connect(port);
  });
  using session = login(subject);
  await session.until(/PROMPT:/);
  await session.ask('cat\r', /cat\r\n/);
  await session.ask('one\r', /one\r\none\r\n/);
  await subject.dump('-R', '--tcp-established');
  await session.ask('run\r', /run\r\nrun\r\n/);
  for (let n = 0; n < 2; n++) {
    await subject.dump('--tcp-established');
    // it waits in the socket
    session.say(`two${n}\r`);
    subject.restore('--tcp-established');
    await session.until(/(two\d)\r\n\1\r\n/);
  }
  using other = login(subject);
  await other.until(/PROMPT:/);
  other.say('exit\r');
  assert.equal(await other.end(), 0);
  await session.ask('\x1a', /Stopped[^]*PROMPT:/);
  await session.ask('fg\r', /cat\r\n/);
  await session.ask('three\r', /three\r\nthree\r\n/);
  await session.ask('\x03', /PROMPT:/);
  session.say('exit 3\r');
  assert.equal(await session.end(), 3);
  process.kill(subject.pid, 'SIGTERM');
  await ended(subject.pid);
  assert.match(subject.output, /Received signal 15; terminating/);
  subject.passed();
});

test('sshd: a client, its connection and the session in one tree', SSHD, async () => {
  const port = await freePort();
  const { command, args, prepare } = sshd(port);
  const script = `${command} ${args.join(' ')} 2>log & until ssh -F client here; do sleep .1; done; echo status $?`;
  await using person = new Person('bash', ['-c', script], prepare);
  await person.says('PROMPT:');
  await person.ask('X=41\r', 'PROMPT:');
  await isUnseen(person, 1, '--tcp-established');
  await person.ask('echo got$((X+1))\r', /got42\s.*PROMPT:/s);
  await person.ask('cat\r', 'cat');
  await person.ask('one\r', /one\s+one/);
  await isUnseen(person, 0, '--tcp-established');
  await person.ask('two\r', /two\s+two/);
  await person.ask('\x03', 'PROMPT:');
  await person.ask([33, 99], /^/);
  await person.ask('stty size\r', /33 99\s.*PROMPT:/s);
  await person.ask('exit\r', 'status 0');
  person.passed();
});
