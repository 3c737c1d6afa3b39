// HTTP, a worker thread, the thread pool, a watch, and a socket that is taken over: frames as of WebSocket.
const { Buffer } = require('node:buffer');
const console = require('node:console');
const fs = require('node:fs');
const http = require('node:http');
const process = require('node:process');
const { clearInterval, setInterval } = require('node:timers');
const zlib = require('node:zlib');
const { Worker } = require('node:worker_threads');

let requests = 0;
const waiting = [];
const worker = new Worker(
  `const { parentPort } = require('node:worker_threads'); let n = 0; parentPort.on('message', () => parentPort.postMessage(++n));`,
  { eval: true },
);
worker.on('message', (n) => waiting.shift()(n));
const server = http.createServer((_, answer) => {
  zlib.gzip('x'.repeat(100000), (error, packed) => {
    waiting.push((n) => answer.end(`${++requests} ${n} ${packed.length < 1000}\n`));
    worker.postMessage(1);
  });
});
const frame = (text) => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
server.on('upgrade', (_, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  let n = 0;
  const ticking = setInterval(() => socket.write(frame(`tick ${++n}\n`)), 5);
  socket.on('data', (bytes) => socket.write(frame(`echo ${bytes}\n`)));
  socket.on('error', () => undefined);
  socket.on('close', () => clearInterval(ticking));
});
fs.watch('.', (event, file) => {
  if (file === 'touched') console.log('seen');
});
server.keepAliveTimeout = 600_000;
server.listen(Number(process.argv[2]), '127.0.0.1');
