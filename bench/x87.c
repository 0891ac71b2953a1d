/* Kernels for the x87 of x86 guests, whatever else the compiler was told to compute with: double and long double arithmetic,
 * the C library's long double functions, which use the x87's own, conversions. About 0.1 s natively at scale 1. */
#pragma GCC target("fpmath=387")
#include "kernels.h"

#include <math.h>
#include <string.h>

static uint64_t bits_of(double d)
{
    uint64_t bits;

    memcpy(&bits, &d, 8);
    return bits;
}

static uint64_t mandelbrot(unsigned scale)
{
    uint64_t inside = 0;

    for (unsigned r = 0; r < scale * 5; r++)
        for (unsigned i = 0; i < 300; i++)
            for (unsigned j = 0; j < 300; j++) {
                double cr = j * (3.0 / 300) - 2.0, ci = i * (2.0 / 300) - 1.0, x = 0, y = 0;
                unsigned n = 0;

                while (n < 150 && x * x + y * y < 4) {
                    double t = x * x - y * y + cr;

                    y = 2 * x * y + ci;
                    x = t;
                    n++;
                }
                inside += n;
            }
    return inside;
}

struct body {
    double x[3], v[3], mass;
};

static uint64_t nbody(unsigned scale)
{
    struct body bodies[5];
    double sum = 0;

    for (unsigned i = 0; i < 5; i++)
        for (unsigned k = 0; k < 3; k++) {
            bodies[i].x[k] = (double)(i * 3 + k * k + 1) * 1.25;
            bodies[i].v[k] = (double)(i ^ k) * 0.125 - 0.25;
            bodies[i].mass = 1.0 / (i + 1);
        }
    for (unsigned step = 0; step < scale * 600000; step++) {
        for (unsigned i = 0; i < 5; i++)
            for (unsigned j = i + 1; j < 5; j++) {
                double d[3], square = 0;

                for (unsigned k = 0; k < 3; k++) {
                    d[k] = bodies[i].x[k] - bodies[j].x[k];
                    square += d[k] * d[k];
                }
                double pull = 0.001 / (square * sqrt(square));
                for (unsigned k = 0; k < 3; k++) {
                    bodies[i].v[k] -= d[k] * bodies[j].mass * pull;
                    bodies[j].v[k] += d[k] * bodies[i].mass * pull;
                }
            }
        for (unsigned i = 0; i < 5; i++)
            for (unsigned k = 0; k < 3; k++)
                bodies[i].x[k] += 0.001 * bodies[i].v[k];
    }
    for (unsigned i = 0; i < 5; i++)
        sum += bodies[i].x[0] + bodies[i].v[1];
    return bits_of(sum);
}

/* 80 bits through: Horner's scheme over a table, in memory and on the stack. */
static uint64_t polynomial(unsigned scale)
{
    long double table[16], x = 0.5L, sum = 0;

    for (unsigned i = 0; i < 16; i++)
        table[i] = 1.0L / (i + 1);
    for (unsigned i = 0; i < scale * 2500000; i++) {
        long double p = table[i & 15];

        for (unsigned k = 1; k < 8; k++)
            p = p * x + table[(i + k) & 15];
        sum += p;
        x = p - (long double)(int)p;
    }
    return bits_of((double)sum);
}

static uint64_t transcendental(unsigned scale)
{
    long double sum = 0;

    for (unsigned i = 1; i < scale * 500000; i++) {
        long double x = i * 0.001L;

        sum += expl(-x / 700) + logl(x) + atan2l(x, 3);
        long double sine;
        __asm__("fsin" : "=t"(sine) : "0"(x / 400));
        sum += sine;
    }
    return bits_of((double)sum);
}

/* Between integers and the stack: control word changes, FILD, FIST. */
static uint64_t conversions(unsigned scale)
{
    uint64_t sum = 0;
    double step = 0.37;

    for (unsigned i = 0; i < scale * 8000000; i++) {
        int32_t n = (int32_t)(i * step);

        sum += (uint64_t)n ^ (uint64_t)(int64_t)(n * 1.5L);
        step += (float)(n & 3) * 1e-9f;
    }
    return sum;
}

const struct kernel kernels_x87[] = {
    {"mandelbrot", mandelbrot}, {"nbody", nbody}, {"polynomial", polynomial}, {"transcendental", transcendental}, {"conversions", conversions},
    {NULL, NULL},
};
