//! Jump processes: simulated exactly, leaped over, or on top of a differential equation.

mod augmented;
mod diffusion;
mod methods;
mod pure;
mod queue;
mod rates;
mod tau_leaping;
mod thinning;
mod without_jumps;

pub use augmented::Augmented;
pub use diffusion::JumpDiffusion;
pub(crate) use methods::METHODS;
pub use pure::{Happened, PureJump, Selection};
pub use tau_leaping::TauLeaping;
pub use thinning::Thinning;
