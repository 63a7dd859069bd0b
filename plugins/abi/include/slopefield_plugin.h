/* slopefield_plugin.h - Slopefield native plugin interface, version 1.0.
 *
 * Valid C99 and C++11. 64-bit little-endian targets only. All text is UTF-8, given as pointer
 * and length, and never needs a terminating NUL.
 *
 * Thread tags:
 *   [any]   may be called from any thread, also concurrently
 *   [inst]  one thread at a time per instance; may move between threads between calls
 *   [call]  only from inside the plugin call that makes it valid, on the thread of that call
 *
 * Rules that hold everywhere:
 * - Nothing may unwind or longjmp across this interface, in either direction.
 * - Whoever allocates frees. Borrowed pointers have a stated end.
 * - Every table and every struct that may grow begins with its size as known to the side that
 *   filled it. A reader looks at a field only when that size covers it (SLF_HAS). Fields are only
 *   ever added at the end, and zero in a new field means the old behaviour. The others (slf_str,
 *   and slf_option and slf_attr, which come in arrays) never change. No implicit padding.
 * - A plugin restores the floating-point mode if it changes it, and leaves signal handlers,
 *   locale, working directory, environment and standard output alone.
 */
#ifndef SLOPEFIELD_PLUGIN_H
#define SLOPEFIELD_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define SLF_CALL __cdecl
#define SLF_EXPORT __declspec(dllexport)
#else
#define SLF_CALL
#define SLF_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The major version is part of the entry symbol's name. */
#define SLF_ABI_MAJOR 1u
#define SLF_ABI_MINOR 0u

/* True when the side that filled *p knew about `field`. */
#define SLF_HAS(T, p, field) \
  ((p)->struct_size >= offsetof(T, field) + sizeof(((T *)0)->field))

typedef struct slf_str {
  const char *ptr; /* may be NULL when len is 0 */
  uint64_t len;
} slf_str;

/* ---- status and errors -------------------------------------------------------------------- */

typedef int32_t slf_status; /* never a C enum: unknown values must be legal */
#define SLF_OK 0
#define SLF_RECOVERABLE 1        /* "not here": retry with a smaller step */
#define SLF_ERR_ARGUMENT (-1)
#define SLF_ERR_UNSUPPORTED (-2)
#define SLF_ERR_MEMORY (-3)
#define SLF_ERR_CANCELLED (-4)   /* the host asked; not a failure */
#define SLF_ERR_STEP_TOO_SMALL (-5)
#define SLF_ERR_DIVERGED (-6)    /* a nonlinear or linear solve gave up */
#define SLF_ERR_NON_FINITE (-7)
#define SLF_ERR_HOST (-8)        /* a host callback failed for good */
#define SLF_ERR_PANIC (-9)       /* plugin bug caught at the border; the instance is dead */
#define SLF_ERR_INTERNAL (-10)

/* Allocated by the caller, so that an error needs no allocator, no free and no thread-local. */
typedef struct slf_error {
  uint32_t struct_size; /* set by the caller */
  int32_t code;         /* plugin-specific detail, 0 if none */
  uint32_t message_len; /* bytes used in message, no NUL; 0 if none */
  uint32_t reserved;
  char message[1008];   /* never written beyond struct_size */
} slf_error;

/* ---- the two roots ------------------------------------------------------------------------ */

#define SLF_LOG_ERROR 1
#define SLF_LOG_WARN 2
#define SLF_LOG_INFO 3
#define SLF_LOG_DEBUG 4

/* Valid for the life of the process. No member is NULL. */
typedef struct slf_host {
  uint32_t struct_size;
  uint32_t abi_minor;
  void *ctx;
  slf_str name;
  slf_str version;
  const void *(SLF_CALL *get_extension)(void *ctx, slf_str id);   /* [any] NULL: not offered */
  void(SLF_CALL *log)(void *ctx, int32_t level, slf_str message); /* [any] */
} slf_host;

/* Valid for the life of the process. No member is NULL. */
typedef struct slf_plugin {
  uint32_t struct_size;
  uint32_t abi_minor;
  slf_str id;      /* "org.example.rodas"; equals the manifest's id */
  slf_str version; /* equals the manifest's version */
  const void *(SLF_CALL *get_factory)(slf_str factory_id);        /* [any] NULL: not offered */
  void(SLF_CALL *shutdown)(void); /* once, after all destroys; a host may never call it */
} slf_plugin;

