/* void runner_enter(struct regs *in, struct regs *out): runs code_area with exactly the registers `in` and stores all of
 * them to `out` when the code falls out of its end (which branches to runner_leave).
 * TPIDR_EL0 holds X0 while the others are stored: the only register at hand that needs no memory. */
#define X(n) (8 * (n))
#define SP_ X(31)
#define NZCV X(32)
#define FPSR X(33)
#define FPCR X(34)
#define V(n) (288 + 16 * (n))

    .text
    .global runner_enter, runner_leave, runner_recover, code_area
runner_enter:
    stp x29, x30, [sp, #-176]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x2, tpidr_el0
    str x2, [sp, #160]
    adrp x2, saved
    add x2, x2, :lo12:saved
    mov x3, sp
    stp x3, x1, [x2]
    ldr x2, [x0, #FPCR]
    msr fpcr, x2
    ldr x2, [x0, #FPSR]
    msr fpsr, x2
    ldr x2, [x0, #NZCV]
    msr nzcv, x2
    add x2, x0, #V(0)
    ld1 {v0.16b-v3.16b}, [x2], #64
    ld1 {v4.16b-v7.16b}, [x2], #64
    ld1 {v8.16b-v11.16b}, [x2], #64
    ld1 {v12.16b-v15.16b}, [x2], #64
    ld1 {v16.16b-v19.16b}, [x2], #64
    ld1 {v20.16b-v23.16b}, [x2], #64
    ld1 {v24.16b-v27.16b}, [x2], #64
    ld1 {v28.16b-v31.16b}, [x2], #64
    ldr x2, [x0, #SP_]
    mov sp, x2
    ldp x1, x2, [x0, #X(1)]
    ldp x3, x4, [x0, #X(3)]
    ldp x5, x6, [x0, #X(5)]
    ldp x7, x8, [x0, #X(7)]
    ldp x9, x10, [x0, #X(9)]
    ldp x11, x12, [x0, #X(11)]
    ldp x13, x14, [x0, #X(13)]
    ldp x15, x16, [x0, #X(15)]
    ldp x17, x18, [x0, #X(17)]
    ldp x19, x20, [x0, #X(19)]
    ldp x21, x22, [x0, #X(21)]
    ldp x23, x24, [x0, #X(23)]
    ldp x25, x26, [x0, #X(25)]
    ldp x27, x28, [x0, #X(27)]
    ldp x29, x30, [x0, #X(29)]
    ldr x0, [x0]
    clrex
    b code_area

runner_leave:
    msr tpidr_el0, x0
    adrp x0, saved
    add x0, x0, :lo12:saved
    ldr x0, [x0, #8]
    stp x1, x2, [x0, #X(1)]
    stp x3, x4, [x0, #X(3)]
    stp x5, x6, [x0, #X(5)]
    stp x7, x8, [x0, #X(7)]
    stp x9, x10, [x0, #X(9)]
    stp x11, x12, [x0, #X(11)]
    stp x13, x14, [x0, #X(13)]
    stp x15, x16, [x0, #X(15)]
    stp x17, x18, [x0, #X(17)]
    stp x19, x20, [x0, #X(19)]
    stp x21, x22, [x0, #X(21)]
    stp x23, x24, [x0, #X(23)]
    stp x25, x26, [x0, #X(25)]
    stp x27, x28, [x0, #X(27)]
    stp x29, x30, [x0, #X(29)]
    mov x2, sp
    str x2, [x0, #SP_]
    mrs x2, tpidr_el0
    str x2, [x0]
    mrs x2, nzcv
    str x2, [x0, #NZCV]
    mrs x2, fpsr
    str x2, [x0, #FPSR]
    mrs x2, fpcr
    str x2, [x0, #FPCR]
    add x2, x0, #V(0)
    st1 {v0.16b-v3.16b}, [x2], #64
    st1 {v4.16b-v7.16b}, [x2], #64
    st1 {v8.16b-v11.16b}, [x2], #64
    st1 {v12.16b-v15.16b}, [x2], #64
    st1 {v16.16b-v19.16b}, [x2], #64
    st1 {v20.16b-v23.16b}, [x2], #64
    st1 {v24.16b-v27.16b}, [x2], #64
    st1 {v28.16b-v31.16b}, [x2], #64
runner_recover:
    adrp x2, saved
    add x2, x2, :lo12:saved
    ldr x3, [x2]
    mov sp, x3
    msr fpcr, xzr
    ldr x2, [sp, #160]
    msr tpidr_el0, x2
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #176
    ret

    .bss
    .balign 16
saved:
    .skip 16
    .section .code_area, "awx", %nobits
    .balign 4096
code_area:
    .skip 8192
