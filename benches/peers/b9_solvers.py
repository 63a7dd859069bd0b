"""B9: work and precision of SciPy, numbalsoda, diffrax and torchsde on the standard problems of `slopefield bench solvers`.
Cases are called "PROBLEM: METHOD rtol TOLERANCE"; `error` is the largest error at the end relative to each value (as
the command counts it), `value` the median time of one solve without start-up and compilation. Right-hand sides and
Jacobians are written as a user of the tool writes them: NumPy or plain Python for SciPy, jax.numpy for diffrax, numba
callbacks (machine code, nothing of Python within a solve) for numbalsoda."""
from common import Bench

B = Bench("B9", __doc__)
TOLERANCES = (1e-4, 1e-6, 1e-8)
# of LSODA in machine code, which is compared at every error from 1e-4 to 1e-10
ALL_TOLERANCES = tuple(10.0 ** -k for k in range(3, 11))

# name: (f(xp, u, p), jacobian or None, u0, p, t1, reference, atol / rtol, floor, stiff)


def lv(xp, u, p):
    return xp.array([p[0] * u[0] - p[1] * u[0] * u[1], p[3] * u[0] * u[1] - p[2] * u[1]])


def rigid(xp, u, p):
    return xp.array([p[0] * u[1] * u[2], p[1] * u[0] * u[2], p[2] * u[0] * u[1]])


def lorenz(xp, u, p):
    return xp.array([p[0] * (u[1] - u[0]), u[0] * (p[1] - u[2]) - u[1], u[0] * u[1] - p[2] * u[2]])


def rober(xp, u, p):
    a, b, c = p[0] * u[0], p[1] * u[1] * u[1], p[2] * u[1] * u[2]
    return xp.array([c - a, a - c - b, b])


def rober_j(xp, u, p):
    return xp.array([[-p[0], p[2] * u[2], p[2] * u[1]], [p[0], -2 * p[1] * u[1] - p[2] * u[2], -p[2] * u[1]], [0.0, 2 * p[1] * u[1], 0.0]])


def hires(xp, u, p):
    bind = p[9] * u[5] * u[7]
    return xp.array([
        -p[0] * u[0] + p[1] * u[1] + p[2] * u[2] + p[3], p[0] * u[0] - p[4] * u[1], -p[5] * u[2] + p[1] * u[3] + p[6] * u[4],
        p[2] * u[1] + p[0] * u[2] - p[7] * u[3], -p[8] * u[4] + p[1] * (u[5] + u[6]),
        -bind + p[10] * (u[3] + u[6]) + p[0] * u[4] - p[1] * u[5], bind - p[11] * u[6], p[11] * u[6] - bind])


def orego(xp, u, p):
    return xp.array([p[0] * (u[1] + u[0] * (1 - p[1] * u[0] - u[1])), (u[2] - (1 + u[0]) * u[1]) / p[0], p[2] * (u[0] - u[2])])


def vdp(xp, u, p):
    return xp.array([u[1], ((1 - u[0] * u[0]) * u[1] - u[0]) / p[0]])


# Pollution: what each of 25 reactions consumes, and what it makes, by number of the species.
POLLU = [((0,), (1, 2)), ((1, 3), (0,)), ((4, 1), (0, 5)), ((6,), (4, 4, 7)), ((6,), (7,)), ((6, 5), (4, 7)), ((8,), (4, 7, 9)),
         ((8, 5), (10,)), ((10, 1), (0, 9, 11)), ((10, 0), (12,)), ((12,), (0, 10)), ((9, 1), (0, 13)), ((13,), (4, 6)),
         ((0, 5), (14,)), ((2,), (3,)), ((3,), (15,)), ((3,), (2,)), ((15,), (5, 5)), ((15,), (2,)), ((16, 5), (4, 17)),
         ((18,), (1,)), ((18,), (0, 2)), ((0, 3), (18,)), ((18, 0), (19,)), ((19,), (0, 18))]


def pollu(xp, u, p):
    d = [0.0] * 20
    for k, (consumed, made) in zip(p, POLLU):
        rate = k
        for i in consumed:
            rate = rate * u[i]
        for i in consumed:
            d[i] = d[i] - rate
        for i in made:
            d[i] = d[i] + rate
    return xp.array(d)


