/* Floating point as compilers write it, vectors included: what it prints is compared with the native run. */
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define N 1000
static float f[N], g[N], h[N];
static double d[N], e[N];
static int n[N];
static short s[N];
static unsigned char b[N], c[N];

static unsigned seed = 12345;
static int next(void)
{
    return (int)((seed = seed * 1103515245u + 12345u) >> 8 & 0xffff);
}

static void fill(void)
{
    for (int i = 0; i < N; i++) {
        f[i] = (float)(next() - 30000) / 37;
        g[i] = (float)next() * 1e-3f + 1e-6f;
        d[i] = (next() - 32768) * 1.0 / (next() + 1);
        n[i] = next() * next();
        s[i] = (short)next();
        b[i] = (unsigned char)next();
        c[i] = (unsigned char)next();
    }
}

/* Loops that vectorise. */
static void loops(void)
{
    int sad = 0, most = 0;
    float sum = 0;
    for (int i = 0; i < N; i++)
        h[i] = f[i] * g[i] + h[i];
    for (int i = 0; i < N; i++)
        e[i] = d[i] > 0 ? sqrt(d[i]) : d[i] / 3 + f[i];
    for (int i = 0; i < N; i++)
        n[i] = (int)f[i] + n[i] / 3 + (n[i] << 2) - s[i] * 5;
    for (int i = 0; i < N; i++)
        sad += abs(b[i] - c[i]);
    for (int i = 0; i < N; i++)
        most = s[i] > most ? s[i] : most;
    for (int i = 0; i < N; i++)
        sum += fabsf(h[i]) < 1000 ? h[i] : 0;
    for (int i = 0; i < N; i++)
        c[i] = (unsigned char)((b[i] + c[i] + 1) / 2);
    printf("%d %d %.9g %d\n", sad, most, sum, c[77]);
}

static void functions(void)
{
    for (int i = 0; i < 40; i++) {
        double x = d[i] / 7, y = fabs(x) + 0.01;
        printf("%.15g %.15g %.15g %.15g %.15g\n", exp(x / 100), log(y), pow(y, 1.25), floor(x), fmod(x * 1000, 7));
        printf("%.12g %.12g %.7g %ld %d\n", sin(x / 1000), atan2(x, y), (double)powf((float)y, 0.5f), lrint(x * 10), (int)(x * 3));
        printf("%.16Lg %.16Lg\n", (long double)x / 3, sqrtl((long double)y) * 7);
    }
}

int main(void)
{
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    fill();
    for (int k = 0; k < 4; k++) {
        fesetround(modes[k]);
        loops();
        printf("%.17g %.9g %ld\n", d[k] / 3 + 1e-17, (double)(f[k] * 1.1f), lrint(2.5 + k));
    }
    fesetround(FE_TONEAREST);
    functions();
    feclearexcept(FE_ALL_EXCEPT);
    volatile double zero = 0, one = 1, r = one / zero;
    printf("%g %d %d\n", r, !!fetestexcept(FE_DIVBYZERO), !!fetestexcept(FE_INVALID));
    r = zero / zero;
    printf("%d %d %d\n", r != r, !!fetestexcept(FE_INVALID), r < one);
    for (int i = 0; i < N; i += 50)
        printf("%.9g %.17g %d\n", (double)h[i], e[i], n[i]);
    return 0;
}
