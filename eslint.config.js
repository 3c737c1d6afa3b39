import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import crit from './eslint-rules/index.js';

/** The rooms below each room of src/: what it may import (besides itself). */
const base = ['image', 'arch', 'kernel', 'native'];
const engines = [...base, 'decode', 'encode', 'task', 'pages'];
const below = {
  image: [],
  // What these three know of images is their messages and the base of all errors.
  arch: ['image'],
  kernel: ['image', 'arch'],
  native: ['image', 'arch', 'kernel'],
  task: base,
  // Images are read and written without the addon, on any OS.
  decode: ['image', 'kernel'],
  // A message that carries bytes of its own form is compared with what decoding makes of them.
  encode: ['image', 'kernel', 'decode'],
  inspect: ['image', 'arch', 'kernel', 'decode', 'encode'],
  edit: ['image', 'kernel', 'decode', 'encode', 'inspect'],
  pages: [...base, 'decode', 'encode', 'task'],
  dump: engines,
  restore: engines,
  run: [...engines, 'dump', 'restore'],
  cli: [...engines, 'inspect', 'edit', 'dump', 'restore', 'run'],
};

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
    files: ['src/**/*.ts'],
    plugins: { crit },
    rules: {
      'crit/rooms': ['error', below],
      'crit/circles': 'error',
      'crit/kernel-constants': 'error',
      'crit/small-files': ['error', 16_000],
      // sockets, locks, namespaces, lazy memory and IPC are to come
      'crit/used-exports': [
        'error',
        [
          'clone',
          'ioctl',
          'mman',
          'mount',
          'open-flags',
          'prctl',
          'ptrace',
          'signal',
          'socket',
          'stat',
          'time',
          'userfaultfd',
          'wait',
        ],
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'NewExpression[callee.name="Error"]',
          message: 'What a user can meet is a CritError with a code; a fault of crit itself a TypeError or RangeError.',
        },
        {
          selector: ':not(VariableDeclarator) > CallExpression[callee.property.name="doing"]',
          message: 'What a batch is doing ends with the scope: using _doing = b.doing(...).',
        },
      ],
    },
  },
  {
    files: ['page/**/*.ts'],
    plugins: { crit },
    rules: { 'crit/small-files': ['error', 16_000] },
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
);
