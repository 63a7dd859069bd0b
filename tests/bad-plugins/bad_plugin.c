/* A plugin that takes its process along on purpose, for the tests of the worker. Every solver does
 * one bad thing and otherwise takes Euler steps; a definition does it while the plugin is loaded.
 * Breaches of the interface that a process survives are in tests/abi/bad_plugin.c.
 */
#define _GNU_SOURCE
#include "slopefield_plugin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The tests write their manifests from the same list.
static const char *const IDS[] = {
#include "solvers.inc"
};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))

struct slf_solver {
  const char *id;
  const slf_problem *problem;
  size_t n;
  double t;
  double *y, *f; /* n each, one allocation */
};

static slf_str text(const char *s) {
  slf_str r;
  r.ptr = s;
  r.len = strlen(s);
  return r;
}

static volatile int *nowhere(void) {
  static volatile uintptr_t at = 16;
  return (volatile int *)at;
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
  (void)config;
  (void)err;
  for (i = 0; i < COUNT; i++)
    if (id.len == strlen(IDS[i]) && memcmp(id.ptr, IDS[i], id.len) == 0) break;
  if (i == COUNT) return SLF_ERR_ARGUMENT;
  s = (slf_solver *)calloc(1, sizeof *s);
  s->id = IDS[i];
  s->problem = problem;
  s->n = (size_t)problem->n;
  s->y = (double *)calloc(2 * s->n, sizeof(double));
  s->f = s->y + s->n;
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
  static int steps = 0, forked = 0;
  const slf_problem *p = s->problem;
  size_t i;
  double t_new = s->t + 0.125 * (limit - s->t);
  slf_status st;
  if (limit - s->t < 1e-3) t_new = limit;
  if (is(s, "small-steps")) {
    if (t_new > s->t + 1e-3) t_new = s->t + 1e-3;
    usleep(1000);
  }
  if (is(s, "segv-step")) {
    fprintf(stderr, "about to read from nowhere\n");
    return *nowhere();
  }
  if (is(s, "later") && ++steps > 100000) return *nowhere();
  if (is(s, "endless"))
    for (;;) {
      volatile int spin = 1;
      (void)spin;
    }
  if (is(s, "abort")) abort();
  if (is(s, "exit-zero")) exit(0);
  if (is(s, "stops-itself")) raise(SIGSTOP);
  if (is(s, "fork") && !forked) {
    forked = 1;
    if (fork() < 0) abort(); /* both go on */
  }
  if (is(s, "close-stdin")) close(0);
  if (is(s, "prints")) {
    printf("a plugin has nothing to say here\n");
    fflush(stdout);
  }
  if (is(s, "memory"))
    for (;;) {
      void *block = malloc((size_t)1 << 26);
      if (block == NULL) abort();
      memset(block, 1, (size_t)1 << 26);
    }
  st = p->rhs(p->ctx, s->t, s->y, s->f);
  if (st != SLF_OK) return st;
  for (i = 0; i < s->n; i++) s->y[i] += (t_new - s->t) * s->f[i];
  if (is(s, "nan")) s->y[0] = 0.0 / 0.0;
  if (is(s, "backwards")) t_new = s->t - (limit - s->t);
  out->t_prev = s->t;
  s->t = t_new;
  out->t = t_new;
  out->y = s->y;
  (void)err;
  return SLF_OK;
}

static slf_status SLF_CALL interpolate(slf_solver *s, double t, uint32_t derivative, void *out,
                                       slf_error *err) {
  (void)t;
  (void)derivative;
  (void)err;
  memcpy(out, s->y, s->n * sizeof(double));
  return SLF_OK;
}

static void SLF_CALL destroy(slf_solver *s) {
  if (is(s, "segv-destroy")) *nowhere() = 1;
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

#ifdef BAD_CONSTRUCTOR
__attribute__((constructor)) static void first(void) { *nowhere() = 1; }
#endif

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  uint32_t i;
#ifdef BAD_ENTRY
  host->log(host->ctx, SLF_LOG_WARN, text("loading, and not for long"));
  *nowhere() = 1;
#endif
  (void)host;
  (void)err;
#ifdef BAD_ENTRY_ENDLESS
  for (;;) pause();
#endif
  for (i = 0; i < COUNT; i++) {
    INFO[i].struct_size = sizeof INFO[i];
    INFO[i].caps = SLF_CAP_F64 | SLF_CAP_BACKWARD;
    INFO[i].id = text(IDS[i]);
    INFO[i].name = text("bad");
    INFO[i].reference = text("");
    INFO[i].order = 1;
    INFO[i].options_json = text("[]");
  }
#ifdef BAD_OPTIONS
  {
    static char many[32 * 1000000];
    char *at = many;
    *at++ = '[';
    for (i = 0; i < 1000000; i++)
      at += sprintf(at, "%s{\"name\":\"o%06u\"}", i == 0 ? "" : ",", (unsigned)i);
    *at++ = ']';
    INFO[0].options_json.ptr = many;
    INFO[0].options_json.len = (size_t)(at - many);
  }
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
  FACTORY.get_extension = no_extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.example.crash");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
