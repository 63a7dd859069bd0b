/* CVODE of SUNDIALS 6 as a plugin: backward differentiation formulas of orders 1 to 5 for stiff
 * problems, Adams-Moulton formulas of orders 1 to 12 for others, both with steps and orders that
 * follow the error.
 *
 * A. C. Hindmarsh et al., SUNDIALS: Suite of Nonlinear and Differential/Algebraic Equation Solvers,
 * ACM Trans. Math. Software 31 (2005) 363-396, doi 10.1145/1089014.1089020; S. D. Cohen and A. C.
 * Hindmarsh, CVODE, a stiff/nonstiff ODE solver in C, Computers in Physics 10 (1996) 138-143.
 *
 * CVODE owns its steps and cannot take one back. So what the application may ask of the last step is
 * copied when the step ends, and an instance whose call failed in the middle is brought back to where
 * it was by taking its steps again, when it is next asked for one. The application starts anew after
 * a failure, so that this is rarely paid for.
 */
#include "slopefield_plugin.h"

#include <cvode/cvode.h>
#include <float.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sundials/sundials_config.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#if SUNDIALS_VERSION_MAJOR != 6
#error "this plugin is written for SUNDIALS 6"
#endif
#if !defined(SUNDIALS_DOUBLE_PRECISION)
#error "this plugin needs SUNDIALS with numbers of 64 bits"
#endif

#define HIGHEST_ORDER 12
/* Shortest step in units of rounding of the time, as CVODE knows no such limit. */
#define SHORTEST_STEP (10 * DBL_EPSILON)
/* An interval of fewer units of rounding is passed by one Euler step, whose error is far below
 * rounding there; CVODE refuses such intervals. */
#define SHORT_INTERVAL (100 * DBL_EPSILON)

/* So many steps with the same limit. */
typedef struct {
  double limit;
  uint64_t steps;
} stretch;

