//! Equations that read delayed slopes.

use super::{delayed, slope, value};
use crate::Problem;
use crate::problem::Class;
use std::f64::consts::{PI, TAU};

delayed! {
    E1, E1Lags, E1History: 1, 3;
    reads [value(0, 0), slope(0, 0)], constant [true];
    (_, u, p, out) {
        out(0, p(0) * u(0) * (-u(1) - p(1) * u(2) + 1.0));
    }
    lags (_, _, p, out) {
        out(0, p(2));
    }
    history (t, _, out) {
        out(0, t + 2.0);
    }
}

/// A food-limited population, `u' = r u (1 − u(t − τ) − c u'(t − τ))`, parameters `(r, c, τ)`.
///
/// Y. Kuang, A. Feldstein, *Boundedness of solutions of a nonlinear nonautonomous neutral delay
/// equation*, J. Math. Anal. Appl. 156 (1991) 293, doi:10.1016/0022-247X(91)90398-J.
pub fn ddetst_e1() -> Problem {
    let root = 3_f64.sqrt();
    let p = vec![PI / root + 1.0 / 20.0, root / TAU - 1.0 / 25.0, 1.0];
    Problem::new(("ddetst-e1", "DDETST E1"), Class::Delay, E1, (0.0, 40.0), vec![2.0], p)
}

delayed! {
    E2, E2Lags, E2History: 2, 3;
    reads [value(0, 0), slope(0, 0)], constant [true];
    (_, u, p, out) {
        let square = u(0).square();
        let eaten = u(1) * square / (square + 1.0);
        out(0, u(0) * (-u(2) - p(1) * u(3) + 1.0) - eaten);
        out(1, eaten - p(0) * u(1));
    }
    lags (_, _, p, out) {
        out(0, p(2));
    }
    history (t, _, out) {
        out(0, -(t / 10.0) + 0.33);
        out(1, t / 10.0 + 2.22);
    }
}

/// Predator and prey, parameters `(α, ρ, τ) = (0.1, 2.9, 0.42)`.
///
/// Y. Kuang, *On neutral delay logistic Gauss-type predator-prey systems*, Dyn. Stab. Systems 6
/// (1991) 173, doi:10.1080/02681119108806114.
pub fn ddetst_e2() -> Problem {
    let (u0, p) = (vec![0.33, 2.22], vec![0.1, 2.9, 0.42]);
    Problem::new(("ddetst-e2", "DDETST E2"), Class::Delay, E2, (0.0, 2.0), u0, p)
}

delayed! {
    F1, F1Lags, F1History: 1, 0;
    reads [value(0, 0), slope(0, 0)], constant [false];
    (t, u, _, out) {
        let power = (u(1).ln() * t.cos() * 2.0).exp();
        out(0, (t * 2.0).cos() * power * 2.0 + u(2).ln() - (t.cos() * 2.0).ln() - t.sin());
    }
    lags (t, _, _, out) {
        out(0, t / 2.0);
    }
    history (t, _, out) {
        out(0, t * 2.0 + 1.0);
    }
}

/// `u' = 2 cos 2t u(t/2)^{2 cos t} + log u'(t/2) − log(2 cos t) − sin t`; the lag vanishes at the
/// start. Exact: `exp(sin 2t)`.
pub fn ddetst_f1() -> Problem {
    Problem::new(("ddetst-f1", "DDETST F1"), Class::Delay, F1, (0.0, 1.0), vec![1.0], Vec::new())
        .with_exact(|t, _, _, _, out| out[0] = (2.0 * t).sin().exp())
}

delayed! {
    F2, F2Lags, F2History: 1, 0;
    reads [slope(0, 0)], constant [false];
    (_, u, _, out) {
        out(0, u(1));
    }
    lags (t, _, _, out) {
        out(0, -t + 0.5);
    }
    history (t, _, out) {
        out(0, (-t.square()).exp());
    }
}

/// `u' = u'(2t − 1/2)` from t = 1/4; discontinuities of the slope crowd before t = 1/2. Exact by
/// `u(t) = u(1/4) + (u(2t − 1/2) − u(0))/2`.
pub fn ddetst_f2() -> Problem {
    fn solution(t: f64) -> f64 {
        match t {
            t if t <= 0.25 => (-t * t).exp(),
            _ => solution(0.25) + 0.5 * (solution(2.0 * t - 0.5) - 1.0),
        }
    }
    let u0 = vec![(-0.0625_f64).exp()];
    Problem::new(("ddetst-f2", "DDETST F2"), Class::Delay, F2, (0.25, 0.499), u0, Vec::new())
        .with_exact(|t, _, _, _, out| out[0] = solution(t))
}

delayed! {
    F3, F3Lags, F3History: 1, 1;
    reads [slope(0, 0)], constant [false];
    (t, u, p, out) {
        let earlier = t * (-(t * TAU).cos() + 1.0) * 0.5;
        out(0, (-u(0)).exp() + p(0) * (u(1).sin() - (N::of(1.0) / (earlier + 3.0)).sin()));
    }
    lags (t, _, _, out) {
        out(0, t * ((t * TAU).cos() + 1.0) * 0.5);
    }
    history (t, _, out) {
        out(0, t / 3.0 + 3_f64.ln());
    }
}

