/* Solvers that look right: each takes midpoint steps and breaks one rule in a way that the
 * application does not notice, for the tests of the conformance kit. "sound" breaks none.
 * -DONLY='"id"' makes a plugin of one of them.
 */
#include "slopefield_plugin.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const IDS[] = {
#ifdef ONLY
    ONLY
#else
    "sound",        "wrong-order", "keeps-tolerances", "keeps-start",  "loses-state", "eats-status",
    "goes-on",      "shared",      "remembers",        "leaks",        "rounds-up",   "prints",
    "exits",        "crashes",     "endless",          "calls-early",  "writes-start", "accepts-nan",
    "wrong-flag",   "takes-mass",  "takes-options",    "not-adaptive", "bent-dense", "any-id",
    "calls-past",   "counts",      "allocates",        "hoards",       "reads-far",   "lingers",
    "never-asks"
#endif
};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))

struct slf_solver {
  const char *id;
  const slf_problem *problem;
  const double *lent;
  size_t n, steps;
  double t, t_prev, h;
  double *y, *next, *k, *stage, *y_prev; /* n + 1 each, one allocation */
};

static double SHARED[4096];
static int COUNTED;

static slf_str text(const char *s) {
  slf_str r;
  r.ptr = s;
  r.len = strlen(s);
  return r;
}

static slf_status fail(slf_error *err, slf_status status, const char *message) {
  size_t len = strlen(message), room = 0;
  if (err->struct_size > offsetof(slf_error, message))
    room = err->struct_size - offsetof(slf_error, message);
  if (len > room) len = room;
  memcpy(err->message, message, len);
  err->message_len = (uint32_t)len;
  return status;
}

static int is(const slf_solver *s, const char *id) { return strcmp(s->id, id) == 0; }

static slf_solver_info INFO[COUNT];
static uint32_t SLF_CALL count(void) { return COUNT; }
static const slf_solver_info *SLF_CALL info(uint32_t i) {
  static slf_solver_info other;
  static volatile int inside;
  volatile int n;
  int crowded;
  if (i >= COUNT) return NULL;
  if (strcmp(IDS[i], "races") != 0) return &INFO[i];
  /* Whoever comes while somebody else is here finds another description. */
  inside = inside + 1;
  for (n = 0; n < 50000; n++) {
  }
  crowded = inside > 1;
  inside = inside - 1;
  other = INFO[i];
  other.name = text("somebody else's");
  return crowded ? &other : &INFO[i];
}

static void SLF_CALL destroy(slf_solver *s) {
  if (is(s, "leaks")) return;
  free(s->y);
  free(s);
}

static slf_status SLF_CALL create(slf_str id, const slf_problem *problem,
                                  const slf_solver_config *config, slf_solver **out,
                                  slf_error *err) {
  uint32_t i;
  slf_solver *s;
  for (i = 0; i < COUNT; i++) {
    size_t len = strlen(IDS[i]);
    int longer = id.len > len && strcmp(IDS[i], "any-id") == 0;
    if ((id.len == len || longer) && memcmp(id.ptr, IDS[i], len) == 0) break;
  }
  if (i == COUNT) return fail(err, SLF_ERR_ARGUMENT, "unknown id");
  if (problem->mass && strcmp(IDS[i], "takes-mass") != 0)
    return fail(err, SLF_ERR_UNSUPPORTED, "no mass matrix");
  if (config->n_options > 0 && strcmp(IDS[i], "takes-options") != 0)
    return fail(err, SLF_ERR_ARGUMENT, "there are no options");
  s = (slf_solver *)calloc(1, sizeof *s);
  s->id = IDS[i];
  s->problem = problem;
  s->n = (size_t)problem->n;
  s->h = config->h_init > 0 ? config->h_init : 0.01;
  s->lent = config->atol;
  s->y = (double *)calloc(5 * s->n + 5, sizeof(double));
  s->next = s->y + s->n + 1;
  s->k = s->next + s->n + 1;
  s->stage = s->k + s->n + 1;
  s->y_prev = s->stage + s->n + 1;
  if (is(s, "calls-early")) problem->rhs(problem->ctx, 0.0, s->y, s->k);
  *out = s;
  return SLF_OK;
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  (void)err;
  s->t = s->t_prev = t;
  memcpy(s->y, y, s->n * sizeof(double));
  if (is(s, "shared")) memcpy(SHARED, y, s->n * sizeof(double));
  if (is(s, "keeps-start")) s->lent = (const double *)y;
  if (is(s, "writes-start")) ((double *)y)[0] += 1;
  if (!is(s, "remembers")) s->steps = 0;
  return SLF_OK;
}

static slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  (void)t_end;
  if (is(s, "reads-far")) s->steps += ((const volatile double *)y0)[s->n + 100] > 0;
  return restart(s, t0, y0, err);
}

static slf_status rhs(slf_solver *s, double t, const double *y) {
  const slf_problem *p = s->problem;
  slf_status st = p->rhs(p->ctx, t, y, s->k);
  if (st != SLF_OK && is(s, "goes-on")) p->rhs(p->ctx, t, y, s->k);
  if (st != SLF_OK && is(s, "loses-state")) s->y[0] *= 1.0000001;
  if (st < 0 && is(s, "eats-status")) return SLF_ERR_INTERNAL;
  if (st < 0 && is(s, "lingers")) {
    time_t began = time(NULL);
    while (difftime(time(NULL), began) < 4) {
    }
  }
  return st;
}

