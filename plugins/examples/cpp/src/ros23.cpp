// The Rosenbrock pair 2(3) of L. F. Shampine and M. W. Reichelt, The MATLAB ODE suite, SIAM J. Sci.
// Comput. 18 (1997) 1-22, section 3: order 2, L-stable, for stiff problems at loose tolerances. It
// uses the derivatives of the model that the application offers.
#include "slopefield_plugin.hpp"

#include <algorithm>
#include <cmath>

namespace {

using slopefield::Config;
using slopefield::Error;
using slopefield::Problem;
using slopefield::Step;
using slopefield::Vector;

const double ROOT = std::sqrt(2.0);
const double D = 1 / (2 + ROOT);
const double E32 = 6 + ROOT;
const double SAFETY = 0.8, SHRINK = 0.2, GROW = 5, RETREAT = 0.25;

// A dense matrix, column by column, factored with partial pivoting.
class Lu {
 public:
  explicit Lu(std::size_t n) : a(n * n), pivot_(n), n_(n) {}

  // False when the matrix is singular.
  bool factor() {
    for (std::size_t k = 0; k < n_; k++) {
      std::size_t p = k;
      for (std::size_t i = k + 1; i < n_; i++)
        if (std::fabs(a[i + k * n_]) > std::fabs(a[p + k * n_])) p = i;
      pivot_[k] = p;
      if (!(std::fabs(a[p + k * n_]) > 0)) return false;
      if (p != k)
        for (std::size_t j = 0; j < n_; j++) std::swap(a[k + j * n_], a[p + j * n_]);
      for (std::size_t i = k + 1; i < n_; i++) a[i + k * n_] /= a[k + k * n_];
      for (std::size_t j = k + 1; j < n_; j++)
        for (std::size_t i = k + 1; i < n_; i++) a[i + j * n_] -= a[i + k * n_] * a[k + j * n_];
    }
    return true;
  }

  void solve(Vector &b) const {
    for (std::size_t k = 0; k < n_; k++) {
      std::swap(b[k], b[pivot_[k]]);
      for (std::size_t i = k + 1; i < n_; i++) b[i] -= a[i + k * n_] * b[k];
    }
    for (std::size_t k = n_; k-- > 0;) {
      b[k] /= a[k + k * n_];
      for (std::size_t i = 0; i < k; i++) b[i] -= a[i + k * n_] * b[k];
    }
  }

  Vector a;

 private:
  std::vector<std::size_t> pivot_;
  std::size_t n_;
};

class Ros23 : public slopefield::Solver {
 public:
  Ros23(const Problem &problem, const Config &config)
      : config_(config),
        safety_(config.number("safety", SAFETY, 0.1, 1)),
        n_(problem.size()),
        lu_(n_),
        y_(n_), next_(n_), stage_(n_), f0_(n_), f1_(n_), f2_(n_), k1_(n_), k2_(n_), k3_(n_),
        dfdt_(n_), jacobian_(n_ * n_), powers_(3 * n_) {
    if (!problem.has_jacobian() || !problem.has_dfdt())
      throw Error(SLF_ERR_UNSUPPORTED, "this method needs the Jacobian of the model");
  }

  void start(const Problem &problem, double t0, double t_end, const Vector &y0) override {
    t_end_ = t_end;
    restart(problem, t0, y0);
  }

  void restart(const Problem &, double t, const Vector &y) override {
    t_ = t;
    y_ = y;
    double guess = std::max(1e-6 * std::fabs(t_end_ - t), 100 * 2.22e-16 * std::fabs(t));
    h_ = std::min(config_.h_init > 0 ? config_.h_init : guess, config_.h_max);
  }

  Step step(const Problem &problem, double t_limit) override {
    double direction = t_limit < t_ ? -1 : 1;
    double floor = std::max(config_.h_min, 10 * 2.22e-16 * std::fabs(t_));
    double h = h_;
    std::uint64_t rejected = 0;
    // These do not depend on the length of the step.
    problem.rhs(t_, y_, f0_);
    problem.jacobian(t_, y_, jacobian_);
    problem.dfdt(t_, y_, dfdt_);
    for (;;) {
      bool last = 1.01 * h >= std::fabs(t_limit - t_);
      double t_new = last ? t_limit : t_ + direction * h;
      double tried = std::fabs(t_new - t_);
      if (tried == 0 || (tried < floor && (!last || rejected > 0)))
        throw slopefield::step_too_small(tried);
      double error = HUGE_VAL;
      try {
        error = attempt(problem, t_new);
      } catch (const Error &e) {
        if (!e.recoverable()) throw;
      }
      if (!std::isfinite(error)) {
        rejected++;
        h = RETREAT * tried;
        continue;
      }
      // The error of a step is of order 3 in its size.
      double factor = std::min(std::max(safety_ / std::cbrt(error), SHRINK), GROW);
      if (error > 1) {
        rejected++;
        h = tried * std::min(factor, safety_);
        continue;
      }
      keep(t_new - t_);
      std::swap(y_, next_);
      Step step{t_, t_new, 0, error, rejected};
      t_ = t_new;
      h = last && rejected == 0 ? std::max(h_, tried * factor) : tried * factor;
      h_ = std::min(h, config_.h_max);
      step.h_next = h_;
      return step;
    }
  }

