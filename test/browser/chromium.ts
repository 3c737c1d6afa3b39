import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PROGRAM = 'chromium';
const ANSWER_MS = 30_000;

/** Why there is no browser to test with; false where there is one. */
export const NEEDS_CHROMIUM: string | false =
  spawnSync('sh', ['-c', `command -v ${PROGRAM}`]).status === 0
    ? false
    : 'needs chromium (scripts/install-deps.sh installs it)';

type Json = Readonly<Record<string, unknown>>;
interface Answer extends Json {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: { readonly message: string };
  readonly sessionId?: string;
}

/** A browser without a window and without a network, driven over a pipe (--remote-debugging-pipe): JSON that ends in a NUL. */
export class Chromium implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #home: string;
  readonly #waiting = new Map<number, { resolve: (result: Json) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Map<string, (method: string, params: Json) => void>();
  #ids = 0;
  #rest = '';

  constructor() {
    this.#home = mkdtempSync(path.join(tmpdir(), 'crit-chromium-'));
    // a group of its own: its many processes are ended together
    this.#process = spawn(
      PROGRAM,
      [
        '--headless',
        '--no-sandbox',
        '--remote-debugging-pipe',
        `--user-data-dir=${this.#home}`,
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-proxy-server',
        '--host-resolver-rules=MAP * ~NOTFOUND',
        'about:blank',
      ],
      { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    const out = this.#process.stdio[4] as Readable;
    out.setEncoding('utf8');
    out.on('data', (text: string) => this.#onData(text));
    this.#process.on('exit', () => this.#onEnd('chromium has ended'));
    this.#process.on('error', (error) => this.#onEnd(error.message));
  }

  #onData(text: string): void {
    const parts = (this.#rest + text).split('\0');
    this.#rest = parts.pop()!;
    for (const part of parts) {
      const { id, method, params = {}, result = {}, error, sessionId = '' } = JSON.parse(part) as Answer;
      if (id === undefined) {
        this.#listeners.get(sessionId)?.(method ?? '', params);
        continue;
      }
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(error.message));
      else waiting?.resolve(result);
    }
  }

  #onEnd(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
  }

  /** Asks the browser, or with a session one of its pages. */
  async send(method: string, params: Json = {}, sessionId?: string): Promise<Json> {
    const id = ++this.#ids;
    const answer = new Promise<Json>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.reject(new Error(`${method}: no answer within ${ANSWER_MS} ms`));
      this.#waiting.delete(id);
    }, ANSWER_MS);
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  listen(sessionId: string, listener: (method: string, params: Json) => void): void {
    this.#listeners.set(sessionId, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process;
    const ended = exitCode !== null || signalCode !== null ? undefined : once(this.#process, 'exit');
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // all of the group have ended
    }
    await ended;
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }
}

export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

/** A page in the browser. What it complains of, and what it asks the network for, is kept. */
export class Page implements AsyncDisposable {
  readonly complaints: string[] = [];
  readonly requests: string[] = [];
  readonly #browser: Chromium;
  readonly #session: string;
  readonly #target: string;
  #onLoad: () => void = () => undefined;

  private constructor(browser: Chromium, session: string, target: string) {
    this.#browser = browser;
    this.#session = session;
    this.#target = target;
    browser.listen(session, (method, params) => this.#onEvent(method, params));
  }

  /** Opens a file. */
  static async open(browser: Chromium, file: string, view: View = {}) {
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(browser, sessionId as string, targetId as string);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Accessibility', 'DOM'])
      await page.send(`${domain}.enable`);
    await page.send('Performance.enable', { timeDomain: 'threadTicks' });
    await page.view(view);
    const loaded = new Promise<void>((resolve) => (page.#onLoad = resolve));
    await page.send('Page.navigate', { url: `file://${file}` });
    await loaded;
    await page.frames();
    return page;
  }

  /** How large the window is, and whether the system is light or dark. */
  async view({ width = 1440, height = 900, scheme = 'light' }: View): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  }

  /** Waits until what is drawn by its size, or when something is opened, is there. */
  async frames(): Promise<void> {
    await this.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  }

  #onEvent(method: string, params: Json): void {
    if (method === 'Page.loadEventFired') this.#onLoad();
    else if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
      this.complaints.push(JSON.stringify(params));
    else if (method === 'Runtime.consoleAPICalled') this.complaints.push(JSON.stringify(params));
    else if (method === 'Network.requestWillBeSent') this.requests.push((params['request'] as { url: string }).url);
  }

  send(method: string, params: Json = {}): Promise<Json> {
    return this.#browser.send(method, params, this.#session);
  }

  /** The value of an expression in the page; of a promise, what it becomes. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** Presses keys by their names: ArrowDown, Tab, a. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      const code = { Tab: 9, Enter: 13, End: 35, Home: 36, ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40 }[
        key
      ];
      const text = key.length === 1 ? key : key === 'Enter' ? '\r' : undefined;
      const event = { key, code: key, windowsVirtualKeyCode: code ?? key.toUpperCase().charCodeAt(0), text };
      await this.send('Input.dispatchKeyEvent', { type: text === undefined ? 'rawKeyDown' : 'keyDown', ...event });
      await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
    }
  }

  /** Bytes of a PNG of what is seen; with `isWhole`, of all of the page. */
  async screenshot(isWhole = false): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: isWhole });
    return Buffer.from(data as string, 'base64');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.send('Target.closeTarget', { targetId: this.#target });
  }
}
