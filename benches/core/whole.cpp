// Whole solves and gradients as library functions, for `slopefield bench core`.
//
// The algorithms are those of ../peers/c/limits.cpp, which is compiled in unchanged; so the tables of
// the peers and the command line compare with the same code. Parameters and initial states come in at
// run time: nothing of the problem may be folded into the code, as our engine cannot do that either.
// Weights are kept in the layout that suits the loops; bringing them there and back is not timed.
#define main limits_program
#include "limits.cpp"
#undef main

namespace {
struct Whole {
  vector<double> out;
  long evaluations = 0;
  virtual void run() = 0;
  virtual void finish() {}  // brings `out` into the order of the caller
  virtual ~Whole() {}
};

vector<double> grid(double t0, double t1, int n) {
  vector<double> t(n);
  for (int i = 0; i < n; i++) t[i] = t0 + (t1 - t0) * i / (n - 1);
  t[n - 1] = t1;
  return t;
}

// in: p (4), u0 (2); out: states (101 x 2)
struct LvSolve : Whole {
  LV<double> f;
  double u0[2];
  vector<double> ts = grid(0, 10, 101);
  LvSolve(const double *in) {
    memcpy(f.p, in, sizeof f.p), memcpy(u0, in + 4, sizeof u0);
    out.resize(202);
  }
  void run() override { evaluations = tsit5<double, 2>(f, u0, 0, 10, ts.data(), 101, out.data(), 1e-6, 1e-6); }
};

// in: p (4), u0 (2), data (101 x 2); out: loss, gradient (p, u0)
struct LvGradient : Whole {
  LVSys s;
  double u0[2];
  vector<double> data, weights;
  Tsit5Adj<double, LVSys, 2> a;
  LvGradient(const double *in) : data(in + 6, in + 208), weights(202), a(s, grid(0, 10, 101), 0, 10, 1e-6, 1e-6) {
    memcpy(s.p, in, sizeof s.p), memcpy(u0, in + 4, sizeof u0);
    out.resize(7);
  }
  void run() override {
    a.forward(u0);
    std::fill(out.begin(), out.end(), 0.0);
    for (int i = 0; i < 202; i++) {
      double e = a.out[i] - data[i];
      out[0] += e * e, weights[i] = 2 * e;
    }
    a.backward(weights.data(), &out[1]);
    out[5] = a.yb[0], out[6] = a.yb[1];
    evaluations = a.nf;
  }
};

// u' = W2 tanh(W1 x + b1) + b2 with D states and H hidden units.
// in: weights ((2D+1)H + D), u0 (D), data; out: states, or loss and gradient by the weights
template <int D> struct Network : Whole {
  MLP<double, D> m;
  vector<double> u0, data, weights, store;
  double *g;
  double loss = 0;
  bool gradient;
  Tsit5Adj<double, MLP<double, D>, D> a;
  Network(const double *in, int H, bool cube, vector<double> ts, double t1, double rtol, double atol, bool gradient)
      : m(H, cube), gradient(gradient), a(m, ts, 0, t1, rtol, atol) {
    size_t p = (2 * D + 1) * (size_t)H + D, states = ts.size() * D;
    m.load(in);
    u0.assign(in + p, in + p + D);
    data.assign(in + p + D, in + p + D + states);
    weights.resize(states);
    g = aligned(store, m.np());
    out.resize(gradient ? p + 1 : states);
  }
  void run() override {
    a.forward(u0.data());
    evaluations = a.nf;
    if (!gradient) return;
    loss = 0;
    for (size_t i = 0; i < weights.size(); i++) {
      double e = a.out[i] - data[i];
      loss += e * e, weights[i] = 2 * e;
    }
    std::fill(g, g + m.np(), 0.0);
    a.backward(weights.data(), g);
  }
  void finish() override {
    if (gradient) out[0] = loss, m.unload(g, &out[1]);
    else out = a.out;
  }
};

// 300 iterations of Adam with rate 0.05 on the neural equation 2-50-2 of cubed states, from the weights given.
// in: weights (252), u0 (2), data (30 x 2); out: the loss at the start and after each iteration (301)
struct SpiralTraining : Whole {
  static constexpr int iterations = 300;
  Network<2> n;
  vector<double> start, mean, square;
  SpiralTraining(const double *in)
      : n(in, 50, true, grid(0, 1.5, 30), 1.5, 1e-7, 1e-9, true), start(in, in + 252), mean(n.m.np()), square(n.m.np()) {
    out.resize(iterations + 1);
  }
  void run() override {
    n.m.load(start.data());
    std::fill(mean.begin(), mean.end(), 0.0), std::fill(square.begin(), square.end(), 0.0);
    double b1 = 1, b2 = 1, *w = n.m.W1, *g = n.g;
    n.run();
    out[0] = n.loss, evaluations = n.evaluations;
    for (int it = 1; it <= iterations; it++) {
      b1 *= 0.9, b2 *= 0.999;
      const double rate = 0.05 / (1 - b1), c2 = 1 / (1 - b2);
      for (size_t i = 0; i < n.m.np(); i++) {
        mean[i] = 0.9 * mean[i] + 0.1 * g[i];
        square[i] = 0.999 * square[i] + 0.001 * g[i] * g[i];
        w[i] -= rate * mean[i] / (std::sqrt(square[i] * c2) + 1e-8);
      }
      n.run();
      out[it] = n.loss, evaluations += n.evaluations;
    }
  }
};

// 1000 evaluations of the 2-50-2 right-hand side with cubed states, each from the result of the one before; with
// `product` every evaluation is followed by its vector-Jacobian product, w = (0.3, 0.3), added to the gradient.
// in: weights (252); out: last right-hand side (2), or last product by the state (2) and the gradient (252)
struct SpiralLoop : Whole {
  MLP<double, 2> m;
  vector<double> hidden, gradients;
  double *h, *g, dy[2], yb[2];
  bool product;
  SpiralLoop(const double *in, bool product) : m(50, true), product(product) {
    m.load(in);
    h = aligned(hidden, m.naux), g = aligned(gradients, m.np());
    evaluations = 1000;
  }
  void run() override {
    const double w[2] = {0.3, 0.3};
    double u[2] = {0.5, 0.51};
    std::fill(g, g + m.np(), 0.0);
    for (int i = 0; i < 1000; i++) {
      m.f1(u, dy, h);
      if (product) {
        yb[0] = yb[1] = 0;
        m.vjp1(u, h, w, yb, g);
      }
      for (int d = 0; d < 2; d++) u[d] = 0.5 + 0.01 * (product ? yb[d] : dy[d]);
    }
  }
  void finish() override {
    out.resize(product ? 254 : 2);
    memcpy(out.data(), product ? yb : dy, 2 * sizeof(double));
    if (product) m.unload(g, &out[2]);
  }
};

// in: parameters (n x 4); out: states at the end (n x 2) or at the 101 save points (n x 101 x 2)
struct Ensemble : Whole {
  vector<double> p;
  bool save;
  int threads;
  Ensemble(const double *in, long n, bool save, int threads) : p(in, in + n), save(save), threads(threads) {
    out.resize(n / 4 * (save ? 202 : 2));
  }
  void run() override {
    EnsState e;
    e.P = p.data(), e.n = p.size() / 4, e.save = save, e.out = out.data();
    vector<std::thread> others;
    for (int i = 1; i < threads; i++) others.emplace_back(ens_worker, &e);
    ens_worker(&e);
    for (auto &t : others) t.join();
  }
};
}  // namespace

