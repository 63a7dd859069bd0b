//! Reads the text form of a plan ([`super::text`]). What comes back has passed [`Plan::verify`].

use std::str::FromStr;

use slopefield_kernel::Shape;

use super::text::BUFFERS;
use super::{
    BinaryOp, Body, BodyInstruction, Entry, Instruction, LaneInput, LaneOutput, Plan, PlanError,
    Ref, UnaryOp, Value, limits,
};
use crate::custom::CustomOp;
use crate::function;

/// Why a text is not a plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanTextError {
    /// A line that is not in the form of a plan.
    #[error("line {line}: {message}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What is wrong, with the words in question.
        message: String,
    },
    /// A plan that breaks a rule.
    #[error(transparent)]
    Rule(#[from] PlanError),
}

type Parsed<T> = Result<T, String>;

/// The words of a line, taken from the left.
pub(crate) struct Words<'a> {
    rest: std::str::SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a str) -> Self {
        Words { rest: line.split_whitespace() }
    }

    pub(crate) fn next(&mut self, what: &str) -> Parsed<&'a str> {
        self.rest.next().ok_or_else(|| format!("{what} is missing"))
    }

    pub(crate) fn optional(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    pub(crate) fn expect(&mut self, word: &str) -> Parsed<()> {
        match self.next(&format!("`{word}`"))? {
            found if found == word => Ok(()),
            found => Err(format!("`{word}` was expected, not `{}`", short(found))),
        }
    }

    pub(crate) fn end(mut self) -> Parsed<()> {
        match self.rest.next() {
            None => Ok(()),
            Some(word) => Err(format!("`{}` is more than belongs on this line", short(word))),
        }
    }
}

/// A word for an error message.
pub(crate) fn short(word: &str) -> String {
    const MOST: usize = 40;
    if word.chars().count() <= MOST {
        word.into()
    } else {
        word.chars().take(MOST).chain("...".chars()).collect()
    }
}

pub(crate) fn whole<T: FromStr>(word: &str) -> Parsed<T> {
    word.parse().map_err(|_| format!("`{}` is not a whole number in range", short(word)))
}

pub(crate) fn number(word: &str) -> Parsed<f64> {
    if let Some(bits) = word.strip_prefix("nan:") {
        let bits = u64::from_str_radix(bits, 16).map(f64::from_bits).ok();
        return bits.filter(|x| x.is_nan()).ok_or_else(|| format!("`{}` is no NaN", short(word)));
    }
    word.parse().map_err(|_| format!("`{}` is not a number", short(word)))
}

/// Numbers with repetitions, `1.0 0.0*3`.
pub(crate) fn numbers(words: &mut Words<'_>) -> Parsed<Vec<f64>> {
    let mut list = Vec::new();
    while let Some(word) = words.optional() {
        let (value, count) = match word.split_once('*') {
            None => (number(word)?, 1),
            Some((value, count)) => (number(value)?, whole::<usize>(count)?),
        };
        let len = count.saturating_add(list.len());
        if len > limits::TEXT_LIST {
            return Err(format!("{len} numbers; the limit is {}", limits::TEXT_LIST));
        }
        list.resize(len, value);
    }
    Ok(list)
}

/// Indices with rising runs, `0 4..9`.
pub(crate) fn indices(words: &mut Words<'_>) -> Parsed<Vec<u32>> {
    let mut list = Vec::new();
    while let Some(word) = words.optional() {
        match word.split_once("..") {
            None => list.push(whole(word)?),
            Some((first, end)) => {
                let (first, end) = (whole::<u32>(first)?, whole::<u32>(end)?);
                let len = list.len().saturating_add(end.saturating_sub(first) as usize);
                if len > limits::TEXT_LIST {
                    return Err(format!("{len} indices; the limit is {}", limits::TEXT_LIST));
                }
                list.extend(first..end);
            }
        }
    }
    Ok(list)
}

/// A value, `v7`.
pub(crate) fn value(word: &str) -> Parsed<Value> {
    match word.strip_prefix('v') {
        Some(digits) => whole(digits),
        None => Err(format!("`{}` is not a value; one is written `v7`", short(word))),
    }
}

