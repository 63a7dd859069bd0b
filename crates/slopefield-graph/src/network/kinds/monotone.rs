//! The kind `monotone`: outputs that only rise, or only fall, with given inputs.
//!
//! `z ← g(W⁺ z + V⁺ m + U u + b)` with positive `W⁺`, `V⁺` and a never falling `g`: `m` are the
//! monotone inputs, those that shall fall with their sign changed, and `u` a perceptron of the
//! others. With bounded `g` such networks approximate every monotone function; with convex `g` they
//! would only reach convex ones, so `tanh` is the standard.

use crate::network::activation;
use crate::network::constrained::{Context, Positive, WEIGHTS, others};
use crate::network::init::Init;
use crate::network::options::{Accepts, HIDDEN, OptionSpec, Options, Standard, option};
use crate::network::perceptron::{Layer, OUTPUT_GAIN};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph, NodeId};

use super::icnn::POSITIVE_SCALE;
use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "monotone",
    help: "outputs that rise or fall with given inputs",
    source: "Sill 1998; Daniels & Velikova 2010",
    options: &OPTIONS,
    build,
};

const OPTIONS: [OptionSpec; 6] = [
    option(
        "increasing",
        Accepts::Members,
        Standard::List(&[]),
        "the inputs with which the outputs rise",
    ),
    option(
        "decreasing",
        Accepts::Members,
        Standard::List(&[]),
        "the inputs with which the outputs fall",
    ),
    HIDDEN,
    option(
        "activation",
        Accepts::Activation,
        Standard::Word("tanh"),
        "function after each hidden layer: never falling",
    ),
    WEIGHTS,
    POSITIVE_SCALE,
];

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let activation = o.activation("activation")?;
    if !activation.increasing {
        let (name, which) = (activation.name, activation::names(|a| a.increasing));
        return o.wrong(
            "activation",
            format!("is `{name}`, which does not rise everywhere; give one of {which}"),
        );
    }
    let (rising, falling) = (o.members("increasing")?, o.members("decreasing")?);
    if let Some(both) = rising.iter().find(|i| falling.contains(i)) {
        return o.wrong("decreasing", format!("holds {}, which is in `increasing` too", both + 1));
    }
    let bound: Vec<u32> = [rising.as_slice(), falling.as_slice()].concat();
    if bound.is_empty() {
        return o.refuse("needs `increasing` or `decreasing`, such as increasing: [1]");
    }
    let x = b.input();
    let free = others(o.inputs, &bound);
    let free = if free.is_empty() { None } else { Some(b.chosen(x, &free)?) };
    let mut parts = Vec::new();
    if !rising.is_empty() {
        parts.push(b.chosen(x, &rising)?);
    }
    if !falling.is_empty() {
        let part = b.chosen(x, &falling)?;
        parts.push(b.map("neg", part)?);
    }
    let m = b.joined(&parts)?;

    let hidden = o.widths("hidden")?;
    let weights = Positive::named(o.word("weights")?);
    let context = Context::record(&mut b, free, &hidden, activation)?;
    let mut z: Option<NodeId> = None;
    for (i, width) in hidden.iter().copied().chain([o.outputs]).enumerate() {
        let is_last = i == hidden.len();
        let gain = if is_last { OUTPUT_GAIN } else { 1.0 };
        let name = |what: &str| format!("layer{}.{what}", i + 1);
        let mean = |b: &NetworkBuilder, x: NodeId| gain / f64::from(b.elements(x));
        let (from_inputs, from_layer) = (mean(&b, m), z.map(|z| mean(&b, z)));
        let mut sum = weights.product(&mut b, &name("inputs"), (m, width), from_inputs)?;
        if let (Some(z), Some(mean)) = (z, from_layer) {
            let more = weights.product(&mut b, &name("positive"), (z, width), mean)?;
            sum = b.add(sum, more)?;
        }
        if let Some(context) = &context {
            let u = context.at(i);
            let shape = (b.elements(u), width);
            let init = Init::XavierUniform(gain);
            let shift = Layer::new(&name("context"), shape, init, false).apply(&mut b, u)?;
            sum = b.add(sum, shift)?;
        }
        // Thresholds are spread, or all units of a layer would bend at the same place.
        let spread = if is_last { Init::Zeros } else { Init::Normal(0.0, 1.0) };
        let bias = b.param(&name("bias"), &[width], spread)?;
        sum = b.add(sum, bias)?;
        z = Some(if is_last { sum } else { activation.record(&mut b, sum)? });
    }
    // The last layer always exists.
    finish(b, z.unwrap_or(m), o.number("scale")?)
}
