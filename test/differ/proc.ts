import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hex, type Facts } from './facts.js';

/** Files of /proc/PID and /proc/PID/task/TID that are not read as text here, and why. */
const NOT_TEXT: Readonly<Record<string, string>> = {
  mem: 'the pages are read by themselves',
  pagemap: 'the pages are read by themselves',
  map_files: 'read with the mappings',
  maps: 'smaps has more',
  smaps: 'taken apart by itself',
  smaps_rollup: 'the sum of smaps',
  numa_maps: 'taken apart by itself',
  fd: 'descriptors are asked one by one',
  fdinfo: 'descriptors are asked one by one',
  task: 'threads are asked one by one',
  net: 'the network is not the process’s: it is in crit’s network namespace',
  ns: 'links',
  attr: 'a directory',
  cwd: 'a link',
  root: 'a link',
  exe: 'a link',
  clear_refs: 'can only be written',
  mountstats: 'counts what all processes do',
  mounts: 'mountinfo has more',
  io: 'counts what was done',
  schedstat: 'counts what was done',
  statm: 'counts pages, as smaps does',
  stack: 'addresses in the kernel; wchan has the innermost',
  syscall: 'asked before the process is stopped',
  wchan: 'asked before the process is stopped',
  oom_score: 'goes up and down with the memory of all',
};

/** Files of bytes. */
const BINARY = new Set(['auxv', 'environ', 'cmdline']);

/** proc_pid_stat(5), from the third field on. */
const STAT =
  `state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime priority nice
  num_threads itrealvalue starttime vsize rss rsslim startcode endcode startstack kstkesp kstkeip signal blocked
  sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority policy delayacct_blkio_ticks guest_time
  cguest_time start_data end_data start_brk arg_start arg_end env_start env_end exit_code`.split(/\s+/);

function read(path: string): Buffer | string {
  try {
    return readFileSync(path);
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? String(error)})`;
  }
}

export function readText(path: string): string {
  const content = read(path);
  return typeof content === 'string' ? content : content.toString();
}

/** Where a link of /proc leads, or why that cannot be told. */
export function readLinkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? String(error)})`;
  }
}

/** What a thread waits in: asked while nobody holds it. */
export function addWaiting(facts: Facts, where: string, dir: string): void {
  facts.add(`${where}/syscall`, readText(`${dir}/syscall`).trim());
  facts.add(`${where}/wchan`, readText(`${dir}/wchan`));
}

/** Every file of a directory of /proc that tells something as text, and its links. */
export function addProc(facts: Facts, where: string, dir: string): void {
  for (const name of readdirSync(dir)) {
    if (name in NOT_TEXT) continue;
    const content = read(`${dir}/${name}`);
    if (typeof content === 'string') facts.add(`${where}/${name}`, content);
    else if (BINARY.has(name))
      facts.add(`${where}/${name}`, name === 'auxv' ? hex(content) : JSON.stringify(content.toString('latin1')));
    else addText(facts, `${where}/${name}`, name, content.toString());
  }
  for (const name of readdirSync(`${dir}/ns`)) {
    const link = readLinkOf(`${dir}/ns/${name}`);
    // one of the tree's own is made anew
    facts.add(`${where}/ns/${name}`, link === readLinkOf(`/proc/self/ns/${name}`) ? link : facts.nameless(link));
  }
  for (const name of readdirSync(`${dir}/attr`, { recursive: true, encoding: 'utf8' }))
    facts.add(`${where}/attr/${name}`, readText(`${dir}/attr/${name}`).trim());
  for (const name of ['cwd', 'root', 'exe']) facts.add(`${where}/${name}`, readLinkOf(`${dir}/${name}`));
}

function addText(facts: Facts, where: string, name: string, text: string): void {
  if (name === 'stat') {
    const end = text.lastIndexOf(')');
    facts.add(`${where}/comm`, text.slice(text.indexOf('(') + 1, end));
    text
      .slice(end + 2)
      .trim()
      .split(' ')
      .forEach((value, i) => facts.add(`${where}/${STAT[i] ?? `field ${i + 3}`}`, value));
    return;
  }
  if (name === 'timers') return; // asked one by one
  if (name === 'mountinfo') {
    facts.add(where, createHash('sha1').update(text).digest('hex'));
    return;
  }
  const lines = text.split('\n').filter(Boolean);
  if (lines.length < 2 && !/^\S+\s*:/.test(text)) {
    facts.add(where, text.trim());
    return;
  }
  // "Name:   value", "name   : value", or the columns of limits
  for (const line of lines) {
    const pair = /^(.*?)\s*:\s*(.*)$/.exec(line) ?? /^(.*?)(?:\s{2,}(.*))?$/.exec(line)!;
    facts.add(`${where}/${pair[1]!.trim()}`, (pair[2] ?? '').trim());
  }
}

/** The POSIX timers of a process by id, as /proc/PID/timers describes them. */
export function posixTimers(pid: number): { id: number; text: string }[] {
  const timers: { id: number; text: string }[] = [];
  for (const part of readText(`/proc/${pid}/timers`).split(/^(?=ID:)/m)) {
    const id = /^ID:\s*(\d+)/.exec(part);
    if (id) timers.push({ id: Number(id[1]), text: part.trim().replaceAll('\n', ', ') });
  }
  return timers;
}