PROBLEMS = {
    "lotka-volterra": (lv, None, [1, 1], [1.5, 1, 3, 1], 10, [1.0263447675750893, 0.9096910781360416], 1, 1e-2, False),
    "rigid-body": (rigid, None, [1, 0, 0.9], [-2, 1.25, -0.5], 20,
                   [0.6062038539648122, 0.628747210450178, 0.8073851485756026], 1, 1e-2, False),
    "lorenz-5": (lorenz, None, [1, 0, 0], [10, 28, 8 / 3], 5,
                 [-6.974570472684818, -7.021060890822531, 25.119616492127594], 1, 1e-2, False),
    "rober": (rober, rober_j, [1, 0, 0], [0.04, 3e7, 1e4], 1e5,
              [0.0178659211421, 7.274751468437e-8, 0.9821340061104], 1e-4, 0, True),
    "hires": (hires, None, [1, 0, 0, 0, 0, 0, 0, 0.0057],
              [1.71, 0.43, 8.32, 0.0007, 8.75, 10.03, 0.035, 1.12, 1.745, 280, 0.69, 1.81], 321.8122,
              [0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
               0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2], 1e-4, 0, True),
    "orego": (orego, None, [1, 2, 3], [77.27, 8.375e-6, 0.161], 360,
              [1.000814870318523, 1228.178521549917, 132.0554942846706], 1e-2, 0, True),
    "pollu": (pollu, None, [0, 0.2, 0, 0.04, 0, 0, 0.1, 0.3, 0.01, 0, 0, 0, 0, 0, 0, 0, 0.007, 0, 0, 0],
              [0.35, 26.6, 1.23e4, 8.6e-4, 8.2e-4, 1.5e4, 1.3e-4, 2.4e4, 1.65e4, 9e3, 0.022, 1.2e4, 1.88, 1.63e4, 4.8e6, 3.5e-4,
               0.0175, 1e8, 4.44e11, 1240, 2.1, 5.78, 0.0474, 1780, 3.12], 60,
              [0.5646255480022769e-1, 0.1342484130422339, 0.4139734331099427e-8, 0.5523140207484359e-2, 0.2018977262302196e-6,
               0.1464541863493966e-6, 0.7784249118997964e-1, 0.3245075353396018, 0.7494013383880406e-2, 0.1622293157301561e-7,
               0.1135863833257075e-7, 0.2230505975721359e-2, 0.208716288279863e-3, 0.1396921016840158e-4, 0.8964884856898295e-2,
               0.4352846369330103e-17, 0.6899219696263405e-2, 0.1007803037365946e-3, 0.1772146513969984e-5, 0.5682943292316392e-4],
              1e-4, 1e-6, True),
    "vdp": (vdp, None, [2, 0], [1e-6], 2, [1.706167732170, -0.892809701025], 1e-2, 0, True),
}


def worst(found, problem):
    reference, floor = PROBLEMS[problem][5], PROBLEMS[problem][7]
    largest = max(abs(x) for x in reference)
    return max(abs(a - b) / max(abs(b), floor * largest) for a, b in zip(found, reference))


def scipy_case(problem, method, rtol):
    def run(ctx):
        import numpy as np
        from scipy.integrate import solve_ivp
        f, jac, u0, p, t1, _, absolute, _, _ = PROBLEMS[problem]
        u0, p = np.array(u0, float), np.array(p, float)
        options = {"jac": lambda t, u: jac(np, u, p)} if jac and method in ("Radau", "BDF") else {}
        go = lambda: solve_ivp(lambda t, u: f(np, u, p), (0, t1), u0, method=method, rtol=rtol, atol=absolute * rtol,
                               t_eval=[t1], **options)
        s = ctx.first(go)
        ctx.time(go)
        return dict(error=worst(s.y[:, -1], problem), rhs_evals=int(s.nfev))
    return run


def in_place(problem):
    """The right-hand side as numba compiles it, writing to `d`; for pollu, the text of its reactions written out."""
    if problem == "rober":
        def f(t, u, d, p):
            a, b, c = p[0] * u[0], p[1] * u[1] * u[1], p[2] * u[1] * u[2]
            d[0], d[1], d[2] = c - a, a - c - b, b
    elif problem == "hires":
        def f(t, u, d, p):
            bind = p[9] * u[5] * u[7]
            d[0] = -p[0] * u[0] + p[1] * u[1] + p[2] * u[2] + p[3]
            d[1] = p[0] * u[0] - p[4] * u[1]
            d[2] = -p[5] * u[2] + p[1] * u[3] + p[6] * u[4]
            d[3] = p[2] * u[1] + p[0] * u[2] - p[7] * u[3]
            d[4] = -p[8] * u[4] + p[1] * (u[5] + u[6])
            d[5] = -bind + p[10] * (u[3] + u[6]) + p[0] * u[4] - p[1] * u[5]
            d[6] = bind - p[11] * u[6]
            d[7] = p[11] * u[6] - bind
    elif problem == "orego":
        def f(t, u, d, p):
            d[0] = p[0] * (u[1] + u[0] * (1 - p[1] * u[0] - u[1]))
            d[1] = (u[2] - (1 + u[0]) * u[1]) / p[0]
            d[2] = p[2] * (u[0] - u[2])
    elif problem == "vdp":
        def f(t, u, d, p):
            d[0], d[1] = u[1], ((1 - u[0] * u[0]) * u[1] - u[0]) / p[0]
    elif problem == "pollu":
        lines = [f" r{r} = p[{r}] * " + " * ".join(f"u[{i}]" for i in consumed) for r, (consumed, _) in enumerate(POLLU)]
        for i in range(20):
            made = "".join(f" + r{r}" * out.count(i) + f" - r{r}" * consumed.count(i) for r, (consumed, out) in enumerate(POLLU))
            lines.append(f" d[{i}] = 0.0{made}")
        scope = {}
        exec("def f(t, u, d, p):\n" + "\n".join(lines), scope)
        f = scope["f"]
    return f