struct slf_solver {
  const slf_problem *problem;
  size_t n;
  int adams, gmres, max_order;
  SUNContext context;
  void *cvode;
  N_Vector y, work, weights;
  double h_init;             /* 0: CVODE chooses */
  SUNMatrix matrix;
  SUNLinearSolver linear;
  SUNNonlinearSolver fixed_point;
  double *sparse;            /* values of a Jacobian that comes with a pattern */
  double *begin, *from;      /* states at the last start and at t_prev, n each */
  double *terms;             /* terms[k * n + i]: see `remember` */
  int degree;                /* of the polynomial in `terms` */
  double t_begin, t_prev, t; /* t_prev == t before the first step */
  int lost;                  /* a failure left CVODE somewhere else */
  stretch *taken;            /* the steps since the last start */
  size_t n_taken, room;
  slf_status status;         /* of a callback that failed for good */
  char message[512];
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

static int finite(const double *v, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (!isfinite(v[i])) return 0;
  return 1;
}

/* ---- what CVODE calls --------------------------------------------------------------------- */

/* 0, 1 (try a smaller step) or -1 (give up), as CVODE wants to hear it. */
static int outcome(slf_solver *s, slf_status status) {
  if (status == SLF_OK) return 0;
  if (status == SLF_RECOVERABLE) return 1;
  s->status = status;
  return -1;
}

static int rhs(realtype t, N_Vector y, N_Vector dydt, void *data) {
  slf_solver *s = (slf_solver *)data;
  const slf_problem *p = s->problem;
  double *out = NV_DATA_S(dydt);
  int found;
  if (s->status != SLF_OK) return -1; /* CVODE does not always stop at once */
  found = outcome(s, p->rhs(p->ctx, t, NV_DATA_S(y), out));
  return found == 0 && !finite(out, s->n) ? 1 : found;
}

static int jacobian(realtype t, N_Vector y, N_Vector fy, SUNMatrix matrix, void *data, N_Vector a,
                    N_Vector b, N_Vector c) {
  slf_solver *s = (slf_solver *)data;
  const slf_problem *p = s->problem;
  const slf_sparsity *pattern = p->jacobian_pattern;
  double *values = SM_DATA_D(matrix); /* column by column, as the interface has it */
  int found;
  (void)fy, (void)a, (void)b, (void)c;
  if (s->status != SLF_OK) return -1;
  if (!pattern) {
    found = outcome(s, p->jacobian(p->ctx, t, NV_DATA_S(y), values));
  } else {
    uint64_t j, k;
    found = outcome(s, p->jacobian(p->ctx, t, NV_DATA_S(y), s->sparse));
    memset(values, 0, s->n * s->n * sizeof(double));
    for (j = 0; j < s->n; j++)
      for (k = pattern->col_ptr[j]; k < pattern->col_ptr[j + 1]; k++)
        values[j * s->n + pattern->row_idx[k]] = s->sparse[k];
  }
  return found == 0 && !finite(values, s->n * s->n) ? 1 : found;
}

static int product(N_Vector v, N_Vector jv, realtype t, N_Vector y, N_Vector fy, void *data,
                   N_Vector a) {
  slf_solver *s = (slf_solver *)data;
  const slf_problem *p = s->problem;
  double *out = NV_DATA_S(jv);
  int found;
  (void)fy, (void)a;
  if (s->status != SLF_OK) return -1;
  found = outcome(s, p->jvp(p->ctx, t, NV_DATA_S(y), NV_DATA_S(v), out));
  return found == 0 && !finite(out, s->n) ? 1 : found;
}

/* Keeps the last sentence; CVODE would print it. */
static void complaint(int code, const char *module, const char *function, char *message,
                      void *data) {
  slf_solver *s = (slf_solver *)data;
  (void)module;
  if (code < 0) snprintf(s->message, sizeof s->message, "%s: %s", function, message);
}

/* ---- options ------------------------------------------------------------------------------ */

#define LINEAR \
  "{\"name\":\"linear\",\"type\":\"text\",\"default\":\"dense\",\"choices\":[\"dense\"," \
  "\"gmres\"],\"doc\":\"Linear systems by dense factors, or by GMRES without a matrix, for " \
  "thousands of states.\"}"
static const char BDF_OPTIONS[] =
    "[{\"name\":\"max_order\",\"type\":\"integer\",\"default\":5,\"min\":1,\"max\":5,\"doc\":"
    "\"Highest order; 2 is stable for every decaying oscillation.\"}," LINEAR "]";
static const char ADAMS_OPTIONS[] =
    "[{\"name\":\"max_order\",\"type\":\"integer\",\"default\":12,\"min\":1,\"max\":12,\"doc\":"
    "\"Highest order.\"}]";

static slf_status read_options(const slf_solver_config *config, int adams, int *max_order,
                               int *gmres, slf_error *err) {
  uint64_t i;
  for (i = 0; i < config->n_options; i++) {
    const slf_option *o = &config->options[i];
    if (equal(o->name, "max_order")) {
      if (o->type != SLF_OPTION_I64 || o->i64 < 1 || o->i64 > *max_order)
        return fail(err, SLF_ERR_ARGUMENT,
                    adams ? "`max_order` must be a whole number from 1 to 12"
                          : "`max_order` must be a whole number from 1 to 5");
      *max_order = (int)o->i64;
    } else if (!adams && equal(o->name, "linear")) {
      if (o->type != SLF_OPTION_TEXT || (!equal(o->text, "dense") && !equal(o->text, "gmres")))
        return fail(err, SLF_ERR_ARGUMENT, "`linear` must be \"dense\" or \"gmres\"");
      *gmres = equal(o->text, "gmres");
    } else {
      return fail(err, SLF_ERR_ARGUMENT,
                  adams ? "the only option is `max_order`"
                        : "the only options are `max_order` and `linear`");
    }
  }
  return SLF_OK;
}

/* ---- instances ---------------------------------------------------------------------------- */

static void SLF_CALL destroy(slf_solver *s) {
  if (!s) return;
  if (s->cvode) CVodeFree(&s->cvode);
  if (s->linear) SUNLinSolFree(s->linear);
  if (s->fixed_point) SUNNonlinSolFree(s->fixed_point);
  if (s->matrix) SUNMatDestroy(s->matrix);
  if (s->y) N_VDestroy(s->y);
  if (s->work) N_VDestroy(s->work);
  if (s->weights) N_VDestroy(s->weights);
  if (s->context) SUNContext_Free(&s->context);
  free(s->sparse);
  free(s->begin);
  free(s->taken);
  free(s);
}

/* Everything that SUNDIALS allocates; whether it could. */
static int allocate(slf_solver *s, const slf_solver_config *config, int max_order) {
  const slf_problem *p = s->problem;
  size_t n = s->n;
  if (SUNContext_Create(NULL, &s->context) != 0) return 0;
  s->y = N_VNew_Serial((sunindextype)n, s->context);
  s->work = s->y ? N_VClone(s->y) : NULL;
  s->weights = s->y ? N_VClone(s->y) : NULL;
  s->cvode = CVodeCreate(s->adams ? CV_ADAMS : CV_BDF, s->context);
  if (!s->work || !s->weights || !s->cvode) return 0;
  N_VConst(0, s->y);
  if (CVodeSetErrHandlerFn(s->cvode, complaint, s) != CV_SUCCESS) return 0;
  if (CVodeInit(s->cvode, rhs, 0, s->y) != CV_SUCCESS) return 0;
  if (CVodeSetUserData(s->cvode, s) != CV_SUCCESS) return 0;
  memcpy(NV_DATA_S(s->work), config->atol, n * sizeof(double));
  if (CVodeSVtolerances(s->cvode, config->rtol, s->work) != CV_SUCCESS) return 0;
  if (CVodeSetMaxOrd(s->cvode, max_order) != CV_SUCCESS) return 0;
  if (CVodeSetMaxHnilWarns(s->cvode, -1) != CV_SUCCESS) return 0;
  if (CVodeSetMaxStep(s->cvode, config->h_max) != CV_SUCCESS) return 0;
  if (CVodeSetMinStep(s->cvode, config->h_min) != CV_SUCCESS) return 0;
  if (s->adams) {
    s->fixed_point = SUNNonlinSol_FixedPoint(s->y, 0, s->context);
    return s->fixed_point && CVodeSetNonlinearSolver(s->cvode, s->fixed_point) == CV_SUCCESS;
  }
  if (s->gmres) {
    s->linear = SUNLinSol_SPGMR(s->y, SUN_PREC_NONE, 0, s->context);
    if (!s->linear || CVodeSetLinearSolver(s->cvode, s->linear, NULL) != CV_SUCCESS) return 0;
    return !p->jvp || CVodeSetJacTimes(s->cvode, NULL, product) == CV_SUCCESS;
  }
  s->matrix = SUNDenseMatrix((sunindextype)n, (sunindextype)n, s->context);
  s->linear = s->matrix ? SUNLinSol_Dense(s->y, s->matrix, s->context) : NULL;
  if (!s->linear || CVodeSetLinearSolver(s->cvode, s->linear, s->matrix) != CV_SUCCESS) return 0;
  if (p->jacobian && p->jacobian_pattern) {
    s->sparse = (double *)calloc((size_t)p->jacobian_pattern->nnz + 1, sizeof(double));
    if (!s->sparse) return 0;
  }
  /* Without a Jacobian CVODE makes one of differences. */
  return !p->jacobian || CVodeSetJacFn(s->cvode, jacobian) == CV_SUCCESS;
}

static slf_status SLF_CALL create(slf_str id, const slf_problem *problem,
                                  const slf_solver_config *config, slf_solver **out,
                                  slf_error *err) {
  slf_solver *s;
  size_t n = (size_t)problem->n;
  int adams = equal(id, "adams"), max_order = adams ? HIGHEST_ORDER : 5, gmres = 0;
  slf_status status;
  *out = NULL;
  if (!adams && !equal(id, "bdf"))
    return fail(err, SLF_ERR_ARGUMENT, "there are `bdf` and `adams` here");
  if (problem->dtype != SLF_F64 || problem->mass)
    return fail(err, SLF_ERR_UNSUPPORTED, "CVODE takes no mass matrix");
  if (n == 0) return fail(err, SLF_ERR_UNSUPPORTED, "there are no states to solve for");
  status = read_options(config, adams, &max_order, &gmres, err);
  if (status != SLF_OK) return status;
  s = (slf_solver *)calloc(1, sizeof *s);
  if (!s) return fail(err, SLF_ERR_MEMORY, "out of memory");
  s->problem = problem;
  s->n = n;
  s->adams = adams;
  s->gmres = gmres;
  s->max_order = max_order;
  s->room = 64;
  s->taken = (stretch *)calloc(s->room, sizeof(stretch));
  s->begin = (double *)calloc((3 + HIGHEST_ORDER) * n, sizeof(double));
  if (!s->taken || !s->begin || !allocate(s, config, max_order)) {
    status = s->message[0] ? fail(err, SLF_ERR_ARGUMENT, s->message)
                           : fail(err, SLF_ERR_MEMORY, "out of memory");
    destroy(s);
    return status;
  }
  s->from = s->begin + n;
  s->terms = s->begin + 2 * n;
  s->h_init = config->h_init;
  *out = s;
  return SLF_OK;
}

/* ---- runs --------------------------------------------------------------------------------- */

/* CVODE at (t, y), with nothing remembered. */
static int begin_at(slf_solver *s, double t, const double *y) {
  memcpy(NV_DATA_S(s->y), y, s->n * sizeof(double));
  return CVodeReInit(s->cvode, t, s->y);
}

static slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  (void)err;
  memcpy(s->begin, y, s->n * sizeof(double));
  memcpy(s->terms, y, s->n * sizeof(double));
  s->degree = 0;
  s->t_begin = s->t_prev = s->t = t;
  s->n_taken = 0;
  s->lost = begin_at(s, t, s->begin) != CV_SUCCESS;
  return SLF_OK;
}

static slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  /* CVODE takes its direction from the first limit. */
  (void)t_end;
  return restart(s, t0, y0, err);
}

static int is_short(double from, double to) {
  return fabs(to - from) <= SHORT_INTERVAL * fmax(fabs(from), fabs(to));
}

/* One step of CVODE from `*t`, where it is, towards `limit`; leaves the new state in `y`. */
static int advance(slf_solver *s, double *t, double limit) {
  realtype reached;
  int flag;
  s->status = SLF_OK;
  s->message[0] = 0;
  if (is_short(*t, limit)) {
    double *y = NV_DATA_S(s->y);
    flag = rhs(*t, s->y, s->work, s);
    if (flag != 0) return flag < 0 ? CV_RHSFUNC_FAIL : CV_FIRST_RHSFUNC_ERR;
    N_VLinearSum(1, s->y, limit - *t, s->work, s->y);
    *t = limit;
    /* The polynomial of this step is its chord; CVODE begins again behind it. */
    return finite(y, s->n) ? CVodeReInit(s->cvode, limit, s->y) : CV_CONV_FAILURE;
  }
  flag = CVodeSetInitStep(s->cvode, limit < *t ? -s->h_init : s->h_init);
  if (flag == CV_SUCCESS) flag = CVodeSetStopTime(s->cvode, limit);
  if (flag != CV_SUCCESS) return flag;
  flag = CVode(s->cvode, limit, s->y, &reached, CV_ONE_STEP);
  if (flag < 0) return flag;
  if (reached != limit && fabs(reached - *t) < SHORTEST_STEP * fabs(*t)) return CV_ERR_FAILURE;
  *t = reached;
  return finite(NV_DATA_S(s->y), s->n) ? CV_SUCCESS : CV_CONV_FAILURE;
}

