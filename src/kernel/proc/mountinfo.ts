import type { Pid } from '../../image/pid.js';
import { unescapeOctal } from './octal-escape.js';
import { procPath, ProcFileError, readProcText } from './proc-file.js';

/** A mount as /proc/PID/mountinfo shows it (proc_pid_mountinfo(5)). Paths are as the process sees them. */
export interface MountInfo {
  id: number;
  parentId: number;
  devMajor: number;
  devMinor: number;
  /** Which part of the file system is mounted; ends in "//deleted" when that directory is gone. */
  root: string;
  mountPoint: string;
  /** Per-mount options: "rw", "nosuid", "relatime", ... */
  options: string[];
  /** Peer group, when the mount is shared. */
  shared: number | undefined;
  /** Peer group it receives from, when it is a slave. */
  master: number | undefined;
  /** Nearest group in the process's root that propagates to it. */
  propagateFrom: number | undefined;
  unbindable: boolean;
  /** "ext4", "fuse.sshfs", ... */
  fsType: string;
  source: string;
  /** Per-superblock options. */
  superOptions: string[];
}

/** The text of a mountinfo file. */
export function parseMountInfo(text: string, source = 'mountinfo'): MountInfo[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const words = line.split(' ');
      const dash = words.indexOf('-', 6);
      const [major, minor] = (words[2] ?? '').split(':');
      if (dash < 0 || minor === undefined || words.length < dash + 4)
        throw new ProcFileError(source, 'PROC_FORMAT', `not understood: ${JSON.stringify(line.slice(0, 200))}`);
      const optional = words.slice(6, dash);
      const group = (name: string): number | undefined => {
        const word = optional.find((w) => w.startsWith(`${name}:`));
        return word === undefined ? undefined : Number(word.slice(name.length + 1));
      };
      return {
        id: Number(words[0]),
        parentId: Number(words[1]),
        devMajor: Number(major),
        devMinor: Number(minor),
        root: unescapeOctal(words[3]!),
        mountPoint: unescapeOctal(words[4]!),
        options: words[5]!.split(','),
        shared: group('shared'),
        master: group('master'),
        propagateFrom: group('propagate_from'),
        unbindable: optional.includes('unbindable'),
        fsType: unescapeOctal(words[dash + 1]!),
        source: unescapeOctal(words[dash + 2]!),
        superOptions: words
          .slice(dash + 3)
          .join(' ')
          .split(',')
          .map(unescapeOctal),
      };
    });
}

/** The mounts that a process sees. Those outside its root are left out. @throws ProcGone */
export function readMountInfo(pid: Pid): MountInfo[] {
  return parseMountInfo(readProcText(pid, 'mountinfo'), procPath(pid, 'mountinfo'));
}
