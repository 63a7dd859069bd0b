//! Reactions with the noise of their random firing, and of genes.

use super::problem;
use crate::Problem;
use crate::function::Derived;
use crate::jump::{OSCILLATOR, oscillator_rates};
use crate::number::{Float, Number};
use crate::problem::{function, model};
use crate::system::Equations;
use slopefield_kernel::{Calculus, Noise, NoiseKind, Structure};

/// `x⁴/(x⁴ + 11.9⁴)`, how far the product switches its own production on.
fn switched_on<N: Number>(x: N) -> N {
    let fourth = x.square().square();
    fourth / (fourth + 11.9_f64.powi(4))
}

noisy! {
    Bistable, BistableNoise: 1, 3;
    2 sources, General, Ito;
    (_, u, p, out) {
        out(0, p(0) + p(1) * switched_on(u(0)) - p(2) * u(0));
    }
    noise (_, u, p, out) {
        out(0, (p(0) + p(1) * switched_on(u(0))).sqrt() * 0.1);
        out(1, -((p(2) * u(0)).sqrt() * 0.1));
    }
}

/// A product that switches its own production on, with noise of production and decay,
/// `dX = (v0 + v1 h(X) − dX) dt + 0.1 √(v0 + v1 h(X)) dW1 − 0.1 √(dX) dW2` with
/// `h = X⁴/(X⁴ + 11.9⁴)`, parameters `(v0, v1, d) = (5, 18, 1)`, to t = 300: it begins near the
/// lower of two states in which it stays for long.
pub fn bistable_noise() -> Problem {
    let names = ("bistable-noise", "Bistable reaction with noise");
    problem(names, Bistable, 300.0, &[3.0], &[5.0, 18.0, 1.0]).with_text(model!("bistable_noise"))
}

noisy! {
    NoisyBrusselator, NoisyBrusselatorNoise: 2, 5;
    4 sources, General, Ito;
    (_, u, p, out) {
        let (turn, feed) = (p(1) * u(0).square() * u(1), p(2) * u(0));
        out(0, p(0) + turn - feed - p(3) * u(0));
        out(1, feed - turn);
    }
    noise (_, u, p, out) {
        let turn = (p(1) * u(0).square() * u(1)).sqrt() * p(4);
        let feed = (p(2) * u(0)).sqrt() * p(4);
        let columns = [
            [p(0).sqrt() * p(4), N::of(0.0)],
            [turn, -turn],
            [-feed, feed],
            [-((p(3) * u(0)).sqrt() * p(4)), N::of(0.0)],
        ];
        for (i, x) in columns.into_iter().flatten().enumerate() {
            out(i, x);
        }
    }
}

/// The Brusselator with a source of noise for each of its four reactions, parameters
/// `(a, k, b, d) = (1, 1, 2.5, 1)` and the strength 0.15 of the noise, to t = 100. What one species
/// loses by noise the other gains; a public text has the constant b twice there.
///
/// D. T. Gillespie, *The chemical Langevin equation*, J. Chem. Phys. 113 (2000) 297,
/// doi:10.1063/1.481811.
pub fn brusselator_noise() -> Problem {
    let names = ("brusselator-noise", "Brusselator with noise");
    let p = [1.0, 1.0, 2.5, 1.0, 0.15];
    problem(names, NoisyBrusselator, 100.0, &[3.0, 2.0], &p).with_text(model!("brusselator_noise"))
}

/// How each of the twelve reactions of the oscillating network changes the seven species.
const OSCILLATOR_CHANGES: [[f64; 7]; 12] = [
    [-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.0, -2.0, 1.0],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0],
];

noisy! {
    NoisyOscillator, NoisyOscillatorNoise: 7, 10;
    12 sources, General, Ito;
    (_, u, p, out) {
        let rates = oscillator_rates(u, p);
        for i in 0..7 {
            let mut sum = N::of(0.0);
            for (rate, change) in rates.into_iter().zip(OSCILLATOR_CHANGES) {
                if change[i] != 0.0 {
                    sum = sum + rate * change[i];
                }
            }
            out(i, sum);
        }
    }
    noise (_, u, p, out) {
        for (j, (rate, change)) in
            oscillator_rates(u, p).into_iter().zip(OSCILLATOR_CHANGES).enumerate()
        {
            let root = N::choose(rate, rate, N::of(0.0)).sqrt();
            for (i, change) in change.into_iter().enumerate() {
                out(7 * j + i, if change == 0.0 { N::of(0.0) } else { root * change });
            }
        }
    }
}

/// The reactions of `mixed-oscillator` with the noise of the chemical Langevin equation instead of
/// random jumps: twelve sources, one for each reaction. Its text is the same, run in another way.
///
/// D. T. Gillespie, *The chemical Langevin equation*, J. Chem. Phys. 113 (2000) 297,
/// doi:10.1063/1.481811.
pub fn mixed_oscillator_noise() -> Problem {
    let names = ("mixed-oscillator-noise", "Oscillating network with noise");
    let (u0, p) = OSCILLATOR;
    problem(names, NoisyOscillator, 4000.0, &u0, &p).with_text(model!("mixed_oscillator"))
}

