//! Expression trees as scalar programs.

use std::collections::BTreeMap;

use slopefield_lang::{CallId, Expr, ExprKind, LetId};

use super::{ModelFunction, ModelGraph, Source, children};
use crate::error::LowerError;
use crate::scalar::{BlockBuilder, SsaValue};

/// Builds the scalar program of some expressions.
pub(super) struct Scalars<'a, 'b> {
    parent: &'b ModelGraph<'a>,
    pub(super) builder: BlockBuilder,
    /// Named expressions that are done.
    pub(super) lets: BTreeMap<(LetId, u32), SsaValue>,
    /// First element of each call's outputs.
    call_start: BTreeMap<CallId, u32>,
}

impl<'a, 'b> Scalars<'a, 'b> {
    pub(super) fn new(
        parent: &'b ModelGraph<'a>,
        inputs: Vec<u32>,
        call_start: BTreeMap<CallId, u32>,
    ) -> Self {
        let builder = BlockBuilder::new(inputs);
        Scalars { parent, builder, lets: BTreeMap::new(), call_start }
    }

    /// With a stack of its own: long sums are deep trees.
    pub(super) fn expression(&mut self, expr: &Expr) -> Result<SsaValue, LowerError> {
        enum Task<'e> {
            Enter(&'e Expr),
            Leave(&'e Expr),
        }
        let mut tasks = vec![Task::Enter(expr)];
        let mut done: Vec<SsaValue> = Vec::new();
        while let Some(task) = tasks.pop() {
            match task {
                Task::Enter(expr) => {
                    tasks.push(Task::Leave(expr));
                    tasks.extend(children(expr).rev().map(Task::Enter));
                }
                Task::Leave(expr) => {
                    let first = done.len() - children(expr).count();
                    let value = self.node(expr, &done[first..])?;
                    done.truncate(first);
                    done.push(value);
                }
            }
        }
        Ok(done[0])
    }

    fn node(&mut self, expr: &Expr, operands: &[SsaValue]) -> Result<SsaValue, LowerError> {
        let parent = self.parent;
        Ok(match &expr.kind {
            ExprKind::Number(value) => self.builder.constant(*value),
            ExprKind::Time => self.builder.input(parent.slot(Source::Time), 0),
            ExprKind::State(id) => {
                if parent.function == ModelFunction::Initial {
                    let state = parent
                        .model
                        .states
                        .iter()
                        .find(|s| contains(&s.initial, expr))
                        .map_or_else(String::new, |s| s.name.clone());
                    return Err(LowerError::StateInInitial { state, span: expr.span });
                }
                self.builder.input(parent.slot(Source::States), id.0)
            }
            ExprKind::Param(id) => self.builder.input(parent.slot(Source::Params), id.0),
            ExprKind::Let(id, k) => self.lets[&(*id, *k)],
            ExprKind::Output(call, k) => {
                let slot = parent.inputs.len() as u32;
                self.builder.input(slot, self.call_start[call] + k)
            }
            ExprKind::Unary(op, _) => self.builder.unary(*op, operands[0]),
            ExprKind::Binary(op, ..) => self.builder.binary(*op, operands[0], operands[1]),
            ExprKind::If(..) => self.builder.select(operands[0], operands[1], operands[2]),
        })
    }
}

fn contains(whole: &Expr, part: &Expr) -> bool {
    let mut waiting = vec![whole];
    while let Some(expr) = waiting.pop() {
        if std::ptr::eq(expr, part) {
            return true;
        }
        waiting.extend(children(expr));
    }
    false
}
