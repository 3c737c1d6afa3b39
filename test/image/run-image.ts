import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { printImage, type PrintOptions } from '../../src/decode/print-image.js';
import { encodeJson } from '../../src/encode/encode-json.js';
import { ImageError } from '../../src/image/errors.js';
import type { Source } from '../../src/image/byte-source.js';
import { projectPath } from '../project-path.js';

/** The JSON of an image. */
export function jsonOf(source: Source, options: PrintOptions = {}): string {
  const parts: string[] = [];
  printImage(source, (chunk) => parts.push(Buffer.from(chunk).toString('latin1')), options);
  return parts.join('');
}

/** The image of a JSON text. */
export function bytesOf(json: string): Buffer {
  const parts: Buffer[] = [];
  encodeJson(Buffer.from(json, 'utf8'), (chunk) => parts.push(Buffer.from(chunk)));
  return Buffer.concat(parts);
}

/** The ImageError that something throws; anything else it throws is a failure. */
export function imageErrorOf(action: () => unknown): ImageError {
  try {
    action();
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export const FIXTURES = projectPath('fixtures/images');

/** Image files below a directory: those without a reference beside them, too. */
export function imagesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(\.img|(^|[/-])stats-(dump|restore)|irmap-cache)$/.test(name))
    .map((name) => path.join(directory, name))
    .sort();
}

export const contentOf = (file: string): Buffer => readFileSync(file);
