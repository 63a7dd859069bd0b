//! A layer whose units are switched by gates: `y = W (V x ∘ sigmoid(U x))`. Replace `build` by your
//! architecture.

use slopefield_plugin_sdk::prelude::*;

options! {
    /// Options of the network.
    pub struct NetOptions {
        /// Width of the hidden layer.
        width: i64 = 8, min(1.0), max(4096.0);
    }
}

/// The network kind `{{local}}`.
pub struct Net;

impl Network for Net {
    const INFO: NetworkInfo = NetworkInfo::new("{{local}}", "{{local}}")
        .reference("Dauphin et al. (2017), arXiv:1612.08083; replace this by your paper");
    type Options = NetOptions;

    fn build(graph: &mut Graph<'_>, options: &NetOptions) -> Result<(), Error> {
        let (inputs, outputs, width) = (graph.inputs(), graph.outputs(), options.width as usize);
        let x = graph.input("x")?;
        let hidden = graph.scope("hidden", |g| {
            let value = g.param("value", &[width, inputs], Init::XavierUniform(1.0))?;
            let gate = g.param("gate", &[width, inputs], Init::XavierUniform(1.0))?;
            let value = g.matvec(value, x)?;
            let gate = g.matvec(gate, x)?;
            let gate = g.map("sigmoid", gate)?;
            g.mul(value, gate)
        })?;
        // A small start keeps an untrained network from throwing the first simulation off.
        let last = graph.param("last", &[outputs, width], Init::XavierUniform(0.1))?;
        let y = graph.matvec(last, hidden)?;
        graph.output("y", y)
    }
}

export_plugin! { id: "{{id}}", solvers: [], networks: [Net] }
