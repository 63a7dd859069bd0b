//! Standard problems with trusted references.
//!
//! Differential equations that the literature uses again and again, as data: right-hand side with
//! exact derivative products, default parameters, initial state, time span, and reference values
//! with their source. Tests, benchmarks, documentation and the plugin kit share them. Nothing
//! here solves anything.

mod classic;
mod forced;
mod linear;
mod lotka_volterra;
mod network;
mod small;
mod spiral;

#[cfg(test)]
mod tests;

pub use classic::{fitzhugh_nagumo, lorenz, rigid_body};
pub use forced::forced_relaxation;
pub use linear::{exponential_decay, harmonic_oscillator};
pub use lotka_volterra::lotka_volterra;
pub use network::{network_weights, neural_spiral, plain_network};
pub use spiral::spiral;

use slopefield_kernel::Kernel;

/// An initial value problem with references.
pub struct Problem {
    /// Short name, stable.
    pub id: &'static str,
    /// Name in the literature.
    pub name: &'static str,
    /// Right-hand side with its derivative products.
    pub rhs: Box<dyn Kernel>,
    /// Usual start time.
    pub t0: f64,
    /// Usual end time.
    pub t1: f64,
    /// Usual initial state.
    pub u0: Vec<f64>,
    /// Usual parameters.
    pub p: Vec<f64>,
    /// Known states on the way, for `t0`, `u0` and `p` above.
    pub references: Vec<Reference>,
    /// The solution in closed form, where there is one: writes `u(t)` for a start `u0` at `t0`.
    pub exact: Option<Exact>,
}

/// Writes the exact state at time `t` for start `(t0, u0)` and parameters `p`:
/// `exact(t, t0, u0, p, out)`.
pub type Exact = fn(f64, f64, &[f64], &[f64], &mut [f64]);

/// A state known from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Time.
    pub t: f64,
    /// State.
    pub u: Vec<f64>,
    /// Half a unit in the last digit given, absolute: the reference is that good.
    pub tolerance: f64,
    /// Where it comes from.
    pub source: &'static str,
}

/// All problems, each with its usual parameters.
pub fn all() -> Vec<Problem> {
    vec![
        exponential_decay(),
        harmonic_oscillator(),
        forced_relaxation(),
        lotka_volterra(),
        rigid_body(),
        fitzhugh_nagumo(),
        lorenz(),
        spiral(),
        neural_spiral(),
        plain_network(),
    ]
}

/// Source of the values computed for this project; two step sizes agreed to all digits given.
pub(crate) const COMPUTED: &str =
    "Gragg extrapolation of order 16 in arithmetic of 34 digits, independent of this program";
