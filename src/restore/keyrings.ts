import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Log } from '../image/log.js';
import type { Messages } from '../image/generated/messages.js';
import { pathBytes } from '../image/path-bytes.js';
import { stringOfBytes } from '../image/utf8.js';
import {
  ANONYMOUS,
  DESCRIPTION_BYTES,
  isUserSession,
  KEY_REQKEY_DEFL_LAST,
  KEY_SPEC,
  KEYCTL_CHOWN,
  KEYCTL_DESCRIBE,
  KEYCTL_GET_KEYRING_ID,
  KEYCTL_JOIN_SESSION_KEYRING,
  KEYCTL_REVOKE,
  KEYCTL_SET_REQKEY_KEYRING,
} from '../kernel/uapi/keyctl.js';
import { SECBIT_NO_SETUID_FIXUP } from '../kernel/uapi/prctl.js';
import { sysRaw } from '../native/sys.js';
import type { Batch } from '../task/batch.js';
import type { RestoreTask } from './context.js';
import type { Part } from './part.js';

type Keyrings = Messages['keyrings_entry'];

/**
 * Keyrings. A session keyring is had by those who are born of the one who has joined it, so it is joined at birth: by its
 * name, if there is one that the kernel lets its owner find, else as a new one. crit's own stays with nobody whose it was not:
 * who has it may use its keys. A user's own is joined when a thread is the user's; keyrings of threads are made then, too.
 */
export class KeyringJoiner {
  readonly #log: Log;
  /** Who has the session keyring of crit. */
  readonly #crits = new Set<RestoreTask>();
  readonly #own: number;

  /** @throws CritError BAD_IMAGE */
  constructor(log: Log, tasks: readonly RestoreTask[]) {
    this.#log = log;
    this.#own = sysRaw('keyctl', KEYCTL_GET_KEYRING_ID, KEY_SPEC.session, 0);
    for (const task of tasks) for (const [i] of task.tids.entries()) check(task, i);
  }

  part(): Part {
    return {
      name: 'session keyrings',
      at: {
        birth: ({ task, b, from }) => {
          if (!from || this.#crits.has(from)) this.#crits.add(task);
          const wanted = of(task, 0);
          if (!wanted) return;
          const had = from ? of(from, 0)?.session_id : this.#own;
          if (wanted.session_id !== had && !isUserSession(wanted.session_name ?? '')) {
            this.#crits.delete(task);
            join(this.#log, task, b, wanted);
          }
          if (wanted.process) b.call('keyctl', KEYCTL_GET_KEYRING_ID, KEY_SPEC.process, 1);
        },
      },
    };
  }

  /** What a thread does that has its credentials by now. It may lose its parent's death signal, and become not dumpable. */
  ofThread(task: RestoreTask, index: number, b: Batch): void {
    const wanted = of(task, index);
    if (!wanted) return;
    using _doing = b.doing('making keyrings');
    if (wanted.thread) b.call('keyctl', KEYCTL_GET_KEYRING_ID, KEY_SPEC.thread, 1);
    if (wanted.requested) b.call('keyctl', KEYCTL_SET_REQKEY_KEYRING, wanted.requested);
    const { session_id: id, session_name: name = '', session_uid: uid = 0 } = wanted;
    if (!isUserSession(name) || (this.#crits.has(task) && id === this.#own)) return;
    const creds = task.cores[index]?.thread_core?.creds;
    const turns = creds !== undefined && creds.fsuid !== uid && mayTurn(creds, uid);
    const users = b.tryCall('keyctl', KEYCTL_GET_KEYRING_ID, KEY_SPEC.userSession, 0);
    if (turns) b.call('setfsuid', uid);
    const joined = b.tryCall('keyctl', KEYCTL_JOIN_SESSION_KEYRING, pathBytes(name));
    if (turns) b.call('setfsuid', creds.fsuid);
    b.run();
    // 0: it has it already
    if (joined.value === 0 || (joined.value > 0 && joined.value === users.value)) return;
    b.call('keyctl', KEYCTL_JOIN_SESSION_KEYRING, null);
    this.#log.warn(`process ${task.pid}: the session keyring ${name} cannot be joined by its user: it has another one`);
  }
}

/** Whether a thread can be another user to files for a moment, and have all capabilities again that it had. */
function mayTurn(
  { fsuid, cap_eff: eff = [], cap_prm: prm = [], secbits }: Messages['creds_entry'],
  uid: number,
): boolean {
  if ((fsuid !== 0 && uid !== 0) || secbits & SECBIT_NO_SETUID_FIXUP) return true;
  return eff.every((half, i) => half === prm[i]);
}

const of = (task: RestoreTask, index: number): Keyrings | undefined => task.cores[index]?.thread_core?.keyrings;

function check(task: RestoreTask, index: number): void {
  const { requested = 0, session_name: name = '' } = of(task, index) ?? {};
  if (requested <= KEY_REQKEY_DEFL_LAST && name.length < DESCRIPTION_BYTES && !name.includes('\0')) return;
  throw new CritError(
    `${imageFileName('CORE', task.tids[index])}: thread_core.keyrings has a name that is too long, or no such place for keys`,
    { code: 'BAD_IMAGE' },
  );
}

/** By a process that is root's still, in the name of the owner. */
function join(log: Log, { pid }: RestoreTask, b: Batch, wanted: Keyrings): void {
  const { session_id: id, session_name: name, session_uid: uid = 0, session_gid: gid = 0, session_keys: keys } = wanted;
  using _doing = b.doing('joining a session keyring');
  const fresh = () => {
    b.call('keyctl', KEYCTL_JOIN_SESSION_KEYRING, null);
  };
  if (id === 0) {
    fresh();
    b.call('keyctl', KEYCTL_REVOKE, KEY_SPEC.session);
    return;
  }
  b.reserve(4, DESCRIPTION_BYTES + 2 * (name?.length ?? 0) + 64);
  b.call('setfsuid', uid);
  if (name === undefined || name === ANONYMOUS) fresh();
  else b.call('keyctl', KEYCTL_JOIN_SESSION_KEYRING, pathBytes(name));
  b.call('setfsuid', 0);
  const joined = describe(b);
  b.run();
  const found = joined();
  if (found.id === id) return;
  // somebody else's of that name
  if (found.name !== name || (found.uid !== uid && found.uid !== 0)) fresh();
  if (uid !== found.uid || gid !== found.gid) b.call('keyctl', KEYCTL_CHOWN, KEY_SPEC.session, uid, gid);
  if (keys)
    log.warn(
      `process ${pid}: its session keyring ${JSON.stringify(name)} (${id}), which had ${keys} keys, is not there any more, or cannot be found by its name: it has another one`,
    );
}

interface Found {
  readonly id: number;
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** What the session keyring is, by what the puppet answers. */
function describe(b: Batch): () => Found {
  b.reserve(2, DESCRIPTION_BYTES + 64);
  const text = b.out(DESCRIPTION_BYTES);
  const id = b.tryCall('keyctl', KEYCTL_GET_KEYRING_ID, KEY_SPEC.session, 0);
  const length = b.tryCall('keyctl', KEYCTL_DESCRIBE, KEY_SPEC.session, text, DESCRIPTION_BYTES);
  return () => {
    const end = Math.max(0, Math.min(length.value, DESCRIPTION_BYTES) - 1);
    const [, uid, gid, , ...name] = stringOfBytes(text.bytes, 0, end).split(';');
    return { id: id.value, uid: Number(uid), gid: Number(gid), name: name.join(';') };
  };
}
