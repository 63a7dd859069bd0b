/* Lotka-Volterra: x' = a x - b x y, y' = d x y - c y, with p = (a, b, c, d). */

void f(double t, const double *restrict u, const double *restrict p, double *restrict out, double *restrict scratch) {
  (void)t, (void)scratch;
  double xy = u[0] * u[1];
  out[0] = p[0] * u[0] - p[1] * xy;
  out[1] = p[3] * xy - p[2] * u[1];
}

/* Adds w' df/du to gu and w' df/dp to gp. */
void f_vjp(double t, const double *restrict u, const double *restrict p, const double *restrict w, double *restrict gu,
           double *restrict gp, double *restrict scratch) {
  (void)t, (void)scratch;
  double x = u[0], y = u[1], xy = x * y, s = p[3] * w[1] - p[1] * w[0];
  gu[0] += p[0] * w[0] + s * y;
  gu[1] += s * x - p[2] * w[1];
  gp[0] += w[0] * x;
  gp[1] -= w[0] * xy;
  gp[2] -= w[1] * y;
  gp[3] += w[1] * xy;
}
