import { IMAGE_TYPES, type ImageDescription } from '../../src/image/catalogue.js';
import { KIND, messageAt, messageDef, type FieldDef, type MessageDef } from '../../src/image/message-def.js';

const DEPTH = 4;

/** All messages that images consist of. */
export function messagesOfImages(): MessageDef[] {
  const seen = new Map<string, MessageDef>();
  const visit = (def: MessageDef): void => {
    if (seen.has(def.name)) return;
    seen.set(def.name, def);
    for (const field of def.fields) if (field.kind === KIND.message) visit(field.message);
  };
  for (const description of IMAGE_TYPES)
    if (description.message !== null) for (const entry of [0, 1]) visit(messageAt(description, entry));
  visit(messageDef('ipc_msg'));
  return [...seen.values()];
}

type Value = string | Uint8Array | number | bigint | boolean | object;

/** @param path of the field, from the type on */
export type TextOf = (path: string, def: MessageDef, field: FieldDef) => string;

function valueOf(def: MessageDef, field: FieldDef, path: string, depth: number, textOf: TextOf): Value | undefined {
  switch (field.kind) {
    case KIND.message:
      return depth > 0 ? filled(field.message, `${path}.${field.name}`, depth - 1, textOf) : undefined;
    case KIND.string:
      return textOf(`${path}.${field.name}`, def, field);
    case KIND.bytes:
      return Buffer.from(textOf(`${path}.${field.name}`, def, field));
    case KIND.bool:
      return false;
    case KIND.enum:
      return [...field.enumDef!.byNumber.keys()][0]!;
    case KIND.uint64:
    case KIND.int64:
    case KIND.sint64:
    case KIND.fixed64:
    case KIND.sfixed64:
      return 0n;
    default:
      return 0;
  }
}

/** A message that has all its fields, with a text in each that can have one. Numbers are 0: no payload follows it. */
function filled(def: MessageDef, path: string, depth: number, textOf: TextOf): object {
  const message: Record<string, Value> = {};
  for (const field of def.fields) {
    const value = valueOf(def, field, path, depth, textOf);
    if (value !== undefined) message[field.name] = field.repeated ? [value] : value;
    // one of a kind that must be there ends the recursion
    else if (field.required) throw new Error(`${path}.${field.name} is nested too deep`);
  }
  return message;
}

/** An entry of a type that has all fields. */
export const everyField = (description: ImageDescription, textOf: TextOf): object =>
  filled(messageAt(description, 0), description.type, DEPTH, textOf);
