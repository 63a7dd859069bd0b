//! The op set: what networks, built-in and from plugins, are made of.
//!
//! docs/reference/network-ops.md is [`reference_table`], and a test keeps it so.

use slopefield_lang::{Binary, Unary};

use crate::custom;
use crate::function;
use crate::graph::Dims;

/// Version of the op set. Ops are added with a new version and never change.
pub const OP_SET: u32 = 2;
/// What `layer_norm` adds to the variance.
pub(crate) const LAYER_NORM_EPSILON: f64 = 1e-5;
/// Most knots of a table that is interpolated.
const KNOTS: u32 = 100;

/// A network op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NetworkOp {
    MatVec,
    MatTVec,
    Unary(Unary),
    Binary(Binary),
    Sum,
    Mean,
    Dot,
    Concat,
    Slice,
    Outer,
    Reshape,
    Gather,
    ScatterAdd,
    MaxOf,
    MinOf,
    Softmax,
    LayerNorm,
    Interpolate,
    InterpolateCubic,
    /// One that somebody else computes; its name is not in the table.
    Custom,
}

/// Element-wise functions of two tensors that networks may use; comparison and logic are left out.
const ELEMENT_WISE: [Binary; 7] =
    [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max, Binary::Pow];

/// Ops that are not element-wise: name, op, operands, attributes, shape of the result, meaning, and
/// the op set that brought it.
const STRUCTURAL: [(&str, NetworkOp, &str, &str, &str, &str, u32); 17] = [
    ("matvec", NetworkOp::MatVec, "A [m, n], x [n]", "", "[m]", "matrix times vector", 1),
    ("matvec_t", NetworkOp::MatTVec, "A [m, n], x [m]", "", "[n]", "transpose of A times x", 2),
    ("sum", NetworkOp::Sum, "x", "", "[1]", "sum of all elements", 1),
    ("mean", NetworkOp::Mean, "x", "", "[1]", "mean of all elements", 1),
    ("dot", NetworkOp::Dot, "a [n], b [n]", "", "[1]", "sum of products", 1),
    (
        "concat",
        NetworkOp::Concat,
        "x [n], y [m], ...",
        "",
        "[n + m + ...]",
        "one after the other",
        1,
    ),
    ("slice", NetworkOp::Slice, "x [n]", "start, len", "[len]", "elements start .. start+len", 1),
    ("outer", NetworkOp::Outer, "a [m], b [n]", "", "[m, n]", "all products a[i] b[j]", 1),
    ("reshape", NetworkOp::Reshape, "x", "dims", "dims", "same elements, row-major", 1),
    ("gather", NetworkOp::Gather, "x [n]", "indices", "[k]", "x[indices[i]], counted from 0", 2),
    (
        "scatter_add",
        NetworkOp::ScatterAdd,
        "x [k]",
        "indices, len",
        "[len]",
        "element j is the sum of all x[i] with indices[i] = j",
        2,
    ),
    ("max_of", NetworkOp::MaxOf, "x [n]", "", "[1]", "largest element", 2),
    ("min_of", NetworkOp::MinOf, "x [n]", "", "[1]", "smallest element", 2),
    ("softmax", NetworkOp::Softmax, "x [n]", "", "[n]", "exp(x[i]) / sum of all exp(x[j])", 2),
    (
        "layer_norm",
        NetworkOp::LayerNorm,
        "x [n]",
        "",
        "[n]",
        "(x - mean) / sqrt(variance + 1e-5)",
        2,
    ),
    (
        "interpolate",
        NetworkOp::Interpolate,
        "x [n], t [k], v [k]",
        "",
        "[n]",
        "piecewise linear through (t, v), t rising; constant outside",
        2,
    ),
    (
        "interpolate_cubic",
        NetworkOp::InterpolateCubic,
        "x [n], t [k], v [k]",
        "",
        "[n]",
        "piecewise cubic through (t, v) with Catmull-Rom slopes; constant outside",
        2,
    ),
];

impl NetworkOp {
    pub(crate) fn named(name: &str) -> Option<NetworkOp> {
        let structural = STRUCTURAL.iter().find(|row| row.0 == name).map(|row| row.1);
        let element_wise = || {
            let op = function::binary_named(name)?;
            ELEMENT_WISE.contains(&op).then_some(NetworkOp::Binary(op))
        };
        let function = || Unary::from_name(name).map(NetworkOp::Unary);
        let custom = || {
            let known = name.strip_prefix(custom::PREFIX).and_then(custom::parts);
            known.map(|_| NetworkOp::Custom)
        };
        structural.or_else(element_wise).or_else(function).or_else(custom)
    }