fn place(word: &str) -> Parsed<Ref> {
    let parts = word.strip_suffix(']').and_then(|w| w.split_once('['));
    let Some((name, offset)) = parts else {
        return Err(format!("`{}` is not a place; one is written `u[3]`", short(word)));
    };
    match BUFFERS.iter().find(|(known, _)| *known == name) {
        Some((_, buffer)) => Ok(Ref { buffer: *buffer, offset: whole(offset)? }),
        None => Err(format!("there is no buffer `{}`", short(name))),
    }
}

fn next_place(words: &mut Words<'_>) -> Parsed<Ref> {
    place(words.next("a place")?)
}

/// A number of elements, `x128`.
fn count(words: &mut Words<'_>) -> Parsed<u32> {
    let word = words.next("a number of elements")?;
    match word.strip_prefix('x') {
        Some(digits) => whole(digits),
        None => Err(format!("`{}` is not a number of elements; one is written `x8`", short(word))),
    }
}

/// Sizes of a matrix, `4x3`.
fn sizes(words: &mut Words<'_>) -> Parsed<(u32, u32)> {
    let word = words.next("the sizes of the matrix")?;
    match word.split_once('x') {
        Some((rows, cols)) => Ok((whole(rows)?, whole(cols)?)),
        None => Err(format!("`{}` is not a size; one is written `4x3`", short(word))),
    }
}

pub(crate) fn unary(word: &str) -> Parsed<UnaryOp> {
    UnaryOp::from_name(word).ok_or_else(|| unknown(word))
}

pub(crate) fn binary(word: &str) -> Parsed<BinaryOp> {
    function::binary_named(word).ok_or_else(|| unknown(word))
}

fn unknown(word: &str) -> String {
    format!("there is no operation `{}`", short(word))
}

/// An operator that somebody else computes, as `text::Custom` writes it. Its code has to be there.
pub(crate) fn custom(words: &mut Words<'_>) -> Parsed<(&'static CustomOp, bool)> {
    let name = words.next("the name of the operator")?;
    let reverse = match words.next("`forward` or `reverse`")? {
        "forward" => false,
        "reverse" => true,
        other => {
            return Err(format!("`forward` or `reverse` was expected, not `{}`", short(other)));
        }
    };
    let outputs = count(words)?;
    let lengths = words.next("the lengths of the operands")?;
    let lengths = lengths.split(',').map(whole).collect::<Parsed<Vec<u32>>>()?;
    Ok((crate::custom::bind(name, &lengths, outputs)?, reverse))
}

/// What defines a value: shared by plans, bodies and blocks.
pub(crate) enum Defined<'a> {
    Number(f64),
    Unary(UnaryOp, Value),
    Binary(BinaryOp, Value, Value),
    Select(Value, Value, Value),
    /// Something else that begins with this word.
    Other(&'a str),
}

/// The right-hand side of `v3 = ...`.
pub(crate) fn defined<'a>(words: &mut Words<'a>) -> Parsed<Defined<'a>> {
    let word = words.next("what the value is")?;
    let mut operand = || value(words.next("an operand")?);
    if word == "select" {
        return Ok(Defined::Select(operand()?, operand()?, operand()?));
    }
    if let Some(op) = function::binary_named(word) {
        return Ok(Defined::Binary(op, operand()?, operand()?));
    }
    if let Some(op) = UnaryOp::from_name(word) {
        return Ok(Defined::Unary(op, operand()?));
    }
    match number(word) {
        Ok(value) => Ok(Defined::Number(value)),
        Err(_) => Ok(Defined::Other(word)),
    }
}

impl FromStr for Plan {
    type Err = PlanTextError;

    fn from_str(text: &str) -> Result<Plan, PlanTextError> {
        let mut reader: Option<Reader> = None;
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let result = match &mut reader {
                None => header(line).map(|plan| reader = Some(Reader { plan, body: false })),
                Some(reader) => reader.line(line),
            };
            result.map_err(|message| PlanTextError::Syntax { line: index + 1, message })?;
        }
        let Some(Reader { plan, .. }) = reader else {
            let message = "the text is empty".into();
            return Err(PlanTextError::Syntax { line: 1, message });
        };
        plan.verify()?;
        Ok(plan)
    }
}

