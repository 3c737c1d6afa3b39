import { sharingGraph, type GraphNode, type SharingGraph } from '../inspect/sharing-graph.js';
import { flag, type Command } from './command.js';
import { warnAll } from './inspect.js';
import { jsonView } from './json-view.js';
import { openSource } from './open-image-dir.js';
import { safeText } from './safe-text.js';
import { openSink } from './sink.js';

const SHAPES: Partial<Record<GraphNode['kind'], string>> = { process: 'box', memory: 'cylinder', file: 'note' };

/** A text of dot: everything is quoted. */
const quoted = (text: string): string => `"${safeText(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

function* dot({ nodes, edges }: SharingGraph): Generator<string> {
  yield 'digraph checkpoint {\n  rankdir="LR";\n';
  for (const { id, kind, label } of nodes)
    yield `  ${quoted(id)} [label=${quoted(label)}, shape=${quoted(SHAPES[kind] ?? 'ellipse')}];\n`;
  for (const { from, to, label } of edges) {
    const how = label === 'child' ? 'style="bold"' : `dir="none", label=${quoted(label)}`;
    yield `  ${quoted(from)} -> ${quoted(to)} [${how}];\n`;
  }
  yield '}\n';
}

export const graph: Command = {
  name: 'graph',
  describe: 'draw who shares which pipe, socket, memory, terminal and open file, as dot',
  positionals: [{ name: 'src', describe: 'a directory of images, a container checkpoint, or an archive of one' }],
  options: [{ name: 'json', type: 'boolean', describe: 'print nodes and edges as JSON' }],
  examples: [['graph checkpoint/ | dot -Tsvg > graph.svg', 'a picture, by Graphviz']],
  run: (args) => {
    const found = sharingGraph(openSource(args.positionals['src'] ?? '.'));
    const sink = openSink(undefined);
    if (flag(args, 'json')) sink.write(jsonView(found));
    else for (const line of dot(found)) sink.write(line);
    sink.commit();
    warnAll(found.problems);
    return 0;
  },
};
