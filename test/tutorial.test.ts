import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkPage } from './page-steps.js';
import { projectPath } from './project-path.js';
import { test } from './root.js';

const page = readFileSync(projectPath('docs/tutorial.md'), 'utf8');

test('every command of the tutorial does what the page says', (t) => {
  if (spawnSync('python3', ['-V']).status !== 0) {
    t.skip('there is no python3');
    return;
  }
  const dir = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'crit-tutorial-')));
  try {
    writeFileSync(path.join(dir, 'counter.py'), /^```python\n([^]*?)^```$/m.exec(page)![1]!);
    checkPage(page, dir);
  } finally {
    const pidfile = path.join(dir, 'counter.pid');
    const pid = existsSync(pidfile) ? Number(readFileSync(pidfile, 'utf8')) : 0;
    try {
      if (pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('counter.py')) process.kill(pid, 'SIGKILL');
    } catch {
      // it is gone already
    }
    rmSync(dir, { recursive: true, force: true });
  }
});
