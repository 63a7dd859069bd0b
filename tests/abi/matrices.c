/* Checks what the host says about the matrices of a problem, in start, and misuses it on purpose.
 * Every solver then takes steps of the backward Euler method, one Newton iteration each.
 *
 * "agrees": all functions of slf_implicit_problem tell one story, the same as slf_problem.
 * "regular": takes mass matrices and no algebraic equations.
 * The others break one rule each. */
#include "slopefield_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const IDS[] = {"agrees", "regular", "early-factor", "early-solve", "odd-factor",
                                  "in-place", "stale"};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))

struct slf_solver {
  const char *id;
  const slf_problem *problem;
  const slf_implicit_problem *matrices;
  size_t n;
  double t;
  double *y, *next, *f, *delta; /* n + 1 each, one allocation */
};

static slf_str text(const char *s) {
  slf_str r;
  r.ptr = s;
  r.len = strlen(s);
  return r;
}

static slf_status fail(slf_error *err, slf_status status, const char *message) {
  err->message_len = (uint32_t)strlen(message);
  memcpy(err->message, message, err->message_len);
  return status;
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
  const slf_implicit_problem *m;
  (void)config;
  for (i = 0; i < COUNT; i++)
    if (id.len == strlen(IDS[i]) && memcmp(id.ptr, IDS[i], (size_t)id.len) == 0) break;
  if (i == COUNT) return fail(err, SLF_ERR_ARGUMENT, "unknown id");
  m = (const slf_implicit_problem *)problem->get_extension(
      problem->ctx, text("slopefield.problem.implicit/1"));
  if (!m || !SLF_HAS(slf_implicit_problem, m, solve_transposed))
    return fail(err, SLF_ERR_UNSUPPORTED, "there are no matrices");
  if (problem->get_extension(problem->ctx, text("slopefield.problem.implicit/10")) ||
      problem->get_extension(problem->ctx, text("")))
    return fail(err, SLF_ERR_INTERNAL, "an extension that does not exist");
  if (m->factor(m->ctx, 1.0) != SLF_ERR_HOST)
    return fail(err, SLF_ERR_INTERNAL, "a callback answered in create");
  s = (slf_solver *)calloc(1, sizeof *s);
  s->id = IDS[i];
  s->problem = problem;
  s->matrices = m;
  s->n = (size_t)problem->n;
  s->y = (double *)calloc(4 * s->n + 4, sizeof(double));
  s->next = s->y + s->n + 1;
  s->f = s->next + s->n + 1;
  s->delta = s->f + s->n + 1;
  *out = s;
  return SLF_OK;
}

/* A matrix with a pattern, as a dense one by columns. */
static void spread(const slf_sparsity *p, size_t n, const double *values, double *dense) {
  size_t j, k;
  if (!p) {
    memcpy(dense, values, n * n * sizeof(double));
    return;
  }
  memset(dense, 0, n * n * sizeof(double));
  for (j = 0; j < n; j++)
    for (k = p->col_ptr[j]; k < p->col_ptr[j + 1]; k++) dense[p->row_idx[k] + j * n] = values[k];
}

static int differ(const double *a, const double *b, size_t len, double tolerance) {
  size_t i;
  for (i = 0; i < len; i++)
    if (!(fabs(a[i] - b[i]) <= tolerance * (1 + fabs(a[i])))) return 1;
  return 0;
}

