//! Monotone networks of convex, concave and saturating units.
//!
//! Runje & Shankaranarayana, Constrained Monotonic Neural Networks (ICML 2023), arXiv:2205.11775.
//! Weights of inputs with which the outputs rise count with their absolute value, those of inputs
//! with which they fall with minus it, and every later layer has absolute values only. With a
//! convex activation `ρ` such a network would be convex; so of each hidden layer some units use
//! `ρ(x)`, some the concave `-ρ(-x)`, and the rest the saturating
//! `ρ(x + 1) - ρ(1)` below 0, `ρ(1) - ρ(1 - x)` above, which together reach every monotone
//! function (theorem 1 there).

use crate::{MAX_WIDTH, widths};
use slopefield_plugin_sdk::prelude::*;

/// Most inputs that can be listed.
const MAX_INPUTS: f64 = 1e6;

options! {
    /// Options of a monotone network.
    pub struct MonotoneOptions {
        /// Numbers of the inputs with which the outputs rise, counted from 1; all, if no list is given.
        increasing: Vec<f64> = vec![], min(1.0), max(MAX_INPUTS);
        /// Numbers of the inputs with which the outputs fall, counted from 1.
        decreasing: Vec<f64> = vec![], min(1.0), max(MAX_INPUTS);
        /// Widths of the hidden layers, at least one.
        hidden: Vec<f64> = vec![16.0, 16.0], min(1.0), max(MAX_WIDTH);
        /// The convex activation: elu, as in the paper, has one continuous derivative; softplus,
        /// moved to 0 at 0, has all, but for the saturating units, which have one in any case.
        activation: String = "elu".into(), choices(&["elu", "softplus"]);
        /// Shares of convex, concave and saturating units in every hidden layer.
        shares: Vec<f64> = vec![7.0, 7.0, 2.0], min(0.0), max(1e6);
    }
}

/// The network kind `monotone`.
pub struct Monotone;

impl Network for Monotone {
    const INFO: NetworkInfo =
        NetworkInfo::new("monotone", "Monotone network with convex, concave and saturating units")
            .reference("arXiv:2205.11775");
    type Options = MonotoneOptions;

    fn build(graph: &mut Graph<'_>, options: &MonotoneOptions) -> Result<(), Error> {
        let hidden = widths(&options.hidden)?;
        if hidden.is_empty() {
            return Err(Error::argument(
                "`hidden` is empty; a monotone network has a hidden layer",
            ));
        }
        let mut x = graph.input("x")?;
        let mut directions = directions(options, graph.inputs())?;
        for (i, width) in hidden.into_iter().enumerate() {
            x = graph.scope(&format!("layer{}", i + 1), |g| {
                let moved = monotone_affine(g, x, width, &directions)?;
                units(g, moved, split(&options.shares, width)?, &options.activation)
            })?;
            directions = vec![1.0; width];
        }
        let outputs = graph.outputs();
        let y = graph.scope("output", |g| monotone_affine(g, x, outputs, &directions))?;
        graph.output("y", y)
    }
}

/// 1, -1 or 0 for inputs with which outputs rise, fall, or do as they like.
fn directions(options: &MonotoneOptions, inputs: usize) -> Result<Vec<f64>, Error> {
    let mut directions = vec![0.0; inputs];
    for (name, list, sign) in
        [("increasing", &options.increasing, 1.0), ("decreasing", &options.decreasing, -1.0)]
    {
        for &number in list {
            if number.fract() != 0.0 || number > inputs as f64 {
                return Err(Error::argument(format!(
                    "`{name}` holds {number}; inputs are numbered from 1 to {inputs}"
                )));
            }
            let direction = &mut directions[number as usize - 1];
            if *direction != 0.0 {
                return Err(Error::argument(format!("input {number} is listed twice")));
            }
            *direction = sign;
        }
    }
    if directions.iter().all(|&d| d == 0.0) {
        // Nothing is said of any input: then outputs rise with all of them.
        directions.fill(1.0);
    }
    Ok(directions)
}

