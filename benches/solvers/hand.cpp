// Hand-written methods for single problems, for `slopefield bench solvers`: Tsit5 with everything in registers, Rodas4
// with the elimination written out. The methods are those of ../peers/c/limits.cpp, compiled in unchanged. Parameters
// and start come in at run time.
#define main limits_program
#include "limits.cpp"
#undef main

namespace {
struct Peer {
  vector<double> u0, p, out;
  double t0, t1;
  long counts[4] = {0, 0, 0, 0};
  virtual void run(double rtol, double atol) = 0;
  virtual ~Peer() {}
};

struct RigidBody {
  const double *p;
  void operator()(const double *u, double *d) { d[0] = p[0] * u[1] * u[2], d[1] = p[1] * u[0] * u[2], d[2] = p[2] * u[0] * u[1]; }
};
struct Lorenz {
  const double *p;
  void operator()(const double *u, double *d) {
    d[0] = p[0] * (u[1] - u[0]), d[1] = u[0] * (p[1] - u[2]) - u[1], d[2] = u[0] * u[1] - p[2] * u[2];
  }
};
struct Predators {
  const double *p;
  void operator()(const double *u, double *d) {
    double xy = u[0] * u[1];
    d[0] = p[0] * u[0] - p[1] * xy, d[1] = p[3] * xy - p[2] * u[1];
  }
};
struct Stars {
  const double *p;
  void operator()(const double *u, double *d) {
    const double *x = u, *z = u + 7;
    double *ax = d + 14, *az = d + 21;
    for (int i = 0; i < 14; i++) d[i] = u[14 + i], d[14 + i] = 0;
    for (int i = 1; i < 7; i++)
      for (int j = 0; j < i; j++) {
        double dx = x[j] - x[i], dz = z[j] - z[i], s = dx * dx + dz * dz, c = 1 / (s * sqrt(s));
        ax[i] += (j + 1) * dx * c, az[i] += (j + 1) * dz * c, ax[j] -= (i + 1) * dx * c, az[j] -= (i + 1) * dz * c;
      }
  }
};

template <int N, class F> struct Explicit : Peer {
  void run(double rtol, double atol) override {
    F f{p.data()};
    int steps = 0;
    counts[1] = tsit5<double, N>(f, u0.data(), t0, t1, &t1, 1, out.data(), rtol, atol, &steps);
    counts[0] = steps;
  }
};

// One Jacobian per accepted step, one factorisation per attempt.
struct RodasRober : Peer {
  void run(double rtol, double atol) override {
    Rober<double> s;
    memcpy(s.k, p.data(), sizeof s.k);
    int steps = 0;
    counts[1] = rodas4<double>(s, 3, u0.data(), t0, t1, &t1, 1, out.data(), rtol, atol, 1e-6, &steps);
    counts[0] = counts[2] = counts[3] = steps;
  }
};
// The states come as all u, then all v; the method wants them by turns.
struct RodasLine : Peer {
  Bruss s;
  vector<double> z0, z;
  void run(double rtol, double atol) override {
    int n = Bruss::N, steps = 0;
    z0.resize(2 * n), z.resize(2 * n);
    for (int i = 0; i < n; i++) z0[2 * i] = u0[i], z0[2 * i + 1] = u0[n + i];
    counts[1] = rodas4<double>(s, 2 * n, z0.data(), t0, t1, &t1, 1, z.data(), rtol, atol, 1e-4, &steps);
    counts[0] = counts[2] = counts[3] = steps;
    for (int i = 0; i < n; i++) out[i] = z[2 * i], out[n + i] = z[2 * i + 1];
  }
};
}  // namespace

extern "C" {
// A problem with a method, or null where there is no such pair.
void *peer_open(const char *problem, const char *method, const double *u0, long n, const double *p, long m, double t0, double t1) {
  std::string which = std::string(method) + " " + problem;
  Peer *peer = which == "tsit5 lotka-volterra" ? static_cast<Peer *>(new Explicit<2, Predators>)
               : which == "tsit5 rigid-body"   ? static_cast<Peer *>(new Explicit<3, RigidBody>)
               : which == "tsit5 lorenz-5"     ? static_cast<Peer *>(new Explicit<3, Lorenz>)
               : which == "tsit5 pleiades"     ? static_cast<Peer *>(new Explicit<28, Stars>)
               : which == "rodas4 rober"       ? static_cast<Peer *>(new RodasRober)
               : which == "rodas4 brusselator-1d-200" ? static_cast<Peer *>(new RodasLine)
                                                      : nullptr;
  if (!peer) return nullptr;
  peer->u0.assign(u0, u0 + n), peer->p.assign(p, p + m), peer->out.resize(n);
  peer->t0 = t0, peer->t1 = t1;
  return peer;
}
int peer_run(void *peer, double rtol, double atol) {
  static_cast<Peer *>(peer)->run(rtol, atol);
  return 0;
}
const double *peer_result(void *peer) { return static_cast<Peer *>(peer)->out.data(); }
void peer_counts(void *peer, long *out) { memcpy(out, static_cast<Peer *>(peer)->counts, sizeof(long) * 4); }
void peer_close(void *peer) { delete static_cast<Peer *>(peer); }
}
