/* A plugin in plain C: a fixed-step Runge-Kutta method that leaves interpolation and backward time
 * to the host, and a linearly implicit method that uses the host's derivatives.
 *
 *   cc -std=c99 -O2 -shared -fPIC -I plugins/abi/include demo_c.c -o libdemo_c.so
 */
#include "slopefield_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum method { RK4, ROS2 };

struct slf_solver {
  enum method method;
  const slf_problem *problem;
  size_t n;
  double t, t_end, h;
  double *y, *next, *k1, *k2, *k3, *k4, *stage, *dfdt; /* n each, one allocation */
  double *matrix;                                      /* n * n, ROS2 only */
  size_t *pivot;
};

static slf_str text(const char *s) {
  slf_str r;
  r.ptr = s;
  r.len = strlen(s);
  return r;
}

static int equal(slf_str a, const char *b) {
  return a.len == strlen(b) && memcmp(a.ptr, b, (size_t)a.len) == 0;
}

static slf_status fail(slf_error *err, slf_status status, const char *message) {
  size_t len = strlen(message), room = 0;
  if (err && err->struct_size > offsetof(slf_error, message))
    room = err->struct_size - offsetof(slf_error, message);
  if (len > room) len = room;
  if (room) {
    memcpy(err->message, message, len);
    err->message_len = (uint32_t)len;
    err->code = 0;
  }
  return status;
}

static const char OPTIONS[] =
    "[{\"name\":\"h\",\"type\":\"number\",\"default\":0.01,\"min\":1e-9,\"doc\":\"Step size.\"}]";

static slf_solver_info INFO[2];

static uint32_t SLF_CALL count(void) { return 2; }

static const slf_solver_info *SLF_CALL info(uint32_t index) {
  return index < 2 ? &INFO[index] : NULL;
}

static void SLF_CALL destroy(slf_solver *s) {
  if (s) {
    free(s->y);
    free(s->matrix);
    free(s->pivot);
    free(s);
  }
}

static slf_status SLF_CALL create(slf_str id, const slf_problem *problem,
                                  const slf_solver_config *config, slf_solver **out,
                                  slf_error *err) {
  slf_solver *s;
  enum method method;
  size_t n = (size_t)problem->n;
  uint64_t i;
  double h = config->h_init > 0 ? config->h_init : 0.01;
  *out = NULL;
  if (equal(id, "rk4")) method = RK4;
  else if (equal(id, "ros2")) method = ROS2;
  else return fail(err, SLF_ERR_ARGUMENT, "unknown solver id");
  if (problem->dtype != SLF_F64 || problem->mass)
    return fail(err, SLF_ERR_UNSUPPORTED, "64-bit floats and no mass matrix, please");
  for (i = 0; i < config->n_options; i++) {
    const slf_option *o = &config->options[i];
    if (!equal(o->name, "h")) return fail(err, SLF_ERR_ARGUMENT, "the only option is `h`");
    if ((o->type != SLF_OPTION_F64 && o->type != SLF_OPTION_I64) || !(o->f64 >= 1e-9))
      return fail(err, SLF_ERR_ARGUMENT, "`h` must be a positive number");
    h = o->f64;
  }
  s = (slf_solver *)calloc(1, sizeof *s);
  if (!s) return fail(err, SLF_ERR_MEMORY, "out of memory");
  s->method = method;
  s->problem = problem;
  s->n = n;
  s->h = h;
  s->y = (double *)calloc(8 * n + 1, sizeof(double));
  s->matrix = (double *)calloc(method == ROS2 ? n * n + 1 : 1, sizeof(double));
  s->pivot = (size_t *)calloc(n + 1, sizeof(size_t));
  if (!s->y || !s->matrix || !s->pivot) {
    destroy(s);
    return fail(err, SLF_ERR_MEMORY, "out of memory");
  }
  s->next = s->y + n;
  s->k1 = s->y + 2 * n;
  s->k2 = s->y + 3 * n;
  s->k3 = s->y + 4 * n;
  s->k4 = s->y + 5 * n;
  s->stage = s->y + 6 * n;
  s->dfdt = s->y + 7 * n;
  *out = s;
  return SLF_OK;
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  (void)err;
  s->t = t;
  if (s->n) memcpy(s->y, y, s->n * sizeof(double));
  return SLF_OK;
}

static slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  s->t_end = t_end;
  return restart(s, t0, y0, err);
}

/* stage = y + h * k */
static void advance(slf_solver *s, double h, const double *k) {
  size_t i;
  for (i = 0; i < s->n; i++) s->stage[i] = s->y[i] + h * k[i];
}

static slf_status rhs(slf_solver *s, double t, const double *y, double *k) {
  return s->problem->rhs(s->problem->ctx, t, y, k);
}

static slf_status rk4(slf_solver *s, double h, double t_new) {
  size_t i;
  slf_status st;
  if ((st = rhs(s, s->t, s->y, s->k1)) != SLF_OK) return st;
  advance(s, 0.5 * h, s->k1);
  if ((st = rhs(s, s->t + 0.5 * h, s->stage, s->k2)) != SLF_OK) return st;
  advance(s, 0.5 * h, s->k2);
  if ((st = rhs(s, s->t + 0.5 * h, s->stage, s->k3)) != SLF_OK) return st;
  advance(s, h, s->k3);
  if ((st = rhs(s, t_new, s->stage, s->k4)) != SLF_OK) return st;
  for (i = 0; i < s->n; i++)
    s->next[i] = s->y[i] + h / 6 * (s->k1[i] + 2 * s->k2[i] + 2 * s->k3[i] + s->k4[i]);
  return SLF_OK;
}

/* Gaussian elimination with partial pivoting, column-major. */
static int factor(double *a, size_t n, size_t *pivot) {
  size_t i, j, k;
  for (k = 0; k < n; k++) {
    size_t p = k;
    for (i = k + 1; i < n; i++)
      if (fabs(a[i + k * n]) > fabs(a[p + k * n])) p = i;
    if (!(fabs(a[p + k * n]) > 0)) return 0;
    pivot[k] = p;
    for (j = 0; j < n; j++) {
      double v = a[k + j * n];
      a[k + j * n] = a[p + j * n];
      a[p + j * n] = v;
    }
    for (i = k + 1; i < n; i++) {
      a[i + k * n] /= a[k + k * n];
      for (j = k + 1; j < n; j++) a[i + j * n] -= a[i + k * n] * a[k + j * n];
    }
  }
  return 1;
}

static void solve(const double *a, size_t n, const size_t *pivot, double *b) {
  size_t i, k;
  for (k = 0; k < n; k++) {
    double v = b[k];
    b[k] = b[pivot[k]];
    b[pivot[k]] = v;
  }
  for (k = 0; k < n; k++)
    for (i = k + 1; i < n; i++) b[i] -= a[i + k * n] * b[k];
  for (k = n; k-- > 0;) {
    b[k] /= a[k + k * n];
    for (i = 0; i < k; i++) b[i] -= a[i + k * n] * b[k];
  }
}

