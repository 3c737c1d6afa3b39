import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { sleep } from './round-trip.js';

const PATIENCE_MS = 60_000;

/** A connection, or the client program at its end: what is said, and what is answered, kept until it is asked for. */
export class Talk implements Disposable {
  readonly #to: Writable;
  readonly #from: Readable;
  readonly #exit: Promise<number | null> | undefined;
  #heard = '';
  #ended = false;

  constructor(to: Writable, from: Readable, exit?: Promise<number | null>) {
    this.#exit = exit;
    this.#to = to;
    this.#from = from;
    from.setEncoding('latin1');
    from.on('data', (text: string) => (this.#heard += text));
    for (const event of ['end', 'close', 'error']) from.on(event, () => (this.#ended = true));
    to.on('error', () => (this.#ended = true));
  }

  static async connect(port: number): Promise<Talk> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Talk(socket, socket);
  }

  static program(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Talk {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], ...env },
    });
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return new Talk(child.stdin, child.stdout, exit);
  }

  say(text: string): void {
    this.#to.write(text, 'latin1');
  }

  /** Takes what was heard up to the end of the first match. */
  async until(whole: RegExp): Promise<string> {
    for (const begin = Date.now(); ; await sleep(2)) {
      const match = whole.exec(this.#heard);
      if (match) {
        const end = match.index + match[0].length;
        const said = this.#heard.slice(0, end);
        this.#heard = this.#heard.slice(end);
        return said;
      }
      if (this.#ended || Date.now() - begin > PATIENCE_MS)
        throw new Error(`${this.#ended ? 'it has ended' : 'no answer'}: ${this.#heard.slice(-500)}`);
    }
  }

  /** Takes so many bytes. */
  async bytes(count: number): Promise<string> {
    this.#from.resume();
    for (const begin = Date.now(); this.#heard.length < count; await sleep(2))
      if (this.#ended || Date.now() - begin > PATIENCE_MS) throw new Error(`${count} bytes did not come`);
    const said = this.#heard.slice(0, count);
    this.#heard = this.#heard.slice(count);
    return said;
  }

  /** Reads no more until it is asked for bytes. */
  pause(): void {
    this.#from.pause();
  }

  /** The status that the client program ends with. */
  async end(): Promise<number | null | undefined> {
    const late = sleep(PATIENCE_MS).then(() => {
      throw new Error(`it does not end: ${this.#heard.slice(-500)}`);
    });
    return await Promise.race([this.#exit, late]);
  }

  ask(text: string, whole: RegExp = /\n/): Promise<string> {
    this.say(text);
    return this.until(whole);
  }

  [Symbol.dispose](): void {
    this.#to.destroy();
    this.#from.destroy();
  }
}

/** Asks once, on a connection of its own. */
export async function ask(port: number, request: string, whole?: RegExp): Promise<string> {
  using talk = await Talk.connect(port);
  return await talk.ask(request, whole);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks until there is an answer. */
export async function answers<T>(question: () => Promise<T>): Promise<T> {
  for (let i = 0; ; i++)
    try {
      return await question();
    } catch (error) {
      if (i === 1200) throw error;
      await sleep(50);
    }
}
