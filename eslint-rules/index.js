import circles from './circles.js';
import kernelConstants from './kernel-constants.js';
import rooms from './rooms.js';
import smallFiles from './small-files.js';
import usedExports from './used-exports.js';

/** What must stay true of the house, and what no other linter knows. test/lint.test.ts shows each fail. */
export default {
  rules: {
    circles,
    'kernel-constants': kernelConstants,
    rooms,
    'small-files': smallFiles,
    'used-exports': usedExports,
  },
};