fn header(line: &str) -> Parsed<Plan> {
    let mut words = Words::of(line);
    words.expect("plan")?;
    let entry = match words.next("the entry")? {
        "Eval:" => Entry::Eval,
        "Jvp:" => Entry::Jvp,
        "Vjp:" => Entry::Vjp,
        "Factored:" => Entry::Factored,
        "Hvp:" => Entry::Hvp,
        other => return Err(format!("there is no entry `{}`", short(other))),
    };
    let mut size = |name: &str| -> Parsed<usize> {
        let size = whole(words.next("a size")?)?;
        words.expect(name)?;
        Ok(size)
    };
    let (states, params) = (size("states,")?, size("params,")?);
    let outputs = size("outputs,")?;
    let scratch = size("scratch")?;
    words.end()?;
    let shape = Shape { states, params, outputs };
    let scratch_len =
        u32::try_from(scratch).map_err(|_| format!("{scratch} elements of scratch"))?;
    Ok(Plan { scratch_len, ..Plan::new(entry, shape) })
}

struct Reader {
    plan: Plan,
    /// Inside the last body.
    body: bool,
}

impl Reader {
    fn line(&mut self, line: &str) -> Parsed<()> {
        let mut words = Words::of(line);
        if !line.starts_with(char::is_whitespace) {
            return self.section(words);
        }
        if self.body {
            if let Some(body) = self.plan.bodies.last_mut() {
                body_line(body, words)?;
            }
            return Ok(());
        }
        let instruction = instruction(&mut words, self.plan.code.len())?;
        words.end()?;
        self.plan.code.push(instruction);
        Ok(())
    }

    /// `numbers: ...`, `table 0: ...`, `body 0:`.
    fn section(&mut self, mut words: Words<'_>) -> Parsed<()> {
        let (plan, word) = (&mut self.plan, words.next("a section")?);
        match word {
            "numbers:" if plan.constants.is_empty() => {
                plan.constants = numbers(&mut words)?;
                return Ok(());
            }
            "factors:" => plan.factors = whole(words.next("a size")?)?,
            "table" => {
                in_order(&mut words, plan.tables.len())?;
                plan.tables.push(indices(&mut words)?);
                return Ok(());
            }
            "body" => {
                in_order(&mut words, plan.bodies.len())?;
                plan.bodies.push(Body::default());
                self.body = true;
            }
            other => return Err(format!("`{}` is no section of a plan", short(other))),
        }
        words.end()
    }
}

/// The number of a table or body, which counts up.
fn in_order(words: &mut Words<'_>, expected: usize) -> Parsed<()> {
    words.expect(&format!("{expected}:"))
}

fn own_name(word: &str, index: usize) -> Parsed<()> {
    if value(word)? as usize == index {
        Ok(())
    } else {
        Err(format!("`{}` is instruction {index}, so its value is `v{index}`", short(word)))
    }
}

fn body_line(body: &mut Body, mut words: Words<'_>) -> Parsed<()> {
    let first = words.next("an instruction")?;
    if first == "input" {
        words.expect(&body.inputs.len().to_string())?;
        words.expect("=")?;
        let kind = words.next("the kind of input")?;
        let at = next_place(&mut words)?;
        body.inputs.push(match kind {
            "uniform" => LaneInput::Uniform(at),
            "lanes" => LaneInput::Lanes(at),
            "gathered" => {
                words.expect("table")?;
                LaneInput::Gathered(at, whole(words.next("a table")?)?)
            }
            other => return Err(format!("there is no input `{}`", short(other))),
        });
        return words.end();
    }
    if !first.contains('[') {
        own_name(first, body.code.len())?;
        words.expect("=")?;
        body.code.push(match defined(&mut words)? {
            Defined::Number(value) => BodyInstruction::Constant(value),
            Defined::Unary(op, a) => BodyInstruction::Unary(op, a),
            Defined::Binary(op, a, b) => BodyInstruction::Binary(op, a, b),
            Defined::Select(c, a, b) => BodyInstruction::Select(c, a, b),
            Defined::Other("input") => BodyInstruction::Input(whole(words.next("an input")?)?),
            Defined::Other(word) => return Err(unknown(word)),
        });
        return words.end();
    }
    let at = place(first)?;
    body.outputs.push(match words.next("`=` or `+=`")? {
        "=" => LaneOutput::Store(at, value(words.next("a value")?)?),
        "table" => {
            let table = whole(words.next("a table")?)?;
            words.expect("+=")?;
            LaneOutput::ScatterAdd(at, table, value(words.next("a value")?)?)
        }
        "+=" => match words.next("a value")? {
            "sum" => LaneOutput::SumTo(at, value(words.next("a value")?)?),
            word => LaneOutput::AddTo(at, value(word)?),
        },
        other => return Err(format!("`{}` is no way to write a result", short(other))),
    });
    words.end()
}

