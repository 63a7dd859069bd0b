//! The kind `icnn`: outputs that are convex functions of some or all inputs.
//!
//! `z ← g(W⁺ (z ∘ s(u)) + V (y ∘ r(u)) + U u + b)` with `W⁺ ≥ 0` and a convex, never falling `g`:
//! `y` are the convex inputs, `u` a perceptron of the others, `s ≥ 0` and `r` are made of `u`. A
//! never falling convex function of a sum of convex functions is convex.

use crate::network::activation::Activation;
use crate::network::constrained::{Context, Positive, WEIGHTS, others};
use crate::network::init::Init;
use crate::network::options::{Accepts, HIDDEN, OptionSpec, Options, Standard, option};
use crate::network::perceptron::{Layer, OUTPUT_GAIN};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph, NodeId};

use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "icnn",
    help: "outputs that are convex in some or all inputs",
    source: "Amos, Xu & Kolter 2017, arXiv:1609.07152",
    options: &OPTIONS,
    build,
};

/// A factor that keeps what has a direction.
pub(super) const POSITIVE_SCALE: OptionSpec =
    option("scale", Accepts::Positive, Standard::Number(1.0), "factor of all outputs, above 0");

const OPTIONS: [OptionSpec; 7] = [
    option(
        "convex",
        Accepts::Members,
        Standard::List(&[]),
        "the inputs in which the outputs are convex; [] is all",
    ),
    HIDDEN,
    option(
        "activation",
        Accepts::Activation,
        Standard::Word("softplus"),
        "function after each hidden layer: convex and never falling",
    ),
    WEIGHTS,
    option(
        "curvature",
        Accepts::Number(0.0, 1e9),
        Standard::Number(0.0),
        "least second derivative: half of it times the squared inputs is added",
    ),
    option("concave", Accepts::Flag, Standard::Flag(false), "concave instead of convex"),
    POSITIVE_SCALE,
];

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let activation = o.activation("activation")?;
    if !activation.convex {
        let which = crate::network::activation::names(|a| a.convex);
        let name = activation.name;
        return o.wrong(
            "activation",
            format!("is `{name}`, which is not convex and rising everywhere; give one of {which}"),
        );
    }
    let x = b.input();
    let named = o.members("convex")?;
    let convex = if named.is_empty() { (0..o.inputs).collect() } else { named };
    let free = others(o.inputs, &convex);
    let y = b.chosen(x, &convex)?;
    let free = if free.is_empty() { None } else { Some(b.chosen(x, &free)?) };
    let shape = Convex {
        prefix: "",
        hidden: &o.widths("hidden")?,
        outputs: o.outputs,
        activation,
        weights: Positive::named(o.word("weights")?),
    };
    let mut z = shape.record(&mut b, y, free)?;
    let curvature = o.number("curvature")?;
    if curvature > 0.0 {
        let square = b.op("dot", &[y, y], &[])?;
        let bowl = b.scaled(square, 0.5 * curvature)?;
        z = b.add(z, bowl)?;
    }
    let sign = if o.flag("concave")? { -1.0 } else { 1.0 };
    finish(b, z, sign * o.number("scale")?)
}

/// A function that is convex in some inputs.
pub(super) struct Convex<'a> {
    pub(super) prefix: &'a str,
    pub(super) hidden: &'a [u32],
    pub(super) outputs: u32,
    pub(super) activation: Activation,
    pub(super) weights: Positive,
}

impl Convex<'_> {
    /// Of the convex inputs `y` and the free inputs, if there are any.
    pub(super) fn record(
        &self,
        b: &mut NetworkBuilder,
        y: NodeId,
        free: Option<NodeId>,
    ) -> Result<NodeId, NetworkError> {
        let context = Context::record(b, free, self.hidden, self.activation)?;
        let mut z: Option<NodeId> = None;
        let widths = self.hidden.iter().copied().chain([self.outputs]);
        for (i, width) in widths.enumerate() {
            let is_last = i == self.hidden.len();
            let name = |what: &str| format!("{}layer{}.{what}", self.prefix, i + 1);
            let init =
                if is_last { Init::XavierUniform(OUTPUT_GAIN) } else { self.activation.init() };
            let u = context.as_ref().map(|c| c.at(i));
            let gated = |b: &mut NetworkBuilder, x: NodeId, what: &str| match u {
                None => Ok(x),
                Some(u) => {
                    let shape = (b.elements(u), b.elements(x));
                    let small = Init::XavierUniform(OUTPUT_GAIN);
                    let gate = Layer::new(&name(what), shape, small, true).apply(b, u)?;
                    // Around 1 at the start.
                    let gate = if what == "gate" {
                        let gate = b.shifted(gate, super::positive::ONE)?;
                        b.map("softplus", gate)?
                    } else {
                        b.shifted(gate, 1.0)?
                    };
                    b.mul(x, gate)
                }
            };
            let straight = gated(b, y, "turn")?;
            let shape = (b.elements(y), width);
            let mut sum = Layer::new(&name("straight"), shape, init, true).apply(b, straight)?;
            if let Some(z) = z {
                let gain = if is_last { OUTPUT_GAIN } else { 1.0 };
                let mean = gain / f64::from(b.elements(z));
                let z = gated(b, z, "gate")?;
                let convex = self.weights.product(b, &name("positive"), (z, width), mean)?;
                sum = b.add(sum, convex)?;
            }
            if let Some(u) = u {
                let shape = (b.elements(u), width);
                let shift = Layer::new(&name("context"), shape, init, false).apply(b, u)?;
                sum = b.add(sum, shift)?;
            }
            z = Some(if is_last { sum } else { self.activation.record(b, sum)? });
        }
        // The last layer always exists.
        Ok(z.unwrap_or(y))
    }
}
