import { CritError } from '../image/errors.js';
import type { JsonValue } from '../encode/json-reader.js';
import { rlimitNumber } from '../kernel/uapi/resource.js';

/** A step: the key of an object, or the index of a list. */
type Step = string | number;
interface Place {
  readonly holder: Record<string, JsonValue> | JsonValue[];
  readonly key: Step;
  readonly path: readonly Step[];
}

const bad = (text: string): CritError => new CritError(text, { code: 'BAD_ARGUMENT' });

/** `a.b[3].c` */
export function parsePath(text: string): Step[] {
  const steps: Step[] = [];
  const rest = text.replace(/([^.[\]]+)|\[(\d+)\]|\./g, (_all, key: string | undefined, index: string | undefined) => {
    if (key !== undefined) steps.push(key);
    else if (index !== undefined) steps.push(Number(index));
    return '';
  });
  if (rest !== '' || steps.length === 0 || /\.\.|^\.|\.$/.test(text))
    throw bad(`${JSON.stringify(text)} is no path of a field: it goes like tc.comm or vmas[3].prot`);
  return steps;
}

const written = (path: readonly Step[]): string =>
  path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');

const isObject = (value: JsonValue | undefined): value is Record<string, JsonValue> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The index that a name stands for, in a list whose places have names. */
function named(list: readonly JsonValue[], name: string): number {
  const index = rlimitNumber(name);
  return index !== undefined && index < list.length ? index : -1;
}

/** Where steps lead from here. The last one may be of a field that is not there. */
function walk(from: JsonValue, steps: readonly Step[], path: readonly Step[]): Place | undefined {
  let value: JsonValue = from;
  const at = [...path];
  for (const [i, step] of steps.entries()) {
    const last = i === steps.length - 1;
    let key = step;
    if (Array.isArray(value)) {
      if (typeof key === 'string') key = named(value, key);
      if (!(key in value)) return undefined;
    } else if (!isObject(value) || typeof key !== 'string' || (!last && !Object.hasOwn(value, key))) return undefined;
    at.push(key);
    const holder = value as Record<string, JsonValue>;
    if (last) return { holder, key, path: at };
    value = holder[key]!;
  }
  return undefined;
}

const isThere = (place: Place): boolean => Object.hasOwn(place.holder, place.key);

/** Places that a path leads to from anywhere at some depth, the least depth first at which there are any. */
function find(root: JsonValue, steps: readonly Step[]): Place[] {
  let level: { value: JsonValue; path: Step[] }[] = [{ value: root, path: [] }];
  while (level.length > 0) {
    const found = level.flatMap(({ value, path }) => walk(value, steps, path) ?? []).filter(isThere);
    if (found.length > 0) return found;
    level = level.flatMap(({ value, path }) =>
      typeof value !== 'object' || value === null
        ? []
        : Object.entries(value).map(([key, inner]) => ({
            value: inner,
            path: [...path, Array.isArray(value) ? Number(key) : key],
          })),
    );
  }
  return [];
}

/**
 * The place of a field in the JSON of an image. A path may leave out what is before it, as long as it is clear.
 * @throws CritError BAD_ARGUMENT
 */
export function findField(image: { entries: JsonValue[] }, text: string): Place {
  const steps = parsePath(text);
  const { entries } = image;
  if (steps[0] === 'entries') steps.shift();
  const exact = typeof steps[0] === 'number' ? walk(entries, steps, []) : undefined;
  if (exact) return exact;
  const found = find(entries, steps);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const some = found.slice(0, 3).map(({ path }) => written(path));
    throw bad(
      `${text} is in ${found.length} places: ${some.join(', ')}${found.length > 3 ? ', ...' : ''}; name one of them`,
    );
  }
  // a field that may be there and is not: its message has to be clear
  const holder =
    steps.length > 1
      ? find(entries, steps.slice(0, -1))
      : entries.map((_, i) => ({ holder: entries, key: i, path: [i] }));
  const message = holder.length === 1 ? (holder[0]!.holder as Record<Step, JsonValue>)[holder[0]!.key] : undefined;
  const last = steps.at(-1)!;
  if (isObject(message) && typeof last === 'string')
    return { holder: message, key: last, path: [...holder[0]!.path, last] };
  throw bad(`there is no field ${text} in it`);
}
