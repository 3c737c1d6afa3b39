import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, lchownSync, chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { openRegularFile } from '../../src/image/regular-file.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-files-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});
const at = (name: string) => path.join(dir, name);
const refused = (file: string, code: string, message: RegExp) => {
  assert.throws(() => openRegularFile(file), { code, message });
};
const opens = (file: string) => {
  const { fd, path: found } = openRegularFile(file);
  closeSync(fd);
  return found;
};
const root = process.getuid?.() === 0 ? false : 'needs root, to give files to another user';
const linux = process.platform === 'linux' ? false : 'needs Linux';
writeFileSync(at('file'), 'bytes');

describe('only regular files of real file systems are opened', () => {
  it('a file is', () => {
    assert.equal(opens(at('file')), at('file'));
  });
  it('nothing else is, and no opening waits', { skip: linux }, () => {
    execFileSync('mkfifo', [at('fifo')]);
    refused(at('fifo'), 'NOT_A_FILE', /a FIFO, not an image/);
    refused(dir, 'NOT_A_FILE', /a directory/);
    refused('/dev/zero', 'NOT_A_FILE', /a character device/);
    refused('/proc/self/status', 'NOT_A_FILE', /pseudo file system procfs/);
    refused(at('nothing'), 'NO_IMAGE', /no such file/);
  });
});

describe('symbolic links', () => {
  it('of crit’s own user are followed, over directories too', () => {
    mkdirSync(at('real'));
    writeFileSync(at('real/image'), '');
    symlinkSync('real', at('directory'));
    symlinkSync('directory/../directory/image', at('link'));
    symlinkSync(at('link'), at('again'));
    assert.equal(opens(at('again')), at('real/image'));
  });
  it('to what is no file are refused', { skip: linux }, () => {
    symlinkSync('/proc/version', at('proc'));
    symlinkSync('fifo', at('to-fifo'));
    refused(at('proc'), 'NOT_A_FILE', /procfs/);
    refused(at('to-fifo'), 'NOT_A_FILE', /FIFO/);
  });
  it('that lead nowhere are not the same as no file', () => {
    symlinkSync('nowhere', at('dangling'));
    symlinkSync('circle', at('circle'));
    refused(at('dangling'), 'BROKEN_LINK', /leads nowhere/);
    refused(at('circle'), 'BROKEN_LINK', /leads nowhere/);
  });
  it('of another user are refused, wherever on the way they are', { skip: root }, () => {
    symlinkSync('file', at('foreign'));
    lchownSync(at('foreign'), 65534, 65534);
    symlinkSync('foreign', at('over-foreign'));
    refused(at('foreign'), 'FOREIGN_LINK', /of user 65534/);
    refused(at('over-foreign'), 'FOREIGN_LINK', /leads over .*foreign/);
  });
  it('in a directory that others can write to are refused', { skip: root }, () => {
    mkdirSync(at('open'));
    symlinkSync('../file', at('open/link'));
    chmodSync(at('open'), 0o777);
    refused(at('open/link'), 'FOREIGN_LINK', /others can change/);
    chmodSync(at('open'), 0o1777); // as /tmp: others cannot put theirs in the place of this one
    assert.equal(opens(at('open/link')), at('file'));
  });
});
