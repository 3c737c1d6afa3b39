import { CritError } from '../image/errors.js';
import { CRIU_FEATURES, askCriuFeature } from '../kernel/features/criu-features.js';
import { Features, type Answer, type SyscallFunction } from '../kernel/features/features.js';
import { checkPrivileges } from './privileges.js';

/** A feature of the kernel. */
export interface CheckedFeature {
  readonly name: string;
  /** Whether this kernel has it, and this user may use it. */
  readonly here: Answer;
  /** Whether crit makes use of it. */
  readonly used: boolean;
  /** Whether crit cannot do without. */
  readonly required: boolean;
  /** The kernel that brought it; absent for what CRIU names. */
  readonly since?: string;
  readonly purpose: string;
}

/** Whether dump and restore can work here. */
export interface CheckResult {
  readonly ok: boolean;
  /** Why they cannot. */
  readonly problems: readonly CritError[];
  /** Features beyond the basic ones that were asked for and are not here. */
  readonly missing: readonly string[];
  readonly features: readonly CheckedFeature[];
}

/** Features beyond those that crit builds on. */
export interface CheckedToo {
  /** Those that CRIU uses when they are there. */
  readonly extra: boolean;
  readonly experimental: boolean;
}

/** crit's own system calls; without the addon many answers are "unknown". */
export async function ownSyscalls(): Promise<SyscallFunction> {
  const { addon } = await import('../native/addon.js');
  addon();
  return (await import('../native/sys.js')).sysRaw;
}

/** One problem for all required features that are missing, one for those that cannot be told. */
function missing(features: readonly CheckedFeature[]): CritError[] {
  const problem = (here: Answer, what: string): CritError[] => {
    const names = features.filter((feature) => feature.required && feature.here === here).map(({ name }) => name);
    const message = `crit cannot do without, and ${what}: ${names.join(', ')}`;
    return names.length > 0 ? [new CritError(message, { code: 'MISSING_FEATURE' })] : [];
  };
  return [...problem('no', 'there is not here'), ...problem('unknown', 'it cannot be told from here')];
}

function basicFeatures(syscall: SyscallFunction | undefined): CheckedFeature[] {
  return new Features(syscall).all().map(({ name, feature, answer }) => ({
    name,
    here: answer,
    used: feature.later !== true,
    required: feature.required === true,
    since: feature.since,
    purpose: feature.purpose,
  }));
}

function moreFeatures(too: CheckedToo, syscall: SyscallFunction | undefined): CheckedFeature[] {
  return Object.entries(CRIU_FEATURES)
    .filter(([, { experimental, onRequest }]) => !onRequest && (experimental ? too.experimental : too.extra))
    .map(([name, feature]) => ({
      name,
      here: askCriuFeature(feature, syscall),
      used: feature.used === true,
      required: false,
      purpose: feature.what,
    }));
}

/** Asks this kernel, and looks at the rights of this process. Nothing is changed. */
export async function check(too: CheckedToo): Promise<CheckResult> {
  const problems: CritError[] = [];
  const noted = (error: unknown) => {
    if (!(error instanceof CritError)) throw error;
    problems.push(error);
    return undefined;
  };
  const syscall = await ownSyscalls().catch(noted);
  try {
    checkPrivileges();
  } catch (error) {
    noted(error);
  }
  const basic = basicFeatures(syscall);
  const more = moreFeatures(too, syscall);
  problems.push(...missing(basic));
  const lacking = more.filter(({ here }) => here === 'no').map(({ name }) => name);
  return {
    ok: problems.length === 0 && lacking.length === 0,
    problems,
    missing: lacking,
    features: [...basic, ...more],
  };
}
