//! The kinds of networks that need no plugin: a table with one row each.
//!
//! A new kind is a file in `kinds/` with its row and its builder, and an entry in [`KINDS`]; tests
//! walk the table. docs/reference/networks.md describes each.

mod expansion;
mod fourier;
mod hamiltonian;
mod icnn;
mod kan;
mod lagrangian;
mod mlp;
mod monotone;
mod positive;
mod resnet;

use slopefield_lang::{OptionValue, did_you_mean};

use super::options::{OptionSpec, Options};
use super::{NetworkBuilder, NetworkError, NetworkGraph, NetworkLibrary, NodeId};

/// A kind of network.
#[derive(Debug)]
pub struct Kind {
    /// Name in a model.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// Options besides `inputs` and `outputs`.
    pub options: &'static [OptionSpec],
    build: fn(&Options<'_>, NetworkBuilder) -> Result<NetworkGraph, NetworkError>,
}

/// All kinds.
pub static KINDS: [&Kind; 13] = [
    &mlp::KIND,
    &resnet::KIND,
    &fourier::KIND,
    &expansion::RBF,
    &expansion::CHEBYSHEV,
    &expansion::LEGENDRE,
    &expansion::SPLINE,
    &kan::KIND,
    &icnn::KIND,
    &monotone::KIND,
    &positive::KIND,
    &hamiltonian::KIND,
    &lagrangian::KIND,
];

/// The networks that need no plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltinNetworks;

impl NetworkLibrary for BuiltinNetworks {
    fn build(
        &self,
        kind: &str,
        inputs: u32,
        outputs: u32,
        options: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError> {
        let names = || KINDS.iter().map(|k| k.name);
        let Some(found) = KINDS.iter().find(|k| k.name == kind) else {
            let near = did_you_mean(kind, names()).map_or(String::new(), |n| format!("; {n}"));
            let all = names().collect::<Vec<_>>().join(", ");
            return Err(NetworkError {
                message: format!(
                    "there is no built-in network kind `{kind}`{near}; there are {all}"
                ),
            });
        };
        let options = Options::new(found, (inputs, outputs), options)?;
        (found.build)(&options, NetworkBuilder::new(inputs)?)
    }
}

/// Declares the output, after a factor.
fn finish(mut b: NetworkBuilder, y: NodeId, scale: f64) -> Result<NetworkGraph, NetworkError> {
    let y = b.scaled(y, scale)?;
    b.output(y)?;
    b.finish()
}

/// The options of a kind as a Markdown table, for docs/reference/networks.md.
#[must_use]
pub fn options_table(kind: &Kind) -> String {
    let mut rows = String::from("| option | standard | may be | meaning |\n|---|---|---|---|\n");
    for o in kind.options {
        rows.push_str(&format!(
            "| `{}` | `{}` | {} | {} |\n",
            o.name, o.standard, o.accepts, o.help
        ));
    }
    rows
}
