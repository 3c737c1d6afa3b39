const isSpace = (c: string | undefined): boolean => c === ' ' || c === '\n' || c === '\r' || c === '\t';

function skipSpace(json: string, at: number): number {
  let pos = at;
  while (isSpace(json[pos])) pos++;
  return pos;
}

/** Behind the string that begins at `at`. */
function skipString(json: string, at: number): number {
  let pos = at + 1;
  while (pos < json.length && json[pos] !== '"') pos += json[pos] === '\\' ? 2 : 1;
  return pos + 1;
}

/** Behind the value that begins at `at`. */
function skipValue(json: string, at: number): number {
  let depth = 0;
  for (let pos = at; pos < json.length;) {
    const c = json[pos]!;
    if (c === '"') pos = skipString(json, pos);
    else if (c === '{' || c === '[') {
      depth++;
      pos++;
    } else if (c === '}' || c === ']') {
      if (depth === 0) return pos; // of what is around
      depth--;
      pos++;
    } else if (depth === 0 && (c === ',' || isSpace(c))) return pos;
    else {
      pos++;
      continue; // a number or word goes on
    }
    if (depth === 0) return pos;
  }
  return json.length;
}

/** Where the member or element is in the object or list that begins at `at`; undefined when it has none such. */
function step(json: string, at: number, want: string | number): number | undefined {
  const open = json[at];
  if (open !== (typeof want === 'string' ? '{' : '[')) return undefined;
  let pos = skipSpace(json, at + 1);
  for (let index = 0; pos < json.length && json[pos] !== '}' && json[pos] !== ']'; index++) {
    let found = index === want;
    if (open === '{') {
      const end = skipString(json, pos);
      found = json.slice(pos + 1, end - 1) === want;
      pos = skipSpace(json, skipSpace(json, end) + 1);
    }
    if (found) return pos;
    pos = skipSpace(json, skipValue(json, pos));
    if (json[pos] === ',') pos = skipSpace(json, pos + 1);
  }
  return undefined;
}

/**
 * Where a value stands in a text of JSON that has been read already.
 * @param json the text, a character a byte, from the value that the path begins at
 * @param path as errors have it: `reg.fown.pid`, `[3].id`
 * @returns the value's index; that of the last object or list on the way where it is missing
 */
export function locate(json: string, path: string): number {
  let at = skipSpace(json, 0);
  for (const [, index, key] of path.matchAll(/\[(\d+)\]|([^.[\]]+)/g)) {
    const next = step(json, at, index === undefined ? (key ?? '') : Number(index));
    if (next === undefined) return at;
    at = next;
  }
  return at;
}
