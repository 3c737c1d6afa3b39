import type { Data } from './data.js';

/** Processes, or things, that are drawn as one. */
export interface GraphGroup {
  readonly name: string;
  /** All of them. */
  readonly title: string;
  readonly kind: string;
}

/** What is drawn: groups by their places, and who has what. */
export interface GroupedGraph {
  readonly left: readonly GraphGroup[];
  readonly right: readonly GraphGroup[];
  readonly links: readonly { readonly from: number; readonly to: number; readonly kind: string }[];
  /** Groups of things that there is no room for. */
  readonly hidden: number;
}

/** More cannot be read as a picture. */
const MOST_RIGHT = 40;
const MOST_LEFT = 60;
const MOST_TITLE = 20;

/** Puts together what has the same key. */
function grouped<T>(all: Iterable<T>, key: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const list = groups.get(key(one));
    if (list) list.push(one);
    else groups.set(key(one), [one]);
  }
  return [...groups.values()];
}

function titleOf(labels: readonly string[]): string {
  const rest = labels.length - MOST_TITLE;
  return `${labels.slice(0, MOST_TITLE).join('\u00a0· ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** The graph as it can be drawn: what is alike is one, and only what most processes have is there. */
export function groupGraph({ nodes, edges }: Data['sharing']): GroupedGraph {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const holders = new Map<string, Set<string>>();
  for (const { from, to, label } of edges) {
    if (label === 'child' || !byId.has(to)) continue;
    const set = holders.get(to);
    if (set) set.add(from);
    else holders.set(to, new Set([from]));
  }
  const keyOf = (set: ReadonlySet<string> | undefined) => [...(set ?? [])].join(' ');
  const things = grouped(holders.keys(), (id) => `${byId.get(id)!.kind} ${keyOf(holders.get(id))}`);
  things.sort((a, b) => holders.get(b[0]!)!.size - holders.get(a[0]!)!.size);
  const drawn = things.slice(0, MOST_RIGHT);
  const has = new Map<string, number[]>();
  for (const [i, [first]] of drawn.entries())
    for (const who of holders.get(first!)!) {
      const list = has.get(who);
      if (list) list.push(i);
      else has.set(who, [i]);
    }
  // in the order of the tree
  const processes = grouped(
    nodes.filter(({ id }) => has.has(id)),
    ({ id }) => has.get(id)!.join(' '),
  ).slice(0, MOST_LEFT);
  const places = new Map(processes.flatMap((group, i) => group.map(({ id }) => [id, i] as const)));
  // a thing stands about where its processes do: fewer lines cross
  const middle = (ids: readonly string[]) => {
    const of = [...new Set([...holders.get(ids[0]!)!].map((who) => places.get(who) ?? 0))];
    return of.reduce((sum, place) => sum + place, 0) / of.length;
  };
  drawn.sort((a, b) => middle(a) - middle(b));
  const links = drawn.flatMap((ids, to) => {
    const from = new Set([...holders.get(ids[0]!)!].flatMap((who) => places.get(who) ?? []));
    return Array.from(from, (place) => ({ from: place, to, kind: byId.get(ids[0]!)!.kind }));
  });
  const name = (labels: readonly string[], many: string) => (labels.length === 1 ? labels[0]! : many);
  return {
    left: processes.map((group) => {
      const labels = group.map(({ label }) => label);
      return {
        name: name(labels, `${labels[0]} and ${labels.length - 1} more`),
        title: titleOf(labels),
        kind: 'process',
      };
    }),
    right: drawn.map((ids) => {
      const labels = ids.map((id) => byId.get(id)!.label);
      const { kind } = byId.get(ids[0]!)!;
      const plural = kind === 'memory' ? 'pieces of memory' : `${kind}s`;
      return { name: name(labels, `${labels.length} ${plural}`), title: titleOf(labels), kind };
    }),
    links,
    hidden: things.length - drawn.length,
  };
}
