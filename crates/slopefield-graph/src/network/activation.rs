//! Activation functions by name, with what the kinds of networks need to know of them.
//!
//! Every function of one argument of the language is one. The names below are further ones, or say
//! more of those. What is not an op of its own is composed so that neither the value nor the
//! derivative overflows or becomes NaN at huge arguments: a factor that has died out is held at the
//! argument where it did, instead of multiplying 0 by infinity.

use slopefield_lang::{Unary, did_you_mean};

use super::{Init, NetworkBuilder, NetworkError, NodeId};

/// A function between the layers of a network.
#[derive(Debug, Clone, Copy)]
pub struct Activation {
    /// Name in a model.
    pub name: &'static str,
    /// Formula, for people.
    pub formula: &'static str,
    /// How weights in front of it start by default.
    pub(crate) family: Family,
    /// It never falls: what a monotone network may use.
    pub increasing: bool,
    /// It never falls and is convex: what an input-convex network may use.
    pub convex: bool,
    /// Its second derivative is continuous: what a network whose derivative is the right-hand side
    /// of an equation may use.
    pub smooth: bool,
    record: Record,
}

#[derive(Debug, Clone, Copy)]
enum Record {
    Nothing,
    Op,
    With(fn(&mut NetworkBuilder, NodeId) -> Result<NodeId, NetworkError>),
}

/// Activations by the spread of weights that keeps signals at their size through many layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Bounded, with slope 1 or so at 0: Glorot & Bengio 2010.
    Saturating,
    /// Half of the inputs are cut off: He et al. 2015.
    Rectifying,
    /// Scaled to keep mean 0 and variance 1 by itself: Klambauer et al. 2017.
    Normalising,
    /// Sines: Sitzmann et al. 2020.
    Periodic,
}

use Family::{Normalising, Periodic, Rectifying, Saturating};

const fn row(
    name: &'static str,
    formula: &'static str,
    family: Family,
    record: Record,
) -> Activation {
    Activation { name, formula, family, increasing: false, convex: false, smooth: false, record }
}

impl Activation {
    const fn increasing(self) -> Self {
        Activation { increasing: true, ..self }
    }
    const fn convex(self) -> Self {
        Activation { increasing: true, convex: true, ..self }
    }
    const fn smooth(self) -> Self {
        Activation { smooth: true, ..self }
    }
}

/// The named activations.
pub static ACTIVATIONS: [Activation; 29] = [
    row("linear", "x", Saturating, Record::Nothing).convex().smooth(),
    row("tanh", "tanh x", Saturating, Record::Op).increasing().smooth(),
    row("sigmoid", "1/(1 + e^-x)", Saturating, Record::Op).increasing().smooth(),
    row("atan", "atan x", Saturating, Record::Op).increasing().smooth(),
    row("erf", "error function", Saturating, Record::Op).increasing().smooth(),
    row("asinh", "asinh x", Saturating, Record::Op).increasing().smooth(),
    row("softsign", "x/(1 + abs(x))", Saturating, Record::With(softsign)).increasing(),
    row(
        "hard_tanh",
        "min(max(x, -1), 1)",
        Saturating,
        Record::With(|b, x| b.clamped(x, -1.0, 1.0)),
    )
    .increasing(),
    row("hard_sigmoid", "min(max(x/6 + 1/2, 0), 1)", Saturating, Record::With(hard_sigmoid))
        .increasing(),
    row("gaussian", "e^(-x^2)", Saturating, Record::With(gaussian)).smooth(),
    row("relu", "max(x, 0)", Rectifying, Record::Op).convex(),
    row("relu6", "min(max(x, 0), 6)", Rectifying, Record::With(relu6)).increasing(),
    row("leaky_relu", "max(x, x/100)", Rectifying, Record::With(leaky_relu)).convex(),
    row("elu", "x, or e^x - 1 below 0", Rectifying, Record::With(elu)).convex(),
    row("selu", "1.0507 x, or 1.7581 (e^x - 1) below 0", Normalising, Record::With(selu))
        .increasing(),
    row("gelu", "x Phi(x), Phi the normal distribution function", Rectifying, Record::Op).smooth(),
    row(
        "gelu_tanh",
        "x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))",
        Rectifying,
        Record::With(gelu_tanh),
    )
    .smooth(),
    row("silu", "x/(1 + e^-x)", Rectifying, Record::With(silu)).smooth(),
    row("swish", "the same as silu", Rectifying, Record::With(silu)).smooth(),
    row("hard_swish", "x min(max(x/6 + 1/2, 0), 1)", Rectifying, Record::With(hard_swish)),
    row("mish", "x tanh(ln(1 + e^x))", Rectifying, Record::With(mish)).smooth(),
    row("softplus", "ln(1 + e^x)", Rectifying, Record::Op).convex().smooth(),
    row("sin", "sin x", Periodic, Record::Op).smooth(),
    row("cos", "cos x", Periodic, Record::Op).smooth(),
    row("square", "x^2", Saturating, Record::With(|b, x| b.mul(x, x))).smooth(),
    row("cube", "x^3", Saturating, Record::With(cube)).increasing().smooth(),
    row("exp", "e^x", Saturating, Record::Op).convex().smooth(),
    row("identity", "the same as linear", Saturating, Record::Nothing).convex().smooth(),
    row("rbf", "the same as gaussian", Saturating, Record::With(gaussian)).smooth(),
];