/// A fraction `1/(1 + x)`.
fn repressed<N: Number>(x: N) -> N {
    N::of(1.0) / (x + 1.0)
}

noisy! {
    Transition, TransitionNoise: 19, 1;
    19 sources, Diagonal, Ito;
    (t, u, _, out) {
        let squared = |i: usize, scale: f64| (u(i) / scale).square();
        let signal = N::choose(t - 100.0, N::of(0.5), N::of(0.0));
        // What is bound: messengers of ZEB by one to five of miR-200, and those in turn.
        let copies = [5.0, 10.0, 10.0, 5.0, 1.0];
        let mut bound = N::of(0.0);
        let mut binding = N::of(0.0);
        for (k, copies) in copies.into_iter().enumerate() {
            bound = bound + u(7 + k) * copies;
            binding = binding + u(7 + k) * (copies * (k + 1) as f64);
        }
        let (snail, zeb) = (u(0) - u(3), u(4) - bound);
        let (mir34, mir200) = (u(2) - u(3), u(6) - binding - u(14));
        let growth = ((u(13) + signal) / 0.6).square();
        let stop = growth + u(18).square() / 0.25 + 1.0;
        out(0, growth / stop * repressed(u(1) / 1.8) * 0.05 + 0.0005 - snail * 0.09 - u(3) * 0.9);
        out(1, snail * 16.0 - u(1) * 1.6);
        out(2, repressed(squared(1, 0.15) + squared(5, 0.35)) * 0.019 + 0.001
            - mir34 * 0.035 - u(3) * 0.9 + u(3) * 0.45);
        out(3, (snail * mir34 * 100.0 - u(3)) * 1000.0);
        let ovol = (u(18) / 0.9).square();
        let open = squared(1, 3.0);
        out(4, open / (open + ovol.square() * ovol + 1.0) * 0.06 + 0.003 - zeb * 0.1 - bound * 0.5);
        out(5, zeb * 16.0 - u(5) * 1.66);
        let cube = squared(1, 3.0) * u(1) / 3.0;
        out(6, repressed(cube + squared(5, 0.2)) * 0.02 + 0.0002
            - mir200 * 0.035 - binding * 0.5 + binding * 0.25 - u(14) + u(14) * 0.8);
        for k in 0..5 {
            let before = if k == 0 { zeb } else { u(6 + k) };
            out(7 + k, (mir200 * before - u(7 + k)) * 1000.0);
        }
        let free = u(12) - u(14);
        out(12, -(free * 0.1) - u(14) + 0.05);
        out(13, free * 1.5 - u(13) * 0.9 + 1.1);
        out(14, (mir200 * free * 20.0 - u(14)) * 1000.0);
        out(15, repressed(squared(1, 0.1)) * 15.0 + repressed(squared(5, 0.3)) * 5.0 + 5.0
            - u(15) * 0.05);
        let (by_snail, by_zeb) = (squared(1, 0.4), squared(5, 0.4));
        out(16, by_snail * repressed(by_snail) * 2.0
            + by_zeb * repressed(by_zeb) * repressed(u(18) / 2.0) * 5.0 + 5.0 - u(16) * 0.05);
        out(17, repressed(squared(5, 0.918)) * 1.2 + 0.35 - u(17));
        out(18, u(17) * 10.0 - u(18) * 10.0);
    }
    noise (_, u, p, out) {
        for i in 0..19 {
            out(i, match i {
                0 => u(0) * p(0) * 1.5,
                17 => u(17) * p(0) * 6.0,
                _ => N::of(0.0),
            });
        }
    }
}

/// The transition of epithelial to mesenchymal cells and back, 19 amounts of genes' messengers,
/// proteins and micro-RNA, with noise in the messengers of SNAIL and OVOL2, parameter its level, 1:
/// stiff only while a cell changes. A signal begins at t = 100.
///
/// T. Hong et al., *An Ovol2–Zeb1 mutual inhibitory circuit governs bidirectional and multi-step
/// transition between epithelial and mesenchymal states*, PLoS Comput. Biol. 11 (2015) e1004569,
/// doi:10.1371/journal.pcbi.1004569; C. Rackauckas, Q. Nie, *Adaptive methods for stochastic
/// differential equations via natural embeddings and rejection sampling with memory*, Discrete
/// Contin. Dyn. Syst. B 22 (2017) 2731, doi:10.3934/dcdsb.2017133.
pub fn ovol2_transition() -> Problem {
    let u0 = [
        0.128483,
        1.256853,
        0.0030203,
        0.0027977,
        0.0101511,
        0.0422942,
        0.2391346,
        0.0008014,
        0.0001464,
        2.67e-5,
        4.8e-6,
        9e-7,
        0.0619917,
        1.2444292,
        0.0486676,
        199.9383546,
        137.4267984,
        1.5180203,
        1.5180203,
    ];
    problem(("ovol2", "Epithelial–mesenchymal transition"), Transition, 500.0, &u0, &[1.0])
        .with_break(100.0)
        .with_text(model!("ovol2"))
}
