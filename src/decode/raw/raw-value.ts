/** What a raw image's view is made of: JSON values, with bigint where a number may exceed 2^53. */
export type RawValue =
  string | number | bigint | boolean | null | readonly RawValue[] | { readonly [key: string]: RawValue };

/** A raw image that is not what it should be, and where. What was sound before that place is in the view all the same. */
export interface Damage {
  /** Bytes from the start of the file (of the unpacked archive, for a tar.gz). */
  readonly offsetBytes: number;
  /** The message or member it was found in, from 0; absent when it is the file as a whole. */
  readonly entry?: number;
  readonly field?: string;
  readonly reason: string;
}
