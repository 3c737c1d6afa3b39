import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { readImageIfPresent } from '../../src/decode/image-reader.js';
import { describeType } from '../../src/image/catalogue.js';
import { fileField, FILE_KINDS, fileMessage, isFileOf, oldFileImage } from '../../src/image/file-kinds.js';
import { FdTypes } from '../../src/image/generated/messages.js';
import { messageDef } from '../../src/image/message-def.js';
import { fixture } from '../project-path.js';

const ENTRY = messageDef('file_entry');

test('every type that an image can have, and every message of file_entry, has one row', () => {
  const never = new Set<number>([FdTypes.UND, FdTypes.CTL_TTY, FdTypes.AUTOFS_PIPE]);
  assert.deepEqual(
    FILE_KINDS.map(({ type }) => type),
    Object.values(FdTypes).filter((type) => !never.has(type)),
  );
  const messages = ENTRY.fields.map(({ name }) => name).filter((name) => name !== 'type' && name !== 'id');
  assert.deepEqual(FILE_KINDS.map(({ field }) => field).sort(), messages.sort());
});

for (const { field } of FILE_KINDS) {
  const image = oldFileImage(field);
  if (image === undefined) continue;
  test(`${image} has the message that file_entry has in ${field}`, () => {
    assert.equal(describeType(image).message, ENTRY.byName.get(field)?.message.name);
  });
}

test('an entry is of the kind that its type says, and only with the message', () => {
  const entry = { type: FdTypes.PIPE, id: 1, pipe: { id: 1, pipe_id: 2, flags: 0 } } as never;
  assert.equal(isFileOf(entry, 'pipe'), true);
  assert.equal(isFileOf(entry, 'reg'), false);
  assert.equal(isFileOf({ type: FdTypes.PIPE, id: 1 }, 'pipe'), false);
  assert.equal(fileField(FdTypes.UND), undefined);
});

test('every file of the image sets has the message of its type, with its id', () => {
  let files = 0;
  for (const set of readdirSync(fixture())) {
    for (const { message: entry } of readImageIfPresent(fixture(set), 'FILES')?.entries ?? []) {
      files++;
      const where = `${set}: file ${entry.id}`;
      assert.equal(fileMessage(entry)?.id, entry.id, where);
      const other = FILE_KINDS.filter(({ type, field }) => type !== entry.type && entry[field] !== undefined);
      assert.deepEqual(other, [], where);
    }
  }
  assert.ok(files > 100);
});