extern "C" {
// A case by name, or null. `option` is the number of hidden units or of threads.
void *whole_open(const char *name, const double *in, long n, long option) {
  std::string c = name;
  int k = (int)option;
  if (c == "lv_solve" && n == 6) return static_cast<Whole *>(new LvSolve(in));
  if (c == "lv_gradient" && n == 208) return static_cast<Whole *>(new LvGradient(in));
  if ((c == "spiral_rhs" || c == "spiral_product") && n == 252)
    return static_cast<Whole *>(new SpiralLoop(in, c == "spiral_product"));
  if (c == "spiral_gradient" && n == 314)
    return static_cast<Whole *>(new Network<2>(in, 50, true, grid(0, 1.5, 30), 1.5, 1e-7, 1e-9, true));
  if (c == "spiral_training" && n == 314) return static_cast<Whole *>(new SpiralTraining(in));
  if ((c == "scaling_solve" || c == "scaling_gradient") && n == 33L * k + 16 + 16 + 160)
    return static_cast<Whole *>(new Network<16>(in, k, false, grid(0.1, 1, 10), 1, 1e-6, 1e-6, c == "scaling_gradient"));
  if ((c == "ensemble_final" || c == "ensemble_saves") && n % 4 == 0)
    return static_cast<Whole *>(new Ensemble(in, n, c == "ensemble_saves", k));
  return nullptr;
}
void whole_run(void *c) { static_cast<Whole *>(c)->run(); }
// What the last run computed; valid until the next run.
const double *whole_result(void *c, long *n) {
  Whole *w = static_cast<Whole *>(c);
  w->finish();
  *n = (long)w->out.size();
  return w->out.data();
}
long whole_evaluations(void *c) { return static_cast<Whole *>(c)->evaluations; }
void whole_close(void *c) { delete static_cast<Whole *>(c); }
}
