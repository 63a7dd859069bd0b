"""Coefficients of src/vmath by the Remez exchange; needs mpmath. Prints hexadecimal floats.

Each polynomial minimises the largest value of |g(x) - q(x)| over an interval. Coefficients
are then rounded to doubles; the second figure printed is the error after that.
"""
from mpmath import mp, mpf, matrix, lu_solve, exp, log, sqrt, sin, cos, pi, atan, erf, erfc, cbrt
mp.prec = 200


def fit(g, a, b, free):
    """The Remez exchange over the powers `free`."""
    n = len(free) + 1
    xs = [(a + b) / 2 - (b - a) / 2 * cos(pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    for _ in range(30):
        m = matrix(n, n)
        r = matrix(n, 1)
        for i, x in enumerate(xs):
            for j, p in enumerate(free):
                m[i, j] = x**p
            m[i, n - 1] = mpf(-1) ** i
            r[i] = g(x)
        s = lu_solve(m, r)
        c = {p: s[j] for j, p in enumerate(free)}
        e = lambda x: (g(x) - sum(v * x**p for p, v in c.items()))
        grid = [a + (b - a) * i / mpf(2000) for i in range(2001)]
        vals = [e(x) for x in grid]
        ext = []
        for i in range(len(grid)):
            l = abs(vals[i - 1]) if i else -1
            u = abs(vals[i + 1]) if i < len(grid) - 1 else -1
            if abs(vals[i]) >= l and abs(vals[i]) >= u:
                if ext and (vals[ext[-1]] > 0) == (vals[i] > 0):
                    if abs(vals[i]) > abs(vals[ext[-1]]):
                        ext[-1] = i
                else:
                    ext.append(i)
        while len(ext) > n:
            ext.pop(0 if abs(vals[ext[0]]) < abs(vals[ext[-1]]) else -1)
        if len(ext) < n:
            break
        new = [grid[i] for i in ext]
        if max(abs(p - q) for p, q in zip(new, xs)) < (b - a) / 4000:
            break
        xs = new
    return c, max(abs(v) for v in vals)


def rounded(name, g, a, b, powers):
    c, first = fit(g, mpf(a), mpf(b), powers)
    fixed = {p: mpf(float(c[p])) for p in powers}
    xs = [mpf(a) + (mpf(b) - mpf(a)) * i / 2000 for i in range(2001)]
    last = max(abs(g(x) - sum(v * x**p for p, v in fixed.items())) for x in xs)
    print(f"{name}: minimax {mp.nstr(first, 3)}, after rounding {mp.nstr(last, 3)}")
    for p in powers:
        v = float(fixed[p])
        print(f"  x^{p}: {v.hex()}  {v!r}")


a = log(2) / 2 * mpf("1.0001")

# exp(r) = 1 + r + r^2 q(r)
def q_exp(x):
    if abs(x) < mpf("1e-8"):
        return mpf(1) / 2 + x / 6 + x * x / 24 + x**3 / 120
    return (exp(x) - 1 - x) / x**2
rounded("exp", q_exp, -a, a, list(range(0, 10)))
# expm1(r) = r + r^2 q(r)
rounded("expm1", q_exp, -a, a, list(range(0, 11)))

# ln((1+s)/(1-s)) = 2 s + s^3 q(s^2) with s^2 in [0, (sqrt2-1)^2/(sqrt2+1)^2]
zm = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2 * mpf("1.0002")
def q_ln(z):
    if z < mpf("1e-20"):
        return mpf(2) / 3 + 2 * z / 5
    s = sqrt(z)
    return (log((1 + s) / (1 - s)) - 2 * s) / s**3
rounded("ln", q_ln, 0, zm, list(range(0, 7)))
# the same without its first term 2/3, for pow: 2 s + 2/3 s^3 + s^5 q(s^2)
def q_pow(z):
    if z < mpf("1e-20"):
        return mpf(2) / 5 + 2 * z / 7
    s = sqrt(z)
    return (log((1 + s) / (1 - s)) - 2 * s - 2 * s**3 / 3) / s**5
rounded("pow", q_pow, 0, zm, list(range(0, 8)))

# sin(r) = r + r^3 q(r^2), cos(r) = 1 - r^2/2 + r^4 q(r^2) on |r| <= pi/4
tm = (pi / 4) ** 2 * mpf("1.0002")
def q_sin(z):
    if z < mpf("1e-20"):
        return -mpf(1) / 6 + z / 120
    r = sqrt(z)
    return (sin(r) - r) / r**3
def q_cos(z):
    if z < mpf("1e-18"):
        return mpf(1) / 24 - z / 720
    r = sqrt(z)
    return (cos(r) - 1 + z / 2) / z**2
rounded("sin", q_sin, 0, tm, list(range(0, 6)))
rounded("cos", q_cos, 0, tm, list(range(0, 6)))


# m^(-1/3) on [sqrt(1/2), sqrt 2], a first guess
rounded("cbrt", lambda m: 1 / cbrt(m), sqrt(mpf(1) / 2) * mpf("0.9999"), sqrt(mpf(2)) * mpf("1.0001"), list(range(0, 7)))

# atan(t) = t + t^3 q(t^2) on |t| <= tan(pi/8)
def q_atan(z):
    if z < mpf("1e-20"):
        return -mpf(1) / 3 + z / 5
    t = sqrt(z)
    return (atan(t) - t) / t**3
rounded("atan", q_atan, 0, (sqrt(2) - 1) ** 2 * mpf("1.0002"), list(range(0, 11)))

# erf(x) = x (2 / sqrt pi + x^2 q(x^2)) on |x| <= 1
def q_erf(z):
    if z < mpf("1e-20"):
        return 2 / sqrt(pi) * (-mpf(1) / 3 + z / 10)
    x = sqrt(z)
    return (erf(x) / x - 2 / sqrt(pi)) / z
rounded("erf", q_erf, 0, mpf("1.0001"), list(range(0, 12)))
two = 2 / sqrt(pi)
print("2/sqrt pi", float(two).hex(), float(two - mpf(float(two))).hex())

# (1 + 2 x) exp(x^2) erfc(x) in t = (x - 4) / (x + 4) for 0 <= x <= 28
def q_erfc(t):
    x = 4 * (1 + t) / (1 - t)
    return (1 + 2 * x) * exp(x * x) * erfc(x)
rounded("erfc", q_erfc, -1, mpf(24) / 32 * mpf("1.0001"), list(range(0, 23)))


def split(name, x, bits, parts):
    """Leading parts of `bits` bits each, then one full double."""
    print(name)
    for _ in range(parts):
        m, e = mp.frexp(x)
        hi = mp.ldexp(mp.floor(mp.ldexp(m, bits)) if m > 0 else mp.ceil(mp.ldexp(m, bits)), e - bits)
        print("  ", float(hi).hex())
        x -= hi
    print("  ", float(x).hex())
split("ln 2", log(2), 41, 1)
split("pi / 2", pi / 2, 33, 3)
split("log10 2", log(2) / log(10), 41, 1)
for name, v in [("1/ln 2", 1 / log(2)), ("1/ln 10", 1 / log(10)), ("pi/4", pi / 4)]:
    print(name, float(v).hex(), float(v - mpf(float(v))).hex())
print("2/pi", float(2 / pi).hex(), "log2(e)", float(1 / log(2)).hex())
hi = float(mpf(2) / 3)
print("2/3", hi.hex(), float(mpf(2) / 3 - mpf(hi)).hex())
