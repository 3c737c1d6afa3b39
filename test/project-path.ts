import { fileURLToPath } from 'node:url';
import path from 'node:path';

/** The project's directory, seen from dist/test. */
export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** A path below the project's directory. */
export const projectPath = (...parts: string[]): string => path.join(PROJECT, ...parts);

/** A fixture image set, or a file in it. */
export const fixture = (...parts: string[]): string => projectPath('fixtures/sets', ...parts);
