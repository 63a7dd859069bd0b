//! What expressions depend on: network calls and vectors, operands first.

use std::collections::{BTreeMap, BTreeSet};

use slopefield_lang::{CallId, Expr, ExprKind, Lanes, LetId, Model, Source, VectorId, VectorKind};

use super::children;

/// Something that is computed before the expressions that use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Call(CallId),
    Vector(VectorId),
    /// A named expression with all its components.
    Let(LetId),
}

/// All that some expressions depend on, each after what it needs itself.
pub(super) fn needed(model: &Model, exprs: &[&Expr]) -> Vec<Need> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for root in direct(exprs.iter().copied()) {
        if !seen.insert(root) {
            continue;
        }
        let mut stack = vec![(root, of(model, root), 0)];
        while let Some((need, uses, next)) = stack.last_mut() {
            if let Some(&user) = uses.get(*next) {
                *next += 1;
                if seen.insert(user) {
                    stack.push((user, of(model, user), 0));
                }
            } else {
                order.push(*need);
                stack.pop();
            }
        }
    }
    if model.vectors.is_empty() {
        // Calls use only earlier ones.
        order.sort_unstable();
    }
    order
}

/// What one of them mentions.
fn of(model: &Model, need: Need) -> Vec<Need> {
    match need {
        Need::Call(id) => direct(model.calls[id.0 as usize].arguments.iter()),
        Need::Let(id) => direct(model.lets[id.0 as usize].value.iter()),
        Need::Vector(id) => match &model.vectors[id.0 as usize].kind {
            VectorKind::Each(body) => direct(std::iter::once(body)),
            VectorKind::Reduce { of, .. } => vec![Need::Vector(*of)],
            VectorKind::Network { arguments, .. } => direct(arguments.iter()),
        },
    }
}

fn direct<'e>(exprs: impl Iterator<Item = &'e Expr>) -> Vec<Need> {
    let mut found = Vec::new();
    let mut waiting: Vec<&Expr> = exprs.collect();
    waiting.reverse();
    while let Some(expr) = waiting.pop() {
        let need = match &expr.kind {
            ExprKind::Let(id, _) => Need::Let(*id),
            ExprKind::Output(id, _) => Need::Call(*id),
            ExprKind::Element(id, _) => Need::Vector(*id),
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Elements(Source::Let(id), _) => Need::Let(*id),
                Lanes::Elements(Source::Call(id), _) => Need::Call(*id),
                Lanes::Elements(Source::Vector(id), _) => Need::Vector(*id),
                _ => continue,
            },
            _ => {
                waiting.extend(children(expr).rev());
                continue;
            }
        };
        if found.last() != Some(&need) {
            found.push(need);
        }
    }
    found
}

/// A range of elements, both ends included, that grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Span {
    fn of(i: u32) -> Span {
        Span { first: i, last: i }
    }

    fn with(self, i: u32) -> Span {
        Span { first: self.first.min(i), last: self.last.max(i) }
    }

    pub(super) fn len(self) -> u32 {
        self.last - self.first + 1
    }
}

/// What scalar expressions mention, without passing a call or a vector.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    pub(super) lets: BTreeSet<(LetId, u32)>,
    pub(super) calls: BTreeSet<CallId>,
    pub(super) states: Option<Span>,
    pub(super) params: Option<Span>,
    pub(super) vectors: BTreeMap<VectorId, Span>,
}

impl Mentions {
    pub(super) fn of(model: &Model, exprs: &[&Expr]) -> Mentions {
        let mut found = Mentions::default();
        let mut waiting = exprs.to_vec();
        let grow = |span: &mut Option<Span>, i| {
            *span = Some(span.map_or(Span::of(i), |s| s.with(i)));
        };
        while let Some(expr) = waiting.pop() {
            match &expr.kind {
                ExprKind::Let(id, k) => {
                    if found.lets.insert((*id, *k)) {
                        waiting.push(&model.lets[id.0 as usize].value[*k as usize]);
                    }
                }
                ExprKind::Output(call, _) => {
                    found.calls.insert(*call);
                }
                ExprKind::State(id) => grow(&mut found.states, id.0),
                ExprKind::Param(id) => grow(&mut found.params, id.0),
                ExprKind::Element(id, k) => {
                    let span = found.vectors.entry(*id).or_insert(Span::of(*k));
                    *span = span.with(*k);
                }
                _ => waiting.extend(children(expr)),
            }
        }
        found
    }
}
