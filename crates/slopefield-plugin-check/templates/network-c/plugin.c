/* A layer whose units are switched by gates: y = W (V x * sigmoid(U x)). Replace `record` by your
 * architecture.
 */
#include "slopefield_plugin.h"

#include <string.h>

#define MOST 4096

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

static const char OPTIONS[] =
    "[{\"name\":\"width\",\"type\":\"integer\",\"default\":8,\"min\":1,\"max\":4096,"
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

/* An operation of one or two operands; `b` is 0 for one. */
static slf_node op(recorder *r, const char *name, slf_node a, slf_node b) {
  slf_node node = 0, ins[2];
  ins[0] = a;
  ins[1] = b;
  if (r->status == SLF_OK)
    r->status =
        r->b->op(r->b->ctx, text(name), ins, b ? 2 : 1, NULL, 0, &node, 1, r->err);
  return node;
}

static slf_status record(recorder *r, int64_t width) {
  slf_node x = 0, value, gate, hidden, y;
  r->status = r->b->input(r->b->ctx, text("x"), &x, r->err);
  value = op(r, "matvec", weights(r, "value", width, r->b->inputs, 1.0), x);
  gate = op(r, "matvec", weights(r, "gate", width, r->b->inputs, 1.0), x);
  hidden = op(r, "mul", value, op(r, "sigmoid", gate, 0));
  /* A small start keeps an untrained network from throwing the first simulation off. */
  y = op(r, "matvec", weights(r, "last", r->b->outputs, width, 0.1), hidden);
  if (r->status == SLF_OK) r->status = r->b->output(r->b->ctx, text("y"), y, r->err);
  return r->status;
}

static slf_status SLF_CALL build(slf_str id, const slf_option *options, uint64_t n_options,
                                 const slf_graph_builder *builder, slf_error *err) {
  recorder r;
  int64_t width = 8;
  uint64_t i;
  if (!equal(id, "{{local}}")) return fail(err, SLF_ERR_ARGUMENT, "there is no such network here");
  for (i = 0; i < n_options; i++) {
    const slf_option *o = &options[i];
    if (!equal(o->name, "width")) return fail(err, SLF_ERR_ARGUMENT, "the only option is `width`");
    if (o->type != SLF_OPTION_I64 || o->i64 < 1 || o->i64 > MOST)
      return fail(err, SLF_ERR_ARGUMENT, "`width` must be a whole number from 1 to 4096");
    width = o->i64;
  }
  r.b = builder;
  r.err = err;
  r.status = SLF_OK;
  return record(&r, width);
}

static const void *SLF_CALL no_extension(slf_str id) {
  (void)id;
  return NULL;
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
  INFO.id = text("{{local}}");
  INFO.name = text("{{local}}");
  INFO.reference = text("Dauphin et al. (2017), arXiv:1612.08083; replace this by your paper");
  INFO.options_json = text(OPTIONS);
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.build = build;
  FACTORY.get_extension = no_extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("{{id}}");
  ROOT.version = text("0.1.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
