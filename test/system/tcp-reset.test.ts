import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from '../root.js';
import { Subject } from './round-trip.js';

/** A client whose server has sent something and reset the connection (SO_LINGER of 0 seconds, socket(7)). */
const RESET = `
import socket, struct, time
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
while True: time.sleep(60)
`;

test('data of a connection that was reset is not lost in silence', async () => {
  await using subject = new Subject('python3', ['-c', RESET]);
  await subject.says('ready');
  for (const options of [[], ['--tcp-established'], ['--tcp-close']]) {
    const { status, stderr } = subject.tryDump('-R', ...options);
    assert.equal(status, 1);
    assert.match(stderr, /a TCP connection that has ended, with data that nobody has read/);
    assert.ok(existsSync(`/proc/${subject.pid}/exe`));
  }
  subject.passed();
});
