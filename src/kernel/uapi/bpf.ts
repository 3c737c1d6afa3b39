// bpf(2), linux/bpf.h: commands.
export const BPF_MAP_CREATE = 0;
export const BPF_PROG_LOAD = 5;
export const BPF_OBJ_GET = 7;
export const BPF_PROG_TEST_RUN = 10;
export const BPF_PROG_GET_NEXT_ID = 11;
export const BPF_PROG_GET_FD_BY_ID = 13;
export const BPF_MAP_GET_FD_BY_ID = 14;
export const BPF_OBJ_GET_INFO_BY_FD = 15;
export const BPF_MAP_FREEZE = 22;
export const BPF_MAP_LOOKUP_BATCH = 24;
export const BPF_MAP_UPDATE_BATCH = 26;

// Types of maps whose elements are all that they are.
const BPF_MAP_TYPE_HASH = 1;
const BPF_MAP_TYPE_ARRAY = 2;
export const BPF_MAP_TYPE_PERCPU_ARRAY = 6;
const BPF_MAP_TYPE_LPM_TRIE = 11;
export const PLAIN_MAPS: readonly number[] = [BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_LPM_TRIE];

/** Names of the types, from 1. */
export const BPF_MAP_TYPES: readonly string[] =
  `hash array prog_array perf_event_array percpu_hash percpu_array stack_trace cgroup_array lru_hash lru_percpu_hash lpm_trie
  array_of_maps hash_of_maps devmap sockmap cpumap xskmap sockhash cgroup_storage reuseport_sockarray percpu_cgroup_storage
  queue stack sk_storage devmap_hash struct_ops ringbuf inode_storage task_storage bloom_filter user_ringbuf cgrp_storage
  arena insn_array`.split(/\s+/);

// Flags of a map.
export const BPF_F_NO_PREALLOC = 1 << 0;
export const BPF_F_RDONLY = 1 << 3;
export const BPF_F_WRONLY = 1 << 4;
export const BPF_F_ZERO_SEED = 1 << 6;
export const BPF_F_RDONLY_PROG = 1 << 7;
export const BPF_F_WRONLY_PROG = 1 << 8;
export const BPF_F_MMAPABLE = 1 << 10;

// A program: its type, its flags, what it calls, its instructions.
export const BPF_PROG_TYPE_SYSCALL = 31;
export const BPF_F_SLEEPABLE = 1 << 4;
export const FUNC_get_current_task = 35;
export const FUNC_probe_read_kernel = 113;
export const FUNC_map_lookup_percpu_elem = 195;
export const PSEUDO_MAP_FD = 1;
export const CODE = {
  ALU64: { move: 0xbf, addValue: 0x07, setValue: 0xb7 },
  LDX64: 0x79,
  STX64: 0x7b,
  ST32: 0x62,
  LOAD_MAP: 0x18,
  CALL: 0x85,
  EXIT: 0x95,
} as const;

/** union bpf_attr as each command has it, and what BPF_OBJ_GET_INFO_BY_FD fills in: sizes and offsets in bytes. */
export const ATTR_BYTES = 72;
export const MAP_CREATE = {
  type: 0,
  keySize: 4,
  valueSize: 8,
  maxEntries: 12,
  flags: 16,
  name: 28,
  extra: 64,
} as const;
export const BY_ID = { id: 0, nextId: 4, openFlags: 8 } as const;
export const INFO_BY_FD = { fd: 0, infoBytes: 4, info: 8 } as const;
export const BATCH = { inBatch: 0, outBatch: 8, keys: 16, values: 24, count: 32, fd: 36 } as const;
export const PROG_LOAD = { type: 0, instructions: 4, code: 8, license: 16, flags: 44 } as const;
export const PROG_RUN = { fd: 0, contextBytes: 40, context: 48 } as const;
export const MAP_INFO_BYTES = 88;
export const MAP_INFO = {
  type: 0,
  id: 4,
  keySize: 8,
  valueSize: 12,
  maxEntries: 16,
  flags: 20,
  name: 24,
  ifindex: 40,
  vmlinuxType: 44,
  btf: 64,
  extra: 80,
} as const;
export const PROG_INFO_BYTES = 64;
export const PROG_INFO = { nrMaps: 52, maps: 56 } as const;
/** BPF_OBJ_NAME_LEN, with its NUL. */
export const NAME_BYTES = 16;
