import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check, CritError, dump, plan, restore } from '../../src/index.js';

const WRONG: readonly (readonly [what: string, call: () => Promise<unknown>, message: RegExp])[] = [
  ['no options', () => dump(undefined as never), /^dump\(\): its options are an object, not undefined$/],
  ['null', () => restore(null as never), /^restore\(\): its options are an object, not null$/],
  ['no pid', () => dump({ imagesDir: '.' } as never), /^dump\(\): pid is missing$/],
  ['no directory', () => restore({} as never), /^restore\(\): imagesDir is missing$/],
  ['an empty directory', () => plan({ imagesDir: '' }), /^plan\(\): imagesDir is a name of a file, not ""$/],
  ['a pid as text', () => dump({ pid: '1', imagesDir: '.' } as never), /^dump\(\): pid is a process id, not "1"$/],
  ['pid 0', () => dump({ pid: 0, imagesDir: '.' }), /^dump\(\): pid is a process id, not 0$/],
  [
    'a typing error',
    () => dump({ pid: 1, imagesDir: '.', leaveRuning: true } as never),
    /there is no option leaveRuning$/,
  ],
  [
    'a word for a flag',
    () => restore({ imagesDir: '.', shellJob: 'yes' } as never),
    /shellJob is true or false, not "yes"$/,
  ],
  [
    'an unknown mode',
    () => restore({ imagesDir: '.', cgroups: 'hard' } as never),
    /cgroups is ignore or none or props or soft or full or strict, not "hard"$/,
  ],
  ['no signal', () => check({ signal: {} } as never), /^check\(\): signal is an AbortSignal, not an object$/],
  ['no logger', () => check({ log: { info: () => undefined } } as never), /log is an object with error, warn, /],
  ['no listener', () => dump({ pid: 1, imagesDir: '.', onProgress: 1 } as never), /onProgress is a function, not 1$/],
  [
    'one script',
    () => dump({ pid: 1, imagesDir: '.', actionScripts: 'a' } as never),
    /actionScripts is a list of programs/,
  ],
  [
    'an external of another type',
    () => dump({ pid: 1, imagesDir: '.', externals: { 'net[1]': 'x' } }),
    /externals is an object with a name for each unix\[INODE\], file\[MOUNT:INODE\] or tty\[RDEV:DEV\], not an object$/,
  ],
  [
    'a descriptor that is not open',
    () => restore({ imagesDir: '.', inheritFds: { 'pipe:[1]': 99999 } }),
    /inheritFds is an object with an open descriptor for each name/,
  ],
  [
    'an unknown part of the processor',
    () => restore({ imagesDir: '.', cpuCaps: ['gpu'] } as never),
    /cpuCaps is a list of fpu, ins, cpu/,
  ],
  [
    'a control group that is a number',
    () => restore({ imagesDir: '.', cgroupRoots: { pids: 1 } } as never),
    /cgroupRoots is an object with a path for each controller/,
  ],
  [
    'both ends',
    () => dump({ pid: 1, imagesDir: '.', leaveRunning: true, leaveStopped: true }),
    /^dump\(\): leaveRunning and leaveStopped exclude each other$/,
  ],
];

describe('the options of the library', () => {
  for (const [what, call, message] of WRONG)
    it(`are refused: ${what}`, () =>
      assert.rejects(
        call,
        (error) => error instanceof CritError && error.code === 'BAD_ARGUMENT' && message.test(error.message),
      ));
});