fn f345(id: &'static str, name: &'static str, weight: f64) -> Problem {
    let u0 = vec![3_f64.ln()];
    Problem::new((id, name), Class::Delay, F3, (0.0, 10.0), u0, vec![weight])
        .with_exact(|t, _, _, _, out| out[0] = (t + 3.0).ln())
}

/// `u' = exp(−u) + L (sin u'(a) − sin(1/(3 + a)))`, `a = t (1 − cos 2πt)/2`, parameter L = 0.2; the
/// lag vanishes at 0, 1/2, 3/2, ... Exact: `log(t + 3)`.
pub fn ddetst_f3() -> Problem {
    f345("ddetst-f3", "DDETST F3", 0.2)
}

/// The same with L = 0.4.
pub fn ddetst_f4() -> Problem {
    f345("ddetst-f4", "DDETST F4", 0.4)
}

/// The same with L = 0.6.
pub fn ddetst_f5() -> Problem {
    f345("ddetst-f5", "DDETST F5", 0.6)
}

delayed! {
    G1, G1Lags, G1History: 1, 0;
    reads [slope(0, 0)], constant [false];
    (_, u, _, out) {
        out(0, -u(1));
    }
    lags (_, u, _, out) {
        out(0, u(0).square() / 4.0);
    }
    history (t, _, out) {
        out(0, -t + 1.0);
    }
}

/// `u' = −u'(t − u²/4)`: the delayed time touches the start at t = 1. Exact: `t + 1`.
pub fn ddetst_g1() -> Problem {
    Problem::new(("ddetst-g1", "DDETST G1"), Class::Delay, G1, (0.0, 1.0), vec![1.0], Vec::new())
        .with_exact(|t, _, _, _, out| out[0] = t + 1.0)
}

delayed! {
    G2, G2Lags, G2History: 1, 0;
    reads [slope(0, 0)], constant [false];
    (_, u, _, out) {
        out(0, -u(1));
    }
    lags (t, u, _, out) {
        out(0, t - u(0) + 2.0);
    }
    history (t, _, out) {
        out(0, -t + 1.0);
    }
}

/// `u' = −u'(u − 2)`. Exact: `t + 1`.
pub fn ddetst_g2() -> Problem {
    Problem::new(("ddetst-g2", "DDETST G2"), Class::Delay, G2, (0.0, 1.0), vec![1.0], Vec::new())
        .with_exact(|t, _, _, _, out| out[0] = t + 1.0)
}

delayed! {
    H1, H1Lags, H1History: 1, 0;
    reads [slope(0, 0)], constant [false];
    (t, u, _, out) {
        let square = u(0).square();
        let cosine = (t * 2.0).cos();
        let fall = t * square * 4.0 / (cosine.ln().square() + 4.0);
        out(0, (t * 2.0).sin() / cosine + u(1).atan() * 0.5 - fall);
    }
    lags (t, u, _, out) {
        out(0, t / (u(0).square() + 1.0));
    }
    history (t, _, out) {
        out(0, t * 0.0);
    }
}

/// `u' = −4 t u²/(4 + log² cos 2t) + tan 2t + arctan(u'(t u²/(1 + u²)))/2`. Exact: `−log(cos 2t)/2`.
pub fn ddetst_h1() -> Problem {
    let span = (0.0, 0.225 * PI);
    Problem::new(("ddetst-h1", "DDETST H1"), Class::Delay, H1, span, vec![0.0], Vec::new())
        .with_exact(|t, _, _, _, out| out[0] = -0.5 * (2.0 * t).cos().ln())
}

delayed! {
    H2, H2Lags, H2History: 1, 1;
    reads [value(0, 0), slope(0, 0)], constant [false];
    (t, u, p, out) {
        let (sine, cosine) = (t.sin(), t.cos());
        let a = t * sine.square();
        let rest = (-p(0) + 1.0) * sine * a.cos() - (t + a).sin();
        out(0, cosine * (u(1) + 1.0) + p(0) * u(0) * u(2) + rest);
    }
    lags (t, u, _, out) {
        out(0, t * (-u(0).square() + 1.0));
    }
    history (t, _, out) {
        out(0, t);
    }
}

fn h234(id: &'static str, name: &'static str, weight: f64) -> Problem {
    Problem::new((id, name), Class::Delay, H2, (0.0, PI), vec![0.0], vec![weight])
        .with_exact(|t, _, _, _, out| out[0] = t.sin())
}

/// `u' = cos t (1 + u(a)) + L u u'(a) + (1 − L) sin t cos(t sin² t) − sin(t + t sin² t)`,
/// `a = t u²`, parameter L = 0.1; the lag vanishes at the start and at π/2. Exact: `sin t`.
pub fn ddetst_h2() -> Problem {
    h234("ddetst-h2", "DDETST H2", 0.1)
}

/// The same with L = 0.3.
pub fn ddetst_h3() -> Problem {
    h234("ddetst-h3", "DDETST H3", 0.3)
}

/// The same with L = 0.5.
pub fn ddetst_h4() -> Problem {
    h234("ddetst-h4", "DDETST H4", 0.5)
}
