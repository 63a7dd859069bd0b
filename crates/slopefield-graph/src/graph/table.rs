//! The table of operators: one row each, with every rule the crate needs to know.
//!
//! A new operator is a variant of [`Op`] and a row here; the compiler asks for both, a test walks
//! the table, evaluates every row and compares its derivative rules with differences.
//! docs/how-to/add-an-op.md walks through one.

use luminal::prelude::Graph;
use slopefield_lang::Binary;

use super::op::{Dims, Op};
use super::rules as d;
use super::{Tensor, text};
use crate::function;

/// What a derivative rule is told: the node, its operands, its result.
pub(crate) struct Applied<'a> {
    pub(crate) op: &'a Op,
    pub(crate) operands: &'a [Tensor],
    pub(crate) result: Tensor,
}

/// Rule for the shape of the result.
type Shape = fn(&Op, &[Dims]) -> Result<Dims, ShapeRefused>;
/// Meaning on numbers.
type Evaluate = fn(&Op, &[&[f64]], &[Dims]) -> Vec<f64>;
/// Tangent of the result from the tangents of the operands (`None` is zero).
type ForwardRule = fn(&mut Graph, &Applied<'_>, &[Option<Tensor>]) -> Option<Tensor>;
/// Adjoints of the operands from the adjoint of the result (`None` is zero).
type ReverseRule = fn(&mut Graph, &Applied<'_>, Tensor) -> Vec<Option<Tensor>>;
/// Attributes as text.
type Attributes = fn(&Op) -> String;

/// One operator.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Operands, attributes, result, meaning and derivative, for docs/reference/graph-ops.md.
    pub(crate) doc: Doc,
    pub(crate) shape: Shape,
    pub(crate) evaluate: Evaluate,
    pub(crate) forward: ForwardRule,
    pub(crate) reverse: ReverseRule,
    pub(crate) attributes: Attributes,
}

/// A row of the reference page.
pub(crate) struct Doc {
    pub(crate) operands: &'static str,
    pub(crate) attributes: &'static str,
    pub(crate) result: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) derivative: &'static str,
}

/// Operands that an operator does not take.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{op}` cannot be applied to {}", list(.operands))]
pub(crate) struct ShapeRefused {
    pub(crate) op: &'static str,
    pub(crate) operands: Vec<Dims>,
}

fn list(operands: &[Dims]) -> String {
    operands.iter().map(Dims::to_string).collect::<Vec<_>>().join(" and ")
}

impl Row {
    pub(crate) fn shape(&self, op: &Op, operands: &[Dims]) -> Result<Dims, ShapeRefused> {
        (self.shape)(op, operands)
            .map_err(|refused| ShapeRefused { op: self.name, operands: refused.operands })
    }

    pub(crate) fn evaluate(&self, op: &Op, operands: &[&[f64]], shapes: &[Dims]) -> Vec<f64> {
        (self.evaluate)(op, operands, shapes)
    }
}

/// The row of an operator.
pub(crate) fn row(op: &Op) -> &'static Row {
    match op {
        Op::Input { .. } => &INPUT,
        Op::Constant(..) => &CONSTANT,
        Op::Block(_) => &BLOCK,
        Op::Map(_) => &MAP,
        Op::Zip(_) => &ZIP,
        Op::Each { .. } => &EACH,
        Op::Gather(_) => &GATHER,
        Op::ScatterAdd { .. } => &SCATTER_ADD,
        Op::Layer(_) => &LAYER,
        Op::MatVec => &MAT_VEC,
        Op::MatTVec => &MAT_T_VEC,
        Op::Outer => &OUTER,
        Op::Sum => &SUM,
        Op::Dot => &DOT,
        Op::MaxOf => &MAX_OF,
        Op::MinOf => &MIN_OF,
        Op::Broadcast(_) => &BROADCAST,
        Op::Concat => &CONCAT,
        Op::Slice { .. } => &SLICE,
        Op::Pad { .. } => &PAD,
        Op::Reshape(_) => &RESHAPE,
        Op::Custom { .. } => &CUSTOM,
        Op::Output { .. } => &OUTPUT,
    }
}

