/* The explicit midpoint method with steps of one length and the reverse of its steps, forwards in
 * time only and without dense output, so that the host mirrors time and interpolates. "midpoint" is
 * right; the others break one rule when a step is reversed, or taken again. NO_REDO leaves that out. */
#include "slopefield_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const IDS[] = {"midpoint", "nan", "grows", "late", "drifts", "stale"};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))

struct slf_solver {
  const char *id;
  const slf_problem *problem;
  size_t n;
  double t, h;
  double *y, *middle, *k, *sum; /* n + 1 each, one allocation */
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

static slf_solver_info INFO[COUNT];
static uint32_t SLF_CALL count(void) { return COUNT; }
static const slf_solver_info *SLF_CALL info(uint32_t i) { return i < COUNT ? &INFO[i] : NULL; }

static slf_status SLF_CALL create(slf_str id, const slf_problem *problem,
                                  const slf_solver_config *config, slf_solver **out,
                                  slf_error *err) {
  uint32_t i;
  slf_solver *s;
  (void)err;
  for (i = 0; i < COUNT; i++)
    if (same(id, IDS[i])) break;
  if (i == COUNT) return SLF_ERR_ARGUMENT;
  s = (slf_solver *)calloc(1, sizeof *s);
  s->id = IDS[i];
  s->problem = problem;
  s->n = (size_t)problem->n;
  s->h = config->h_init > 0 ? config->h_init : 0.01;
  s->y = (double *)calloc(4 * s->n + 4, sizeof(double));
  s->middle = s->y + s->n + 1;
  s->k = s->middle + s->n + 1;
  s->sum = s->k + s->n + 1;
  *out = s;
  return SLF_OK;
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  (void)err;
  s->t = t;
  memcpy(s->y, y, s->n * sizeof(double));
  return SLF_OK;
}

static slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  (void)t_end;
  return restart(s, t0, y0, err);
}

static slf_status SLF_CALL step(slf_solver *s, double limit, slf_step *out, slf_error *err) {
  const slf_problem *p = s->problem;
  size_t i;
  double t_new = s->h * 1.000001 >= limit - s->t ? limit : s->t + s->h, h = t_new - s->t;
  slf_status st = p->rhs(p->ctx, s->t, s->y, s->k);
  (void)err;
  for (i = 0; i < s->n; i++) s->middle[i] = s->y[i] + 0.5 * h * s->k[i];
  if (st == SLF_OK) st = p->rhs(p->ctx, s->t + 0.5 * h, s->middle, s->k);
  if (st != SLF_OK) return st;
  for (i = 0; i < s->n; i++) s->y[i] += h * s->k[i];
  out->t_prev = s->t;
  out->t = s->t = t_new;
  out->h_next = s->h;
  out->y = s->y;
  return SLF_OK;
}

static slf_status SLF_CALL record_len(slf_solver *s, uint64_t *len, slf_error *err) {
  (void)err;
  *len = strcmp(s->id, "grows") == 0 ? UINT64_MAX : s->n;
  return SLF_OK;
}

static slf_status SLF_CALL record(slf_solver *s, double *out, slf_error *err) {
  (void)err;
  memcpy(out, s->middle, s->n * sizeof(double));
  return SLF_OK;
}

/* y = y_prev + h f(m), m = y_prev + h/2 f(y_prev) */
static slf_status SLF_CALL reverse(slf_solver *s, const slf_reversal *r, slf_error *err) {
  size_t i;
  double h = r->t - r->t_prev, *weights = (double *)r->weights;
  slf_status st;
  (void)err;
  if (r->n_inside != 0) return SLF_ERR_INTERNAL; /* the host interpolates */
  memset(s->sum, 0, s->n * sizeof(double));
  for (i = 0; i < s->n; i++) s->k[i] = h * weights[i];
  st = r->pull_back(r->ctx, r->t_prev + 0.5 * h, r->record, s->k, s->sum);
  if (st == SLF_OK && strcmp(s->id, "late") == 0)
    st = r->pull_back(r->ctx, r->t + 1, r->record, s->k, s->sum);
  for (i = 0; i < s->n; i++) {
    weights[i] += s->sum[i];
    s->k[i] = 0.5 * h * s->sum[i];
  }
  if (st == SLF_OK) st = r->pull_back(r->ctx, r->t_prev, r->y_prev, s->k, weights);
  if (strcmp(s->id, "nan") == 0) weights[1] = NAN;
  return st;
}

static slf_status SLF_CALL redo(slf_solver *s, double t_prev, const void *y_prev, double t, void *y,
                                slf_error *err) {
  const slf_problem *p = s->problem;
  const double *from = (const double *)y_prev;
  double h = t - t_prev, *to = (double *)y;
  size_t i;
  slf_status st = p->rhs(p->ctx, t_prev, from, s->k);
  (void)err;
  for (i = 0; i < s->n; i++) s->middle[i] = from[i] + 0.5 * h * s->k[i];
  if (st == SLF_OK) st = p->rhs(p->ctx, t_prev + 0.5 * h, s->middle, s->k);
  for (i = 0; i < s->n; i++) to[i] = from[i] + h * s->k[i];
  if (strcmp(s->id, "drifts") == 0) to[0] = nextafter(to[0], INFINITY);
  if (strcmp(s->id, "stale") == 0) memcpy(s->middle, from, s->n * sizeof(double));
  return st;
}

static void SLF_CALL destroy(slf_solver *s) {
  free(s->y);
  free(s);
}

static slf_step_vjp VJP;
static slf_step_redo REDO;

static const void *SLF_CALL extension(slf_str id) {
  if (same(id, "slopefield.solver.step-vjp/1")) return &VJP;
  return same(id, "slopefield.solver.step-redo/1") ? &REDO : NULL;
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
    INFO[i].caps = SLF_CAP_F64 | SLF_CAP_STEP_VJP;
#ifndef NO_REDO
    INFO[i].caps |= SLF_CAP_STEP_REDO;
#endif
    INFO[i].id = INFO[i].name = text(IDS[i]);
    INFO[i].reference = INFO[i].options_json = text("");
    INFO[i].order = 2;
  }
  VJP.struct_size = sizeof VJP;
  VJP.record_len = record_len;
  VJP.record = record;
#ifndef BAD_REVERSE
  VJP.reverse = reverse;
#endif
  REDO.struct_size = sizeof REDO;
  REDO.redo = redo;
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.create = create;
  FACTORY.start = start;
  FACTORY.step = step;
  FACTORY.restart = restart;
  FACTORY.destroy = destroy;
  FACTORY.get_extension = extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.id = text("org.example.reversing");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
