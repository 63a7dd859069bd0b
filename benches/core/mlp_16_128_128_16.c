/* out = W3 tanh(W2 tanh(W1 u + b1) + b2) + b3 with 16 inputs, 2 x 128 hidden units, 16 outputs. p holds W1, b1, W2, b2,
   W3, b3, matrices by rows. To be compiled with -ffast-math, which lets the compiler vectorise the sums. */
#include "tanh.h"

enum { N = 16, H = 128, W1 = 0, B1 = W1 + H * N, W2 = B1 + H, B2 = W2 + H * H, W3 = B2 + H, B3 = W3 + N * H };

/* y = A x + b */
static inline void affine(const double *restrict A, const double *restrict b, const double *restrict x,
                          double *restrict y, int rows, int cols) {
  for (int i = 0; i < rows; i++) {
    double s = 0;
    for (int j = 0; j < cols; j++) s += A[i * cols + j] * x[j];
    y[i] = s + b[i];
  }
}

/* gx += A' g, gA += g x', gb += g */
static inline void affine_vjp(const double *restrict A, const double *restrict x, const double *restrict g,
                              double *restrict gx, double *restrict gA, double *restrict gb, int rows, int cols) {
  for (int i = 0; i < rows; i++) {
    gb[i] += g[i];
    for (int j = 0; j < cols; j++) {
      gx[j] += g[i] * A[i * cols + j];
      gA[i * cols + j] += g[i] * x[j];
    }
  }
}

static inline void hidden(const double *restrict u, const double *restrict p, double *restrict h1, double *restrict h2) {
  affine(p + W1, p + B1, u, h1, H, N);
  for (int i = 0; i < H; i++) h1[i] = vector_tanh(h1[i]);
  affine(p + W2, p + B2, h1, h2, H, H);
  for (int i = 0; i < H; i++) h2[i] = vector_tanh(h2[i]);
}

void f(double t, const double *restrict u, const double *restrict p, double *restrict out, double *restrict scratch) {
  (void)t;
  double *h1 = scratch, *h2 = scratch + H;
  hidden(u, p, h1, h2);
  affine(p + W3, p + B3, h2, out, N, H);
}

/* Adds w' df/du to gu and w' df/dp to gp. */
void f_vjp(double t, const double *restrict u, const double *restrict p, const double *restrict w, double *restrict gu,
           double *restrict gp, double *restrict scratch) {
  (void)t;
  double *h1 = scratch, *h2 = scratch + H, *g1 = scratch + 2 * H, *g2 = scratch + 3 * H;
  hidden(u, p, h1, h2);
  for (int i = 0; i < H; i++) g1[i] = g2[i] = 0;
  affine_vjp(p + W3, h2, w, g2, gp + W3, gp + B3, N, H);
  for (int i = 0; i < H; i++) g2[i] *= 1 - h2[i] * h2[i];
  affine_vjp(p + W2, h1, g2, g1, gp + W2, gp + B2, H, H);
  for (int i = 0; i < H; i++) g1[i] *= 1 - h1[i] * h1[i];
  affine_vjp(p + W1, u, g1, gu, gp + W1, gp + B1, H, N);
}
