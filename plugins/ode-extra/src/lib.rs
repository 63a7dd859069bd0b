//! Bundled plugin `org.slopefield.ode-extra`: integrators beyond the built-in ones.
//!
//! It is an ordinary plugin, built with the same kit as anybody's, and doubles as the example for
//! authors of solvers.

mod dop853;

use dop853::Dop853;
use slopefield_plugin_sdk::export_plugin;

export_plugin! { id: "org.slopefield.ode-extra", solvers: [Dop853], networks: [] }
