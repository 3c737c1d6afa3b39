import assert from 'node:assert/strict';
import test from 'node:test';
import { seenByCrit, type ImagePid, type Pid } from '../../src/image/pid.js';

test('a number of the images is none of crit until it is converted', () => {
  const inImages: ImagePid = 7;
  // @ts-expect-error -- what this test is about
  const mixed: Pid = inImages;
  assert.equal(seenByCrit(inImages), mixed);
});
