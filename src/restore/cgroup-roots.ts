import { ANY_CONTROLLER } from '../image/cgroup-mode.js';
import type { Messages } from '../image/generated/messages.js';

type Entry = Messages['cgroup_entry'];

/**
 * The control groups as they are to be with --cgroup-root: of each hierarchy that has a new root, the part of the images'
 * paths that was the root (what is outside of the cgroup namespace; without one, the topmost group) is exchanged.
 */
export function withRoots(entry: Entry, roots: ReadonlyMap<string, string>): Entry {
  if (roots.size === 0) return entry;
  const sets = (entry.sets ?? []).map((set) => ({ ...set, ctls: (set.ctls ?? []).map((member) => ({ ...member })) }));
  const controllers = (entry.controllers ?? []).map((controller) => {
    const cnames = controller.cnames ?? [];
    const root = cnames.map((name) => roots.get(name)).find((path) => path !== undefined) ?? roots.get(ANY_CONTROLLER);
    if (root === undefined) return controller;
    const to = root.replace(/\/+$/, '');
    const members = sets.flatMap(({ ctls }) => ctls).filter(({ name }) => name === cnames.join(','));
    const dirs = (controller.dirs ?? []).map((dir) => {
      const from = `/${dir.dir_name.replace(/^\//, '')}`;
      let renamed: string | undefined;
      for (const member of members) {
        if (member.path !== from && !member.path.startsWith(`${from}/`)) continue;
        const cut = member.cgns_prefix || from.length;
        member.path = `${to}${member.path.slice(cut)}` || '/';
        if (member.cgns_prefix) member.cgns_prefix = to.length;
        renamed ??= `${to}${from.slice(cut)}`;
      }
      return renamed === undefined ? dir : { ...dir, dir_name: renamed.slice(1) };
    });
    return { ...controller, dirs };
  });
  return { ...entry, sets, controllers };
}
