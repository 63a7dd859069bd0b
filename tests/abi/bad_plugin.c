/* A plugin that misbehaves on purpose, for the tests of the host. Every solver breaks one rule of
 * the interface and otherwise takes Euler steps; -DBAD_... breaks a rule while being loaded.
 */
#include "slopefield_plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const IDS[] = {
    "nan-state",       "standing",     "backwards",    "past-limit",     "infinite-time",
    "wrong-start",     "null-state",   "odd-pointer",  "calls-past",     "aliases",
    "null-argument",   "endless",      "long-error",   "binary-error",   "no-reason",
    "no-instance",     "dense-nan",    "calls-late",   "calls-in-create", "ignores-cancel",
    "products",        "unknown-status"};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))

struct slf_solver {
  const char *id;
  const slf_problem *problem;
  size_t n;
  double t, t_prev;
  double *y, *f; /* n + 1 each, one allocation */
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
static uint32_t SLF_CALL count(void) {
#ifdef BAD_COUNT
  return 1000000;
#else
  return COUNT;
#endif
}
static const slf_solver_info *SLF_CALL info(uint32_t i) { return i < COUNT ? &INFO[i] : NULL; }

static slf_status SLF_CALL create(slf_str id, const slf_problem *problem,
                                  const slf_solver_config *config, slf_solver **out,
                                  slf_error *err) {
  uint32_t i;
  slf_solver *s;
  (void)config;
  for (i = 0; i < COUNT; i++)
    if (id.len == strlen(IDS[i]) && memcmp(id.ptr, IDS[i], id.len) == 0) break;
  if (i == COUNT) return fail(err, SLF_ERR_ARGUMENT, "unknown id");
  if (strcmp(IDS[i], "no-instance") == 0) return SLF_OK;
  s = (slf_solver *)calloc(1, sizeof *s);
  s->id = IDS[i];
  s->problem = problem;
  s->n = (size_t)problem->n;
  s->y = (double *)calloc(2 * s->n + 2, sizeof(double));
  s->f = s->y + s->n + 1;
  if (is(s, "calls-in-create")) {
    slf_status st = problem->rhs(problem->ctx, 0.0, s->y, s->f);
    if (st != SLF_ERR_HOST) return fail(err, SLF_ERR_INTERNAL, "a callback answered in create");
    free(s->y);
    free(s);
    return fail(err, st, "callbacks are closed in create");
  }
  *out = s;
  return SLF_OK;
}

/* w'(Jv), (w'J)v and the dense matrix must tell the same story. */
static slf_status products(slf_solver *s, slf_error *err) {
  size_t i, j, n = s->n;
  const slf_problem *p = s->problem;
  double a = 0, b = 0, c = 0, scale = 0;
  double *v = (double *)calloc(4 * n + n * n, sizeof(double));
  double *w = v + n, *jv = w + n, *wj = jv + n, *m = wj + n;
  slf_status st;
  for (i = 0; i < n; i++) {
    v[i] = 1.0 + 0.5 * (double)i;
    w[i] = 2.0 - 0.75 * (double)i;
  }
  st = p->jvp(p->ctx, s->t, s->y, v, jv);
  if (st == SLF_OK) st = p->vjp(p->ctx, s->t, s->y, w, wj);
  if (st == SLF_OK) st = p->jacobian(p->ctx, s->t, s->y, m);
  for (i = 0; i < n; i++) {
    a += w[i] * jv[i];
    b += wj[i] * v[i];
    for (j = 0; j < n; j++) {
      c += w[i] * m[i + j * n] * v[j];
      scale += fabs(w[i] * m[i + j * n] * v[j]);
    }
  }
  free(v);
  if (st != SLF_OK) return fail(err, st, "a derivative failed");
  if (!(fabs(a - b) <= 1e-14 * scale) || !(fabs(a - c) <= 1e-14 * scale) || !(scale > 0))
    return fail(err, SLF_ERR_INTERNAL, "the derivatives of the host disagree");
  return SLF_OK;
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  s->t = s->t_prev = t;
  memcpy(s->y, y, s->n * sizeof(double));
  return is(s, "products") ? products(s, err) : SLF_OK;
}

static slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  (void)t_end;
  return restart(s, t0, y0, err);
}

