/* CVODE and IDA called from C, with right-hand sides and Jacobians written by hand: what a user gets who writes the
   model in C. For `slopefield bench solvers`. Needs SUNDIALS 6 with KLU (Debian: libsundials-dev).
   Memory is made once; a run begins with CVodeReInit, as repeated solves do. */
#include <cvode/cvode.h>
#include <ida/ida.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdlib.h>
#include <string.h>
#include <sunlinsol/sunlinsol_band.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunlinsol/sunlinsol_klu.h>
#include <sunmatrix/sunmatrix_band.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunmatrix/sunmatrix_sparse.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>
#define D(v) NV_DATA_S(v)
#define FN(name) static int name(realtype t, N_Vector y, N_Vector yd, void *ud)
#define JAC(name) static int name(realtype t, N_Vector y, N_Vector fy, SUNMatrix J, void *ud, N_Vector a1, N_Vector a2, N_Vector a3)
#define J_(i, j) SM_ELEMENT_D(J, i, j)

typedef struct Peer {
  long n, side;
  double *p, *u0, *result, t0, t1;
  long *place; /* state i of the caller is at place[i] */
  SUNContext ctx;
  void *mem;
  N_Vector y, yd, id;
  SUNMatrix J;
  SUNLinearSolver ls;
  SUNNonlinearSolver nls;
  int ida;
  struct Network *network;
} Peer;

/* ------------------------------------------------------------------ small problems */
FN(lv_f) {
  double *p = ((Peer *)ud)->p, *u = D(y), *d = D(yd), xy = u[0] * u[1];
  d[0] = p[0] * u[0] - p[1] * xy, d[1] = p[3] * xy - p[2] * u[1];
  return 0;
}
JAC(lv_j) {
  double *p = ((Peer *)ud)->p, *u = D(y);
  J_(0, 0) = p[0] - p[1] * u[1], J_(0, 1) = -p[1] * u[0], J_(1, 0) = p[3] * u[1], J_(1, 1) = p[3] * u[0] - p[2];
  return 0;
}
FN(rigid_f) {
  double *p = ((Peer *)ud)->p, *u = D(y), *d = D(yd);
  d[0] = p[0] * u[1] * u[2], d[1] = p[1] * u[0] * u[2], d[2] = p[2] * u[0] * u[1];
  return 0;
}
JAC(rigid_j) {
  double *p = ((Peer *)ud)->p, *u = D(y);
  J_(0, 1) = p[0] * u[2], J_(0, 2) = p[0] * u[1], J_(1, 0) = p[1] * u[2], J_(1, 2) = p[1] * u[0];
  J_(2, 0) = p[2] * u[1], J_(2, 1) = p[2] * u[0];
  return 0;
}
FN(lorenz_f) {
  double *p = ((Peer *)ud)->p, *u = D(y), *d = D(yd);
  d[0] = p[0] * (u[1] - u[0]), d[1] = u[0] * (p[1] - u[2]) - u[1], d[2] = u[0] * u[1] - p[2] * u[2];
  return 0;
}
JAC(lorenz_j) {
  double *p = ((Peer *)ud)->p, *u = D(y);
  J_(0, 0) = -p[0], J_(0, 1) = p[0], J_(1, 0) = p[1] - u[2], J_(1, 1) = -1, J_(1, 2) = -u[0];
  J_(2, 0) = u[1], J_(2, 1) = u[0], J_(2, 2) = -p[2];
  return 0;
}
FN(pleiades_f) {
  double *u = D(y), *d = D(yd), *x = u, *z = u + 7, *ax = d + 14, *az = d + 21;
  memcpy(d, u + 14, 14 * sizeof(double));
  memset(d + 14, 0, 14 * sizeof(double));
  for (int i = 1; i < 7; i++)
    for (int j = 0; j < i; j++) {
      double dx = x[j] - x[i], dz = z[j] - z[i], s = dx * dx + dz * dz, c = 1 / (s * sqrt(s));
      ax[i] += (j + 1) * dx * c, az[i] += (j + 1) * dz * c, ax[j] -= (i + 1) * dx * c, az[j] -= (i + 1) * dz * c;
    }
  return 0;
}

