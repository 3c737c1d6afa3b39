import { createHash } from 'node:crypto';
import { FLAG_MAPS } from '../../image/display.js';
import { namesOf } from '../../image/flag-names.js';
import { SHOW, type FieldDef, type MessageDef } from '../../image/message-def.js';
import { ACTION_SIGNALS, signalName } from '../../kernel/uapi/signal.js';
import { rlimitName } from '../../kernel/uapi/resource.js';

/** Values by name, as deep as messages are; a leaf is the text of a value. */
export type Tree = string | TreeNode;
export type TreeNode = ReadonlyMap<string, Tree>;

/** Longer bytes are told by their length and a hash. */
const MAX_HEX_BYTES = 64;
/** Messages that hold themselves (directories of cgroups) end somewhere. */
const MAX_DEPTH = 60;

/** What tells one message of a list from the others, where that is not its place. */
const KEYS: Readonly<Record<string, (message: Record<string, unknown>, index: number) => string>> = {
  vma_entry: ({ start }) => `0x${(start as bigint).toString(16)}`,
  sa_entry: (_, index) => signalName(ACTION_SIGNALS[index] ?? 0),
  rlimit_entry: (_, index) => rlimitName(index).replace(/^RLIMIT_/, ''),
  posix_timer_entry: ({ it_id }) => `${it_id as number}`,
};

export function bytesText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length <= MAX_HEX_BYTES) return buffer.toString('hex');
  return `${bytes.length} bytes with the SHA-256 ${createHash('sha256').update(buffer).digest('hex').slice(0, 16)}`;
}

function leaf(field: FieldDef, value: unknown, isHex: boolean): string {
  if (value instanceof Uint8Array) return bytesText(value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (field.enumDef) return field.enumDef.byNumber.get(Number(value)) ?? `${value}`;
    if (field.hex || isHex) return `0x${value.toString(16)}`;
    const flags = field.show === SHOW.flags ? field.flagMap : undefined;
    if (flags)
      return namesOf(Number(value), flags).join(' ') || (flags === FLAG_MAPS['rfile.flags'] ? 'O_RDONLY' : 'none');
    if (value === 0xffff_ffff_ffff_ffffn) return 'unlimited';
    return (field.show === SHOW.words ? field.words?.get(Number(value)) : undefined) ?? `${value}`;
  }
  return String(value);
}

/**
 * A message in words.
 * @param isAside says of a field, "message.field", that it is left out
 * @param inside what it stands in: how deep, and whether numbers are addresses and masks there
 */
export function treeOf(
  message: object,
  def: MessageDef,
  isAside: (field: string) => boolean,
  inside = { depth: 0, isHex: false },
): Map<string, Tree> {
  const out = new Map<string, Tree>();
  if (inside.depth > MAX_DEPTH) return out;
  for (const field of def.fields) {
    const value = (message as Record<string, unknown>)[field.name];
    if (value === undefined || isAside(`${def.name}.${field.name}`)) continue;
    const isHex = inside.isHex || field.hex;
    const isMessage = (one: unknown) => typeof one === 'object' && one !== null && !(one instanceof Uint8Array);
    const tree = (one: unknown): Tree =>
      isMessage(one)
        ? treeOf(one as object, field.message, isAside, { depth: inside.depth + 1, isHex })
        : leaf(field, one, isHex);
    if (!field.repeated) {
      out.set(field.name, tree(value));
      continue;
    }
    const list = value as unknown[];
    if (list.length === 0) continue;
    if (!isMessage(list[0])) {
      out.set(field.name, list.map((one) => leaf(field, one, isHex)).join(' '));
      continue;
    }
    const key = KEYS[field.message.name] ?? ((_: unknown, index: number) => `${index}`);
    out.set(field.name, new Map(list.map((one, i) => [key(one as Record<string, unknown>, i), tree(one)])));
  }
  return out;
}

/** A tree as one line: equal trees have equal lines. */
export function treeText(tree: Tree): string {
  if (typeof tree === 'string') return tree;
  return `{${Array.from(tree, ([name, value]) => `${name}: ${treeText(value)}`).join(', ')}}`;
}

/** A difference: what stands at a path in one and not so in the other. */
export interface Change {
  /** Names from the outside in, with dots between. */
  readonly path: string;
  /** As text; undefined where it is not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Where two trees differ. What only one has is told whole, at the place where it begins. */
export function* compareTrees(before: Tree | undefined, after: Tree | undefined, path = ''): Generator<Change> {
  if (before instanceof Map && after instanceof Map) {
    const at = (name: string) => (path === '' ? name : `${path}.${name}`);
    for (const [name, value] of before as TreeNode) yield* compareTrees(value, (after as TreeNode).get(name), at(name));
    for (const [name, value] of after as TreeNode)
      if (!(before as TreeNode).has(name)) yield* compareTrees(undefined, value, at(name));
    return;
  }
  const [left, right] = [before, after].map((tree) => (tree === undefined ? undefined : treeText(tree)));
  if (left !== right) yield { path, before: left, after: right };
}

/** Lists of trees whose order and numbers mean nothing: equal ones are matched first, then the rest in their order. */
export function* compareLists(before: readonly Tree[], after: readonly Tree[], path: string): Generator<Change> {
  const left = before.map((tree) => ({ tree, text: treeText(tree) }));
  const counts = new Map<string, number>();
  for (const { text } of left) counts.set(text, (counts.get(text) ?? 0) + 1);
  const restAfter = after.filter((tree) => {
    const text = treeText(tree);
    const count = counts.get(text) ?? 0;
    if (count > 0) counts.set(text, count - 1);
    return count === 0;
  });
  const restBefore = left.filter(({ text }) => {
    const count = counts.get(text) ?? 0;
    if (count > 0) counts.set(text, count - 1);
    return count > 0;
  });
  for (let i = 0; i < Math.max(restBefore.length, restAfter.length); i++)
    yield* compareTrees(restBefore[i]?.tree, restAfter[i], `${path}[${i}]`);
}
