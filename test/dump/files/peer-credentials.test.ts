import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { projectPath } from '../../project-path.js';
import { test } from '../../root.js';

test('a maker in a pid namespace that is out of sight is none', () => {
  // node makes the pair of sockets that is the child's descriptor 3
  const script = `
    const { PairMakers } = await import(${JSON.stringify(projectPath('dist/src/dump/files/peer-credentials.js'))});
    console.log(JSON.stringify(new PairMakers({ tasks: [], log: console }).credentials(3)));`;
  const { stdout, stderr } = spawnSync(
    'unshare',
    ['--pid', '--fork', process.execPath, '--input-type=module', '-e', script],
    { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], encoding: 'utf8' },
  );
  assert.equal(stdout, '{}\n', stderr);
});
