//! Events that make more events likely.

use super::problem;
use crate::Problem;
use crate::function::Derived;
use crate::number::Float;
use crate::problem::{Moment, function, model};
use crate::system::Equations;
use slopefield_kernel::{JumpChange, Jumps, Structure};

function! {
    Hawkes: (2, 3) -> 2;
    (_, u, p, out) {
        out(0, N::of(0.0));
        out(1, p(2) * (p(0) - u(1)));
    }
}

function! {
    HawkesRate: (2, 3) -> 1;
    (_, u, _, out) {
        out(0, u(1));
    }
}

function! {
    HawkesJump: (2, 3) -> 2;
    (_, u, p, out) {
        out(0, u(0) + 1.0);
        out(1, u(1) + p(1));
    }
}

impl Equations for Hawkes {
    fn changes<T: Float>(&self) -> (Vec<JumpChange<T>>, Vec<Vec<u32>>) {
        (vec![JumpChange::Set(std::sync::Arc::new(Derived(HawkesJump)))], vec![vec![0]])
    }

    fn structure<T: Float>(&self) -> Structure<'_, T> {
        Structure {
            jumps: Some(Jumps {
                rates: &Derived(HawkesRate),
                changes: &[],
                alters: &[],
                constant_between: false,
            }),
            ..Default::default()
        }
    }
}

/// Events that excite each other: their number and their rate, which each raises by α and which falls
/// back to μ, `λ' = −β(λ − μ)`; parameters `(μ, α, β) = (0.5, 0.1, 2)`, to t = 25.
///
/// A. G. Hawkes, *Spectra of some self-exciting and mutually exciting point processes*, Biometrika 58
/// (1971) 83, doi:10.1093/biomet/58.1.83.
pub fn hawkes() -> Problem {
    let (mu, alpha, beta) = (0.5, 0.1, 2.0);
    let names = ("hawkes", "Self-exciting events");
    let mut problem = problem(names, Hawkes, 25.0, &[0.0, mu], &[mu, alpha, beta]);
    // The mean of the rate obeys m' = −β(m − μ) + αm.
    let (fall, rest) = (beta - alpha, mu * beta / (beta - alpha));
    let moment = |t: f64, state, mean| {
        let source = "closed form";
        Moment { t, state, mean, simulations: None, variance: None, source }
    };
    let gone = |t: f64| -(-fall * t).exp_m1() / fall;
    problem.moments = vec![
        moment(1.0, 1, rest + (mu - rest) * (-fall).exp()),
        moment(1.0, 0, rest + (mu - rest) * gone(1.0)),
        moment(25.0, 0, rest * 25.0 + (mu - rest) * gone(25.0)),
    ];
    problem.with_text(model!("hawkes"))
}
