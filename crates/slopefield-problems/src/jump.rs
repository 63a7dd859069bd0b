//! Random jumps: reaction networks as jump processes, and a jump diffusion.

use crate::Problem;
use crate::function::Derived;
use crate::number::Float;
use crate::problem::{Class, Moment, function, model};
use crate::system::Equations;
use slopefield_kernel::{Calculus, JumpChange, Jumps, Noise, NoiseKind, Structure};
use std::sync::Arc;

mod hawkes;
mod network;
mod spatial;

pub use hawkes::hawkes;
pub(crate) use network::{OSCILLATOR, oscillator_rates};
pub use network::{diffusion_lattice, dimer_repressor, mixed_oscillator, multistate, twenty_genes};
pub use spatial::spatial_signalling;

/// A process that changes by jumps alone: the rate of each jump, what it adds, and the jumps
/// whose rates that alters.
macro_rules! jumping {
    ($name:ident, $rates:ident: $states:literal, $params:literal;
     $jumps:literal jumps ($u:pat, $p:pat, $out:ident) $body:block
     changes $changes:expr; alters $alters:expr) => {
        function! { $name: ($states, $params) -> $states; (_, _, _, out) {
            (0..$states).for_each(|i| out(i, N::of(0.0)));
        } }
        function! { $rates: ($states, $params) -> $jumps; (_, $u, $p, $out) $body }
        impl Equations for $name {
            fn changes<T: Float>(&self) -> (Vec<JumpChange<T>>, Vec<Vec<u32>>) {
                let alters: [&[u32]; $jumps] = $alters;
                let changes: [&[(u32, f64)]; $jumps] = $changes;
                (
                    changes.map(|list| JumpChange::Add(list.to_vec())).into(),
                    alters.map(<[u32]>::to_vec).into(),
                )
            }

            fn structure<T: Float>(&self) -> Structure<'_, T> {
                Structure {
                    jumps: Some(Jumps {
                        rates: &Derived($rates),
                        changes: &[],
                        alters: &[],
                        constant_between: true,
                    }),
                    ..Default::default()
                }
            }
        }
    };
}

fn problem<E: Equations + Clone + 'static>(
    names: (&'static str, &'static str),
    equations: E,
    t1: f64,
    u0: &[f64],
    p: &[f64],
) -> Problem {
    Problem::new(names, Class::Jump, equations, (0.0, t1), u0.to_vec(), p.to_vec())
}

jumping! {
    BirthDeath, BirthDeathRates: 1, 2;
    2 jumps (u, p, out) {
        out(0, p(0));
        out(1, p(1) * u(0));
    }
    changes [&[(0, 1.0)], &[(0, -1.0)]];
    alters [&[1], &[1]]
}

/// Constant production and linear decay, parameters `(1000, 10)` from 0: the state is Poisson
/// distributed with mean `100 (1 − e^{−10t})`.
pub fn birth_death() -> Problem {
    let mut problem =
        problem(("birth-death", "Birth and death"), BirthDeath, 1.0, &[0.0], &[1e3, 10.0]);
    problem.moments = [0.05, 0.1, 0.2, 1.0]
        .map(|t: f64| {
            let mean = -100.0 * (-10.0 * t).exp_m1();
            let source = "closed form: a Poisson distribution";
            Moment { t, state: 0, mean, simulations: None, variance: Some(mean), source }
        })
        .to_vec();
    problem.with_text(model!("birth_death"))
}

jumping! {
    Repressor, RepressorRates: 4, 6;
    6 jumps (u, p, out) {
        out(0, p(0) * u(0));
        out(1, p(1) * u(1));
        out(2, p(2) * u(1));
        out(3, p(3) * u(2));
        out(4, p(4) * u(0) * u(2));
        out(5, p(5) * u(3));
    }
    changes [
        &[(1, 1.0)],
        &[(2, 1.0)],
        &[(1, -1.0)],
        &[(2, -1.0)],
        &[(0, -1.0), (2, -1.0), (3, 1.0)],
        &[(0, 1.0), (2, 1.0), (3, -1.0)],
    ];
    alters [&[1, 2], &[3, 4], &[1, 2], &[3, 4], &[0, 3, 4, 5], &[0, 3, 4, 5]]
}

/// A gene that its protein represses: states DNA, mRNA, protein, repressed DNA; to t = 1000.
pub fn dna_repressor() -> Problem {
    let ln2 = std::f64::consts::LN_2;
    let p = [0.5, 20.0 * ln2 / 120.0, ln2 / 120.0, ln2 / 600.0, 0.025, 1.0];
    let names = ("dna-repressor", "Gene with negative feedback");
    let mut problem = problem(names, Repressor, 1000.0, &[1.0, 0.0, 0.0, 0.0], &p);
    problem.moments.push(Moment {
        t: 1000.0,
        state: 2,
        mean: 592.655375,
        simulations: Some(8000),
        variance: None,
        source: "JumpProblemLibrary.jl (SciML), mean of 8000 simulations",
    });
    problem.with_text(model!("dna_repressor"))
}

