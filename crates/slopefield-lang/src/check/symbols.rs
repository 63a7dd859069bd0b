//! Symbols that stand in expressions only while they are resolved: the white noise of a Wiener
//! process, and a derivative that is unknown.
//!
//! They are states with numbers that no state has, so that tables of lanes may hold them. An
//! equation is taken apart into what is multiplied by each symbol and the rest before it enters the
//! model.

use super::Checker;
use super::build::{Built, Value};
use super::equation::Part;
use super::lanes::one_element;
use crate::derivative::measure;
use crate::model::{Expr, ExprKind, Lanes, Source, element_name};
use crate::{Binary, Span, Unary};
use std::sync::Arc;

/// Number of the derivative of state 0.
pub(super) const SLOPES: u32 = 1 << 29;
/// Number of the white noise of the first Wiener process.
pub(super) const NOISES: u32 = 1 << 30;

/// A symbol, or one for each lane.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Symbols {
    One(u32),
    Many(Arc<Lanes>),
}

impl Symbols {
    /// The symbol of a lane.
    pub(super) fn at(&self, lane: usize) -> u32 {
        match self {
            Symbols::One(symbol) => *symbol,
            Symbols::Many(lanes) => match &**lanes {
                Lanes::Elements(_, table) => table.get(lane).copied().unwrap_or(0),
                Lanes::Numbers(_) => 0,
            },
        }
    }

    pub(super) fn is_noise(&self) -> bool {
        self.at(0) >= NOISES
    }
}

/// An expression as a sum of symbols with factors, and the rest; none where it is 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Linear {
    pub rest: Option<Built>,
    pub terms: Vec<(Symbols, Built)>,
}

/// Whether a value contains a symbol.
pub(super) fn has_symbols(value: &Value) -> bool {
    match value {
        Value::Scalar(built) => has_symbols_in(&built.expr),
        Value::Vector(parts) => parts.iter().any(|b| has_symbols_in(&b.expr)),
        Value::Array(_) => false,
    }
}

/// Whether an expression contains a symbol.
pub(super) fn has_symbols_in(expr: &Expr) -> bool {
    find_symbol(expr).is_some()
}

/// The first symbol of an expression.
fn find_symbol(expr: &Expr) -> Option<u32> {
    match &expr.kind {
        ExprKind::State(id) => Some(id.0).filter(|id| *id >= SLOPES),
        ExprKind::Lanes(lanes) => match &**lanes {
            Lanes::Elements(Source::States, table) => {
                table.first().copied().filter(|id| *id >= SLOPES)
            }
            _ => None,
        },
        ExprKind::Unary(_, a) => find_symbol(a),
        ExprKind::Binary(_, a, b) => find_symbol(a).or_else(|| find_symbol(b)),
        ExprKind::If(c, a, b) => {
            find_symbol(c).or_else(|| find_symbol(a)).or_else(|| find_symbol(b))
        }
        _ => None,
    }
}

/// An expression with its measures.
pub(super) fn measured(expr: Expr) -> Built {
    let (height, size) = measure(&expr);
    Built { expr, height, size }
}

impl<'a> Checker<'a> {
    /// The name of a symbol, as it is written.
    pub(super) fn symbol_name(&self, symbol: u32) -> String {
        let (first, is_noise) = if symbol >= NOISES { (NOISES, true) } else { (SLOPES, false) };
        let index = symbol - first;
        let shown = |target: &crate::syntax::Declarator, placed: &super::scope::Placed| {
            let shape = placed.shape.clone()?;
            let count = super::scope::elements(&shape) as u32;
            let name = super::declare::primed(&target.name.text, target.order + 1);
            (placed.first..placed.first + count).contains(&index).then(|| {
                let element = (index - placed.first) as usize;
                if shape.is_empty() { name } else { element_name(&name, &shape, element) }
            })
        };
        let found = if is_noise {
            let all = self.declared.noises.iter().zip(&self.resolution.noises);
            all.filter_map(|(item, placed)| shown(item.target, placed)).next()
        } else {
            let all = self.declared.states.iter().zip(&self.resolution.states);
            all.filter_map(|(item, placed)| shown(item.target, placed)).next()
        };
        found.unwrap_or_else(|| "this".to_owned())
    }

