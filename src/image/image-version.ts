/** CRTOOLS_IMAGES_V1 and V1_1: what CRIU 4.2 reads, too. */
const VERSIONS = [1, 2];

/** Why img_version of an inventory is none that can be read; undefined when it is one. */
export const versionFault = (version: number): string | undefined =>
  VERSIONS.includes(version) ? undefined : `${version} is no version that crit knows (${VERSIONS.join(' and ')} are)`;
