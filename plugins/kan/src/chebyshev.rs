//! Chebyshev edges: `φ(x) = Σ_k c_k T_k(tanh x)`.
//!
//! Infinitely smooth and without a grid to choose; the hyperbolic tangent brings every input into
//! the interval on which the polynomials are bounded. Sidharth et al., Chebyshev Polynomial-Based
//! Kolmogorov–Arnold Networks (2024), arXiv:2405.07200.

use crate::{MAX_WIDTH, widths};
use slopefield_plugin_sdk::prelude::*;

options! {
    /// Options of a Chebyshev Kolmogorov–Arnold network.
    pub struct ChebyshevOptions {
        /// Widths of the hidden layers.
        hidden: Vec<f64> = vec![5.0], min(1.0), max(MAX_WIDTH);
        /// Degree of the polynomials.
        degree: i64 = 4, min(1.0), max(30.0);
    }
}

/// The network kind `chebyshev`.
pub struct Chebyshev;

impl Network for Chebyshev {
    const INFO: NetworkInfo =
        NetworkInfo::new("chebyshev", "Kolmogorov–Arnold network, Chebyshev polynomials")
            .reference("arXiv:2405.07200");
    type Options = ChebyshevOptions;

    fn build(graph: &mut Graph<'_>, options: &ChebyshevOptions) -> Result<(), Error> {
        let mut x = graph.input("x")?;
        let mut width = graph.inputs();
        for (i, out) in widths(&options.hidden, graph.outputs())?.into_iter().enumerate() {
            let degree = options.degree as usize;
            x = graph.scope(&format!("layer{}", i + 1), |g| layer(g, x, width, out, degree))?;
            width = out;
        }
        graph.output("y", x)
    }
}

fn layer(
    graph: &mut Graph<'_>,
    x: Node,
    inputs: usize,
    outputs: usize,
    degree: usize,
) -> Result<Node, Error> {
    let z = graph.map("tanh", x)?;
    let two = graph.scalar(2.0)?;
    let twice = graph.mul(z, two)?;
    // T_1 .. T_degree by the three-term recurrence; T_0 = 1 is the bias.
    let one = graph.constant(&[inputs], &vec![1.0; inputs])?;
    let mut basis = vec![z];
    let mut before = one;
    for _ in 1..degree {
        let last = basis[basis.len() - 1];
        let product = graph.mul(twice, last)?;
        let next = graph.sub(product, before)?;
        before = last;
        basis.push(next);
    }
    let features = if degree == 1 { z } else { graph.concat(&basis)? };

    // The variance that Glorot gives a layer of this many inputs, shared among the degrees.
    let spread = 1.0 / ((inputs * degree) as f64).sqrt();
    let weights =
        graph.param("coefficients", &[outputs, inputs * degree], Init::Normal(0.0, spread))?;
    let bias = graph.param("bias", &[outputs], Init::Zeros)?;
    let sum = graph.matvec(weights, features)?;
    graph.add(sum, bias)
}
