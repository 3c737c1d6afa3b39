import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { placesOf } from './places.js';

const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

let counts;

/** How often each name stands in src/ and test/. */
function countsIn(root) {
  if (counts) return counts;
  counts = new Map();
  for (const folder of [root, path.join(root, '../test')]) {
    for (const name of readdirSync(folder, { recursive: true })) {
      if (!name.endsWith('.ts')) continue;
      const text = readFileSync(path.join(folder, name), 'utf8').replace(COMMENT, '');
      for (const [word] of text.matchAll(/[A-Za-z_]\w*/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

/** What src/kernel and src/arch say is used. Options: files whose rest waits for what is being built. */
export default {
  meta: { type: 'suggestion', schema: [{ type: 'array' }] },
  create(context) {
    const { src, file } = placesOf(context);
    const [waiting] = context.options;
    if (!src || !/^(kernel|arch)\//.test(file) || waiting.includes(path.basename(file, '.ts'))) return {};
    return {
      'ExportNamedDeclaration > VariableDeclaration > VariableDeclarator > Identifier.id': check,
      'ExportNamedDeclaration > FunctionDeclaration > Identifier.id': check,
    };
    function check(node) {
      if ((countsIn(src.root).get(node.name) ?? 0) <= 1) context.report({ node, message: `Nobody uses ${node.name}.` });
    }
  },
};
