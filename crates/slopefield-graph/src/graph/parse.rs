//! Reads the text form of a graph ([`super::text`]).

use std::sync::Arc;

use luminal::prelude::Graph;

use super::op::Numbers;
use super::{Dims, Op, Tensor, push, table};
use crate::plan::parse::{
    Defined, Words, binary, custom, defined, indices, numbers, short, unary, value, whole,
};
use crate::plan::{Buffer, PlanError, limits};
use crate::scalar::{Block, Scalar, SsaValue};

/// Why a text is not the graph of a function.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GraphTextError {
    /// A line that is not in the form of a graph, or an op that does not take its operands.
    #[error("line {line}: {message}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What is wrong, with the words or shapes in question.
        message: String,
    },
    /// A graph whose plan breaks a rule: a result that is written twice or never, an input beyond
    /// its buffer.
    #[error(transparent)]
    Rule(#[from] PlanError),
}

type Parsed<T> = Result<T, String>;

/// Buffers that graphs read and write, by their names in texts.
const INPUTS: [Buffer; 7] = [
    Buffer::Time,
    Buffer::States,
    Buffer::Params,
    Buffer::TimeTangent,
    Buffer::StatesTangent,
    Buffer::ParamsTangent,
    Buffer::Weights,
];
const RESULTS: [Buffer; 5] =
    [Buffer::Out, Buffer::OutTangent, Buffer::TimeGrad, Buffer::StatesGrad, Buffer::ParamsGrad];
/// luminal counts operands in a byte.
const OPERANDS: usize = 255;

/// The graph of a function that a text describes: of time, states and params, with results in
/// `Out`.
pub(crate) fn parse_function(text: &str) -> Result<Graph, GraphTextError> {
    read(text, &INPUTS[..3], &RESULTS[..1])
}

/// Any graph, of derivatives too.
#[cfg(test)]
pub(crate) fn parse(text: &str) -> Result<Graph, GraphTextError> {
    read(text, &INPUTS, &RESULTS)
}

fn read(text: &str, inputs: &[Buffer], results: &[Buffer]) -> Result<Graph, GraphTextError> {
    let mut graph = Graph::new();
    let mut nodes: Vec<Tensor> = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let fail = |message| GraphTextError::Syntax { line: index + 1, message };
        let mut node = head(line, &nodes).map_err(fail)?;
        match node.op {
            Op::Input { buffer, .. } if !inputs.contains(&buffer) => {
                return Err(fail(format!("a function does not read `{buffer:?}`")));
            }
            Op::Output { buffer, .. } if !results.contains(&buffer) => {
                return Err(fail(format!("a function does not write `{buffer:?}`")));
            }
            _ => {}
        }
        if node.takes_block {
            let mut reader = BlockReader::default();
            while let Some((index, line)) =
                lines.next_if(|(_, line)| line.starts_with(char::is_whitespace))
            {
                reader
                    .line(line)
                    .map_err(|message| GraphTextError::Syntax { line: index + 1, message })?;
            }
            node.op = finish_block(node.op, reader).map_err(fail)?;
        }
        let tensor = add(&mut graph, node).map_err(fail)?;
        nodes.push(tensor);
    }
    Ok(graph)
}

/// Whether two graphs do the same with the same operands in the same order.
#[cfg(test)]
pub(crate) fn same(a: &Graph, b: &Graph) -> bool {
    use super::{operands, order};
    let list = |graph: &Graph| {
        let order = order(graph);
        let position = |t: &Tensor| order.iter().position(|n| *n == t.node);
        order
            .iter()
            .map(|n| {
                let sources: Vec<_> = operands(graph, *n).iter().map(position).collect();
                (super::node(graph, *n).clone(), sources)
            })
            .collect::<Vec<_>>()
    };
    list(a) == list(b)
}

struct NodeText {
    op: Op,
    takes_block: bool,
    operands: Vec<Tensor>,
    dims: Dims,
}

