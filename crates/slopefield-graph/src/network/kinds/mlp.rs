//! The kind `mlp`: dense layers with an activation after each but the last.
//!
//! *Start values.* Hidden layers start by their activation: Glorot uniform, Kaiming normal before
//! the rectifier family, LeCun normal before `selu`, uniform as in SIREN before sines. The last
//! layer has a tenth of the usual gain and all biases are 0, so an untrained network is a small
//! correction to the known part of a model instead of a random force that throws the first
//! simulation off. The last layer is not exactly 0, because then no gradient would reach the layers
//! before it.

use crate::network::init::Init;
use crate::network::options::{
    Accepts, BIAS, HIDDEN, INIT, OptionSpec, Options, SCALE, Standard, option,
};
use crate::network::perceptron::{Layer, OUTPUT_GAIN, Perceptron, Shape};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph, NodeId};

use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "mlp",
    help: "dense layers with activations between them",
    source: "Rumelhart, Hinton & Williams 1986",
    options: &OPTIONS,
    build,
};

pub(super) const ACTIVATION: OptionSpec = option(
    "activation",
    Accepts::Activations,
    Standard::Word("tanh"),
    "function after each hidden layer; a list gives each its own",
);
pub(super) const OUTPUT: OptionSpec = option(
    "output",
    Accepts::Activation,
    Standard::Word("linear"),
    "function of the outputs; softplus or exp keeps them positive",
);
pub(super) const LAST: OptionSpec = option(
    "last",
    Accepts::Word(&["small", "zeros", "full"]),
    Standard::Word("small"),
    "start of the last layer: a tenth of the usual size, 0, or the usual size",
);

const OPTIONS: [OptionSpec; 9] = [
    HIDDEN,
    ACTIVATION,
    OUTPUT,
    SCALE,
    BIAS,
    option(
        "skip",
        Accepts::Word(&["none", "linear", "residual"]),
        Standard::Word("none"),
        "what is added around the network: nothing, a matrix times the inputs, or the inputs",
    ),
    option(
        "symmetry",
        Accepts::Word(&["none", "odd", "even"]),
        Standard::Word("none"),
        "odd: f(-x) = -f(x); even: f(-x) = f(x)",
    ),
    INIT,
    LAST,
];

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let hidden = o.widths("hidden")?;
    let bias = o.flag("bias")?;
    let last = last(o)?;
    let mut network = Perceptron::new(&Shape {
        prefix: "",
        inputs: o.inputs,
        hidden: &hidden,
        outputs: o.outputs,
        activations: &o.activations("activation", hidden.len())?,
        init: o.init("init")?,
        last,
        bias,
        last_bias: bias,
    });
    let output = o.activation("output")?;
    let mut skip = match o.word("skip")? {
        "none" => Skip::None,
        "linear" => Skip::Linear(Layer::new("skip", (o.inputs, o.outputs), last, false)),
        _ if o.inputs == o.outputs => Skip::Residual,
        _ => {
            let (n, m) = (o.inputs, o.outputs);
            return o.wrong(
                "skip",
                format!("is residual, which needs as many outputs as inputs, not {n} and {m}"),
            );
        }
    };
    let mut whole = |b: &mut NetworkBuilder, x: NodeId| {
        let y = network.apply(b, x)?;
        let y = match &mut skip {
            Skip::None => y,
            Skip::Linear(layer) => {
                let straight = layer.apply(b, x)?;
                b.add(y, straight)?
            }
            Skip::Residual => b.add(y, x)?,
        };
        output.record(b, y)
    };
    let x = b.input();
    let y = whole(&mut b, x)?;
    let y = match o.word("symmetry")? {
        "none" => y,
        symmetry => {
            let mirrored = b.map("neg", x)?;
            let other = whole(&mut b, mirrored)?;
            let both = if symmetry == "odd" { b.sub(y, other)? } else { b.add(y, other)? };
            b.scaled(both, 0.5)?
        }
    };
    finish(b, y, o.number("scale")?)
}

enum Skip {
    None,
    Linear(Layer),
    Residual,
}

/// The start of a last layer by the option [`LAST`].
pub(super) fn last(o: &Options<'_>) -> Result<Init, NetworkError> {
    Ok(match o.word("last")? {
        "zeros" => Init::Zeros,
        "small" => Init::XavierUniform(OUTPUT_GAIN),
        _ => Init::XavierUniform(1.0),
    })
}
