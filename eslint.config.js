import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** The rooms below each room of src/: what it may import (besides itself). docs: the rooms of DESIGN. */
const below = {
  image: [],
  // What these two know of images is the base of all errors.
  kernel: ['image'],
  native: ['kernel', 'image'],
  task: ['image', 'kernel', 'native'],
  decode: ['image', 'kernel', 'native'],
  // A message that carries bytes of its own form is compared with what decoding makes of them.
  encode: ['image', 'kernel', 'native', 'decode'],
  inspect: ['image', 'kernel', 'native', 'decode', 'encode', 'task'],
  dump: ['image', 'kernel', 'native', 'decode', 'encode', 'task'],
  restore: ['image', 'kernel', 'native', 'decode', 'encode', 'task'],
  run: ['image', 'kernel', 'native', 'decode', 'encode', 'task', 'dump', 'restore'],
  cli: ['image', 'kernel', 'native', 'decode', 'encode', 'task', 'inspect', 'dump', 'restore', 'run'],
};

/** Images are read and written without the addon, on any OS. */
const withoutAddon = new Set(['image', 'decode', 'encode', 'inspect']);

const rooms = Object.entries(below).map(([room, allowed]) => {
  const lower = allowed.filter((name) => !withoutAddon.has(room) || (name !== 'native' && name !== 'task'));
  const forbidden = Object.keys(below).filter((name) => name !== room && !lower.includes(name));
  return {
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(${[...forbidden, 'index'].join('|')})(/|\\.js$)`,
              message: `src/${room} imports only itself${lower.length > 0 ? ` and ${lower.join(', ')}` : ''}.`,
            },
          ],
        },
      ],
    },
  };
});

export default defineConfig(
  { ignores: ['dist', 'build', 'coverage', 'fixtures', 'src/image/generated', 'src/task/generated', 'bin'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers are what messages here are made of.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      // Bytes within bounds that were checked a line above.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    // node:test reports what its promises do.
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
  {
    files: ['test/system/**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'node:test', message: 'test/root.js has a test() that skips where there is no root.' }] },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
  ...rooms,
);
