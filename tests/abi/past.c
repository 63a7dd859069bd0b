/* Euler's method for u' = -u(t - lag), which asks for the past by itself in every step and compares.
 * "compares" is right, "odd" asks for what cannot be, and "noisy" asks for noise outside of the step.
 * "quiet" is Euler's method for any system, and leaves the noise out that it declares to take. "onward"
 * is the same and does not go back when it is told to. */
#include "slopefield_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const IDS[] = {"compares", "odd", "noisy", "quiet", "onward"};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))

struct slf_solver {
  const char *id;
  const slf_problem *problem;
  const slf_delay_problem *delays;
  const slf_noise_problem *noise;
  double t, y, f, h;
};

static slf_str text(const char *s) {
  slf_str r;
  r.ptr = s;
  r.len = strlen(s);
  return r;
}

static int same(slf_str a, const char *b) {
  return a.len == strlen(b) && memcmp(a.ptr, b, (size_t)a.len) == 0;
}

static slf_status fail(slf_error *err, slf_status status, const char *message) {
  err->message_len = (uint32_t)strlen(message);
  memcpy(err->message, message, err->message_len);
  return status;
}

static slf_solver_info INFO[COUNT];
static uint32_t SLF_CALL count(void) { return COUNT; }
static const slf_solver_info *SLF_CALL info(uint32_t i) { return i < COUNT ? &INFO[i] : NULL; }

static slf_status SLF_CALL create(slf_str id, const slf_problem *problem,
                                  const slf_solver_config *config, slf_solver **out,
                                  slf_error *err) {
  uint32_t i;
  slf_solver *s;
  for (i = 0; i < COUNT; i++)
    if (same(id, IDS[i])) break;
  if (i == COUNT || problem->n != 1) return SLF_ERR_UNSUPPORTED;
  s = (slf_solver *)calloc(1, sizeof *s);
  s->id = IDS[i];
  s->problem = problem;
  s->h = config->h_init > 0 ? config->h_init : 0.001;
  s->delays = (const slf_delay_problem *)problem->get_extension(
      problem->ctx, text("slopefield.problem.delays/1"));
  s->noise = (const slf_noise_problem *)problem->get_extension(
      problem->ctx, text("slopefield.problem.noise/1"));
  if (strcmp(IDS[i], "quiet") == 0 || strcmp(IDS[i], "onward") == 0) {
    s->delays = NULL;
    s->noise = NULL;
  } else if (!s->delays == !s->noise) {
    free(s);
    return fail(err, SLF_ERR_INTERNAL, "one of the two is there");
  }
  *out = s;
  return SLF_OK;
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  (void)err;
  if (t < s->t && strcmp(s->id, "onward") == 0) return SLF_OK;
  s->t = t;
  s->y = *(const double *)y;
  return SLF_OK;
}

static slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  (void)t_end;
  s->t = t0;
  return restart(s, t0, y0, err);
}

static slf_status past(slf_solver *s, double t, double h, slf_error *err) {
  const slf_delay_problem *d = s->delays;
  double then, slope;
  slf_status st;
  if (d->n_lags != 1 || !(d->lags[0] > 0)) return fail(err, SLF_ERR_INTERNAL, "a lag is missing");
  if (strcmp(s->id, "odd") == 0) return d->history(d->ctx, t, 2, &then);
  st = d->history(d->ctx, t - d->lags[0], 0, &then);
  if (st != SLF_OK) return fail(err, SLF_ERR_INTERNAL, "the past is not there");
  /* Where the solution begins it jumps: the past is 0 and the right-hand side sees what follows. */
  if (fabs(t - d->lags[0]) > 1e-9 && !(fabs(s->f + then) <= 1e-13)) return fail(err, SLF_ERR_INTERNAL, "the past is another");
  if (d->history(d->ctx, t + 0.5 * h, 0, &then) != SLF_RECOVERABLE)
    return fail(err, SLF_ERR_INTERNAL, "the future is known");
  /* Euler's steps are straight, and the history before the start is 0. */
  st = d->history(d->ctx, t - d->lags[0], 1, &slope);
  if (st != SLF_OK || !isfinite(slope)) return fail(err, SLF_ERR_INTERNAL, "there is no slope");
  if (t < d->lags[0] && slope != 0) return fail(err, SLF_ERR_INTERNAL, "the slope is another");
  return SLF_OK;
}

static slf_status SLF_CALL step(slf_solver *s, double limit, slf_step *out, slf_error *err) {
  const slf_problem *p = s->problem;
  double t_new = s->h * 1.000001 >= limit - s->t ? limit : s->t + s->h, h = t_new - s->t;
  slf_status st = p->rhs(p->ctx, s->t, &s->y, &s->f);
  if (st == SLF_OK && s->delays) st = past(s, s->t, h, err);
  if (st == SLF_OK && s->noise) {
    double w;
    st = s->noise->increments(s->noise->ctx, s->t, limit + 1, &w, NULL);
  }
  if (st != SLF_OK) return st;
  s->y += h * s->f;
  out->t_prev = s->t;
  out->t = s->t = t_new;
  out->h_next = s->h;
  out->y = &s->y;
  return SLF_OK;
}

static void SLF_CALL destroy(slf_solver *s) { free(s); }

static const void *SLF_CALL no_extension(slf_str id) {
  (void)id;
  return NULL;
}

static slf_solver_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  return same(id, "slopefield.solver-factory/1") ? &FACTORY : NULL;
}

static void SLF_CALL shut(void) {}

static slf_plugin ROOT;

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  uint32_t i;
  (void)host;
  (void)err;
  for (i = 0; i < COUNT; i++) {
    INFO[i].struct_size = sizeof INFO[i];
    INFO[i].caps = SLF_CAP_F64 | SLF_CAP_DELAYS | SLF_CAP_STATE_DELAYS | SLF_CAP_NOISE;
    INFO[i].id = INFO[i].name = text(IDS[i]);
    INFO[i].reference = INFO[i].options_json = text("");
    INFO[i].order = 1;
  }
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.create = create;
  FACTORY.start = start;
  FACTORY.step = step;
  FACTORY.restart = restart;
  FACTORY.destroy = destroy;
  FACTORY.get_extension = no_extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.id = text("org.example.past");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
