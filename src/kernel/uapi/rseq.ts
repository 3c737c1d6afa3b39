// linux/rseq.h: rseq(2).
export const RSEQ_FLAG_UNREGISTER = 1;
export const RSEQ_SIG_X86 = 0x53053053;

// struct rseq_cs: flags.
export const RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT = 1;
export const RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL = 2;
export const RSEQ_CS_FLAG_NO_RESTART_ON_MIGRATE = 4;

/** struct rseq: offsets in bytes. */
export const RSEQ = { cpu_id_start: 0, cpu_id: 4, rseq_cs: 8, flags: 16, node_id: 20, mm_cid: 24 } as const;

/** struct rseq_cs: offsets in bytes. */
export const RSEQ_CS = { version: 0, flags: 4, start_ip: 8, post_commit_offset: 16, abort_ip: 24 } as const;

export const RSEQ_CS_BYTES = 32;
