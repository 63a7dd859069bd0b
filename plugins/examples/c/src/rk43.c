/* The classical Runge-Kutta method of order 4 with the error estimate of order 3 that J. A. Zonneveld
 * added by a fifth stage, and an interpolant of order 3 from the four stages: E. Hairer, S. P. Norsett
 * and G. Wanner, Solving Ordinary Differential Equations I (1993), table II.4.2 and section II.6. In
 * C99 over the header alone, with the reverse of its steps for exact gradients. A method of your own
 * replaces the coefficients, `attempt` and `interpolate`; without `reverse` and what stands beside it,
 * it is differentiated by other methods.
 */
#include "slopefield_plugin.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STAGES 5
#define ESTIMATE 4   /* the stage that only the error estimate uses */
#define SAFETY 0.9
#define SHRINK 0.2   /* largest changes of the step size from one step to the next */
#define GROW 5.0
#define RETREAT 0.25 /* change of the step size where the model is not defined */

static const double C[STAGES] = {0, 1.0 / 2, 1.0 / 2, 1, 3.0 / 4};
static const double A[STAGES][STAGES - 1] = {{0},
                                             {1.0 / 2},
                                             {0, 1.0 / 2},
                                             {0, 0, 1},
                                             {5.0 / 32, 7.0 / 32, 13.0 / 32, -1.0 / 32}};
static const double B[STAGES] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6, 0};
/* Result of order 4 minus that of order 3. */
static const double ERROR[STAGES] = {2.0 / 3, -2, -2, -2, 16.0 / 3};
/* Weights of the interpolant at x, from 0 at t_prev to 1 at t, are sums of DENSE[j][m] x^(m + 1). */
#define DEGREE 3
static const double DENSE[STAGES][DEGREE] = {
    {1, -3.0 / 2, 2.0 / 3}, {0, 1, -2.0 / 3}, {0, 1, -2.0 / 3}, {0, -1.0 / 2, 2.0 / 3}, {0}};

struct slf_solver {
  const slf_problem *problem;
  size_t n;
  double rtol, h_init, h_min, h_max, safety;
  double t_prev, t, t_end, h;    /* h: size of the next step, positive */
  double *y, *atol, *next;       /* n each; all in one allocation */
  double *stage, *sum;           /* for the reverse */
  double *k[STAGES];
  double *dense[DEGREE + 1];     /* coefficients of the interpolant of the last step */
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

/* Writes a sentence into the buffer of the application, as far as it fits. */
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
    "[{\"name\":\"safety\",\"type\":\"number\",\"default\":0.9,\"min\":0.1,\"max\":1.0,"
    "\"doc\":\"Share of the step size that the error estimate would allow.\"}]";

static slf_solver_info INFO;
static uint32_t SLF_CALL count(void) { return 1; }
static const slf_solver_info *SLF_CALL info(uint32_t index) { return index == 0 ? &INFO : NULL; }

static void SLF_CALL destroy(slf_solver *s) {
  if (s) free(s->y);
  free(s);
}

static slf_status SLF_CALL create(slf_str id, const slf_problem *problem,
                                  const slf_solver_config *config, slf_solver **out,
                                  slf_error *err) {
  slf_solver *s;
  size_t n = (size_t)problem->n, i;
  double safety = SAFETY, *next;
  *out = NULL;
  if (!equal(id, "rk43")) return fail(err, SLF_ERR_ARGUMENT, "there is `rk43` here");
  if (problem->dtype != SLF_F64 || problem->mass)
    return fail(err, SLF_ERR_UNSUPPORTED, "this method takes no mass matrix");
  for (i = 0; i < config->n_options; i++) {
    const slf_option *o = &config->options[i];
    if (!equal(o->name, "safety"))
      return fail(err, SLF_ERR_ARGUMENT, "the only option is `safety`");
    if ((o->type != SLF_OPTION_F64 && o->type != SLF_OPTION_I64) ||
        !(o->f64 >= 0.1 && o->f64 <= 1.0))
      return fail(err, SLF_ERR_ARGUMENT, "`safety` must be a number from 0.1 to 1");
    safety = o->f64;
  }
  s = (slf_solver *)calloc(1, sizeof *s);
  if (s) s->y = (double *)calloc((5 + STAGES + DEGREE + 1) * n + 1, sizeof(double));
  if (!s || !s->y) {
    free(s);
    return fail(err, SLF_ERR_MEMORY, "out of memory");
  }
  s->problem = problem;
  s->n = n;
  next = s->y + n;
  s->atol = next, next += n;
  s->next = next, next += n;
  s->stage = next, next += n;
  s->sum = next, next += n;
  for (i = 0; i < STAGES; i++) s->k[i] = next, next += n;
  for (i = 0; i <= DEGREE; i++) s->dense[i] = next, next += n;
  /* The settings are gone when this returns. */
  if (n) memcpy(s->atol, config->atol, n * sizeof(double));
  s->rtol = config->rtol;
  s->h_init = config->h_init;
  s->h_min = config->h_min;
  s->h_max = config->h_max > 0 ? config->h_max : INFINITY;
  s->safety = safety;
  *out = s;
  return SLF_OK;
}

static slf_status rhs(slf_solver *s, double t, const double *y, double *k) {
  return s->problem->rhs(s->problem->ctx, t, y, k);
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  double guess = fmax(1e-3 * fabs(s->t_end - t), 100 * DBL_EPSILON * fabs(t));
  (void)err;
  s->t_prev = s->t = t;
  if (s->n) memcpy(s->y, y, s->n * sizeof(double));
  /* Too long a step is rejected, too short a one grows. */
  s->h = fmin(s->h_init > 0 ? s->h_init : guess, s->h_max);
  return SLF_OK;
}

static slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  s->t_end = t_end;
  return restart(s, t0, y0, err);
}