/* ------------------------------------------------------------------ stiff kinetics */
FN(rober_f) {
  double *k = ((Peer *)ud)->p, *u = D(y), *d = D(yd), a = k[0] * u[0], b = k[1] * u[1] * u[1], c = k[2] * u[1] * u[2];
  d[0] = c - a, d[1] = a - c - b, d[2] = b;
  return 0;
}
JAC(rober_j) {
  double *k = ((Peer *)ud)->p, *u = D(y);
  J_(0, 0) = -k[0], J_(0, 1) = k[2] * u[2], J_(0, 2) = k[2] * u[1];
  J_(1, 0) = k[0], J_(1, 1) = -2 * k[1] * u[1] - k[2] * u[2], J_(1, 2) = -k[2] * u[1];
  J_(2, 1) = 2 * k[1] * u[1];
  return 0;
}
FN(hires_f) {
  double *p = ((Peer *)ud)->p, *u = D(y), *d = D(yd), bind = p[9] * u[5] * u[7];
  d[0] = -p[0] * u[0] + p[1] * u[1] + p[2] * u[2] + p[3];
  d[1] = p[0] * u[0] - p[4] * u[1];
  d[2] = -p[5] * u[2] + p[1] * u[3] + p[6] * u[4];
  d[3] = p[2] * u[1] + p[0] * u[2] - p[7] * u[3];
  d[4] = -p[8] * u[4] + p[1] * (u[5] + u[6]);
  d[5] = -bind + p[10] * (u[3] + u[6]) + p[0] * u[4] - p[1] * u[5];
  d[6] = bind - p[11] * u[6];
  d[7] = -d[6];
  return 0;
}
JAC(hires_j) {
  double *p = ((Peer *)ud)->p, *u = D(y), b5 = p[9] * u[7], b7 = p[9] * u[5];
  J_(0, 0) = -p[0], J_(0, 1) = p[1], J_(0, 2) = p[2];
  J_(1, 0) = p[0], J_(1, 1) = -p[4];
  J_(2, 2) = -p[5], J_(2, 3) = p[1], J_(2, 4) = p[6];
  J_(3, 1) = p[2], J_(3, 2) = p[0], J_(3, 3) = -p[7];
  J_(4, 4) = -p[8], J_(4, 5) = J_(4, 6) = p[1];
  J_(5, 3) = J_(5, 6) = p[10], J_(5, 4) = p[0], J_(5, 5) = -b5 - p[1], J_(5, 7) = -b7;
  J_(6, 5) = b5, J_(6, 6) = -p[11], J_(6, 7) = b7;
  J_(7, 5) = -b5, J_(7, 6) = p[11], J_(7, 7) = -b7;
  return 0;
}
FN(orego_f) {
  double *p = ((Peer *)ud)->p, *u = D(y), *d = D(yd);
  d[0] = p[0] * (u[1] + u[0] * (1 - p[1] * u[0] - u[1])), d[1] = (u[2] - (1 + u[0]) * u[1]) / p[0];
  d[2] = p[2] * (u[0] - u[2]);
  return 0;
}
JAC(orego_j) {
  double *p = ((Peer *)ud)->p, *u = D(y);
  J_(0, 0) = p[0] * (1 - 2 * p[1] * u[0] - u[1]), J_(0, 1) = p[0] * (1 - u[0]);
  J_(1, 0) = -u[1] / p[0], J_(1, 1) = -(1 + u[0]) / p[0], J_(1, 2) = 1 / p[0];
  J_(2, 0) = p[2], J_(2, 2) = -p[2];
  return 0;
}
FN(vdp_f) {
  double *p = ((Peer *)ud)->p, *u = D(y), *d = D(yd);
  d[0] = u[1], d[1] = ((1 - u[0] * u[0]) * u[1] - u[0]) / p[0];
  return 0;
}
JAC(vdp_j) {
  double *p = ((Peer *)ud)->p, *u = D(y);
  J_(0, 1) = 1, J_(1, 0) = (-2 * u[0] * u[1] - 1) / p[0], J_(1, 1) = (1 - u[0] * u[0]) / p[0];
  return 0;
}
FN(pollu_f) {
  const double *k = ((Peer *)ud)->p, *u = D(y);
  double *d = D(yd);
  double r1 = k[0] * u[0], r2 = k[1] * u[1] * u[3], r3 = k[2] * u[4] * u[1], r4 = k[3] * u[6], r5 = k[4] * u[6];
  double r6 = k[5] * u[6] * u[5], r7 = k[6] * u[8], r8 = k[7] * u[8] * u[5], r9 = k[8] * u[10] * u[1];
  double r10 = k[9] * u[10] * u[0], r11 = k[10] * u[12], r12 = k[11] * u[9] * u[1], r13 = k[12] * u[13];
  double r14 = k[13] * u[0] * u[5], r15 = k[14] * u[2], r16 = k[15] * u[3], r17 = k[16] * u[3], r18 = k[17] * u[15];
  double r19 = k[18] * u[15], r20 = k[19] * u[16] * u[5], r21 = k[20] * u[18], r22 = k[21] * u[18];
  double r23 = k[22] * u[0] * u[3], r24 = k[23] * u[18] * u[0], r25 = k[24] * u[19];
  d[0] = -r1 - r10 - r14 - r23 - r24 + r2 + r3 + r9 + r11 + r12 + r22 + r25;
  d[1] = -r2 - r3 - r9 - r12 + r1 + r21, d[2] = -r15 + r1 + r17 + r19 + r22, d[3] = -r2 - r16 - r17 - r23 + r15;
  d[4] = -r3 + 2 * r4 + r6 + r7 + r13 + r20, d[5] = -r6 - r8 - r14 - r20 + r3 + 2 * r18, d[6] = -r4 - r5 - r6 + r13;
  d[7] = r4 + r5 + r6 + r7, d[8] = -r7 - r8, d[9] = -r12 + r7 + r9, d[10] = -r9 - r10 + r8 + r11, d[11] = r9;
  d[12] = -r11 + r10, d[13] = -r13 + r12, d[14] = r14, d[15] = -r18 - r19 + r16, d[16] = -r20, d[17] = r20;
  d[18] = -r21 - r22 - r24 + r23 + r25, d[19] = -r25 + r24;
  return 0;
}
/* Reactants of each reaction, then what it changes by +1 or -1 (doubled changes stand twice). */
static const signed char pollu_in[25][2] = {{0, -1}, {1, 3}, {4, 1}, {6, -1}, {6, -1}, {6, 5}, {8, -1}, {8, 5}, {10, 1},
  {10, 0}, {12, -1}, {9, 1}, {13, -1}, {0, 5}, {2, -1}, {3, -1}, {3, -1}, {15, -1}, {15, -1}, {16, 5}, {18, -1},
  {18, -1}, {0, 3}, {18, 0}, {19, -1}};
