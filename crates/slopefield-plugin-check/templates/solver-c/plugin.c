/* Heun's method of order 2 with the Euler step inside it as an error estimate. Replace `attempt` by
 * your method, and its order and error below.
 */
#include "slopefield_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAFETY 0.9
#define SHRINK 0.2  /* largest change of the step size from one step to the next */
#define GROW 5.0
#define RETREAT 0.25 /* change of the step size where the model is not defined */

struct slf_solver {
  const slf_problem *problem;
  size_t n;
  double rtol, h_init, h_min, h_max, safety;
  double t, t_end, h; /* h: size of the next step, positive */
  double *y, *atol, *k1, *k2, *next, *error; /* n each, one allocation */
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
  double safety = SAFETY;
  *out = NULL;
  if (!equal(id, "{{local}}")) return fail(err, SLF_ERR_ARGUMENT, "there is no such solver here");
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
  if (s) s->y = (double *)calloc(6 * n + 1, sizeof(double));
  if (!s || !s->y) {
    free(s);
    return fail(err, SLF_ERR_MEMORY, "out of memory");
  }
  s->problem = problem;
  s->n = n;
  s->atol = s->y + n;
  s->k1 = s->y + 2 * n;
  s->k2 = s->y + 3 * n;
  s->next = s->y + 4 * n;
  s->error = s->y + 5 * n;
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

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  double guess = fmax(1e-3 * fabs(s->t_end - t), 100 * 2.22e-16 * fabs(t));
  (void)err;
  s->t = t;
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

static slf_status rhs(slf_solver *s, double t, const double *y, double *k) {
  return s->problem->rhs(s->problem->ctx, t, y, k);
}

/* A step to t_new: the new state in `next`, its error in `error`. */
static slf_status attempt(slf_solver *s, double t_new) {
  double h = t_new - s->t;
  size_t i;
  slf_status status = rhs(s, s->t, s->y, s->k1);
  if (status != SLF_OK) return status;
  for (i = 0; i < s->n; i++) s->next[i] = s->y[i] + h * s->k1[i];
  status = rhs(s, t_new, s->next, s->k2);
  if (status != SLF_OK) return status;
  for (i = 0; i < s->n; i++) {
    s->next[i] = s->y[i] + 0.5 * h * (s->k1[i] + s->k2[i]);
    s->error[i] = 0.5 * h * (s->k2[i] - s->k1[i]);
  }
  return SLF_OK;
}

/* The error in units of the tolerance; infinite when something is not finite. */
static double error_norm(const slf_solver *s) {
  double worst = 0;
  size_t i;
  for (i = 0; i < s->n; i++) {
    double size = fmax(fabs(s->y[i]), fabs(s->next[i]));
    double scaled = fabs(s->error[i]) / (s->atol[i] + s->rtol * size);
    if (!isfinite(s->next[i]) || !isfinite(scaled)) return INFINITY;
    if (scaled > worst) worst = scaled;
  }
  return worst;
}

static slf_status SLF_CALL step(slf_solver *s, double t_limit, slf_step *out, slf_error *err) {
  double direction = t_limit < s->t ? -1 : 1;
  double floor = fmax(s->h_min, 10 * 2.22e-16 * fabs(s->t));
  double h = s->h; /* if this fails, the instance is as it was */
  uint64_t rejected = 0;
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
    norm = status == SLF_OK ? error_norm(s) : INFINITY;
    if (!isfinite(norm)) {
      rejected++;
      h = RETREAT * tried;
      continue;
    }
    /* The error of a step is of order 2 in its size. */
    factor = fmin(fmax(s->safety / sqrt(norm), SHRINK), GROW);
    if (norm > 1) {
      rejected++;
      h = tried * fmin(factor, s->safety);
      continue;
    }
    out->flags = t_new == t_limit ? SLF_STEP_AT_LIMIT : 0;
    out->t_prev = s->t;
    out->t = t_new;
    out->error_norm = norm;
    out->n_rejected = rejected;
    if (s->n) memcpy(s->y, s->next, s->n * sizeof(double));
    out->y = s->y;
    s->t = t_new;
    /* A step cut short by the limit says little about the next one. */
    h = tried * factor;
    if (last && rejected == 0 && s->h > h) h = s->h;
    s->h = fmin(h, s->h_max);
    out->h_next = s->h;
    return SLF_OK;
  }
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

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  if (!host || !SLF_HAS(slf_host, host, log)) {
    fail(err, SLF_ERR_UNSUPPORTED, "the application is too old");
    return NULL;
  }
  INFO.struct_size = sizeof INFO;
  INFO.caps =
      SLF_CAP_F64 | SLF_CAP_ADAPTIVE | SLF_CAP_BACKWARD | SLF_CAP_BITWISE_DETERMINISTIC;
  INFO.id = text("{{local}}");
  INFO.name = text("{{local}}");
  INFO.reference = text("Heun (1900); replace this by the paper of your method");
  INFO.order = 2;
  INFO.dense_order = 0; /* the application interpolates */
  INFO.options_json = text(OPTIONS);
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.create = create;
  FACTORY.start = start;
  FACTORY.step = step;
  FACTORY.interpolate = NULL;
  FACTORY.restart = restart;
  FACTORY.destroy = destroy;
  FACTORY.get_extension = no_extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("{{id}}");
  ROOT.version = text("0.1.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
