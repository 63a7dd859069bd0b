"""Write boehm.txt: the data of the case `boehm-gradient` of `slopefield bench training`, the loss and its gradient.

  VENV/bin/python boehm.py        (needs numpy and scipy)

The equations are those of boehm.slope. The gradient is by the logarithms of the parameters, from forward
sensitivities with derivatives by complex steps, in SciPy's Radau at 1e-11. The data are the model's own at these
parameters, moved up and down by fixed amounts.
"""
import os

import numpy as np
from scipy.integrate import solve_ivp

T = np.array([0, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 120, 160, 200, 240.0])
P = np.array([0.027, 1e-5, 0.0062, 0.0164, 97749, 15767, 3.85, 6.59, 3.15])
CYT, NUC, SPEC, TOTAL, RATIO = 1.4, 0.45, 0.107, 207.6, 0.693
U0 = np.array([TOTAL * RATIO, TOTAL * (1 - RATIO), 0, 0, 0, 0, 0, 0])


def f(t, u, p):
    A, B, pAA, pAB, pBB, nAA, nAB, nBB = u
    decay, e2, e1, i2, i1, k = p[:6]
    epo = 1.25e-7 * np.exp(-decay * t) * k
    return np.array([
        -2 * epo * A**2 - epo * A * B + NUC / CYT * (2 * e1 * nAA + e2 * nAB),
        -2 * epo * B**2 - epo * A * B + NUC / CYT * (2 * e1 * nBB + e2 * nAB),
        epo * A**2 - i1 * pAA, epo * A * B - i2 * pAB, epo * B**2 - i1 * pBB,
        CYT / NUC * i1 * pAA - e1 * nAA, CYT / NUC * i2 * pAB - e2 * nAB, CYT / NUC * i1 * pBB - e1 * nBB])


def observe(u):
    A, B, pAA, pAB, pBB = u[:5]
    a, b = SPEC, 1 - SPEC
    return np.array([(100 * pAB + 200 * pAA * a) / (pAB + A * a + 2 * pAA * a),
                     (100 * pAB + 200 * pBB * b) / (pAB + B * b + 2 * pBB * b),
                     (100 * pAB + 100 * A * a + 200 * pAA * a) / (2 * pAB + A * a + 2 * pAA * a + B * b + 2 * pBB * b)])


def columns(g, x):
    """the Jacobian of g by complex steps"""
    h = 1e-30
    return np.stack([g(x + 1j * h * e).imag / h for e in np.eye(len(x))], axis=1)


def augmented(t, z):
    u, S = z[:8], z[8:].reshape(8, 6)
    by_u = columns(lambda v: f(t, v, P.astype(complex)), u.astype(complex))
    by_p = columns(lambda q: f(t, u.astype(complex), np.concatenate([q, P[6:]])), P[:6].astype(complex))
    return np.concatenate([f(t, u, P), (by_u @ S + by_p * P[:6]).ravel()])


atol = np.concatenate([np.full(8, 1e-12), np.full(48, 1e-12)])
z = solve_ivp(augmented, (0, 240), np.concatenate([U0, np.zeros(48)]), method="Radau", t_eval=T, rtol=1e-11, atol=atol).y.T
y = np.array([observe(row[:8]) for row in z])
data = y + np.array([[(3, 5, 2)[o] * np.sin(2.7 * i + o) for o in range(3)] for i in range(len(T))])
loss, gradient = 0.0, np.zeros(9)
for row, m, d in zip(z, y, data):
    by_u = columns(observe, row[:8].astype(complex)) @ row[8:].reshape(8, 6)
    for o in range(3):
        sd, r = P[6 + o], m[o] - d[o]
        loss += 0.5 * np.log(2 * np.pi) + np.log(sd) + 0.5 * (r / sd) ** 2
        gradient[:6] += r / sd**2 * by_u[o]
        gradient[6 + o] += 1 - (r / sd) ** 2
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "boehm.txt"), "w") as out:
    for name, values in (("data", data), ("loss", [loss]), ("gradient", gradient)):
        values = np.ravel(values)
        out.write(f"# {name} {len(values)}\n")
        out.writelines(f"{float(v)!r}\n" for v in values)