  const Vector &state() const override { return y_; }

  std::size_t segment_degree() const override { return 2; }
  void segment(Vector &powers) const override { powers = powers_; }

 private:
  // The solution within the step, by the interpolant of order 2 that Shampine and Reichelt give.
  void keep(double h) {
    double scale = h / (1 - 2 * D);
    for (std::size_t i = 0; i < n_; i++) {
      powers_[i] = y_[i];
      powers_[n_ + i] = scale * (k1_[i] - 2 * D * k2_[i]);
      powers_[2 * n_ + i] = scale * (k2_[i] - k1_[i]);
    }
  }

  // A step to t_new; the error in units of the tolerance, infinite when it leads nowhere.
  double attempt(const Problem &problem, double t_new) {
    double h = t_new - t_;
    for (std::size_t i = 0; i < n_ * n_; i++) lu_.a[i] = -h * D * jacobian_[i];
    for (std::size_t i = 0; i < n_; i++) lu_.a[i + i * n_] += 1;
    if (!lu_.factor()) return HUGE_VAL;
    for (std::size_t i = 0; i < n_; i++) k1_[i] = f0_[i] + h * D * dfdt_[i];
    lu_.solve(k1_);
    for (std::size_t i = 0; i < n_; i++) stage_[i] = y_[i] + 0.5 * h * k1_[i];
    problem.rhs(t_ + 0.5 * h, stage_, f1_);
    for (std::size_t i = 0; i < n_; i++) k2_[i] = f1_[i] - k1_[i];
    lu_.solve(k2_);
    for (std::size_t i = 0; i < n_; i++) {
      k2_[i] += k1_[i];
      next_[i] = y_[i] + h * k2_[i];
    }
    problem.rhs(t_new, next_, f2_);
    for (std::size_t i = 0; i < n_; i++)
      k3_[i] = f2_[i] - E32 * (k2_[i] - f1_[i]) - 2 * (k1_[i] - f0_[i]) + h * D * dfdt_[i];
    lu_.solve(k3_);
    double worst = 0;
    for (std::size_t i = 0; i < n_; i++) {
      double size = std::max(std::fabs(y_[i]), std::fabs(next_[i]));
      double error = std::fabs(h / 6 * (k1_[i] - 2 * k2_[i] + k3_[i]));
      double scaled = error / (config_.atol[i] + config_.rtol * size);
      if (!std::isfinite(next_[i]) || !std::isfinite(scaled)) return HUGE_VAL;
      worst = std::max(worst, scaled);
    }
    return worst;
  }

  Config config_;
  double safety_;
  std::size_t n_;
  Lu lu_;
  double t_ = 0, t_end_ = 0, h_ = 0;
  Vector y_, next_, stage_, f0_, f1_, f2_, k1_, k2_, k3_, dfdt_, jacobian_, powers_;
};

const char OPTIONS[] =
    "[{\"name\":\"safety\",\"type\":\"number\",\"default\":0.8,\"min\":0.1,\"max\":1.0,"
    "\"doc\":\"Share of the step size that the error estimate would allow.\"}]";

slopefield::SolverInfo about() {
  return {"ros23",
          "Rosenbrock 2(3)",
          "10.1137/S1064827594276424",
          2,
          2,
          SLF_CAP_ADAPTIVE | SLF_CAP_IMPLICIT | SLF_CAP_BACKWARD | SLF_CAP_BITWISE_DETERMINISTIC |
              SLF_CAP_DENSE_SEGMENT,
          OPTIONS,
          {"safety"}};
}

}  // namespace

SLOPEFIELD_PLUGIN("org.example.cpp", "0.1.0", slopefield::entry<Ros23>(about()))
