/* slopefield_plugin.hpp - solvers for Slopefield in C++17, over slopefield_plugin.h.
 *
 * Derive from slopefield::Solver, describe the class in a slopefield::SolverEntry and name it in
 * SLOPEFIELD_PLUGIN, once:
 *
 *   SLOPEFIELD_PLUGIN("org.example.mine", "0.1.0", slopefield::entry<Mine>(INFO))
 *
 * Exceptions end at the border: slopefield::Error becomes its status and sentence, everything else
 * SLF_ERR_INTERNAL. Vectors own memory; instances are deleted by the application's destroy. The
 * contract is that of slopefield_plugin.h; networks are written against it directly.
 */
#ifndef SLOPEFIELD_PLUGIN_HPP
#define SLOPEFIELD_PLUGIN_HPP

#include "slopefield_plugin.h"

#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace slopefield {

using Vector = std::vector<double>;

/* A failure: a status of the header and a sentence, which may be empty when the application's own
 * function failed. */
class Error : public std::exception {
 public:
  Error(slf_status status, std::string message, double last_step = 0)
      : status_(status), message_(std::move(message)), last_step_(last_step) {}
  const char *what() const noexcept override { return message_.c_str(); }
  slf_status status() const noexcept { return status_; }
  double last_step() const noexcept { return last_step_; }
  /* The model is not defined here: try a smaller step. */
  bool recoverable() const noexcept { return status_ == SLF_RECOVERABLE; }

 private:
  slf_status status_;
  std::string message_;
  double last_step_;
};

inline Error step_too_small(double h) {
  return Error(SLF_ERR_STEP_TOO_SMALL, "the step size became too small", h);
}

/* y' = f(t, y), to be called inside start, step and restart only. Vectors have size() elements. */
class Problem {
 public:
  explicit Problem(const slf_problem *raw) : raw_(raw) {}
  std::size_t size() const { return static_cast<std::size_t>(raw_->n); }
  bool has_mass_matrix() const { return raw_->mass != nullptr; }
  bool has_jacobian() const {
    return raw_->jacobian != nullptr && raw_->jacobian_pattern == nullptr;
  }
  bool has_dfdt() const { return raw_->dfdt != nullptr; }
  void rhs(double t, const Vector &y, Vector &out) const { call(raw_->rhs, t, y, out); }
  /* Column by column: values[j * size() + i] is the derivative of f_i by y_j. */
  void jacobian(double t, const Vector &y, Vector &values) const {
    call(raw_->jacobian, t, y, values);
  }
  void dfdt(double t, const Vector &y, Vector &out) const { call(raw_->dfdt, t, y, out); }
  void poll() const { check(raw_->poll(raw_->ctx)); }
  /* A table of the C header by its id, say extension<slf_implicit_problem>("slopefield.problem.implicit/1");
   * null when the problem or an older application has none. */
  template <class Table>
  const Table *extension(const char *id) const {
    slf_str name;
    name.ptr = id;
    name.len = std::strlen(id);
    const auto *table = static_cast<const Table *>(raw_->get_extension(raw_->ctx, name));
    return table && table->struct_size >= sizeof(Table) ? table : nullptr;
  }

 private:
  using Function = slf_status(SLF_CALL *)(void *, double, const void *, void *);
  static void check(slf_status status) {
    if (status != SLF_OK) throw Error(status, std::string());
  }
  void call(Function f, double t, const Vector &y, Vector &out) const {
    if (!f) throw Error(SLF_ERR_UNSUPPORTED, "the application does not offer this derivative");
    check(f(raw_->ctx, t, y.data(), out.data()));
  }
  const slf_problem *raw_;
};

/* Settings, copied: nothing of the application's is kept. */
struct Config {
  double rtol;
  Vector atol;
  double h_init; /* 0: choose */
  double h_min;
  double h_max; /* infinity for none */
  std::vector<std::pair<std::string, slf_option>> options; /* text and lists are not kept */

  /* The number that the user gave for an option, within bounds, or its default. */
  double number(const char *name, double otherwise, double least, double most) const {
    for (const auto &option : options) {
      if (option.first != name) continue;
      const slf_option &o = option.second;
      bool is_number = o.type == SLF_OPTION_F64 || o.type == SLF_OPTION_I64;
      if (!is_number || !(o.f64 >= least && o.f64 <= most))
        throw Error(SLF_ERR_ARGUMENT, "`" + option.first + "` must be a number from " +
                                          std::to_string(least) + " to " + std::to_string(most));
      return o.f64;
    }
    return otherwise;
  }
};

