//! Ordinary differential equations without widely different time scales.

mod classic;
mod forced;
mod linear;
mod lotka_volterra;
mod network;
mod spiral;

pub use classic::{fitzhugh_nagumo, lorenz, rigid_body};
pub use forced::forced_relaxation;
pub use linear::{exponential_decay, harmonic_oscillator};
pub use lotka_volterra::lotka_volterra;
pub use network::{network_weights, neural_spiral, plain_network};
pub use spiral::spiral;

use crate::Problem;

/// Small smooth problems, each with its usual parameters.
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
