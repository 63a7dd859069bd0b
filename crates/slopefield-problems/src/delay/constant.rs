//! Lags that depend on parameters alone.

use super::{delayed, value};
use crate::Problem;
use crate::problem::{Class, TIGHT, model};

delayed! {
    MackeyGlass, MackeyGlassLags, MackeyGlassHistory: 1, 3;
    reads [value(0, 0)], constant [true];
    (_, u, p, out) {
        let past = u(1);
        out(0, p(0) * past / (past.powf(10.0) + 1.0) - p(1) * u(0));
    }
    lags (_, _, p, out) {
        out(0, p(2));
    }
    history (_, _, out) {
        out(0, N::of(0.5));
    }
}

/// Blood production, parameters `(0.2, 0.1, lag 14)`, chaotic later; problem A1.
///
/// M. C. Mackey, L. Glass, *Oscillation and chaos in physiological control systems*, Science 197
/// (1977) 287, doi:10.1126/science.267326.
pub fn mackey_glass() -> Problem {
    Problem::new(
        ("mackey-glass", "Mackey–Glass blood production (A1)"),
        Class::Delay,
        MackeyGlass,
        (0.0, 500.0),
        vec![0.5],
        vec![0.2, 0.1, 14.0],
    )
    .known(14.0, &[0.87596649], 5e-9, TIGHT)
    .known(100.0, &[0.82818775], 5e-9, TIGHT)
    .known(500.0, &[1.01044311], 5e-9, TIGHT)
    .with_text(model!("mackey_glass"))
}

delayed! {
    Granulopoiesis, GranulopoiesisLags, GranulopoiesisHistory: 2, 1;
    reads [value(0, 0)], constant [true];
    (_, u, _, out) {
        let loss = u(0) * 10.0 / (u(1) * 40.0 + 1.0);
        let production = N::of(1.1) / (u(2).powf(1.25) * 10_f64.sqrt() + 1.0);
        out(0, production - loss);
        out(1, loss * 10.0 - u(1) * 2.43);
    }
    lags (_, _, p, out) {
        out(0, p(0));
    }
    history (_, _, out) {
        out(0, N::of(GRANULOPOIESIS_START[0]));
        out(1, N::of(GRANULOPOIESIS_START[1]));
    }
}

const GRANULOPOIESIS_START: [f64; 2] = [1.05767027 / 3.0, 1.030713491 / 3.0];

/// Chronic granulocytic leukemia, parameter lag 20; problem A2.
///
/// T. E. Wheldon, J. Kirk, H. M. Finlay, *Cyclical granulopoiesis in chronic granulocytic
/// leukemia: a simulation study*, Blood 43 (1974) 379.
pub fn granulopoiesis() -> Problem {
    Problem::new(
        ("granulopoiesis", "Cyclical granulopoiesis (A2)"),
        Class::Delay,
        Granulopoiesis,
        (0.0, 100.0),
        GRANULOPOIESIS_START.to_vec(),
        vec![20.0],
    )
    .with_text(model!("granulopoiesis"))
}

delayed! {
    UnitDelay, UnitDelayLags, UnitDelayHistory: 1, 1;
    reads [value(0, 0)], constant [true], jump true;
    (_, u, _, out) {
        out(0, -u(1));
    }
    lags (_, _, p, out) {
        out(0, p(0));
    }
    history (_, _, out) {
        out(0, N::of(0.0));
    }
}

/// `u' = −u(t − τ)` with history 0 and start 1, parameter τ = 1: the solution is a polynomial of
/// degree `k` on the `k`-th interval, `Σ_j (−1)^j (t − jτ)^j / j!`.
pub fn unit_delay() -> Problem {
    Problem::new(
        ("unit-delay", "Linear equation with one lag"),
        Class::Delay,
        UnitDelay,
        (0.0, 10.0),
        vec![1.0],
        vec![1.0],
    )
    .with_exact(|t, t0, u0, p, out| {
        let (mut sum, mut factorial) = (0.0, 1.0);
        for j in 0..40_i32 {
            let since = t - t0 - f64::from(j) * p[0];
            if j > 0 {
                factorial *= -f64::from(j);
            }
            if since >= 0.0 {
                sum += since.powi(j) / factorial;
            }
        }
        out[0] = u0[0] * sum;
    })
    .with_text(model!("unit_delay"))
}

