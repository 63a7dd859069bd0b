/* A layer of units that are sinc(z) = sin(z)/z: y = W sinc(V x). The operations of the application give 0/0
 * at 0, so the function is an operator of the plugin's own, with its derivative. In C99 over the
 * header alone. A function of your own replaces `sinc` and `slope`.
 */
#include "slopefield_plugin.h"

#include <math.h>
#include <string.h>

#define MOST 256

static slf_str text(const char *s) {
  slf_str r;
  r.ptr = s;
  r.len = strlen(s);
  return r;
}

static int equal(slf_str a, const char *b) {
  return a.len == strlen(b) && memcmp(a.ptr, b, (size_t)a.len) == 0;
}

/* Writes a sentence into the buffer of the application, as far as it fits. */
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

/* ---- the operator ------------------------------------------------------------------------ */

#define NEAR 1e-2 /* below, three terms of the series are exact to rounding */

static double sinc(double z) {
  double s = z * z;
  return fabs(z) < NEAR ? 1 - s / 6 * (1 - s / 20 * (1 - s / 42)) : sin(z) / z;
}

static double slope(double z) {
  double s = z * z;
  if (fabs(z) < NEAR) return -z / 3 * (1 - s / 10 * (1 - s / 28));
  return (cos(z) - sin(z) / z) / z;
}

static slf_custom_info OPERATOR;
static uint32_t SLF_CALL operators(void) { return 1; }
static const slf_custom_info *SLF_CALL operator_info(uint32_t index) {
  return index == 0 ? &OPERATOR : NULL;
}

static slf_status SLF_CALL check(uint32_t index, const slf_custom_shape *shape, slf_error *err) {
  if (index != 0) return fail(err, SLF_ERR_ARGUMENT, "there is one operator");
  if (shape->n_operands != 1 || shape->n_in != shape->n_out)
    return fail(err, SLF_ERR_ARGUMENT, "it takes one vector and gives one of the same length");
  return SLF_OK;
}

static slf_status SLF_CALL forward(uint32_t index, const slf_custom_shape *shape, const double *x,
                                   double *y) {
  uint64_t i;
  (void)index;
  for (i = 0; i < shape->n_in; i++) y[i] = sinc(x[i]);
  return SLF_OK;
}

static slf_status SLF_CALL reverse(uint32_t index, const slf_custom_shape *shape, const double *x,
                                   const double *w, double *grad) {
  uint64_t i;
  (void)index;
  for (i = 0; i < shape->n_in; i++) grad[i] = w[i] * slope(x[i]);
  return SLF_OK;
}

static slf_custom_ops OPERATORS;

static const void *SLF_CALL network_extension(slf_str id) {
  return equal(id, "slopefield.network.custom-op/1") ? &OPERATORS : NULL;
}

/* ---- the network ------------------------------------------------------------------------- */

static const char OPTIONS[] =
    "[{\"name\":\"width\",\"type\":\"integer\",\"default\":8,\"min\":1,\"max\":256,"
    "\"doc\":\"Width of the hidden layer.\"}]";

static slf_network_info INFO;
static uint32_t SLF_CALL count(void) { return 1; }
static const slf_network_info *SLF_CALL info(uint32_t index) { return index == 0 ? &INFO : NULL; }

/* Every call checks its arguments; what it says of a mistake stays in *err. */
typedef struct {
  const slf_graph_builder *b;
  slf_error *err;
  slf_status status; /* of the first call that failed; then nothing more is called */
} recorder;

static slf_node weights(recorder *r, const char *name, int64_t rows, int64_t cols, double gain) {
  slf_node node = 0;
  slf_init init;
  int64_t dims[2];
  dims[0] = rows;
  dims[1] = cols;
  init.struct_size = sizeof init;
  init.kind = SLF_INIT_XAVIER_UNIFORM;
  init.a = gain;
  init.b = 0;
  if (r->status == SLF_OK)
    r->status = r->b->param(r->b->ctx, text(name), dims, 2, &init, &node, r->err);
  return node;
}

static slf_node matvec(recorder *r, slf_node a, slf_node x) {
  slf_node node = 0, ins[2];
  ins[0] = a;
  ins[1] = x;
  if (r->status == SLF_OK)
    r->status = r->b->op(r->b->ctx, text("matvec"), ins, 2, NULL, 0, &node, 1, r->err);
  return node;
}

/* The operator "sinc" of this plugin, with a result of `len` elements. */
static slf_node custom(recorder *r, slf_node z, int64_t len) {
  slf_node node = 0;
  slf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.name = text("len");
  attr.type = SLF_ATTR_I64;
  attr.i64 = &len;
  attr.len = 1;
  if (r->status == SLF_OK)
    r->status = r->b->op(r->b->ctx, text("custom:sinc"), &z, 1, &attr, 1, &node, 1, r->err);
  return node;
}

static slf_status record(recorder *r, int64_t width) {
  slf_node x = 0, hidden, y;
  r->status = r->b->input(r->b->ctx, text("x"), &x, r->err);
  hidden = matvec(r, weights(r, "first", width, r->b->inputs, 1.0), x);
  hidden = custom(r, hidden, width);
  /* A small start keeps an untrained network from throwing the first simulation off. */
  y = matvec(r, weights(r, "last", r->b->outputs, width, 0.1), hidden);
  if (r->status == SLF_OK) r->status = r->b->output(r->b->ctx, text("y"), y, r->err);
  return r->status;
}

static slf_status SLF_CALL build(slf_str id, const slf_option *options, uint64_t n_options,
                                 const slf_graph_builder *builder, slf_error *err) {
  recorder r;
  int64_t width = 8;
  uint64_t i;
  if (!equal(id, "sinc")) return fail(err, SLF_ERR_ARGUMENT, "there is no such network here");
  for (i = 0; i < n_options; i++) {
    const slf_option *o = &options[i];
    if (!equal(o->name, "width")) return fail(err, SLF_ERR_ARGUMENT, "the only option is `width`");
    if (o->type != SLF_OPTION_I64 || o->i64 < 1 || o->i64 > MOST)
      return fail(err, SLF_ERR_ARGUMENT, "`width` must be a whole number from 1 to 256");
    width = o->i64;
  }
  r.b = builder;
  r.err = err;
  r.status = SLF_OK;
  return record(&r, width);
}

static slf_network_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  return equal(id, "slopefield.network-factory/1") ? &FACTORY : NULL;
}

static void SLF_CALL shut(void) {}

static slf_plugin ROOT;

const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, slf_error *err) {
  if (!host || !SLF_HAS(slf_host, host, log)) {
    fail(err, SLF_ERR_UNSUPPORTED, "the application is too old");
    return NULL;
  }
  INFO.struct_size = sizeof INFO;
  INFO.min_opset = 1;
  INFO.id = text("sinc");
  INFO.name = text("Layer of sinc units");
  INFO.reference = text("an example of the Slopefield developers");
  INFO.options_json = text(OPTIONS);
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.build = build;
  FACTORY.get_extension = network_extension;
  OPERATOR.struct_size = sizeof OPERATOR;
  OPERATOR.id = text("sinc");
  OPERATORS.struct_size = sizeof OPERATORS;
  OPERATORS.count = operators;
  OPERATORS.info = operator_info;
  OPERATORS.check = check;
  OPERATORS.forward = forward;
  OPERATORS.reverse = reverse;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.example.c-operator");
  ROOT.version = text("0.1.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
