import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Subject } from '../system/round-trip.js';
import type { Case } from './programs.js';

/** A program that comment lines of its source tell how to start, dump and restore ({WORK} is its directory). */
export class FolderProgram extends Subject {
  readonly #program: Case;

  constructor(program: Case) {
    const built = program.build();
    const launch = program.lines.get('launch')?.split(/\s+/).filter(Boolean) ?? [];
    // preparing needs the directory, which is made with the process: the shell waits for a byte no longer than that
    const prepare = program.lines.get('prepare')?.replaceAll('{WORK}', '$PWD');
    const start = [...launch, built].map((word) => `'${word}'`).join(' ');
    super('sh', ['-c', `${prepare ? `{ ${prepare}; } >/dev/null 2>&1; ` : ''}exec ${start}`]);
    this.#program = program;
  }

  override get output(): string {
    const out = this.#program.lines.get('out');
    if (!out) return super.output;
    try {
      return readFileSync(path.join(this.dir, out.trim()), 'utf8');
    } catch {
      return super.output;
    }
  }

  /** The root may be another than the process that was started. */
  override get pid(): number {
    return Number(/^ready (\d+)/m.exec(this.output)?.[1] ?? super.pid);
  }

  #options(...names: string[]): string[] {
    return names.flatMap(
      (name) => this.#program.lines.get(name)?.replaceAll('{WORK}', this.dir).split(/\s+/).filter(Boolean) ?? [],
    );
  }

  override async dump(...options: string[]): Promise<void> {
    await super.dump(...options, ...this.#options('options', 'dump-options'));
    const between = this.#program.lines.get('between');
    if (between && !options.includes('-R'))
      spawnSync('sh', ['-c', between.replaceAll('{WORK}', this.dir)], { cwd: this.dir });
  }

  override restore(...options: string[]): void {
    super.restore(...options, ...this.#options('options', 'restore-options'));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    const cleanup = this.#program.lines.get('cleanup');
    if (cleanup) spawnSync('sh', ['-c', cleanup.replaceAll('{WORK}', this.dir)], { cwd: this.dir });
    await super[Symbol.asyncDispose]();
  }
}

export function startFolderProgram(program: Case): Subject {
  return new FolderProgram(program);
}
