//! Stochastic differential equations, most with solutions as functions of the noise.
//!
//! P. E. Kloeden, E. Platen, *Numerical Solution of Stochastic Differential Equations*, Springer
//! 1992, section 4.4, doi:10.1007/978-3-662-12616-5.

use crate::function::Derived;
use crate::number::Float;
use crate::problem::{Class, Moment, PathSolution, function, model};
use crate::system::Equations;
use crate::{Problem, non_stiff};
use slopefield_kernel::{Calculus, Noise, NoiseKind, Structure};

/// Equations with noise: drift, coefficients, what is known of them.
macro_rules! noisy {
    ($name:ident, $noise:ident: $states:literal, $params:literal;
     $sources:literal sources, $kind:ident, $calculus:ident;
     ($t:pat, $u:pat, $p:pat, $out:ident) $body:block
     noise ($nt:pat, $nu:pat, $np:pat, $nout:ident) $nbody:block) => {
        function! { $name: ($states, $params) -> $states; ($t, $u, $p, $out) $body }
        function! { $noise: ($states, $params) -> ({
            match NoiseKind::$kind { NoiseKind::Diagonal => $states, _ => $states * $sources }
        }); ($nt, $nu, $np, $nout) $nbody }
        impl Equations for $name {
            fn structure<T: Float>(&self) -> Structure<'_, T> {
                Structure {
                    noise: Some(Noise {
                        coefficients: &Derived($noise),
                        sources: $sources,
                        kind: NoiseKind::$kind,
                        calculus: Calculus::$calculus,
                        hessian: Some(&Derived($noise)),
                    }),
                    ..Default::default()
                }
            }
        }
    };
}

mod heat;
mod reactions;

pub use heat::heat_noise;
pub use reactions::{bistable_noise, brusselator_noise, mixed_oscillator_noise, ovol2_transition};

fn problem<E: Equations + Clone + 'static>(
    names: (&'static str, &'static str),
    equations: E,
    t1: f64,
    u0: &[f64],
    p: &[f64],
) -> Problem {
    Problem::new(names, Class::Stochastic, equations, (0.0, t1), u0.to_vec(), p.to_vec())
}

fn with_path(mut problem: Problem, path: PathSolution) -> Problem {
    problem.path = Some(path);
    problem
}

noisy! {
    GeometricIto, GeometricItoNoise: 1, 2;
    1 sources, Diagonal, Ito;
    (_, u, p, out) {
        out(0, p(0) * u(0));
    }
    noise (_, u, p, out) {
        out(0, p(1) * u(0));
    }
}

/// Geometric Brownian motion `dX = μX dt + σX dW` (Itô), parameters `(μ, σ) = (1.01, 0.87)`.
pub fn geometric_brownian_motion() -> Problem {
    let names = ("gbm", "Geometric Brownian motion");
    let mut problem =
        with_path(problem(names, GeometricIto, 1.0, &[0.5], &[1.01, 0.87]), |t, w, u0, p, out| {
            out[0] = u0[0] * ((p[0] - 0.5 * p[1] * p[1]) * t + p[1] * w[0]).exp()
        });
    let (mu, sigma) = (problem.p[0], problem.p[1]);
    problem.moments.push(Moment {
        t: 1.0,
        state: 0,
        mean: 0.5 * mu.exp(),
        simulations: None,
        variance: Some(0.25 * (2.0 * mu).exp() * (sigma * sigma).exp_m1()),
        source: "closed form",
    });
    problem.with_text(model!("gbm"))
}

noisy! {
    GeometricStratonovich, GeometricStratonovichNoise: 1, 2;
    1 sources, Diagonal, Stratonovich;
    (_, u, p, out) {
        out(0, p(0) * u(0));
    }
    noise (_, u, p, out) {
        out(0, p(1) * u(0));
    }
}