/* Brings CVODE back to `t` by the steps that led there. */
static int find_again(slf_solver *s) {
  double t = s->t_begin;
  size_t i;
  uint64_t k;
  int flag = begin_at(s, t, s->begin);
  for (i = 0; i < s->n_taken && flag == CV_SUCCESS; i++)
    for (k = 0; k < s->taken[i].steps && flag == CV_SUCCESS; k++)
      flag = advance(s, &t, s->taken[i].limit);
  return flag;
}

/* Notes a step towards `limit`; whether there was memory for it. */
static int note(slf_solver *s, double limit) {
  if (s->n_taken == 0 || s->taken[s->n_taken - 1].limit != limit) {
    if (s->n_taken == s->room) {
      stretch *more = (stretch *)realloc(s->taken, 2 * s->room * sizeof(stretch));
      if (!more) return 0;
      s->taken = more;
      s->room *= 2;
    }
    s->taken[s->n_taken].limit = limit;
    s->taken[s->n_taken++].steps = 0;
  }
  s->taken[s->n_taken - 1].steps++;
  return 1;
}

/* The polynomial that CVODE has for the step from `t_prev` to `t`: with x = (time - t) / (t - t_prev)
 * it is the sum of terms[k] x^k. */
static int remember(slf_solver *s, int chord) {
  double h = s->t - s->t_prev, scale = 1;
  size_t i;
  int k, flag;
  memcpy(s->terms, NV_DATA_S(s->y), s->n * sizeof(double));
  s->degree = 1;
  if (chord) {
    for (i = 0; i < s->n; i++) s->terms[s->n + i] = s->terms[i] - s->from[i];
    return CV_SUCCESS;
  }
  flag = CVodeGetLastOrder(s->cvode, &s->degree);
  for (k = 1; k <= s->degree && flag == CV_SUCCESS; k++) {
    const double *derivative = NV_DATA_S(s->work);
    scale *= h / k;
    flag = CVodeGetDky(s->cvode, s->t, k, s->work);
    for (i = 0; i < s->n; i++) s->terms[k * s->n + i] = scale * derivative[i];
  }
  return flag;
}

