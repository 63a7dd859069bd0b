//! The built-in kind `mlp`: dense layers with one activation between them.
//!
//! `mlp(inputs: 2, outputs: 1, hidden: [16, 16], activation: tanh, output: linear, scale: 1,
//! bias: true)`; only `inputs` and `outputs` have no default.
//!
//! *Start values.* Hidden layers: Glorot uniform, or Kaiming normal before the rectifier family
//! (relu, gelu, softplus). The last layer has a tenth of the usual gain and all biases are 0, so
//! an untrained network is a small correction to the known part of a model instead of a random
//! force that throws the first simulation off. The last layer is not exactly 0, because then no
//! gradient would reach the layers before it.

use slopefield_lang::{OptionValue, Unary};

use super::{Init, NetworkBuilder, NetworkError, NetworkGraph, NetworkLibrary, NodeId};
use crate::function;

/// Gain of the last layer.
const OUTPUT_GAIN: f64 = 0.1;
/// Widest hidden layer, and most hidden layers.
const MAX_WIDTH: f64 = 65_536.0;
const MAX_LAYERS: usize = 64;
const DEFAULT_HIDDEN: [u32; 2] = [16, 16];
const OPTIONS: [&str; 7] = ["inputs", "outputs", "hidden", "activation", "output", "scale", "bias"];

/// The networks that need no plugin: kind `mlp`.
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
        match kind {
            "mlp" => mlp(inputs, outputs, options),
            _ => error(format!("there is no built-in network kind `{kind}`; there is `mlp`")),
        }
    }
}

fn error<T>(message: impl Into<String>) -> Result<T, NetworkError> {
    Err(NetworkError { message: message.into() })
}

fn mlp(
    inputs: u32,
    outputs: u32,
    options: &[(String, OptionValue)],
) -> Result<NetworkGraph, NetworkError> {
    for (name, _) in options {
        if !OPTIONS.contains(&name.as_str()) {
            return error(format!("`mlp` has no option `{name}`; it has {}", OPTIONS.join(", ")));
        }
    }
    if outputs == 0 {
        return error("`outputs` of `mlp` must be 1 or more");
    }
    let option = |wanted: &str| options.iter().find(|(n, _)| n == wanted).map(|(_, v)| v);
    let hidden = hidden(option("hidden"))?;
    let activation = activation("activation", option("activation"))?.unwrap_or("tanh".into());
    let last = self::activation("output", option("output"))?;
    let scale = match option("scale") {
        None => 1.0,
        Some(OptionValue::Number(s)) if s.is_finite() && *s != 0.0 => *s,
        Some(other) => {
            return error(format!("`scale` of `mlp` is {}; give a number but 0", show(other)));
        }
    };
    let bias = match option("bias") {
        None => true,
        Some(OptionValue::Flag(b)) => *b,
        Some(other) => {
            return error(format!("`bias` of `mlp` is {}; give true or false", show(other)));
        }
    };

    let mut b = NetworkBuilder::new(inputs)?;
    let mut x = b.input();
    let mut width = inputs;
    let init = match activation.as_str() {
        "relu" | "gelu" | "softplus" => Init::KaimingNormal(1.0),
        _ => Init::XavierUniform(1.0),
    };
    for (i, next) in hidden.iter().enumerate() {
        x = dense(&mut b, &format!("layer{}", i + 1), x, (width, *next), init, bias)?;
        x = b.op(&activation, &[x], &[])?;
        width = *next;
    }
    let name = format!("layer{}", hidden.len() + 1);
    x = dense(&mut b, &name, x, (width, outputs), Init::XavierUniform(OUTPUT_GAIN), bias)?;
    if let Some(last) = last {
        x = b.op(&last, &[x], &[])?;
    }
    if scale != 1.0 {
        let scale = b.constant(&[1], &[scale])?;
        x = b.op("mul", &[x, scale], &[])?;
    }
    b.output(x)?;
    b.finish()
}

fn dense(
    b: &mut NetworkBuilder,
    layer: &str,
    x: NodeId,
    (from, to): (u32, u32),
    init: Init,
    bias: bool,
) -> Result<NodeId, NetworkError> {
    let weight = b.param(&format!("{layer}.weight"), &[to, from], init)?;
    let y = b.op("matvec", &[weight, x], &[])?;
    if !bias {
        return Ok(y);
    }
    let bias = b.param(&format!("{layer}.bias"), &[to], Init::Zeros)?;
    b.op("add", &[y, bias], &[])
}

fn hidden(option: Option<&OptionValue>) -> Result<Vec<u32>, NetworkError> {
    let widths = match option {
        None => return Ok(DEFAULT_HIDDEN.to_vec()),
        Some(OptionValue::Number(n)) => vec![*n],
        Some(OptionValue::List(list)) => list.clone(),
        Some(other) => {
            return error(format!(
                "`hidden` of `mlp` is {}; give the widths of the hidden layers, such as [16, 16]",
                show(other)
            ));
        }
    };
    if widths.len() > MAX_LAYERS {
        return error(format!(
            "`hidden` of `mlp` lists {} layers; at most {MAX_LAYERS} are possible",
            widths.len()
        ));
    }
    widths
        .iter()
        .map(|w| {
            if w.fract() == 0.0 && (1.0..=MAX_WIDTH).contains(w) {
                Ok(*w as u32)
            } else {
                error(format!(
                    "`hidden` of `mlp` holds {w}; a width is a whole number from 1 to {MAX_WIDTH}"
                ))
            }
        })
        .collect()
}

/// The op name of an activation; `None` when not given or `linear`.
fn activation(option: &str, value: Option<&OptionValue>) -> Result<Option<String>, NetworkError> {
    let word = match value {
        None => return Ok(None),
        Some(OptionValue::Word(w) | OptionValue::Text(w)) => w.as_str(),
        Some(other) => {
            return error(format!(
                "`{option}` of `mlp` is {}; give the name of a function such as tanh",
                show(other)
            ));
        }
    };
    if option == "output" && word == "linear" {
        return Ok(None);
    }
    if Unary::from_name(word).is_some() {
        return Ok(Some(word.to_owned()));
    }
    let names: Vec<&str> = function::unary_names().collect();
    let linear = if option == "output" { "linear, " } else { "" };
    error(format!(
        "`{option}` of `mlp` is `{word}`, which is no function; it may be {linear}{}",
        names.join(", ")
    ))
}

fn show(value: &OptionValue) -> String {
    match value {
        OptionValue::Number(n) => n.to_string(),
        OptionValue::Word(w) => format!("`{w}`"),
        OptionValue::Text(t) => format!("\"{t}\""),
        OptionValue::List(l) => format!("{l:?}"),
        OptionValue::Flag(f) => f.to_string(),
    }
}