/* One accepted step, from t_prev to t. */
struct Step {
  double t_prev, t, h_next;
  double error_norm = std::numeric_limits<double>::quiet_NaN(); /* at most 1; NaN if unknown */
  std::uint64_t rejected = 0;
};

/* An integrator; see slf_solver_factory for the duties of each function. */
class Solver {
 public:
  virtual ~Solver() = default;
  virtual void start(const Problem &problem, double t0, double t_end, const Vector &y0) = 0;
  virtual void restart(const Problem &problem, double t, const Vector &y) = 0;
  /* One accepted step, never past t_limit. When it throws, the object is as it was before. */
  virtual Step step(const Problem &problem, double t_limit) = 0;
  virtual const Vector &state() const = 0;
  /* Needed when dense_order is not 0, unless there are segments. */
  virtual void interpolate(double, std::uint32_t, Vector &) const {
    throw Error(SLF_ERR_UNSUPPORTED, "this solver has no dense output");
  }
  /* Needed with SLF_CAP_DENSE_SEGMENT, besides a dense_order. The degree, at most 32, of the solution
   * within a step as polynomials in s, which runs from 0 to 1 through the step; */
  virtual std::size_t segment_degree() const { return 0; }
  /* and their coefficients in the last step: those of s to the power k for all states, from k * size()
   * on, in a vector of zeros that is long enough. Then interpolate is never called. */
  virtual void segment(Vector &) const {
    throw Error(SLF_ERR_UNSUPPORTED, "this solver has no polynomials of its steps");
  }
};

/* What a solver is. Names of options are checked against `options` before it is made. */
struct SolverInfo {
  const char *id, *name, *reference;
  double order, dense_order;
  std::uint32_t caps;       /* SLF_CAP_..., SLF_CAP_F64 is added */
  const char *options_json; /* see slopefield_plugin.h */
  std::vector<std::string> options;
};

struct SolverEntry {
  SolverInfo info;
  std::unique_ptr<Solver> (*make)(const Problem &, const Config &);
};

template <class S>
SolverEntry entry(SolverInfo info) {
  return SolverEntry{std::move(info), [](const Problem &p, const Config &c) {
                       return std::unique_ptr<Solver>(new S(p, c));
                     }};
}