    /// The op set that brought it.
    pub(crate) fn since(self) -> u32 {
        STRUCTURAL.iter().find(|row| row.1 == self).map_or(1, |row| row.6)
    }

    /// Shape of the result, or one sentence that says what is wrong.
    pub(crate) fn shape(
        self,
        name: &str,
        operands: &[Dims],
        attributes: &[(String, Vec<i64>)],
    ) -> Result<Dims, String> {
        let given = || {
            let shapes: Vec<String> = operands.iter().map(Dims::to_string).collect();
            if shapes.is_empty() { "nothing".into() } else { shapes.join(" and ") }
        };
        let allowed: &[&str] = match self {
            NetworkOp::Slice => &["start", "len"],
            NetworkOp::Reshape => &["dims"],
            NetworkOp::Gather => &["indices"],
            NetworkOp::ScatterAdd => &["indices", "len"],
            NetworkOp::Custom => &["len"],
            _ => &[],
        };
        for (i, (attribute, _)) in attributes.iter().enumerate() {
            if !allowed.contains(&attribute.as_str()) {
                return Err(format!("`{name}` has no attribute `{attribute}`"));
            }
            if attributes[..i].iter().any(|(earlier, _)| earlier == attribute) {
                return Err(format!("`{name}` is given the attribute `{attribute}` twice"));
            }
        }
        match (self, operands) {
            (NetworkOp::MatVec, [Dims::Matrix(rows, cols), Dims::Vector(n)]) if cols == n => {
                Ok(Dims::Vector(*rows))
            }
            (NetworkOp::MatTVec, [Dims::Matrix(rows, cols), Dims::Vector(n)]) if rows == n => {
                Ok(Dims::Vector(*cols))
            }
            (NetworkOp::Gather, [Dims::Vector(n)]) => {
                let len = checked_indices(name, attributes, *n)?;
                Ok(Dims::Vector(len))
            }
            (NetworkOp::ScatterAdd, [Dims::Vector(n)]) => {
                let len = one(name, attributes, "len")?;
                let count = checked_indices(name, attributes, len)?;
                if count == *n {
                    Ok(Dims::Vector(len))
                } else {
                    Err(format!("`scatter_add` of {n} elements is given {count} indices"))
                }
            }
            (NetworkOp::MaxOf | NetworkOp::MinOf, [Dims::Vector(_)]) => Ok(Dims::Vector(1)),
            (NetworkOp::Custom, [_, ..]) => {
                let len = one(name, attributes, "len")?;
                let total: usize = operands.iter().map(|o| o.len()).sum();
                if total > custom::MOST_INPUTS as usize {
                    return Err(format!(
                        "`{name}` of {total} elements; the limit is {}",
                        custom::MOST_INPUTS
                    ));
                }
                if (1..=custom::MOST_OUTPUTS).contains(&len) {
                    Ok(Dims::Vector(len))
                } else {
                    Err(format!(
                        "`len` of `{name}` is {len}; it is between 1 and {}",
                        custom::MOST_OUTPUTS
                    ))
                }
            }
            (NetworkOp::Softmax | NetworkOp::LayerNorm, [Dims::Vector(n)]) => Ok(Dims::Vector(*n)),
            (
                NetworkOp::Interpolate | NetworkOp::InterpolateCubic,
                [Dims::Vector(n), Dims::Vector(t), Dims::Vector(v)],
            ) if t == v => {
                if *t > KNOTS {
                    return Err(format!("`{name}` of {t} knots; the limit is {KNOTS}"));
                }
                Ok(Dims::Vector(*n))
            }
            (NetworkOp::Unary(_), [x]) => Ok(*x),
            (NetworkOp::Binary(_), [a, b]) if a == b => Ok(*a),
            (NetworkOp::Binary(_), [a, Dims::Vector(1)]) => Ok(*a),
            (NetworkOp::Binary(_), [Dims::Vector(1), b]) => Ok(*b),
            (NetworkOp::Sum | NetworkOp::Mean, [_]) => Ok(Dims::Vector(1)),
            (NetworkOp::Dot, [Dims::Vector(n), Dims::Vector(m)]) if n == m => Ok(Dims::Vector(1)),
            (NetworkOp::Outer, [Dims::Vector(m), Dims::Vector(n)]) => Ok(Dims::Matrix(*m, *n)),
            (NetworkOp::Concat, [_, ..]) => {
                let mut total = 0u32;
                for operand in operands {
                    let Dims::Vector(n) = operand else {
                        return Err(format!("`concat` joins vectors, not {operand}"));
                    };
                    total = total
                        .checked_add(*n)
                        .ok_or_else(|| "`concat` gives a vector that is too long".to_owned())?;
                }
                Ok(Dims::Vector(total))
            }
            (NetworkOp::Slice, [Dims::Vector(n)]) => {
                let (start, len) = (one(name, attributes, "start")?, one(name, attributes, "len")?);
                match start.checked_add(len) {
                    Some(end) if len > 0 && end <= *n => Ok(Dims::Vector(len)),
                    _ => Err(format!(
                        "`slice` of {len} elements from {start} does not fit into a vector of \
                         length {n}"
                    )),
                }
            }
            (NetworkOp::Reshape, [x]) => {
                let sizes = attribute(name, attributes, "dims")?;
                let sizes: Option<Vec<u32>> =
                    sizes.iter().map(|n| u32::try_from(*n).ok().filter(|n| *n > 0)).collect();
                let dims = sizes.and_then(|s| Dims::from_sizes(&s)).ok_or_else(|| {
                    "`reshape` needs `dims` with one or two sizes above 0".to_owned()
                })?;
                if dims.len() == x.len() {
                    Ok(dims)
                } else {
                    Err(format!(
                        "`reshape` of {x} to {dims} changes the number of elements from {} to {}",
                        x.len(),
                        dims.len()
                    ))
                }
            }
            _ => {
                Err(format!("`{name}` cannot be applied to {}; it takes {}", given(), self.takes()))
            }
        }
    }

