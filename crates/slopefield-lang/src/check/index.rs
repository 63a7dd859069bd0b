//! Differential-algebraic equations of higher index: their reduction becomes the model.

use super::Checker;
use super::equation::nothing;
use crate::Span;
use crate::evaluate::{Values, evaluate_initial};
use crate::index::{Index, IndexError, Reduction, reduce};
use crate::model::{Expr, ExprKind, Invariant, Mass, Model, State, StateId};
use crate::print::print_expression;
use crate::reads::reads;

/// How far invariants may be from 0 at the start, by the size of their terms.
const CONSISTENT: f64 = 1e-6;

impl Checker<'_> {
    pub(super) fn reduce_index(&mut self) {
        match reduce(&self.model) {
            Ok(Index::One) => {}
            Ok(Index::Unknown) => self.index_note = Some("index not known".to_owned()),
            Ok(Index::Reduced(reduction)) => {
                self.index_note = Some(self.note(&reduction));
                apply(&mut self.model, reduction);
                self.consistent_start();
            }
            Err(IndexError::Singular(span)) => {
                let message =
                    "this equation, with its derivatives, determines no algebraic variable";
                let hint = "check that every algebraic variable stands in an equation that can \
                            give its value, and that no two equations say the same";
                self.error_hint("singular-system", span, message, hint);
            }
            Err(IndexError::NotDifferentiable(span, why)) => {
                let message = format!(
                    "the system has an index above 1, and this equation has to be differentiated: {why}"
                );
                let hint = "write the equation that determines the algebraic variable";
                self.error_hint("not-differentiable", span, message, hint);
            }
            Err(IndexError::Beyond(span, what)) => {
                let message = format!(
                    "the system has an index above 1, and this equation has to be differentiated, \
                     which is not possible with {what}"
                );
                let hint = "write the equation that determines the algebraic variable";
                self.error_hint("not-differentiable", span, message, hint);
            }
        }
    }

    /// "index 3, reduced to index 1 by differentiating … twice".
    fn note(&self, reduction: &Reduction) -> String {
        let most = reduction.differentiated.iter().map(|(_, n)| *n).max().unwrap_or(0);
        let chosen: Vec<_> = reduction.differentiated.iter().filter(|(_, n)| *n == most).collect();
        let mut shown: Vec<String> =
            chosen.iter().take(2).map(|(span, _)| self.equation_text(*span)).collect();
        if reduction.differentiated.len() > shown.len() {
            shown.push("others".to_owned());
        }
        let times = match most {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            n => format!("{n} times"),
        };
        let list = shown.join(" and ");
        format!("index {}, reduced to index 1 by differentiating {list} {times}", reduction.index)
    }

    /// The equation that stands at a place.
    fn equation_text(&self, span: Span) -> String {
        let item = self.declared.general.iter().find(|item| item.span == span);
        let Some(item) = item else { return "an equation".to_owned() };
        let text = format!("{} = {}", print_expression(item.left), print_expression(item.right));
        if text.chars().count() <= 60 {
            return format!("`{text}`");
        }
        let short: String = text.chars().take(57).collect();
        format!("`{short}…`")
    }

    /// The solution must start where all invariants are 0.
    fn consistent_start(&mut self) {
        let model = &self.model;
        let params: Vec<f64> = model.params.iter().map(|p| p.value).collect();
        let start = evaluate_initial(model, &params);
        let mut values = Values::new(model, model.time.start, &start, &params);
        for i in 0..model.lets.len() {
            values.named(i);
        }
        let mut wrong = Vec::new();
        for invariant in &model.invariants {
            let read = reads(model, &invariant.value).states;
            if read.iter().any(|s| model.states.get(*s as usize).is_none_or(|s| s.algebraic)) {
                continue; // it belongs to the initial values of algebraic variables
            }
            let off = values.value(&invariant.value);
            let size = scale(&invariant.value, &mut values, 0);
            if off.abs() > CONSISTENT * size {
                wrong.push((invariant.span, invariant.order, off));
            }
        }
        for (span, order, off) in wrong {
            let of = match order {
                0 => "this equation".to_owned(),
                1 => "the derivative of this equation".to_owned(),
                n => format!("derivative {n} of this equation"),
            };
            let message =
                format!("the initial values do not satisfy {of}: its sides differ by {off:.6}");
            let hint = "initial values of states must satisfy the equations that tie them";
            self.error_hint("inconsistent-start", span, message, hint);
        }
    }
}

/// The size of the terms of a sum, to compare it with.
fn scale(expr: &Expr, values: &mut Values<'_>, depth: u32) -> f64 {
    use crate::{Binary, Unary};
    match &expr.kind {
        ExprKind::Binary(Binary::Add | Binary::Sub, a, b) if depth < 500 => {
            scale(a, values, depth + 1) + scale(b, values, depth + 1)
        }
        ExprKind::Unary(Unary::Neg, a) if depth < 500 => scale(a, values, depth + 1),
        _ => values.value(expr).abs().max(1e-3),
    }
}

/// Makes the reduced system the model.
fn apply(model: &mut Model, reduction: Reduction) {
    for (name, span) in reduction.added {
        model.hidden.push(StateId(super::name::id(model.states.len())));
        model.states.push(State {
            name,
            unit: None,
            initial: Expr { kind: ExprKind::Number(0.0), span },
            bounds: None,
            positive: false,
            derivative: nothing(span),
            besides_reactions: None,
            algebraic: true,
            noise: Vec::new(),
            history: None,
            span,
            equation_span: span,
        });
    }
    for (state, slope) in reduction.slopes {
        model.states[state as usize].derivative = slope;
    }
    for (state, value, span) in reduction.equations {
        model.states[state as usize].derivative = value;
        model.states[state as usize].equation_span = span;
    }
    let invariants = reduction.invariants.into_iter();
    model.invariants =
        invariants.map(|(value, span, order)| Invariant { value, span, order }).collect();
    let entries = (0u32..)
        .zip(&model.states)
        .filter(|(_, s)| !s.algebraic)
        .map(|(i, s)| (i, i, Expr { kind: ExprKind::Number(1.0), span: s.equation_span }));
    model.mass = Some(Mass { entries: entries.collect() });
}
