//! Lags that depend on time and state; some vanish.

use super::{delayed, value};
use crate::Problem;
use crate::problem::{Class, model};

delayed! {
    B1, B1Lags, B1History: 1, 0;
    reads [value(0, 0)], constant [false];
    (_, u, _, out) {
        out(0, -u(1) + 1.0);
    }
    lags (t, _, _, out) {
        out(0, t - (-(N::of(1.0) / t) + 1.0).exp());
    }
    history (t, _, out) {
        out(0, t.ln());
    }
}

/// `u' = 1 − u(exp(1 − 1/t))` from t = 0.1; the lag vanishes at t = 1. Exact: `log t`.
pub fn ddetst_b1() -> Problem {
    let u0 = vec![0.1_f64.ln()];
    Problem::new(("ddetst-b1", "DDETST B1"), Class::Delay, B1, (0.1, 10.0), u0, Vec::new())
        .with_exact(|t, _, _, _, out| out[0] = t.ln())
        .with_text(model!("ddetst_b1"))
}

delayed! {
    B2, B2Lags, B2History: 1, 0;
    reads [value(0, 0)], constant [false];
    (_, u, _, out) {
        out(0, N::choose(u(1), N::of(-1.0), N::of(1.0)) - u(0));
    }
    lags (t, _, _, out) {
        out(0, t / 2.0);
    }
    history (_, _, out) {
        out(0, N::of(1.0));
    }
}

/// `u' = −1 − u + 2 [u(t/2) < 0]` to `t = 2 ln 66`; the lag vanishes at the start, the right-hand
/// side jumps at `2 ln 2` and `2 ln 6`.
pub fn ddetst_b2() -> Problem {
    let end = 2.0 * 66_f64.ln();
    Problem::new(("ddetst-b2", "DDETST B2"), Class::Delay, B2, (0.0, end), vec![1.0], Vec::new())
        .with_exact(|t, _, _, _, out| {
            let fall = (-t).exp();
            out[0] = match t {
                t if t <= 2.0 * 2_f64.ln() => 2.0 * fall - 1.0,
                t if t <= 2.0 * 6_f64.ln() => 1.0 - 6.0 * fall,
                _ => 66.0 * fall - 1.0,
            };
        })
        .with_text(model!("ddetst_b2"))
}

delayed! {
    Neves, NevesLags, NevesHistory: 1, 0;
    reads [value(0, 0)], constant [false];
    (t, u, _, out) {
        out(0, u(0) * u(1) / t);
    }
    lags (t, u, _, out) {
        out(0, t - u(0).ln());
    }
    history (_, _, out) {
        out(0, N::of(1.0));
    }
}

/// `u' = u u(ln u) / t` from t = 1 to t = 12, with u = 1 before. Exact: `t` up to e, `exp(t/e)` up to
/// e², then `(e/(3 − ln t))^e`; derivatives of higher and higher order jump at e and e², where the
/// delayed time passes 1 and e.
///
/// K. W. Neves, *Automatic integration of functional differential equations: an approach*, ACM Trans.
/// Math. Softw. 1 (1975) 357, doi:10.1145/355656.355661.
pub fn neves() -> Problem {
    Problem::new(("neves", "Neves"), Class::Delay, Neves, (1.0, 12.0), vec![1.0], Vec::new())
        .with_exact(|t, _, _, _, out| {
            let e = std::f64::consts::E;
            out[0] = match t {
                t if t <= e => t,
                t if t <= e * e => (t / e).exp(),
                _ => (e / (3.0 - t.ln())).powf(e),
            };
        })
        .with_text(model!("neves"))
}

delayed! {
    C1, C1Lags, C1History: 1, 0;
    reads [value(0, 0)], constant [false];
    (_, u, _, out) {
        out(0, u(1) * (u(0).square() - 1.0) * 2.0);
    }
    lags (_, u, _, out) {
        out(0, u(0).abs() + 1.0);
    }
    history (_, _, out) {
        out(0, N::of(0.5));
    }
}

/// `u' = −2 u(t − 1 − |u|) (1 − u²)`.
pub fn ddetst_c1() -> Problem {
    Problem::new(("ddetst-c1", "DDETST C1"), Class::Delay, C1, (0.0, 30.0), vec![0.5], Vec::new())
        .with_text(model!("ddetst_c1"))
}

delayed! {
    C2, C2Lags, C2History: 2, 0;
    reads [value(0, 0)], constant [false];
    (_, u, _, out) {
        let past = u(2).abs();
        out(0, u(2) * -2.0);
        out(1, (past - u(0).abs()) / (past + 1.0));
    }
    lags (_, u, _, out) {
        out(0, u(1));
    }
    history (_, _, out) {
        out(0, N::of(1.0));
        out(1, N::of(0.5));
    }
}

/// `u1' = −2 u1(t − u2)`, `u2' = (|u1(t − u2)| − |u1|)/(1 + |u1(t − u2)|)`: the lag is a state.
pub fn ddetst_c2() -> Problem {
    let u0 = vec![1.0, 0.5];
    Problem::new(("ddetst-c2", "DDETST C2"), Class::Delay, C2, (0.0, 40.0), u0, Vec::new())
        .with_text(model!("ddetst_c2"))
}

