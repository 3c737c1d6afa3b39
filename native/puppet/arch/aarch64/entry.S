/*
 * Two ways in, at fixed places, as on x86_64. Both: sp = top of the ring's stack, 16-byte aligned.
 *
 *  0  puppet_entry: x0 = ring
 * 16  first a system call that crit has laid out in the registers, then x19 = ring; a task that finds crit dead leaves instead
 */
#include "../../layout.h"

	.section .text.entry, "ax"
	.globl puppet_entry
puppet_entry:
	b	2f
	.balign	16
	ldr	x9, [x19, #RING_DEATH_PTR]
	ldr	w9, [x9]
	tbnz	w9, #30, 3f		/* FUTEX_OWNER_DIED */
	svc	#0
	cbnz	x0, 1f
	mov	x0, x19
	b	2f
1:	udf	#0
2:
	mov	x29, xzr
	mov	x30, xzr
	bl	puppet_loop
	udf	#0
3:	ldr	x9, [x19, #RING_LEAVE_SP]
	mov	sp, x9
	ldr	x9, [x19, #RING_LEAVE_IP]
	br	x9

/* long arch_clone(clone_args, size, ring) */
	.section .text
	.globl arch_clone
arch_clone:
	mov	x9, x2			/* the kernel keeps all registers but x0 */
	mov	x8, #435		/* clone3 */
	svc	#0
	cbz	x0, 1f
	ret
1:	mov	x0, x9
	b	puppet_entry

	.section .note.GNU-stack, "", %progbits