/* state + 1, negative where consumed */
static const signed char pollu_out[25][6] = {{-1, 2, 3}, {1, -2, -4}, {1, -2, -5, 6}, {5, 5, -7, 8}, {-7, 8},
  {5, -6, -7, 8}, {5, 8, -9, 10}, {-6, -9, 11}, {1, -2, 10, -11, 12}, {-1, -11, 13}, {1, 11, -13}, {1, -2, -10, 14},
  {5, 7, -14}, {-1, -6, 15}, {-3, 4}, {-4, 16}, {3, -4}, {6, 6, -16}, {3, -16}, {5, -6, -17, 18}, {2, -19},
  {1, 3, -19}, {-1, -4, 19}, {-1, -19, 20}, {1, 19, -20}};
JAC(pollu_j) {
  const double *k = ((Peer *)ud)->p, *u = D(y);
  for (int r = 0; r < 25; r++)
    for (int s = 0; s < 2; s++) {
      int j = pollu_in[r][s], other = pollu_in[r][1 - s];
      if (j < 0) continue;
      double slope = other < 0 ? k[r] : k[r] * u[other];
      for (int c = 0; c < 6 && pollu_out[r][c]; c++) {
        int i = pollu_out[r][c];
        if (i > 0) J_(i - 1, j) += slope;
        else J_(-i - 1, j) -= slope;
      }
    }
  return 0;
}

/* ------------------------------------------------------------------ Brusselator on a line, u and v by turns */
#define LINE 100
FN(line_f) {
  const double *p = ((Peer *)ud)->p, *z = D(y);
  double *d = D(yd), c = p[2] * (LINE + 1) * (LINE + 1);
  for (int i = 0; i < LINE; i++) {
    double u = z[2 * i], v = z[2 * i + 1], w = u * u * v;
    double ul = i ? z[2 * i - 2] : 1, vl = i ? z[2 * i - 1] : 3;
    double ur = i < LINE - 1 ? z[2 * i + 2] : 1, vr = i < LINE - 1 ? z[2 * i + 3] : 3;
    d[2 * i] = p[0] + w - (p[1] + 1) * u + c * (ul - 2 * u + ur), d[2 * i + 1] = p[1] * u - w + c * (vl - 2 * v + vr);
  }
  return 0;
}
JAC(line_band) {
  const double *p = ((Peer *)ud)->p, *z = D(y);
  double c = p[2] * (LINE + 1) * (LINE + 1);
  for (int i = 0; i < LINE; i++) {
    double u = z[2 * i], v = z[2 * i + 1];
    int a = 2 * i, b = a + 1;
    SM_ELEMENT_B(J, a, a) = 2 * u * v - (p[1] + 1) - 2 * c, SM_ELEMENT_B(J, a, b) = u * u;
    SM_ELEMENT_B(J, b, a) = p[1] - 2 * u * v, SM_ELEMENT_B(J, b, b) = -u * u - 2 * c;
    for (int s = 0; s < 2 && i < LINE - 1; s++) SM_ELEMENT_B(J, a + s, a + s + 2) = SM_ELEMENT_B(J, a + s + 2, a + s) = c;
  }
  return 0;
}
JAC(line_sparse) {
  const double *p = ((Peer *)ud)->p, *z = D(y);
  double c = p[2] * (LINE + 1) * (LINE + 1), *x = SUNSparseMatrix_Data(J);
  sunindextype *starts = SUNSparseMatrix_IndexPointers(J), *rows = SUNSparseMatrix_IndexValues(J), k = 0;
  for (int j = 0; j < 2 * LINE; j++) {
    int i = j / 2;
    double u = z[2 * i], v = z[2 * i + 1];
    starts[j] = k;
    if (i) rows[k] = j - 2, x[k++] = c;
    rows[k] = 2 * i, x[k++] = j % 2 ? u * u : 2 * u * v - (p[1] + 1) - 2 * c;
    rows[k] = 2 * i + 1, x[k++] = j % 2 ? -u * u - 2 * c : p[1] - 2 * u * v;
    if (i < LINE - 1) rows[k] = j + 2, x[k++] = c;
  }
  starts[2 * LINE] = k;
  return 0;
}

/* ------------------------------------------------------------------ Brusselator on a torus
   Rows are folded (first, last, second, last but one, ...), so that neighbours are at most two rows apart. */