def lsoda_case(problem, rtol):
    def run(ctx):
        import numba
        import numbalsoda
        import numpy as np
        _, _, u0, p, t1, _, absolute, _, _ = PROBLEMS[problem]
        u0, p, times = np.array(u0, float), np.array(p, float), np.array([0.0, t1])
        address = numba.cfunc(numbalsoda.lsoda_sig)(in_place(problem)).address
        go = lambda: numbalsoda.lsoda(address, u0, times, data=p, rtol=rtol, atol=absolute * rtol, mxstep=100_000)
        u, succeeded = ctx.first(go)
        if not succeeded:
            raise RuntimeError("LSODA did not reach the end")
        ctx.time(go)
        return dict(error=worst(u[-1], problem), notes="ODEPACK's LSODA in C++, Jacobian by differences")
    return run


def diffrax_case(problem, method, rtol):
    def run(ctx):
        import jax
        jax.config.update("jax_enable_x64", True)
        import diffrax
        import jax.numpy as jnp
        f, _, u0, p, t1, _, absolute, _, _ = PROBLEMS[problem]
        u0, p = jnp.array(u0, float), jnp.array(p, float)
        solver = getattr(diffrax, method)()
        control = diffrax.PIDController(rtol=rtol, atol=absolute * rtol)

        @jax.jit
        def solve(u0, p):
            term = diffrax.ODETerm(lambda t, u, p: f(jnp, u, p))
            return diffrax.diffeqsolve(term, solver, 0.0, float(t1), None, u0, p, stepsize_controller=control,
                                       max_steps=1_000_000, saveat=diffrax.SaveAt(t1=True)).ys[-1]

        go = lambda: solve(u0, p).block_until_ready()
        end = ctx.first(go)
        ctx.time(go)
        return dict(error=worst([float(x) for x in end], problem))
    return run


def torchsde_case(method, steps, paths=10_000):
    def run(ctx):
        import torch
        import torchsde
        torch.set_num_threads(1)
        mu, sigma = 1.01, 0.87

        class Sde:
            noise_type, sde_type = "diagonal", "ito"

            def f(self, t, y):
                return mu * y

            def g(self, t, y):
                return sigma * y

        y0 = torch.full((paths, 1), 0.5, dtype=torch.float64)
        ts = torch.tensor([0.0, 1.0], dtype=torch.float64)

        def go():
            w = torchsde.BrownianInterval(0.0, 1.0, size=(paths, 1), dtype=torch.float64, entropy=1,
                                          levy_area_approximation="space-time")
            with torch.no_grad():
                return torchsde.sdeint(Sde(), y0, ts, bm=w, method=method, dt=1 / steps)[-1], w

        end, w = ctx.first(go)
        exact = 0.5 * torch.exp((mu - sigma ** 2 / 2) + sigma * w(0.0, 1.0))
        error = float(((end - exact) ** 2).mean().sqrt())
        ctx.time(go)
        return dict(error=error, notes=f"{paths} paths, {steps} steps")
    return run


for problem, entry in PROBLEMS.items():
    for rtol in TOLERANCES:
        for method in ("Radau", "BDF", "LSODA") if entry[8] else ("RK45", "DOP853", "LSODA"):
            B.case("scipy", f"{problem}: {method} rtol {rtol:g}")(scipy_case(problem, method, rtol))
        for method in ("Kvaerno5",) if entry[8] else ("Tsit5", "Dopri8"):
            B.case("diffrax", f"{problem}: {method} rtol {rtol:g}")(diffrax_case(problem, method, rtol))
    if entry[8]:
        for rtol in ALL_TOLERANCES:
            B.case("numbalsoda", f"{problem}: LSODA rtol {rtol:g}")(lsoda_case(problem, rtol))
for method in ("euler", "milstein", "srk"):
    for steps in (16, 64, 256):
        B.case("torchsde", f"gbm: {method} steps {steps}")(torchsde_case(method, steps))

if __name__ == "__main__":
    B.main()
