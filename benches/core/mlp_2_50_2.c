/* out = W2 tanh(W1 u + b1) + b2 with 2 inputs, 50 hidden units, 2 outputs. p holds W1, b1, W2, b2, matrices by rows.
   To be compiled with -ffast-math, which lets the compiler vectorise the sums. */
#include "tanh.h"

enum { N = 2, H = 50 };

static inline void hidden(const double *restrict u, const double *restrict p, double *restrict h) {
  const double *W1 = p, *b1 = p + H * N;
  for (int i = 0; i < H; i++) h[i] = vector_tanh(b1[i] + W1[2 * i] * u[0] + W1[2 * i + 1] * u[1]);
}

void f(double t, const double *restrict u, const double *restrict p, double *restrict out, double *restrict h) {
  (void)t;
  const double *W2 = p + H * N + H, *b2 = W2 + N * H;
  hidden(u, p, h);
  double s0 = b2[0], s1 = b2[1];
  for (int i = 0; i < H; i++) {
    s0 += W2[i] * h[i];
    s1 += W2[H + i] * h[i];
  }
  out[0] = s0, out[1] = s1;
}

/* Adds w' df/du to gu and w' df/dp to gp. */
void f_vjp(double t, const double *restrict u, const double *restrict p, const double *restrict w, double *restrict gu,
           double *restrict gp, double *restrict h) {
  (void)t;
  const double *W1 = p, *W2 = p + H * N + H;
  double *gW1 = gp, *gb1 = gp + H * N, *gW2 = gb1 + H, *gb2 = gW2 + N * H;
  hidden(u, p, h);
  double s0 = 0, s1 = 0;
  for (int i = 0; i < H; i++) {
    double z = (W2[i] * w[0] + W2[H + i] * w[1]) * (1 - h[i] * h[i]);
    gW2[i] += w[0] * h[i];
    gW2[H + i] += w[1] * h[i];
    gb1[i] += z;
    gW1[2 * i] += z * u[0];
    gW1[2 * i + 1] += z * u[1];
    s0 += z * W1[2 * i];
    s1 += z * W1[2 * i + 1];
  }
  gu[0] += s0, gu[1] += s1;
  gb2[0] += w[0], gb2[1] += w[1];
}
