/** A way to look at an image directory: its data, and that data as plain text and for a terminal. */
export interface View {
  /** For `--json`: counts are numbers, flags have names, addresses are bigint. */
  readonly data: unknown;
  /** As the Python crit prints it, for scripts, in pieces. */
  readonly plain: () => Iterable<string>;
  /** In pieces. */
  readonly terminal: () => AsyncIterable<string>;
  /** What is wrong with the images, for standard error. */
  readonly warnings?: readonly string[];
}