/// Hematopoiesis, with the start of the second state before `−T1`.
macro_rules! hematopoiesis {
    ($name:ident, $lags:ident, $history:ident, $early:expr, $start:expr) => {
        delayed! {
            $name, $lags, $history: 3, 8;
            reads [value(1, 0), value(1, 1)], constant [true, false];
            (_, u, p, out) {
                let (s0, gamma, q) = (p(0), p(2), p(3));
                let response = (u(0).ln() * p(7)).exp();
                out(0, s0 * u(3) - gamma * u(0) - q);
                out(1, p(5) / (p(6) * response + 1.0) - p(4) * u(1));
                out(2, -(q * (gamma * u(2)).exp() / (s0 * u(4))) + 1.0);
            }
            lags (_, u, p, out) {
                out(0, p(1));
                out(1, p(1) + u(2));
            }
            history (t, p, out) {
                out(0, N::of($start[0]));
                out(1, N::choose(t + p(1), N::of($start[1]), N::of($early)));
                out(2, N::of($start[2]));
            }
        }
    };
}

hematopoiesis!(C3, C3Lags, C3History, 9.5, C3_START);
hematopoiesis!(C4, C4Lags, C4History, 10.0, C4_START);

const C3_START: [f64; 3] = [3.325, 10.0, 120.0];
const C4_START: [f64; 3] = [3.5, 10.0, 50.0];

/// Hematopoiesis with a moving boundary, parameters `(s0, T1, γ, Q, k, a, K, r)`; the history jumps
/// at `−T1`.
///
/// J. M. Mahaffy, J. Bélair, M. C. Mackey, *Hematopoietic model with moving boundary condition and
/// state dependent delay*, J. Theor. Biology 190 (1998) 135, doi:10.1006/jtbi.1997.0537.
pub fn ddetst_c3() -> Problem {
    let p = vec![0.0031, 6.0, 0.001, 0.0275, 2.8, 6570.0, 0.0382, 6.96];
    let u0 = C3_START.to_vec();
    Problem::new(("ddetst-c3", "DDETST C3"), Class::Delay, C3, (0.0, 300.0), u0, p)
        .with_text(model!("ddetst_c3"))
}

/// The same with other parameters and a constant history.
pub fn ddetst_c4() -> Problem {
    let p = vec![0.00372, 3.0, 0.1, 0.00178, 6.65, 15600.0, 0.0382, 6.96];
    let u0 = C4_START.to_vec();
    Problem::new(("ddetst-c4", "DDETST C4"), Class::Delay, C4, (0.0, 100.0), u0, p)
        .with_text(model!("ddetst_c4"))
}

delayed! {
    D1, D1Lags, D1History: 2, 0;
    reads [value(1, 0)], constant [false];
    (_, u, _, out) {
        out(0, u(1));
        out(1, -(u(2) * u(1).square() * (-u(1) + 1.0).exp()));
    }
    lags (t, u, _, out) {
        out(0, t - (-u(1) + 1.0).exp());
    }
    history (t, _, out) {
        out(0, t.ln());
        out(1, N::of(1.0) / t);
    }
}

/// `u1' = u2`, `u2' = −u2(exp(1 − u2)) u2² exp(1 − u2)` from t = 0.1; the lag vanishes at t = 1.
/// Exact: `(log t, 1/t)`.
pub fn ddetst_d1() -> Problem {
    let u0 = vec![0.1_f64.ln(), 10.0];
    Problem::new(("ddetst-d1", "DDETST D1"), Class::Delay, D1, (0.1, 5.0), u0, Vec::new())
        .with_exact(|t, _, _, _, out| out.copy_from_slice(&[t.ln(), 1.0 / t]))
        .with_text(model!("ddetst_d1"))
}

delayed! {
    D2, D2Lags, D2History: 4, 4;
    reads [value(0, 0), value(1, 0), value(2, 0)], constant [false];
    (_, u, p, out) {
        let (r1, r2, alpha, delta) = (p(0), p(1), p(2), p(3));
        let pair = u(0) * u(1);
        let past = u(4) * u(5);
        let change = r1 * pair - r2 * u(2);
        out(0, -change);
        out(1, alpha * r1 * past - r1 * pair);
        out(2, change);
        let excess = delta * 3.0 - pair - u(2);
        out(3, excess / (past + u(6)) * (delta * u(3)).exp() + 1.0);
    }
    lags (_, u, _, out) {
        out(0, u(3));
    }
    history (_, _, out) {
        out(0, N::of(5.0));
        out(1, N::of(0.1));
        out(2, N::of(0.0));
        out(3, N::of(0.0));
    }
}

/// Antigens and antibodies with fading memory, parameters `(r1, r2, α, δ)`: the lag is a state that
/// begins at 0.
///
/// J. A. Gatica, P. Waltman, *A threshold model of antigen antibody dynamics with fading memory*,
/// in: Nonlinear Phenomena in Mathematical Sciences, Academic Press 1982, 425.
pub fn ddetst_d2() -> Problem {
    let (u0, p) = (vec![5.0, 0.1, 0.0, 0.0], vec![0.02, 0.005, 3.0, 0.01]);
    Problem::new(("ddetst-d2", "DDETST D2"), Class::Delay, D2, (0.0, 40.0), u0, p)
        .with_text(model!("ddetst_d2"))
}
