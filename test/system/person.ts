import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { comes, sleep, Subject } from './round-trip.js';

/** A person at a terminal of 24 lines, on which a program runs: types what it is told, and writes down what appears. */
const PERSON = `
import ctypes, fcntl, json, os, pty, select, struct, sys, termios
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) # PR_SET_CHILD_SUBREAPER: daemons stay in the tree
os.environ['PS1'] = 'PROMPT:'
keys = os.open('keys', os.O_RDWR | os.O_NONBLOCK)
pid, terminal = pty.fork()
def size(rows, columns): fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('4H', rows, columns, 0, 0))
if pid == 0:
    while os.get_terminal_size(0).lines == 0: pass
    os.execvp(sys.argv[1], sys.argv[1:])
size(24, 80)
told = b''
while True:
    for ready in select.select([keys, terminal], [], [])[0]:
        try: got = os.read(ready, 65536)
        except OSError: got = b''
        if ready == terminal:
            if not got: os._exit(0)
            os.write(1, got)
        else:
            *lines, told = (told + got).split(b'\\n')
            for line in lines:
                what = json.loads(line)
                if isinstance(what, str): os.write(terminal, what.encode())
                else: size(*what)
`;

export class Person extends Subject {
  constructor(command: string, args: readonly string[], prepare: (dir: string) => void = () => undefined) {
    super('python3', ['-c', PERSON, command, ...args], { TERM: 'screen', HOME: '/nowhere' }, (dir) => {
      spawnSync('mkfifo', [path.join(dir, 'keys')]);
      prepare(dir);
    });
  }

  /** Types keys, or changes the size of the window. */
  does(what: string | [rows: number, columns: number]): void {
    appendFileSync(path.join(this.dir, 'keys'), `${JSON.stringify(what)}\n`);
  }

  /** Types, or changes the size, and waits for what appears. */
  async ask(keys: string | [rows: number, columns: number], answer: string | RegExp): Promise<void> {
    const before = this.output.length;
    this.does(keys);
    await this.says(answer, before);
  }

  /** Waits until a file of its directory has a text. */
  async writes(name: string, text: string): Promise<void> {
    const file = path.join(this.dir, name);
    if (await comes(() => existsSync(file) && readFileSync(file, 'utf8') === text)) return;
    throw new Error(`${file}: ${existsSync(file) ? readFileSync(file, 'utf8') : 'is not there'}, not ${text}`);
  }

  async quiet(): Promise<void> {
    for (let before = -1; before !== this.output.length; await sleep(300)) before = this.output.length;
  }
}

/** Dumps it while it runs, then ends and restores it: nothing of that is to be seen. */
export async function isUnseen(person: Person, dumps = 1, ...options: string[]): Promise<void> {
  await person.quiet();
  const before = person.output;
  for (let i = 0; i < dumps; i++) await person.dump('-R', ...options);
  await person.dump(...options);
  person.restore(...options);
  await sleep(100);
  assert.equal(person.output, before);
}
