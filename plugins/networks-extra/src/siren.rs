//! Networks of sines: `h ← sin(ω (W h + b))` in every hidden layer, linear outputs.
//!
//! Sitzmann, Martel, Bergman, Lindell & Wetzstein, Implicit Neural Representations with Periodic
//! Activation Functions (2020), arXiv:2006.09661. All derivatives of such a network are networks
//! of sines again, and with the initial weights of the paper the values keep their distribution
//! through any number of layers (theorem 1.8 of its supplement).

use crate::{MAX_WIDTH, widths};
use slopefield_plugin_sdk::prelude::*;

options! {
    /// Options of a network of sines.
    pub struct SirenOptions {
        /// Widths of the hidden layers, at least one.
        hidden: Vec<f64> = vec![16.0, 16.0], min(1.0), max(MAX_WIDTH);
        /// Frequency of the first layer: for inputs from -1 to 1 the network starts with up to
        /// frequency / pi oscillations. The paper uses 30; a slow term of an equation wants less.
        frequency: f64 = 30.0, min(1e-6), max(1e6);
        /// Frequency of the other hidden layers. Their weights start smaller by the same factor, so
        /// that it changes only how fast they learn.
        inner: f64 = 30.0, min(1e-6), max(1e6);
    }
}

/// The network kind `siren`.
pub struct Siren;

impl Network for Siren {
    const INFO: NetworkInfo =
        NetworkInfo::new("siren", "Sinusoidal representation network (SIREN)")
            .reference("arXiv:2006.09661");
    type Options = SirenOptions;

    fn build(graph: &mut Graph<'_>, options: &SirenOptions) -> Result<(), Error> {
        let hidden = widths(&options.hidden)?;
        if hidden.is_empty() {
            return Err(Error::argument(
                "`hidden` is empty; a network of sines has a hidden layer",
            ));
        }
        let mut h = graph.input("x")?;
        let mut fan_in = graph.inputs();
        for (i, width) in hidden.into_iter().enumerate() {
            let (first, omega) = (i == 0, if i == 0 { options.frequency } else { options.inner });
            let bound = match first {
                true => 1.0 / fan_in as f64,
                false => (6.0 / fan_in as f64).sqrt() / omega,
            };
            h = graph.scope(&format!("layer{}", i + 1), |g| {
                let moved = affine(g, h, (width, fan_in), bound)?;
                let omega = g.scalar(omega)?;
                let phase = g.mul(moved, omega)?;
                g.map("sin", phase)
            })?;
            fan_in = width;
        }
        let bound = (6.0 / fan_in as f64).sqrt() / options.inner;
        let outputs = graph.outputs();
        let y = graph.scope("output", |g| affine(g, h, (outputs, fan_in), bound))?;
        graph.output("y", y)
    }
}

/// `W x + b` with weights from -bound to bound. Offsets start from -1/√fan_in to 1/√fan_in, as in
/// the authors' program; the paper does not speak of them.
fn affine(
    graph: &mut Graph<'_>,
    x: Node,
    (rows, fan_in): (usize, usize),
    bound: f64,
) -> Result<Node, Error> {
    let weight = graph.param("weight", &[rows, fan_in], Init::Uniform(-bound, bound))?;
    let offset = 1.0 / (fan_in as f64).sqrt();
    let bias = graph.param("bias", &[rows], Init::Uniform(-offset, offset))?;
    let product = graph.matvec(weight, x)?;
    graph.add(product, bias)
}