    /// Reports a symbol inside of what cannot hold one.
    pub(super) fn misplaced_symbol(&mut self, expr: &Expr, what: &str) -> bool {
        let Some(symbol) = find_symbol(expr) else { return false };
        let name = self.symbol_name(symbol);
        let message = format!("`{name}` cannot stand in {what}");
        if symbol >= NOISES {
            let hint = "white noise stands only in the equations of states, as in `x' = f + g*W'`";
            self.error_hint("misplaced-noise", expr.span, message, hint);
        } else {
            let hint = "write what it stands for";
            self.error_hint("misplaced-prime", expr.span, message, hint);
        }
        true
    }

    /// Takes an expression apart; `None` when it is not linear in its symbols, which is reported.
    pub(super) fn linear(&mut self, expr: Expr) -> Option<Linear> {
        let span = expr.span;
        let Some(symbol) = find_symbol(&expr) else {
            return Some(Linear { rest: Some(measured(expr)), terms: Vec::new() });
        };
        match expr.kind {
            ExprKind::State(id) => {
                let one = self.number(1.0, span);
                Some(Linear { rest: None, terms: vec![(Symbols::One(id.0), one)] })
            }
            ExprKind::Lanes(lanes) => {
                let one = self.number(1.0, span);
                Some(Linear { rest: None, terms: vec![(Symbols::Many(lanes), one)] })
            }
            ExprKind::Unary(Unary::Neg, a) => {
                let a = self.linear(*a)?;
                self.each_part(a, |this, part| this.unary(Unary::Neg, part, span))
            }
            ExprKind::Binary(f @ (Binary::Add | Binary::Sub), a, b) => {
                let (a, b) = (self.linear(*a)?, self.linear(*b)?);
                self.combined(f, a, b, span)
            }
            ExprKind::Binary(Binary::Mul, a, b) if !has_symbols_in(&a) => {
                let (a, b) = (measured(*a), self.linear(*b)?);
                self.each_part(b, |this, part| this.times(&a, part, span))
            }
            ExprKind::Binary(Binary::Mul, a, b) if !has_symbols_in(&b) => {
                let (a, b) = (self.linear(*a)?, measured(*b));
                self.each_part(a, |this, part| this.times(&b, part, span))
            }
            ExprKind::Binary(Binary::Div, a, b) if !has_symbols_in(&b) => {
                let (a, b) = (self.linear(*a)?, measured(*b));
                self.each_part(a, |this, part| {
                    let b = this.copy(&b, span)?;
                    this.binary(Binary::Div, part, b, span)
                })
            }
            ExprKind::If(c, a, b) if !has_symbols_in(&c) => {
                let (c, a, b) = (measured(*c), self.linear(*a)?, self.linear(*b)?);
                self.chosen_parts(&c, a, b, span)
            }
            _ => {
                let name = self.symbol_name(symbol);
                let message = format!("`{name}` must appear linearly, and does not do so here");
                let hint = if symbol >= NOISES {
                    "white noise may be multiplied by any expression without noise, as in `sigma*x*W'`"
                } else {
                    "solve the equation for the derivative, or give the expression a state of its own"
                };
                self.error_hint("not-linear", span, message, hint);
                None
            }
        }
    }

    /// `a*b`, without a factor of 1.
    pub(super) fn times(&mut self, a: &Built, b: Built, span: Span) -> Option<Built> {
        let a = self.copy(a, span)?;
        match (a.number(), b.number()) {
            (Some(1.0), _) => Some(b),
            (_, Some(1.0)) => Some(a),
            _ => self.binary(Binary::Mul, a, b, span),
        }
    }

    fn each_part(
        &mut self,
        linear: Linear,
        mut f: impl FnMut(&mut Self, Built) -> Option<Built>,
    ) -> Option<Linear> {
        let rest = match linear.rest {
            Some(rest) => Some(f(self, rest)?),
            None => None,
        };
        let mut terms = Vec::with_capacity(linear.terms.len());
        for (symbols, factor) in linear.terms {
            terms.push((symbols, f(self, factor)?));
        }
        Some(Linear { rest, terms })
    }

    /// `a + b` or `a - b`.
    pub(super) fn combined(
        &mut self,
        f: Binary,
        a: Linear,
        b: Linear,
        span: Span,
    ) -> Option<Linear> {
        let signed = |this: &mut Self, part: Built| match f {
            Binary::Sub => this.unary(Unary::Neg, part, span),
            _ => Some(part),
        };
        let rest = match (a.rest, b.rest) {
            (Some(a), Some(b)) => Some(self.binary(f, a, b, span)?),
            (Some(a), None) => Some(a),
            (None, Some(b)) => Some(signed(self, b)?),
            (None, None) => None,
        };
        let mut terms = a.terms;
        for (symbols, factor) in b.terms {
            match terms.iter().position(|(s, _)| *s == symbols) {
                Some(at) => {
                    let (symbols, before) = terms.swap_remove(at);
                    terms.push((symbols, self.binary(f, before, factor, span)?));
                }
                None => terms.push((symbols, signed(self, factor)?)),
            }
        }
        Some(Linear { rest, terms })
    }

