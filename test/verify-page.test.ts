import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkPage } from './page-steps.js';
import { projectPath } from './project-path.js';
import { test } from './root.js';

test('every command of docs/verify.md does what the page says', () => {
  const dir = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'crit-verify-')));
  try {
    checkPage(readFileSync(projectPath('docs/verify.md'), 'utf8'), dir);
  } finally {
    const pidfile = path.join(dir, 'sleeper.pid');
    const pid = existsSync(pidfile) ? Number(readFileSync(pidfile, 'utf8')) : 0;
    try {
      if (pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep\0')) process.kill(pid, 'SIGKILL');
    } catch {
      // it is gone already
    }
    rmSync(dir, { recursive: true, force: true });
  }
});
