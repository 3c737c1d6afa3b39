import { existsSync, readFileSync } from 'node:fs';
import { Lsmtype } from '../../image/generated/messages.js';
import type { Rule } from './finding.js';

const FILES = '/sys/kernel/security';
const MODULES: readonly { type: number; name: string; isActive: () => boolean }[] = [
  { type: Lsmtype.SELINUX, name: 'SELinux', isActive: () => existsSync('/sys/fs/selinux/enforce') },
  {
    type: Lsmtype.APPARMOR,
    name: 'AppArmor',
    isActive: () => contentOf('/sys/module/apparmor/parameters/enabled') === 'Y',
  },
];

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Names of the AppArmor profiles that are loaded; undefined when that may not be known. */
const loadedProfiles = (): Set<string> | undefined => {
  const text = contentOf(`${FILES}/apparmor/profiles`);
  return text === undefined ? undefined : new Set(text.split('\n').map((line) => line.replace(/ \([a-z]+\)$/, '')));
};

/** The security modules of this machine. */
export const hostSecurityRules: readonly Rule[] = [
  {
    code: 'V_HOST_LSM',
    severity: 'error',
    checks: 'the security module that labelled the processes is active here, and has their profiles',
    todo: 'restore where it is active and the profile is loaded, or with another one (--lsm-profile of CRIU)',
    task: (task, report, set) => {
      if (process.platform !== 'linux') return;
      const type = set.inventory?.lsmtype ?? Lsmtype.NO_LSM;
      const module = MODULES.find((one) => one.type === type);
      for (const { core, image } of task.threads) {
        const label = core.thread_core?.creds?.lsm_profile;
        if (label === undefined || label === 'unconfined') continue;
        const place = { image, entry: 0, field: 'thread_core.creds.lsm_profile' };
        if (module && !module.isActive()) report(place, `it is a label of ${module.name}, which is not active here`);
        else if (type === Lsmtype.APPARMOR && !set.sizes.has('apparmor.img')) {
          const loaded = loadedProfiles();
          const name = label.replace(/ \([a-z]+\)$/, '');
          if (loaded && !loaded.has(name)) report(place, `no profile ${JSON.stringify(name)} is loaded here`);
        }
      }
    },
  },
];