static long folded(long i, long n) { return i < (n + 1) / 2 ? 2 * i : 2 * (n - 1 - i) + 1; }
static long unfolded(long k, long n) { return k % 2 ? n - 1 - k / 2 : k / 2; }
#define AT(i, j, s) (2 * (folded(i, n) * n + (j)) + (s))
FN(torus_f) {
  Peer *q = ud;
  long n = q->side;
  const double *z = D(y);
  double *d = D(yd), c = q->p[0] * (n - 1) * (n - 1), h = 1.0 / (n - 1);
  for (long i = 0; i < n; i++) {
    long up = folded(i ? i - 1 : n - 1, n), down = folded(i < n - 1 ? i + 1 : 0, n), row = folded(i, n);
    for (long j = 0; j < n; j++) {
      long left = j ? j - 1 : n - 1, right = j < n - 1 ? j + 1 : 0, at = 2 * (row * n + j);
      double dx = i * h - 0.3, dy = j * h - 0.6, fed = dx * dx + dy * dy <= 0.01 && t >= 1.1 ? 5 : 0;
      double u = z[at], v = z[at + 1], w = u * u * v;
      const double *a = z + 2 * (up * n + j), *b = z + 2 * (down * n + j), *l = z + 2 * (row * n + left), *r = z + 2 * (row * n + right);
      d[at] = 1 + w - 4.4 * u + c * (a[0] + b[0] + l[0] + r[0] - 4 * u) + fed;
      d[at + 1] = 3.4 * u - w + c * (a[1] + b[1] + l[1] + r[1] - 4 * v);
    }
  }
  return 0;
}
JAC(torus_sparse) {
  Peer *q = ud;
  long n = q->side;
  const double *z = D(y);
  double c = q->p[0] * (n - 1) * (n - 1), *x = SUNSparseMatrix_Data(J);
  sunindextype *starts = SUNSparseMatrix_IndexPointers(J), *rows = SUNSparseMatrix_IndexValues(J), k = 0;
  for (long col = 0; col < 2 * n * n; col++) {
    long point = col / 2, s = col % 2, j = point % n, i = unfolded(point / n, n), at = 2 * point;
    double u = z[at], v = z[at + 1];
    starts[col] = k;
    rows[k] = at, x[k++] = s ? u * u : 2 * u * v - 4.4 - 4 * c;
    rows[k] = at + 1, x[k++] = s ? -u * u - 4 * c : 3.4 - 2 * u * v;
    rows[k] = AT(i ? i - 1 : n - 1, j, s), x[k++] = c, rows[k] = AT(i < n - 1 ? i + 1 : 0, j, s), x[k++] = c;
    rows[k] = AT(i, j ? j - 1 : n - 1, s), x[k++] = c, rows[k] = AT(i, j < n - 1 ? j + 1 : 0, s), x[k++] = c;
  }
  starts[2 * n * n] = k;
  return 0;
}
JAC(torus_band) {
  Peer *q = ud;
  long n = q->side;
  const double *z = D(y);
  double c = q->p[0] * (n - 1) * (n - 1);
  for (long col = 0; col < 2 * n * n; col++) {
    long point = col / 2, s = col % 2, j = point % n, i = unfolded(point / n, n), at = 2 * point;
    double u = z[at], v = z[at + 1];
    SM_ELEMENT_B(J, at, col) = s ? u * u : 2 * u * v - 4.4 - 4 * c;
    SM_ELEMENT_B(J, at + 1, col) = s ? -u * u - 4 * c : 3.4 - 2 * u * v;
    SM_ELEMENT_B(J, AT(i ? i - 1 : n - 1, j, s), col) = c, SM_ELEMENT_B(J, AT(i < n - 1 ? i + 1 : 0, j, s), col) = c;
    SM_ELEMENT_B(J, AT(i, j ? j - 1 : n - 1, s), col) = c, SM_ELEMENT_B(J, AT(i, j < n - 1 ? j + 1 : 0, s), col) = c;
  }
  return 0;
}

/* ------------------------------------------------------------------ oxygen on platinum
   Reactants and products of each direction of each reaction, 9 for none; a factor of its constant. */
#define OXY 23
static const signed char oxy_in[OXY][2] = {{7, 9}, {0, 9}, {0, 8}, {2, 5}, {1, 8}, {3, 5}, {4, 8}, {3, 6}, {4, 9}, {0, 9},
  {1, 9}, {1, 9}, {2, 9}, {2, 9}, {3, 9}, {3, 9}, {7, 9}, {5, 9}, {6, 9}, {6, 9}, {8, 9}, {1, 9}, {4, 9}};
static const signed char oxy_out[OXY][2] = {{0, 9}, {7, 9}, {2, 5}, {0, 8}, {3, 5}, {1, 8}, {3, 6}, {4, 8}, {7, 9}, {1, 9},
  {0, 9}, {2, 9}, {1, 9}, {3, 9}, {2, 9}, {7, 9}, {3, 9}, {6, 9}, {5, 9}, {8, 9}, {6, 9}, {4, 9}, {1, 9}};
