import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { taskFiles } from '../../src/inspect/files.js';
import { imageSet } from './entries.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('taskFiles', () => {
  const images = {
    'pstree.img': [
      { pid: 10, ppid: 0 },
      { pid: 11, ppid: 10 },
    ],
    'ids-10.img': [{ files_id: 2 }],
    'fdinfo-2.img': [
      { fd: 0, type: 1, id: 1, flags: 0 },
      { fd: 1, type: 2, id: 2, flags: 1 },
      { fd: 2, type: 5, id: 3, flags: 0 },
      { fd: 3, type: 6, id: 4, flags: 0 },
      { fd: 4, type: 1, id: 77, flags: 0 },
      { fd: 5, type: 99, id: 5, flags: 0 },
    ],
    'fs-10.img': [{ cwd_id: 1, root_id: 1 }],
    'files.img': [
      { id: 1, type: 1, reg: { id: 1, name: '/etc/passwd' } },
      { id: 2, type: 2, pipe: { id: 2, pipe_id: 4242 } },
      { id: 3, type: 5, usk: { id: 3, ino: 7, peer: 8, name: bytes('\0a b=c') } },
    ],
  };

  it('names each kind of file as the Python crit does', () => {
    const [task] = taskFiles(imageSet(images));
    assert.deepEqual(
      task?.fds.map(({ file }) => file),
      ['/etc/passwd', 'pipe[4242]', 'unix[7 (8) =00a b=3Dc]', 'EVENTFD.4', 'unknown path', '99.5'],
    );
    assert.equal(task.cwd, '/etc/passwd');
  });

  it('a zombie, which has no descriptors, has none', () => {
    const [, zombie] = taskFiles(imageSet(images));
    assert.deepEqual(zombie, { pid: 11, files_id: undefined, fds: [], cwd: undefined, root: undefined });
  });

  it('images of old versions, one per kind of file, are looked into', () => {
    const [task] = taskFiles(
      imageSet({
        ...images,
        'files.img': [],
        'reg-files.img': [{ id: 1, name: '/old' }],
        'pipes.img': [{ id: 2, pipe_id: 5 }],
      }),
    );
    assert.deepEqual(
      task?.fds.slice(0, 3).map(({ file }) => file),
      ['/old', 'pipe[5]', 'unix[?]'],
    );
  });
});
