"""Writes values.txt: every function of the language at the edges of its domain and inside, from mpmath,
correctly rounded to double. Lines are `Name x y` or `Name x1 x2 y`, numbers as bit patterns.
"""
import math, random, struct
from mpmath import mp, mpf
import mpmath as m
mp.prec = 2400  # enough to tell exp(1e-300) from 1

random.seed(20260101)
inf, nan = math.inf, math.nan
bits = lambda x: "7ff8000000000000" if x != x else f"{struct.unpack('<Q', struct.pack('<d', x))[0]:016x}"


def to_double(v):
    """Rounds once, also to subnormal results (float() of mpmath does that)."""
    if isinstance(v, float):
        return v
    try:
        return float(v)
    except OverflowError:
        return inf if v > 0 else -inf


SIZES = [0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-20, 1e-16, 1e-9, 0.25, 0.5, 0.7071067811865476,
         1 - 2**-53, 1.0, 1 + 2**-52, 1.5, 2.0, 2.5, 3.0, 8.0, 18.3, 22.0, 37.5, 300.0, 708.5, 709.782712893384,
         709.7827128933841, 710.4758600739439, 710.48, 744.9, 745.1332191019412, 746.0, 1048576.0, 1048577.0,
         4503599627370495.5, 1e16, 1e22, 1e300, 1.7976931348623157e308]
EDGES = [s * x for x in SIZES for s in (1, -1)]
odd = lambda f: lambda x: x if x == 0 else f(mpf(x))
on = lambda low, high, f: lambda x: f(mpf(x)) if low <= x <= high else nan
big = lambda x: abs(x) > 1e17  # a whole number, and mpmath would take long


def gamma(x):
    if x == 0:
        return math.copysign(inf, x)
    if x < 0 and (big(x) or x == math.floor(x)):
        return nan
    if x > 172:
        return inf
    if x < -200:
        return math.copysign(0.0, 1 if math.floor(x) % 2 == 0 else -1)
    return m.gamma(mpf(x))


def ln_gamma(x):
    if x <= 0 and (big(x) or x == math.floor(x)):
        return inf
    x = mpf(x)
    if x < 0:  # reflection
        return m.log(m.pi / abs(m.sin(m.pi * x))) - m.loggamma(1 - x)
    return m.loggamma(x)



def gelu(x):
    if x == 0:
        return x
    return -0.0 if x < -60 else mpf(x) * m.erfc(-mpf(x) / m.sqrt(2)) / 2 if x < 60 else x


def erfc(x):
    return 0.0 if x > 60 else 2.0 if x < -60 else m.erfc(mpf(x))


def exponential(low, f):
    """Of a function of exponentials: saturates outside +-1000 instead of computing for long."""
    return lambda x: f(mpf(x)) if abs(x) < 1000 else inf if x > 0 else low