static const signed char oxy_of[OXY] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
static double oxy_factor[OXY];
static void oxy_prepare(void) {
  const double proton = 1.81e-6 / 0.5, water = 55500 / 0.5, rt = 2477.572, loss = 3.697891137634378;
  for (int k = 0; k < OXY; k++) oxy_factor[k] = oxy_in[k][1] < 9 ? 1 / 0.5 : 1;
  const int by_proton[] = {9, 11, 13, 15, 17, 19, 21}, by_water[] = {12, 16, 20};
  for (int k = 0; k < 7; k++) oxy_factor[by_proton[k]] *= proton;
  for (int k = 0; k < 3; k++) oxy_factor[by_water[k]] *= water;
  oxy_factor[0] *= 0.25 / 0.5, oxy_factor[1] *= exp((134110.0 - 153400.0) / rt + loss);
  oxy_factor[3] *= exp((-9648.3 + 51136.0 - 134110.0) / rt), oxy_factor[5] *= exp((-14472.0 + 51136.0 - 116740.0) / rt);
  oxy_factor[7] *= exp((-14472.0 + 19296.6 - 147620.0) / rt);
}
FN(oxy_f) {
  const double *p = ((Peer *)ud)->p;
  double u[10], d[10] = {0};
  memcpy(u, D(y), 9 * sizeof(double)), u[9] = 1;
  for (int k = 0; k < OXY; k++) {
    double rate = p[oxy_of[k]] * oxy_factor[k] * u[oxy_in[k][0]] * u[oxy_in[k][1]];
    d[oxy_in[k][0]] -= rate, d[oxy_in[k][1]] -= rate, d[oxy_out[k][0]] += rate, d[oxy_out[k][1]] += rate;
  }
  memcpy(D(yd), d, 9 * sizeof(double));
  return 0;
}
JAC(oxy_j) {
  const double *p = ((Peer *)ud)->p;
  double u[10];
  memcpy(u, D(y), 9 * sizeof(double)), u[9] = 1;
  for (int k = 0; k < OXY; k++)
    for (int s = 0; s < 2; s++) {
      int j = oxy_in[k][s];
      if (j == 9) continue;
      double slope = p[oxy_of[k]] * oxy_factor[k] * u[oxy_in[k][1 - s]];
      for (int c = 0; c < 2; c++) {
        if (oxy_in[k][c] < 9) J_(oxy_in[k][c], j) -= slope;
        if (oxy_out[k][c] < 9) J_(oxy_out[k][c], j) += slope;
      }
    }
  return 0;
}

/* ------------------------------------------------------------------ heating of rooms */
#define ROOMS 40
static double room_size(int i) { return 1e7 * (1 + 1.348 * i / (ROOMS - 1)); }
FN(heat_f) {
  const double *p = ((Peer *)ud)->p, *u = D(y);
  double *d = D(yd), sum = 0, outside = 278.15 + 8 * sin(2 * M_PI * t / 86400), power = 3000.0 * ROOMS;
  for (int i = 0; i < ROOMS; i++) {
    double room = u[1 + i], x = u[1 + ROOMS + i], heat = 200 * (u[0] - room) * (1 + tanh(2 * p[1] * x)) / 2;
    sum += heat, d[1 + i] = (heat - 150 * (room - outside)) / room_size(i);
    d[1 + ROOMS + i] = p[0] * (293.15 - room - 0.5 * x * (x * x - 0.25) / 0.0474);
  }
  d[0] = (power * (1 + tanh(0.5 * (343.15 - u[0]) - 1)) / 2 - sum) / (2e6 * ROOMS);
  return 0;
}
/* What stands in the columns of a room and of its valve: of the water, the room, the valve. */
static double heat_columns(const double *p, const double *u, int i, double room[3], double valve[3]) {
  double th = tanh(2 * p[1] * u[1 + ROOMS + i]), x = u[1 + ROOMS + i], open = (1 + th) / 2;
  double turn = 200 * (u[0] - u[1 + i]) * (1 - th * th) * p[1], water = 2e6 * ROOMS;
  room[0] = 200 * open / water, room[1] = (-200 * open - 150) / room_size(i), room[2] = -p[0];
  valve[0] = -turn / water, valve[1] = turn / room_size(i), valve[2] = -p[0] * 0.5 * (3 * x * x - 0.25) / 0.0474;
  return 200 * open;
}
static double heat_water(const double *u, double given) {
  double z = tanh(0.5 * (343.15 - u[0]) - 1);
  return (-3000.0 * ROOMS * (1 - z * z) / 4 - given) / (2e6 * ROOMS);
}
JAC(heat_j) {
  const double *p = ((Peer *)ud)->p, *u = D(y);
  double given = 0, room[3], valve[3];
  for (int i = 0; i < ROOMS; i++) {
    double one = heat_columns(p, u, i, room, valve);
    given += one, J_(1 + i, 0) = one / room_size(i);
    J_(0, 1 + i) = room[0], J_(1 + i, 1 + i) = room[1], J_(1 + ROOMS + i, 1 + i) = room[2];
    J_(0, 1 + ROOMS + i) = valve[0], J_(1 + i, 1 + ROOMS + i) = valve[1], J_(1 + ROOMS + i, 1 + ROOMS + i) = valve[2];
  }
  J_(0, 0) = heat_water(u, given);
  return 0;
}
JAC(heat_sparse) {
  const double *p = ((Peer *)ud)->p, *u = D(y);
  double given = 0, *x = SUNSparseMatrix_Data(J);
  sunindextype *starts = SUNSparseMatrix_IndexPointers(J), *rows = SUNSparseMatrix_IndexValues(J);
  for (int i = 0; i < ROOMS; i++) {
    long room = ROOMS + 1 + 3 * i, valve = room + 3 * ROOMS;
    double one = heat_columns(p, u, i, x + room, x + valve);
    given += one, rows[1 + i] = 1 + i, x[1 + i] = one / room_size(i);
    starts[1 + i] = room, starts[1 + ROOMS + i] = valve;
    rows[room] = rows[valve] = 0, rows[room + 1] = rows[valve + 1] = 1 + i;
    rows[room + 2] = rows[valve + 2] = 1 + ROOMS + i;
  }
  starts[0] = 0, rows[0] = 0, x[0] = heat_water(u, given), starts[2 * ROOMS + 1] = ROOMS + 1 + 6 * ROOMS;
  return 0;
}

