//! Discovery and loading of native plugins.
//!
//! [`discover`] reads manifests and touches no code. [`Registry::load`] loads libraries that are
//! the application's own or that the user's record ([`Trust`]) allows, which
//! runs foreign code: call it in a process that may die, never in the one that owns the window.
//! Tableau plugins have no code: [`register_tableaus`] reads and checks their coefficients.
//! A loaded solver is a [`slopefield_solve::Stepper`] like the built-in ones; a loaded network
//! kind goes through [`PluginNetworks`] and leaves a recorded graph that needs no plugin any more.
//!
//! *Invariant:* all unsafe code is in `native`; nothing that a plugin returns is used unchecked.

mod bundle;
mod crashes;
mod describe;
mod discover;
mod error;
mod manifest;
mod names;
mod native;
mod networks;
mod registry;
mod scan;
mod tableau;
mod trust;

pub use bundle::{BundleError, bundle, bundle_made};
pub use crashes::Crashes;
pub use describe::{NetworkDescription, OptionDescription, OptionKind, SolverDescription};
pub use discover::{Found, Places, discover};
pub use error::PluginError;
pub use manifest::{CAPS, LibraryFile, Manifest, Provides, ProvidesKind, platform};
pub use native::{PluginSolver, c_options, linked_solver, open_library, set_log, spelled_options};
pub use networks::PluginNetworks;
pub use registry::{Plugin, Registry};
pub use scan::ScanCache;
pub use tableau::{register_tableaus, tableau_problem};
pub use trust::{Trust, TrustState};
