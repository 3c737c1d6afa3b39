import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { nginx, node, postgres, redis, type Server } from './real-servers.js';

const PORT = 7100;
/** How long a client waits for an answer, and for a server. */
const PATIENCE_MS = 60_000;
/** How long a client looks at a server that is left alone, before and after what is done. */
export const LOOK_MS = 200;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server, and what its client says. */
export interface Case {
  readonly name: string;
  readonly server: Server;
  /** What begins a connection. */
  readonly hello?: Buffer;
  readonly request: Buffer;
  /** The end of an answer. */
  readonly end: string;
  /** Requests that fill it, each answered with OK. */
  readonly fill?: () => Iterable<Buffer>;
}

const MIB = 1 << 20;
/** Bytes like any: no page is like another, or empty. */
const NOISE = randomBytes(MIB);

function* redisValues(mib: number): Generator<Buffer> {
  for (let i = 0; i < mib; i++) {
    NOISE.writeUInt32LE(i);
    yield Buffer.concat([
      Buffer.from(`*3\r\n$3\r\nSET\r\n$4\r\n${1000 + i}\r\n$${MIB}\r\n`),
      NOISE,
      Buffer.from('\r\n'),
    ]);
  }
}

const GET = Buffer.from('GET /page HTTP/1.1\r\nHost: here\r\n\r\n');

/** A message of PostgreSQL's protocol: its type, if it has one, its length, its words. */
function postgresMessage(type: string, words: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(words.length + 4);
  return Buffer.concat([Buffer.from(type), length, words]);
}

/** Servers and their clients. @param redisMiB what redis is filled with */
export const serverCases = (redisMiB: number): readonly Case[] => [
  {
    name: `redis, ${redisMiB} MiB`,
    server: redis(PORT, '--save', ''),
    request: Buffer.from('PING\r\n'),
    end: 'PONG\r\n',
    fill: () => redisValues(redisMiB),
  },
  {
    name: 'PostgreSQL',
    server: postgres(PORT),
    hello: postgresMessage('', Buffer.from('\0\x03\0\0user\0someone\0database\0postgres\0\0', 'latin1')),
    request: postgresMessage('Q', Buffer.from('select 1\0')),
    end: 'Z\0\0\0\x05I',
  },
  {
    name: 'nginx, two workers',
    // without CAP_SYS_RESOURCE CRIU cannot ask for the limits of another user's processes
    server: nginx(
      PORT,
      (dir) => {
        writeFileSync(path.join(dir, 'page'), 'a page\n');
      },
      'user root;',
    ),
    request: GET,
    end: 'a page\n',
  },
  {
    name: 'node',
    server: node(
      `require('node:http').createServer((_, answer) => answer.end('a page\\n')).listen(${PORT}, '127.0.0.1')`,
    ),
    request: GET,
    end: 'a page\n',
  },
];

/** A connection on which one question is open at a time. */
export class Client {
  readonly #socket: Socket;
  #answer = '';
  #told: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #end = '';
  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('no answer')));
    socket.on('data', (bytes) => {
      this.#answer = (this.#answer + bytes.toString('latin1')).slice(-64);
      if (this.#answer.endsWith(this.#end)) this.#told?.();
    });
    socket.on('close', () => this.#failed?.(new Error('the connection has ended')));
    socket.on('error', (error) => this.#failed?.(error));
  }
  static async open({ hello, end }: Case): Promise<Client> {
    const socket = connect(PORT, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const client = new Client(socket);
    if (hello) await client.ask(hello, end);
    return client;
  }
  ask(request: Buffer, end: string): Promise<void> {
    this.#answer = '';
    this.#end = end;
    return new Promise((resolve, reject) => {
      this.#told = resolve;
      this.#failed = reject;
      this.#socket.write(request);
    });
  }
  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }
}

/** Asks new connections until one answers. */
export async function firstAnswer(one: Case): Promise<void> {
  for (const begin = performance.now(); ;)
    try {
      const client = await Client.open(one);
      try {
        await client.ask(one.request, one.end);
      } finally {
        client.close();
      }
      return;
    } catch (error) {
      if (performance.now() - begin > PATIENCE_MS) throw error;
      await sleep(2);
    }
}

/**
 * The longest gap between answers while each of some things is done, in ms.
 * @param ask waits for an answer; what it throws, this throws
 */
export async function longestGaps(
  ask: () => Promise<unknown>,
  actions: readonly (() => Promise<unknown>)[],
): Promise<number[]> {
  let [last, gapMs, asks] = [performance.now(), 0, true];
  const asking = async () => {
    while (asks) {
      await ask();
      const now = performance.now();
      gapMs = Math.max(gapMs, now - last);
      last = now;
    }
  };
  const acting = async () => {
    const gaps: number[] = [];
    await sleep(LOOK_MS);
    for (const action of actions) {
      gapMs = 0;
      await action();
      await sleep(LOOK_MS);
      gaps.push(Math.max(gapMs, performance.now() - last));
    }
    return gaps;
  };
  const [gaps] = await Promise.all([acting().finally(() => (asks = false)), asking()]);
  return gaps;
}
