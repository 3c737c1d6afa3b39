import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from '../root.js';
import { Subject } from './round-trip.js';

/** A client whose server has sent something and reset the connection (SO_LINGER of 0 seconds, socket(7)). */
const RESET = `
import os, socket, struct, time
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen()
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
server.send(b'unread')
server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
while not client.recv(6, socket.MSG_PEEK): time.sleep(0.01)
server.close()
listener.close()
print('ready', flush=True)
while not os.path.exists('go'): time.sleep(0.01)
print(client.recv(100))
try: client.recv(1)
except OSError as error: print(error.strerror, flush=True)
while True: time.sleep(60)
`;

test('data of a connection that was reset, and the error, come back with --tcp-established', async () => {
  await using subject = new Subject('python3', ['-c', RESET]);
  await subject.says('ready');
  const { status, stderr } = subject.tryDump('-R');
  assert.equal(status, 1);
  assert.match(stderr, /a TCP connection that has ended, with data that nobody has read/);
  await subject.dump('-R', '--tcp-established');
  await subject.dump('--tcp-established');
  subject.restore('--tcp-established');
  writeFileSync(path.join(subject.dir, 'go'), '');
  await subject.says("b'unread'\nConnection reset by peer");
  subject.passed();
});
