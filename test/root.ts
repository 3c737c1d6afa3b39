import { existsSync } from 'node:fs';
import { describe as nodeDescribe, test as nodeTest, type SuiteFn, type TestFn, type TestOptions } from 'node:test';
import { hasCapability } from '../src/kernel/uapi/capability.js';
import { readStatus } from '../src/kernel/proc/status.js';
import { projectPath } from './project-path.js';

function whyNot(): string | false {
  if (process.platform !== 'linux') return 'dumping and restoring needs Linux';
  if (!existsSync(projectPath('build/Release/crit.node'))) return 'the native part is not built';
  if (process.getuid?.() !== 0) return 'needs root';
  return hasCapability(readStatus(process.pid).capEff, 'CAP_SYS_ADMIN') ? false : 'needs CAP_SYS_ADMIN';
}

export { after, before, type TestContext } from 'node:test';

/** Why real processes cannot be dumped and restored here; false where they can. */
export const NEEDS_ROOT: string | false = whyNot();

/**
 * `test` of node:test for what needs root: skipped, in words, where it cannot work. The tests in test/system use it
 * without exception.
 */
export function test(name: string, optionsOrFn: TestOptions | TestFn, fn?: TestFn): Promise<void> {
  const [options, run] = typeof optionsOrFn === 'function' ? [{}, optionsOrFn] : [optionsOrFn, fn];
  return nodeTest(name, NEEDS_ROOT === false ? options : { ...options, skip: NEEDS_ROOT }, run);
}

/** `describe` of node:test, in the same way. */
export function describe(name: string, fn: SuiteFn): Promise<void> {
  return nodeDescribe(name, { skip: NEEDS_ROOT }, fn);
}
