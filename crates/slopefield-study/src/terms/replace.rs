//! A formula in the place of a network, in the text of a model.

use super::LearnedTerm;
use super::uses::{Place, Use, bare, plain, uses};
use slopefield_discovery::{Constant, ConstantKind, Formula};
use slopefield_lang::syntax::{Document, StatementKind};
use slopefield_lang::{Model, Severity, Span, expression_text};

/// Bounds of a coefficient, over its size: coefficients of terms that resemble each other are far from
/// certain.
const WIDE: f64 = 100.0;
/// Factors between a half-saturation, a frequency or exponent, and its bounds.
const HALF: f64 = 100.0;
const FREQUENCY: f64 = 4.0;

/// A formula for an output of a learned term.
#[derive(Debug, Clone, Copy)]
pub struct Replacement<'a> {
    /// The term.
    pub term: &'a LearnedTerm,
    /// Which output, from 0.
    pub output: usize,
    /// The formula, of the inputs of the term.
    pub formula: &'a Formula,
}

/// Why a network cannot be replaced, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotReplaced(pub String);

/// The text of a model with formulas in the place of outputs of networks. Their constants become
/// parameters that start where they are, with bounds; a network of which nothing is left is taken out.
///
/// # Errors
/// Outputs that are taken as a whole, networks inside themselves, a text that would not be a model.
pub fn replace(
    text: &str,
    model: &Model,
    replacements: &[Replacement<'_>],
) -> Result<String, NotReplaced> {
    let document = slopefield_lang::parse(text).document;
    let mut edits: Vec<(Span, String)> = Vec::new();
    let mut numbered = Numbered { text, next: 1, prefix: "" };
    for (network, declared) in model.networks.iter().enumerate() {
        let of_network: Vec<_> =
            replacements.iter().filter(|r| r.term.network == network).collect();
        let Some(first) = of_network.first() else { continue };
        let term = first.term;
        numbered = Numbered { prefix: &declared.name, next: 1, ..numbered };
        let mut params = String::new();
        let mut written: Vec<Option<(&Formula, Vec<String>)>> = vec![None; term.outputs.len()];
        for r in &of_network {
            let mut names = Vec::new();
            for constant in r.formula.constants() {
                let name = numbered.name();
                params += &declaration(&name, constant);
                names.push(name);
            }
            written[r.output] = Some((r.formula, names));
        }
        for place in uses(&document, model, declared) {
            edit(&place, term, &written, text, &mut edits)?;
        }
        let statement = declaration_of(&document, &declared.name).ok_or_else(|| {
            NotReplaced(format!("the declaration of `{}` is not found in the text", declared.name))
        })?;
        match written.iter().all(Option::is_some) {
            true => edits.push((statement, params.trim_end().to_owned())),
            false => edits.push((Span::new(statement.start, statement.start), params)),
        }
    }
    let text = apply(text, edits)?;
    let (_, found) = slopefield_lang::check(&text);
    match found.iter().find(|d| d.severity == Severity::Error) {
        None => Ok(text),
        Some(d) => Err(NotReplaced(format!(
            "the model cannot be written with this formula by itself: {}",
            d.message
        ))),
    }
}

/// Names of parameters that the text does not have yet.
struct Numbered<'a> {
    text: &'a str,
    prefix: &'a str,
    next: u32,
}

impl Numbered<'_> {
    fn name(&mut self) -> String {
        loop {
            let name = format!("{}_{}", self.prefix, self.next);
            self.next += 1;
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            if !self.text.split(|c| !is_part(c)).any(|word| word == name) {
                return name;
            }
        }
    }
}

/// The line that declares a constant as a parameter.
fn declaration(name: &str, constant: Constant) -> String {
    let value = written(constant.value);
    let (low, high, scale) = match constant.kind {
        ConstantKind::Coefficient => {
            let size = match WIDE * constant.value.abs() {
                size if size > 0.0 => size,
                _ => 1.0,
            };
            (-size, size, "")
        }
        ConstantKind::Half => (constant.value / HALF, constant.value * HALF, " log"),
        ConstantKind::Frequency => (constant.value / FREQUENCY, constant.value * FREQUENCY, " log"),
        // Its sign is part of the formula: a rate that decays must not come to grow.
        ConstantKind::Inner if constant.value < 0.0 => {
            (constant.value * FREQUENCY, constant.value / FREQUENCY, "")
        }
        ConstantKind::Inner => (constant.value / FREQUENCY, constant.value * FREQUENCY, ""),
    };
    let round = |x: f64| written(format!("{x:.1e}").parse().unwrap_or(x));
    format!("param {name} = {value} in [{}, {}]{scale}\n", round(low), round(high))
}

