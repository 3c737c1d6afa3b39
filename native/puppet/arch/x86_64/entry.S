/*
 * Two ways in, at fixed places. Both: rsp = top of the ring's stack, 16-byte aligned.
 *
 *  0  puppet_entry: rdi = ring
 * 16  first a system call that crit has laid out in the registers, then r12 = ring: a task whose answers cannot be
 *     written yet makes them so before it needs a stack. One that the kernel refuses ends in an illegal instruction. A task
 *     that finds crit dead leaves instead: seccomp may forbid the call by now.
 */
#include "../../layout.h"

	.section .text.entry, "ax"
	.globl puppet_entry
puppet_entry:
	jmp	2f
	.balign	16, 0x0f
	mov	RING_DEATH_PTR(%r12), %r11
	testl	$0x40000000, (%r11)	/* FUTEX_OWNER_DIED */
	jnz	3f
	syscall
	test	%rax, %rax
	jnz	1f
	mov	%r12, %rdi
	jmp	2f
1:	ud2
2:
	xor	%ebp, %ebp
	cld
	call	puppet_loop
	ud2
3:	mov	RING_LEAVE_SP(%r12), %rsp
	jmp	*RING_LEAVE_IP(%r12)

/* long arch_clone(clone_args, size, ring) */
	.section .text
	.globl arch_clone
arch_clone:
	push	%rbx
	mov	%rdx, %rbx
	mov	$435, %eax		/* clone3 */
	syscall
	test	%rax, %rax
	jz	1f
	pop	%rbx
	ret
1:	/* A child without a new stack in clone_args never gets here: TypeScript always passes one. */
	mov	%rbx, %rdi
	jmp	puppet_entry

	.section .note.GNU-stack, "", @progbits