/* The only exported symbol. Fast (under 100 ms), no files, no threads, no windows; may be called
 * more than once. Returns NULL and fills *err when the plugin cannot run under this host. */
SLF_EXPORT const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err);
typedef const slf_plugin *(SLF_CALL *slf_entry_fn)(const slf_host *, slf_error *);

/* ---- options ------------------------------------------------------------------------------ */

#define SLF_OPTION_I64 1u
#define SLF_OPTION_F64 2u
#define SLF_OPTION_BOOL 3u /* 0 or 1 in i64 */
#define SLF_OPTION_TEXT 4u
#define SLF_OPTION_LIST 5u /* list of f64 */

/* One value a user wrote. Valid during the call that received it. A whole number that a user
 * wrote arrives as SLF_OPTION_I64, also where the plugin expects a real number; f64 holds it too. */
typedef struct slf_option {
  slf_str name;
  uint32_t type;
  uint32_t reserved;
  int64_t i64;
  double f64;
  slf_str text;
  const double *list;
  uint64_t list_len;
} slf_option;

/* Options are described by a JSON array, one object per option:
 *   {"name": "grid", "type": "integer" | "number" | "flag" | "text" | "list",
 *    "default": ..., "min": ..., "max": ..., "choices": [...], "doc": "..."}
 * min, max (of the value, or of every element of a list) and choices may be left out. */

/* ---- solver plugins: factory "slopefield.solver-factory/1" -------------------------------- */

#define SLF_F64 2u /* 1 is kept for 32-bit floats */

#define SLF_CAP_ADAPTIVE (1u << 0)
#define SLF_CAP_IMPLICIT (1u << 1)
#define SLF_CAP_MASS_MATRIX (1u << 2)
#define SLF_CAP_SINGULAR_MASS (1u << 3) /* index-1 DAE */
#define SLF_CAP_BACKWARD (1u << 4)      /* t_end < t0 */
#define SLF_CAP_F32 (1u << 5)
#define SLF_CAP_F64 (1u << 6)
#define SLF_CAP_BITWISE_DETERMINISTIC (1u << 7)
#define SLF_CAP_STEP_VJP (1u << 8)      /* reverses its own steps: slf_step_vjp */
#define SLF_CAP_NOISE (1u << 9)         /* slf_noise_problem */
#define SLF_CAP_DELAYS (1u << 10)       /* slf_delay_problem */
#define SLF_CAP_DENSE_SEGMENT (1u << 11) /* slf_dense_segment */
#define SLF_CAP_STEP_REDO (1u << 12)    /* takes its steps again: slf_step_redo */
#define SLF_CAP_STATE_DELAYS (1u << 13) /* delays that depend on t and y: slf_state_delay_problem */

/* Compressed sparse column pattern; values follow the same order. */
typedef struct slf_sparsity {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t nnz;
  const uint64_t *col_ptr; /* n + 1 entries */
  const uint64_t *row_idx; /* nnz entries   */
} slf_sparsity;

/* y' = f(t, y). Valid from create to destroy.
 *
 * Vectors have n contiguous elements of `dtype`, aligned to 8 bytes; the arguments of one call do
 * not overlap. Time is always double. The callbacks are [call] and may be used inside start, step,
 * restart, slf_step_vjp.reverse and slf_step_redo.redo only: never in create, interpolate or destroy. They return SLF_OK,
 * SLF_RECOVERABLE (f is not defined here: try a smaller step) or an error that the solver must
 * pass on at once. rhs, poll and get_extension are never NULL; the others may be. */