/// A number with six significant digits.
fn written(x: f64) -> String {
    let x: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    match x.abs() {
        0.0 => "0".into(),
        1e-4..1e7 => format!("{x}"),
        _ => format!("{x:e}"),
    }
}

/// What becomes of a place where a network is applied.
fn edit(
    place: &Use,
    term: &LearnedTerm,
    written: &[Option<(&Formula, Vec<String>)>],
    text: &str,
    edits: &mut Vec<(Span, String)>,
) -> Result<(), NotReplaced> {
    if place.arguments.len() != term.inputs.len() {
        return Err(NotReplaced(format!(
            "`{}` is applied to an array as a whole; a formula of its elements is not written by itself",
            term.name
        )));
    }
    let inputs: Vec<String> = place
        .arguments
        .iter()
        .zip(&term.inputs)
        .map(|(argument, input)| {
            // Quantities are told apart from factors only where all places have the same.
            let apart = input.factor == argument.factor;
            let span = if apart { argument.quantity } else { argument.whole };
            closed(plain(expression_text(text, span)))
        })
        .collect();
    let formula = |output: usize| {
        let (formula, names) = written[output].as_ref()?;
        let mut names = names.iter();
        Some(formula.text(&inputs, &mut |_| names.next().cloned().unwrap_or_default()))
    };
    match place.place {
        Place::Output(span, output) => {
            edits.extend(formula(output).map(|f| (span, format!("({f})"))));
        }
        Place::Named(name, value) => {
            let call = plain(expression_text(text, value));
            let one = |k: usize| formula(k).unwrap_or_else(|| format!("{call}[{}]", k + 1));
            let all: Vec<String> = (0..term.outputs.len()).map(one).collect();
            edits.push((name, format!("{}[{}]", expression_text(text, name), all.len())));
            edits.push((value, format!("[{}]", all.join(", "))));
        }
        Place::Whole(span) => {
            let there = plain(expression_text(text, span));
            return Err(NotReplaced(format!(
                "all outputs of `{there}` are taken as one; give them a name, `let z = {there}`, and \
                 use `z[1]` and so on"
            )));
        }
    }
    Ok(())
}

/// An expression as it may stand in a product: in brackets unless it is a name or an element.
#[must_use]
pub fn closed(text: String) -> String {
    let text = bare(&text).to_owned();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '\'' | '.');
    let stem = text.split('[').next().unwrap_or("");
    let element =
        text.len() == stem.len() || (text.ends_with(']') && text.matches('[').count() == 1);
    let call = text.split_once('(').is_some_and(|(name, rest)| {
        !name.is_empty()
            && name.chars().all(is_name)
            && bare(&format!("({rest}")) != format!("({rest}")
    });
    match stem.chars().all(is_name) && element || call {
        true => text,
        false => format!("({text})"),
    }
}

fn declaration_of(document: &Document, network: &str) -> Option<Span> {
    let declares = |kind: &StatementKind| match kind {
        StatementKind::Network { name, .. } => name.text == network,
        _ => false,
    };
    document.statements().find(|s| declares(&s.kind)).map(|s| s.span)
}

/// The text with all edits, which must not overlap.
fn apply(text: &str, mut edits: Vec<(Span, String)>) -> Result<String, NotReplaced> {
    edits.sort_by_key(|(span, _)| *span);
    let mut out = String::new();
    let mut at = 0;
    for (span, new) in edits {
        let (start, end) = (span.start as usize, span.end as usize);
        if start < at {
            let message = "a network is applied inside an argument of another one that is replaced; \
                           give the inner one a name with `let`";
            return Err(NotReplaced(message.into()));
        }
        out += text.get(at..start).unwrap_or("");
        out += &new;
        at = end;
    }
    out += text.get(at..).unwrap_or("");
    Ok(out)
}

#[cfg(test)]
mod tests;
