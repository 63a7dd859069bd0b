/* Dormand and Prince's method of order 5 with steps of one length (J. Comput. Appl. Math. 6 (1980) 19,
 * doi:10.1016/0771-050X(80)90013-3). "dp5" is right; "dp4" goes on with the embedded result of order 4,
 * and "node" evaluates one stage at another time, which shows on one problem alone. */
#include "slopefield_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const IDS[] = {"dp5", "dp4", "node"};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))
#define STAGES 7

static const double C[STAGES] = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
/* The last row is the result. */
static const double A[STAGES][STAGES] = {
    {0},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
static const double EMBEDDED[STAGES] = {5179.0 / 57600,    0,           7571.0 / 16695, 393.0 / 640,
                                        -92097.0 / 339200, 187.0 / 2100, 1.0 / 40};

struct slf_solver {
  const char *id;
  const slf_problem *problem;
  size_t n;
  double t, h;
  double *y, *stage, *k; /* one allocation */
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
  s->y = (double *)calloc((STAGES + 2) * s->n + 1, sizeof(double));
  s->stage = s->y + s->n;
  s->k = s->stage + s->n;
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

static void combine(slf_solver *s, double h, const double *row, int stages) {
  size_t i;
  int j;
  for (i = 0; i < s->n; i++) {
    double sum = 0;
    for (j = 0; j < stages; j++) sum += row[j] * s->k[(size_t)j * s->n + i];
    s->stage[i] = s->y[i] + h * sum;
  }
}

static slf_status SLF_CALL step(slf_solver *s, double limit, slf_step *out, slf_error *err) {
  const slf_problem *p = s->problem;
  double t_new = s->h * 1.000001 >= limit - s->t ? limit : s->t + s->h, h = t_new - s->t;
  int i;
  (void)err;
  for (i = 0; i < STAGES; i++) {
    double c = strcmp(s->id, "node") == 0 && i == 3 ? 0.75 : C[i];
    slf_status st;
    combine(s, h, A[i], i);
    st = p->rhs(p->ctx, c == 1 ? t_new : s->t + c * h, s->stage, s->k + (size_t)i * s->n);
    if (st != SLF_OK) return st;
  }
  if (strcmp(s->id, "dp4") == 0) combine(s, h, EMBEDDED, STAGES);
  memcpy(s->y, s->stage, s->n * sizeof(double));
  out->t_prev = s->t;
  out->t = s->t = t_new;
  if (t_new == limit) out->flags = SLF_STEP_AT_LIMIT;
  out->h_next = s->h;
  out->error_norm = NAN;
  out->y = s->y;
  return SLF_OK;
}

static void SLF_CALL destroy(slf_solver *s) {
  free(s->y);
  free(s);
}

static const void *SLF_CALL extension(slf_str id) {
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
    INFO[i].caps = SLF_CAP_F64;
    INFO[i].id = INFO[i].name = text(IDS[i]);
    INFO[i].reference = INFO[i].options_json = text("");
    INFO[i].order = 5;
  }
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
  ROOT.id = text("org.example.dp5");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
