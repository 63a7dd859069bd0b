//! Benchmarks: this program beside hand-written C on the same machine, in the same process, and
//! beside other programs.
//!
//! A [`Suite`] is a list of [`Case`]s. A case prepares two [`Subject`]s, ours and the comparator,
//! that do the same work on the same inputs. [`run`] compares what they computed with each other
//! and with an independent reference, and only then measures them, in short rounds by turns:
//! other load on the machine meets both alike. C sources are part of this crate and are compiled
//! when a benchmark runs; without a compiler our own times stand alone.
//!
//! To add a suite, write a module like `core` and name it in [`suites`].
//!
//! *Invariants:* nothing is timed whose result has not been checked; all unsafe code is in
//! `comparator::native`, the calls of the compiled C, and `plugins::interface::linked`, a plugin inside
//! this program.

mod beside;
mod buffer;
mod comparator;
mod core;
mod error;
mod gpu;
mod gradients;
mod machine;
mod measure;
mod numpy;
mod peers;
mod plugins;
mod record;
pub mod solvers;
mod stored;
mod suite;
#[cfg(feature = "gpu")]
mod tensor;
mod training;

pub use beside::{Beside, Compared, compared};
pub use comparator::{Comparators, cache_folder};
pub use error::BenchError;
pub use gpu::{GpuErrors, GpuOptions, GpuPoint, GpuReport, GpuWork, gpu, gpu_gradients};
pub use machine::Machine;
pub use measure::{Subject, Timing};
pub use peers::Peers;
pub use record::Record;
pub use slopefield_devices::cards;
pub use suite::{
    Case, Check, Figures, Outcome, Ratio, Reference, Saved, Setting, Suite, Target, Trial, once,
    run, suite, suites,
};
#[cfg(feature = "gpu")]
pub use tensor::{TensorPoint, TensorReport, TensorWork, tensor};
