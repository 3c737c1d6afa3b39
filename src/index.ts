/**
 * crit as a library: images of checkpointed processes as typed messages and as JSON.
 * @module
 */
import { printImage, type PrintOptions } from './decode/print-image.js';
import { readWhole, type ReadOptions } from './decode/image-reader.js';
import { encodeJson } from './encode/encode-json.js';
import { encodeEntries } from './encode/image-writer.js';
import { canonicalJson } from './encode/canonical-json.js';
import { badArgument } from './image/bad-argument.js';
import type { ImageType } from './image/catalogue.js';
import type { Image } from './image/entry.js';

export {
  ImageReader,
  openImageReader,
  readImage,
  readImageIfPresent,
  type ReadOptions,
} from './decode/image-reader.js';
export { decodeMessage } from './decode/decode-message.js';
export { printImage, type PrintOptions } from './decode/print-image.js';
export { imageInfo, type ImageInfo } from './decode/image-info.js';
export { canonicalJson } from './encode/canonical-json.js';
export { encodeMessage } from './encode/encode-message.js';
export { ImageDir, type ImageId, type ImageFile } from './encode/image-dir.js';
export {
  overview,
  PARTS,
  type AuxvWord,
  type Overview,
  type Part,
  type ProcessOverview,
} from './inspect/overview/overview.js';
export type { CpuCap } from './image/cpu-features.js';
export type { CgroupSet } from './inspect/overview/cgroups.js';
export type { ContainerInfo } from './inspect/overview/container.js';
export type { CredentialsInfo, IdInfo } from './inspect/overview/credentials.js';
export type { DumpStats } from './inspect/overview/dump-stats.js';
export type { Identity } from './inspect/overview/identity.js';
export type { LimitInfo, LimitValue } from './inspect/overview/limits.js';
export type { KindBytes, MemoryInfo, MemoryKind } from './inspect/overview/memory.js';
export type { MountEntry } from './inspect/overview/mounts.js';
export type { NamespaceInfo } from './inspect/overview/namespaces.js';
export type { OpenFile } from './inspect/overview/open-files.js';
export type { DescriptorInfo, ProcessInfo } from './inspect/overview/processes.js';
export type { PendingSignal, SignalAction, SignalsInfo, ThreadSignals } from './inspect/overview/signals.js';
export type { TerminalInfo } from './inspect/overview/terminals.js';
export type { ThreadInfo } from './inspect/overview/threads.js';
export type { TimerInfo } from './inspect/overview/timers.js';
export type { SocketInfo, SocketOwner } from './inspect/sockets.js';
export { diffCheckpoints, type CheckpointDiff, type ProcessChange } from './inspect/diff/diff-sets.js';
export { diffImages } from './inspect/diff/diff-images.js';
export { SET_ASIDE } from './inspect/diff/set-aside.js';
export type { MemoryChange, OnPage, PageRange } from './inspect/diff/compare-memory.js';
export type { Change } from './inspect/diff/tree.js';
export { chainLog, type ChainLog, type ChainStep, type StepBytes, type StepProcess } from './inspect/chain-log.js';
export { findCheckpoints, type FoundCheckpoint } from './inspect/find-checkpoints.js';
export { sharingGraph, type GraphEdge, type GraphNode, type SharingGraph } from './inspect/sharing-graph.js';
export {
  report,
  type Report,
  type MappingWhat,
  type ReportDiff,
  type ReportMapping,
  type ReportOptions,
  type ReportProcess,
} from './inspect/report/report.js';
export { reportPage, type PageOptions } from './inspect/report/page.js';
export type { LogMark, LogSpan, LogTimes } from './inspect/report/log-times.js';
export type { Machine } from './inspect/report/machine.js';
export type { MappingMap, MemoryMap } from './inspect/report/memory-map.js';
export type { RunKind } from './inspect/report/run-text.js';
export { openCheckpoint, type Checkpoint } from './inspect/checkpoint.js';
export { AddressSpace, openAddressSpace, type AddressSpaceOptions } from './inspect/address-space/address-space.js';
export type { Absence, Mapping, MemoryPiece, MemoryRun, MemorySource } from './inspect/address-space/memory-run.js';
export {
  memoryStrings,
  searchMemory,
  type MemoryMatch,
  type SearchOptions,
  type StringEncoding,
} from './inspect/address-space/search.js';
export { findPlace, type MemoryPlace } from './inspect/address-space/place.js';
export { argumentsOf, environmentOf, type MemoryRange } from './inspect/address-space/environment.js';
export { coreFile, type CoreFile, type CoreFileOptions } from './inspect/core-file/core-file.js';
export {
  backtraces,
  type BacktraceOptions,
  type FoundBy,
  type StackFrame,
  type ThreadBacktrace,
} from './inspect/unwind/backtrace.js';
export type { BackingFile } from './inspect/address-space/backing-file.js';
export type { TaskVma } from './inspect/memory.js';
export { verify, type Verification, type VerifyOptions } from './inspect/verify/verify.js';
export { explain, type Explanation, type LogLine } from './inspect/explain/explain.js';
export type { Finding, Severity } from './inspect/verify/finding.js';
export type { RestoreOption } from './inspect/verify/restore-options.js';
export type { ImageStore, StoredFile } from './image/image-store.js';
export { changeSet, CHANGE_KINDS, type Changed, type ChangeKind, type Changes } from './edit/changes.js';
export { EditedSet, type EditedFile, type MakeBytes } from './edit/edited-set.js';
export { flatten, type Flattened } from './edit/flatten.js';
export { rebase } from './edit/rebase.js';
export { pack, unpack, type PackedAs } from './edit/pack.js';
export { scrub, type ScrubOptions, type Scrubbed } from './edit/scrub.js';
export { SCRUB_KINDS, type ScrubCounts, type ScrubKind } from './edit/scrub/kinds.js';
export type { SecretPattern } from './edit/scrub/secrets.js';
export { parseFieldChange, type FieldChange } from './edit/set-fields.js';
export { replaceSet, writeSet } from './edit/write-set.js';
export { ImageWriter, openImageWriter, writeImage } from './encode/image-writer.js';
export { encodeJson, openJsonImage, type JsonImage } from './encode/encode-json.js';
export type { LooseEntry } from './encode/image-encoder.js';
export type { JsonValue } from './encode/json-reader.js';
export type { Origin } from './decode/wire-reader.js';
export type { ByteSource, Source } from './image/byte-source.js';
export type { MessageName } from './image/message-def.js';
export {
  imageFileName,
  typeOfFileName,
  IMAGE_TYPES,
  type CatalogueRow,
  type EntryImageType,
  type ImageDescription,
  type ImageType,
  type MessageOf,
  type PayloadKind,
  type PayloadOf,
  type RowOf,
} from './image/catalogue.js';
export {
  DAMAGE_KEY,
  HEADER_KEY,
  PADDING_KEY,
  WIRE_KEY,
  type EntryMessage,
  type Extras,
  type Header,
  type Image,
  type ImageEntry,
  type QueuedMessage,
  type SpecialMessages,
  type TcpQueues,
} from './image/entry.js';
export { CritError, ImageError, type ImagePlace } from './image/errors.js';
export { ERROR_CODES, type CritErrorCode, type SystemErrorCode } from './image/error-codes.js';
export * from './image/generated/messages.js';
export { check, dump, plan, restore, type DumpResult, type Plan, type RestoreResult } from './run/library/engines.js';
export type { CheckedFeature, CheckResult } from './run/check.js';
export type { Answer } from './kernel/features/features.js';
export type {
  CheckOptions,
  DumpOptions,
  EngineOptions,
  FileValidation,
  Progress,
  RestoreOptions,
  RunOptions,
} from './run/library/options.js';
export type { CgroupMode } from './image/cgroup-mode.js';
export type { Log } from './image/log.js';

