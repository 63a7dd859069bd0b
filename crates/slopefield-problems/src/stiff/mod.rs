//! Stiff ordinary differential equations.

mod akzo;
mod beam;
mod brusselator;
mod emep;
mod heating;
mod kinetics;
mod oxygen;
mod pollution;
mod ring_modulator;
mod signalling;
mod van_der_pol;

pub use akzo::medical_akzo_nobel;
pub use beam::beam;
pub use brusselator::{brusselator_1d, brusselator_1d_200, brusselator_2d};
pub use emep::emep;
pub use heating::heating_system;
pub use kinetics::{hires, oregonator, robertson};
pub use oxygen::oxygen_reduction;
pub use pollution::pollution;
pub use ring_modulator::ring_modulator;
pub use signalling::bidkhori;
pub use van_der_pol::{van_der_pol, van_der_pol_mild, van_der_pol_unscaled};

use crate::Problem;

/// All of them in their usual sizes; the two-dimensional Brusselator with 32 × 32 points.
pub fn stiff() -> Vec<Problem> {
    vec![
        robertson(),
        hires(),
        oregonator(),
        pollution(),
        van_der_pol(),
        van_der_pol_unscaled(),
        brusselator_1d(),
        brusselator_1d_200(),
        brusselator_2d(32),
        beam(),
        medical_akzo_nobel(),
        ring_modulator(),
        emep(),
        oxygen_reduction(),
        heating_system(),
        bidkhori(),
    ]
}
