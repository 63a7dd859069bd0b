//! Delays in the chemistry of cells and flasks.

use super::{delayed, value};
use crate::Problem;
use crate::number::Number;
use crate::problem::{Class, TIGHT, model};

/// `1/(1 + (k/x)^n)`.
#[inline(always)]
fn hill<N: Number>(x: N, k: f64, n: f64) -> N {
    N::of(1.0) / ((N::of(k) / x).powf(n) + 1.0)
}

const QUORUM_START: [f64; 5] = [1.0, 8.4e8, 2.5e-9, 7.6e-8, 5e-15];

delayed! {
    Quorum, QuorumLags, QuorumHistory: 5, 3;
    reads [value(3, 0)], constant [true];
    (_, u, p, out) {
        let (supply, dilution) = (p(0), p(1));
        let growth = u(1) * hill(u(0), 0.38, 1.3);
        let binding = u(2) * (N::of(5e-7) - u(3)) * 4e4 - u(3) * 0.08;
        let production = u(1) * (hill(u(3), 7e-8, 2.3) * 2.3e-18 + 2.3e-19);
        out(0, dilution * (supply - u(0)) - growth * 1.3e-12);
        out(1, growth * 0.66 - dilution * u(1));
        out(2, production - (dilution + 0.05) * u(2) - binding - u(2) * u(4) * 1.5e-4);
        out(3, binding);
        out(4, u(1) * hill(u(5), 7e-8, 2.5) * 1.1e-8 - (dilution + 0.005) * u(4));
    }
    lags (_, _, p, out) {
        out(0, p(2));
    }
    history (_, _, out) {
        QUORUM_START.iter().enumerate().for_each(|(i, x)| out(i, N::of(*x)));
    }
}

/// Bacteria that count each other by a signal: substrate, cells, signal, signal bound to its
/// receptor, enzyme that breaks it down, which follows with a delay; parameters
/// `(S0, D, τ) = (1, 0.1, 2)`, to t = 45.
///
/// K. Buddrus-Schiemann et al., *Analysis of N-acylhomoserine lactone dynamics in continuous
/// cultures of Pseudomonas putida IsoF by use of ELISA and UHPLC/qTOF-MS-derived measurements and
/// mathematical models*, Anal. Bioanal. Chem. 406 (2014) 6373, doi:10.1007/s00216-014-8063-6.
pub fn quorum_sensing() -> Problem {
    Problem::new(
        ("quorum-sensing", "Quorum sensing"),
        Class::Delay,
        Quorum,
        (0.0, 45.0),
        QUORUM_START.to_vec(),
        vec![1.0, 0.1, 2.0],
    )
    .with_text(model!("quorum_sensing"))
    .known_relative(
        10.0,
        &[0.9004545250831, 5.08474906114e10, 8.39838613414e-8, 3.89576638621e-8, 3.16206375745e2],
        2e-12,
        TIGHT,
    )
    .known_relative(
        45.0,
        &[
            0.1009823289968,
            4.56433687605e11,
            1.340561492968e-7,
            4.643412494363e-8,
            1.896386684472e4,
        ],
        2e-12,
        TIGHT,
    )
}

delayed! {
    DelayOregonator, DelayOregonatorLags, DelayOregonatorHistory: 2, 6;
    reads [value(1, 0)], constant [true];
    (_, u, p, out) {
        let (a, b) = (0.06, 0.06);
        let exchange = p(0) * a * u(1);
        let loss = p(1) * u(0) * u(2);
        let gain = p(2) * b * u(0);
        out(0, exchange - loss + gain - p(3) * u(0).square() * 2.0);
        out(1, p(4) * gain - loss - exchange);
    }
    lags (_, _, p, out) {
        out(0, p(5));
    }
    history (_, _, out) {
        out(0, N::of(1e-10));
        out(1, N::of(1e-5));
    }
}

/// The Oregonator with two species and a delay, stiff, parameters
/// `(k1, k2, k3, k4, f, τ) = (1.34, 1.6e9, 8000, 4e7, 1, 0.15)`, to t = 100.5.
///
/// I. R. Epstein, Y. Luo, *Differential delay equations in chemical kinetics. Nonlinear models: the
/// cross-shaped phase diagram and the Oregonator*, J. Chem. Phys. 95 (1991) 244,
/// doi:10.1063/1.461481; a problem of RADAR5. (Public copies have the sign of `k1 A y` wrong in the
/// first equation.)
pub fn delay_oregonator() -> Problem {
    Problem::new(
        ("delay-oregonator", "Oregonator with a delay"),
        Class::Delay,
        DelayOregonator,
        (0.0, 100.5),
        vec![1e-10, 1e-5],
        vec![1.34, 1.6e9, 8e3, 4e7, 1.0, 0.15],
    )
    .with_text(model!("delay_oregonator"))
    .known_relative(3.0, &[5.14953906258e-11, 6.17297165305e-6], 1e-11, TIGHT)
    .known_relative(15.0, &[7.28485651e-11, 8.96369057408e-7], 1e-9, TIGHT)
    .known_relative(30.0, &[8.04294188e-10, 3.10577862e-7], 2e-9, TIGHT)
}
