import type { Command } from './command.js';

/** Each subcommand is loaded when it is wanted: start-up is a good part of what a short command costs. */
const LOADERS: Readonly<Record<string, () => Promise<Command>>> = {
  show: async () => (await import('./show.js')).show,
  decode: async () => (await import('./decode.js')).decode,
  encode: async () => (await import('./encode.js')).encode,
  info: async () => (await import('./info.js')).info,
  inspect: async () => (await import('./inspect.js')).inspect,
  list: async () => (await import('./list.js')).list,
  diff: async () => (await import('./diff.js')).diff,
  report: async () => (await import('./report.js')).report,
  log: async () => (await import('./log.js')).log,
  graph: async () => (await import('./graph.js')).graph,
  x: async () => (await import('./x.js')).x,
  set: async () => (await import('./set.js')).set,
  edit: async () => (await import('./edit.js')).edit,
  flatten: async () => (await import('./flatten.js')).flattenCommand,
  rebase: async () => (await import('./rebase.js')).rebaseCommand,
  scrub: async () => (await import('./scrub.js')).scrub,
  pack: async () => (await import('./pack.js')).packCommand,
  unpack: async () => (await import('./pack.js')).unpackCommand,
  verify: async () => (await import('./verify.js')).verify,
  explain: async () => (await import('./explain.js')).explain,
  mem: async () => (await import('./mem.js')).mem,
  core: async () => (await import('./core.js')).core,
  bt: async () => (await import('./bt.js')).bt,
  completion: async () => (await import('./completion.js')).completion,
};

export const COMMAND_NAMES: readonly string[] = Object.keys(LOADERS);

export async function loadCommand(name: string): Promise<Command | undefined> {
  return Object.hasOwn(LOADERS, name) ? LOADERS[name]?.() : undefined;
}

export async function allCommands(): Promise<Command[]> {
  return Promise.all(Object.values(LOADERS).map((load) => load()));
}