/// Numbers of convex, concave and saturating units among `width`: the shares rounded, so that
/// they add up.
fn split(shares: &[f64], width: usize) -> Result<[usize; 3], Error> {
    let &[convex, concave, saturating] = shares else {
        return Err(Error::argument(format!(
            "`shares` holds {} numbers; they are three: convex, concave, saturating units",
            shares.len()
        )));
    };
    let sum = convex + concave + saturating;
    if sum <= 0.0 {
        return Err(Error::argument("`shares` are all 0"));
    }
    let first = (width as f64 * convex / sum).round() as usize;
    let second = (width as f64 * (convex + concave) / sum).round() as usize;
    Ok([first, second - first, width - second])
}

/// `W x + b`, where an element of `W` counts by the direction of its input.
fn monotone_affine(
    graph: &mut Graph<'_>,
    x: Node,
    rows: usize,
    directions: &[f64],
) -> Result<Node, Error> {
    let dims = [rows, directions.len()];
    let weight = graph.param("weight", &dims, Init::XavierUniform(1.0))?;
    let bias = graph.param("bias", &[rows], Init::Zeros)?;
    let size = graph.map("abs", weight)?;
    let is_rising = directions.iter().all(|&d| d == 1.0);
    let effective = if is_rising {
        size
    } else {
        let repeated = |of: &dyn Fn(f64) -> f64| -> Vec<f64> {
            (0..rows).flat_map(|_| directions.iter().map(|&d| of(d))).collect()
        };
        let signs = graph.constant(&dims, &repeated(&|d| d))?;
        let signed = graph.mul(size, signs)?;
        if directions.contains(&0.0) {
            let free = graph.constant(&dims, &repeated(&|d| f64::from(u8::from(d == 0.0))))?;
            let free = graph.mul(weight, free)?;
            graph.add(signed, free)?
        } else {
            signed
        }
    };
    let product = graph.matvec(effective, x)?;
    graph.add(product, bias)
}

/// The three kinds of units, one after the other.
fn units(
    graph: &mut Graph<'_>,
    x: Node,
    counts: [usize; 3],
    activation: &str,
) -> Result<Node, Error> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (kind, count) in counts.into_iter().enumerate() {
        if count == 0 {
            continue;
        }
        let part =
            graph.op("slice", &[x], &[("start", &[start as i64]), ("len", &[count as i64])])?;
        start += count;
        parts.push(match kind {
            0 => convex(graph, part, activation)?,
            1 => concave(graph, part, activation)?,
            _ => saturating(graph, part, activation)?,
        });
    }
    match parts.as_slice() {
        [one] => Ok(*one),
        several => graph.concat(several),
    }
}

/// `ρ(x)`, with `ρ(0) = 0`.
fn convex(graph: &mut Graph<'_>, x: Node, activation: &str) -> Result<Node, Error> {
    if activation == "softplus" {
        let at_zero = graph.scalar(std::f64::consts::LN_2)?;
        let y = graph.map("softplus", x)?;
        return graph.sub(y, at_zero);
    }
    // elu: x above 0, exp(x) - 1 below.
    let (above, below) = halves(graph, x)?;
    let one = graph.scalar(1.0)?;
    let decay = graph.map("exp", below)?;
    let decay = graph.sub(decay, one)?;
    graph.add(above, decay)
}

/// `-ρ(-x)`.
fn concave(graph: &mut Graph<'_>, x: Node, activation: &str) -> Result<Node, Error> {
    let turned = graph.map("neg", x)?;
    let y = convex(graph, turned, activation)?;
    graph.map("neg", y)
}

/// `ρ(x + 1) - ρ(1)` below 0 and `ρ(1) - ρ(1 - x)` above: each is 0 in the other's half, so their
/// sum needs no choice, and at 0 both have the slope of ρ at 1.
fn saturating(graph: &mut Graph<'_>, x: Node, activation: &str) -> Result<Node, Error> {
    let (above, below) = halves(graph, x)?;
    let one = graph.scalar(1.0)?;
    let left = graph.add(below, one)?;
    let left = convex(graph, left, activation)?;
    let right = graph.sub(above, one)?;
    let right = concave(graph, right, activation)?;
    // -ρ(1) of the left half and ρ(1) of the right one cancel.
    graph.add(left, right)
}

/// `max(x, 0)` and `x - max(x, 0)`. The second is `min(x, 0)`, written so that at 0 exactly one of
/// the two has the slope 1.
fn halves(graph: &mut Graph<'_>, x: Node) -> Result<(Node, Node), Error> {
    let zero = graph.scalar(0.0)?;
    let above = graph.max(x, zero)?;
    Ok((above, graph.sub(x, above)?))
}
