import type { ImageStore } from '../../image/image-store.js';
import { headOf } from './identity.js';

/** What a container engine wrote beside the images. */
export interface ContainerInfo {
  readonly engine: 'podman' | 'CRI-O' | 'containerd' | 'unknown';
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly image: string | undefined;
  /** Such as runc or crun. */
  readonly runtime: string | undefined;
  /** ISO 8601, as the engine wrote them. */
  readonly createdAt: string | undefined;
  readonly checkpointedAt: string | undefined;
  readonly restoredAt: string | undefined;
  readonly hostname: string | undefined;
  /** Of Kubernetes. */
  readonly pod: string | undefined;
  readonly namespace: string | undefined;
  /** Addresses with their prefix length. */
  readonly addresses: readonly string[];
  readonly macs: readonly string[];
}

/** These files have some tens of kilobytes. */
const MAX_BYTES = 4 << 20;
/** A program of Go writes it for a time that is not set. */
const NO_TIME = '0001-01-01T00:00:00Z';
/** Interfaces have some addresses; a forged file may have any number. */
const MAX_ADDRESSES = 100;

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const time = (value: unknown): string | undefined => (value === NO_TIME ? undefined : text(value));

function read(store: ImageStore, name: string, onProblem: (line: string) => void): unknown {
  const bytes = headOf(store, name, MAX_BYTES);
  if (!bytes) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    onProblem(`${store.pathOf(name)}: is no JSON`);
    return undefined;
  }
}

/** Every string under one of some keys, in any depth. */
function collect(value: unknown, keys: readonly string[], out: string[], depth = 0): readonly string[] {
  if (!isObject(value) || depth > 8) return out;
  for (const [key, inner] of Object.entries(value)) {
    const found = keys.includes(key) ? text(inner) : undefined;
    if (out.length >= MAX_ADDRESSES) return out;
    if (found === undefined) collect(inner, keys, out, depth + 1);
    else if (!out.includes(found)) out.push(found);
  }
  return out;
}

const ENGINES: Readonly<Record<string, ContainerInfo['engine']>> = { libpod: 'podman', 'cri-o': 'CRI-O' };

/**
 * The container that a checkpoint is of, by config.dump, spec.dump and network.status as podman, CRI-O and containerd write
 * them; undefined for a bare set.
 * @param onProblem is told of a file that is no JSON
 */
export function containerInfo(beside: ImageStore, onProblem: (line: string) => void): ContainerInfo | undefined {
  const config = read(beside, 'config.dump', onProblem);
  const spec = read(beside, 'spec.dump', onProblem);
  if (!isObject(config) && !isObject(spec)) return undefined;
  const of = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined);
  const notes = of(spec, 'annotations');
  const note = (...names: string[]) => names.map((name) => text(of(notes, name))).find((found) => found !== undefined);
  const network = read(beside, 'network.status', onProblem);
  const isContainerd = isObject(notes) && Object.keys(notes).some((key) => key.startsWith('io.kubernetes.cri.'));
  const manager = note('io.container.manager') ?? '';
  return {
    engine: ENGINES[manager] ?? (isContainerd ? 'containerd' : 'unknown'),
    id: text(of(config, 'id')),
    name: text(of(config, 'name')) ?? note('io.kubernetes.container.name', 'io.kubernetes.cri.container-name'),
    image: text(of(config, 'rootfsImageName')) ?? note('io.kubernetes.cri-o.ImageName', 'io.kubernetes.cri.image-name'),
    runtime: text(of(config, 'runtime')),
    createdAt: time(of(config, 'createdTime')),
    checkpointedAt: time(of(config, 'checkpointedTime')),
    restoredAt: time(of(config, 'restoredTime')),
    hostname: text(of(spec, 'hostname')),
    pod: note('io.kubernetes.pod.name', 'io.kubernetes.cri.sandbox-name'),
    namespace: note('io.kubernetes.pod.namespace', 'io.kubernetes.cri.sandbox-namespace'),
    addresses: collect(network, ['ipnet', 'address'], []),
    macs: collect(network, ['mac_address', 'mac'], []),
  };
}