/**
 * Reads an image into memory.
 * @param source its bytes, or the path of its file
 * @param options.type what it must be; without it what its magic says, and `image.type` tells it
 * @returns entries with 64-bit numbers as bigint and payloads as bytes; what the fields do not tell is in `$wire`
 * @throws CritError BAD_ARGUMENT; ImageError NO_IMAGE, NOT_A_FILE, UNKNOWN_MAGIC (a raw image: pages, archives, netlink dumps), BAD_IMAGE
 * @example
 * import { decodeImage, encodeImage } from 'crit-checkpoint';
 * const image = decodeImage('fixtures/sets/tree/pstree.img');
 * if (image.type === 'PSTREE') console.assert(image.entries[0]?.message.pid === 812);
 * const bytes = encodeImage(image);
 * console.assert(decodeImage(bytes).entries.length === image.entries.length);
 */
export function decodeImage<T extends ImageType = ImageType>(
  source: Uint8Array | string,
  options: { type?: T } & ReadOptions = {},
): Image<T> {
  if (typeof source !== 'string' && !((source as unknown) instanceof Uint8Array))
    throw badArgument('decodeImage takes the bytes of an image or the path of its file', source);
  return readWhole(source, options);
}

/**
 * Makes the bytes of an image.
 * @param image of decodeImage (or made by hand), or JSON: text as `crit decode` or `crit show` prints it, or its parsed form
 *   `{ magic, entries }`, where numbers beyond 2^53 are bigint
 * @throws ImageError BAD_JSON with the path of what does not fit
 * @example
 * import { encodeImage } from 'crit-checkpoint';
 * const bytes = encodeImage({ magic: 'FDINFO', entries: [{ id: 1, flags: 0, type: 'REG', fd: 3 }] });
 * console.assert(bytes.length > 8);
 */
export function encodeImage(
  image: Image | string | { readonly magic: string; readonly entries: readonly object[] },
): Uint8Array {
  if (typeof image !== 'string' && (typeof image !== 'object' || (image as unknown) === null))
    throw badArgument('encodeImage takes an image, the text of its JSON, or { magic, entries }', image);
  if (typeof image === 'object' && 'type' in image) return encodeEntries(image).slice();
  const text = typeof image === 'string' ? image : canonicalJson(image);
  const parts: Uint8Array[] = [];
  encodeJson(Buffer.from(text, 'utf8'), (chunk) => parts.push(chunk.slice()));
  return Uint8Array.from(Buffer.concat(parts));
}

/**
 * The JSON of an image, as text: what `crit decode` (or, with `pretty`, `crit show`) prints.
 * @throws ImageError as decodeImage
 * @example
 * import { imageJson } from 'crit-checkpoint';
 * const text = imageJson('fixtures/sets/tree/pstree.img');
 * console.assert(JSON.parse(text).magic === 'PSTREE');
 */
export function imageJson(
  source: Uint8Array | string,
  options: Pick<PrintOptions, 'pretty' | 'bigAsStrings'> = {},
): string {
  const parts: string[] = [];
  printImage(source, (chunk) => parts.push(Buffer.from(chunk).toString('latin1')), options);
  return parts.join('');
}