/* ------------------------------------------------------------------ Robertson with conservation of mass */
static int dae_r(realtype t, N_Vector y, N_Vector yp, N_Vector r, void *ud) {
  double *k = ((Peer *)ud)->p, *u = D(y), *d = D(yp), *out = D(r), a = k[0] * u[0], b = k[1] * u[1] * u[1], c = k[2] * u[1] * u[2];
  out[0] = d[0] - c + a, out[1] = d[1] - a + c + b, out[2] = u[0] + u[1] + u[2] - 1;
  return 0;
}
static int dae_j(realtype t, realtype cj, N_Vector y, N_Vector yp, N_Vector r, SUNMatrix J, void *ud, N_Vector a, N_Vector b, N_Vector c) {
  double *k = ((Peer *)ud)->p, *u = D(y);
  J_(0, 0) = cj + k[0], J_(0, 1) = -k[2] * u[2], J_(0, 2) = -k[2] * u[1];
  J_(1, 0) = -k[0], J_(1, 1) = cj + 2 * k[1] * u[1] + k[2] * u[2], J_(1, 2) = k[2] * u[1];
  J_(2, 0) = J_(2, 1) = J_(2, 2) = 1;
  return 0;
}

/* ------------------------------------------------------------------ reactions by mass action */
typedef struct Network {
  long count, entries, *in, *from, *state; /* two reactants each, -1 for none; the changes of r from `from[r]` on */
  double *rate, *by;
  sunindextype *starts, *rows;             /* pattern of the Jacobian by columns */
  long *place;                             /* places of the derivatives, in the order in which they are computed */
} Network;
FN(network_f) {
  const Network *w = ((Peer *)ud)->network;
  const double *u = D(y);
  double *d = D(yd);
  memset(d, 0, ((Peer *)ud)->n * sizeof(double));
  for (long r = 0; r < w->count; r++) {
    long a = w->in[2 * r], b = w->in[2 * r + 1];
    double v = w->rate[r] * u[a] * (b < 0 ? 1 : u[b]);
    for (long c = w->from[r]; c < w->from[r + 1]; c++) d[w->state[c]] += w->by[c] * v;
  }
  return 0;
}
JAC(network_dense) {
  const Network *w = ((Peer *)ud)->network;
  const double *u = D(y);
  for (long r = 0; r < w->count; r++)
    for (int s = 0; s < 2; s++) {
      long j = w->in[2 * r + s], other = w->in[2 * r + 1 - s];
      if (j < 0) continue;
      double v = w->rate[r] * (other < 0 ? 1 : u[other]);
      for (long c = w->from[r]; c < w->from[r + 1]; c++) J_(w->state[c], j) += w->by[c] * v;
    }
  return 0;
}
JAC(network_sparse) {
  const Peer *q = ud;
  const Network *w = q->network;
  const double *u = D(y);
  double *x = SUNSparseMatrix_Data(J);
  memcpy(SUNSparseMatrix_IndexPointers(J), w->starts, (q->n + 1) * sizeof(sunindextype));
  memcpy(SUNSparseMatrix_IndexValues(J), w->rows, w->entries * sizeof(sunindextype));
  memset(x, 0, w->entries * sizeof(double));
  const long *place = w->place;
  for (long r = 0; r < w->count; r++)
    for (int s = 0; s < 2; s++) {
      long j = w->in[2 * r + s], other = w->in[2 * r + 1 - s];
      if (j < 0) continue;
      double v = w->rate[r] * (other < 0 ? 1 : u[other]);
      for (long c = w->from[r]; c < w->from[r + 1]; c++) x[*place++] += w->by[c] * v;
    }
  return 0;
}
/* From numbers: for each reaction its rate constant, two reactants, how many states it changes, these and by how much. */
static Network *network_open(const double *p, long m, long n) {
  Network *w = calloc(1, sizeof *w);
  for (long i = 0; i < m; i += 4 + 2 * (long)p[i + 3]) w->count++;
  w->in = malloc(2 * w->count * sizeof(long)), w->from = malloc((w->count + 1) * sizeof(long));
  w->state = malloc(m * sizeof(long)), w->rate = malloc(w->count * sizeof(double)), w->by = malloc(m * sizeof(double));
  long changes = 0, r = 0;
  for (long i = 0; i < m; r++) {
    long own = (long)p[i + 3];
    w->rate[r] = p[i], w->in[2 * r] = (long)p[i + 1], w->in[2 * r + 1] = (long)p[i + 2], w->from[r] = changes;
    i += 4;
    for (long c = 0; c < own; c++, i += 2) w->state[changes] = (long)p[i], w->by[changes++] = p[i + 1];
  }
  w->from[r] = changes;
  /* Column by column: which reactions read it, then which rows these change. */
  long *reads = calloc(n + 1, sizeof(long)), *list = malloc(2 * w->count * sizeof(long)), *at = malloc(n * sizeof(long));
  for (long k = 0; k < 2 * w->count; k++)
    if (w->in[k] >= 0) reads[w->in[k] + 1]++;
  for (long j = 0; j < n; j++) reads[j + 1] += reads[j], at[j] = reads[j];
  for (long k = 0; k < 2 * w->count; k++)
    if (w->in[k] >= 0) list[at[w->in[k]]++] = k;
  w->starts = malloc((n + 1) * sizeof(sunindextype)), w->rows = malloc(2 * changes * sizeof(sunindextype));
  w->place = malloc(2 * changes * sizeof(long));
  /* Where the derivatives of the k-th reactant begin. */
  long *begin = malloc(2 * w->count * sizeof(long)), total = 0;
  for (long k = 0; k < 2 * w->count; k++) begin[k] = total, total += w->in[k] < 0 ? 0 : w->from[k / 2 + 1] - w->from[k / 2];
  for (long i = 0; i < n; i++) at[i] = -1;
  for (long j = 0; j < n; j++) {
    w->starts[j] = w->entries;
    for (long l = reads[j]; l < reads[j + 1]; l++) {
      long k = list[l], first = w->from[k / 2];
      for (long c = first; c < w->from[k / 2 + 1]; c++) {
        long i = w->state[c];
        if (at[i] < w->starts[j]) at[i] = w->entries, w->rows[w->entries++] = i;
        w->place[begin[k] + c - first] = at[i];
      }
    }
  }
  w->starts[n] = w->entries;
  free(reads), free(list), free(at), free(begin);
  return w;
}
static void network_close(Network *w) {
  if (!w) return;
  free(w->in), free(w->from), free(w->state), free(w->rate), free(w->by), free(w->starts), free(w->rows), free(w->place);
  free(w);
}

