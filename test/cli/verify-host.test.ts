import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readWhole } from '../../src/decode/image-reader.js';
import { encodeImage, type Image } from '../../src/index.js';
import { fixture } from '../project-path.js';
import { crit } from './run-crit.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-host-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** A fixture with the messages of one image changed. */
function changed(set: string, file: string, change: (messages: Record<string, unknown>[]) => void): string {
  const out = path.join(dir, set);
  cpSync(fixture(set), out, { recursive: true });
  const name = readdirSync(out).find((one) => one === file)!;
  const image = readWhole(readFileSync(path.join(out, name))) as Image;
  change(image.entries.map(({ message }) => message as Record<string, unknown>));
  writeFileSync(path.join(out, name), encodeImage(image));
  return out;
}

interface Finding {
  readonly code: string;
  readonly cause: string;
  readonly field?: string;
}

function findings(set: string): Finding[] {
  const { status, stdout } = crit(['verify', set, '--host', '--json']);
  assert.equal(status, 1); // their pages are not kept with the fixtures
  return (JSON.parse(stdout.toString()) as { findings: Finding[] }).findings;
}
const ofCode = (set: string, code: string) => findings(set).filter((finding) => finding.code === code);

test('a port that a socket of the set is bound to and somebody else has is told', async () => {
  const taken = createSocket('udp4');
  await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve));
  const { port } = taken.address();
  const set = changed('udp', 'files.img', (files) => {
    const socket = files.map((file) => file['isk']).find((one) => one !== undefined) as { src_port: number };
    socket.src_port = port;
  });
  const isHere = ofCode(set, 'V_HOST_PORT').filter(({ cause }) => cause.includes(String(port)));
  await new Promise<void>((resolve) => taken.close(resolve));
  assert.deepEqual(
    isHere.map(({ cause, field }) => [cause, field]),
    [[`port ${port} is in use here (/proc/net/udp)`, 'isk.src_port']],
  );
  assert.ok(!ofCode(set, 'V_HOST_PORT').some(({ cause }) => cause.includes(String(port))));
});

test('a pid that is in use here, and one that cannot be had, are told', () => {
  const set = changed('pipes', 'pstree.img', (tasks) => {
    tasks[0]!['pid'] = process.pid;
    tasks[0]!['threads'] = [process.pid, 0x3fffffff];
  });
  const causes = ofCode(set, 'V_HOST_PID').map(({ cause }) => cause);
  assert.ok(causes.includes(`pid ${process.pid} is in use here`), causes.join('\n'));
  assert.ok(causes.some((cause) => /^pid 1073741823 cannot be had here \(pid_max is \d+\)$/.test(cause)));
});
