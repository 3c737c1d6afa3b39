import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { program, ROOT } from '../programs.js';

/** A program to take through a dump, and what is known of it. */
export interface Case {
  readonly name: string;
  readonly args: readonly string[];
  /** Why this one is not compared. */
  readonly skip?: string;
  /** What such a program changes by itself at moments of its own. */
  readonly moves?: RegExp;
  /** @returns the program's path */
  readonly build: () => string;
  /** Comment lines at the top of its source: "// options: ..." and so on. */
  readonly lines: ReadonlyMap<string, string>;
}

/** Threads that sleep again and again are met between two sleeps at times. */
const SLEEPS_OFTEN = /\/(?:syscall|wchan|register\/(?:ax|orig_ax))$/;

/** What the programs of this project need to be told, and how they move. Those that are not here take no arguments. */
const KNOWN: Readonly<Record<string, readonly { args: string[]; skip?: string; moves?: RegExp }[]>> = {
  // a parent's MADV_HUGEPAGE cannot be taken back from its child, which gets a mapping of its own
  apart: [{ args: [], moves: /\/(?:pages shared with the parent|syscall|wchan|register\/(?:ax|orig_ax))$/ }],
  corners: [{ args: [], moves: /^root \d+\/(?:thread|mapping|threads|children|stat|status|timer)/ }],
  attributes: [{ args: [], moves: SLEEPS_OFTEN }],
  counter: [{ args: [], moves: SLEEPS_OFTEN }],
  descriptors: ['sharing', 'epolls', 'sockets', 'pipes', 'names', 'owners', 'high', 'events'].map((kind) => ({
    args: [kind],
  })),
  heartbeat: [{ args: ['1', '8', '8', '2'], moves: /\/page / }],
  'deny-open': [{ args: [], skip: 'it runs another program' }],
  'in-flight': [{ args: [] }, { args: ['empty'] }],
  threads: [{ args: [], moves: SLEEPS_OFTEN }],
  waiting: [{ args: [], skip: 'its waits end while it is looked at' }],
};

const SOURCES = path.join(ROOT, 'test/programs');

/** The test programs of this project. */
export function ownPrograms(): Case[] {
  return readdirSync(SOURCES)
    .filter((file) => file.endsWith('.c'))
    .flatMap((file) => {
      const name = file.slice(0, -2);
      return (KNOWN[name] ?? [{ args: [] }]).map((known) => ({
        name: [name, ...known.args].join(' '),
        build: () => program(name),
        lines: new Map<string, string>(),
        ...known,
      }));
    });
}

/**
 * The programs of a folder: each has a source NAME.c with comment lines (options, launch, prepare, between, cleanup, out)
 * and, when the folder's Makefile is asked, comes out of it.
 * @param out where they are built
 */
export function programsOf(folder: string, out: string): Case[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.c'))
    .map((file) => {
      const name = file.slice(0, -2);
      const source = readFileSync(path.join(folder, file), 'utf8');
      const lines = new Map(
        [...source.matchAll(/^\/\/ ([a-z-]+):\s*(.*)$/gm)].map((m) => [m[1]!, m[2]!] as [string, string]),
      );
      const build = () => {
        const built = path.join(out, name);
        if (!existsSync(built))
          execFileSync('make', ['-s', '-C', folder, `OUT=${out}`, built], { stdio: ['ignore', 'ignore', 'inherit'] });
        return built;
      };
      return { name, args: [], build, lines };
    });
}
