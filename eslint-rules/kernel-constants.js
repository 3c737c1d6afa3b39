import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { placesOf } from './places.js';

const EXPORTED = /^export const ([A-Z_][A-Z0-9_]*)\b/gm;
const EXPORTED_TOGETHER = /^export const \{([^}]*)\}/gm;
/** A table such as ERRNO, whose names are its keys. */
const TABLE = /^export const [A-Z][A-Z0-9_]* = \{\n([\s\S]*?)^\}/gm;
const KEY = /^ {2}([A-Z][A-Z0-9_]{3,}): -?\d/gm;

const tables = new Map();

/** Every constant that src/kernel and src/arch name, and the file that does. */
function namedIn(root) {
  let named = tables.get(root);
  if (named) return named;
  named = new Map();
  for (const room of ['kernel', 'arch']) {
    for (const name of readdirSync(path.join(root, room), { recursive: true })) {
      if (!name.endsWith('.ts')) continue;
      const file = path.join(room, name);
      const text = readFileSync(path.join(root, file), 'utf8');
      for (const [, constant] of text.matchAll(EXPORTED)) named.set(constant, file);
      for (const [, list] of text.matchAll(EXPORTED_TOGETHER))
        for (const [constant] of list.matchAll(/\b[A-Z][A-Z0-9_]*\b/g))
          if (!named.has(constant)) named.set(constant, file);
      for (const [, body] of text.matchAll(TABLE))
        for (const [, constant] of body.matchAll(KEY)) named.set(constant, file);
    }
  }
  tables.set(root, named);
  return named;
}

/** A fact of the kernel is told once: no other file gives its name a number. src/image stands below and cannot ask. */
export default {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const { src, file } = placesOf(context);
    if (!src || file.startsWith('image/')) return {};
    return {
      VariableDeclarator({ id, init }) {
        if (id.type !== 'Identifier' || !/^[A-Z_][A-Z0-9_]*$/.test(id.name) || !init) return;
        const there = namedIn(src.root).get(id.name);
        if (there === undefined || there === file || !isNumber(init)) return;
        context.report({ node: id, message: `${id.name} is in src/${there}: import it.` });
      },
    };
  },
};

function isNumber(node) {
  if (node.type === 'Literal') return typeof node.value === 'number' || typeof node.value === 'bigint';
  if (node.type === 'UnaryExpression') return isNumber(node.argument);
  return node.type === 'BinaryExpression' && isNumber(node.left) && isNumber(node.right);
}
