//! The order in which named expressions are resolved.
//!
//! Resolution by need would recurse as deep as the longest chain of lets; taking them in
//! dependency order keeps the stack flat. Circles are left for the resolver to report.

use super::Checker;
use super::scope::Kind;
use crate::syntax::{Expression, ExpressionKind as K};

impl<'a> Checker<'a> {
    fn names_in(&self, e: &'a Expression, pick: impl Fn(Kind) -> Option<usize>) -> Vec<usize> {
        let mut found = Vec::new();
        e.walk(&mut |inner| {
            if let K::Name(name) = &inner.kind
                && let Some(symbol) = self.names.table.get(name.as_str())
                && let Some(index) = pick(symbol.kind)
            {
                found.push(index);
            }
        });
        found
    }

    /// Indices of the constants, each after those it uses.
    pub(super) fn constant_order(&self) -> Vec<usize> {
        let uses = self.declared.constants.iter().map(|(item, _)| {
            self.names_in(&item.value, |k| match k {
                Kind::Const(index) => Some(index),
                _ => None,
            })
        });
        depth_first(&uses.collect::<Vec<_>>())
    }

    /// Indices of the lets, each after those it uses by name.
    pub(super) fn let_order(&self) -> Vec<usize> {
        let uses = self.declared.lets.iter().map(|item| {
            self.names_in(item.value, |k| match k {
                Kind::Let(index) => Some(index),
                _ => None,
            })
        });
        depth_first(&uses.collect::<Vec<_>>())
    }
}

/// Every node after the nodes it uses, otherwise in given order.
fn depth_first(uses: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(uses.len());
    let mut seen = vec![false; uses.len()];
    for root in 0..uses.len() {
        if std::mem::replace(&mut seen[root], true) {
            continue;
        }
        let mut stack = vec![(root, 0)];
        while let Some((node, next)) = stack.last_mut() {
            if let Some(&user) = uses[*node].get(*next) {
                *next += 1;
                if !std::mem::replace(&mut seen[user], true) {
                    stack.push((user, 0));
                }
            } else {
                order.push(*node);
                stack.pop();
            }
        }
    }
    order
}