/// The same in Stratonovich's sense.
pub fn geometric_brownian_motion_stratonovich() -> Problem {
    let names = ("gbm-stratonovich", "Geometric Brownian motion (Stratonovich)");
    with_path(
        problem(names, GeometricStratonovich, 1.0, &[0.5], &[1.01, 0.87]),
        |t, w, u0, p, out| out[0] = u0[0] * (p[0] * t + p[1] * w[0]).exp(),
    )
    .with_text(model!("gbm_stratonovich"))
}

/// `tanh(artanh x + shift)`, which stays finite.
fn shifted(x: f64, shift: f64) -> f64 {
    let grown = (1.0 + x) * (2.0 * shift).exp();
    (grown + x - 1.0) / (grown + 1.0 - x)
}

noisy! {
    Cubic, CubicNoise: 1, 0;
    1 sources, Diagonal, Ito;
    (_, u, _, out) {
        out(0, u(0) * (u(0).square() - 1.0) * 0.25);
    }
    noise (_, u, _, out) {
        out(0, (-u(0).square() + 1.0) * 0.5);
    }
}

/// `dX = −X(1 − X²)/4 dt + (1 − X²)/2 dW` (Itô). The sign of the drift is wrong in a public text.
pub fn cubic_noise() -> Problem {
    with_path(
        problem(("cubic-noise", "Cubic stochastic equation"), Cubic, 1.0, &[0.5], &[]),
        |_, w, u0, _, out| out[0] = shifted(u0[0], 0.5 * w[0]),
    )
    .with_text(model!("cubic_noise"))
}

noisy! {
    Additive, AdditiveNoise: 1, 2;
    1 sources, Additive, Ito;
    (t, u, p, out) {
        out(0, p(1) / (t + 1.0).sqrt() - u(0) / ((t + 1.0) * 2.0));
    }
    noise (t, _, p, out) {
        out(0, p(0) * p(1) / (t + 1.0).sqrt());
    }
}

/// `dX = (β/√(1 + t) − X/(2(1 + t))) dt + αβ/√(1 + t) dW`, parameters `(α, β) = (0.1, 0.05)`.
pub fn additive_noise() -> Problem {
    with_path(
        problem(("additive-noise", "Additive noise"), Additive, 1.0, &[1.0], &[0.1, 0.05]),
        |t, w, u0, p, out| out[0] = (u0[0] + p[1] * (t + p[0] * w[0])) / (1.0 + t).sqrt(),
    )
    .with_text(model!("additive_noise"))
}

noisy! {
    StiffIto, StiffItoNoise: 1, 2;
    1 sources, Diagonal, Ito;
    (_, u, p, out) {
        out(0, (p(0) + p(1).square() * u(0)) * (u(0).square() - 1.0));
    }
    noise (_, u, p, out) {
        out(0, p(1) * (-u(0).square() + 1.0));
    }
}

/// `dX = −(α + β²X)(1 − X²) dt + β(1 − X²) dW` (Itô), parameters `(α, β) = (1, 1)`, to t = 3.
pub fn stiff_noise() -> Problem {
    let names = ("stiff-noise", "Stiff quadratic noise");
    with_path(problem(names, StiffIto, 3.0, &[0.5], &[1.0, 1.0]), |t, w, u0, p, out| {
        out[0] = shifted(u0[0], p[1] * w[0] - p[0] * t);
    })
    .with_text(model!("stiff_noise"))
}

noisy! {
    StiffStratonovich, StiffStratonovichNoise: 1, 2;
    1 sources, Diagonal, Stratonovich;
    (_, u, p, out) {
        out(0, p(0) * (u(0).square() - 1.0));
    }
    noise (_, u, p, out) {
        out(0, p(1) * (-u(0).square() + 1.0));
    }
}

