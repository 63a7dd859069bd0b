//! The kind `kan`: a Kolmogorov–Arnold network, whose edges are learned functions of one variable.
//!
//! A layer computes `y_i = Σ_j φ_ij(x_j)` with `φ_ij(x) = w_ij σ(x) + Σ_k c_ijk B_k(x)`: a smooth
//! base function and a sum of splines or Chebyshev polynomials. Each edge can be drawn and read.

use crate::network::basis::{Basis, Family};
use crate::network::init::Init;
use crate::network::options::{Accepts, OptionSpec, Options, SCALE, Standard, option};
use crate::network::perceptron::OUTPUT_GAIN;
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph};

use super::expansion::{OUTSIDE, outside};
use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "kan",
    help: "Kolmogorov–Arnold network: learned functions on the edges, sums at the nodes",
    source: "Liu et al. 2024, arXiv:2404.19756",
    options: &OPTIONS,
    build,
};

const OPTIONS: [OptionSpec; 8] = [
    option(
        "hidden",
        Accepts::Widths,
        Standard::List(&[5.0]),
        "widths of the hidden layers; [] is none",
    ),
    option(
        "basis",
        Accepts::Word(&["spline", "chebyshev"]),
        Standard::Word("spline"),
        "functions that an edge is made of",
    ),
    option(
        "intervals",
        Accepts::Count(1, 200),
        Standard::Number(5.0),
        "equal pieces of a spline's range",
    ),
    option(
        "degree",
        Accepts::Count(1, 30),
        Standard::Number(3.0),
        "degree of the splines, at most 5, or of the polynomials",
    ),
    option(
        "range",
        Accepts::Interval,
        Standard::List(&[-2.0, 2.0]),
        "where the inputs of every layer are expected",
    ),
    OUTSIDE,
    option("base", Accepts::Activation, Standard::Word("silu"), "the smooth part of every edge"),
    SCALE,
];

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let degree = o.count("degree")?;
    let family = match o.word("basis")? {
        "chebyshev" => Family::Chebyshev { degree },
        _ if degree <= 5 => Family::Spline { intervals: o.count("intervals")?, degree },
        _ => return o.wrong("degree", format!("is {degree}; splines have a degree from 1 to 5")),
    };
    let basis = Basis { family, range: o.interval("range")?, outside: outside(o)? };
    let base = o.activation("base")?;
    let hidden = o.widths("hidden")?;
    let mut x = b.input();
    let mut width = o.inputs;
    for (i, next) in hidden.iter().copied().chain([o.outputs]).enumerate() {
        // As in a perceptron, the last layer starts small.
        let gain = if i == hidden.len() { OUTPUT_GAIN } else { 1.0 };
        let name = |what: &str| format!("layer{}.{what}", i + 1);
        let features = basis.record(&mut b, x)?;
        let count = b.elements(features);
        let spread = 0.1 * gain / (basis.overlap() * f64::from(width)).sqrt();
        let edges = b.param(&name("edges"), &[next, count], Init::Normal(0.0, spread))?;
        let smooth = base.record(&mut b, x)?;
        let weights = b.param(&name("base"), &[next, width], Init::XavierUniform(gain))?;
        let smooth = b.matvec(weights, smooth)?;
        let local = b.matvec(edges, features)?;
        x = b.add(smooth, local)?;
        if !basis.has_constants() {
            let bias = b.param(&name("bias"), &[next], Init::Zeros)?;
            x = b.add(x, bias)?;
        }
        width = next;
    }
    finish(b, x, o.number("scale")?)
}
