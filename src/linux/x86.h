/* Parts of the x86 Linux ABIs that see each other. */
#pragma once
#include "support/base.h"
#include <signal.h>

struct abi_vdso;
struct cpu;
struct signal_action;
struct thread;

/* abi.vdso. */
size_t x64_vdso(void *image, size_t room, uint64_t base, struct abi_vdso *out);
size_t i386_vdso(void *image, size_t room, uint64_t base, struct abi_vdso *out);

/* Signal frames (x64_frame.c, i386_frame.c): abi.signal_enter and its like. */
bool x64_signal_enter(struct thread *t, const struct signal_action *action, const siginfo_t *info, uint64_t sp, uint64_t saved_mask);
bool x64_signal_mask(struct thread *t, bool rt, uint64_t *mask);
bool x64_signal_return(struct thread *t, bool rt, stack_t *altstack);
bool i386_signal_enter(struct thread *t, const struct signal_action *action, const siginfo_t *info, uint64_t sp, uint64_t saved_mask);
bool i386_signal_mask(struct thread *t, bool rt, uint64_t *mask);
bool i386_signal_return(struct thread *t, bool rt, stack_t *altstack);
/* Room for the largest frame, above the stack pointer's alignment. */
#define X86_FRAME_ROOM 2048u

/* The floating-point state in a frame: FXSAVE's image, the kernel's words in it that say how much follows, XSAVE's rest, and
 * a word to close it.  Needs an address that is a multiple of 64. */
#define X86_FRAME_FP_SIZE 836u
/* in_front: bytes of the older form before it (i386), 0 else.  False if memory cannot be written. */
bool x86_frame_fp_save(struct thread *t, uint64_t at, uint32_t in_front);
/* legacy (may be NULL): 112 bytes of FSAVE that take precedence. at 0: the initial state.  False if the state is none. */
bool x86_frame_fp_load(struct thread *t, uint64_t at, const uint8_t *legacy);
/* FSAVE's form of an FXSAVE image. */
#define X86_FSAVE_SIZE 112u
void x86_fsave_from(uint8_t fsave[X86_FSAVE_SIZE], const uint8_t *fxsave, uint16_t cs, uint16_t ds);
/* The flags that a handler starts with, and those that a frame may set. */
#define X86_FLAGS_HANDLER ~(X86_EFLAGS_DF | X86_EFLAGS_TF)
#define X86_FLAGS_FRAME   0x40dd5u
/* The engine's idea of the mode may be stale. */
void x86_mode_check(struct cpu *cpu);

/* thread.fault_code: error code below, the exception's number above. */
#define X86_FAULT_CODE(trap, error) ((uint64_t)(trap) << 32 | (error))

/* siginfo of i386 from the host's, and back. */
void siginfo_to_32(uint32_t out[32], const siginfo_t *in);

struct thread_tls;
/* A 32-bit program's view of set_thread_area: descriptor i (0 to 2) of the thread is loaded into its processor. */
void i386_tls_load(struct cpu *cpu, unsigned i, const struct thread_tls *tls);
/* A descriptor in the processor's form, from what is in struct user_desc; 0 if all of that is. */
uint64_t x86_descriptor(uint32_t base, uint32_t limit, uint32_t flags);