/* ------------------------------------------------------------------ what the benchmark calls */
typedef struct {
  const char *name;
  CVRhsFn f;
  CVLsJacFn dense, band, sparse;
} Entry;
static const Entry entries[] = {{"lotka-volterra", lv_f, lv_j},   {"rigid-body", rigid_f, rigid_j},
                                {"lorenz-5", lorenz_f, lorenz_j}, {"pleiades", pleiades_f},
                                {"rober", rober_f, rober_j},      {"hires", hires_f, hires_j},
                                {"orego", orego_f, orego_j},      {"pollu", pollu_f, pollu_j},
                                {"vdp", vdp_f, vdp_j},            {"brusselator-1d-200", line_f, NULL, line_band, line_sparse},
                                {"brusselator-2d", torus_f, NULL, torus_band, torus_sparse},
                                {"oxygen-reduction", oxy_f, oxy_j},
                                {"heating-system", heat_f, heat_j, NULL, heat_sparse},
                                {"reactions", network_f, network_dense, NULL, network_sparse}};
static void quiet(int code, const char *module, const char *function, char *message, void *data) {}

void peer_close(void *handle) {
  Peer *q = handle;
  if (q->mem) q->ida ? IDAFree(&q->mem) : CVodeFree(&q->mem);
  if (q->ls) SUNLinSolFree(q->ls);
  if (q->nls) SUNNonlinSolFree(q->nls);
  if (q->J) SUNMatDestroy(q->J);
  if (q->y) N_VDestroy(q->y);
  if (q->yd) N_VDestroy(q->yd);
  if (q->id) N_VDestroy(q->id);
  if (q->ctx) SUNContext_Free(&q->ctx);
  network_close(q->network);
  free(q->p), free(q->u0), free(q->result), free(q->place), free(q);
}