fn head(line: &str, nodes: &[Tensor]) -> Parsed<NodeText> {
    let (front, shape) =
        line.rsplit_once(" : ").ok_or("the shape, ` : [3]`, is missing at the end")?;
    let dims = dims(shape.trim())?;
    let split = front.find(" = ").ok_or("`=` is missing")? + 3;
    if front[..split].trim_end() != format!("%{} =", nodes.len()) {
        return Err(format!("node {} is written `%{} = ...`", nodes.len(), nodes.len()));
    }
    let operands_at = front[split..].find('%').map_or(front.len(), |at| split + at);
    let (words, operands) = (&front[split..operands_at], &front[operands_at..]);
    let operands: Vec<Tensor> = operands
        .split_whitespace()
        .map(|word| {
            let number = word.strip_prefix('%').and_then(|digits| digits.parse::<usize>().ok());
            number
                .and_then(|n| nodes.get(n).copied())
                .ok_or_else(|| format!("`{}` is not a node above this line", short(word)))
        })
        .collect::<Parsed<_>>()?;
    if operands.len() > OPERANDS {
        return Err(format!("{} operands; the limit is {OPERANDS}", operands.len()));
    }
    let mut words = Words::of(words);
    let name = words.next("the op")?;
    let op = op(name, &mut words, dims)?;
    words.end()?;
    let takes_block = matches!(op, Op::Block(_) | Op::Each { .. });
    Ok(NodeText { op, takes_block, operands, dims })
}

/// `[3]` or `[2, 4]`.
fn dims(text: &str) -> Parsed<Dims> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let sizes = inner.map(|inner| inner.split(',').map(|n| n.trim().parse::<u32>()).collect());
    let Some(Ok::<Vec<u32>, _>(sizes)) = sizes else {
        return Err(format!("`{}` is not a shape; one is written `[3]` or `[2, 4]`", short(text)));
    };
    match Dims::from_sizes(&sizes) {
        Some(dims) if !sizes.contains(&0) && dims.len() <= limits::TENSOR => Ok(dims),
        Some(_) => Err(format!("{text} is empty or has more than {} elements", limits::TENSOR)),
        None => Err(format!("{} is neither a vector nor a matrix", short(text))),
    }
}

fn buffer(words: &mut Words<'_>, allowed: &[Buffer]) -> Parsed<Buffer> {
    let word = words.next("a buffer")?;
    let found = allowed.iter().find(|buffer| format!("{buffer:?}") == word);
    found.copied().ok_or_else(|| format!("`{}` is no buffer for this op", short(word)))
}

fn size<T: std::str::FromStr>(words: &mut Words<'_>, what: &str) -> Parsed<T> {
    whole(words.next(what)?)
}

/// A length, `x8`.
fn length(words: &mut Words<'_>) -> Parsed<u32> {
    let word = words.next("a length")?;
    let digits = word.strip_prefix('x');
    whole(digits.ok_or_else(|| format!("`{}` is no length; one is written `x8`", short(word)))?)
}

fn op(name: &str, words: &mut Words<'_>, dims: Dims) -> Parsed<Op> {
    let no_block = || Arc::new(Block { inputs: vec![], code: vec![], outputs: vec![] });
    Ok(match name {
        "input" => {
            let buffer = buffer(words, &INPUTS)?;
            Op::Input { buffer, offset: size(words, "the first element")?, dims }
        }
        "constant" => Op::Constant(dims, Numbers::from(numbers(words)?)),
        "block" => Op::Block(no_block()),
        "each" => Op::Each { block: no_block(), count: length(words)? },
        "gather" => Op::Gather(indices(words)?.into()),
        "scatter_add" => {
            let len = length(words)?;
            Op::ScatterAdd { indices: indices(words)?.into(), len }
        }
        "layer" => Op::Layer(words.optional().map(unary).transpose()?),
        "map" => Op::Map(unary(words.next("a function")?)?),
        "zip" => Op::Zip(binary(words.next("a function")?)?),
        "matvec" => Op::MatVec,
        "mattvec" => Op::MatTVec,
        "outer" => Op::Outer,
        "sum" => Op::Sum,
        "dot" => Op::Dot,
        "max_of" => Op::MaxOf,
        "min_of" => Op::MinOf,
        "broadcast" => Op::Broadcast(dims),
        "concat" => Op::Concat,
        "slice" => Op::Slice { start: size(words, "the start")?, len: size(words, "the length")? },
        "pad" => Op::Pad {
            before: size(words, "the zeros before")?,
            after: size(words, "the zeros after")?,
        },
        "reshape" => Op::Reshape(dims),
        "custom" => {
            let (op, reverse) = custom(words)?;
            Op::Custom { op, reverse }
        }
        "output" => {
            let buffer = buffer(words, &RESULTS)?;
            let offset = size(words, "the first element")?;
            let add = match words.optional() {
                None => false,
                Some("add") => true,
                Some(other) => return Err(format!("`{}` is not `add`", short(other))),
            };
            Op::Output { buffer, offset, add }
        }
        other => return Err(format!("there is no op `{}`", short(other))),
    })
}

