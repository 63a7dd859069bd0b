//! Where many trajectories of one model are solved: on the processor or on a graphics card.
//!
//! [`solve`] takes [`Work`], which is an ensemble and the model it came from, and what was asked for
//! ([`Wanted`]). It finds a card, or decides by measured times whether one pays, gives it the work in
//! portions, and lets the processor do what the card does not: everything when there is no card or
//! it has no form for the model, the rest when it fails on the way, and single trajectories that its
//! precision was not enough for.
//!
//! ```text
//! Work ──▶ choice ──▶ card, portion by portion ──▶ Solved, with a sentence for each decision
//!             │              │ refuses, fails, is lost
//!             └──▶ processor ◀┘
//! ```
//!
//! A card is what implements [`Card`]: that of `slopefield-gpu` with the feature `gpu`, and devices
//! that fail on purpose in tests.
//!
//! *Invariants:* no failure of a card loses a trajectory; what was computed where, and why, is said.

mod card;
mod choice;
mod cuda;
mod figures;
#[cfg(feature = "gpu")]
mod gpu;
mod gradients;
mod paths;
mod processor;
mod solve;
mod wanted;
mod work;

#[cfg(not(feature = "gpu"))]
use card::NoCards as OfThisMachine;
#[cfg(feature = "gpu")]
use gpu::OfThisMachine;

pub use card::{
    Card, CardError, CardInfo, CardLoss, CardProgram, Cards, Differentiated, Found,
    GradientCardProgram, NoCards, PathCardProgram,
};
pub use choice::{candidate, would_choose};
pub use cuda::{Cuda, cuda};
pub use gradients::{GradientWork, Gradients, Training, with_gradients};
pub use paths::{CardPaths, PathWork, with_paths};
pub use processor::{Processor, processor};
pub use solve::{Site, Solved, solve};
pub use wanted::Wanted;
pub use work::{Apart, Method, Progress, Work};

/// The cards of this machine; none in a program that was built without the feature `gpu`.
#[must_use]
pub fn cards() -> &'static dyn Cards {
    &OfThisMachine
}
