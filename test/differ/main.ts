import { parseArgs } from 'node:util';
import { Subject, sleep } from '../system/round-trip.js';
import { line } from './compare.js';
import { differAround } from './life.js';

const USAGE = `node dist/test/differ/main.js [-R] [-v] [--ready TEXT] PROGRAM [ARGS...]
Starts a program, asks it and its descendants everything that can be asked, dumps and restores it (-R: dumps it and lets it
run on), asks again and prints what differs. -v prints what is excused, too. With --ready, waits for TEXT in its output.
`;

const argv = process.argv.slice(2);
const at = argv.findIndex((arg, i) => !arg.startsWith('-') && argv[i - 1] !== '--ready');
const { values } = parseArgs({
  args: at < 0 ? argv : argv.slice(0, at),
  options: {
    'leave-running': { type: 'boolean', short: 'R' },
    verbose: { type: 'boolean', short: 'v' },
    ready: { type: 'string' },
  },
});
if (at < 0) {
  process.stderr.write(USAGE);
  process.exit(2);
}
await using subject = new Subject(argv[at]!, argv.slice(at + 1));
if (values.ready) await subject.says(values.ready);
else await sleep(500);
const how = values['leave-running'] ? 'leave-running' : 'restore';
const { nrFacts, differences, excused } = await differAround(subject, how);
for (const difference of differences) console.log(line(difference));
if (values.verbose) for (const { difference, reason } of excused) console.log(`(${reason}) ${line(difference)}`);
console.log(`${nrFacts} facts, ${differences.length} differ, ${excused.length} more may`);
subject.passed();
process.exitCode = differences.length > 0 ? 1 : 0;
