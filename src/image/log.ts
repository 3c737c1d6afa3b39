/** Where engines say what they do: CRIU's levels 1 (error), 2 (warning), 3 (info), 4 (debug). src/cli makes one that writes. */
export interface Log {
  error(text: string): void;
  warn(text: string): void;
  info(text: string): void;
  debug(text: string): void;
}

/** Says nothing. */
export const QUIET: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};
