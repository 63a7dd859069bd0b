//! Wiener processes: their names, their correlations, and the white noise `W'` in equations.

use super::Checker;
use super::build::Built;
use super::declare::primed;
use super::expression::{Context, Scope};
use super::scope::{Kind, Placed, elements};
use super::symbols::NOISES;
use crate::model::{Source, Wiener, element_name};
use crate::syntax::Expression;
use crate::{Binary, Diagnostic, Span, Unary};

impl<'a> Checker<'a> {
    /// Gives each declared noise its place, and writes it as a sum of independent ones.
    pub(super) fn noises(&mut self) {
        let mut next = 0;
        for index in 0..self.declared.noises.len() {
            let target = self.declared.noises[index].target;
            let placed = self.placed(target, &mut next);
            self.resolution.noises.push(placed);
        }
        for index in 0..self.declared.noises.len() {
            let item = self.declared.noises[index];
            let first = self.declared.noises[0];
            if item.stratonovich != first.stratonovich {
                let of = |stratonovich| if stratonovich { "Stratonovich" } else { "Itô" };
                let message = format!(
                    "`{}` is of {}, but `{}` is of {}",
                    item.target.name.text,
                    of(item.stratonovich),
                    first.target.name.text,
                    of(first.stratonovich)
                );
                let diagnostic = Diagnostic::error("mixed-noise", item.span, message)
                    .hint("all noises of a model are Itô's, or all are declared `stratonovich`")
                    .related(first.span, "the first noise");
                self.report(diagnostic);
            }
            let Placed { first, shape } = self.resolution.noises[index].clone();
            let Some(shape) = shape else { continue };
            for element in 0..elements(&shape) {
                let name = match shape.is_empty() {
                    true => item.target.name.text.clone(),
                    false => element_name(&item.target.name.text, &shape, element),
                };
                let (stratonovich, span) = (item.stratonovich, item.span);
                self.model.noises.push(Wiener { name, stratonovich, span });
                let one = self.number(1.0, span);
                self.resolution.sources.push(vec![(first + element as u32, one)]);
            }
        }
        self.correlations();
    }

    /// `noise W correlated(V, rho)`: `W = ρV + √(1 − ρ²)·fresh`, where V may be correlated too.
    fn correlations(&mut self) {
        let count = self.declared.noises.len();
        let mut done: Vec<bool> =
            self.declared.noises.iter().map(|n| n.correlated.is_none()).collect();
        // Each round resolves those whose partner is; a circle is never resolved.
        loop {
            let ready = (0..count).find(|i| {
                !done[*i] && self.partner(*i).is_none_or(|other| other != *i && done[other])
            });
            let Some(index) = ready else { break };
            done[index] = true;
            self.correlation(index);
        }
        if let Some(index) = done.iter().position(|done| !done) {
            let item = self.declared.noises[index];
            let message =
                format!("the noise `{}` is correlated with itself", item.target.name.text);
            self.error_hint("cycle", item.span, message, "one of them must stand alone");
        }
    }

    /// The noise that a noise is correlated with, when there is one.
    fn partner(&self, index: usize) -> Option<usize> {
        let (other, _) = self.declared.noises[index].correlated?;
        match self.names.table.get(other.text.as_str()).map(|s| s.kind) {
            Some(Kind::Noise(other)) => Some(other),
            _ => None,
        }
    }

    fn correlation(&mut self, index: usize) -> Option<()> {
        let item = self.declared.noises[index];
        let (other, rho) = item.correlated?;
        let span = rho.span;
        let context = Context::Before { what: "a correlation", time: false };
        let rho = self.scalar(rho, &Scope::new(context));
        let Some(partner) = self.partner(index) else {
            if !other.text.is_empty() {
                let message = format!("there is no noise `{}`", other.text);
                let hint = format!("declare it as `noise {}`", other.text);
                self.error_hint("unknown-name", other.span, message, hint);
            }
            return None;
        };
        if let Some(symbol) = self.names.table.get_mut(other.text.as_str()) {
            symbol.used = true;
        }
        let rho = rho?;
        let (own, with) =
            (self.resolution.noises[index].clone(), self.resolution.noises[partner].clone());
        if own.is_array() || with.is_array() {
            let message = "arrays of noises cannot be correlated this way";
            let hint = "write the sum of independent noises in the equations";
            self.error_hint("wrong-correlation", item.span, message, hint);
            return None;
        }
        let start = self.start_value(&rho.expr);
        if start.abs() > 1.0 {
            let message = format!("a correlation lies from -1 to 1, not at {start}");
            self.error("wrong-correlation", span, message);
            return None;
        }
        let mut sum: Vec<(u32, Built)> = Vec::new();
        for (source, share) in self.resolution.sources[with.first as usize].clone() {
            let share = self.times(&rho, share, span)?;
            sum.push((source, share));
        }
        let (one, again) = (self.number(1.0, span), self.copy(&rho, span)?);
        let square = self.binary(Binary::Mul, rho, again, span)?;
        let left = self.binary(Binary::Sub, one, square, span)?;
        sum.push((own.first, self.unary(Unary::Sqrt, left, span)?));
        self.resolution.sources[own.first as usize] = sum;
        Some(())
    }

    /// `W'` in an expression.
    pub(super) fn white_noise(
        &mut self,
        index: usize,
        (name, order): (&str, u32),
        indices: Option<&'a [Expression]>,
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        if order > 1 {
            let message = format!("white noise `{name}'` has no derivative");
            self.error("misplaced-noise", span, message);
            return None;
        }
        let what = match scope.context {
            Context::Equation | Context::Implicit if scope.delayed => Some("a delay".to_owned()),
            Context::Equation | Context::Implicit => None,
            Context::Dynamic if scope.delayed => Some("a delay".to_owned()),
            Context::Dynamic => Some("this place".to_owned()),
            Context::Constant(what) | Context::Before { what, .. } => Some(what.to_owned()),
        };
        if let Some(what) = what {
            let message = format!("the white noise `{}` cannot stand in {what}", primed(name, 1));
            let hint = "white noise stands only in the equations of states, as in `x' = f + g*W'`";
            self.error_hint("misplaced-noise", span, message, hint);
            return None;
        }
        let Placed { first, shape } = self.resolution.noises.get(index)?.clone();
        let placed = Placed { first: first + NOISES, shape };
        let value = self.placed_value(Source::States, &placed, span)?;
        self.derivative_element(name, value, indices, span, scope)
    }

    /// Value of an expression of params at their start; NaN where it needs more.
    pub(super) fn start_value(&self, expr: &crate::Expr) -> f64 {
        let params: Vec<f64> = self.model.params.iter().map(|p| p.value).collect();
        let env = crate::Env { params: &params, time: f64::NAN, ..crate::Env::default() };
        crate::evaluate(expr, &env)
    }
}