    fn chosen_parts(&mut self, c: &Built, a: Linear, mut b: Linear, span: Span) -> Option<Linear> {
        let branch = |this: &mut Self, a: Option<Built>, b: Option<Built>| {
            let a = a.unwrap_or_else(|| this.number(0.0, span));
            let b = b.unwrap_or_else(|| this.number(0.0, span));
            let c = this.copy(c, span)?;
            this.choose(c, a, b, span)
        };
        let rest = match (a.rest, b.rest.take()) {
            (None, None) => None,
            (a, b) => Some(branch(self, a, b)?),
        };
        let mut terms = Vec::new();
        for (symbols, factor) in a.terms {
            let other = b.terms.iter().position(|(s, _)| *s == symbols);
            let other = other.map(|at| b.terms.swap_remove(at).1);
            terms.push((symbols, branch(self, Some(factor), other)?));
        }
        for (symbols, factor) in b.terms {
            terms.push((symbols, branch(self, None, Some(factor))?));
        }
        Some(Linear { rest, terms })
    }

    /// The right-hand side of an equation, with the coefficients of white noise apart.
    pub(super) fn right_hand(&mut self, built: Built) -> Option<Part> {
        if !has_symbols_in(&built.expr) {
            return Some(Part::new(built.expr));
        }
        let span = built.expr.span;
        let linear = self.linear(built.expr)?;
        self.parts(linear, None, span)?.pop()
    }

    /// The same in each lane.
    pub(super) fn right_hands(&mut self, built: Built, count: usize) -> Option<Vec<Part>> {
        if !has_symbols_in(&built.expr) {
            let all = self.lane_by_lane(built, count);
            return Some(all.into_iter().map(Part::new).collect());
        }
        let span = built.expr.span;
        let linear = self.linear(built.expr)?;
        self.parts(linear, Some(count), span)
    }

    /// One expression for each lane of a loop; outside loops it itself.
    pub(super) fn spread_out(&mut self, built: Built, lanes: Option<usize>) -> Vec<Expr> {
        match lanes {
            Some(count) => self.lane_by_lane(built, count),
            None => vec![built.expr],
        }
    }

    /// What stands beside derivatives: the rest and the coefficients of white noise, in each lane.
    pub(super) fn parts(
        &mut self,
        linear: Linear,
        lanes: Option<usize>,
        span: Span,
    ) -> Option<Vec<Part>> {
        let rest = linear.rest.unwrap_or_else(|| self.number(0.0, span));
        let mut parts: Vec<Part> =
            self.spread_out(rest, lanes).into_iter().map(Part::new).collect();
        for (symbols, factor) in linear.terms {
            if !symbols.is_noise() {
                continue;
            }
            let factors = self.spread_out(factor, lanes);
            for (lane, factor) in factors.into_iter().enumerate() {
                let noise = &mut parts[lane].noise;
                self.add_noise(noise, symbols.at(lane) - NOISES, factor)?;
            }
        }
        Some(parts)
    }

    /// Adds a multiple of a white noise to the coefficients of independent ones.
    fn add_noise(&mut self, noise: &mut Vec<(u32, Expr)>, symbol: u32, factor: Expr) -> Option<()> {
        let span = factor.span;
        let factor = measured(factor);
        let sources = self.resolution.sources.get(symbol as usize)?.clone();
        for (source, share) in sources {
            let own = self.times(&share, factor.clone(), span)?;
            if own.number() == Some(0.0) {
                continue;
            }
            match noise.iter().position(|(s, _)| *s == source) {
                Some(at) => {
                    let before = measured(noise[at].1.clone());
                    noise[at].1 = self.binary(Binary::Add, before, own, span)?.expr;
                }
                None => noise.push((source, own.expr)),
            }
        }
        noise.sort_by_key(|(source, _)| *source);
        Some(())
    }

    /// A leaf for a symbol of each lane, or a state.
    pub(super) fn state_leaf(&mut self, state: u32, span: Span) -> Built {
        self.leaf(one_element(Source::States, state), span)
    }
}