/// Every row, in the order of the reference page.
static ROWS: [&Row; 23] = [
    &INPUT,
    &CONSTANT,
    &BLOCK,
    &EACH,
    &MAP,
    &ZIP,
    &LAYER,
    &MAT_VEC,
    &MAT_T_VEC,
    &OUTER,
    &SUM,
    &DOT,
    &MAX_OF,
    &MIN_OF,
    &GATHER,
    &SCATTER_ADD,
    &BROADCAST,
    &CONCAT,
    &SLICE,
    &PAD,
    &RESHAPE,
    &CUSTOM,
    &OUTPUT,
];

/// The operators as a Markdown table, for docs/reference/graph-ops.md.
pub(crate) fn reference_table() -> String {
    let mut text = String::from(
        "| op | operands | attributes | result | meaning | derivative: forward; reverse |\n\
         |---|---|---|---|---|---|\n",
    );
    for row in ROWS {
        let Doc { operands, attributes, result, meaning, derivative } = &row.doc;
        text += &format!(
            "| `{}` | {operands} | {attributes} | {result} | {meaning} | {derivative} |\n",
            row.name
        );
    }
    text
}

fn refuse(operands: &[Dims]) -> Result<Dims, ShapeRefused> {
    Err(ShapeRefused { op: "", operands: operands.to_vec() })
}

static INPUT: Row = Row {
    name: "input",
    doc: Doc {
        operands: "",
        attributes: "buffer, first element",
        result: "its shape",
        meaning: "a run of time, states, params, tangents or weights",
        derivative: "the tangent's run; the gradient's run",
    },
    shape: |op, operands| match (op, operands) {
        (Op::Input { dims, .. }, []) => Ok(*dims),
        _ => refuse(operands),
    },
    // Inputs are given to the graph, never computed.
    evaluate: |_, _, _| Vec::new(),
    forward: d::input_forward,
    reverse: |_, _, _| Vec::new(),
    attributes: |op| match op {
        Op::Input { buffer, offset, .. } => format!("{buffer:?} {offset}"),
        _ => String::new(),
    },
};

static CONSTANT: Row = Row {
    name: "constant",
    doc: Doc {
        operands: "",
        attributes: "numbers",
        result: "its shape",
        meaning: "fixed numbers",
        derivative: "0",
    },
    shape: |op, operands| match (op, operands) {
        (Op::Constant(dims, values), []) if dims.len() == values.0.len() => Ok(*dims),
        _ => refuse(operands),
    },
    evaluate: |op, _, _| match op {
        Op::Constant(_, values) => values.0.to_vec(),
        _ => Vec::new(),
    },
    forward: |_, _, _| None,
    reverse: |_, _, _| Vec::new(),
    attributes: |op| match op {
        Op::Constant(_, values) => text::Numbers(&values.0).to_string(),
        _ => String::new(),
    },
};

static BLOCK: Row = Row {
    name: "block",
    doc: Doc {
        operands: "vectors",
        attributes: "a scalar program",
        result: "one vector",
        meaning: "a scalar program of all elements",
        derivative: "the program's own, by the rules of its functions",
    },
    shape: |op, operands| match op {
        Op::Block(block)
            if block.inputs.len() == operands.len()
                && block
                    .inputs
                    .iter()
                    .zip(operands)
                    .all(|(len, dims)| *dims == Dims::Vector(*len)) =>
        {
            Ok(Dims::Vector(block.outputs.len() as u32))
        }
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Block(block) => block.evaluate(operands),
        _ => Vec::new(),
    },
    forward: d::block_forward,
    reverse: d::block_reverse,
    attributes: |_| String::new(),
};