namespace border {

inline slf_str text(const char *s) {
  slf_str r;
  r.ptr = s;
  r.len = std::strlen(s);
  return r;
}

inline bool equal(slf_str a, const char *b) {
  return a.len == std::strlen(b) && std::memcmp(a.ptr, b, a.len) == 0;
}

/* A sentence into the buffer of the application, as far as it fits. */
inline void write(slf_error *err, const char *message) noexcept {
  if (!err || err->struct_size <= offsetof(slf_error, message)) return;
  std::size_t room = err->struct_size - offsetof(slf_error, message);
  std::size_t length = std::strlen(message);
  if (length > room) length = room;
  std::memcpy(err->message, message, length);
  err->message_len = static_cast<std::uint32_t>(length);
  err->code = 0;
}

/* Runs a function; no exception leaves it. */
template <class F>
slf_status guarded(slf_error *err, F &&body) noexcept {
  try {
    body();
    return SLF_OK;
  } catch (const Error &e) {
    write(err, e.what());
    return e.status();
  } catch (const std::bad_alloc &) {
    write(err, "out of memory");
    return SLF_ERR_MEMORY;
  } catch (const std::exception &e) {
    write(err, e.what());
    return SLF_ERR_INTERNAL;
  } catch (...) {
    write(err, "an exception of unknown type");
    return SLF_ERR_INTERNAL;
  }
}

struct Instance {
  Problem problem;
  std::unique_ptr<Solver> solver;
  Vector lent; /* vectors on their way in and out */
  bool has_segments;
  double t_prev, t; /* the last step; both the start before the first one */
};

inline Instance &of(slf_solver *s) { return *reinterpret_cast<Instance *>(s); }

inline const Vector &take(Instance &s, const void *y) {
  const double *values = static_cast<const double *>(y);
  s.lent.assign(values, values + s.problem.size());
  return s.lent;
}

/* Everything that one plugin shows; filled when the entry function first runs. */
struct Plugin {
  std::vector<SolverEntry> entries;
  std::vector<slf_solver_info> infos;
  slf_solver_factory factory;
  slf_dense_segment segments;
  slf_plugin root;
};

inline Plugin *&plugin() {
  static Plugin *made = nullptr;
  return made;
}

inline std::uint32_t SLF_CALL count() {
  return static_cast<std::uint32_t>(plugin()->infos.size());
}

inline const slf_solver_info *SLF_CALL info(std::uint32_t index) {
  return index < plugin()->infos.size() ? &plugin()->infos[index] : nullptr;
}

inline slf_status SLF_CALL create(slf_str id, const slf_problem *problem,
                                  const slf_solver_config *config, slf_solver **out,
                                  slf_error *err) {
  *out = nullptr;
  return guarded(err, [&] {
    const SolverEntry *found = nullptr;
    for (const SolverEntry &e : plugin()->entries)
      if (equal(id, e.info.id)) found = &e;
    if (!found) throw Error(SLF_ERR_ARGUMENT, "there is no such solver here");
    if (problem->dtype != SLF_F64)
      throw Error(SLF_ERR_UNSUPPORTED, "the solver works on 64-bit floats only");
    if (problem->mass && !(found->info.caps & SLF_CAP_MASS_MATRIX))
      throw Error(SLF_ERR_UNSUPPORTED, "this solver takes no mass matrix");
    Config own{config->rtol, Vector(config->atol, config->atol + problem->n), config->h_init,
               config->h_min, config->h_max > 0 ? config->h_max : HUGE_VAL, {}};
    for (std::uint64_t i = 0; i < config->n_options; i++) {
      slf_option o = config->options[i];
      std::string name(o.name.ptr, static_cast<std::size_t>(o.name.len));
      bool known = false;
      for (const std::string &option : found->info.options) known |= option == name;
      if (!known) throw Error(SLF_ERR_ARGUMENT, "`" + name + "` is not an option");
      own.options.emplace_back(std::move(name), o);
    }
    auto made = std::make_unique<Instance>(Instance{
        Problem(problem), nullptr, {}, (found->info.caps & SLF_CAP_DENSE_SEGMENT) != 0, 0, 0});
    made->solver = found->make(made->problem, own);
    *out = reinterpret_cast<slf_solver *>(made.release());
  });
}

inline slf_status SLF_CALL start(slf_solver *s, double t0, double t_end, const void *y0,
                                 slf_error *err) {
  return guarded(err, [&] {
    of(s).solver->start(of(s).problem, t0, t_end, take(of(s), y0));
    of(s).t_prev = of(s).t = t0;
  });
}

inline slf_status SLF_CALL restart(slf_solver *s, double t, const void *y, slf_error *err) {
  return guarded(err, [&] {
    of(s).solver->restart(of(s).problem, t, take(of(s), y));
    of(s).t_prev = of(s).t = t;
  });
}

inline slf_status SLF_CALL step(slf_solver *s, double t_limit, slf_step *out, slf_error *err) {
  return guarded(err, [&] {
    try {
      Step step = of(s).solver->step(of(s).problem, t_limit);
      out->flags = step.t == t_limit ? SLF_STEP_AT_LIMIT : 0;
      out->t_prev = step.t_prev;
      out->t = step.t;
      out->h_next = step.h_next;
      out->error_norm = step.error_norm;
      out->y = of(s).solver->state().data();
      out->n_rejected = step.rejected;
      of(s).t_prev = step.t_prev;
      of(s).t = step.t;
    } catch (const Error &e) {
      out->h_next = e.last_step();
      throw;
    }
  });
}

/* Coefficients of the last step. */
inline const Vector &polynomials(Instance &s) {
  if (s.t == s.t_prev) throw Error(SLF_ERR_ARGUMENT, "no step has been taken");
  s.lent.assign((s.solver->segment_degree() + 1) * s.problem.size(), 0);
  s.solver->segment(s.lent);
  return s.lent;
}

/* Values within the last step, or slopes, for applications that do not know segments. */
inline void evaluate(Instance &s, double t, std::uint32_t derivative, double *out) {
  double h = s.t - s.t_prev, x = (t - s.t_prev) / h;
  if (derivative > 1) throw Error(SLF_ERR_UNSUPPORTED, "values and slopes only");
  if (!(x >= 0 && x <= 1)) throw Error(SLF_ERR_ARGUMENT, "the time is not inside the last step");
  const Vector &powers = polynomials(s);
  std::size_t n = s.problem.size();
  for (std::size_t i = 0; i < n; i++) {
    double sum = 0;
    for (std::size_t k = s.solver->segment_degree() + 1; k-- > derivative;) {
      double c = powers[k * n + i];
      sum = sum * x + (derivative == 0 ? c : static_cast<double>(k) * c / h);
    }
    out[i] = sum;
  }
}

inline slf_status SLF_CALL interpolate(slf_solver *s, double t, std::uint32_t derivative,
                                       void *out, slf_error *err) {
  return guarded(err, [&] {
    if (of(s).has_segments) return evaluate(of(s), t, derivative, static_cast<double *>(out));
    Vector &values = of(s).lent;
    values.assign(of(s).problem.size(), 0);
    of(s).solver->interpolate(t, derivative, values);
    if (!values.empty()) std::memcpy(out, values.data(), values.size() * sizeof(double));
  });
}

inline slf_status SLF_CALL max_degree(slf_solver *s, std::uint32_t *degree, slf_error *err) {
  return guarded(err, [&] {
    *degree = static_cast<std::uint32_t>(of(s).solver->segment_degree());
  });
}

inline slf_status SLF_CALL segment(slf_solver *s, slf_segment *out, slf_error *err) {
  return guarded(err, [&] {
    std::size_t degree = of(s).solver->segment_degree();
    if (out->degree < degree)
      throw Error(SLF_ERR_ARGUMENT, "there is no room for the degree of the polynomials");
    const Vector &powers = polynomials(of(s));
    out->basis = SLF_BASIS_POWERS;
    out->degree = static_cast<std::uint32_t>(degree);
    if (!powers.empty())
      std::memcpy(out->coefficients, powers.data(), powers.size() * sizeof(double));
  });
}

inline void SLF_CALL destroy(slf_solver *s) {
  guarded(nullptr, [&] { delete reinterpret_cast<Instance *>(s); });
}

inline const void *SLF_CALL extension(slf_str id) {
  bool has = false;
  for (const slf_solver_info &i : plugin()->infos) has |= (i.caps & SLF_CAP_DENSE_SEGMENT) != 0;
  return has && equal(id, "slopefield.solver.dense-segment/1") ? &plugin()->segments : nullptr;
}

inline const void *SLF_CALL get_factory(slf_str id) {
  return equal(id, "slopefield.solver-factory/1") ? &plugin()->factory : nullptr;
}

inline void SLF_CALL shut() {}

inline void fill(Plugin &p, const char *id, const char *version) {
  for (const SolverEntry &e : p.entries) {
    slf_solver_info i = {};
    i.struct_size = sizeof i;
    i.caps = e.info.caps | SLF_CAP_F64;
    i.id = text(e.info.id);
    i.name = text(e.info.name);
    i.reference = text(e.info.reference);
    i.order = e.info.order;
    i.dense_order = e.info.dense_order;
    i.options_json = text(e.info.options_json);
    p.infos.push_back(i);
  }
  p.factory = {};
  p.factory.struct_size = sizeof p.factory;
  p.factory.count = count;
  p.factory.info = info;
  p.factory.create = create;
  p.factory.start = start;
  p.factory.step = step;
  p.factory.interpolate = interpolate;
  p.factory.restart = restart;
  p.factory.destroy = destroy;
  p.factory.get_extension = extension;
  p.segments = {};
  p.segments.struct_size = sizeof p.segments;
  p.segments.max_degree = max_degree;
  p.segments.segment = segment;
  p.root = {};
  p.root.struct_size = sizeof p.root;
  p.root.abi_minor = SLF_ABI_MINOR;
  p.root.id = text(id);
  p.root.version = text(version);
  p.root.get_factory = get_factory;
  p.root.shutdown = shut;
}

/* What the entry function does. The tables live until the process ends. */
inline const slf_plugin *enter(const slf_host *host, slf_error *err, const char *id,
                               const char *version, std::vector<SolverEntry> (*entries)()) {
  if (!host || !SLF_HAS(slf_host, host, log)) {
    write(err, "the application is too old");
    return nullptr;
  }
  slf_status status = guarded(err, [&] {
    if (plugin()) return;
    auto made = std::make_unique<Plugin>();
    made->entries = entries();
    fill(*made, id, version);
    plugin() = made.release();
  });
  return status == SLF_OK ? &plugin()->root : nullptr;
}

}  // namespace border
}  // namespace slopefield

#define SLOPEFIELD_PLUGIN(id, version, ...)                                                   \
  extern "C" SLF_EXPORT const slf_plugin *SLF_CALL slopefield_plugin_v1(const slf_host *host, \
                                                                        slf_error *err) {     \
    return slopefield::border::enter(host, err, id, version, [] {                             \
      return std::vector<slopefield::SolverEntry>{__VA_ARGS__};                               \
    });                                                                                       \
  }

#endif
