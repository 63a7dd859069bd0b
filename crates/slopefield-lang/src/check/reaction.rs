//! Reactions and what they add to the equations of their species.

use super::Checker;
use super::build::{Built, Slot};
use super::expression::{Context, Scope};
use super::scope::{Kind, ReactionItem};
use crate::model::{Expr, Reaction, StateId};
use crate::syntax::Species;
use crate::{Binary, Diagnostic, Span, Unary, suggest};

/// Most of one species in a reaction.
const MAX_COUNT: f64 = 1e6;

impl<'a> Checker<'a> {
    /// Resolves the reactions, once.
    pub(super) fn reactions(&mut self) {
        if !matches!(self.resolution.reactions, Slot::Pending) {
            return;
        }
        self.resolution.reactions = Slot::Active;
        for index in 0..self.declared.reactions.len() {
            let item = self.declared.reactions[index];
            self.reaction(item);
        }
        self.resolution.reactions = Slot::Done(Some(()));
    }

    fn reaction(&mut self, item: ReactionItem<'a>) {
        let left = self.side(item.left);
        let right = self.side(item.right);
        let mut rates = Vec::new();
        for rate in item.rates {
            self.begin(&item.name.text, item.name.span);
            let built = self.scalar(rate, &Scope::new(Context::Dynamic));
            self.resolution.active.pop();
            rates.push(built);
        }
        let (Some(left), Some(right)) = (left, right) else { return };
        if left.is_empty() && right.is_empty() {
            let message = format!("the reaction `{}` has no species", item.name.text);
            self.error("wrong-species", item.span, message);
            return;
        }
        let directions = [(&left, &right, ""), (&right, &left, "⁻¹")];
        for ((reactants, products, suffix), rate) in directions.into_iter().zip(rates) {
            let Some(rate) = rate else { continue };
            let mut change: Vec<(StateId, f64)> =
                reactants.iter().map(|(state, count)| (*state, -count)).collect();
            for (state, count) in products {
                match change.iter_mut().find(|(s, _)| s == state) {
                    Some((_, before)) => *before += count,
                    None => change.push((*state, *count)),
                }
            }
            change.retain(|(_, count)| *count != 0.0);
            if change.is_empty() && suffix.is_empty() {
                let message = format!("the reaction `{}` changes nothing", item.name.text);
                self.report(Diagnostic::warning("wrong-species", item.span, message));
            }
            let number = self.resolution.rates.len();
            for (state, count) in &change {
                self.resolution.contributions.entry(state.0).or_default().push((*count, number));
            }
            self.model.reactions.push(Reaction {
                name: format!("{}{suffix}", item.name.text),
                rate: rate.expr.clone(),
                reactants: reactants.clone(),
                change,
                span: item.span,
            });
            self.resolution.rates.push(rate);
        }
    }

    /// One side of a reaction, each species once.
    fn side(&mut self, list: &'a [Species]) -> Option<Vec<(StateId, f64)>> {
        let mut side: Vec<(StateId, f64)> = Vec::new();
        let mut right = true;
        for species in list {
            let count = species.count.as_ref().map_or(1.0, |n| n.value);
            if count.fract() != 0.0 || !(1.0..=MAX_COUNT).contains(&count) {
                let message = format!("`{}` takes part {count} times", species.name.text);
                let hint = "how often a species takes part is a whole number from 1 on";
                self.error_hint("wrong-species", species.name.span, message, hint);
                right = false;
            }
            match self.species_state(species) {
                Some(state) => match side.iter_mut().find(|(s, _)| *s == state) {
                    Some((_, before)) => *before += count,
                    None => side.push((state, count)),
                },
                None => right = false,
            }
        }
        right.then_some(side)
    }