/* The estimated error of the step in units of the tolerance. */
static double error_norm(slf_solver *s) {
  if (CVodeGetErrWeights(s->cvode, s->weights) != CV_SUCCESS ||
      CVodeGetEstLocalErrors(s->cvode, s->work) != CV_SUCCESS)
    return NAN;
  return fmin(N_VWrmsNorm(s->work, s->weights), 1);
}

static slf_status explain(slf_solver *s, int flag, slf_error *err) {
  if (s->status != SLF_OK) return s->status; /* the application knows why */
  switch (flag) {
    case CV_FIRST_RHSFUNC_ERR:
      return SLF_RECOVERABLE;
    case CV_CONV_FAILURE:
    case CV_REPTD_RHSFUNC_ERR:
    case CV_UNREC_RHSFUNC_ERR:
    case CV_ERR_FAILURE:
    case CV_TOO_CLOSE:
      return fail(err, SLF_ERR_STEP_TOO_SMALL,
                  s->message[0] ? s->message : "the step size became too small");
    case CV_MEM_FAIL:
      return fail(err, SLF_ERR_MEMORY, s->message);
    default:
      return fail(err, SLF_ERR_INTERNAL, s->message[0] ? s->message : "CVODE failed");
  }
}

static slf_status SLF_CALL step(slf_solver *s, double t_limit, slf_step *out, slf_error *err) {
  double t = s->t, h = 0;
  long failures = 0, before = 0, unsolved = 0, before_unsolved = 0;
  int chord = is_short(t, t_limit), flag = CV_SUCCESS;
  if (!isfinite(t_limit) || t_limit == t)
    return fail(err, SLF_ERR_ARGUMENT, "the limit is not ahead");
  if (s->lost) flag = find_again(s);
  s->lost = 1; /* until the step has been taken */
  if (flag != CV_SUCCESS) return explain(s, flag, err);
  CVodeGetNumErrTestFails(s->cvode, &before);
  CVodeGetNumStepSolveFails(s->cvode, &before_unsolved);
  flag = advance(s, &t, t_limit);
  if (flag == CV_SUCCESS && !note(s, t_limit))
    return fail(err, SLF_ERR_MEMORY, "out of memory");
  if (flag != CV_SUCCESS) {
    out->h_next = CVodeGetCurrentStep(s->cvode, &h) == CV_SUCCESS ? fabs(h) : 0;
    return explain(s, flag, err);
  }
  /* From here on nothing can fail. */
  memcpy(s->from, s->terms, s->n * sizeof(double)); /* the end of the step before */
  s->t_prev = s->t;
  s->t = t;
  s->lost = 0;
  if (remember(s, chord) != CV_SUCCESS) remember(s, 1);
  CVodeGetNumErrTestFails(s->cvode, &failures);
  CVodeGetNumStepSolveFails(s->cvode, &unsolved);
  CVodeGetCurrentStep(s->cvode, &h);
  out->flags = t == t_limit ? SLF_STEP_AT_LIMIT : 0;
  out->t_prev = s->t_prev;
  out->t = t;
  out->h_next = !chord && fabs(h) > 0 ? fabs(h) : fabs(t - s->t_prev);
  out->error_norm = chord ? 0 : error_norm(s);
  out->y = s->terms;
  out->n_rejected = chord ? 0 : (uint64_t)(failures - before + unsolved - before_unsolved);
  return SLF_OK;
}