/* When a stage is evaluated; t + 1.0 * h may round past the limit. */
static double stage_time(int stage, double t, double t_new) {
  return C[stage] == 1 ? t_new : t + C[stage] * (t_new - t);
}

/* A step to t_new: the stages, and the new state in `next`. */
static slf_status attempt(slf_solver *s, double t_new) {
  double h = t_new - s->t;
  size_t i;
  int stage, j;
  for (stage = 0; stage < STAGES; stage++) {
    slf_status status;
    for (i = 0; i < s->n; i++) {
      double sum = 0;
      for (j = 0; j < stage; j++) sum += A[stage][j] * s->k[j][i];
      s->next[i] = s->y[i] + h * sum;
    }
    status = rhs(s, stage_time(stage, s->t, t_new), s->next, s->k[stage]);
    if (status != SLF_OK) return status;
  }
  for (i = 0; i < s->n; i++) {
    double sum = 0;
    for (j = 0; j < STAGES; j++) sum += B[j] * s->k[j][i];
    s->next[i] = s->y[i] + h * sum;
  }
  return SLF_OK;
}

/* The error in units of the tolerance; infinite when something is not finite. */
static double error_norm(const slf_solver *s, double h) {
  double squares = 0;
  size_t i;
  int j;
  for (i = 0; i < s->n; i++) {
    double error = 0, scale = s->atol[i] + s->rtol * fmax(fabs(s->y[i]), fabs(s->next[i]));
    for (j = 0; j < STAGES; j++) error += ERROR[j] * s->k[j][i];
    error *= h / scale;
    if (!isfinite(s->next[i]) || !isfinite(error)) return INFINITY;
    squares += error * error;
  }
  return sqrt(squares / (double)(s->n ? s->n : 1));
}

/* Takes the attempt over. Everything that can fail has been done. */
static void accept(slf_solver *s, double t_new) {
  double h = t_new - s->t;
  size_t i;
  int j, m;
  for (i = 0; i < s->n; i++) {
    s->dense[0][i] = s->y[i];
    for (m = 0; m < DEGREE; m++) {
      double sum = 0;
      for (j = 0; j < STAGES; j++) sum += DENSE[j][m] * s->k[j][i];
      s->dense[m + 1][i] = h * sum;
    }
    s->y[i] = s->next[i];
  }
  s->t_prev = s->t;
  s->t = t_new;
}