static slf_status SLF_CALL step(slf_solver *s, double limit, slf_step *out, slf_error *err) {
  size_t i;
  double h = s->h, rest = fabs(limit - s->t), t_new;
  int last;
  slf_status st;
  if (!(rest > 0)) return fail(err, SLF_ERR_ARGUMENT, "the limit is not ahead");
  if (is(s, "exits")) exit(0);
  if (is(s, "crashes")) *(volatile int *)NULL = 1;
  if (is(s, "prints")) puts("a step");
  if (is(s, "rounds-up")) fesetround(FE_UPWARD);
  if (is(s, "endless"))
    for (;;) {
    }
  if (is(s, "allocates") || is(s, "hoards")) {
    char *volatile p = (char *)malloc(256);
    p[0] = p[255] = 1;
    if (is(s, "allocates")) free(p);
  }
  while (is(s, "never-asks"))
    if ((st = rhs(s, s->t, s->y)) != SLF_OK) return st;
  if (is(s, "remembers")) h /= 1 + 1e-3 * (double)s->steps;
  if (is(s, "counts")) h /= 1 + 1e-3 * (double)(COUNTED++ % 7);
  if (is(s, "shared")) memcpy(s->y, SHARED, s->n * sizeof(double));
  last = h * 1.000001 >= rest;
  t_new = last ? limit : s->t + (limit > s->t ? h : -h);
  h = t_new - s->t;
  if ((st = rhs(s, s->t, s->y)) != SLF_OK) return st;
  for (i = 0; i < s->n; i++) s->stage[i] = s->y[i] + 0.5 * h * s->k[i];
  if ((st = rhs(s, is(s, "calls-past") ? limit + h : s->t + 0.5 * h, s->stage)) != SLF_OK)
    return st;
  for (i = 0; i < s->n; i++) {
    s->next[i] = s->y[i] + h * s->k[i];
    if (is(s, "keeps-tolerances") || is(s, "keeps-start")) s->next[i] += 0 * s->lent[0];
    if (!isfinite(s->next[i]) && !is(s, "accepts-nan"))
      return fail(err, SLF_ERR_NON_FINITE, "the state overflowed");
  }
  memcpy(s->y_prev, s->y, s->n * sizeof(double));
  memcpy(s->y, s->next, s->n * sizeof(double));
  if (is(s, "shared")) memcpy(SHARED, s->y, s->n * sizeof(double));
  s->t_prev = s->t;
  s->t = t_new;
  s->steps++;
  out->flags = last && !is(s, "wrong-flag") ? SLF_STEP_AT_LIMIT : 0;
  out->t_prev = s->t_prev;
  out->t = t_new;
  out->h_next = s->h;
  out->error_norm = is(s, "not-adaptive") ? 0.5 : NAN;
  out->y = s->y;
  out->n_rejected = 0;
  return SLF_OK;
}

static slf_status SLF_CALL interpolate(slf_solver *s, double t, uint32_t derivative, void *out,
                                       slf_error *err) {
  size_t i;
  double h = s->t - s->t_prev, part = (t - s->t_prev) / h;
  (void)err;
  for (i = 0; i < s->n; i++)
    ((double *)out)[i] = derivative ? 2 * part * (s->y[i] - s->y_prev[i]) / h
                                    : s->y_prev[i] + part * part * (s->y[i] - s->y_prev[i]);
  return SLF_OK;
}

static const void *SLF_CALL no_extension(slf_str id) {
  (void)id;
  return NULL;
}

static slf_solver_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  static const char WANTED[] = "slopefield.solver-factory/1";
  return id.len == sizeof WANTED - 1 && memcmp(id.ptr, WANTED, id.len) == 0 ? &FACTORY : NULL;
}

static void SLF_CALL shut(void) {}
static slf_plugin ROOT;

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  uint32_t i;
  if (!SLF_HAS(slf_host, host, log)) {
    fail(err, SLF_ERR_UNSUPPORTED, "the host is too old");
    return NULL;
  }
  for (i = 0; i < COUNT; i++) {
    INFO[i].struct_size = sizeof INFO[i];
    INFO[i].caps = SLF_CAP_F64 | SLF_CAP_BITWISE_DETERMINISTIC;
    if (strcmp(IDS[i], "not-adaptive") == 0) INFO[i].caps |= SLF_CAP_ADAPTIVE;
    INFO[i].id = text(IDS[i]);
    INFO[i].name = text(IDS[i]);
    INFO[i].reference = text("made for a test");
    INFO[i].order = strcmp(IDS[i], "wrong-order") == 0 ? 3 : 2;
    INFO[i].dense_order = strcmp(IDS[i], "bent-dense") == 0 ? 2 : 0;
    INFO[i].options_json = text("");
  }
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.create = create;
  FACTORY.start = start;
  FACTORY.step = step;
  FACTORY.interpolate = interpolate;
  FACTORY.restart = restart;
  FACTORY.destroy = destroy;
  FACTORY.get_extension = no_extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.example.sloppy");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