typedef struct slf_problem {
  uint32_t struct_size;
  uint32_t dtype;
  uint64_t n;
  void *ctx;
  slf_status(SLF_CALL *rhs)(void *ctx, double t, const void *y, void *dydt);
  /* df_i/dy_j. Dense: column-major, n * n values. */
  slf_status(SLF_CALL *jacobian)(void *ctx, double t, const void *y, void *values);
  slf_status(SLF_CALL *jvp)(void *ctx, double t, const void *y, const void *v, void *jv);
  slf_status(SLF_CALL *vjp)(void *ctx, double t, const void *y, const void *w, void *wj);
  slf_status(SLF_CALL *dfdt)(void *ctx, double t, const void *y, void *dfdt);
  slf_status(SLF_CALL *mass)(void *ctx, double t, void *values); /* NULL: identity */
  const slf_sparsity *jacobian_pattern;                          /* NULL: dense */
  const slf_sparsity *mass_pattern;                              /* NULL: dense */
  /* Cheap. Call it at least once per 1000 iterations that call nothing else. */
  slf_status(SLF_CALL *poll)(void *ctx);
  const void *(SLF_CALL *get_extension)(void *ctx, slf_str id);
} slf_problem;

/* Valid during create. */
typedef struct slf_solver_config {
  uint32_t struct_size;
  uint32_t reserved;
  double rtol;
  const double *atol; /* n entries */
  double h_init;      /* 0: choose */
  double h_min;       /* 0: limited by rounding only */
  double h_max;       /* 0: unlimited */
  const slf_option *options;
  uint64_t n_options;
} slf_solver_config;

#define SLF_STEP_AT_LIMIT (1u << 0) /* t == t_limit exactly */

/* One accepted step. (t - t_prev) has the sign of t_limit - t_prev and is not zero. */
typedef struct slf_step {
  uint32_t struct_size; /* set by the caller */
  uint32_t flags;
  double t_prev;
  double t;
  double h_next;       /* magnitude; on SLF_ERR_STEP_TOO_SMALL the last step tried, 0 if unknown */
  double error_norm;   /* <= 1 when accepted; NaN if the method does not estimate it */
  const void *y;       /* borrowed: valid until the next call on this instance */
  uint64_t n_rejected; /* attempts rejected inside this call */
} slf_step;

typedef struct slf_solver slf_solver; /* opaque, owned by the plugin */

/* Valid for the life of the process. */
typedef struct slf_solver_info {
  uint32_t struct_size;
  uint32_t caps;
  slf_str id;         /* "dop853": [a-z0-9-]+ */
  slf_str name;
  slf_str reference;  /* DOI or a citation; may be empty */
  double order;
  double dense_order; /* 0: the host builds a cubic Hermite itself and never calls interpolate */
  slf_str options_json;
} slf_solver_info;

/* Valid for the life of the process. interpolate may be NULL if no solver has dense output;
 * no other member may. */
typedef struct slf_solver_factory {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t(SLF_CALL *count)(void);                                        /* [any] */
  const slf_solver_info *(SLF_CALL *info)(uint32_t index);                /* [any] */
  slf_status(SLF_CALL *create)(slf_str solver_id, const slf_problem *problem,
                               const slf_solver_config *config, slf_solver **out,
                               slf_error *err);                           /* [any] */
  /* May be called again on the same instance to run with new initial values. */
  slf_status(SLF_CALL *start)(slf_solver *s, double t0, double t_end, const void *y0,
                              slf_error *err);                            /* [inst] */
  /* Advance by one accepted step, never past t_limit, and never call back with a time past it.
   * On failure other than SLF_ERR_PANIC the instance is as it was before the call. The new state
   * has been tested for non-finite values. */
  slf_status(SLF_CALL *step)(slf_solver *s, double t_limit, slf_step *out,
                             slf_error *err);                             /* [inst] */
  /* t in [t_prev, t] of the last step. derivative 0 or 1. */
  slf_status(SLF_CALL *interpolate)(slf_solver *s, double t, uint32_t derivative, void *out,
                                    slf_error *err);                      /* [inst] */
  /* The state jumped (event, dose, parameter change): drop history, keep settings. */
  slf_status(SLF_CALL *restart)(slf_solver *s, double t, const void *y,
                                slf_error *err);                          /* [inst] */
  void(SLF_CALL *destroy)(slf_solver *s);                                 /* [inst] */
  const void *(SLF_CALL *get_extension)(slf_str id);                      /* [any] */
} slf_solver_factory;

/* ---- more of a problem: its extensions ----------------------------------------------------- */

/* A solver says with its capabilities which problems it takes beyond y' = f(t, y), and is given no
 * others. What it needs of them it asks the problem for by id, problem.get_extension, from create
 * on. NULL: this problem has no such part, or the host is older than the extension; a solver that
 * cannot do without fails in create with SLF_ERR_UNSUPPORTED. A table is valid until destroy. Its
 * functions are [call], have the rules of those of the problem and follow the plugin's direction of
 * time. */