    fn takes(self) -> &'static str {
        match self {
            NetworkOp::Unary(_) => "one tensor",
            NetworkOp::Custom => "one tensor or more",
            NetworkOp::Binary(_) => "two tensors of one shape, or one and a vector of length 1",
            _ => STRUCTURAL.iter().find(|row| row.1 == self).map_or("", |row| row.2),
        }
    }
}

/// The number of indices, all of which are below `len`.
fn checked_indices(name: &str, attributes: &[(String, Vec<i64>)], len: u32) -> Result<u32, String> {
    let list = attribute(name, attributes, "indices")?;
    if let Some(bad) = list.iter().find(|i| !(0..i64::from(len)).contains(*i)) {
        return Err(format!("`{name}` has no element {bad}; indices are 0 to {}", len.max(1) - 1));
    }
    match u32::try_from(list.len()) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(format!("`{name}` needs at least one index")),
    }
}

/// The attribute `indices` of an op that has been checked.
pub(crate) fn indices(attributes: &[(String, Vec<i64>)]) -> Vec<u32> {
    let list = attributes.iter().find(|(name, _)| name == "indices");
    list.map_or_else(Vec::new, |(_, list)| list.iter().map(|i| *i as u32).collect())
}

fn attribute<'a>(
    name: &str,
    attributes: &'a [(String, Vec<i64>)],
    wanted: &str,
) -> Result<&'a [i64], String> {
    attributes
        .iter()
        .find(|(n, _)| n == wanted)
        .map(|(_, v)| v.as_slice())
        .ok_or_else(|| format!("`{name}` needs the attribute `{wanted}`"))
}

/// An attribute that is one whole number, not negative.
pub(crate) fn one(
    name: &str,
    attributes: &[(String, Vec<i64>)],
    wanted: &str,
) -> Result<u32, String> {
    match attribute(name, attributes, wanted)? {
        [value] => u32::try_from(*value)
            .map_err(|_| format!("`{wanted}` of `{name}` is {value}; it must be 0 or more")),
        more => Err(format!("`{wanted}` of `{name}` is one number, not {}", more.len())),
    }
}

/// The op set as a Markdown table, for docs/reference/network-ops.md.
#[must_use]
pub fn reference_table() -> String {
    let mut rows = String::from(
        "| op | operands | attributes | result | meaning | since op set |\n|---|---|---|---|---|---|\n",
    );
    for (name, _, operands, attributes, result, meaning, since) in STRUCTURAL {
        rows.push_str(&format!(
            "| `{name}` | {operands} | {attributes} | {result} | {meaning} | {since} |\n"
        ));
    }
    for op in ELEMENT_WISE {
        let name = function::binary_name(op);
        rows.push_str(&format!("| `{name}` | a, b | | shape of a and b | element-wise | 1 |\n"));
    }
    for name in function::unary_names() {
        rows.push_str(&format!("| `{name}` | x | | shape of x | element-wise | 1 |\n"));
    }
    rows
}
