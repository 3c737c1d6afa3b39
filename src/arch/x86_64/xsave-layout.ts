import type { Cpuid } from '../arch.js';

/** Where a component of the XSAVE standard form is, bytes. */
export interface XsavePlace {
  offset: number;
  sizeBytes: number;
}

/** CPUID leaf 0xd (Intel SDM vol. 1, 13.2): subleaf i describes component i. */
const LEAF_XSAVE = 0xd;
const FIRST_EXTENDED = 2;
const NR_COMPONENTS = 63;

let layout: ReadonlyMap<number, XsavePlace> | undefined;

/**
 * The extended components of this processor by their bit in XSTATE_BV. Processors differ: AMD's, which never had MPX, put
 * the AVX-512 components 256 bytes lower than Intel's. Supervisor components, which user space never sees, have no place.
 */
export function xsaveLayout(cpuid: Cpuid): ReadonlyMap<number, XsavePlace> {
  if (layout) return layout;
  const places = new Map<number, XsavePlace>();
  for (let bit = FIRST_EXTENDED; bit < NR_COMPONENTS; bit++) {
    const [sizeBytes = 0, offset = 0, flags = 0] = cpuid(LEAF_XSAVE, bit);
    if (sizeBytes && offset && !(flags & 1)) places.set(bit, { offset, sizeBytes });
  }
  return (layout = places);
}
