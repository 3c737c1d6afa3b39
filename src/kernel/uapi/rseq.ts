/** struct rseq: offsets in bytes. */
export const RSEQ = { cpu_id_start: 0, cpu_id: 4, rseq_cs: 8, flags: 16, node_id: 20, mm_cid: 24 } as const;

/** struct rseq_cs: offsets in bytes. */
export const RSEQ_CS = { version: 0, flags: 4, start_ip: 8, post_commit_offset: 16, abort_ip: 24 } as const;

export const RSEQ_CS_BYTES = 32;
