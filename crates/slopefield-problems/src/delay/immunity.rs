//! Antibody production.

use super::{delayed, value};
use crate::Problem;
use crate::problem::{Class, model};

/// What begins each of the two delayed effects once this sum has been reached.
const LEAST: f64 = 1e-12;

delayed! {
    Waltman, WaltmanLags, WaltmanHistory: 6, 8;
    reads [value(0, 0), value(1, 0), value(2, 0), value(0, 1), value(1, 1), value(2, 1)],
    constant [false, false];
    (t, u, p, out) {
        let (alpha, beta, gamma, r, s) = (p(0), p(1), p(2), p(3), p(4));
        let since = |start: N, x: N| N::choose(t - start, x, N::of(0.0));
        let pair = u(0) * u(1);
        let (bound, caught) = (r * pair, s * u(0) * u(3));
        let (pair_then, pair_before) = (u(6) * u(7), u(9) * u(10));
        out(0, -bound - caught);
        out(1, since(p(5), alpha * r * pair_then) - bound);
        out(2, bound);
        out(3, since(p(6), beta * r * pair_before) - caught - gamma * u(3));
        out(4, since(p(5), (pair + u(2)) / (pair_then + u(8))));
        out(5, since(p(6), (u(1) + u(2) + LEAST) / (u(10) + u(11) + LEAST)));
    }
    lags (t, u, _, out) {
        out(0, t - u(4));
        out(1, t - u(5));
    }
    history (_, p, out) {
        out(0, p(7));
        out(1, N::of(1e-15));
        (2..6).for_each(|i| out(i, N::of(0.0)));
    }
}

fn antibodies(
    names: (&'static str, &'static str),
    (t0, t1, antigen): (f64, f64, f64),
    end: &[f64],
) -> Problem {
    let p = vec![1.8, 20.0, 0.002, 5e4, 1e5, t0, t1, antigen];
    let u0 = vec![antigen, 1e-15, 0.0, 0.0, 0.0, 0.0];
    let mut problem = Problem::new(names, Class::Delay, Waltman, (0.0, 300.0), u0, p)
        .with_break(t0)
        .with_break(t1)
        .known_relative(300.0, end, 2e-8, RADAU);
    // Antigen is gone in the end.
    problem.references[0].tolerance = 1e-23;
    problem
}

/// Antigen, lymphocytes, those that have met it, antibodies, and the two times at which what acts
/// now was met: both lags are states. Parameters `(α, β, γ, r, s, t0, t1)`, where effects begin at
/// `t0` and `t1`, and the antigen at the start, 0.75e-4; stiff, to t = 300. The first lag all but
/// vanishes.
///
/// P. Waltman, *A threshold model of antigen-stimulated antibody production*, in: Theoretical
/// Immunology, Dekker 1978, 437; a problem of RADAR5.
pub fn waltman() -> Problem {
    let end = [
        0.0,
        5.999_999_698_139_2e-5,
        7.5e-5,
        5.227_343_872_07e-4,
        299.999_999_999_576_9,
        280.729_236_86,
    ];
    antibodies(("waltman", "Antibody production"), (32.0, 119.0, 0.75e-4), &end)
        .with_text(model!("waltman"))
}

/// The same with less antigen, 0.5e-5, and later effects. RADAR5 gives three digits of these values at
/// a relative tolerance of 1e-6.
pub fn waltman_late() -> Problem {
    let end = [
        6.135_395_1e-16,
        3.377_503_433e-7,
        4.221_881_457e-7,
        2.142_869_323e-6,
        299.999_999_926_571_5,
        299.642_824_6,
    ];
    antibodies(("waltman-late", "Antibody production, late"), (35.0, 197.0, 0.5e-5), &end)
        .with_text(model!("waltman_late"))
}

/// Source of the values computed for this problem.
const RADAU: &str = "Radau IIA with three stages in extended precision, whose steps were halved down to 1e-12, \
     independent of this program";
