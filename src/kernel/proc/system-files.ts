import { readdirSync, readFileSync } from 'node:fs';

// Files of /proc that are not about one process.

/** A value under /proc/sys ("kernel.pid_max"), trimmed; undefined where the kernel has none. */
export function readSysctl(name: string): string | undefined {
  return readText(`/proc/sys/${name.replaceAll('.', '/')}`);
}

/** "6.18.44-foo" */
export function kernelRelease(): string {
  return readSysctl('kernel.osrelease') ?? 'unknown';
}

/** Whether the running kernel is at least "5.9". */
export function kernelAtLeast(version: string, release = kernelRelease()): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const [wantMajor = 0, wantMinor = 0] = version.split('.').map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

/** File system types that the kernel has now; modules may bring more. */
export function fileSystems(): Set<string> {
  const text = readText('/proc/filesystems') ?? '';
  return new Set(text.split('\n').map((line) => line.slice(line.indexOf('\t') + 1).trim()));
}

/** Sizes of huge pages that the kernel has, bytes (Documentation/admin-guide/mm/hugetlbpage.rst). */
export function hugePageSizes(): number[] {
  try {
    return readdirSync('/sys/kernel/mm/hugepages').flatMap((name) => {
      const kib = /^hugepages-(\d+)kB$/.exec(name)?.[1];
      return kib === undefined ? [] : [Number(kib) * 1024];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return []; // a kernel without huge pages
  }
}

/** A new random UUID of the kernel's (random(4)). */
export function randomUuid(): string {
  return readFileSync('/proc/sys/kernel/random/uuid', 'utf8').trim();
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
