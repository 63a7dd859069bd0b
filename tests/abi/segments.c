/* The explicit midpoint method with steps of one length and a cubic between them, which it gives as
 * polynomials. "powers" and "chebyshev" are right; the others break one rule. NO_SEGMENTS leaves the
 * polynomials out, NO_VALUES lets interpolate fail, and a step's polynomials may be asked for once. */
#include "slopefield_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const IDS[] = {"powers", "chebyshev", "shifted", "high", "basis", "nan", "tall"};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))

struct slf_solver {
  const char *id;
  const slf_problem *problem;
  size_t n;
  double t_prev, t, h;
  double *y, *y_prev, *f, *f_prev, *middle; /* n + 1 each, one allocation */
  int asked;
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

static int is(const slf_solver *s, const char *id) { return strcmp(s->id, id) == 0; }

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
  s->y = (double *)calloc(5 * s->n + 5, sizeof(double));
  s->y_prev = s->y + s->n + 1;
  s->f = s->y_prev + s->n + 1;
  s->f_prev = s->f + s->n + 1;
  s->middle = s->f_prev + s->n + 1;
  *out = s;
  return SLF_OK;
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  (void)err;
  s->t_prev = s->t = t;
  memcpy(s->y, y, s->n * sizeof(double));
  return s->problem->rhs(s->problem->ctx, t, s->y, s->f);
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
  slf_status st;
  (void)err;
  memcpy(s->y_prev, s->y, s->n * sizeof(double));
  memcpy(s->f_prev, s->f, s->n * sizeof(double));
  for (i = 0; i < s->n; i++) s->middle[i] = s->y[i] + 0.5 * h * s->f[i];
  st = p->rhs(p->ctx, s->t + 0.5 * h, s->middle, s->f);
  if (st != SLF_OK) return st;
  for (i = 0; i < s->n; i++) s->y[i] += h * s->f[i];
  st = p->rhs(p->ctx, t_new, s->y, s->f);
  if (st != SLF_OK) return st;
  s->asked = 0;
  out->t_prev = s->t_prev = s->t;
  out->t = s->t = t_new;
  if (t_new == limit) out->flags = SLF_STEP_AT_LIMIT;
  out->h_next = s->h;
  out->error_norm = NAN;
  out->y = s->y;
  return SLF_OK;
}

/* Coefficients of the powers, of one state. */
static void powers(const slf_solver *s, size_t i, double c[4]) {
  double h = s->t - s->t_prev, rise = s->y[i] - s->y_prev[i];
  double first = h * s->f_prev[i], last = h * s->f[i];
  c[0] = s->y_prev[i];
  c[1] = first;
  c[2] = 3 * rise - 2 * first - last;
  c[3] = first + last - 2 * rise;
}

static slf_status SLF_CALL interpolate(slf_solver *s, double t, uint32_t derivative, void *out,
                                       slf_error *err) {
  double c[4], h = s->t - s->t_prev, x = (t - s->t_prev) / h;
  size_t i;
  (void)err;
#ifdef NO_VALUES
  return SLF_ERR_INTERNAL;
#endif
  for (i = 0; i < s->n; i++) {
    powers(s, i, c);
    ((double *)out)[i] = derivative == 0 ? c[0] + x * (c[1] + x * (c[2] + x * c[3]))
                                         : (c[1] + x * (2 * c[2] + x * 3 * c[3])) / h;
  }
  return SLF_OK;
}

static slf_status SLF_CALL max_degree(slf_solver *s, uint32_t *degree, slf_error *err) {
  (void)err;
  *degree = is(s, "tall") ? 1000000 : 4;
  return SLF_OK;
}

static slf_status SLF_CALL segment(slf_solver *s, slf_segment *out, slf_error *err) {
  size_t i, n = s->n;
  double *c = out->coefficients, p[4];
  (void)err;
  if (s->asked++) return SLF_ERR_INTERNAL;
  for (i = 0; i < n; i++) {
    powers(s, i, p);
    if (is(s, "chebyshev")) {
      c[i] = p[0] + p[1] / 2 + p[2] * 3 / 8 + p[3] * 10 / 32;
      c[n + i] = p[1] / 2 + p[2] / 2 + p[3] * 15 / 32;
      c[2 * n + i] = p[2] / 8 + p[3] * 6 / 32;
      c[3 * n + i] = p[3] / 32;
    } else {
      c[i] = p[0];
      c[n + i] = p[1];
      c[2 * n + i] = p[2];
      c[3 * n + i] = p[3];
    }
    /* The ends stay where they are. */
    if (is(s, "shifted")) {
      c[n + i] += 1e-6;
      c[2 * n + i] -= 1e-6;
    }
  }
  if (is(s, "nan")) c[3 * n - 1] = NAN;
  out->basis = is(s, "chebyshev") ? SLF_BASIS_CHEBYSHEV : is(s, "basis") ? 7 : SLF_BASIS_POWERS;
  out->degree = is(s, "high") ? 9 : 3;
  return SLF_OK;
}

static void SLF_CALL destroy(slf_solver *s) {
  free(s->y);
  free(s);
}

static slf_dense_segment SEGMENTS;

static const void *SLF_CALL extension(slf_str id) {
  return same(id, "slopefield.solver.dense-segment/1") ? &SEGMENTS : NULL;
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
    INFO[i].caps = SLF_CAP_F64;
#ifndef NO_SEGMENTS
    INFO[i].caps |= SLF_CAP_DENSE_SEGMENT;
#endif
    INFO[i].id = INFO[i].name = text(IDS[i]);
    INFO[i].reference = INFO[i].options_json = text("");
    INFO[i].order = 2;
    INFO[i].dense_order = 3;
  }
  SEGMENTS.struct_size = sizeof SEGMENTS;
  SEGMENTS.max_degree = max_degree;
#ifndef BAD_SEGMENTS
  SEGMENTS.segment = segment;
#endif
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
  ROOT.struct_size = sizeof ROOT;
  ROOT.id = text("org.example.segments");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