    fn species_state(&mut self, species: &'a Species) -> Option<StateId> {
        let (name, span) = (species.name.text.as_str(), species.name.span);
        if name.is_empty() {
            return None; // reported by the parser
        }
        let Some(symbol) = self.names.table.get_mut(name) else {
            let states = self.declared.states.iter();
            let known = states.map(|item| item.target.name.text.as_str());
            let hint = suggest::did_you_mean(name, known)
                .unwrap_or_else(|| format!("declare it as `state {name} = 1`"));
            self.error_hint("unknown-name", span, format!("there is no state `{name}`"), hint);
            return None;
        };
        symbol.used = true;
        let kind = symbol.kind;
        let index = match kind {
            Kind::State(index) => index,
            Kind::Later(_) => return None,
            kind => {
                let message = format!("`{name}` is {} and no species", kind.article());
                let hint = "the species of a reaction are states";
                self.error_hint("wrong-species", span, message, hint);
                return None;
            }
        };
        let why = if self.declared.states[index].algebraic {
            "algebraic: its equation determines it"
        } else if self.resolution.states[index].is_array() {
            "an array"
        } else if self.highest_order(name) > 1 {
            "given by an equation of higher order"
        } else if self.declared.implicit.contains(name) {
            "given by an equation that is not of the form `x' = …`"
        } else {
            return Some(StateId(self.resolution.states[index].first));
        };
        let message = format!("`{name}` cannot be a species: it is {why}");
        self.error("wrong-species", span, message);
        None
    }

    /// What reactions add to the equation of a state; `own` is the rest of its right-hand side.
    fn with_contributions(
        &mut self,
        state: u32,
        own: Option<Built>,
        span: Span,
    ) -> Option<Option<Built>> {
        let list = self.resolution.contributions.get(&state).cloned().unwrap_or_default();
        if list.is_empty() {
            return Some(own);
        }
        let mut terms: Vec<(bool, Built)> = own.into_iter().map(|own| (false, own)).collect();
        for (count, number) in list {
            let rate = self.resolution.rates[number].clone();
            let count_of = self.number(count.abs(), span);
            let term = self.times(&rate, count_of, span)?;
            terms.push((count < 0.0, term));
        }
        // In pairs, so that the sum of many is not high.
        while terms.len() > 1 {
            let mut next = Vec::with_capacity(terms.len().div_ceil(2));
            let mut pairs = terms.into_iter();
            while let Some((minus, a)) = pairs.next() {
                let Some((other, b)) = pairs.next() else {
                    next.push((minus, a));
                    break;
                };
                next.push(match (minus, other) {
                    (false, true) => (false, self.binary(Binary::Sub, a, b, span)?),
                    (true, false) => (false, self.binary(Binary::Sub, b, a, span)?),
                    (sign, _) => (sign, self.binary(Binary::Add, a, b, span)?),
                });
            }
            terms = next;
        }
        let (minus, sum) = terms.pop()?;
        Some(Some(if minus { self.unary(Unary::Neg, sum, span)? } else { sum }))
    }

    /// The right-hand side of a state with all reactions; none when no reaction changes it.
    pub(super) fn add_reactions(
        &mut self,
        state: u32,
        own: Option<Expr>,
        span: Span,
    ) -> Option<Expr> {
        if !self.resolution.contributions.contains_key(&state) {
            return None;
        }
        let own = own.map(super::symbols::measured);
        self.with_contributions(state, own, span)?.map(|b| b.expr)
    }

    /// `x'` of a state with its own right-hand side and all reactions.
    pub(super) fn with_reactions(
        &mut self,
        name: &str,
        own: Option<Built>,
        span: Span,
    ) -> Option<Built> {
        if self.declared.reactions.is_empty() || !self.declared.changed.contains(name) {
            return Some(own.unwrap_or_else(|| self.number(0.0, span)));
        }
        if matches!(self.resolution.reactions, Slot::Active) {
            let message = format!("`{name}'` is defined by itself: the rate of a reaction uses it");
            self.error_hint("cycle", span, message, "write out what the rate depends on");
            return None;
        }
        self.reactions();
        let Some(Kind::State(index)) = self.names.table.get(name).map(|s| s.kind) else {
            return None;
        };
        let state = self.resolution.states[index].first;
        let all = self.with_contributions(state, own, span)?;
        Some(all.unwrap_or_else(|| self.number(0.0, span)))
    }

    /// `x'` of a state that only reactions and jumps change.
    pub(super) fn reaction_slope(&mut self, name: &str, span: Span) -> Option<Built> {
        self.with_reactions(name, None, span)
    }
}