static EACH: Row = Row {
    name: "each",
    doc: Doc {
        operands: "vectors of n or of 1",
        attributes: "n, a scalar program",
        result: "its outputs, n elements each",
        meaning: "the program for every lane; a vector of 1 is shared by all lanes",
        derivative: "the program's own in every lane; what lanes share gets the sum",
    },
    shape: |op, operands| match op {
        Op::Each { block, count }
            if *count > 0
                && block.inputs.len() == operands.len()
                && block.inputs.iter().all(|len| *len == 1)
                && operands
                    .iter()
                    .all(|dims| [Dims::Vector(1), Dims::Vector(*count)].contains(dims)) =>
        {
            match u32::try_from(block.outputs.len()).ok().and_then(|n| n.checked_mul(*count)) {
                Some(len) => Ok(Dims::Vector(len)),
                None => refuse(operands),
            }
        }
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Each { block, count } => block.evaluate_lanes(operands, *count as usize),
        _ => Vec::new(),
    },
    forward: d::each_forward,
    reverse: d::each_reverse,
    attributes: |op| match op {
        Op::Each { count, .. } => format!("x{count}"),
        _ => String::new(),
    },
};

static GATHER: Row = Row {
    name: "gather",
    doc: Doc {
        operands: "x [n]",
        attributes: "indices",
        result: "[k]",
        meaning: "x[indices[i]]",
        derivative: "gather of the tangent; scatter_add of the adjoint, or gather by the inverse of a permutation",
    },
    shape: |op, operands| match (op, operands) {
        (Op::Gather(indices), [Dims::Vector(n)])
            if !indices.is_empty() && indices.iter().all(|i| i < n) =>
        {
            Ok(Dims::Vector(indices.len() as u32))
        }
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Gather(indices) => indices.iter().map(|i| operands[0][*i as usize]).collect(),
        _ => Vec::new(),
    },
    forward: d::linear_forward,
    reverse: d::gather_reverse,
    attributes: |op| match op {
        Op::Gather(indices) => text::Indices(indices).to_string(),
        _ => String::new(),
    },
};

static SCATTER_ADD: Row = Row {
    name: "scatter_add",
    doc: Doc {
        operands: "x [k]",
        attributes: "n, indices",
        result: "[n]",
        meaning: "element j is the sum of all x[i] with indices[i] = j, in order",
        derivative: "scatter_add of the tangent; gather of the adjoint",
    },
    shape: |op, operands| match (op, operands) {
        (Op::ScatterAdd { indices, len }, [Dims::Vector(n)])
            if *n > 0 && indices.len() == *n as usize && indices.iter().all(|i| i < len) =>
        {
            Ok(Dims::Vector(*len))
        }
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::ScatterAdd { indices, len } => {
            let mut sums = vec![0.0; *len as usize];
            for (i, x) in indices.iter().zip(operands[0]) {
                sums[*i as usize] += x;
            }
            sums
        }
        _ => Vec::new(),
    },
    forward: d::linear_forward,
    reverse: d::scatter_add_reverse,
    attributes: |op| match op {
        Op::ScatterAdd { indices, len } => format!("x{len} {}", text::Indices(indices)),
        _ => String::new(),
    },
};