fn instruction(words: &mut Words<'_>, index: usize) -> Parsed<Instruction> {
    let first = words.next("an instruction")?;
    if first == "each" {
        words.expect("body")?;
        let body = whole(words.next("a body")?)?;
        return Ok(Instruction::Each { body, count: count(words)? });
    }
    if first.contains('[') {
        return writing(place(first)?, words);
    }
    own_name(first, index)?;
    words.expect("=")?;
    Ok(match defined(words)? {
        Defined::Number(value) => Instruction::Constant(value),
        Defined::Unary(op, a) => Instruction::Unary(op, a),
        Defined::Binary(op, a, b) => Instruction::Binary(op, a, b),
        Defined::Select(c, a, b) => Instruction::Select(c, a, b),
        Defined::Other("load") => Instruction::Load(next_place(words)?),
        Defined::Other(word) => return Err(unknown(word)),
    })
}

/// An instruction that begins with the place it writes to.
fn writing(dst: Ref, words: &mut Words<'_>) -> Parsed<Instruction> {
    let word = words.next("`=` or `+=`")?;
    let (len, sign) = match word.strip_prefix('x') {
        Some(len) => (Some(whole::<u32>(len)?), words.next("`=` or `+=`")?),
        None => (None, word),
    };
    let add = match sign {
        "=" => false,
        "+=" => true,
        other => return Err(format!("`=` or `+=` was expected, not `{}`", short(other))),
    };
    let word = words.next("what is written")?;
    if let Some(len) = len {
        return Ok(match word {
            "map" if !add => {
                let op = unary(words.next("a function")?)?;
                Instruction::Map { op, dst, src: next_place(words)?, len }
            }
            "zip" if !add => {
                let op = binary(words.next("a function")?)?;
                let (a, b) = (next_place(words)?, next_place(words)?);
                Instruction::Zip { op, dst, a, b, len }
            }
            _ if word.contains('[') => {
                let src = place(word)?;
                if add {
                    Instruction::Add { dst, src, len }
                } else {
                    Instruction::Copy { dst, src, len }
                }
            }
            _ if add => return Err(unknown(word)),
            _ => Instruction::Fill { dst, len, value: number(word)? },
        });
    }
    Ok(match word {
        "matvec" | "mattvec" => {
            let a = next_place(words)?;
            let (rows, cols) = sizes(words)?;
            let (y, x) = (dst, next_place(words)?);
            if word == "matvec" {
                Instruction::MatVec { y, a, x, rows, cols, add }
            } else {
                Instruction::MatTVec { y, a, x, rows, cols, add }
            }
        }
        "outer" if add => {
            let (rows, cols) = sizes(words)?;
            let (x, y) = (next_place(words)?, next_place(words)?);
            Instruction::Outer { a: dst, x, y, rows, cols }
        }
        "layer" if !add => {
            let a = next_place(words)?;
            let (rows, cols) = sizes(words)?;
            let x = next_place(words)?;
            let mut word = words.optional();
            let mut bias = None;
            if word == Some("bias") {
                bias = Some(next_place(words)?);
                word = words.optional();
            }
            let activation = word.map(unary).transpose()?;
            Instruction::Layer { y: dst, a, x, bias, activation, rows, cols }
        }
        "sum" if !add => {
            let src = next_place(words)?;
            Instruction::Sum { dst, src, len: count(words)? }
        }
        "custom" if !add => {
            let (op, reverse) = custom(words)?;
            Instruction::Custom { op, reverse, dst, src: next_place(words)? }
        }
        "dot" if !add => {
            let (a, b) = (next_place(words)?, next_place(words)?);
            Instruction::Dot { dst, a, b, len: count(words)? }
        }
        _ => {
            let v = value(word)?;
            if add { Instruction::AddTo(dst, v) } else { Instruction::Store(dst, v) }
        }
    })
}
