/*
 * The control area: memory through which crit drives its puppets, in two parts that follow each other.
 *
 *   orders    | blob code (one page) | words (one page) | ring | ring | ...   crit writes, puppets read and execute
 *   answers   | ring | ring | ...                                             puppets write, crit reads
 *   ring      | header | operations | arena | cures                           its orders
 *             | header | results | stack | arena | words of cures             its answers, whole pages
 *
 * A puppet maps the orders without the right to write, and without the right to gain it where crit can take it away
 * (docs/trust.md): nobody who may write to a puppet's memory changes what crit tells it.
 *
 * This file is the only place where offsets are written down. It is included by
 * the blob and the addon and read by scripts/gen-layout.mjs, which turns every
 * "#define NAME number" into a TypeScript constant (src/task/generated/layout.ts).
 * Numbers are plain decimal or hexadecimal; sizes and offsets are in bytes.
 */
#ifndef CRIT_LAYOUT_H
#define CRIT_LAYOUT_H

/* The death word (u32): crit's thread id while it lives; the kernel marks it when that thread dies (robust futex). */
#define AREA_DEATH 4096
/* u32, restore: 1 when a task whose controller dies must go on instead of ending. */
#define AREA_GO 4160
#define AREA_RINGS 8192

/* Private memory of crit's in front of its own mapping of an area: an entry of its robust list, which the kernel follows. */
#define AREA_FRONT_SIZE 4096

#define RING_CMD 0
#define RING_CRIT_SLEEPS 4
#define RING_NR_OPS 8
#define RING_SPIN 12
#define RING_ON_DEATH 16
#define RING_NR_CURES 20
#define RING_LEAVE_SP 24
#define RING_LEAVE_IP 32
#define RING_DEATH_PTR 40
#define RING_OPS_PTR 48
#define RING_CURES_PTR 56
#define RING_ANSWER_PTR 64
#define RING_RESULTS_PTR 72
#define RING_INSIDE_PTR 80
#define RING_HEADER_SIZE 128

#define ANSWER_DONE 0
#define ANSWER_PUPPET_SLEEPS 4
#define ANSWER_FAILED 8
/* Threads that run the blob beside the leader, which must not unmap the area under them (u32). */
#define ANSWER_INSIDE 12
#define ANSWER_HEADER_SIZE 64

#define OP_SIZE 56
#define OP_NR 0
#define OP_CTL 4
#define OP_ARGS 8

/* ctl: two bits an argument, then flags */
#define ARG_IMMEDIATE 0
#define ARG_RESULT 1
#define ARG_LOAD32 2
#define ARG_LOAD64 3
#define CTL_CONTINUE 4096

/* A cure: an operation, and bytes that it may pass by address. */
#define CURE_SIZE 64
#define CURE_BYTES 56
/* What it has in the answers, for what the kernel tells it. */
#define CURE_WORDS_SIZE 32

/* RING_ON_DEATH: what the puppet does when its controller is gone */
#define DEATH_LEAVE 0
#define DEATH_EXIT 1
/* leaves when the word AREA_GO is set, else exits */
#define DEATH_ASK 2
#define DEATH_HOW 3
/* Added for a thread that seccomp restricts, when nothing suspends that any more: it makes no call of a batch when its
 * controller is gone, ... */
#define DEATH_WATCH 4
/* ... and, where a call of the way home is not sure to be allowed, none at all but rt_sigreturn. */
#define DEATH_QUIET 8

/* Operations that are not system calls; each is told in puppet.c. */
#define OP_COPY 0x10000
#define OP_ADD 0x10001
#define OP_VECTOR 0x10002
#define OP_COW_FILL 0x10003
#define OP_CLONE 0x10004
#define OP_FIRST_SPECIAL 0x10000

#define PUPPET_STACK_SIZE 2048

/* What the stub finds in the descriptor of the orders at STUB_PARAMS (u64 each). */
#define STUB_CONTROL_FD 3
#define STUB_PARAMS 6144
#define STUB_PARAM_BASE 6144
#define STUB_PARAM_ORDER_SIZE 6152
#define STUB_PARAM_ANSWER_SIZE 6160
#define STUB_PARAM_ANSWER_FD 6168
#define STUB_PARAM_RING 6176
#define STUB_PARAM_STACK 6184

#endif
