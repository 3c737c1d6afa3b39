/*
 * The control area: one shared mapping through which crit drives its puppets.
 *
 *   area   | blob code (one page) | area header | ring | ring | ...
 *   ring   | header | operations | cure operations | stack | arena
 *
 * This file is the only place where offsets are written down. It is included by
 * the blob and the addon and read by scripts/gen-layout.mjs, which turns every
 * "#define NAME number" into a TypeScript constant (src/task/generated/layout.ts).
 * Numbers are plain decimal or hexadecimal; sizes and offsets are in bytes.
 */
#ifndef CRIT_LAYOUT_H
#define CRIT_LAYOUT_H

#define AREA_CODE_SIZE 4096
/* The area header: the death word is the lock word of a robust mutex (40 bytes). */
#define AREA_DEATH 4096
/* Threads that run the blob beside the leader, which must not unmap the area under them (u32). */
#define AREA_INSIDE 4352
#define AREA_RINGS 8192

#define RING_CMD 0
#define RING_DONE 4
#define RING_PUPPET_SLEEPS 8
#define RING_CRIT_SLEEPS 12
#define RING_NR_OPS 16
#define RING_FAILED 20
#define RING_SPIN 24
#define RING_ON_DEATH 28
#define RING_LEAVE_SP 32
#define RING_LEAVE_IP 40
#define RING_DEATH_PTR 48
#define RING_OPS_PTR 56
#define RING_CURE_PTR 64
#define RING_NR_CURE 72
#define RING_STOP_IP 80
#define RING_INSIDE_PTR 88
#define RING_HEADER_SIZE 128

#define OP_SIZE 64
#define OP_NR 0
#define OP_CTL 4
#define OP_ARGS 8
#define OP_RESULT 56

/* ctl: two bits an argument, then flags */
#define ARG_IMMEDIATE 0
#define ARG_RESULT 1
#define ARG_LOAD32 2
#define ARG_LOAD64 3
#define CTL_CONTINUE 4096

/* RING_ON_DEATH: what the puppet does when its controller is gone */
#define DEATH_LEAVE 0
#define DEATH_EXIT 1

/* Operations that are not system calls; each is told in puppet.c. */
#define OP_COPY 0x10000
#define OP_ADD 0x10001
#define OP_VECTOR 0x10002
#define OP_COW_FILL 0x10003
#define OP_CLONE 0x10004
#define OP_LEAVE 0x10005
#define OP_FIRST_SPECIAL 0x10000

#define PUPPET_STACK_SIZE 4096
#define NR_CURE_OPS 8

/* What the stub finds in the control descriptor at STUB_PARAMS (u64 each). */
#define STUB_CONTROL_FD 3
#define STUB_PARAMS 6144
#define STUB_PARAM_BASE 6144
#define STUB_PARAM_SIZE 6152
#define STUB_PARAM_RING 6160

#endif
