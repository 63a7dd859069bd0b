/* 30 species, 40 reactions X + Y -> Z with Arrhenius rates A exp(-E / T), 10 productions with Hill kinetics
   v x^n / (K^n + x^n): 40 exponentials and 20 powers. The same system as kinetics30.slope; parameters in its order. */
#include <math.h>

void f(double t, const double *restrict u, const double *restrict p, double *restrict out, double *restrict scratch) {
  (void)t, (void)scratch;
  const double temperature = p[0];
  const double *A = p + 1, *E = p + 41, *v = p + 81, *K = p + 91, *n = p + 101;
  for (int i = 0; i < 30; i++) out[i] = 0;
  for (int j = 0; j < 40; j++) {
    int x = j % 30, y = (7 * j + 3) % 30, z = (11 * j + 2) % 30;
    double rate = A[j] * exp(-E[j] / temperature) * u[x] * u[y];
    out[x] -= rate;
    out[y] -= rate;
    out[z] += rate;
  }
  for (int m = 0; m < 10; m++) {
    double xn = pow(u[3 * m + 1], n[m]);
    out[3 * m + 2] += v[m] * xn / (pow(K[m], n[m]) + xn);
  }
}
