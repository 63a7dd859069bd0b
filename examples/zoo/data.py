"""Write the data of the models in this folder: exact solutions of known equations, computed with SciPy.

  VENV/bin/python data.py        (needs numpy and scipy)

Nothing is random: the noise of `likelihood` and the samples of `flow` come from a generator with a fixed seed.
"""
import os

import numpy as np
from scipy.integrate import solve_ivp

HERE = os.path.dirname(os.path.abspath(__file__))


def solve(f, t, u0, method="DOP853", **more):
    options = dict(rtol=1e-12, atol=1e-13) | more
    return solve_ivp(f, (t[0], t[-1]), u0, method=method, t_eval=t, **options).y.T


def write(path, comment, names, rows):
    with open(os.path.join(HERE, path), "w") as out:
        out.write("".join(f"# {line}\n" for line in comment.split("\n")) + ",".join(names) + "\n")
        out.writelines(",".join("" if np.isnan(x) else f"{x:.9g}" for x in row) + "\n" for row in rows)


def table(t, u):
    return np.column_stack([t, u])


# universal: Lotka-Volterra as in Rackauckas et al. 2020
t = np.linspace(0, 3, 31)
u = solve(lambda t, u: [1.3 * u[0] - 0.9 * u[0] * u[1], 0.8 * u[0] * u[1] - 1.8 * u[1]], t, [0.44249296, 4.6280594])
write("universal/data.csv", "x' = 1.3 x - 0.9 x y, y' = 0.8 x y - 1.8 y from (0.44249296, 4.6280594)", ["t", "x_seen", "y_seen"], table(t, u))

# augmented: one coordinate of an oscillation
t = np.linspace(0, 6, 41)
write("augmented/data.csv", "x = exp(-t/10) cos(2 t): it passes the same value rising and falling", ["t", "x_seen"],
      table(t, np.exp(-t / 10) * np.cos(2 * t)))

# second-order: a damped pendulum of which only the angle is seen
t = np.linspace(0, 8, 41)
u = solve(lambda t, u: [u[1], -np.sin(u[0]) - 0.2 * u[1]], t, [1.5, 0])
write("second-order/data.csv", "angle'' = -sin(angle) - 0.2 angle' from 1.5 at rest", ["t", "angle_seen"], table(t, u[:, 0]))

# hamiltonian: a pendulum without friction
t = np.linspace(0, 6, 31)
u = solve(lambda t, u: [u[1], -np.sin(u[0])], t, [1.5, 0])
write("hamiltonian/data.csv", "q' = p, p' = -sin(q) from (1.5, 0)", ["t", "q_seen", "p_seen"], table(t, u))

# delay: Nicholson's blowflies, scaled, with a delay of 1
t = np.linspace(0, 12, 61)
h = 1 / 400
steps = int(round(12 / h))
x = np.empty(2 * steps + 1)  # at half steps; the history is 0.5
birth = lambda v: 6 * v * np.exp(-v)
lag = int(round(1 / (h / 2)))
x[0] = 0.5
past = lambda i: 0.5 if i <= lag else x[i - lag]
for k in range(steps):  # the classical Runge-Kutta method; the delayed values stand on the grid of half steps
    i, b = 2 * k, [birth(past(2 * k + j)) for j in range(3)]
    k1 = b[0] - x[i]
    k2 = b[1] - (x[i] + h / 2 * k1)
    k3 = b[1] - (x[i] + h / 2 * k2)
    k4 = b[2] - (x[i] + h * k3)
    x[i + 2] = x[i] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    # the middle by the cubic through both ends and their slopes
    x[i + 1] = (x[i] + x[i + 2]) / 2 + h / 8 * (k1 - (b[2] - x[i + 2]))
write("delay/data.csv", "x'(t) = 6 x(t-1) exp(-x(t-1)) - x(t), x = 0.5 until 0", ["t", "x_seen"],
      table(t, x[(np.round(t / h) * 2).astype(int)]))


# algebraic and stiff: Robertson's kinetics
def robertson(t, u):
    r1, r2, r3 = 0.04 * u[0], 3e7 * u[1] ** 2, 1e4 * u[1] * u[2]
    return [r3 - r1, r1 - r2 - r3, r2]


t = np.linspace(0, 40, 21)
u = solve(robertson, t, [1, 0, 0], "Radau", rtol=1e-11, atol=1e-14)
write("algebraic/data.csv", "Robertson's kinetics; b in units of 1e-5", ["t", "a_seen", "b_seen", "c_seen"], table(t, u * [1, 1e5, 1]))
t = np.concatenate([[0], np.logspace(-4, 5, 37)])
u = solve(robertson, t, [1, 0, 0], "Radau", rtol=1e-11, atol=1e-14)
write("stiff/data.csv", "Robertson's kinetics to 1e5; b in units of 1e-5", ["t", "a_seen", "b_seen", "c_seen"], table(t, u * [1, 1e5, 1]))

# dosing: absorption and elimination by an enzyme, doses of 1 at 0, 6, 12 and 15
u, rows, doses = np.zeros(2), [], [0, 6, 12, 15, 20]
grid = np.linspace(0, 20, 81)
for begin, end in zip(doses, doses[1:]):
    u = u + [2, 0]
    at = grid[(grid > begin) & (grid <= end)]
    s = solve(lambda t, u: [-1.2 * u[0], 1.2 * u[0] - 0.6 * u[1] / (0.5 + u[1])], np.concatenate([[begin], at]), u)
    rows += [[a, r[1]] for a, r in zip(at, s[1:])]
    u = s[-1]