#define SLF_MASS_SINGULAR (1u << 0) /* there are algebraic equations */

/* "slopefield.problem.implicit/1", of every problem: the matrices of M y' = f(t, y), and the host's
 * solution of linear systems with W = c M - df/dy. M does not depend on t and y. Problems with a
 * mass matrix are given to solvers with SLF_CAP_MASS_MATRIX, singular ones to those with
 * SLF_CAP_SINGULAR_MASS; initial values then satisfy the algebraic equations. */
typedef struct slf_implicit_problem {
  uint32_t struct_size;
  uint32_t flags;
  void *ctx;
  const slf_sparsity *jacobian_pattern; /* NULL: dense, n * n values by columns */
  const slf_sparsity *mass_pattern;     /* NULL: M is the identity */
  slf_status(SLF_CALL *jacobian)(void *ctx, double t, const void *y, void *values);
  slf_status(SLF_CALL *mass)(void *ctx, void *values); /* NULL: M is the identity */
  slf_status(SLF_CALL *mass_product)(void *ctx, const void *x, void *mx);
  /* Evaluates df/dy and keeps it, on the host's side, for any number of factorisations. */
  slf_status(SLF_CALL *linearise)(void *ctx, double t, const void *y);
  /* Factors W with the Jacobian kept. SLF_RECOVERABLE: it is singular; another c may do. */
  slf_status(SLF_CALL *factor)(void *ctx, double c);
  slf_status(SLF_CALL *solve)(void *ctx, const void *b, void *x);            /* W x = b */
  slf_status(SLF_CALL *solve_transposed)(void *ctx, const void *b, void *x); /* W' x = b */
} slf_implicit_problem;

#define SLF_SPLIT_LINEAR (1u << 0) /* the stiff part is a constant matrix times y */

/* "slopefield.problem.split/1", of problems whose model divides f: f = stiff + rest. For methods
 * that treat the parts differently; every solver may still call rhs, which is both. */
typedef struct slf_split_problem {
  uint32_t struct_size;
  uint32_t flags;
  void *ctx;
  slf_status(SLF_CALL *stiff)(void *ctx, double t, const void *y, void *out);
  slf_status(SLF_CALL *rest)(void *ctx, double t, const void *y, void *out);
  /* Evaluates d stiff/dy and keeps it: factor and solve of slf_implicit_problem are of it, until
   * one of the functions there evaluates the Jacobian of all of f. */
  slf_status(SLF_CALL *linearise)(void *ctx, double t, const void *y);
} slf_split_problem;

#define SLF_NOISE_ADDITIVE 1u    /* g does not depend on y */
#define SLF_NOISE_DIAGONAL 2u    /* source i acts on state i alone, and g_i depends on no other */
#define SLF_NOISE_COMMUTATIVE 3u /* no iterated integrals are needed for strong order 1 */
#define SLF_NOISE_GENERAL 4u

#define SLF_CALCULUS_ITO 1u
#define SLF_CALCULUS_STRATONOVICH 2u

/* "slopefield.problem.noise/1", of problems with noise, which are given to solvers with
 * SLF_CAP_NOISE and run forwards only: dy = f dt + sum_j g_j dW_j. The host has the random numbers;
 * a plugin draws none. All increments are of one Brownian motion that seed and path determine, so a
 * rejected step, tried again with another length, sees the same. The host interpolates. */
typedef struct slf_noise_problem {
  uint32_t struct_size;
  uint32_t kind;
  uint32_t calculus;
  uint32_t reserved;
  uint64_t sources; /* m; n when the noise is diagonal */
  void *ctx;
  /* n values when the noise is diagonal, else n * m, those of source j from j * n on. */
  slf_status(SLF_CALL *coefficients)(void *ctx, double t, const void *y, void *g);
  /* Their derivatives by y along v, in the same order. */
  slf_status(SLF_CALL *coefficients_jvp)(void *ctx, double t, const void *y, const void *v,
                                         void *gv);
  /* Of each source, over from < to within the step: w = W(to) - W(from) and, unless h is NULL, the
   * mean distance from the chord, independent of w: the integral of W - W(from) is
   * (to - from) * (h + w / 2). */
  slf_status(SLF_CALL *increments)(void *ctx, double from, double to, void *w, void *h);
} slf_noise_problem;

