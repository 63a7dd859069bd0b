//! `hamiltonian H(q, p) = …`: the equations `q' = ∂H/∂p`, `p' = −∂H/∂q`.

use super::Checker;
use super::build::MAX_RESOLVED_HEIGHT;
use super::equation::Part;
use super::expression::{Context, Scope, count};
use super::scope::{HamiltonianItem, Kind};
use super::symbols::measured;
use crate::derivative::{MAX_TOTAL, NotDifferentiable, Variable, derivative_within, negative};
use crate::model::{Expr, ExprKind, Hamiltonian, StateId};
use crate::reads::Reader;
use crate::{Binary, Diagnostic, Span, Unary};

impl<'a> Checker<'a> {
    pub(super) fn hamiltonians(&mut self) {
        for index in 0..self.declared.hamiltonians.len() {
            let item = self.declared.hamiltonians[index];
            if index > 0 {
                let first = self.declared.hamiltonians[0].span;
                let message = "the model has two Hamiltonians".to_owned();
                let diagnostic = Diagnostic::error("duplicate-statement", item.span, message)
                    .hint("add them: the energy of the whole is one function")
                    .related(first, "the first one");
                self.report(diagnostic);
                continue;
            }
            self.hamiltonian(item);
        }
    }

    fn hamiltonian(&mut self, item: HamiltonianItem<'a>) -> Option<()> {
        let mut states = Vec::new();
        let mut right = true;
        for argument in item.arguments {
            match self.canonical(&argument.text, argument.span) {
                Some(state) => states.push(state),
                None => right = false,
            }
        }
        if item.arguments.is_empty() || !item.arguments.len().is_multiple_of(2) {
            let message = format!(
                "the Hamiltonian `{}` has {}: it needs as many momenta as positions",
                item.name.text,
                count(item.arguments.len(), "argument")
            );
            let hint = "write the positions first, as in `hamiltonian H(q1, q2, p1, p2) = …`";
            self.error_hint("wrong-hamiltonian", item.span, message, hint);
            right = false;
        }
        let energy = self.scalar(item.body, &Scope::new(Context::Dynamic));
        if !right {
            return None;
        }
        let energy = energy?.expr;
        let (positions, momenta) = states.split_at(states.len() / 2);
        let mut pairs = Vec::with_capacity(positions.len());
        let mut left = MAX_TOTAL;
        for (q, p) in positions.iter().zip(momenta) {
            let (q, p) = (StateId(*q), StateId(*p));
            let velocity = self.partial(&energy, p, &mut left)?;
            let force = self.partial(&energy, q, &mut left)?;
            let span = item.body.span;
            let force = negative(force, span);
            self.resolution.given.insert(q.0, (Part::new(velocity), item.span));
            self.resolution.given.insert(p.0, (Part::new(force), item.span));
            pairs.push((q, p));
        }
        let separable = self.is_separable(&energy, positions, momenta);
        let (name, span) = (item.name.text.clone(), item.span);
        self.model.hamiltonian = Some(Hamiltonian { name, energy, pairs, separable, span });
        Some(())
    }

    /// An argument of a Hamiltonian: a state without an equation of its own.
    fn canonical(&mut self, name: &str, span: Span) -> Option<u32> {
        let index = match self.names.table.get_mut(name).map(|s| {
            s.used = true;
            s.kind
        }) {
            Some(Kind::State(index)) => index,
            Some(Kind::Later(_)) => return None,
            _ if name.is_empty() => return None,
            found => {
                let message = match found {
                    Some(kind) => format!("`{name}` is {} and no state", kind.article()),
                    None => format!("there is no state `{name}`"),
                };
                let hint = format!("declare it as `state {name} = 1`");
                self.error_hint("wrong-hamiltonian", span, message, hint);
                return None;
            }
        };
        let why = if self.declared.states[index].algebraic {
            "it is algebraic"
        } else if self.resolution.states[index].is_array() {
            "it is an array: give its elements names of their own"
        } else if self.resolution.equation_of.contains_key(name)
            || self.declared.implicit.contains(name)
        {
            "it has an equation already"
        } else if self.declared.reactions.iter().any(|r| {
            let species = r.left.iter().chain(r.right);
            species.into_iter().any(|s| s.name.text == name)
        }) {
            "reactions change it"
        } else {
            return Some(self.resolution.states[index].first);
        };
        let message = format!("`{name}` cannot belong to a Hamiltonian: {why}");
        self.error("wrong-hamiltonian", span, message);
        None
    }

    /// The derivative of the energy by a state, within the bounds of a model.
    fn partial(&mut self, energy: &Expr, state: StateId, left: &mut u32) -> Option<Expr> {
        let by = Variable::State(state);
        let found = derivative_within(&self.model, energy, by, left);
        match found {
            Ok(expr) => {
                let built = measured(expr);
                self.size += built.size;
                if built.height > MAX_RESOLVED_HEIGHT || self.size > self.most {
                    self.too_large(energy.span);
                    return None;
                }
                Some(built.expr)
            }
            Err(why) => {
                self.not_differentiable(why);
                None
            }
        }
    }

    /// Reports why there is no derivative.
    pub(super) fn not_differentiable(&mut self, why: NotDifferentiable) {
        let (NotDifferentiable::Network(span)
        | NotDifferentiable::Gamma(span)
        | NotDifferentiable::Input(span)
        | NotDifferentiable::Extremum(span)
        | NotDifferentiable::TooLarge(span)) = why;
        let hint = match why {
            NotDifferentiable::Network(_) => {
                "write the equations out; the network kind `hamiltonian` learns an energy"
            }
            _ => "write the equations out",
        };
        self.error_hint("not-differentiable", span, why.to_string(), hint);
    }

    /// Whether each term depends on positions or on momenta only.
    fn is_separable(&self, energy: &Expr, positions: &[u32], momenta: &[u32]) -> bool {
        let mut terms = vec![energy];
        let mut reader = Reader::new(&self.model);
        let mut left = 10_000;
        while let Some(term) = terms.pop() {
            left -= 1;
            if left == 0 {
                return false;
            }
            match &term.kind {
                ExprKind::Binary(Binary::Add | Binary::Sub, a, b) => {
                    terms.push(a);
                    terms.push(b);
                }
                ExprKind::Unary(Unary::Neg, a) => terms.push(a),
                ExprKind::Let(id, i) => {
                    let value = self.model.lets.get(id.0 as usize);
                    match value.and_then(|l| l.value.get(*i as usize)) {
                        Some(value) => terms.push(value),
                        None => return false,
                    }
                }
                _ => {
                    let found = reader.reads(term);
                    let has = |list: &[u32]| list.iter().any(|s| found.states.contains(s));
                    if found.unknown || (has(positions) && has(momenta)) {
                        return false;
                    }
                }
            }
        }
        true
    }
}
