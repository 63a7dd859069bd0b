/* Networks y = W f(V x) with operators f that break one rule each, for the tests of the host. "cube" breaks
 * none; "pair" takes two operands; "fails" reports that it has no value for negative numbers.
 */
#include "slopefield_plugin.h"

#include <math.h>
#include <string.h>

static const char *const IDS[] = {"cube",   "pair",  "fails", "wrong", "moody",
                                  "beside", "reads", "rough", "other", "long"};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))
enum { CUBE, PAIR, FAILS, WRONG, MOODY, BESIDE, READS, ROUGH, OTHER, LONG };

static slf_str text(const char *s) {
  slf_str r;
  r.ptr = s;
  r.len = strlen(s);
  return r;
}

static slf_status fail(slf_error *err, slf_status status, const char *message) {
  size_t len = strlen(message);
  memcpy(err->message, message, len);
  err->message_len = (uint32_t)len;
  return status;
}

static slf_custom_info OPERATOR[COUNT];
static uint32_t SLF_CALL count(void) { return COUNT; }
static const slf_custom_info *SLF_CALL operator_info(uint32_t i) {
  return i < COUNT ? &OPERATOR[i] : NULL;
}

static slf_status SLF_CALL check(uint32_t i, const slf_custom_shape *s, slf_error *err) {
  uint64_t wanted = i == PAIR ? 2 : 1;
  if (s->n_operands != wanted || s->n_in != wanted * s->n_out)
    return fail(err, SLF_ERR_ARGUMENT, "it takes vectors of the length of its result");
  return SLF_OK;
}

static uint64_t MOOD;

static slf_status SLF_CALL forward(uint32_t op, const slf_custom_shape *s, const double *x,
                                   double *y) {
  uint64_t i;
  for (i = 0; i < s->n_out; i++) {
    y[i] = x[i] * x[i] * x[i];
    if (op == PAIR) y[i] = x[i] * sin(x[s->n_out + i]);
    if (op == FAILS && x[i] < 0) return SLF_ERR_NON_FINITE;
    if (op == MOODY) y[i] += 1e-9 * (double)(MOOD++ % 7);
    if (op == ROUGH) y[i] = floor(1e4 * x[i]) / 1e4;
  }
  if (op == BESIDE) y[s->n_out] = 1;
  if (op == READS) ((double *)(uintptr_t)x)[0] = 0;
  return SLF_OK;
}

static slf_status SLF_CALL reverse(uint32_t op, const slf_custom_shape *s, const double *x,
                                   const double *w, double *grad) {
  uint64_t i;
  for (i = 0; i < s->n_out; i++) {
    grad[i] = 3 * x[i] * x[i] * w[i];
    if (op == PAIR) {
      grad[i] = sin(x[s->n_out + i]) * w[i];
      grad[s->n_out + i] = x[i] * cos(x[s->n_out + i]) * w[i];
    }
    /* A slip that one element shows. */
    if (op == WRONG && i == s->n_out - 1) grad[i] = 2 * x[i] * x[i] * w[i];
    if (op == ROUGH) grad[i] = w[i];
  }
  return SLF_OK;
}

static slf_network_info INFO[COUNT];
static const slf_network_info *SLF_CALL info(uint32_t i) { return i < COUNT ? &INFO[i] : NULL; }

typedef struct {
  const slf_graph_builder *b;
  slf_error *err;
  slf_status status;
} recorder;

static slf_node weights(recorder *r, const char *name, int64_t rows, int64_t cols) {
  slf_node node = 0;
  slf_init init = {sizeof init, SLF_INIT_XAVIER_UNIFORM, 1.0, 0.0};
  int64_t dims[2];
  dims[0] = rows;
  dims[1] = cols;
  if (r->status == SLF_OK)
    r->status = r->b->param(r->b->ctx, text(name), dims, 2, &init, &node, r->err);
  return node;
}

static slf_node op(recorder *r, const char *name, slf_node a, slf_node b, int64_t len) {
  slf_node node = 0, ins[2];
  slf_attr attr;
  ins[0] = a;
  ins[1] = b;
  memset(&attr, 0, sizeof attr);
  attr.name = text("len");
  attr.type = SLF_ATTR_I64;
  attr.i64 = &len;
  attr.len = 1;
  if (r->status == SLF_OK)
    r->status = r->b->op(r->b->ctx, text(name), ins, b ? 2 : 1, &attr, len ? 1 : 0, &node, 1,
                         r->err);
  return node;
}

static slf_status SLF_CALL build(slf_str id, const slf_option *options, uint64_t n_options,
                                 const slf_graph_builder *builder, slf_error *err) {
  recorder r;
  uint32_t i;
  char name[32] = "custom:";
  slf_node x = 0, y;
  const int64_t width = 3;
  uint32_t yes = 0;
  (void)options;
  (void)n_options;
  for (i = 0; i < COUNT; i++)
    if (id.len == strlen(IDS[i]) && memcmp(id.ptr, IDS[i], (size_t)id.len) == 0) break;
  if (i == COUNT) return fail(err, SLF_ERR_ARGUMENT, "there is no such network");
  strcat(name, i == OTHER ? "org.example.a@1.0.0/b" : IDS[i]);
  r.b = builder;
  r.err = err;
  r.status = builder->op_supported(builder->ctx, text(name), &yes, err);
  if (yes != (i != OTHER)) return fail(err, SLF_ERR_INTERNAL, "op_supported is wrong");
  r.status = builder->input(builder->ctx, text("x"), &x, err);
  y = op(&r, "matvec", weights(&r, "inner", width, builder->inputs), x, 0);
  y = op(&r, name, y, i == PAIR ? y : 0, i == LONG ? 2 * width : width);
  y = op(&r, "matvec", weights(&r, "outer", builder->outputs, width), y, 0);
  if (r.status == SLF_OK) r.status = builder->output(builder->ctx, text("y"), y, err);
  return r.status;
}

static slf_custom_ops OPERATORS;

static int equal(slf_str a, const char *b) {
  return a.len == strlen(b) && memcmp(a.ptr, b, (size_t)a.len) == 0;
}

static const void *SLF_CALL extension(slf_str id) {
  return equal(id, "slopefield.network.custom-op/1") ? &OPERATORS : NULL;
}

static slf_network_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  return equal(id, "slopefield.network-factory/1") ? &FACTORY : NULL;
}

static void SLF_CALL shut(void) {}
static slf_plugin ROOT;

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  uint32_t i;
  (void)host;
  (void)err;
  for (i = 0; i < COUNT; i++) {
    OPERATOR[i].struct_size = sizeof OPERATOR[i];
    OPERATOR[i].id = text(IDS[i]);
    INFO[i].struct_size = sizeof INFO[i];
    INFO[i].min_opset = 1;
    INFO[i].id = text(IDS[i]);
    INFO[i].name = text(IDS[i]);
    INFO[i].reference = text("made for a test");
  }
  OPERATORS.struct_size = sizeof OPERATORS;
  OPERATORS.count = count;
  OPERATORS.info = operator_info;
  OPERATORS.check = check;
  OPERATORS.forward = forward;
#ifndef NO_REVERSE
  OPERATORS.reverse = reverse;
#endif
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.build = build;
  FACTORY.get_extension = extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.example.operators");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
