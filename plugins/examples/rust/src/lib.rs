//! Examples for authors: one short solver for each class of problem that the interface knows beyond
//! `y' = f(t, y)`, and a network with an operator of its own. Not bundled; the tests of the host use
//! them.

mod bs32;
mod control;
mod imex;
mod milstein;
mod omega;
mod sdirk2;

use bs32::Bs32;
use imex::Imex;
use milstein::Milstein;
use omega::{Omega, WrightOmega};
use sdirk2::Sdirk2;
use slopefield_plugin_sdk::export_plugin;

export_plugin! {
    id: "org.example.rust",
    solvers: [Sdirk2, Bs32, Imex, Milstein],
    networks: [Omega],
    operators: [WrightOmega],
}
