//! Hand-written C: its sources, how it is compiled, and how it is called.

pub(crate) mod native;
mod sources;
mod toolchain;

pub(crate) use sources::{
    CVODE, HAND_WRITTEN, KINETICS, LARGE_NETWORK, LARGE_NETWORK_SHORT, LOTKA_VOLTERRA,
    SMALL_NETWORK, SMALL_NETWORK_SHORT, WHOLE,
};
pub(crate) use toolchain::Source;
pub use toolchain::{Comparators, cache_folder};
