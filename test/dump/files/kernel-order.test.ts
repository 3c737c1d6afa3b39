import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KernelOrder } from '../../../src/dump/files/kernel-order.js';

/** Objects are numbers here, ordered as kcmp(2) orders addresses; items are who refers to one. */
interface Item {
  readonly name: number;
  readonly object: number;
}

function sorted() {
  let comparisons = 0;
  const order = new KernelOrder<Item>((a, b) => {
    comparisons++;
    return a.object === b.object ? 0 : a.object < b.object ? 1 : 2;
  });
  return { order, comparisons: () => comparisons };
}

/** Adds all, and checks that the first of each object is what the others are told. */
function addAll(objects: readonly number[], rankOf: (object: number, name: number) => number | undefined) {
  const { order, comparisons } = sorted();
  const first = new Map<number, Item>();
  for (const [name, object] of objects.entries()) {
    const item = { name, object };
    assert.equal(order.findOrAdd(item, rankOf(object, name)), first.get(object));
    if (!first.has(object)) first.set(object, item);
  }
  assert.deepEqual(
    order.items.map((item) => item.object),
    [...first.keys()].sort((a, b) => a - b),
  );
  return comparisons();
}

const objects = fc.array(fc.nat(200), { maxLength: 300 });

describe('the order of kernel objects', () => {
  it('finds equal ones without a guess', () => {
    fc.assert(
      fc.property(objects, (all) => {
        addAll(all, () => undefined);
      }),
    );
  });

  it('finds them whatever is guessed', () => {
    fc.assert(
      fc.property(objects, fc.func(fc.option(fc.integer(), { nil: undefined })), (all, guess) => {
        addAll(all, (object, name) => guess(object, name));
      }),
    );
  });

  it('takes two comparisons an item where the guesses are right', () => {
    fc.assert(
      fc.property(objects, (all) => {
        assert.ok(addAll(all, (object) => object) <= 2 * all.length);
      }),
    );
  });

  it('takes few more where some of the objects are new', () => {
    const all = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1009);
    const comparisons = addAll(all, (object) => (object % 10 === 0 ? undefined : object));
    assert.ok(comparisons < 4 * all.length, String(comparisons));
  });

  it('tells an answer that is none', () => {
    const order = new KernelOrder<number>(() => -3);
    order.findOrAdd(1);
    assert.throws(() => order.findOrAdd(2), { message: 'kcmp: unexpected answer -3', code: 'KCMP' });
  });
});
