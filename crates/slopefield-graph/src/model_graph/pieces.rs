//! Many expressions as few vectors: runs of elements stay runs.

use slopefield_lang::{Expr, ExprKind, LetId, Source};

use super::ModelGraph;
use crate::error::LowerError;
use crate::graph::{self, Dims, Numbers, Op, Tensor};

/// Runs shorter than this are worked on as scalars.
const SHORT: usize = 4;
/// Most pieces before they are brought into order by a table.
const PIECES: usize = 64;

/// Where the value of an expression is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// An element of something that is there.
    Of(Source, u32),
    Number(f64),
    /// To be computed.
    Scalar,
}

enum Piece {
    Run(Source, u32, usize),
    Numbers(Vec<f64>),
    /// Values of the common scalar block.
    Scalars(u32, usize),
}

impl ModelGraph<'_> {
    /// The values of expressions as one vector.
    pub(super) fn joined(&mut self, exprs: &[&Expr]) -> Result<Tensor, LowerError> {
        let pieces = self.pieces(exprs)?;
        Ok(graph::concat(&mut self.graph, &pieces))
    }

    /// The values of expressions as vectors, one after the other.
    pub(super) fn pieces(&mut self, exprs: &[&Expr]) -> Result<Vec<Tensor>, LowerError> {
        if exprs.is_empty() {
            return Ok(Vec::new());
        }
        if self.model.vectors.is_empty() {
            return Ok(vec![self.block(exprs)?]);
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut scalars: Vec<&Expr> = Vec::new();
        let mut at = 0;
        while at < exprs.len() {
            let place = self.place(exprs[at]);
            let mut len = 1;
            while at + len < exprs.len() && follows(place, self.place(exprs[at + len]), len as u32)
            {
                len += 1;
            }
            match place {
                Place::Of(source, first) if len >= SHORT => {
                    pieces.push(Piece::Run(source, first, len));
                }
                Place::Number(_) if len >= SHORT => {
                    let numbers = exprs[at..at + len].iter().map(|e| match self.place(e) {
                        Place::Number(x) => x,
                        _ => f64::NAN,
                    });
                    pieces.push(Piece::Numbers(numbers.collect()));
                }
                _ => {
                    // The next expression may begin a run of its own.
                    len = 1;
                    match pieces.last_mut() {
                        Some(Piece::Scalars(_, count)) => *count += 1,
                        _ => pieces.push(Piece::Scalars(scalars.len() as u32, 1)),
                    }
                    scalars.push(exprs[at]);
                }
            }
            at += len;
        }
        let block = if scalars.is_empty() { None } else { Some(self.block(&scalars)?) };
        if pieces.len() > PIECES {
            return Ok(vec![self.in_order(&pieces, block)?]);
        }
        let mut tensors = Vec::with_capacity(pieces.len());
        for piece in pieces {
            tensors.push(match piece {
                Piece::Run(source, first, len) => {
                    let whole = self.source(source, exprs[0].span)?;
                    graph::slice(&mut self.graph, whole, first, len as u32)
                }
                Piece::Numbers(numbers) => self.numbers(numbers),
                Piece::Scalars(first, len) => match block {
                    Some(block) => graph::slice(&mut self.graph, block, first, len as u32),
                    None => unreachable!("there are scalars, so there is a block"),
                },
            });
        }
        Ok(tensors)
    }

    /// Many pieces: everything they come from is joined once and put in order by a table.
    fn in_order(&mut self, pieces: &[Piece], block: Option<Tensor>) -> Result<Tensor, LowerError> {
        let mut parts: Vec<Tensor> = block.into_iter().collect();
        let mut next = block.map_or(0, |b| b.dims.len() as u32);
        let mut starts: Vec<(Source, u32)> = Vec::new();
        let mut table = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Scalars(first, len) => table.extend(*first..first + *len as u32),
                Piece::Numbers(numbers) => {
                    parts.push(self.numbers(numbers.clone()));
                    table.extend(next..next + numbers.len() as u32);
                    next += numbers.len() as u32;
                }
                Piece::Run(source, first, len) => {
                    let start = match starts.iter().find(|(s, _)| s == source) {
                        Some((_, start)) => *start,
                        None => {
                            let whole = self.source(*source, slopefield_lang::Span::default())?;
                            starts.push((*source, next));
                            parts.push(whole);
                            next += whole.dims.len() as u32;
                            next - whole.dims.len() as u32
                        }
                    };
                    table.extend(start + first..start + first + *len as u32);
                }
            }
        }
        let all = graph::concat(&mut self.graph, &parts);
        Ok(graph::push(&mut self.graph, Op::Gather(table.into()), &[all]))
    }

    pub(super) fn numbers(&mut self, numbers: Vec<f64>) -> Tensor {
        let dims = Dims::Vector(numbers.len() as u32);
        graph::push(&mut self.graph, Op::Constant(dims, Numbers::from(numbers)), &[])
    }

    fn place(&self, expr: &Expr) -> Place {
        let mut expr = expr;
        // A named element is where it is; chains of names are short or worked out as scalars.
        for _ in 0..8 {
            match &expr.kind {
                ExprKind::Let(id, k) => {
                    expr = &self.model.lets[id.0 as usize].value[*k as usize];
                }
                _ => break,
            }
        }
        match &expr.kind {
            ExprKind::Number(x) => Place::Number(*x),
            ExprKind::State(id) => Place::Of(Source::States, id.0),
            ExprKind::Param(id) => Place::Of(Source::Params, id.0),
            ExprKind::Output(id, k) => Place::Of(Source::Call(*id), *k),
            ExprKind::Element(id, k) => Place::Of(Source::Vector(*id), *k),
            _ => Place::Scalar,
        }
    }

    /// The element of something that an expression is.
    pub(super) fn element_of(&self, expr: &Expr) -> Option<(Source, u32)> {
        match self.place(expr) {
            Place::Of(source, i) => Some((source, i)),
            Place::Number(_) | Place::Scalar => None,
        }
    }

    /// All elements of something.
    pub(super) fn source(
        &mut self,
        source: Source,
        span: slopefield_lang::Span,
    ) -> Result<Tensor, LowerError> {
        let input = |this: &Self, wanted| {
            this.inputs.iter().find(|(s, _)| *s == wanted).map(|(_, tensor)| *tensor)
        };
        Ok(match source {
            Source::States => input(self, super::Source::States)
                .ok_or(LowerError::StateInInitial { state: String::new(), span })?,
            Source::Params => input(self, super::Source::Params).unwrap_or_else(|| {
                unreachable!("an element of the params exists, so the vector does")
            }),
            Source::Call(id) => self.call_outputs[&id],
            Source::Vector(id) => self.vector_value(id)?,
            Source::Let(id) => self.named(id)?,
        })
    }

    /// All components of a named expression.
    fn named(&mut self, id: LetId) -> Result<Tensor, LowerError> {
        if let Some(known) = self.lets.get(&id) {
            return Ok(*known);
        }
        let model = self.model;
        let components: Vec<&Expr> = model.lets[id.0 as usize].value.iter().collect();
        let value = self.joined(&components)?;
        self.lets.insert(id, value);
        Ok(value)
    }
}

/// Whether `next` comes `after` places behind `first` in one run.
fn follows(first: Place, next: Place, after: u32) -> bool {
    match (first, next) {
        (Place::Of(a, i), Place::Of(b, j)) => a == b && j == i + after,
        (Place::Number(_), Place::Number(_)) => true,
        _ => false,
    }
}