jumping! {
    ThirdOrder, ThirdOrderRates: 3, 5;
    5 jumps (u, p, out) {
        let (a, b, c) = (u(0), u(1), u(2));
        out(0, p(0) * a * (a - 1.0) / 2.0);
        out(1, p(1) * b);
        out(2, p(2) * a * b);
        out(3, p(3) * c);
        out(4, p(4) * c * (c - 1.0) * (c - 2.0) / 6.0);
    }
    changes [
        &[(0, -2.0), (1, 1.0)],
        &[(0, 2.0), (1, -1.0)],
        &[(0, -1.0), (1, -1.0), (2, 1.0)],
        &[(0, 1.0), (1, 1.0), (2, -1.0)],
        &[(0, 3.0), (2, -3.0)],
    ];
    alters [&[0, 1, 2], &[0, 1, 2], &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4], &[0, 2, 3, 4]]
}

/// `2A ⇌ B`, `A + B ⇌ C`, `3C → 3A` from `(200, 100, 150)`, parameters `(1, 2, 0.5, 0.75, 0.25)`;
/// rates count pairs and triples once.
pub fn third_order_network() -> Problem {
    let names = ("third-order", "Network with a reaction of third order");
    let p = [1.0, 2.0, 0.5, 0.75, 0.25];
    let mut problem = problem(names, ThirdOrder, 0.01, &[200.0, 100.0, 150.0], &p);
    problem.moments.push(Moment {
        t: 0.01,
        state: 0,
        mean: 84.876015625,
        simulations: Some(32_000),
        variance: None,
        source: "JumpProblemLibrary.jl (SciML), mean of 32,000 simulations",
    });
    problem.with_text(model!("third_order"))
}

function! {
    Merton: (1, 4) -> 1;
    (_, u, p, out) {
        out(0, p(0) * u(0));
    }
}

function! {
    MertonNoise: (1, 4) -> 1;
    (_, u, p, out) {
        out(0, p(1) * u(0));
    }
}

function! {
    MertonRate: (1, 4) -> 1;
    (_, _, p, out) {
        out(0, p(2));
    }
}

function! {
    MertonJump: (1, 4) -> 1;
    (_, u, p, out) {
        out(0, u(0) * (p(3) + 1.0));
    }
}

impl Equations for Merton {
    fn changes<T: Float>(&self) -> (Vec<JumpChange<T>>, Vec<Vec<u32>>) {
        (vec![JumpChange::Set(Arc::new(Derived(MertonJump)))], vec![Vec::new()])
    }

    fn structure<T: Float>(&self) -> Structure<'_, T> {
        Structure {
            noise: Some(Noise {
                coefficients: &Derived(MertonNoise),
                sources: 1,
                kind: NoiseKind::Diagonal,
                calculus: Calculus::Ito,
                hessian: Some(&Derived(MertonNoise)),
            }),
            jumps: Some(Jumps {
                rates: &Derived(MertonRate),
                changes: &[],
                alters: &[],
                constant_between: false,
            }),
            ..Default::default()
        }
    }
}

/// Geometric Brownian motion with jumps by a factor `1 + c` at rate λ, parameters `(μ, σ, λ, c)`:
/// the mean is `X0 e^{(μ + λc)t}`.
///
/// R. C. Merton, *Option pricing when underlying stock returns are discontinuous*, J. Financial
/// Economics 3 (1976) 125, doi:10.1016/0304-405X(76)90022-2.
pub fn merton() -> Problem {
    let (mu, sigma, rate, c) = (0.1, 0.2, 2.0, -0.25);
    let names = ("merton", "Jump diffusion");
    let mut problem = problem(names, Merton, 1.0, &[1.0], &[mu, sigma, rate, c]);
    let mean = (mu + rate * c).exp();
    let second = (2.0 * mu + sigma * sigma + rate * (2.0 * c + c * c)).exp();
    problem.moments.push(Moment {
        t: 1.0,
        state: 0,
        mean,
        simulations: None,
        variance: Some(second - mean * mean),
        source: "closed form",
    });
    problem.with_text(model!("merton"))
}

/// All of them.
pub fn jumps() -> Vec<Problem> {
    vec![
        birth_death(),
        dna_repressor(),
        third_order_network(),
        merton(),
        multistate(),
        twenty_genes(),
        dimer_repressor(),
        diffusion_lattice(256),
        mixed_oscillator(),
        hawkes(),
        spatial_signalling(3),
    ]
}