/* ROS2 (Verwer, Spee, Blom & Hundsdorfer 1999): order 2, L-stable. */
static slf_status ros2(slf_solver *s, double h, double t_new) {
  const double gamma = 1.0 + 0.70710678118654752440;
  size_t i, n = s->n;
  slf_status st;
  if (!s->problem->jacobian || !s->problem->dfdt) return SLF_ERR_UNSUPPORTED;
  if ((st = s->problem->jacobian(s->problem->ctx, s->t, s->y, s->matrix)) != SLF_OK) return st;
  if ((st = s->problem->dfdt(s->problem->ctx, s->t, s->y, s->dfdt)) != SLF_OK) return st;
  for (i = 0; i < n * n; i++) s->matrix[i] *= -gamma * h;
  for (i = 0; i < n; i++) s->matrix[i + i * n] += 1;
  if (!factor(s->matrix, n, s->pivot)) return SLF_ERR_DIVERGED;
  if ((st = rhs(s, s->t, s->y, s->k1)) != SLF_OK) return st;
  for (i = 0; i < n; i++) s->k1[i] += gamma * h * s->dfdt[i];
  solve(s->matrix, n, s->pivot, s->k1);
  advance(s, h, s->k1);
  if ((st = rhs(s, t_new, s->stage, s->k2)) != SLF_OK) return st;
  for (i = 0; i < n; i++) s->k2[i] -= 2 * s->k1[i] + gamma * h * s->dfdt[i];
  solve(s->matrix, n, s->pivot, s->k2);
  for (i = 0; i < n; i++) s->next[i] = s->y[i] + h * (1.5 * s->k1[i] + 0.5 * s->k2[i]);
  return SLF_OK;
}

static slf_status SLF_CALL step(slf_solver *s, double t_limit, slf_step *out, slf_error *err) {
  size_t i;
  slf_status st;
  double t_prev = s->t, rest = fabs(t_limit - s->t);
  int last = s->h * 1.000001 >= rest; /* no sliver of a step at the end */
  double t_new = last ? t_limit : s->t + (t_limit > s->t ? s->h : -s->h);
  double h = t_new - s->t;
  if (!(rest > 0)) return fail(err, SLF_ERR_ARGUMENT, "the limit is not ahead");
  st = s->method == RK4 ? rk4(s, h, t_new) : ros2(s, h, t_new);
  out->h_next = s->h;
  if (st == SLF_RECOVERABLE)
    return fail(err, SLF_ERR_STEP_TOO_SMALL, "undefined here, and a fixed step cannot shrink");
  if (st != SLF_OK) return fail(err, st, "a function of the host failed");
  for (i = 0; i < s->n; i++)
    if (!isfinite(s->next[i])) return fail(err, SLF_ERR_NON_FINITE, "the state overflowed");
  if (s->n) memcpy(s->y, s->next, s->n * sizeof(double));
  s->t = t_new;
  out->flags = last ? SLF_STEP_AT_LIMIT : 0;
  out->t_prev = t_prev;
  out->t = t_new;
  out->error_norm = NAN;
  out->y = s->y;
  out->n_rejected = 0;
  return SLF_OK;
}

static const void *SLF_CALL no_extension(slf_str id) {
  (void)id;
  return NULL;
}

static slf_solver_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  return equal(id, "slopefield.solver-factory/1") ? &FACTORY : NULL;
}

static void SLF_CALL shut(void) {}

static slf_plugin ROOT;

static void describe(slf_solver_info *i, const char *id, const char *name, double order,
                     uint32_t caps) {
  i->struct_size = sizeof *i;
  i->caps = SLF_CAP_F64 | SLF_CAP_BITWISE_DETERMINISTIC | caps;
  i->id = text(id);
  i->name = text(name);
  i->reference = text("");
  i->order = order;
  i->dense_order = 0;
  i->options_json = text(OPTIONS);
}

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  if (!host || !SLF_HAS(slf_host, host, log)) {
    fail(err, SLF_ERR_UNSUPPORTED, "the host is too old");
    return NULL;
  }
  host->log(host->ctx, SLF_LOG_INFO, text("demo-c: hello"));
  describe(&INFO[0], "rk4", "Classical Runge-Kutta", 4, 0);
  describe(&INFO[1], "ros2", "ROS2", 2, SLF_CAP_IMPLICIT | SLF_CAP_BACKWARD);
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.create = create;
  FACTORY.start = start;
  FACTORY.step = step;
  FACTORY.interpolate = NULL; /* the host interpolates */
  FACTORY.restart = restart;
  FACTORY.destroy = destroy;
  FACTORY.get_extension = no_extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.example.demo-c");
  ROOT.version = text("0.1.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