/* "slopefield.problem.delays/1", of problems with delays of constant length, which are given to
 * solvers with SLF_CAP_DELAYS and run forwards only. rhs and its derivatives have the delayed values
 * filled in, t_limit is never farther than the shortest lag, and steps end where delays carry a
 * discontinuity on, after which restart is called: most methods need no more. */
typedef struct slf_delay_problem {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t n_lags;
  const double *lags; /* those of a run from its start on; NaN for those that depend on t and y */
  void *ctx;
  /* The state (derivative 0) or its slope (1) at t, not after the beginning of the step; where the
   * solution jumps, as it may where it meets its history, the value before the jump.
   * SLF_RECOVERABLE: it lies ahead, or so far back that it is not kept. */
  slf_status(SLF_CALL *history)(void *ctx, double t, uint32_t derivative, void *y);
} slf_delay_problem;

/* "slopefield.problem.state-delays/1", of problems with delays of which some depend on time or state,
 * which are given to solvers with SLF_CAP_STATE_DELAYS beside SLF_CAP_DELAYS. Besides what holds for
 * constant ones: the callbacks return SLF_RECOVERABLE where a delayed value lies within the step, and
 * restart may take a solver back to the beginning of its last step, to step with a nearer limit, when
 * a delayed time turns out to have passed a discontinuity. Methods need not ask for this table. */
typedef struct slf_state_delay_problem {
  uint32_t struct_size;
  uint32_t reserved;
  void *ctx;
  /* The lengths of all lags at (t, y), n_lags of them. */
  slf_status(SLF_CALL *lengths)(void *ctx, double t, const void *y, void *lengths);
} slf_state_delay_problem;

/* ---- more of a solver: extensions of the factory -------------------------------------------- */

/* A step to reverse. Valid during the call. */
typedef struct slf_reversal {
  uint32_t struct_size;
  uint32_t reserved;
  double t_prev;
  double t;
  const void *y_prev;         /* the state that the step began with */
  const void *y;              /* the state that it ended with */
  const double *record;       /* what slf_step_vjp.record wrote after it */
  uint64_t n_inside;          /* times within it at which the host called interpolate, */
  const double *inside;       /* these times, */
  const void *inside_weights; /* and the weights of the values there, n for each */
  void *weights;              /* in: of y, n values. Out: of y_prev */
  void *ctx;
  /* Adds w' df/dy at (t, y) to sum, and on the host's side w' df/dp to the gradient. [call] */
  slf_status(SLF_CALL *pull_back)(void *ctx, double t, const void *y, const void *w, void *sum);
} slf_reversal;

/* "slopefield.solver.step-vjp/1", for solvers with SLF_CAP_STEP_VJP: exact gradients through the
 * steps that the host's loop has taken. A step must depend on nothing but (t_prev, y_prev, t) and
 * the parameters, which only the host knows; times count as constants. So an evaluation that one
 * step hands to the next is a function of the state between them. After each step the host asks for
 * the numbers that its reverse needs besides the two states; when the run is over it has the steps
 * reversed on the same instance, the last one first. In reverse the functions of the problem may be
 * used like in step. No member is NULL. */
typedef struct slf_step_vjp {
  uint32_t struct_size;
  uint32_t reserved;
  slf_status(SLF_CALL *record_len)(slf_solver *s, uint64_t *len, slf_error *err);       /* [inst] */
  slf_status(SLF_CALL *record)(slf_solver *s, double *out, slf_error *err);             /* [inst] */
  slf_status(SLF_CALL *reverse)(slf_solver *s, const slf_reversal *r, slf_error *err);  /* [inst] */
} slf_step_vjp;

/* "slopefield.solver.step-redo/1", for solvers with SLF_CAP_STEP_REDO beside SLF_CAP_STEP_VJP: the host
 * need not keep every state and record when there are more than memory allows. When the run is over it
 * has steps taken again, from states that it kept, and asks for their records, before it has them
 * reversed. No member is NULL. */