# name: function, values at +-infinity, random arguments from .. to
ROWS = {
    "Neg": (lambda x: -x, -inf, inf, -9, 9),
    "Not": (lambda x: float(x == 0), 0.0, 0.0, -9, 9),
    "Abs": (abs, inf, inf, -9, 9),
    "Sign": (lambda x: x if x == 0 else math.copysign(1, x), 1.0, -1.0, -9, 9),
    "Floor": (lambda x: x if big(x) or x == 0 else float(math.floor(x)), inf, -inf, -9, 9),
    "Ceil": (lambda x: x if big(x) or x == 0 else math.copysign(math.ceil(x), x), inf, -inf, -9, 9),
    "Round": (lambda x: x if big(x) or x == 0 else math.copysign(int(m.floor(abs(mpf(x)) + 0.5)), x), inf, -inf, -9, 9),
    "Sqrt": (lambda x: x if x == 0 else nan if x < 0 else m.sqrt(mpf(x)), inf, nan, 0, 9),
    "Cbrt": (odd(lambda x: m.cbrt(x) if x > 0 else -m.cbrt(-x)), inf, -inf, -100, 100),
    "Exp": (exponential(0.0, m.exp), inf, 0.0, -745, 709.7),
    "Expm1": (lambda x: x if x == 0 else exponential(-1.0, m.expm1)(x), inf, -1.0, -40, 709.7),
    "Ln": (lambda x: -inf if x == 0 else nan if x < 0 else m.log(mpf(x)), inf, nan, 0, 30),
    "Log2": (lambda x: -inf if x == 0 else nan if x < 0 else m.log(mpf(x)) / m.log(2), inf, nan, 0, 30),
    "Log10": (lambda x: -inf if x == 0 else nan if x < 0 else m.log10(mpf(x)), inf, nan, 0, 30),
    "Log1p": (lambda x: x if x == 0 else -inf if x == -1 else nan if x < -1 else m.log1p(mpf(x)), inf, nan, -1, 9),
    "Sin": (odd(m.sin), nan, nan, -1000, 1000),
    "Cos": (lambda x: m.cos(mpf(x)), nan, nan, -1000, 1000),
    "Tan": (odd(m.tan), nan, nan, -1000, 1000),
    "Asin": (lambda x: x if x == 0 else on(-1, 1, m.asin)(x), nan, nan, -1, 1),
    "Acos": (on(-1, 1, m.acos), nan, nan, -1, 1),
    "Atan": (odd(m.atan), to_double(m.pi / 2), to_double(-m.pi / 2), -9, 9),
    "Sinh": (lambda x: x if x == 0 else exponential(-inf, m.sinh)(x), inf, -inf, -710, 710),
    "Cosh": (exponential(inf, m.cosh), inf, inf, -710, 710),
    "Tanh": (odd(lambda x: m.tanh(x) if abs(x) < 1000 else m.sign(x)), 1.0, -1.0, -20, 20),
    "Asinh": (odd(m.asinh), inf, -inf, -9, 9),
    "Acosh": (lambda x: nan if x < 1 else 0.0 if x == 1 else m.acosh(mpf(x)), inf, nan, 1, 20),
    "Atanh": (lambda x: x if x == 0 else math.copysign(inf, x) if abs(x) == 1 else on(-1, 1, m.atanh)(x), nan, nan, -1, 1),
    "Sigmoid": (lambda x: 1 / (1 + m.exp(-mpf(x))) if abs(x) < 1000 else float(x > 0), 1.0, 0.0, -740, 40),
    "Softplus": (lambda x: m.log1p(m.exp(mpf(x))) if abs(x) < 1000 else max(x, 0.0), inf, 0.0, -740, 740),
    "Relu": (lambda x: max(x, 0.0) + 0.0, inf, 0.0, -9, 9),
    "Gelu": (gelu, inf, -0.0, -38, 9),
    "Erf": (odd(lambda x: m.erf(x) if abs(x) < 60 else m.sign(x)), 1.0, -1.0, -6, 6),
    "Erfc": (erfc, 0.0, 2.0, -6, 27),
    "Gamma": (gamma, inf, nan, -20, 171),
    "LnGamma": (ln_gamma, inf, inf, -20, 300),
    "Step": (lambda x: float(x >= 0), 1.0, 0.0, -9, 9),
}
EXTRA = {
    "Sin": [3.141592653589793, 355.0, 103993.0], "Cos": [1.5707963267948966, 11.0, 52174.0],
    "Tan": [1.5707963267948966, 0.7853981633974483, 11.0, 1e5],
    "Expm1": [0.3466, -0.3466, 0.34657359, 1.0397], "Ln": [0.7071, 1.4142, 0.9999999, 1.0000001, 1.7e308],
    "Log1p": [-0.2929, 0.4142, -0.9999999999], "Tanh": [0.17, -0.55, 0.9, 18.2, 18.7, 19.06],
    "Atan": [0.41421356237309503, 0.4142135623730951, 2.414213562373095, -2.4142135623730954],
    "Erf": [0.9999, 1.0001, 5.9], "Erfc": [0.4999, 0.5001, -0.4999, 26.5, 27.2], "Gelu": [0.7, 0.71, -0.71, -38.4],
    "Log2": [2.0**k for k in (-1074, -1022, -3, 1, 10, 1023)], "Log10": [10.0**k for k in (1, 2, 5, 15, 22)],
    "Cbrt": [27.0, -64.0, 1e-315], "Exp": [-708.5, -740.0], "Softplus": [36.0, 37.0, -36.0],
}

with open("values.txt", "w") as out:
    for name, (f, at_inf, at_minus_inf, low, high) in ROWS.items():
        xs = EDGES + EXTRA.get(name, []) + [random.uniform(low, high) for _ in range(16)]
        xs += [random.choice([-1, 1]) * 10.0 ** random.uniform(-18, 0) for _ in range(6)]
        for x in xs:
            print(name, bits(x), bits(to_double(f(x))), file=out)
        at_nan = 0.0 if name in ("Not", "Step") else nan
        for x, y in [(inf, at_inf), (-inf, at_minus_inf), (nan, at_nan)]:
            print(name, bits(x), bits(y), file=out)

    pairs = [(10.0 ** random.uniform(-3, 3), random.uniform(-80, 80)) for _ in range(25)]
    pairs += [(1.0000001, 1e9), (0.9999999, 1e9), (1.5, 1000.0), (0.7071067811865475, 2000.0), (2.0, 0.5), (10.0, 300.0),
              (1.4142135623730951, 1999.0), (1e-300, 0.9), (1e300, -1.02), (3.0, 400.0), (0.37, 715.0), (-2.0, 3.0),
              (-1.5, -4.0), (5e-324, 0.3), (2.0, -1074.0), (0.1, 320.0)]
    for x, y in pairs:
        v = mpf(x) ** int(y) if x < 0 else m.exp(mpf(y) * m.log(mpf(x)))
        print("Pow", bits(x), bits(y), bits(to_double(v)), file=out)
    for y in [0.0, -0.0, 1.0, -1.0, 1e-310, 1e300, inf, -inf, 0.3, -7.5]:
        for x in [0.0, -0.0, 1.0, -1.0, 1e-310, -1e300, inf, -inf, 2.5, -0.1]:
            exact = all(map(math.isfinite, (x, y))) and x != 0 and y != 0
            print("Atan2", bits(y), bits(x), bits(to_double(m.atan2(mpf(y), mpf(x))) if exact else math.atan2(y, x)), file=out)
