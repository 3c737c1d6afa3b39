import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** The package's root: the compiled tests run from dist/test. */
export const ROOT = path.resolve(import.meta.dirname, '../..');
export const CRIT = path.join(ROOT, 'bin/crit');

/** Compiles test/programs/NAME.c once. @returns the program's path */
export function program(name: string): string {
  const source = path.join(ROOT, 'test/programs', `${name}.c`);
  const out = path.join(ROOT, 'dist/test-programs', name);
  if (!existsSync(out) || statSync(out).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(path.dirname(out), { recursive: true });
    execFileSync('gcc', ['-O1', '-Wall', '-o', out, source, '-lpthread']);
  }
  return out;
}

/** A real process that a test works on; disposing kills it and waits for its end. */
export class Victim implements AsyncDisposable {
  readonly child: ChildProcess;
  output = '';
  private constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  /** Starts a command in a session of its own and waits until it has written `until`. */
  static async start(command: string, args: readonly string[] = [], until = 'ready'): Promise<Victim> {
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] },
    });
    const victim = new Victim(child);
    await victim.says(until);
    return victim;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Waits for a text in the output. */
  async says(text: string): Promise<void> {
    for (let i = 0; i < 1000; i++) {
      if (this.output.includes(text)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${this.child.spawnfile} did not say "${text}": ${this.output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}
