import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseShmSegments } from '../../../src/kernel/proc/sysvipc.js';

const HEAD =
  '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n';

it('segments of System V shared memory', () => {
  const line =
    '-2078932287         28  1640                 16384  1234  1235      3 65534     5     0     0 1790000000          0 1790000001                 16384                     0\n';
  assert.deepEqual(parseShmSegments(HEAD + line), [
    {
      key: 0x841602c1,
      id: 28,
      mode: 0o1640,
      sizeBytes: 16384,
      cpid: 1234,
      lpid: 1235,
      attached: 3,
      uid: 65534,
      gid: 5,
      cuid: 0,
      cgid: 0,
      changedSec: 1790000001n,
    },
  ]);
  assert.deepEqual(parseShmSegments(HEAD), []);
  assert.throws(() => parseShmSegments(`${HEAD}1 2 x\n`), /not understood/);
});
