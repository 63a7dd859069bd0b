//! Bundled plugin `org.slopefield.kan`: networks whose edges are learnt functions of one variable.
//!
//! A layer computes `y_i = Σ_j φ_ij(x_j)` instead of `y_i = σ(Σ_j w_ij x_j)`; what is learnt can
//! be plotted edge by edge, which is why such networks are used to find formulas. Two bases for
//! the edge functions: B-splines ([`spline`]) and Chebyshev polynomials ([`chebyshev`]).
//!
//! Liu, Wang, Vaidya, Ruehle, Halverson, Soljačić, Hou & Tegmark, KAN: Kolmogorov–Arnold Networks
//! (2024), arXiv:2404.19756.

mod chebyshev;
mod spline;

use chebyshev::Chebyshev;
use slopefield_plugin_sdk::prelude::*;
use spline::Kan;

export_plugin! { id: "org.slopefield.kan", solvers: [], networks: [Kan, Chebyshev] }

/// Widest hidden layer, and most hidden layers.
const MAX_WIDTH: f64 = 4096.0;
const MAX_LAYERS: usize = 16;

/// Hidden widths as the user wrote them, then the width of the output.
fn widths(hidden: &[f64], outputs: usize) -> Result<Vec<usize>, Error> {
    if let Some(w) = hidden.iter().find(|w| w.fract() != 0.0) {
        return Err(Error::argument(format!("`hidden` holds {w}; widths are whole numbers")));
    }
    if hidden.len() > MAX_LAYERS {
        return Err(Error::argument(format!(
            "`hidden` has {} layers; at most {MAX_LAYERS} are allowed",
            hidden.len()
        )));
    }
    Ok(hidden.iter().map(|&w| w as usize).chain([outputs]).collect())
}

/// A node repeated, one after the other. The host takes up to 1024 operands; ours are fewer.
fn repeat(graph: &mut Graph<'_>, x: Node, times: usize) -> Result<Node, Error> {
    if times == 1 { Ok(x) } else { graph.concat(&vec![x; times]) }
}
