//! Bundled plugin `org.slopefield.networks-extra`: networks of sines ([`siren`]) and monotone
//! networks ([`monotone`]).

mod monotone;
mod siren;

use monotone::Monotone;
use siren::Siren;
use slopefield_plugin_sdk::prelude::*;

export_plugin! { id: "org.slopefield.networks-extra", solvers: [], networks: [Siren, Monotone] }

/// Widest hidden layer, and most hidden layers.
const MAX_WIDTH: f64 = 4096.0;
const MAX_LAYERS: usize = 16;

/// Hidden widths as the user wrote them.
fn widths(hidden: &[f64]) -> Result<Vec<usize>, Error> {
    if let Some(w) = hidden.iter().find(|w| w.fract() != 0.0) {
        return Err(Error::argument(format!("`hidden` holds {w}; widths are whole numbers")));
    }
    if hidden.len() > MAX_LAYERS {
        return Err(Error::argument(format!(
            "`hidden` has {} layers; at most {MAX_LAYERS} are allowed",
            hidden.len()
        )));
    }
    Ok(hidden.iter().map(|&w| w as usize).collect())
}
