// Borrows process PID, makes cures that write their number into FILE, in which every seventh is ended again, and waits to
// be killed.
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { withBorrowed } from './borrow-subject.js';
import { makeCures } from './cures.js';

const [pid, file] = process.argv.slice(2);
withBorrowed(Number(pid), (b) => {
  makeCures(b, file!);
  writeSync(1, 'ready\n');
  spawnSync('sleep', ['60']); // should nobody kill it
});
