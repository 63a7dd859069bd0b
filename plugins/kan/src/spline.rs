//! B-spline edges: `φ(x) = w silu(x) + Σ_g c_g B((x - x_g) / h)`.
//!
//! The grid is uniform, so every basis function is one cardinal B-spline, moved. With
//! `u = |x - x_g| / h` it is a short sum of truncated powers, which stays accurate because terms
//! that would cancel far from the centre are zero there:
//! `B_k(u) = 1/k! Σ_i (-1)^i C(k+1, i) max((k+1)/2 - i - u, 0)^k` over `i < (k+1)/2`
//! (Schoenberg 1946, with the symmetry of B used to drop the other half of the sum).

use crate::{MAX_WIDTH, repeat, widths};
use slopefield_plugin_sdk::prelude::*;

options! {
    /// Options of a B-spline Kolmogorov–Arnold network.
    pub struct KanOptions {
        /// Widths of the hidden layers.
        hidden: Vec<f64> = vec![5.0], min(1.0), max(MAX_WIDTH);
        /// Intervals of the spline grid.
        grid: i64 = 5, min(1.0), max(200.0);
        /// Degree of the splines: 1 piecewise linear to 5; 3 is smooth enough for any solver.
        degree: i64 = 3, min(1.0), max(5.0);
        /// The grid goes from -range to +range; scale the inputs to fit. Outside only the smooth
        /// part of an edge remains.
        range: f64 = 2.0, min(1e-6), max(1e6);
    }
}

/// The network kind `kan`.
pub struct Kan;

impl Network for Kan {
    const INFO: NetworkInfo = NetworkInfo::new("kan", "Kolmogorov–Arnold network, B-splines")
        .reference("arXiv:2404.19756");
    type Options = KanOptions;

    fn build(graph: &mut Graph<'_>, options: &KanOptions) -> Result<(), Error> {
        let mut x = graph.input("x")?;
        let mut width = graph.inputs();
        for (i, out) in widths(&options.hidden, graph.outputs())?.into_iter().enumerate() {
            x = graph.scope(&format!("layer{}", i + 1), |g| layer(g, x, width, out, options))?;
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
    options: &KanOptions,
) -> Result<Node, Error> {
    let (grid, degree) = (options.grid as usize, options.degree as usize);
    let step = 2.0 * options.range / grid as f64;
    let count = grid + degree;

    // Centres such that inside the grid all basis functions add up to 1.
    let centre = |g: usize| -options.range + (g as f64 - (degree as f64 - 1.0) / 2.0) * step;
    let centres: Vec<f64> =
        (0..count).flat_map(|g| std::iter::repeat_n(centre(g), inputs)).collect();
    let all = repeat(graph, x, count)?;
    let centres = graph.constant(&[count * inputs], &centres)?;
    let step = graph.scalar(step)?;
    let moved = graph.sub(all, centres)?;
    let moved = graph.div(moved, step)?;
    let distance = graph.map("abs", moved)?;
    let basis = cardinal(graph, distance, degree)?;

    // At most degree + 1 basis functions are not 0 and they sum to 1, so this spread gives the
    // sum over the inputs a spread of at most 0.1: the network starts near its smooth part.
    let spread = 0.1 / (inputs as f64).sqrt();
    let spline = graph.param("spline", &[outputs, count * inputs], Init::Normal(0.0, spread))?;
    let base = graph.param("base", &[outputs, inputs], Init::XavierUniform(1.0))?;
    let smooth = silu(graph, x)?;
    let smooth = graph.matvec(base, smooth)?;
    let local = graph.matvec(spline, basis)?;
    graph.add(smooth, local)
}

/// The centred cardinal B-spline of a degree at distances from its centre.
fn cardinal(graph: &mut Graph<'_>, distance: Node, degree: usize) -> Result<Node, Error> {
    let zero = graph.scalar(0.0)?;
    let order = degree + 1;
    let factorial: f64 = (1..=degree).map(|i| i as f64).product();
    let mut binomial = 1.0;
    let mut sum: Option<Node> = None;
    for i in 0..order.div_ceil(2) {
        if i > 0 {
            binomial *= -((order + 1 - i) as f64) / i as f64;
        }
        let edge = graph.scalar(order as f64 / 2.0 - i as f64)?;
        let rest = graph.sub(edge, distance)?;
        let rest = graph.max(rest, zero)?;
        let mut power = rest;
        for _ in 1..degree {
            power = graph.mul(power, rest)?;
        }
        let weight = graph.scalar(binomial / factorial)?;
        let term = graph.mul(power, weight)?;
        sum = Some(match sum {
            Some(sum) => graph.add(sum, term)?,
            None => term,
        });
    }
    sum.ok_or_else(|| Error::internal("a spline without terms"))
}

/// `x / (1 + exp(-x))`.
fn silu(graph: &mut Graph<'_>, x: Node) -> Result<Node, Error> {
    let gate = graph.map("sigmoid", x)?;
    graph.mul(x, gate)
}