static slf_status SLF_CALL step(slf_solver *s, double limit, slf_step *out, slf_error *err) {
  const slf_problem *p = s->problem;
  size_t i;
  double t_new = s->t + 0.125 * (limit - s->t);
  slf_status st;
  if (is(s, "calls-past")) return p->rhs(p->ctx, limit + 0.5 * (limit - s->t), s->y, s->f);
  if (is(s, "aliases")) return p->rhs(p->ctx, s->t, s->y, s->y);
  if (is(s, "null-argument")) return p->rhs(p->ctx, s->t, NULL, s->f);
  if (is(s, "endless"))
    for (;;) {
      st = p->poll(p->ctx);
      if (st != SLF_OK) return st;
    }
  if (is(s, "long-error")) {
    memset(err->message, 'x', sizeof err->message);
    err->message_len = 4000000000u;
    return SLF_ERR_INTERNAL;
  }
  if (is(s, "binary-error")) {
    memcpy(err->message, "\xff\xfe\x01 bad", 7);
    err->message_len = 7;
    return SLF_ERR_INTERNAL;
  }
  if (is(s, "no-reason")) return SLF_ERR_DIVERGED;
  if (is(s, "unknown-status")) return 77;
  st = p->rhs(p->ctx, s->t, s->y, s->f);
  if (st != SLF_OK && !is(s, "ignores-cancel")) return st;
  for (i = 0; i < s->n; i++) s->y[i] += (t_new - s->t) * s->f[i];
  out->t_prev = s->t;
  if (is(s, "wrong-start")) out->t_prev += 0.001;
  if (is(s, "standing")) t_new = s->t;
  if (is(s, "backwards")) t_new = s->t - (limit - s->t);
  if (is(s, "past-limit")) t_new = limit + 0.5 * (limit - s->t);
  if (is(s, "infinite-time")) t_new = HUGE_VAL;
  if (is(s, "nan-state")) s->y[s->n - 1] = NAN;
  s->t_prev = s->t;
  s->t = t_new;
  out->t = t_new;
  out->y = s->y;
  if (is(s, "null-state")) out->y = NULL;
  if (is(s, "odd-pointer")) out->y = (const char *)s->y + 1;
  return SLF_OK;
}

static slf_status SLF_CALL interpolate(slf_solver *s, double t, uint32_t derivative, void *out,
                                       slf_error *err) {
  size_t i;
  (void)t;
  (void)derivative;
  if (is(s, "calls-late")) {
    slf_status st = s->problem->rhs(s->problem->ctx, s->t, s->y, s->f);
    return fail(err, st, "the host does not answer here");
  }
  for (i = 0; i < s->n; i++) ((double *)out)[i] = is(s, "dense-nan") ? NAN : s->y[i];
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
  return id.len == 27 && memcmp(id.ptr, "slopefield.solver-factory/1", 27) == 0 ? &FACTORY : NULL;
}
static void SLF_CALL shut(void) {}
static slf_plugin ROOT;

#if defined(BAD_MAJOR)
#define ENTRY slopefield_plugin_v2
SLF_EXPORT const slf_plugin *SLF_CALL ENTRY(const slf_host *host, slf_error *err);
#elif defined(BAD_SYMBOL)
#define ENTRY something_else
SLF_EXPORT const slf_plugin *SLF_CALL ENTRY(const slf_host *host, slf_error *err);
#else
#define ENTRY slopefield_plugin_v1
#endif

const slf_plugin *SLF_CALL ENTRY(const slf_host *host, slf_error *err) {
  uint32_t i;
  (void)host;
#ifdef BAD_REFUSE
  fail(err, SLF_ERR_UNSUPPORTED, "I only run on Sundays");
  return NULL;
#endif
  (void)err;
  for (i = 0; i < COUNT; i++) {
    INFO[i].struct_size = sizeof INFO[i];
    INFO[i].caps = SLF_CAP_F64 | SLF_CAP_BACKWARD;
    INFO[i].id = text(IDS[i]);
    INFO[i].name = text("bad");
    INFO[i].reference = text("");
    INFO[i].order = 1;
    INFO[i].dense_order = 1;
    INFO[i].options_json = text("[]");
  }
#ifdef BAD_UTF8
  INFO[3].name = text("\xc3\x28");
#endif
#ifdef BAD_JSON
  INFO[3].options_json = text("[{\"name\": 3}]");
#endif
#ifdef BAD_TWICE
  INFO[1].id = INFO[0].id;
#endif
#ifdef BAD_LENGTH
  INFO[2].name.len = 1u << 30;
#endif
  FACTORY.struct_size = sizeof FACTORY;
#ifdef BAD_SIZE
  FACTORY.struct_size = 8;
#endif
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.create = create;
  FACTORY.start = start;
#ifndef BAD_NULL
  FACTORY.step = step;
#endif
  FACTORY.interpolate = interpolate;
  FACTORY.restart = restart;
  FACTORY.destroy = destroy;
  FACTORY.get_extension = no_extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.example.bad");
#ifdef BAD_ID
  ROOT.id = text("org.example.good");
#endif
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
