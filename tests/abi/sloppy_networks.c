/* Networks that look right and break one rule each, for the tests of the conformance kit. "sound"
 * breaks none.
 */
#include "slopefield_plugin.h"

#include <string.h>

static const char *const IDS[] = {"sound",       "counts",     "goes-on",   "forgets",
                                  "any-options", "dead-input", "overflows", "any-id",
                                  "bad-default"};
#define COUNT ((uint32_t)(sizeof IDS / sizeof IDS[0]))
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

static slf_network_info INFO[COUNT];
static uint32_t SLF_CALL count(void) { return COUNT; }
static const slf_network_info *SLF_CALL info(uint32_t i) { return i < COUNT ? &INFO[i] : NULL; }

typedef struct {
  const slf_graph_builder *b;
  slf_error *err;
  slf_status status;
  int goes_on;
} recorder;

static int may(const recorder *r) { return r->status == SLF_OK || r->goes_on; }

static void note(recorder *r, slf_status status) {
  if (r->status == SLF_OK) r->status = status;
}

static slf_node op(recorder *r, const char *name, slf_node a, slf_node b) {
  slf_node node = 0, ins[2];
  ins[0] = a;
  ins[1] = b;
  if (may(r))
    note(r, r->b->op(r->b->ctx, text(name), ins, b ? 2 : 1, NULL, 0, &node, 1, r->err));
  return node;
}

static slf_node weights(recorder *r, const char *name, int64_t rows, int64_t cols) {
  slf_node node = 0;
  slf_init init = {sizeof init, SLF_INIT_XAVIER_UNIFORM, 1.0, 0.0};
  int64_t dims[2];
  dims[0] = rows;
  dims[1] = cols;
  if (may(r)) note(r, r->b->param(r->b->ctx, text(name), dims, 2, &init, &node, r->err));
  return node;
}

static slf_status SLF_CALL build(slf_str id, const slf_option *options, uint64_t n_options,
                                 const slf_graph_builder *builder, slf_error *err) {
  recorder r;
  uint32_t i;
  int64_t width = 4;
  slf_node x = 0, y;
  const char *function;
  (void)options;
  for (i = 0; i < COUNT; i++) {
    size_t len = strlen(IDS[i]);
    int longer = id.len > len && strcmp(IDS[i], "any-id") == 0;
    if ((id.len == len || longer) && memcmp(id.ptr, IDS[i], len) == 0) break;
  }
  if (i == COUNT) return fail(err, SLF_ERR_ARGUMENT, "there is no such network");
  if (id.len > strlen(IDS[i])) return SLF_OK;
  if (n_options > 0 && strcmp(IDS[i], "any-options") != 0 && strcmp(IDS[i], "bad-default") != 0)
    return fail(err, SLF_ERR_ARGUMENT, "there are no options");
  if (strcmp(IDS[i], "counts") == 0) width += COUNTED++ % 3;
  r.b = builder;
  r.err = err;
  r.status = SLF_OK;
  r.goes_on = strcmp(IDS[i], "goes-on") == 0;
  note(&r, builder->input(builder->ctx, text("x"), &x, err));
  function = strcmp(IDS[i], "overflows") == 0 ? "exp" : "tanh";
  y = op(&r, "matvec", weights(&r, "inner", width, builder->inputs), x);
  y = op(&r, function, op(&r, function, y, 0), 0);
  if (strcmp(IDS[i], "dead-input") == 0) y = op(&r, "sub", y, y);
  y = op(&r, "matvec", weights(&r, "outer", builder->outputs, width), y);
  if (may(&r)) note(&r, builder->output(builder->ctx, text("y"), y, err));
  return strcmp(IDS[i], "forgets") == 0 ? SLF_OK : r.status;
}

static const void *SLF_CALL no_extension(slf_str id) {
  (void)id;
  return NULL;
}

static slf_network_factory FACTORY;

static const void *SLF_CALL get_factory(slf_str id) {
  static const char WANTED[] = "slopefield.network-factory/1";
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
    INFO[i].min_opset = 1;
    INFO[i].id = text(IDS[i]);
    INFO[i].name = text(IDS[i]);
    INFO[i].reference = text("made for a test");
    INFO[i].options_json = text(
        strcmp(IDS[i], "bad-default") == 0
            ? "[{\"name\":\"a\",\"type\":\"number\",\"default\":5,\"max\":4,\"doc\":\"A.\"}]"
            : "");
  }
  FACTORY.struct_size = sizeof FACTORY;
  FACTORY.count = count;
  FACTORY.info = info;
  FACTORY.build = build;
  FACTORY.get_extension = no_extension;
  ROOT.struct_size = sizeof ROOT;
  ROOT.abi_minor = SLF_ABI_MINOR;
  ROOT.id = text("org.example.sloppy");
  ROOT.version = text("1.0.0");
  ROOT.get_factory = get_factory;
  ROOT.shutdown = shut;
  return &ROOT;
}