delayed! {
    DelayLogistic, DelayLogisticLags, DelayLogisticHistory: 1, 2;
    reads [value(0, 0)], constant [true];
    (_, u, p, out) {
        out(0, p(0) * u(0) * (-u(1) + 1.0));
    }
    lags (_, _, p, out) {
        out(0, p(1));
    }
    history (_, _, out) {
        out(0, N::of(0.5));
    }
}

/// `u' = r u (1 − u(t − τ))`, parameters `(r, τ) = (1.8, 1)`.
///
/// G. E. Hutchinson, *Circular causal systems in ecology*, Ann. N. Y. Acad. Sci. 50 (1948) 221,
/// doi:10.1111/j.1749-6632.1948.tb39854.x.
pub fn delay_logistic() -> Problem {
    Problem::new(
        ("delay-logistic", "Hutchinson's logistic equation"),
        Class::Delay,
        DelayLogistic,
        (0.0, 20.0),
        vec![0.5],
        vec![1.8, 1.0],
    )
    .known(20.0, &[0.20530062], 5e-9, TIGHT)
    .with_text(model!("delay_logistic"))
}

delayed! {
    DelayLotkaVolterra, DelayLotkaVolterraLags, DelayLotkaVolterraHistory: 2, 5;
    reads [value(0, 0)], constant [true];
    (_, u, p, out) {
        out(0, (p(0) - p(1) * u(1)) * u(2));
        out(1, (p(2) * u(0) - p(3)) * u(1));
    }
    lags (_, _, p, out) {
        out(0, p(4));
    }
    history (_, _, out) {
        out(0, N::of(1.0));
        out(1, N::of(1.0));
    }
}

/// Predator and prey with a delay in reproduction: `x' = (α − βy) x(t − τ)`, `y' = (δx − γ) y`,
/// parameters `(α, β, δ, γ, τ) = (2.2, 1, 2, 0.4, 0.1)`.
pub fn delay_lotka_volterra() -> Problem {
    Problem::new(
        ("delay-lotka-volterra", "Lotka–Volterra with a delay"),
        Class::Delay,
        DelayLotkaVolterra,
        (0.0, 10.0),
        vec![1.0, 1.0],
        vec![2.2, 1.0, 2.0, 0.4, 0.1],
    )
    .known(10.0, &[1.21337012, 3.41594294], 5e-9, TIGHT)
    .with_text(model!("delay_lotka_volterra"))
}

delayed! {
    DelayRobertson, DelayRobertsonLags, DelayRobertsonHistory: 3, 4;
    reads [value(1, 0)], constant [true];
    (_, u, p, out) {
        let slow = p(0) * u(0);
        let fast = p(1) * u(1).square();
        let back = p(2) * u(3) * u(2);
        out(0, back - slow);
        out(1, slow - back - fast);
        out(2, fast);
    }
    lags (_, _, p, out) {
        out(0, p(3));
    }
    history (_, _, out) {
        out(0, N::of(1.0));
        out(1, N::of(0.0));
        out(2, N::of(0.0));
    }
}

/// Robertson's reaction with a delay of 0.01 in one species, parameters `(k1, k2, k3, τ)`, stiff,
/// to t = 1e10.
///
/// N. Guglielmi, E. Hairer, *Implementing Radau IIA methods for stiff delay differential
/// equations*, Computing 67 (2001) 1, doi:10.1007/s006070170013.
pub fn delay_robertson() -> Problem {
    Problem::new(
        ("delay-rober", "Robertson's reaction with a delay"),
        Class::Delay,
        DelayRobertson,
        (0.0, 1e10),
        vec![1.0, 0.0, 0.0],
        vec![0.04, 3e7, 1e4, 0.01],
    )
    .with_text(model!("delay_rober"))
}