typedef struct slf_step_redo {
  uint32_t struct_size;
  uint32_t reserved;
  /* The step from (t_prev, y_prev) to t once more, which was taken in this run, without looking at its
   * error. Writes its end to y, with the same bits, and leaves the instance so that record writes what
   * it wrote after the step. The functions of the problem may be used like in step. */
  slf_status(SLF_CALL *redo)(slf_solver *s, double t_prev, const void *y_prev, double t, void *y,
                             slf_error *err);                                           /* [inst] */
} slf_step_redo;

#define SLF_BASIS_POWERS 1u    /* number k is s to the power k */
#define SLF_BASIS_CHEBYSHEV 2u /* number k is T_k(2 s - 1), of the first kind */

/* Polynomials of the last step, one for each state, in s = (time - t_prev) / (t - t_prev), which runs
 * from 0 to 1. Valid during the call. */
typedef struct slf_segment {
  uint32_t struct_size; /* set by the host */
  uint32_t basis;       /* out: an SLF_BASIS_ constant */
  uint32_t degree;      /* in: max_degree of the instance. Out: that of this step, at most as high */
  uint32_t reserved;
  double *coefficients; /* rows of n, row k for number k of the basis; there are degree + 1 */
} slf_segment;

/* "slopefield.solver.dense-segment/1", for solvers with SLF_CAP_DENSE_SEGMENT and a dense_order: the
 * host asks once for a step, when it wants the solution within it, and evaluates the polynomials by
 * itself as often as it likes. They are the function that interpolate evaluates, which is called by
 * hosts that do not know this table. Nothing of the problem may be called. No member is NULL. */
typedef struct slf_dense_segment {
  uint32_t struct_size;
  uint32_t reserved;
  /* The highest degree that a step may have, at most 32; constant from start on. */
  slf_status(SLF_CALL *max_degree)(slf_solver *s, uint32_t *degree, slf_error *err);    /* [inst] */
  slf_status(SLF_CALL *segment)(slf_solver *s, slf_segment *out, slf_error *err);       /* [inst] */
} slf_dense_segment;

/* ---- network plugins: factory "slopefield.network-factory/1" ------------------------------ */

typedef uint32_t slf_node; /* handle in the host's graph; 0 is never valid */

#define SLF_ATTR_I64 1u /* the only kind in op set 1 */
#define SLF_ATTR_F64 2u
#define SLF_ATTR_TEXT 3u

typedef struct slf_attr {
  slf_str name;
  uint32_t type;
  uint32_t reserved;
  const int64_t *i64;
  const double *f64;
  slf_str text;
  uint64_t len; /* elements of i64 or f64 */
} slf_attr;

#define SLF_INIT_ZEROS 0u
#define SLF_INIT_CONSTANT 1u        /* a */
#define SLF_INIT_NORMAL 2u          /* mean a, standard deviation b */
#define SLF_INIT_UNIFORM 3u         /* from a to b */
#define SLF_INIT_XAVIER_UNIFORM 4u  /* gain a */
#define SLF_INIT_KAIMING_NORMAL 5u  /* gain a */
#define SLF_INIT_ORTHOGONAL 6u      /* gain a */

typedef struct slf_init {
  uint32_t struct_size;
  uint32_t kind;
  double a;
  double b;
} slf_init;

/* Records a network. Every call checks its arguments and names the offending op in *err. A tensor
 * is a vector [n] or a row-major matrix [rows, cols]; the host does the batching. Everything is
 * [call], valid during build only. No member is NULL. Op set 1 is listed in
 * docs/reference/network-ops.md. */
