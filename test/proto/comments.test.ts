import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import protobuf from 'protobufjs';
import { ROOT } from '../programs.js';

const DIR = path.join(ROOT, 'proto');

/** Messages of a namespace and of those within it. */
function messagesOf(namespace: protobuf.NamespaceBase): protobuf.Type[] {
  return namespace.nestedArray.flatMap((item) =>
    item instanceof protobuf.Namespace && !item.fullName.startsWith('.google')
      ? [...(item instanceof protobuf.Type ? [item] : []), ...messagesOf(item)]
      : [],
  );
}

const set = new protobuf.Root();
set.resolvePath = (_, target) =>
  path.join(target.startsWith('google/') ? `${ROOT}/node_modules/protobufjs` : DIR, target);
set.loadSync(
  readdirSync(DIR).filter((name) => name.endsWith('.proto')),
  { keepCase: true, alternateCommentMode: true },
);
const messages = messagesOf(set);

test('every message and field of the wire format is explained', () => {
  const bare = messages.flatMap((message) => [
    ...(message.comment ? [] : [message.fullName]),
    ...message.fieldsArray.filter((field) => !field.comment).map((field) => field.fullName),
  ]);
  assert.deepEqual(bare, []);
  assert.ok(messages.length >= 173);
});

test("fields of crit's own are numbered from 1000 up, optional or repeated, and say that they are", () => {
  const own = messages
    .flatMap((message) => message.fieldsArray)
    .filter((field) => /^crit extension:/.test(field.comment ?? ''));
  assert.ok(own.length > 0);
  for (const field of own) assert.ok(field.id >= 1000 && !field.required, field.fullName);
  const numbered = messages.flatMap((message) => message.fieldsArray).filter((field) => field.id >= 1000);
  assert.deepEqual(
    numbered.filter((field) => !own.includes(field)).map((field) => field.fullName),
    [],
  );
});