static slf_status SLF_CALL step(slf_solver *s, double t_limit, slf_step *out, slf_error *err) {
  double direction = t_limit < s->t ? -1 : 1;
  double floor = fmax(s->h_min, 10 * DBL_EPSILON * fabs(s->t));
  double h = s->h; /* if this fails, the instance is as it was */
  uint64_t rejected = 0;
  if (t_limit == s->t) return fail(err, SLF_ERR_ARGUMENT, "the limit is where the solver is");
  for (;;) {
    /* No sliver of a step at the end, which is met exactly. */
    int last = 1.01 * h >= fabs(t_limit - s->t);
    double t_new = last ? t_limit : s->t + direction * h;
    double tried = fabs(t_new - s->t), norm, factor;
    slf_status status;
    if (tried == 0 || (tried < floor && (!last || rejected > 0))) {
      out->h_next = tried;
      return fail(err, SLF_ERR_STEP_TOO_SMALL, "the step size became too small");
    }
    status = attempt(s, t_new);
    if (status != SLF_OK && status != SLF_RECOVERABLE)
      return fail(err, status, "a function of the application failed");
    norm = status == SLF_OK ? error_norm(s, t_new - s->t) : INFINITY;
    if (!isfinite(norm)) {
      rejected++;
      h = RETREAT * tried;
      continue;
    }
    factor = norm > 0 ? fmin(fmax(s->safety * pow(norm, -0.25), SHRINK), GROW) : GROW;
    if (norm > 1) {
      rejected++;
      h = tried * fmin(factor, s->safety);
      continue;
    }
    accept(s, t_new);
    out->flags = t_new == t_limit ? SLF_STEP_AT_LIMIT : 0;
    out->t_prev = s->t_prev;
    out->t = t_new;
    out->error_norm = norm;
    out->n_rejected = rejected;
    out->y = s->y;
    /* The step does not grow right after a rejection, and one cut short by the limit says little
     * about the next. */
    h = tried * (rejected > 0 ? fmin(factor, 1) : factor);
    if (last && rejected == 0 && s->h > h) h = s->h;
    s->h = fmin(h, s->h_max);
    out->h_next = s->h;
    return SLF_OK;
  }
}

static slf_status SLF_CALL interpolate(slf_solver *s, double t, uint32_t derivative, void *out,
                                       slf_error *err) {
  double h = s->t - s->t_prev, x, *value = (double *)out;
  size_t i;
  int m;
  if (h == 0 || !(t >= fmin(s->t_prev, s->t) && t <= fmax(s->t_prev, s->t)))
    return fail(err, SLF_ERR_ARGUMENT, "the time is not inside the last step");
  if (derivative > 1) return fail(err, SLF_ERR_UNSUPPORTED, "values and slopes only");
  x = (t - s->t_prev) / h;
  for (i = 0; i < s->n; i++) {
    double sum = 0;
    if (derivative == 0)
      for (m = DEGREE; m >= 0; m--) sum = sum * x + s->dense[m][i];
    else
      for (m = DEGREE; m >= 1; m--) sum = sum * x + m * s->dense[m][i] / h;
    value[i] = sum;
  }
  return SLF_OK;
}

/* The same interpolant as coefficients, which the application then evaluates without a call. */
static slf_status SLF_CALL max_degree(slf_solver *s, uint32_t *degree, slf_error *err) {
  (void)s, (void)err;
  *degree = DEGREE;
  return SLF_OK;
}

static slf_status SLF_CALL segment(slf_solver *s, slf_segment *out, slf_error *err) {
  size_t i;
  int m;
  if (s->t == s->t_prev) return fail(err, SLF_ERR_ARGUMENT, "no step has been taken");
  if (out->degree < DEGREE) return fail(err, SLF_ERR_ARGUMENT, "there is no room for a cubic");
  out->basis = SLF_BASIS_POWERS;
  out->degree = DEGREE;
  for (m = 0; m <= DEGREE; m++)
    for (i = 0; i < s->n; i++) out->coefficients[m * s->n + i] = s->dense[m][i];
  return SLF_OK;
}

/* What the reverse of the last step needs besides the states at its ends: the slopes that the states
 * of its stages are made of. */
static slf_status SLF_CALL record_len(slf_solver *s, uint64_t *len, slf_error *err) {
  (void)err;
  *len = (uint64_t)(ESTIMATE - 1) * s->n;
  return SLF_OK;
}

static slf_status SLF_CALL record(slf_solver *s, double *out, slf_error *err) {
  int j;
  (void)err;
  for (j = 0; j < ESTIMATE - 1 && s->n > 0; j++)
    memcpy(out + j * s->n, s->k[j], s->n * sizeof(double));
  return SLF_OK;
}

/* From the weights of the end, and of values within the step, to those of the beginning. Every slope
 * gets its weight, in k; the last one hands what its state got on to those before it. */
