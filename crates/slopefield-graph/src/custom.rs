//! Operators that somebody else computes: functions in native code, as plugins have them, in the
//! middle of a network.
//!
//! A recorded network names such an operator, `custom:org.example.special@1.2.0/bessel`, and holds
//! nothing else of it. Whoever has its code says so with [`offer`]; lowering asks for it. A name that
//! nobody has offered is an error of lowering, not of reading, so that a network can be looked at,
//! stored and copied without the code.
//!
//! An operator is a function of one vector, its operands one after the other, with a vector as result,
//! and the product of its Jacobian from the left. Products from the right are made of as many of these
//! as the result has elements. There are no second derivatives.
//!
//! *Invariant:* code is compared with differences, and with itself, before anything is computed with it.

mod check;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How ops of networks begin that are such operators.
pub const PREFIX: &str = "custom:";
/// Most elements that an operator gives; each costs one call in a product from the right.
pub const MOST_OUTPUTS: u32 = 256;
/// Most elements that an operator takes.
pub const MOST_INPUTS: u32 = 1 << 16;
/// Most bytes of a name: room for the longest ids and versions of plugins.
const MOST_NAME: usize = 300;

/// The code of an operator for operands of certain lengths. It may be called from several threads at
/// once, gives the same bits for the same numbers, and writes nothing but its result; what has no value
/// is NaN.
pub trait CustomCode: Send + Sync {
    /// `y = f(x)`.
    fn forward(&self, x: &[f64], y: &mut [f64]);

    /// `grad = wᵀ ∂f/∂x` at `x`.
    fn reverse(&self, x: &[f64], w: &[f64], grad: &mut [f64]);
}

/// Somebody who has the code of an operator.
pub trait CustomSource: Send + Sync {
    /// The code for operands of these lengths and a result of `outputs` elements.
    ///
    /// # Errors
    /// One sentence that says why there is none.
    fn bind(&self, lengths: &[u32], outputs: u32) -> Result<Box<dyn CustomCode>, String>;
}

/// An operator with its code, for operands of certain lengths. It lives as long as the program: the
/// libraries that the code is in are never unloaded.
pub struct CustomOp {
    name: String,
    lengths: Vec<u32>,
    inputs: u32,
    outputs: u32,
    code: Box<dyn CustomCode>,
}

impl CustomOp {
    /// `org.example.special@1.2.0/bessel`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lengths of its operands.
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// Elements of its result.
    #[must_use]
    pub fn outputs(&self) -> u32 {
        self.outputs
    }

    /// Elements that [`CustomOp::run`] reads, and that it writes: of the function, or of its reverse.
    #[must_use]
    pub fn sizes(&self, reverse: bool) -> (u32, u32) {
        if reverse {
            (self.inputs + self.outputs, self.inputs)
        } else {
            (self.inputs, self.outputs)
        }
    }

    /// Compares its code with itself and with differences, at points that follow from a seed; how many
    /// derivatives could be compared.
    ///
    /// # Errors
    /// One sentence with the operator, what is wrong, and the numbers.
    pub fn check(&self, seed: u64) -> Result<usize, String> {
        check::check(self, seed)
    }

    /// The function of its operands; or its reverse, of its operands followed by the weights of the
    /// result.
    ///
    /// # Panics
    /// When the slices do not have [`CustomOp::sizes`].
    pub fn run(&self, reverse: bool, src: &[f64], dst: &mut [f64]) {
        let (from, to) = self.sizes(reverse);
        assert_eq!((src.len(), dst.len()), (from as usize, to as usize), "`{}`", self.name);
        if reverse {
            let (x, w) = src.split_at(self.inputs as usize);
            self.code.reverse(x, w, dst);
        } else {
            self.code.forward(src, dst);
        }
    }
}

impl std::fmt::Debug for CustomOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} -> {}", self.name, self.lengths, self.outputs)
    }
}

impl PartialEq for CustomOp {
    /// Each is made once, so equal ones are the same.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

#[derive(Default)]
struct Offered {
    sources: BTreeMap<String, Arc<dyn CustomSource>>,
    bound: Vec<&'static CustomOp>,
}

static OFFERED: RwLock<Offered> =
    RwLock::new(Offered { sources: BTreeMap::new(), bound: Vec::new() });

/// The parts of a name: plugin, version, operator. `None` for what is no name.
#[must_use]
pub fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (plugin, rest) = name.split_once('@')?;
    let (version, operator) = rest.split_once('/')?;
    let plain = |text: &str, also: &str| {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c);
        !text.is_empty() && text.chars().all(known)
    };
    let sound = name.len() <= MOST_NAME
        && plain(plugin, "-.")
        && version.chars().all(|c| c.is_ascii_alphanumeric() || "-.+".contains(c))
        && !version.is_empty()
        && plain(operator, "-");
    sound.then_some((plugin, version, operator))
}

/// Makes the code of an operator known under its name, in the place of what was.
pub fn offer(name: &str, source: Arc<dyn CustomSource>) {
    let mut offered = OFFERED.write().unwrap_or_else(PoisonError::into_inner);
    offered.bound.retain(|op| op.name != name);
    offered.sources.insert(name.to_owned(), source);
}

/// The operator of a name for operands of these lengths and a result of `outputs` elements, checked.
///
/// # Errors
/// One sentence: nobody offers it, it does not take these lengths, or its code is not what it says.
pub fn bind(name: &str, lengths: &[u32], outputs: u32) -> Result<&'static CustomOp, String> {
    let is_it =
        |op: &&&CustomOp| (op.name(), op.lengths(), op.outputs()) == (name, lengths, outputs);
    let source = {
        let offered = OFFERED.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(op) = offered.bound.iter().find(is_it) {
            return Ok(op);
        }
        offered.sources.get(name).cloned()
    };
    let Some(source) = source else { return Err(missing(name)) };
    let total = lengths.iter().try_fold(0u32, |sum, len| sum.checked_add(*len));
    let Some(inputs) = total.filter(|n| (1..=MOST_INPUTS).contains(n)) else {
        return Err(format!("`{name}` takes between 1 and {MOST_INPUTS} elements in all"));
    };
    if !(1..=MOST_OUTPUTS).contains(&outputs) {
        return Err(format!("`{name}` gives between 1 and {MOST_OUTPUTS} elements, not {outputs}"));
    }
    let code = source.bind(lengths, outputs).map_err(|why| format!("`{name}`: {why}"))?;
    let op = CustomOp { name: name.to_owned(), lengths: lengths.to_vec(), inputs, outputs, code };
    op.check(0)?;
    let mut offered = OFFERED.write().unwrap_or_else(PoisonError::into_inner);
    // Somebody else may have been faster.
    if let Some(op) = offered.bound.iter().find(is_it) {
        return Ok(op);
    }
    let op: &'static CustomOp = Box::leak(Box::new(op));
    offered.bound.push(op);
    Ok(op)
}

/// What to say of an operator that nobody offers.
fn missing(name: &str) -> String {
    match parts(name) {
        Some((plugin, version, operator)) => format!(
            "the operator `{operator}` is code of the plugin {plugin} {version}, which is not loaded; \
             install and trust this version of it to simulate or train"
        ),
        None => format!("`{name}` is no name of an operator"),
    }
}
