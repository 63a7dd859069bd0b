//! What the values of expressions depend on, through names, networks and loops.
//!
//! Noted when a name, call or vector enters the model, so that a long chain of them is never
//! walked.

use super::Checker;
use super::symbols::SLOPES;
use crate::model::{Expr, ExprKind, Lanes, Source, VectorKind};

/// What a value depends on besides params.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Uses {
    pub time: bool,
    pub states: bool,
    /// Inputs; they count as time too.
    pub inputs: bool,
    pub delayed: bool,
    pub networks: bool,
}

impl Uses {
    fn or(self, other: Uses) -> Uses {
        Uses {
            time: self.time || other.time,
            states: self.states || other.states,
            inputs: self.inputs || other.inputs,
            delayed: self.delayed || other.delayed,
            networks: self.networks || other.networks,
        }
    }

    /// Nothing but params.
    pub(super) fn is_constant(self) -> bool {
        self == Uses::default()
    }
}

/// Of everything that has a number.
#[derive(Debug, Default)]
pub(super) struct Facts {
    lets: Vec<Uses>,
    calls: Vec<Uses>,
    vectors: Vec<Uses>,
}

impl Facts {
    pub(super) fn truncate(&mut self, calls: usize, vectors: usize) {
        self.calls.truncate(calls);
        self.vectors.truncate(vectors);
    }
}

impl Checker<'_> {
    pub(super) fn note_let(&mut self, value: &[Expr]) {
        let uses = self.uses_of_all(value);
        self.facts.lets.push(uses);
    }

    pub(super) fn note_call(&mut self, arguments: &[Expr]) {
        let uses = self.uses_of_all(arguments);
        self.facts.calls.push(Uses { networks: true, ..uses });
    }

    pub(super) fn note_vector(&mut self, kind: &VectorKind) {
        let uses = match kind {
            VectorKind::Each(body) => self.uses(body),
            VectorKind::Reduce { of, .. } => self.facts.vectors[of.0 as usize],
            VectorKind::Network { arguments, .. } => {
                Uses { networks: true, ..self.uses_of_all(arguments) }
            }
        };
        self.facts.vectors.push(uses);
    }

    fn uses_of_all(&self, list: &[Expr]) -> Uses {
        list.iter().fold(Uses::default(), |all, e| all.or(self.uses(e)))
    }

    /// What an expression depends on.
    pub(super) fn uses(&self, expr: &Expr) -> Uses {
        let found = |list: &[Uses], id: u32| list.get(id as usize).copied().unwrap_or_default();
        let state = |id: u32| {
            let (states, delayed) = (self.resolution.state_count, self.resolution.first_delayed);
            match id {
                _ if id < states || id >= SLOPES => Uses { states: true, ..Uses::default() },
                _ if id < delayed => Uses { time: true, inputs: true, ..Uses::default() },
                _ => Uses { delayed: true, ..Uses::default() },
            }
        };
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Param(_) => Uses::default(),
            ExprKind::Time => Uses { time: true, ..Uses::default() },
            ExprKind::State(id) => state(id.0),
            ExprKind::Let(id, _) => found(&self.facts.lets, id.0),
            ExprKind::Output(id, _) => found(&self.facts.calls, id.0),
            ExprKind::Element(id, _) => found(&self.facts.vectors, id.0),
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Numbers(_) | Lanes::Elements(Source::Params, _) => Uses::default(),
                Lanes::Elements(Source::States, table) => {
                    table.iter().fold(Uses::default(), |all, id| all.or(state(*id)))
                }
                Lanes::Elements(Source::Let(id), _) => found(&self.facts.lets, id.0),
                Lanes::Elements(Source::Call(id), _) => found(&self.facts.calls, id.0),
                Lanes::Elements(Source::Vector(id), _) => found(&self.facts.vectors, id.0),
            },
            ExprKind::Unary(_, a) => self.uses(a),
            ExprKind::Binary(_, a, b) => self.uses(a).or(self.uses(b)),
            ExprKind::If(c, a, b) => self.uses(c).or(self.uses(a)).or(self.uses(b)),
        }
    }
}