/* A problem with a method, or null where there is no such pair. For `reactions`, p is what network_open reads. */
void *peer_open(const char *problem, const char *method, const double *u0, long n, const double *p, long m, double t0, double t1) {
  Peer *q = calloc(1, sizeof *q);
  q->n = n, q->t0 = t0, q->t1 = t1;
  q->p = malloc((m + 1) * sizeof(double)), q->u0 = malloc(n * sizeof(double)), q->result = malloc(n * sizeof(double));
  q->place = malloc(n * sizeof(long));
  memcpy(q->p, p, m * sizeof(double));
  for (long i = 0; i < n; i++) q->place[i] = i;
  if (!strcmp(problem, "brusselator-1d-200"))
    for (long i = 0; i < n; i++) q->place[i] = i < n / 2 ? 2 * i : 2 * (i - n / 2) + 1;
  if (!strcmp(problem, "brusselator-2d")) {
    q->side = (long)(sqrt(n / 2.0) + 0.5);
    for (long i = 0; i < n; i++) {
      long point = i % (n / 2), side = q->side;
      q->place[i] = 2 * (folded(point / side, side) * side + point % side) + (i >= n / 2);
    }
  }
  for (long i = 0; i < n; i++) q->u0[q->place[i]] = u0[i];
  if (!strcmp(problem, "oxygen-reduction")) oxy_prepare();
  if (!strcmp(problem, "reactions")) q->network = network_open(p, m, n);
  int bad = SUNContext_Create(NULL, &q->ctx);
  q->y = N_VNew_Serial(n, q->ctx), q->yd = N_VNew_Serial(n, q->ctx), q->id = N_VNew_Serial(n, q->ctx);
  memcpy(D(q->y), q->u0, n * sizeof(double));
  if (!strcmp(problem, "rober-dae") && !strcmp(method, "ida")) {
    q->ida = 1, q->mem = IDACreate(q->ctx);
    double *d = D(q->yd);
    d[0] = -q->p[0], d[1] = q->p[0], d[2] = 0;
    D(q->id)[0] = D(q->id)[1] = 1, D(q->id)[2] = 0;
    bad |= IDAInit(q->mem, dae_r, t0, q->y, q->yd);
    q->J = SUNDenseMatrix(n, n, q->ctx), q->ls = SUNLinSol_Dense(q->y, q->J, q->ctx);
    bad |= IDASStolerances(q->mem, 1e-6, 1e-10) | IDASetUserData(q->mem, q) | IDASetId(q->mem, q->id);
    bad |= IDASetLinearSolver(q->mem, q->ls, q->J) | IDASetJacFn(q->mem, dae_j) | IDASetMaxNumSteps(q->mem, 10000000);
    IDASetErrHandlerFn(q->mem, quiet, NULL);
  } else {
    const Entry *e = NULL;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
      if (!strcmp(entries[i].name, problem)) e = &entries[i];
    int adams = !strcmp(method, "cvode-adams"), dense = !strcmp(method, "cvode-dense");
    int band = !strcmp(method, "cvode-band"), sparse = !strcmp(method, "cvode-klu");
    CVLsJacFn jac = !e ? NULL : dense ? e->dense : band ? e->band : sparse ? e->sparse : NULL;
    if (!e || (!adams && !jac)) {
      peer_close(q);
      return NULL;
    }
    q->mem = CVodeCreate(adams ? CV_ADAMS : CV_BDF, q->ctx);
    bad |= CVodeInit(q->mem, e->f, t0, q->y) | CVodeSStolerances(q->mem, 1e-6, 1e-6) | CVodeSetUserData(q->mem, q);
    bad |= CVodeSetMaxNumSteps(q->mem, 10000000);
    CVodeSetErrHandlerFn(q->mem, quiet, NULL);
    if (adams) {
      q->nls = SUNNonlinSol_FixedPoint(q->y, 0, q->ctx);
      bad |= CVodeSetNonlinearSolver(q->mem, q->nls);
    } else {
      long width = e->band == torus_band ? 4 * q->side : 2;
      if (dense) q->J = SUNDenseMatrix(n, n, q->ctx), q->ls = SUNLinSol_Dense(q->y, q->J, q->ctx);
      if (band) q->J = SUNBandMatrix(n, width, width, q->ctx), q->ls = SUNLinSol_Band(q->y, q->J, q->ctx);
      /* 0 is minimum degree, which on the torus leaves less than half the work of the preset column order. */
      if (sparse) q->J = SUNSparseMatrix(n, n, q->network ? q->network->entries : 6 * n, CSC_MAT, q->ctx), q->ls = SUNLinSol_KLU(q->y, q->J, q->ctx);
      if (sparse) bad |= SUNLinSol_KLUSetOrdering(q->ls, 0);
      bad |= CVodeSetLinearSolver(q->mem, q->ls, q->J) | CVodeSetJacFn(q->mem, jac);
    }
  }
  if (bad) {
    peer_close(q);
    return NULL;
  }
  return q;
}

/* From the start to the end; 0 when it arrives. The torus is fed from t = 1.1 on: it stops there, as
   the jump of the right-hand side asks for. */
int peer_run(void *handle, double rtol, double atol) {
  Peer *q = handle;
  double t;
  memcpy(D(q->y), q->u0, q->n * sizeof(double));
  int bad;
  if (q->ida) {
    double *d = D(q->yd);
    d[0] = -q->p[0], d[1] = q->p[0], d[2] = 0;
    bad = IDAReInit(q->mem, q->t0, q->y, q->yd) | IDASStolerances(q->mem, rtol, atol) | IDASetStopTime(q->mem, q->t1);
    if (!bad) bad = IDASolve(q->mem, q->t1, &t, q->y, q->yd, IDA_NORMAL) < 0;
  } else {
    bad = CVodeReInit(q->mem, q->t0, q->y) | CVodeSStolerances(q->mem, rtol, atol);
    if (q->side && q->t0 < 1.1 && q->t1 > 1.1) {
      bad |= CVodeSetStopTime(q->mem, 1.1);
      if (!bad) bad = CVode(q->mem, 1.1, q->y, &t, CV_NORMAL) < 0;
      if (!bad) bad = CVodeReInit(q->mem, 1.1, q->y);
    }
    bad |= CVodeSetStopTime(q->mem, q->t1);
    if (!bad) bad = CVode(q->mem, q->t1, q->y, &t, CV_NORMAL) < 0;
  }
  for (long i = 0; i < q->n; i++) q->result[i] = bad ? NAN : D(q->y)[q->place[i]];
  return bad;
}

/* State at the end of the last run, in the order of the caller. */
const double *peer_result(void *handle) { return ((Peer *)handle)->result; }

/* Steps, right-hand sides, Jacobians, factorisations of the last run; of its second part where it has two. */
void peer_counts(void *handle, long *out) {
  Peer *q = handle;
  memset(out, 0, 4 * sizeof(long));
  if (q->ida) {
    IDAGetNumSteps(q->mem, out), IDAGetNumResEvals(q->mem, out + 1), IDAGetNumJacEvals(q->mem, out + 2);
    IDAGetNumLinSolvSetups(q->mem, out + 3);
  } else {
    CVodeGetNumSteps(q->mem, out), CVodeGetNumRhsEvals(q->mem, out + 1);
    if (q->ls) CVodeGetNumJacEvals(q->mem, out + 2), CVodeGetNumLinSolvSetups(q->mem, out + 3);
  }
}
