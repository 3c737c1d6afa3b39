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
type ToldMap = NonNullable<Process['map']>;
export type MappingData = Omit<ToldMap['mappings'][number], 'what'> & Data['whats'][number];
export type MapData = Omit<ToldMap, 'mappings'> & { readonly mappings: readonly MappingData[] };

export const data = JSON.parse(document.getElementById('data')!.textContent) as Data;

/** The memory map of a process, each mapping with what it is. */
export const mapOf = ({ map }: Process): MapData | undefined =>
  map && { ...map, mappings: map.mappings.map(({ what, ...rest }) => ({ ...rest, ...data.whats[what]! })) };

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
