import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { placesOf } from './places.js';

const IMPORT = /\b(?:from|import\(|import)\s*'(\.[^']+)\.js'/g;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** @param {string} text @param {string} file */
const importsOf = (text, file) =>
  [...text.replace(COMMENT, '').matchAll(IMPORT)].map(([, name]) =>
    path.normalize(path.join(path.dirname(file), `${name}.ts`)),
  );

const graphs = new Map();

/** What each file below a folder imports. Read once: eslint asks for hundreds of files. */
function graphOf(root) {
  let graph = graphs.get(root);
  if (!graph) {
    graph = new Map();
    for (const name of readdirSync(root, { recursive: true })) {
      if (name.endsWith('.ts')) graph.set(name, importsOf(readFileSync(path.join(root, name), 'utf8'), name));
    }
    graphs.set(root, graph);
  }
  return graph;
}

/** The shortest way along imports, or undefined. */
function wayBetween(graph, from, to) {
  const cameFrom = new Map([[from, undefined]]);
  for (const file of cameFrom.keys()) {
    if (file === to) {
      const way = [];
      for (let at = file; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
      return way;
    }
    for (const next of graph.get(file) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, file);
  }
  return undefined;
}

/** No file of src/ imports itself by way of others, be it for types alone. */
export default {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const { src, file } = placesOf(context);
    if (!src) return {};
    return {
      Program(node) {
        const graph = graphOf(src.root);
        for (const next of importsOf(context.sourceCode.text, file)) {
          const way = wayBetween(graph, next, file);
          if (way) context.report({ node, message: `A circle of imports: ${[file, ...way].join(' -> ')}.` });
        }
      },
    };
  },
};
