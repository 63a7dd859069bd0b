//! The kind `positive`: a perceptron whose outputs are above 0 and start at a given value.
//!
//! `y = start · softplus(f(x) + ln(e - 1))`, which is `start` where the perceptron `f` is 0, as it
//! nearly is before training. For rates and concentrations, whose sign and size are known.

use crate::network::options::{Accepts, HIDDEN, INIT, OptionSpec, Options, Standard, option};
use crate::network::perceptron::{Perceptron, Shape};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph};

use super::mlp::{ACTIVATION, LAST, last};
use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "positive",
    help: "outputs above 0 that start near a given value",
    source: "Dugas et al. 2001 for the softplus",
    options: &OPTIONS,
    build,
};

const OPTIONS: [OptionSpec; 5] = [
    HIDDEN,
    ACTIVATION,
    option(
        "start",
        Accepts::Positive,
        Standard::Number(1.0),
        "value of the outputs before training, nearly",
    ),
    INIT,
    LAST,
];

/// ln(e - 1), where softplus is 1.
pub(super) const ONE: f64 = 0.541_324_854_612_918_1;

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let hidden = o.widths("hidden")?;
    let mut network = Perceptron::new(&Shape {
        prefix: "",
        inputs: o.inputs,
        hidden: &hidden,
        outputs: o.outputs,
        activations: &o.activations("activation", hidden.len())?,
        init: o.init("init")?,
        last: last(o)?,
        bias: true,
        last_bias: true,
    });
    let x = b.input();
    let y = network.apply(&mut b, x)?;
    let y = b.shifted(y, ONE)?;
    let y = b.map("softplus", y)?;
    finish(b, y, o.number("start")?)
}
