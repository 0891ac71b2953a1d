// The program of docs/tour.md: adds 4 until more than 100, and exits with what is above.
        .global _start
_start: mov     x1, #0
        mov     x2, #100
        b       again
again:  add     x1, x1, #4
        cmp     x1, x2
        b.ls    again
        sub     x0, x1, x2
        mov     x8, #93
        svc     #0
