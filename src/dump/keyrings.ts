import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { stringOfBytes } from '../image/utf8.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import {
  DESCRIPTION_BYTES,
  isUserSession,
  KEY_REQKEY_DEFL_DEFAULT,
  KEY_REQKEY_DEFL_NO_CHANGE,
  KEY_SPEC,
  KEYCTL_DESCRIBE,
  KEYCTL_GET_KEYRING_ID,
  KEYCTL_READ,
  KEYCTL_SET_REQKEY_KEYRING,
  SERIAL_BYTES,
} from '../kernel/uapi/keyctl.js';
import { answer, sysRaw } from '../native/sys.js';
import type { Batch } from '../task/batch.js';
import type { DumpContext } from './context.js';

export type Keyrings = Messages['keyrings_entry'];

/** The keyrings of a thread, and what of the process's one is not in its image. */
export interface ThreadKeyrings {
  readonly entry: Keyrings;
  /** 0 for none. */
  readonly processId: number;
}

/** 7 operations; none makes a keyring. @throws CritError UNSUPPORTED, when answering, for keys that would be lost */
export function askKeyrings(b: Batch, tid: number): () => ThreadKeyrings | undefined {
  b.reserve(7, DESCRIPTION_BYTES + 64);
  const idOf = (keyring: number) => b.tryCall('keyctl', KEYCTL_GET_KEYRING_ID, keyring, 0);
  const bytesOf = (keyring: number) => b.tryCall('keyctl', KEYCTL_READ, keyring, null, 0);
  const ids = { thread: idOf(KEY_SPEC.thread), process: idOf(KEY_SPEC.process), session: idOf(KEY_SPEC.session) };
  const sizes = {
    thread: bytesOf(KEY_SPEC.thread),
    process: bytesOf(KEY_SPEC.process),
    session: bytesOf(KEY_SPEC.session),
  };
  const requested = b.tryCall('keyctl', KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_NO_CHANGE);
  const text = b.out(DESCRIPTION_BYTES);
  const described = b.tryCall('keyctl', KEYCTL_DESCRIBE, KEY_SPEC.session, text, DESCRIPTION_BYTES);
  return () => {
    if (ids.session.value === -ERRNO.ENOSYS) return undefined;
    const own = (kind: 'thread' | 'process'): number => {
      const id = answer('keyctl', ids[kind].value, ['ENOKEY'], `task ${tid}: its ${kind} keyring`);
      if (id === undefined) return 0;
      if (sizes[kind].value === 0) return id;
      throw unsupported(`task ${tid} has a ${kind} keyring (${id}) with keys, or one that it may not read`);
    };
    const entry: Keyrings = {
      ...sessionOf(tid, ids.session.value, described.value, text.bytes, sizes.session.value),
      ...(own('thread') && { thread: true }),
    };
    const processId = own('process');
    if (processId !== 0) entry.process = true;
    if (requested.value !== KEY_REQKEY_DEFL_DEFAULT) entry.requested = requested.value;
    return { entry, processId };
  };
}

function sessionOf(tid: number, id: number, length: number, text: Uint8Array, sizeBytes: number): Keyrings {
  // it was ended at logout (pam_keyinit(8))
  if (id === -ERRNO.EKEYREVOKED) return { session_id: 0 };
  if (id < 0) answer('keyctl', id, [], `task ${tid}: its session keyring`);
  if (length <= 0 || length > text.length)
    throw unsupported(
      `task ${tid} has a session keyring (${id}) whose name cannot be read, or is longer than people give`,
    );
  const [, uid, gid, , ...name] = stringOfBytes(text, 0, length - 1).split(';');
  return {
    session_id: id,
    session_name: name.join(';'),
    session_uid: Number(uid),
    session_gid: Number(gid),
    ...(sizeBytes > 0 && { session_keys: Math.trunc(sizeBytes / SERIAL_BYTES) }),
  };
}

const unsupported = (what: string) => new CritError(`${what}: not supported yet`, { code: 'UNSUPPORTED' });

let crits: number | undefined;

/**
 * Looks at the keyrings of a process as a whole: its threads come back with what the process has when it is born.
 * @param threads leader first @throws CritError UNSUPPORTED
 */
export function checkKeyrings(ctx: DumpContext, pid: number, threads: readonly (ThreadKeyrings | undefined)[]): void {
  const [leader] = threads;
  if (!leader) return;
  const { entry, processId } = leader;
  for (const thread of threads) {
    if (thread?.entry.session_id !== entry.session_id)
      throw unsupported(`process ${pid} has a thread with a session keyring of its own`);
    if (thread.processId !== processId)
      throw unsupported(`process ${pid} has a process keyring that not all threads know`);
  }
  const { session_id: id, session_name: name = '', session_keys: keys = 0 } = entry;
  if (keys === 0 || isUserSession(name)) return;
  crits ??= sysRaw('keyctl', KEYCTL_GET_KEYRING_ID, KEY_SPEC.session, 0);
  if (id !== crits)
    ctx.log.warn(
      `process ${pid} has the session keyring ${JSON.stringify(name)} (${id}) with keys: it comes back if another process keeps it, and a restored process can find it; else it is a new one`,
    );
}