static slf_status SLF_CALL reverse(slf_solver *s, const slf_reversal *r, slf_error *err) {
  const double *y_prev = (const double *)r->y_prev, *inside = (const double *)r->inside_weights;
  double h = r->t - r->t_prev, *weights = (double *)r->weights;
  size_t i, n = s->n;
  uint64_t at;
  int stage, j, m;
  for (i = 0; i < n; i++) {
    s->next[i] = weights[i];
    for (j = 0; j < ESTIMATE; j++) s->k[j][i] = h * B[j] * weights[i];
  }
  for (at = 0; at < r->n_inside; at++) {
    double x = (r->inside[at] - r->t_prev) / h;
    for (i = 0; i < n; i++) s->next[i] += inside[at * n + i];
    for (j = 0; j < ESTIMATE; j++) {
      double b = 0;
      for (m = DEGREE; m-- > 0;) b = (b + DENSE[j][m]) * x;
      for (i = 0; i < n; i++) s->k[j][i] += h * b * inside[at * n + i];
    }
  }
  for (stage = ESTIMATE; stage-- > 0;) {
    slf_status status;
    for (i = 0; i < n; i++) {
      double sum = 0;
      for (j = 0; j < stage; j++) sum += A[stage][j] * r->record[j * n + i];
      s->stage[i] = y_prev[i] + h * sum;
      s->sum[i] = 0;
    }
    status = r->pull_back(r->ctx, stage_time(stage, r->t_prev, r->t), s->stage, s->k[stage], s->sum);
    if (status != SLF_OK) return fail(err, status, "a product of the application failed");
    for (i = 0; i < n; i++) {
      s->next[i] += s->sum[i];
      for (j = 0; j < stage; j++) s->k[j][i] += h * A[stage][j] * s->sum[i];
    }
  }
  for (i = 0; i < n; i++) weights[i] = s->next[i];
  return SLF_OK;
}

/* A step of the past once more, so that the application need not keep the record of every step. */
static slf_status SLF_CALL redo(slf_solver *s, double t_prev, const void *y_prev, double t, void *y,
                                slf_error *err) {
  slf_status status;
  s->t = t_prev;
  if (s->n) memcpy(s->y, y_prev, s->n * sizeof(double));
  status = attempt(s, t);
  if (status != SLF_OK) return fail(err, status, "a step of the past cannot be taken again");
  accept(s, t);
  if (s->n) memcpy(y, s->y, s->n * sizeof(double));
  return SLF_OK;
}

static slf_dense_segment SEGMENTS;
static slf_step_vjp VJP;
static slf_step_redo REDO;

static const void *SLF_CALL extension(slf_str id) {
  if (equal(id, "slopefield.solver.step-vjp/1")) return &VJP;
  if (equal(id, "slopefield.solver.step-redo/1")) return &REDO;
  return equal(id, "slopefield.solver.dense-segment/1") ? &SEGMENTS : NULL;
}

static slf_solver_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  return equal(id, "slopefield.solver-factory/1") ? &FACTORY : NULL;
}

static void SLF_CALL shut(void) {}

static slf_plugin ROOT;

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  if (!host || !SLF_HAS(slf_host, host, log)) {
    fail(err, SLF_ERR_UNSUPPORTED, "the application is too old");
    return NULL;
  }
  INFO.struct_size = sizeof INFO;
  INFO.caps =
      SLF_CAP_F64 | SLF_CAP_ADAPTIVE | SLF_CAP_BACKWARD | SLF_CAP_BITWISE_DETERMINISTIC |
      SLF_CAP_DENSE_SEGMENT | SLF_CAP_STEP_VJP | SLF_CAP_STEP_REDO;
  INFO.id = text("rk43");
  INFO.name = text("Runge-Kutta 4(3)");
  INFO.reference = text("10.1007/978-3-540-78862-1");
  INFO.order = 4;
  INFO.dense_order = 3;
  INFO.options_json = text(OPTIONS);
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.create = create;
  FACTORY.start = start;
  FACTORY.step = step;
  FACTORY.interpolate = interpolate;
  FACTORY.restart = restart;
  FACTORY.destroy = destroy;
  FACTORY.get_extension = extension;
  SEGMENTS.struct_size = sizeof SEGMENTS;
  SEGMENTS.max_degree = max_degree;
  SEGMENTS.segment = segment;
  VJP.struct_size = sizeof VJP;
  VJP.record_len = record_len;
  VJP.record = record;
  VJP.reverse = reverse;
  REDO.struct_size = sizeof REDO;
  REDO.redo = redo;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.example.c");
  ROOT.version = text("0.1.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