static LAYER: Row = Row {
    name: "layer",
    doc: Doc {
        operands: "A [m, n], x [n], b [m]",
        attributes: "a smooth function, or none",
        result: "[m]",
        meaning: "f(A x + b); b may be left out",
        derivative: "that of its parts; in terms of the result where the function allows",
    },
    shape: |op, operands| match operands {
        _ if matches!(op, Op::Layer(Some(f)) if !d::is_smooth(*f)) => refuse(operands),
        [Dims::Matrix(rows, cols), Dims::Vector(n)] if cols == n => Ok(Dims::Vector(*rows)),
        [Dims::Matrix(rows, cols), Dims::Vector(n), Dims::Vector(m)] if cols == n && rows == m => {
            Ok(Dims::Vector(*rows))
        }
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| {
        let x = operands[1];
        let products = operands[0].chunks(x.len()).map(|row| dot(row, x));
        let sums = products.enumerate().map(|(i, y)| operands.get(2).map_or(y, |b| b[i] + y));
        match op {
            Op::Layer(Some(f)) => sums.map(|y| f.apply(y)).collect(),
            _ => sums.collect(),
        }
    },
    forward: d::layer_forward,
    reverse: d::layer_reverse,
    attributes: |op| match op {
        Op::Layer(Some(f)) => f.name().into(),
        _ => String::new(),
    },
};

static MAP: Row = Row {
    name: "map",
    doc: Doc {
        operands: "x",
        attributes: "a function",
        result: "shape of x",
        meaning: "the function of each element",
        derivative: "times its slope; singular functions are lane programs instead",
    },
    shape: |_, operands| match operands {
        [x] => Ok(*x),
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Map(f) => operands[0].iter().map(|x| f.apply(*x)).collect(),
        _ => Vec::new(),
    },
    forward: d::map_forward,
    reverse: d::map_reverse,
    attributes: |op| match op {
        Op::Map(f) => f.name().into(),
        _ => String::new(),
    },
};

static ZIP: Row = Row {
    name: "zip",
    doc: Doc {
        operands: "a, b of one shape",
        attributes: "a function",
        result: "that shape",
        meaning: "the function of each pair",
        derivative: "times its partials; at a tie of min and max the first operand's",
    },
    shape: |_, operands| match operands {
        [a, b] if a == b => Ok(*a),
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Zip(f) => operands[0].iter().zip(operands[1]).map(|(a, b)| f.apply(*a, *b)).collect(),
        _ => Vec::new(),
    },
    forward: d::zip_forward,
    reverse: d::zip_reverse,
    attributes: |op| match op {
        Op::Zip(f) => function::binary_name(*f).into(),
        _ => String::new(),
    },
};

static MAT_VEC: Row = Row {
    name: "matvec",
    doc: Doc {
        operands: "A [m, n], x [n]",
        attributes: "",
        result: "[m]",
        meaning: "A x",
        derivative: "A' x + A x'; outer(g, x), mattvec(A, g)",
    },
    shape: |_, operands| match operands {
        [Dims::Matrix(rows, cols), Dims::Vector(n)] if cols == n => Ok(Dims::Vector(*rows)),
        _ => refuse(operands),
    },
    evaluate: |_, operands, _| {
        let x = operands[1];
        operands[0].chunks(x.len()).map(|row| dot(row, x)).collect()
    },
    forward: d::product_forward,
    reverse: d::mat_vec_reverse,
    attributes: |_| String::new(),
};

static MAT_T_VEC: Row = Row {
    name: "mattvec",
    doc: Doc {
        operands: "A [m, n], x [m]",
        attributes: "",
        result: "[n]",
        meaning: "transpose of A times x",
        derivative: "likewise; outer(x, g), matvec(A, g)",
    },
    shape: |_, operands| match operands {
        [Dims::Matrix(rows, cols), Dims::Vector(n)] if rows == n => Ok(Dims::Vector(*cols)),
        _ => refuse(operands),
    },
    evaluate: |_, operands, _| {
        let (a, x) = (operands[0], operands[1]);
        let cols = a.len() / x.len();
        (0..cols).map(|j| x.iter().enumerate().map(|(i, x)| a[i * cols + j] * x).sum()).collect()
    },
    forward: d::product_forward,
    reverse: d::mat_t_vec_reverse,
    attributes: |_| String::new(),
};

static OUTER: Row = Row {
    name: "outer",
    doc: Doc {
        operands: "x [m], y [n]",
        attributes: "",
        result: "[m, n]",
        meaning: "all products x[i] y[j]",
        derivative: "likewise; matvec(g, y), mattvec(g, x)",
    },
    shape: |_, operands| match operands {
        [Dims::Vector(rows), Dims::Vector(cols)] => Ok(Dims::Matrix(*rows, *cols)),
        _ => refuse(operands),
    },
    evaluate: |_, operands, _| {
        operands[0].iter().flat_map(|x| operands[1].iter().map(move |y| x * y)).collect()
    },
    forward: d::product_forward,
    reverse: d::outer_reverse,
    attributes: |_| String::new(),
};

static SUM: Row = Row {
    name: "sum",
    doc: Doc {
        operands: "x",
        attributes: "",
        result: "[1]",
        meaning: "sum of all elements",
        derivative: "sum of the tangent; the adjoint everywhere",
    },
    shape: |_, operands| match operands {
        [_] => Ok(Dims::Vector(1)),
        _ => refuse(operands),
    },
    evaluate: |_, operands, _| vec![operands[0].iter().sum()],
    forward: d::linear_forward,
    reverse: d::sum_reverse,
    attributes: |_| String::new(),
};

static DOT: Row = Row {
    name: "dot",
    doc: Doc {
        operands: "a, b of one shape",
        attributes: "",
        result: "[1]",
        meaning: "sum of products",
        derivative: "dot(a', b) + dot(a, b'); g b, g a",
    },
    shape: |_, operands| match operands {
        [a, b] if a == b => Ok(Dims::Vector(1)),
        _ => refuse(operands),
    },
    evaluate: |_, operands, _| vec![dot(operands[0], operands[1])],
    forward: d::product_forward,
    reverse: d::dot_reverse,
    attributes: |_| String::new(),
};

static MAX_OF: Row = Row {
    name: "max_of",
    doc: Doc {
        operands: "x [n], n > 0",
        attributes: "",
        result: "[1]",
        meaning: "largest element, NaN if there is one; the sign of a zero is either's",
        derivative: "that of the first element equal to the result",
    },
    shape: |_, operands| extreme_shape(operands),
    evaluate: |_, operands, _| extreme(Binary::Max, operands[0]),
    forward: d::extreme_forward,
    reverse: d::extreme_reverse,
    attributes: |_| String::new(),
};

static MIN_OF: Row = Row {
    name: "min_of",
    doc: Doc {
        operands: "x [n], n > 0",
        attributes: "",
        result: "[1]",
        meaning: "smallest element, likewise",
        derivative: "that of the first element equal to the result",
    },
    shape: |_, operands| extreme_shape(operands),
    evaluate: |_, operands, _| extreme(Binary::Min, operands[0]),
    forward: d::extreme_forward,
    reverse: d::extreme_reverse,
    attributes: |_| String::new(),
};

fn extreme_shape(operands: &[Dims]) -> Result<Dims, ShapeRefused> {
    match operands {
        [Dims::Vector(n)] if *n > 0 => Ok(Dims::Vector(1)),
        _ => refuse(operands),
    }
}

fn extreme(op: Binary, x: &[f64]) -> Vec<f64> {
    vec![x[1..].iter().fold(x[0], |best, x| op.apply(best, *x))]
}

static BROADCAST: Row = Row {
    name: "broadcast",
    doc: Doc {
        operands: "x [1]",
        attributes: "",
        result: "its shape",
        meaning: "one number everywhere",
        derivative: "likewise; the sum of the adjoint",
    },
    shape: |op, operands| match (op, operands) {
        (Op::Broadcast(dims), [Dims::Vector(1)]) => Ok(*dims),
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Broadcast(dims) => vec![operands[0][0]; dims.len()],
        _ => Vec::new(),
    },
    forward: d::linear_forward,
    reverse: d::broadcast_reverse,
    attributes: |_| String::new(),
};

static CONCAT: Row = Row {
    name: "concat",
    doc: Doc {
        operands: "vectors",
        attributes: "",
        result: "their joint length",
        meaning: "one after the other",
        derivative: "likewise; slices",
    },
    shape: |_, operands| {
        let mut total = Some(0u32);
        for dims in operands {
            match dims {
                Dims::Vector(n) => total = total.and_then(|t| t.checked_add(*n)),
                Dims::Matrix(..) => return refuse(operands),
            }
        }
        match total {
            Some(total) if !operands.is_empty() => Ok(Dims::Vector(total)),
            _ => refuse(operands),
        }
    },
    evaluate: |_, operands, _| operands.concat(),
    forward: d::concat_forward,
    reverse: d::concat_reverse,
    attributes: |_| String::new(),
};

static SLICE: Row = Row {
    name: "slice",
    doc: Doc {
        operands: "x [n]",
        attributes: "start, length",
        result: "[length]",
        meaning: "elements start .. start + length",
        derivative: "likewise; parts of an adjoint are put together",
    },
    shape: |op, operands| match (op, operands) {
        (Op::Slice { start, len }, [Dims::Vector(n)])
            if u64::from(*start) + u64::from(*len) <= u64::from(*n) =>
        {
            Ok(Dims::Vector(*len))
        }
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Slice { start, len } => operands[0][*start as usize..][..*len as usize].to_vec(),
        _ => Vec::new(),
    },
    forward: d::linear_forward,
    reverse: d::slice_reverse,
    attributes: |op| match op {
        Op::Slice { start, len } => format!("{start} {len}"),
        _ => String::new(),
    },
};

static PAD: Row = Row {
    name: "pad",
    doc: Doc {
        operands: "x [n]",
        attributes: "zeros before, zeros after",
        result: "[before + n + after]",
        meaning: "zeros around a vector",
        derivative: "likewise; the slice",
    },
    shape: |op, operands| match (op, operands) {
        (Op::Pad { before, after }, [Dims::Vector(n)]) => {
            match before.checked_add(*n).and_then(|sum| sum.checked_add(*after)) {
                Some(len) => Ok(Dims::Vector(len)),
                None => refuse(operands),
            }
        }
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Pad { before, after } => {
            let mut padded = vec![0.0; *before as usize];
            padded.extend_from_slice(operands[0]);
            padded.resize(padded.len() + *after as usize, 0.0);
            padded
        }
        _ => Vec::new(),
    },
    forward: d::linear_forward,
    reverse: d::pad_reverse,
    attributes: |op| match op {
        Op::Pad { before, after } => format!("{before} {after}"),
        _ => String::new(),
    },
};

static RESHAPE: Row = Row {
    name: "reshape",
    doc: Doc {
        operands: "x",
        attributes: "",
        result: "its shape",
        meaning: "the same elements, row-major",
        derivative: "likewise",
    },
    shape: |op, operands| match (op, operands) {
        (Op::Reshape(dims), [x]) if dims.len() == x.len() => Ok(*dims),
        _ => refuse(operands),
    },
    evaluate: |_, operands, _| operands[0].to_vec(),
    forward: d::linear_forward,
    reverse: d::reshape_reverse,
    attributes: |_| String::new(),
};

static CUSTOM: Row = Row {
    name: "custom",
    doc: Doc {
        operands: "x [n], or for the reverse x and weights [n + m]",
        attributes: "name, forward or reverse, m, lengths of its operands",
        result: "[m], or for the reverse [n]",
        meaning: "code of a plugin; on the processor only",
        derivative: "a dot product with the reverse for each element; the reverse, which has none itself",
    },
    shape: |op, operands| match (op, operands) {
        (Op::Custom { op, reverse }, [Dims::Vector(n)]) if op.sizes(*reverse).0 == *n => {
            Ok(Dims::Vector(op.sizes(*reverse).1))
        }
        _ => refuse(operands),
    },
    evaluate: |op, operands, _| match op {
        Op::Custom { op, reverse } => {
            let mut result = vec![0.0; op.sizes(*reverse).1 as usize];
            op.run(*reverse, operands[0], &mut result);
            result
        }
        _ => Vec::new(),
    },
    forward: d::custom_forward,
    reverse: d::custom_reverse,
    attributes: |op| match op {
        Op::Custom { op, reverse } => text::Custom { op, reverse: *reverse }.to_string(),
        _ => String::new(),
    },
};

static OUTPUT: Row = Row {
    name: "output",
    doc: Doc {
        operands: "x",
        attributes: "buffer, first element, `add`",
        result: "shape of x",
        meaning: "writes its operand to the result, or adds it to a gradient",
        derivative: "the tangent's run; where the reverse pass begins",
    },
    shape: |_, operands| match operands {
        [x] => Ok(*x),
        _ => refuse(operands),
    },
    evaluate: |_, operands, _| operands[0].to_vec(),
    forward: d::output_forward,
    // Outputs are where the reverse pass begins; see `Reverse`.
    reverse: |_, _, adjoint| vec![Some(adjoint)],
    attributes: |op| match op {
        Op::Output { buffer, offset, add } => {
            format!("{buffer:?} {offset}{}", if *add { " add" } else { "" })
        }
        _ => String::new(),
    },
};

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
