//! Ordinary differential equations without widely different time scales.

mod attractors;
mod chemistry;
mod classic;
mod forced;
mod linear;
mod lotka_volterra;
mod mechanics;
mod network;
mod spiral;

pub use attractors::{
    aizawa, chen, dadras, hindmarsh_rose, rabinovich_fabrikant, rossler, sprott, thomas,
};
pub use chemistry::nonlinear_chemistry;
pub use classic::{fitzhugh_nagumo, lorenz, lorenz_5, rigid_body};
pub use forced::forced_relaxation;
pub use linear::{exponential_decay, harmonic_oscillator};
pub use lotka_volterra::lotka_volterra;
pub use mechanics::{arenstorf, henon_heiles, pleiades};
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

/// The other ones: mechanics, chemistry, strange attractors.
pub fn non_stiff() -> Vec<Problem> {
    vec![
        lorenz_5(),
        crate::van_der_pol_mild(),
        nonlinear_chemistry(),
        pleiades(),
        henon_heiles(),
        arenstorf(),
        thomas(),
        aizawa(),
        dadras(),
        chen(),
        rossler(),
        rabinovich_fabrikant(),
        sprott(),
        hindmarsh_rose(),
    ]
}
