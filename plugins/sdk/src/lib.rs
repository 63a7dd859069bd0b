//! Safe traits for authors of Slopefield plugins.
//!
//! Implement [`Solver`] or [`Network`], declare [`options!`], name both in [`export_plugin!`], and
//! build the crate as a `cdylib` with `panic = "unwind"` (the default). No unsafe code is needed:
//! the kit checks every pointer, size and text that crosses the C interface, and catches every
//! panic before it would leave the plugin. It computes nothing of its own.
//!
//! ```standalone_crate
//! use slopefield_plugin_sdk::prelude::*;
//!
//! /// Forward Euler with a fixed step.
//! struct Euler { t: f64, t_end: f64, h: f64, y: Vec<f64>, dydt: Vec<f64>, trial: Vec<f64> }
//!
//! options! {
//!     /// Options of forward Euler.
//!     pub struct EulerOptions {
//!         /// Step size.
//!         h: f64 = 0.01, min(1e-9);
//!     }
//! }
//!
//! impl Solver for Euler {
//!     const INFO: SolverInfo = SolverInfo::new("euler", "Forward Euler", 1.0).caps(Caps::BACKWARD);
//!     type Options = EulerOptions;
//!
//!     fn create(problem: &Problem<'_>, config: &Config<'_, EulerOptions>) -> Result<Self, Error> {
//!         let zero = vec![0.0; problem.len()];
//!         let h = config.options.h;
//!         Ok(Euler { t: 0.0, t_end: 0.0, h, y: zero.clone(), dydt: zero.clone(), trial: zero })
//!     }
//!     fn start(&mut self, _: &Problem<'_>, t0: f64, t_end: f64, y0: &[f64]) -> Result<(), Error> {
//!         (self.t, self.t_end) = (t0, t_end);
//!         self.y.copy_from_slice(y0);
//!         Ok(())
//!     }
//!     fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
//!         let last = self.h >= (t_limit - self.t).abs();
//!         let t = if last { t_limit } else { self.t + self.h.copysign(t_limit - self.t) };
//!         problem.rhs(self.t, &self.y, &mut self.dydt)?;
//!         for ((new, y), f) in self.trial.iter_mut().zip(&self.y).zip(&self.dydt) {
//!             *new = y + (t - self.t) * f;
//!         }
//!         if !self.trial.iter().all(|v| v.is_finite()) {
//!             return Err(Error::non_finite("the state overflowed"));
//!         }
//!         std::mem::swap(&mut self.y, &mut self.trial);
//!         let t_prev = std::mem::replace(&mut self.t, t);
//!         Ok(Step { t_prev, t, h_next: self.h, error_norm: f64::NAN, rejected: 0 })
//!     }
//!     fn state(&self) -> &[f64] { &self.y }
//!     fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
//!         self.start(problem, t, self.t_end, y)
//!     }
//! }
//!
//! export_plugin! { id: "org.example.euler", solvers: [Euler], networks: [] }
//! # fn main() {}
//! ```

mod border;
mod error;
mod network;
mod operator;
mod options;
mod solver;

pub use border::{
    Calculus, Delays, Graph, Implicit, Noise, NoiseKind, Pattern, Problem, Reversal, Segment,
    Split, host_log,
};
pub use error::Error;
pub use network::{Init, Network, NetworkInfo, Node};
pub use operator::{CustomOp, Operands};
pub use options::{NoOptions, OptionSpec, OptionType, OptionValue, Options};
pub use solver::{Caps, Config, Solver, SolverInfo, Step};

/// Everything an author needs.
pub mod prelude {
    pub use crate::{
        Calculus, Caps, Config, CustomOp, Delays, Error, Graph, Implicit, Init, Level, Network,
        NetworkInfo, NoOptions, Node, Noise, NoiseKind, Operands, Options, Pattern, Problem,
        Reversal, Segment, Solver, SolverInfo, Split, Step, export_plugin, options,
    };
}

/// The example of the how-to page compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/how-to/write-a-network-plugin.md")]
struct NetworkPage;

/// Importance of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The plugin failed.
    Error,
    /// Worth reading.
    Warn,
    /// Normal news.
    Info,
    /// For the plugin's author.
    Debug,
}

/// What [`export_plugin!`] expands to; not for direct use.
#[doc(hidden)]
pub mod export {
    pub use crate::border::{Definition, NetworkEntry, OperatorEntry, Shared, SolverEntry, entry};
    pub use slopefield_plugin_abi as abi;
}

/// Exports the plugin: its id, and the types that implement [`Solver`] and [`Network`]; and, where its
/// networks use some, `operators: [...]`, those that implement [`CustomOp`]. The version is that of the
/// crate. Use it once, at the top of the crate.
#[macro_export]
macro_rules! export_plugin {
    (id: $id:literal, solvers: [$($solver:ty),* $(,)?], networks: [$($network:ty),* $(,)?] $(,)?) => {
        $crate::export_plugin! {
            id: $id, solvers: [$($solver),*], networks: [$($network),*], operators: []
        }
    };
    (
        id: $id:literal, solvers: [$($solver:ty),* $(,)?], networks: [$($network:ty),* $(,)?],
        operators: [$($operator:ty),* $(,)?] $(,)?
    ) => {
        #[doc(hidden)]
        #[allow(unsafe_code, reason = "an exported symbol is what makes the library a plugin")]
        const _: () = {
            struct Plugin;

            impl $crate::export::Definition for Plugin {
                const ID: &'static str = $id;
                const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
                fn solvers() -> &'static [$crate::export::SolverEntry] {
                    static ENTRIES: &[$crate::export::SolverEntry] =
                        &[$($crate::export::SolverEntry::of::<$solver>()),*];
                    ENTRIES
                }
                fn networks() -> &'static [$crate::export::NetworkEntry] {
                    static ENTRIES: &[$crate::export::NetworkEntry] =
                        &[$($crate::export::NetworkEntry::of::<$network>()),*];
                    ENTRIES
                }
                fn operators() -> &'static [$crate::export::OperatorEntry] {
                    static ENTRIES: &[$crate::export::OperatorEntry] =
                        &[$($crate::export::OperatorEntry::of::<$operator>()),*];
                    ENTRIES
                }
                fn shared() -> &'static $crate::export::Shared {
                    static SHARED: $crate::export::Shared = $crate::export::Shared::new();
                    &SHARED
                }
            }

            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn slopefield_plugin_v1(
                host: *const $crate::export::abi::slf_host,
                err: *mut $crate::export::abi::slf_error,
            ) -> *const $crate::export::abi::slf_plugin {
                // SAFETY: both pointers are what the host passed to the entry function.
                unsafe { $crate::export::entry::<Plugin>(host, err) }
            }
        };
    };
}
