import { DAMAGE_KEY, WIRE_KEY } from '../image/entry.js';
import { KIND, type FieldDef, type MessageDef } from '../image/message-def.js';
import { addressWords } from './address.js';
import { described, type EncodePlace } from './encode-place.js';
import { scalarFromJson } from './from-json-scalar.js';

type Message = Record<string, unknown>;

function oneFromJson(field: FieldDef, value: unknown, place: EncodePlace): unknown {
  return field.kind === KIND.message
    ? messageFromJson(field.message, value, place)
    : scalarFromJson(field, value, place);
}

function listFromJson(field: FieldDef, value: unknown, place: EncodePlace): unknown[] {
  if (!Array.isArray(value)) place.fail(`expected a list, got ${described(value)}`);
  const list = value as unknown[];
  if (field.ip && list.length === 1 && typeof list[0] === 'string') {
    const words = addressWords(list[0]);
    if (words) return words;
  }
  return list.map((item, i) => {
    place.push(i);
    const one = oneFromJson(field, item, place);
    place.pop();
    return one;
  });
}

/**
 * Turns the JSON of a message into the message, checking every value.
 * @param apart keys that are not the message's (the payload's)
 * @throws ImageError BAD_JSON with the path of what is wrong
 */
export function messageFromJson(
  def: MessageDef,
  json: unknown,
  place: EncodePlace,
  apart?: ReadonlySet<string>,
): Message {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || json instanceof Uint8Array) {
    place.fail(`expected an object, got ${described(json)}`);
  }
  const message: Message = {};
  for (const [key, value] of Object.entries(json)) {
    const field = def.byName.get(key);
    if (field) {
      place.push(key);
      message[key] = field.repeated ? listFromJson(field, value, place) : oneFromJson(field, value, place);
      place.pop();
    } else if (key === WIRE_KEY) message[key] = value;
    else if (!apart?.has(key)) {
      place.push(key);
      if (key === DAMAGE_KEY) place.fail('the image was damaged here; see to the message, then take this key away');
      place.fail(`${def.name} has no such field`);
    }
  }
  return message;
}
