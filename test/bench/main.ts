import { benchCodec } from './codec.js';
import { benchEngine } from './engine.js';
import { benchMemory } from './memory.js';
import { benchServers } from './servers.js';
import { benchSets } from './sets.js';

/** Every benchmark: prints a table of its own. */
const BENCHMARKS: Readonly<Record<string, (print: (line: string) => void) => Promise<void>>> = {
  codec: benchCodec,
  engine: benchEngine,
  memory: benchMemory,
  servers: benchServers,
  sets: benchSets,
};

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (BENCHMARKS[name] === undefined) {
    console.error(`no benchmark ${name}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
    process.exit(1);
  }
}
for (const [name, bench] of Object.entries(BENCHMARKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n## ${name}\n`);
  await bench((line) => {
    console.log(line);
  });
}