typedef struct slf_graph_builder {
  uint32_t struct_size;
  uint32_t opset;   /* version of the op list the host implements */
  uint32_t inputs;  /* length of the input vector the model uses */
  uint32_t outputs; /* length of the output vector the model wants */
  void *ctx;
  /* The input vector, of shape [inputs]. Calling it again gives the same node. */
  slf_status(SLF_CALL *input)(void *ctx, slf_str name, slf_node *out, slf_error *err);
  slf_status(SLF_CALL *param)(void *ctx, slf_str name, const int64_t *dims, uint32_t rank,
                              const slf_init *init, slf_node *out, slf_error *err);
  slf_status(SLF_CALL *constant)(void *ctx, const int64_t *dims, uint32_t rank,
                                 const double *values, slf_node *out, slf_error *err);
  slf_status(SLF_CALL *op)(void *ctx, slf_str op, const slf_node *ins, uint32_t n_ins,
                           const slf_attr *attrs, uint32_t n_attrs, slf_node *outs,
                           uint32_t n_outs, slf_error *err);
  slf_status(SLF_CALL *shape)(void *ctx, slf_node node, int64_t *dims, uint32_t *rank,
                              slf_error *err); /* in: capacity of dims, out: rank */
  /* The output vector, of shape [outputs]. Exactly once. */
  slf_status(SLF_CALL *output)(void *ctx, slf_str name, slf_node node, slf_error *err);
  /* Parameters named between push and pop are called "scope.name". */
  slf_status(SLF_CALL *push_scope)(void *ctx, slf_str name, slf_error *err);
  slf_status(SLF_CALL *pop_scope)(void *ctx, slf_error *err);
  slf_status(SLF_CALL *op_supported)(void *ctx, slf_str op, uint32_t *yes, slf_error *err);
} slf_graph_builder;

/* Valid for the life of the process. */
typedef struct slf_network_info {
  uint32_t struct_size;
  uint32_t min_opset;
  slf_str id; /* [a-z0-9-]+ */
  slf_str name;
  slf_str reference; /* DOI or a citation; may be empty */
  slf_str options_json;
} slf_network_info;

/* Valid for the life of the process. No member is NULL. */
typedef struct slf_network_factory {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t(SLF_CALL *count)(void);                          /* [any] */
  const slf_network_info *(SLF_CALL *info)(uint32_t index); /* [any] */
  /* Pure: the same id, options, inputs and outputs give the same graph, byte for byte. */
  slf_status(SLF_CALL *build)(slf_str network_id, const slf_option *options, uint64_t n_options,
                              const slf_graph_builder *builder, slf_error *err); /* [any] */
  const void *(SLF_CALL *get_extension)(slf_str id);        /* [any] */
} slf_network_factory;

/* ---- operators in native code: extension of the network factory ---------------------------- */

/* Valid for the life of the process. */
typedef struct slf_custom_info {
  uint32_t struct_size;
  uint32_t reserved;
  slf_str id; /* [a-z0-9-]+ */
} slf_custom_info;

/* Sizes that an operator is used with; valid during the call. */
typedef struct slf_custom_shape {
  uint32_t struct_size;
  uint32_t n_operands;
  const uint64_t *lengths; /* elements of each operand, one after the other in x */
  uint64_t n_in;           /* their sum */
  uint64_t n_out;          /* elements of the result */
} slf_custom_shape;

/* "slopefield.network.custom-op/1", what slf_network_factory.get_extension returns for it: functions of
 * the plugin's own that its networks use like operations. build records one by
 * slf_graph_builder.op with the name "custom:" and its id, one attribute "len" (the elements of
 * the result, at most 256) and one operand or more.
 *
 * forward and reverse are called very often, on the processor only. They give the same bits for the same
 * numbers, whatever was computed before; they write the whole result and nothing else; they neither
 * allocate nor wait. What has no value is NaN; a status other than SLF_OK makes the whole result
 * NaN. Before an operator is used the host compares reverse with differences of forward at random
 * points, and refuses the network when it is wrong. No member is NULL. */
typedef struct slf_custom_ops {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t(SLF_CALL *count)(void);                         /* [any] */
  const slf_custom_info *(SLF_CALL *info)(uint32_t index); /* [any] */
  /* Whether the operator takes these sizes; if not, why. */
  slf_status(SLF_CALL *check)(uint32_t index, const slf_custom_shape *shape,
                              slf_error *err);             /* [any] */
  /* y = f(x) */
  slf_status(SLF_CALL *forward)(uint32_t index, const slf_custom_shape *shape, const double *x,
                                double *y);                /* [any] */
  /* grad[j] = sum over i of w[i] * (derivative of f[i] by x[j]) */
  slf_status(SLF_CALL *reverse)(uint32_t index, const slf_custom_shape *shape, const double *x,
                                const double *w, double *grad); /* [any] */
} slf_custom_ops;

#ifdef __cplusplus
}
#endif
#endif /* SLOPEFIELD_PLUGIN_H */
