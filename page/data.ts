import type { Report } from '../src/inspect/report/report.js';

/** What JSON makes of a value: 64-bit numbers are hex strings in the page. */
export type Wire<T> = T extends bigint
  ? string
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends readonly unknown[]
      ? { readonly [K in keyof T]: Wire<T[K]> }
      : { readonly [K in keyof T]: Wire<T[K]> };

export type Data = Wire<Report> & { readonly madeBy: string; readonly madeAt: string };
export type Process = Data['processes'][number];
export type MapData = NonNullable<Process['map']>;
export type MappingData = MapData['mappings'][number];

export const data = JSON.parse(document.getElementById('data')!.textContent) as Data;

/** The path without the directories before it. */
export const baseName = (path: string): string => path.split('/').filter(Boolean).at(-1) ?? path;

/** A process in a few words. */
export const processName = ({ pid, comm }: Pick<Process, 'pid' | 'comm'>): string => `${pid} ${comm ?? '?'}`;

/** What a process was started with, or else its name as ps(1) shows it. */
export function commandOf({ cmdline, comm }: Pick<Process, 'cmdline' | 'comm'>): string {
  const words = cmdline?.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');
  return words === undefined || words === '' ? `[${comm ?? '?'}]` : words;
}

export const stateOf = ({ state, ended }: Pick<Process, 'state' | 'ended'>): string =>
  ended === undefined ? (state ?? 'unknown') : `zombie (${ended})`;
