/* Hyperbolic tangents that compilers turn into vector code. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef SHORT_TANH
/* 1 - 2 / (exp(2 x) + 1) without branches. The error is a few units in the last place of 1, whatever the result: small
   arguments lose their digits. */
static inline double vector_tanh(double x) {
  double a = x < -20 ? -20 : x;
  a = 2 * (a > 20 ? 20 : a);
  double n = __builtin_rint(a * 1.4426950408889634);
  double r = a - n * 6.93147180369123816490e-01 - n * 1.90821492927058770002e-10;
  double q = 1.6059043836821613e-10;
  q = q * r + 2.08767569878681e-9;
  q = q * r + 2.505210838544172e-8;
  q = q * r + 2.755731922398589e-7;
  q = q * r + 2.755731922398589e-6;
  q = q * r + 2.48015873015873e-5;
  q = q * r + 1.984126984126984e-4;
  q = q * r + 1.388888888888889e-3;
  q = q * r + 8.333333333333333e-3;
  q = q * r + 4.1666666666666664e-2;
  q = q * r + 1.6666666666666666e-1;
  q = q * r + 0.5;
  q = q * r + 1.0;
  q = q * r + 1.0;
  int64_t exponent = ((int64_t)n + 1023) << 52;
  double power;
  memcpy(&power, &exponent, sizeof power);
  return 1 - 2 / (q * power + 1);
}
#else
/* That of the C library. With -ffast-math gcc calls the vector form where the library has one (libmvec of glibc, error
   below 4 units in the last place). */
static inline double vector_tanh(double x) { return tanh(x); }
#endif