/// The same process written in Stratonovich's sense: `dX = −α(1 − X²) dt + β(1 − X²) ∘ dW`.
pub fn stiff_noise_stratonovich() -> Problem {
    let names = ("stiff-noise-stratonovich", "Stiff quadratic noise (Stratonovich)");
    with_path(problem(names, StiffStratonovich, 3.0, &[0.5], &[1.0, 1.0]), |t, w, u0, p, out| {
        out[0] = shifted(u0[0], p[1] * w[0] - p[0] * t);
    })
    .with_text(model!("stiff_noise_stratonovich"))
}

noisy! {
    Kubo, KuboNoise: 2, 2;
    1 sources, Commutative, Stratonovich;
    (_, u, p, out) {
        out(0, -p(0) * u(1));
        out(1, p(0) * u(0));
    }
    noise (_, u, p, out) {
        out(0, -p(1) * u(1));
        out(1, p(1) * u(0));
    }
}

/// An oscillator with random frequency, `du = iu (a dt + σ ∘ dW)` on a circle, parameters `(a, σ)`.
///
/// R. Kubo, *Stochastic Liouville equations*, J. Math. Phys. 4 (1963) 174, doi:10.1063/1.1703941.
pub fn kubo_oscillator() -> Problem {
    let names = ("kubo", "Kubo oscillator");
    with_path(problem(names, Kubo, 1.0, &[1.0, 0.0], &[1.0, 0.5]), |t, w, u0, p, out| {
        let (sin, cos) = (p[0] * t + p[1] * w[0]).sin_cos();
        out[0] = cos * u0[0] - sin * u0[1];
        out[1] = sin * u0[0] + cos * u0[1];
    })
    .with_text(model!("kubo"))
}

noisy! {
    NoisyLorenz, NoisyLorenzNoise: 3, 4;
    3 sources, Additive, Ito;
    (_, u, p, out) {
        out(0, p(0) * (u(1) - u(0)));
        out(1, u(0) * (p(1) - u(2)) - u(1));
        out(2, u(0) * u(1) - p(2) * u(2));
    }
    noise (_, _, p, out) {
        for source in 0..3 {
            for state in 0..3 {
                out(3 * source + state, if source == state { p(3) } else { N::of(0.0) });
            }
        }
    }
}

/// Lorenz' model with additive noise of strength 3, the last parameter.
pub fn lorenz_noise() -> Problem {
    let mut p = non_stiff::lorenz().p;
    p.push(3.0);
    let names = ("lorenz-noise", "Lorenz with additive noise");
    problem(names, NoisyLorenz, 10.0, &[1.0, 0.0, 0.0], &p).with_text(model!("lorenz_noise"))
}

noisy! {
    NoisyPredators, NoisyPredatorsNoise: 2, 5;
    2 sources, Diagonal, Ito;
    (_, u, p, out) {
        let (x, y) = (u(0), u(1));
        out(0, p(0) * x - p(1) * x * y);
        out(1, p(3) * x * y - p(2) * y);
    }
    noise (_, u, p, out) {
        out(0, p(4) * u(0));
        out(1, p(4) * u(1));
    }
}

/// Lotka–Volterra with noise in proportion to the states, strength 0.1, the last parameter.
pub fn lotka_volterra_noise() -> Problem {
    let mut p = non_stiff::lotka_volterra().p;
    p.push(0.1);
    let names = ("lotka-volterra-noise", "Lotka–Volterra with noise");
    problem(names, NoisyPredators, 10.0, &[1.0, 1.0], &p).with_text(model!("lotka_volterra_noise"))
}

/// All of them.
pub fn stochastic() -> Vec<Problem> {
    vec![
        geometric_brownian_motion(),
        geometric_brownian_motion_stratonovich(),
        cubic_noise(),
        additive_noise(),
        stiff_noise(),
        stiff_noise_stratonovich(),
        kubo_oscillator(),
        lorenz_noise(),
        lotka_volterra_noise(),
        bistable_noise(),
        brusselator_noise(),
        heat_noise(),
        ovol2_transition(),
        mixed_oscillator_noise(),
    ]
}