static slf_status SLF_CALL interpolate(slf_solver *s, double t, uint32_t derivative, void *out,
                                       slf_error *err) {
  double h = s->t - s->t_prev, x;
  double *value = (double *)out;
  size_t i;
  int k;
  if (h == 0 || !(t >= fmin(s->t_prev, s->t) && t <= fmax(s->t_prev, s->t)))
    return fail(err, SLF_ERR_ARGUMENT, "the time is not inside the last step");
  if (derivative > 1)
    return fail(err, SLF_ERR_UNSUPPORTED, "only values and slopes are interpolated");
  x = (t - s->t) / h;
  for (i = 0; i < s->n; i++) {
    const double *term = s->terms + i;
    double sum = 0;
    if (derivative == 1) {
      for (k = s->degree; k >= 1; k--) sum = sum * x + k * term[k * s->n];
      value[i] = sum / h;
    } else {
      for (k = s->degree; k >= 0; k--) sum = sum * x + term[k * s->n];
      value[i] = sum;
    }
  }
  return SLF_OK;
}

/* The same polynomial in powers of s = 1 + x, which the application then evaluates without a call. */
static slf_status SLF_CALL max_degree(slf_solver *s, uint32_t *degree, slf_error *err) {
  (void)err;
  *degree = (uint32_t)s->max_order;
  return SLF_OK;
}

static slf_status SLF_CALL segment(slf_solver *s, slf_segment *out, slf_error *err) {
  size_t n = s->n, i;
  double *c = out->coefficients;
  int j, k, degree = s->degree;
  if (s->t == s->t_prev) return fail(err, SLF_ERR_ARGUMENT, "no step has been taken");
  if (out->degree < (uint32_t)s->max_order)
    return fail(err, SLF_ERR_ARGUMENT, "there is no room for the polynomials");
  out->basis = SLF_BASIS_POWERS;
  out->degree = (uint32_t)degree;
  memcpy(c, s->terms, (size_t)(degree + 1) * n * sizeof(double));
  /* Horner's rule for the powers of s - 1, degree by degree. */
  for (j = 0; j < degree; j++)
    for (k = degree - 1; k >= j; k--)
      for (i = 0; i < n; i++) c[(size_t)k * n + i] -= c[(size_t)(k + 1) * n + i];
  return SLF_OK;
}

/* ---- the plugin --------------------------------------------------------------------------- */

static slf_solver_info INFO[2];
static uint32_t SLF_CALL count(void) { return 2; }
static const slf_solver_info *SLF_CALL info(uint32_t i) { return i < 2 ? &INFO[i] : NULL; }

static slf_dense_segment SEGMENTS;

static const void *SLF_CALL extension(slf_str id) {
  return equal(id, "slopefield.solver.dense-segment/1") ? &SEGMENTS : NULL;
}

static slf_solver_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  return equal(id, "slopefield.solver-factory/1") ? &FACTORY : NULL;
}

static void SLF_CALL shut(void) {}

static slf_plugin ROOT;

/* The order is what the errors fall with at usual tolerances; it changes from step to step. */
static void describe(slf_solver_info *i, const char *id, const char *name, double order,
                     uint32_t caps, const char *options) {
  i->struct_size = sizeof *i;
  i->caps = SLF_CAP_F64 | SLF_CAP_ADAPTIVE | SLF_CAP_BACKWARD | SLF_CAP_BITWISE_DETERMINISTIC |
            SLF_CAP_DENSE_SEGMENT | caps;
  i->id = text(id);
  i->name = text(name);
  i->reference = text("10.1145/1089014.1089020");
  i->order = order;
  i->dense_order = order - 1;
  i->options_json = text(options);
}

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  if (!host || !SLF_HAS(slf_host, host, log)) {
    fail(err, SLF_ERR_UNSUPPORTED, "the application is too old");
    return NULL;
  }
  describe(&INFO[0], "bdf", "CVODE, BDF", 4, SLF_CAP_IMPLICIT, BDF_OPTIONS);
  describe(&INFO[1], "adams", "CVODE, Adams", 5, 0, ADAMS_OPTIONS);
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
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.slopefield.cvode");
  ROOT.version = text("0.1.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
