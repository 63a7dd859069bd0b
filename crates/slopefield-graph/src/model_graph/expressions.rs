//! Expression trees as scalar programs.

use std::collections::BTreeMap;

use slopefield_lang::{CallId, Expr, ExprKind, LetId, VectorId};

use super::{ModelGraph, Source, children};
use crate::error::LowerError;
use crate::scalar::{BlockBuilder, SsaValue};

/// Builds the scalar program of some expressions.
pub(super) struct Scalars<'a, 'b> {
    parent: &'b ModelGraph<'a>,
    pub(super) builder: BlockBuilder,
    /// Named expressions that are done.
    pub(super) lets: BTreeMap<(LetId, u32), SsaValue>,
    /// The first element of each input that the block has.
    first: Vec<u32>,
    others: Others,
}

/// Where the outputs of calls and the elements of vectors are in their common operand.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// First output of each call.
    pub(super) calls: BTreeMap<CallId, u32>,
    /// Of each vector the place of the first element that is there, and which element it is.
    pub(super) vectors: BTreeMap<VectorId, (u32, u32)>,
}

impl<'a, 'b> Scalars<'a, 'b> {
    pub(super) fn new(
        parent: &'b ModelGraph<'a>,
        inputs: Vec<u32>,
        first: Vec<u32>,
        others: Others,
    ) -> Self {
        let builder = BlockBuilder::new(inputs);
        Scalars { parent, builder, lets: BTreeMap::new(), first, others }
    }

    /// Element `i` of an input.
    fn input(&mut self, source: Source, i: u32) -> SsaValue {
        let slot = self.parent.slot(source);
        self.builder.input(slot, i - self.first[slot as usize])
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
            ExprKind::Time => self.input(Source::Time, 0),
            ExprKind::State(id) => {
                if parent.function.states(parent.model) == 0 {
                    let state = parent
                        .model
                        .states
                        .iter()
                        .find(|s| contains(&s.initial, expr))
                        .map_or_else(String::new, |s| s.name.clone());
                    return Err(LowerError::StateInInitial { state, span: expr.span });
                }
                self.input(Source::States, id.0)
            }
            ExprKind::Param(id) => self.input(Source::Params, id.0),
            ExprKind::Let(id, k) => self.lets[&(*id, *k)],
            ExprKind::Output(call, k) => {
                let slot = parent.inputs.len() as u32;
                self.builder.input(slot, self.others.calls[call] + k)
            }
            ExprKind::Element(vector, k) => {
                let slot = parent.inputs.len() as u32;
                let (place, first) = self.others.vectors[vector];
                self.builder.input(slot, place + k - first)
            }
            ExprKind::Lanes(_) => return Err(LowerError::LaneOutsideLoop { span: expr.span }),
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
