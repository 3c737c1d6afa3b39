/** A way to look at an image directory: its data, and that data as plain text and for a terminal. */
export interface View {
  readonly data: unknown;
  /** As the Python crit prints it, for scripts. */
  readonly plain: () => string;
  readonly terminal: () => Promise<string>;
}
