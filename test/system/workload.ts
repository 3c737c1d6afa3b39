import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { headLines, program } from '../programs.js';
import { Subject, verdict, type Done } from './round-trip.js';

let networks = 0;

const words = (line: string | undefined) => line?.split(/\s+/).filter(Boolean) ?? [];

function shell(dir: string, line: string | undefined): void {
  if (line) spawnSync('sh', ['-c', line], { cwd: dir, stdio: 'ignore' });
}

/**
 * A program that holds one kind of kernel state and verifies it itself: it says "ready PID", and at SIGUSR1 "ok", or
 * "FAIL: " and what is wrong. Comment lines at the top of its source tell how it is started, dumped and restored; {WORK} in
 * them is its directory, in which it has a copy of itself:
 *
 *     options, dump-options, restore-options   given to both or one of the two
 *     network                                   it and crit run in a network namespace of their own
 *     launch                                    put before the program
 *     prepare, between, cleanup                 shell lines: before it starts, between dump and restore, after all
 *     out                                       the file that it writes to, when that is not its standard output
 */
export class Workload extends Subject {
  readonly #lines: ReadonlyMap<string, string>;
  #root: number | undefined;
  readonly #network: string | undefined;
  /** Why it could not set up its state. */
  obstacle: string | undefined;

  private constructor(name: string, lines: ReadonlyMap<string, string>) {
    // a namespace that this makes, with all that is run in it
    const network = lines.has('network') ? `crit-${process.pid}-${++networks}` : undefined;
    const inside = network === undefined ? [] : ['nsenter', `--net=/run/netns/${network}`];
    const [command, ...args] = [...inside, ...words(lines.get('launch')), `./${name}`];
    super(command, args, {}, (dir) => {
      if (network !== undefined) shell(dir, `ip netns add ${network} && ip -n ${network} link set lo up`);
      chmodSync(dir, 0o755); // some are other users
      copyFileSync(program(name), path.join(dir, name));
      shell(dir, lines.get('prepare'));
      const out = lines.get('out');
      if (out !== undefined) writeFileSync(path.join(dir, out), '');
    });
    this.#lines = lines;
    this.#network = network;
    this.inside = inside;
  }

  static async start(name: string): Promise<Workload> {
    const workload = new Workload(name, headLines(name));
    await workload.says(/^ready \d+|^FAIL/m);
    const root = /^ready (\d+)/m.exec(workload.output)?.[1];
    if (root === undefined) workload.obstacle = workload.output;
    else workload.#root = Number(root);
    return workload;
  }

  /** The root may be another than the process that was started. */
  override get pid(): number {
    return this.#root ?? super.pid;
  }

  override get output(): string {
    const out = this.#lines.get('out');
    return super.output + (out === undefined ? '' : readFileSync(path.join(this.dir, out), 'utf8'));
  }

  #line(name: string): string | undefined {
    return this.#lines.get(name)?.replaceAll('{WORK}', this.dir);
  }

  override tryDump(...options: string[]): Done {
    return super.tryDump(...options, ...words(this.#line('options')), ...words(this.#line('dump-options')));
  }

  override async dump(...options: string[]): Promise<void> {
    await super.dump(...options);
    if (!options.includes('-R')) shell(this.dir, this.#line('between'));
  }

  override restore(...options: string[]): void {
    super.restore(...options, ...words(this.#line('options')), ...words(this.#line('restore-options')));
  }

  /** Has it verify itself. @returns "ok", or what is wrong */
  async verdict(): Promise<string> {
    const said = await verdict(this);
    return /^FAIL.*/m.exec(said)?.[0] ?? said.trimEnd();
  }

  protected override cleanUp(): void {
    shell(this.dir, this.#line('cleanup'));
    if (this.#network !== undefined) shell(this.dir, `ip netns delete ${this.#network}`);
  }
}
