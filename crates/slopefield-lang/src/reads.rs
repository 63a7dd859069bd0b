//! Which states an expression reads, element by element.

use crate::model::{Expr, ExprKind, Lanes, Model, Source, StateId, VectorKind};
use std::collections::{BTreeSet, HashSet};

/// Most expressions that are looked at for one answer.
const MAX_STEPS: u32 = 100_000;
/// Most expressions that are looked at for the answers to one question about a whole model.
const MAX_TOTAL: u32 = 4_000_000;
/// Most levels.
const MAX_DEPTH: u32 = 1_000;

/// What an expression reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reads {
    /// States and delayed values, by number.
    pub states: BTreeSet<u32>,
    /// Time, or an input, which is a function of it.
    pub time: bool,
    /// Not everything was looked at: anything may be read.
    pub unknown: bool,
}

/// What an expression outside of loops reads, also through names, networks and loops.
pub(crate) fn reads(model: &Model, expr: &Expr) -> Reads {
    Reader::new(model).reads(expr)
}

/// Answers for many expressions, with a bound on the work for all of them.
pub(crate) struct Reader<'m> {
    model: &'m Model,
    left: u32,
}

impl<'m> Reader<'m> {
    pub(crate) fn new(model: &'m Model) -> Reader<'m> {
        Reader { model, left: MAX_TOTAL }
    }

    /// As [`reads`]; when the bound is reached, nothing is known any more.
    pub(crate) fn reads(&mut self, expr: &Expr) -> Reads {
        let limit = MAX_STEPS.min(self.left);
        let (model, found, seen) = (self.model, Reads::default(), HashSet::new());
        let mut walk = Walk { model, found, seen, steps: 0, limit };
        walk.expr(expr, 0, 0);
        self.left -= walk.steps.min(self.left);
        walk.found
    }
}

struct Walk<'m> {
    model: &'m Model,
    found: Reads,
    /// Elements that have been looked at.
    seen: HashSet<(u8, u32, u32)>,
    steps: u32,
    limit: u32,
}

impl Walk<'_> {
    fn expr(&mut self, expr: &Expr, lane: usize, depth: u32) {
        self.steps += 1;
        if self.steps > self.limit || depth > MAX_DEPTH {
            self.found.unknown = true;
            return;
        }
        let depth = depth + 1;
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Param(_) => {}
            ExprKind::Time => self.found.time = true,
            ExprKind::State(id) => self.state(id.0),
            ExprKind::Let(id, i) => self.element(Source::Let(*id), *i, depth),
            ExprKind::Output(id, i) => self.element(Source::Call(*id), *i, depth),
            ExprKind::Element(id, i) => self.element(Source::Vector(*id), *i, depth),
            ExprKind::Lanes(lanes) => {
                if let Lanes::Elements(source, table) = &**lanes
                    && let Some(i) = table.get(lane)
                {
                    self.element(*source, *i, depth);
                }
            }
            ExprKind::Unary(_, a) => self.expr(a, lane, depth),
            ExprKind::Binary(_, a, b) => {
                self.expr(a, lane, depth);
                self.expr(b, lane, depth);
            }
            ExprKind::If(c, a, b) => {
                self.expr(c, lane, depth);
                self.expr(a, lane, depth);
                self.expr(b, lane, depth);
            }
        }
    }

    fn state(&mut self, id: u32) {
        if self.model.input(StateId(id)).is_some() {
            self.found.time = true;
        } else {
            self.found.states.insert(id);
        }
    }

    fn element(&mut self, source: Source, i: u32, depth: u32) {
        let model = self.model;
        self.steps += 1;
        if self.steps > self.limit || depth > MAX_DEPTH {
            self.found.unknown = true;
            return;
        }
        match source {
            Source::States => self.state(i),
            Source::Params => {}
            Source::Let(id) => {
                let value = model.lets.get(id.0 as usize).and_then(|l| l.value.get(i as usize));
                if let Some(value) = value
                    && self.seen.insert((0, id.0, i))
                {
                    self.expr(value, 0, depth);
                }
            }
            Source::Call(id) => {
                if self.seen.insert((1, id.0, 0))
                    && let Some(call) = model.calls.get(id.0 as usize)
                {
                    call.arguments.iter().for_each(|a| self.expr(a, 0, depth));
                }
            }
            Source::Vector(id) => {
                if !self.seen.insert((2, id.0, i)) {
                    return;
                }
                match model.vectors.get(id.0 as usize).map(|v| &v.kind) {
                    None => {}
                    Some(VectorKind::Each(body)) => self.expr(body, i as usize, depth),
                    Some(VectorKind::Reduce { of, ends, .. }) => {
                        let start = if i == 0 { 0 } else { ends[i as usize - 1] };
                        for lane in start..ends.get(i as usize).copied().unwrap_or(0) {
                            if self.found.unknown {
                                return;
                            }
                            self.element(Source::Vector(*of), lane, depth + 1);
                        }
                    }
                    Some(VectorKind::Network { network, arguments }) => {
                        let outputs =
                            model.networks.get(network.0 as usize).map_or(1, |n| n.outputs);
                        let lane = (i / outputs.max(1)) as usize;
                        arguments.iter().for_each(|a| self.expr(a, lane, depth));
                    }
                }
            }
        }
    }
}
