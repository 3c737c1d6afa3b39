import { readFileSync } from 'node:fs';
import { isInOwn } from '../../src/dump/namespaces.js';
import { IPC_SYSCTLS, readIpcSysctl, type IpcSysctl } from '../../src/kernel/proc/ipc-sysctls.js';
import { readMessageQueues, readSemaphoreSets } from '../../src/kernel/proc/sysvipc.js';
import { GETALL, IPC_NOWAIT, MSG_COPY, MSG_TYPE_BYTES } from '../../src/kernel/uapi/ipc.js';
import { sysRaw } from '../../src/native/sys.js';
import { insideNamespace } from '../../src/task/namespace.js';
import type { Facts } from './facts.js';

/** Columns of /proc/sysvipc that tell times, who used an object last, and pages in memory (docs/limits.md): from 0. */
const PASSING = { shm: [5, 11, 12, 13, 14, 15], sem: [8, 9], msg: [5, 6, 11, 12, 13] } as const;

/** Asks an IPC namespace of a tree's own. */
export function addIpc(facts: Facts, root: number): void {
  if (isInOwn(root, 'ipc'))
    insideNamespace(root, 'ipc', () => {
      ask(facts);
    });
}

function ask(facts: Facts): void {
  for (const name of Object.keys(IPC_SYSCTLS) as IpcSysctl[])
    facts.add(`IPC/${IPC_SYSCTLS[name]}`, readIpcSysctl(name)?.join(' ') ?? 'none');
  for (const [kind, passing] of Object.entries(PASSING)) {
    const lines = readFileSync(`/proc/sysvipc/${kind}`, 'latin1').trim().split('\n').slice(1);
    const kept = lines.map((line) =>
      line
        .trim()
        .split(/\s+/)
        .filter((_, at) => !(passing as readonly number[]).includes(at))
        .join(' '),
    );
    facts.addAll(`IPC/${kind}`, kept);
  }
  for (const { id, count } of readSemaphoreSets()) {
    const values = new Uint16Array(count);
    facts.add(`IPC/sem ${id}/values`, sysRaw('semctl', id, 0, GETALL, values) < 0 ? 'none' : values.join(' '));
  }
  for (const { id, bytes, messages } of readMessageQueues())
    for (let i = 0; i < messages; i++) {
      const room = Buffer.alloc(MSG_TYPE_BYTES + bytes);
      const n = sysRaw('msgrcv', id, room, bytes, i, IPC_NOWAIT | MSG_COPY);
      facts.add(`IPC/msg ${id}/message ${i}`, n < 0 ? `errno ${-n}` : room.toString('hex', 0, MSG_TYPE_BYTES + n));
    }
}
