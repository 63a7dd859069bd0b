//! The kind `fourier`: sines and cosines of random directions, then a perceptron.
//!
//! `z = 2π B x`, `features = (sin z, cos z)`. The entries of `B` are normal numbers times
//! `frequency`; a perceptron on such features learns functions with that many oscillations per
//! unit of its inputs, which one on the inputs themselves would learn late or never.
//!
//! Without `learned`, `B` is part of the recorded network, drawn from the option `seed`: it is the
//! same for every start of training.

use crate::layout::random::Stream;
use crate::network::init::Init;
use crate::network::options::{
    Accepts, HIDDEN, INIT, OptionSpec, Options, SCALE, Standard, option,
};
use crate::network::perceptron::{Perceptron, Shape};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph};

use super::mlp::{ACTIVATION, LAST, OUTPUT, last};
use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "fourier",
    help: "random Fourier features, then dense layers: for functions that oscillate",
    source: "Tancik et al. 2020, arXiv:2006.10739; Rahimi & Recht 2007",
    options: &OPTIONS,
    build,
};

const OPTIONS: [OptionSpec; 10] = [
    option(
        "features",
        Accepts::Count(1, 4096),
        Standard::Number(16.0),
        "directions; each gives a sine and a cosine",
    ),
    option(
        "frequency",
        Accepts::Number(1e-6, 1e6),
        Standard::Number(1.0),
        "standard deviation of the frequencies, in oscillations per unit of the inputs",
    ),
    option(
        "learned",
        Accepts::Flag,
        Standard::Flag(false),
        "whether the frequencies are trained too",
    ),
    option(
        "seed",
        Accepts::Count(0, u32::MAX),
        Standard::Number(1.0),
        "which random frequencies, when they are not trained",
    ),
    HIDDEN,
    ACTIVATION,
    OUTPUT,
    SCALE,
    INIT,
    LAST,
];

/// The purpose of the random numbers, so that they differ from those of any weights.
const PURPOSE: u64 = u64::from_le_bytes(*b"fourier\0");

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let features = o.count("features")?;
    let frequency = o.number("frequency")?;
    let hidden = o.widths("hidden")?;
    let dims = [features, o.inputs];
    let directions = if o.flag("learned")? {
        b.param("frequencies", &dims, Init::Normal(0.0, frequency))?
    } else {
        let stream = Stream { seed: u64::from(o.count("seed")?), slot: PURPOSE };
        let count = u64::from(features) * u64::from(o.inputs);
        let values: Vec<f64> = (0..count).map(|i| frequency * stream.normal(i)).collect();
        b.constant(&dims, &values)?
    };
    let z = b.matvec(directions, b.input())?;
    let z = b.scaled(z, 2.0 * std::f64::consts::PI)?;
    let (sines, cosines) = (b.map("sin", z)?, b.map("cos", z)?);
    let waves = b.joined(&[sines, cosines])?;
    let mut network = Perceptron::new(&Shape {
        prefix: "",
        inputs: 2 * features,
        hidden: &hidden,
        outputs: o.outputs,
        activations: &o.activations("activation", hidden.len())?,
        init: o.init("init")?,
        last: last(o)?,
        bias: true,
        last_bias: true,
    });
    let y = network.apply(&mut b, waves)?;
    let y = o.activation("output")?.record(&mut b, y)?;
    finish(b, y, o.number("scale")?)
}
