//! Everything that needs no process of its own.

#[cfg(feature = "gpu")]
mod batched;
#[cfg(feature = "gpu")]
mod card;
mod choice;
mod common;
mod fallback;
mod gradients;
mod paths;