static slf_status agrees(slf_solver *s, slf_error *err) {
  const slf_problem *p = s->problem;
  const slf_implicit_problem *m = s->matrices;
  size_t i, j, n = s->n, nn = n * n;
  double *room = (double *)calloc(4 * nn + 4 * n, sizeof(double));
  double *values = room, *jac = values + nn, *mass = jac + nn, *base = mass + nn;
  double *x = base + nn, *b = x + n, *mx = b + n, *back = mx + n;
  const double c = 3.0;
  const char *wrong = NULL;
  slf_status st = m->jacobian(m->ctx, s->t, s->y, values);
  if (st == SLF_OK) {
    spread(m->jacobian_pattern, n, values, jac);
    st = p->jacobian(p->ctx, s->t, s->y, base);
    if (differ(jac, base, nn, 1e-14)) wrong = "the Jacobians differ";
  }
  for (i = 0; i < n; i++) mass[i + i * n] = 1;
  if (st == SLF_OK && m->mass) {
    st = m->mass(m->ctx, values);
    spread(m->mass_pattern, n, values, mass);
    if (st == SLF_OK && !p->mass) wrong = "a mass matrix is hidden";
    if (st == SLF_OK && p->mass) st = p->mass(p->ctx, s->t, base);
    if (differ(mass, base, nn, 0)) wrong = "the mass matrices differ";
  } else if (p->mass || m->mass_pattern) {
    wrong = "a mass matrix is hidden";
  }
  for (i = 0; i < n; i++) b[i] = 1.0 + 0.5 * (double)(i % 3);
  if (st == SLF_OK) st = m->mass_product(m->ctx, b, mx);
  for (i = 0; i < n; i++) {
    double sum = 0;
    for (j = 0; j < n; j++) sum += mass[i + j * n] * b[j];
    if (!(fabs(sum - mx[i]) <= 1e-14 * (1 + fabs(sum)))) wrong = "M x is not M times x";
  }
  /* jacobian has kept its matrix like linearise */
  if (st == SLF_OK) st = m->factor(m->ctx, c);
  if (st == SLF_OK) st = m->solve(m->ctx, b, x);
  if (st == SLF_OK) st = m->solve_transposed(m->ctx, b, back);
  for (i = 0; i < n; i++) {
    double sum = 0, transposed = 0, size = 0;
    for (j = 0; j < n; j++) {
      double w = c * mass[i + j * n] - jac[i + j * n];
      double wt = c * mass[j + i * n] - jac[j + i * n];
      sum += w * x[j];
      transposed += wt * back[j];
      size += fabs(w * x[j]) + fabs(wt * back[j]);
    }
    if (!(fabs(sum - b[i]) <= 1e-12 * (1 + size))) wrong = "solve solves another system";
    if (!(fabs(transposed - b[i]) <= 1e-12 * (1 + size)))
      wrong = "solve_transposed solves another system";
  }
  free(room);
  if (st != SLF_OK) return fail(err, st, "a function of the matrices failed");
  return wrong ? fail(err, SLF_ERR_INTERNAL, wrong) : SLF_OK;
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  const slf_implicit_problem *m = s->matrices;
  s->t = t;
  memcpy(s->y, y, s->n * sizeof(double));
  if (is(s, "agrees")) return agrees(s, err);
  if (is(s, "early-factor")) return m->factor(m->ctx, 1.0);
  if (is(s, "early-solve")) {
    slf_status st = m->linearise(m->ctx, t, s->y);
    return st == SLF_OK ? m->solve(m->ctx, s->y, s->f) : st;
  }
  if (is(s, "odd-factor")) {
    slf_status st = m->linearise(m->ctx, t, s->y);
    return st == SLF_OK ? m->factor(m->ctx, NAN) : st;
  }
  if (is(s, "in-place")) return m->mass_product(m->ctx, s->y, s->y);
  return SLF_OK;
}

static slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  (void)t_end;
  return restart(s, t0, y0, err);
}

static slf_status SLF_CALL step(slf_solver *s, double limit, slf_step *out, slf_error *err) {
  const slf_problem *p = s->problem;
  const slf_implicit_problem *m = s->matrices;
  size_t i;
  double h = 0.125 * (limit - s->t), t_new = s->t + h;
  slf_status st = m->linearise(m->ctx, s->t, s->y);
  if (st == SLF_OK) st = m->factor(m->ctx, 1 / h);
  /* The factors are of the Jacobian before this one. */
  if (st == SLF_OK && is(s, "stale")) st = m->linearise(m->ctx, s->t, s->y);
  if (st == SLF_OK) st = p->rhs(p->ctx, t_new, s->y, s->f);
  if (st == SLF_OK) st = m->solve(m->ctx, s->f, s->delta);
  if (st != SLF_OK) return fail(err, st, "a function of the host failed");
  for (i = 0; i < s->n; i++) s->next[i] = s->y[i] + s->delta[i];
  memcpy(s->y, s->next, s->n * sizeof(double));
  out->t_prev = s->t;
  out->t = s->t = t_new;
  out->h_next = h;
  out->y = s->y;
  return SLF_OK;
}

static void SLF_CALL destroy(slf_solver *s) {
  free(s->y);
  free(s);
}

static const void *SLF_CALL no_extension(slf_str id) {
  (void)id;
  return NULL;
}

static slf_solver_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  const char *name = "slopefield.solver-factory/1";
  return id.len == strlen(name) && memcmp(id.ptr, name, (size_t)id.len) == 0 ? &FACTORY : NULL;
}

static void SLF_CALL shut(void) {}

static slf_plugin ROOT;

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  uint32_t i;
  (void)host;
  (void)err;
  for (i = 0; i < COUNT; i++) {
    INFO[i].struct_size = sizeof INFO[i];
    INFO[i].caps = SLF_CAP_F64 | SLF_CAP_IMPLICIT | SLF_CAP_MASS_MATRIX;
    if (strcmp(IDS[i], "regular") != 0) INFO[i].caps |= SLF_CAP_SINGULAR_MASS;
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
  ROOT.id = text("org.example.matrices");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