/// The activation of this name; `Err` is one sentence that says which there are.
pub(crate) fn named(name: &str) -> Result<Activation, String> {
    if let Some(found) = ACTIVATIONS.iter().find(|a| a.name == name) {
        return Ok(*found);
    }
    if let Some(f) = Unary::from_name(name) {
        let plain = row(f.name(), "", Saturating, Record::Op);
        return Ok(match f {
            Unary::Expm1 => plain.convex().smooth(),
            Unary::Sinh => plain.increasing().smooth(),
            Unary::Neg | Unary::Cosh | Unary::Erfc => plain.smooth(),
            Unary::Cbrt | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Step => {
                plain.increasing()
            }
            // The others fall somewhere, are not defined everywhere, or have corners or poles.
            _ => plain,
        });
    }
    let names = || ACTIVATIONS.iter().map(|a| a.name);
    let functions = Unary::ALL.into_iter().map(Unary::name);
    let near =
        did_you_mean(name, names().chain(functions)).map_or(String::new(), |n| format!("; {n}"));
    Err(format!(
        "`{name}`, which is no activation{near}; there are {}, and the functions of one argument",
        names().collect::<Vec<_>>().join(", ")
    ))
}

impl Activation {
    /// Records it.
    pub(crate) fn record(self, b: &mut NetworkBuilder, x: NodeId) -> Result<NodeId, NetworkError> {
        match self.record {
            Record::Nothing => Ok(x),
            Record::Op => b.map(self.name, x),
            Record::With(record) => record(b, x),
        }
    }

    /// How weights of a layer in front of it start, unless the model says otherwise.
    pub(crate) fn init(self) -> Init {
        match self.family {
            Family::Saturating => Init::XavierUniform(1.0),
            Family::Rectifying => Init::KaimingNormal(1.0),
            Family::Normalising => Init::lecun_normal(1.0),
            Family::Periodic => Init::KaimingUniform(1.0),
        }
    }
}

type Recorded = Result<NodeId, NetworkError>;

fn softsign(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let size = b.map("abs", x)?;
    let below = b.shifted(size, 1.0)?;
    b.div(x, below)
}

fn hard_sigmoid(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let sixth = b.scaled(x, 1.0 / 6.0)?;
    let centred = b.shifted(sixth, 0.5)?;
    b.clamped(centred, 0.0, 1.0)
}

