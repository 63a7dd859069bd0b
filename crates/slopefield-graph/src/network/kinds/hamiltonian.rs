//! The kind `hamiltonian`: equations of motion from a learned energy.
//!
//! A perceptron is the energy `H(q, p)`; the outputs are `∂H/∂p` and `-∂H/∂q`, recorded by
//! differentiating the perceptron. Along exact solutions `dH/dt = 0` whatever the weights are.
//! Inputs beyond the coordinates and momenta (time, a control) are arguments of `H` only.

use crate::network::options::{
    Accepts, HIDDEN, INIT, OptionSpec, Options, SCALE, Standard, option,
};
use crate::network::perceptron::{Perceptron, Shape};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph, NodeId};

use super::mlp::{LAST, last};
use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "hamiltonian",
    help: "dq/dt and dp/dt of a learned energy, which they conserve",
    source: "Greydanus, Dzamba & Yosinski 2019, arXiv:1906.01563",
    options: &OPTIONS,
    build,
};

/// Activations whose derivative is smooth enough to be a right-hand side.
pub(super) const SMOOTH: OptionSpec = option(
    "activation",
    Accepts::Activations,
    Standard::Word("tanh"),
    "function after each hidden layer, with a continuous second derivative",
);

const OPTIONS: [OptionSpec; 7] = [
    HIDDEN,
    SMOOTH,
    option(
        "separable",
        Accepts::Flag,
        Standard::Flag(false),
        "H(q, p) = V(q) + T(p), with a network for each",
    ),
    option("energy", Accepts::Flag, Standard::Flag(false), "H itself is a last output"),
    SCALE,
    INIT,
    LAST,
];

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let with_energy = o.flag("energy")?;
    let motion = o.outputs - u32::from(with_energy);
    let (n, half) = (o.inputs, motion / 2);
    if motion == 0 || !motion.is_multiple_of(2) || n < motion {
        let last = if with_energy { ", and one for the energy," } else { "" };
        return o.refuse(format!(
            "has an output for each coordinate and each momentum{last} and at least as many \
             inputs: q, p, and what else the energy depends on; not {n} inputs and {} outputs",
            o.outputs
        ));
    }
    let hidden = o.widths("hidden")?;
    let activations = o.activations("activation", hidden.len())?;
    require_smooth(o, &activations)?;
    let (init, last) = (o.init("init")?, last(o)?);
    let energy_of = |b: &mut NetworkBuilder, prefix: &str, x: NodeId| {
        let shape = Shape {
            prefix,
            inputs: b.elements(x),
            hidden: &hidden,
            outputs: 1,
            activations: &activations,
            init,
            last,
            bias: true,
            // A constant in the energy has no effect.
            last_bias: false,
        };
        Perceptron::new(&shape).apply(b, x)
    };
    let x = b.input();
    let energy = if o.flag("separable")? {
        let seen = |first: u32| (first..first + half).chain(motion..n).collect::<Vec<u32>>();
        let (q, p) = (b.chosen(x, &seen(0))?, b.chosen(x, &seen(half))?);
        let potential = energy_of(&mut b, "potential.", q)?;
        let kinetic = energy_of(&mut b, "kinetic.", p)?;
        b.add(potential, kinetic)?
    } else {
        energy_of(&mut b, "", x)?
    };
    let gradient = b.gradient(energy, x)?;
    let to_q = b.part(gradient, half, half)?;
    let to_p = b.part(gradient, 0, half)?;
    let to_p = b.map("neg", to_p)?;
    let mut parts = vec![to_q, to_p];
    parts.extend(with_energy.then_some(energy));
    let y = b.joined(&parts)?;
    finish(b, y, o.number("scale")?)
}

pub(super) fn require_smooth(
    o: &Options<'_>,
    activations: &[crate::network::activation::Activation],
) -> Result<(), NetworkError> {
    match activations.iter().find(|a| !a.smooth) {
        None => Ok(()),
        Some(rough) => {
            let which = crate::network::activation::names(|a| a.smooth);
            o.wrong(
                "activation",
                format!("is `{}`, whose second derivative is not continuous everywhere; give one of {which}", rough.name),
            )
        }
    }
}
