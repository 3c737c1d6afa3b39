import { KIND, type FieldDef, type MessageDef } from './message-def.js';

const plain = (field: FieldDef): boolean =>
  !field.repeated &&
  field.number < 16 &&
  (field.kind === KIND.uint32 || field.kind === KIND.uint64 || field.kind === KIND.bool);

/** Messages of a few unsigned numbers with tags of one byte: of such there may be millions (pagemap_entry). */
export function isPlain(def: MessageDef): boolean {
  return def.fields.length <= 16 && def.fields.every(plain);
}