fn hard_swish(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let gate = hard_sigmoid(b, x)?;
    b.mul(x, gate)
}

/// Below `e^-784` nothing is left of it, so its square is not computed further out.
pub(crate) fn gaussian(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let near = b.clamped(x, -28.0, 28.0)?;
    let square = b.mul(near, near)?;
    let exponent = b.map("neg", square)?;
    b.map("exp", exponent)
}

fn relu6(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let positive = b.map("relu", x)?;
    let six = b.number(6.0)?;
    b.op("min", &[positive, six], &[])
}

fn leaky_relu(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let little = b.scaled(x, 0.01)?;
    b.op("max", &[x, little], &[])
}

/// Both halves meet with slope 1: `relu` has slope 0 at 0 and `min` keeps its first operand there.
fn elu(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let zero = b.number(0.0)?;
    let negative = b.op("min", &[x, zero], &[])?;
    let curved = b.map("expm1", negative)?;
    let straight = b.map("relu", x)?;
    b.add(straight, curved)
}

/// Klambauer, Unterthiner, Mayr & Hochreiter, Self-normalizing neural networks (2017).
fn selu(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    const SCALE: f64 = 1.050_700_987_355_480_5;
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    let zero = b.number(0.0)?;
    let negative = b.op("min", &[x, zero], &[])?;
    let curved = b.map("expm1", negative)?;
    let curved = b.scaled(curved, SCALE * ALPHA)?;
    let straight = b.map("relu", x)?;
    let straight = b.scaled(straight, SCALE)?;
    b.add(straight, curved)
}

/// As `x` times a logistic function, which keeps its digits where `1 + tanh` would cancel. Below
/// -22 the logistic function is 0 and above 22 it is 1.
fn gelu_tanh(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    const EDGE: f64 = 22.0;
    // 2 sqrt(2/π)
    let slope = 2.0 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    let (low, high) = (b.number(-EDGE)?, b.number(EDGE)?);
    let x = b.op("max", &[x, low], &[])?;
    let near = b.op("min", &[x, high], &[])?;
    let square = b.mul(near, near)?;
    let bent = b.scaled(square, 0.044_715)?;
    let bent = b.shifted(bent, 1.0)?;
    let z = b.mul(near, bent)?;
    let z = b.scaled(z, slope)?;
    let gate = b.map("sigmoid", z)?;
    b.mul(x, gate)
}

pub(crate) fn silu(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let gate = b.map("sigmoid", x)?;
    b.mul(x, gate)
}

fn mish(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let gate = b.map("softplus", x)?;
    let gate = b.map("tanh", gate)?;
    b.mul(x, gate)
}

fn cube(b: &mut NetworkBuilder, x: NodeId) -> Recorded {
    let square = b.mul(x, x)?;
    b.mul(square, x)
}

/// The activations as a Markdown table, for docs/reference/networks.md.
#[must_use]
pub fn activations_table() -> String {
    let mut rows = String::from(
        "| name | formula | rises | convex | smooth | weights start |\n|---|---|---|---|---|---|\n",
    );
    for a in &ACTIVATIONS {
        let [rises, convex, smooth] =
            [a.increasing, a.convex, a.smooth].map(|yes| if yes { "yes" } else { "" });
        let start = match a.family {
            Family::Saturating => "`glorot_uniform`",
            Family::Rectifying => "`kaiming_normal`",
            Family::Normalising => "`lecun_normal`",
            Family::Periodic => "`kaiming_uniform`",
        };
        rows.push_str(&format!(
            "| `{}` | {} | {rises} | {convex} | {smooth} | {start} |\n",
            a.name, a.formula
        ));
    }
    rows
}

/// Names of the activations with a property, for messages.
pub(crate) fn names(property: impl Fn(&Activation) -> bool) -> String {
    ACTIVATIONS.iter().filter(|a| property(a)).map(|a| a.name).collect::<Vec<_>>().join(", ")
}
