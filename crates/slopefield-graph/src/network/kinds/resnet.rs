//! The kind `resnet`: blocks that each add a correction to what passes through them.
//!
//! `h ← h + W₂ σ(W₁ h + b₁) + b₂`, between a layer in front and a layer behind. The second matrix of
//! each block starts small, so a deep network starts near the shallow one without blocks.

use crate::network::init::Init;
use crate::network::options::{Accepts, INIT, OptionSpec, Options, SCALE, Standard, option};
use crate::network::perceptron::{Layer, OUTPUT_GAIN};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph};

use super::mlp::{LAST, OUTPUT, last};
use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "resnet",
    help: "residual blocks: depth without vanishing gradients",
    source: "He, Zhang, Ren & Sun 2016, arXiv:1512.03385",
    options: &OPTIONS,
    build,
};

const OPTIONS: [OptionSpec; 7] = [
    option("width", Accepts::Count(1, 65_536), Standard::Number(16.0), "width of every block"),
    option("blocks", Accepts::Count(1, 64), Standard::Number(2.0), "number of blocks"),
    option(
        "activation",
        Accepts::Activation,
        Standard::Word("tanh"),
        "function inside every block",
    ),
    OUTPUT,
    SCALE,
    INIT,
    LAST,
];

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let width = o.count("width")?;
    let activation = o.activation("activation")?;
    let init = o.init("init")?.unwrap_or_else(|| activation.init());
    let x = b.input();
    let mut h = Layer::new("first", (o.inputs, width), init, true).apply(&mut b, x)?;
    for block in 1..=o.count("blocks")? {
        let inner = format!("block{block}.inner");
        let outer = format!("block{block}.outer");
        let y = Layer::new(&inner, (width, width), init, true).apply(&mut b, h)?;
        let y = activation.record(&mut b, y)?;
        let small = Init::XavierUniform(OUTPUT_GAIN);
        let y = Layer::new(&outer, (width, width), small, true).apply(&mut b, y)?;
        h = b.add(h, y)?;
    }
    let y = Layer::new("last", (width, o.outputs), last(o)?, true).apply(&mut b, h)?;
    let y = o.activation("output")?.record(&mut b, y)?;
    finish(b, y, o.number("scale")?)
}