fn add(graph: &mut Graph, node: NodeText) -> Parsed<Tensor> {
    let NodeText { op, operands, dims, .. } = node;
    for operand in &operands {
        if matches!(super::node(graph, operand.node).op, Op::Output { .. }) {
            return Err("an output is used as an operand".into());
        }
    }
    let shapes: Vec<Dims> = operands.iter().map(|t| t.dims).collect();
    let found = table::row(&op).shape(&op, &shapes).map_err(|refused| refused.to_string())?;
    if found != dims {
        return Err(format!("`{}` gives {found}, not {dims}", table::row(&op).name));
    }
    Ok(push(graph, op, &operands))
}

/// The lines of a block: inputs, instructions, results.
#[derive(Default)]
struct BlockReader {
    inputs: Option<Vec<u32>>,
    code: Vec<Scalar>,
    outputs: Option<Vec<SsaValue>>,
}

impl BlockReader {
    fn line(&mut self, line: &str) -> Parsed<()> {
        let mut words = Words::of(line);
        let first = words.next("an instruction")?;
        let Some(inputs) = &self.inputs else {
            if first != "inputs" {
                return Err("a block begins with the lengths of its `inputs`".into());
            }
            let mut list = Vec::new();
            while let Some(word) = words.optional() {
                list.push(whole(word)?);
            }
            self.inputs = Some(list);
            return Ok(());
        };
        if self.outputs.is_some() {
            return Err("the block has returned".into());
        }
        let known = self.code.len();
        let earlier = |v: SsaValue| -> Parsed<SsaValue> {
            if (v as usize) < known { Ok(v) } else { Err(format!("v{v} is not defined above")) }
        };
        if first == "return" {
            let mut list = Vec::new();
            while let Some(word) = words.optional() {
                list.push(earlier(value(word)?)?);
            }
            self.outputs = Some(list);
            return Ok(());
        }
        if value(first)? as usize != known {
            return Err(format!("`{}` is instruction {known} of the block", short(first)));
        }
        words.expect("=")?;
        let instruction = match defined(&mut words)? {
            Defined::Number(x) => Scalar::Constant(x.to_bits()),
            Defined::Unary(op, a) => Scalar::Unary(op, earlier(a)?),
            Defined::Binary(op, a, b) => Scalar::Binary(op, earlier(a)?, earlier(b)?),
            Defined::Select(c, a, b) => Scalar::Select(earlier(c)?, earlier(a)?, earlier(b)?),
            Defined::Other("input") => {
                let word = words.next("an element")?;
                let parts = word.strip_suffix(']').and_then(|w| w.split_once('['));
                let (slot, index) = parts.ok_or("an input is written `input 0[3]`")?;
                let (slot, index): (u32, u32) = (whole(slot)?, whole(index)?);
                match inputs.get(slot as usize) {
                    Some(len) if index < *len => Scalar::Input { slot, index },
                    _ => return Err(format!("the block has no input {}", short(word))),
                }
            }
            Defined::Other(word) => {
                return Err(format!("there is no operation `{}`", short(word)));
            }
        };
        words.end()?;
        self.code.push(instruction);
        Ok(())
    }
}

fn finish_block(op: Op, reader: BlockReader) -> Parsed<Op> {
    let (Some(inputs), Some(outputs)) = (reader.inputs, reader.outputs) else {
        return Err("the block of this op is missing or does not `return`".into());
    };
    // Through a builder, so that equal instructions are one and unused ones go, as blocks promise.
    let block = Arc::new(Block { inputs, code: reader.code, outputs }.rebuilt());
    Ok(match op {
        Op::Each { count, .. } => Op::Each { block, count },
        _ => Op::Block(block),
    })
}
