/* The blob's first instruction. In: rdi = ring, rsp = top of the ring's stack, 16-byte aligned. */
	.section .text.entry, "ax"
	.globl puppet_entry
puppet_entry:
	xor	%ebp, %ebp
	cld
	call	puppet_loop
	ud2

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