write("dosing/data.csv", "gut' = -1.2 gut, blood' = 1.2 gut - 0.6 blood/(0.5 + blood), gut rises by 2 at 0, 6, 12 and 15",
      ["t", "blood_seen"], rows)

# moments: an Ornstein-Uhlenbeck process from 2
t = np.linspace(0, 2, 21)[1:]
write("moments/data.csv", "mean and variance of dX = -X dt + 0.5 dW from X = 2", ["t", "mean_seen", "variance_seen"],
      np.column_stack([t, 2 * np.exp(-t), 0.125 * (1 - np.exp(-2 * t))]))

# likelihood: one path in a potential with two wells, seen with an error of 0.1
random = np.random.default_rng(6)
fine, every = 200, 0.2
x, rows = 0.0, []
for k in range(1, 401):
    for _ in range(fine):
        x += (x - x**3) * every / fine + 0.6 * np.sqrt(every / fine) * random.standard_normal()
    rows.append([k * every, x + 0.1 * random.standard_normal()])
write("likelihood/data.csv", "one path of dX = (X - X^3) dt + 0.6 dW from 0, measured with an error of standard deviation 0.1",
      ["t", "x_seen"], rows)

# jumps: the mean of dX = -X/2 dt + 0.1 dW from 1 that falls to 0.9 X five times per unit of time
t = np.linspace(0, 1, 6)[1:]
write("jumps/data.csv", "mean of dX = -X/2 dt + 0.1 dW from X = 1, with jumps to 0.9 X at the rate 5", ["t", "goal", "mean_seen"],
      np.column_stack([t, 0 * t, np.exp(-t)]))

# swirl: first and second moments of a linear equation with two noises, Z = diag(1, -1) and the exchange of both
decay, turn, stretch, shear = 0.5, 2.0, 0.4, 0.6


def swirl(t, u):
    x, y, xx, yy, xy = u
    return [-decay * x - turn * y, turn * x - decay * y,
            (stretch**2 - 2 * decay) * xx - 2 * turn * xy + shear**2 * yy,
            (stretch**2 - 2 * decay) * yy + 2 * turn * xy + shear**2 * xx,
            (shear**2 - stretch**2 - 2 * decay) * xy + turn * (xx - yy)]


t = np.linspace(0, 3, 13)
x, y, xx, yy, xy = solve(swirl, t, [2, 0, 4, 0, 0])[1:].T
write("swirl/data.csv", "means and variances of dX = -(X/2 + 2 Y) dt + 0.4 X dV + 0.6 Y dW, dY = (2 X - Y/2) dt - 0.4 Y dV + 0.6 X dW from (2, 0)",
      ["t", "x_mean", "y_mean", "x_variance", "y_variance"], np.column_stack([t[1:], x, y, xx - x * x, yy - y * y]))

# regulation: the master equation of births that fewer molecules make faster, cut off at 60 molecules
n = np.arange(61)
births, deaths = 12 / (1 + (n / 8) ** 2), 1.0 * n
births[-1] = 0


def master(t, p):
    out = -(births + deaths) * p
    out[1:] += (births * p)[:-1]
    out[:-1] += (deaths * p)[1:]
    return out


t = np.linspace(0, 3.2, 9)
p = solve(master, t, np.eye(61)[0])[1:]
mean = p @ n
write("regulation/data.csv", "mean and variance of births at the rate 12/(1 + (x/8)^2) and deaths at the rate x, from 0, by the master equation",
      ["t", "x_mean", "x_variance"], np.column_stack([t[1:], mean, p @ n**2 - mean**2]))

# flow: samples of a mixture of two normal distributions, as constants of the model
random = np.random.default_rng(2)
sample = np.sort(np.where(random.random(120) < 0.4, random.normal(-1.5, 0.4, 120), random.normal(1.2, 0.7, 120)))
numbers = [f"{v:.3f}" for v in sample]
lines = ["    " + ", ".join(numbers[i : i + 12]) for i in range(0, 120, 12)]
with open(os.path.join(HERE, "flow/model.slope"), "w") as out:
    out.write('''model "A continuous normalising flow"

# The flow z' = f(z) takes samples of an unknown density to a normal distribution; how it stretches the
# axis on the way gives the density. The layer is written out, so that its derivative can be.
const N = 120, M = 6

# 0.4 N(-1.5, 0.4) + 0.6 N(1.2, 0.7), in ascending order.
const sample = [
''' + ",\n".join(lines) + ''']

param gain[k in 1..M] = 0.3*cos(pi*k) ~ normal(0, 2)
param slope[k in 1..M] = 1 + 0.1*k ~ normal(1, 1)
param place[k in 1..M] = 0.5*(k - (M + 1)/2) ~ normal(0, 2)

state z[i in 1..N] = sample[i]
state stretch[i in 1..N] = 0

z[i]' = sum(gain[k]*tanh(slope[k]*z[i] + place[k]) for k in 1..M) for i in 1..N
stretch[i]' = sum(gain[k]*slope[k]*(1 - tanh(slope[k]*z[i] + place[k])^2) for k in 1..M) for i in 1..N

# Minus the logarithm of the density of all samples. Measured as 0 with a Laplace distribution, it adds itself to the loss.
let surprise = sum(z[i]^2/2 - stretch[i] + 0.5*ln(2*pi) for i in 1..N)
observe total = surprise with laplace(1)
''')
write("flow/data.csv", "the end of the flow", ["t", "total"], [[0, np.nan], [1, 0]])
