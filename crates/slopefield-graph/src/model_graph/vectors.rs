//! Loops: one scalar program for all lanes, fed by tables of what each lane reads.

use std::collections::HashMap;
use std::sync::Arc;

use slopefield_lang::{
    Binary, Expr, ExprKind, Lanes, NetworkId, Reduction, Source, VectorId, VectorKind,
};

use super::{ModelGraph, children};
use crate::error::LowerError;
use crate::graph::{self, Dims, Numbers, Op, Tensor};
use crate::network::NetworkGraph;
use crate::scalar::{BlockBuilder, SsaValue};

/// Most operands of a loop: luminal counts operands in a byte, a tangent has twice as many, and
/// neighbouring loops are merged.
const OPERANDS: usize = 60;

impl ModelGraph<'_> {
    /// Computes a vector, when nothing does so on its own.
    pub(super) fn vector(
        &mut self,
        id: VectorId,
        networks: &[NetworkGraph],
    ) -> Result<(), LowerError> {
        let model = self.model;
        let vector = &model.vectors[id.0 as usize];
        match &vector.kind {
            // A matrix product never exists term by term.
            VectorKind::Each(_) if self.only_in_products(id) => {}
            VectorKind::Each(_) => {
                self.vector_value(id)?;
            }
            VectorKind::Reduce { reduction, of, ends } => {
                let value = match self.matrix_product(*reduction, *of, ends)? {
                    Some(product) => product,
                    None => {
                        let of = self.vector_value(*of)?;
                        self.reduce(*reduction, of, ends)
                    }
                };
                self.vectors.insert(id, value);
            }
            VectorKind::Network { network, arguments } => {
                let value = self.in_lanes(*network, arguments, vector, networks)?;
                self.vectors.insert(id, value);
            }
        }
        Ok(())
    }

    /// The value of a vector that is there, or of a loop.
    pub(super) fn vector_value(&mut self, id: VectorId) -> Result<Tensor, LowerError> {
        if let Some(known) = self.vectors.get(&id) {
            return Ok(*known);
        }
        let model = self.model;
        let vector = &model.vectors[id.0 as usize];
        let VectorKind::Each(body) = &vector.kind else {
            unreachable!("vectors are computed after those they use")
        };
        let value = self.each(body, vector.len)?;
        self.vectors.insert(id, value);
        Ok(value)
    }

    /// One expression in every lane.
    pub(super) fn each(&mut self, body: &Expr, count: u32) -> Result<Tensor, LowerError> {
        if let ExprKind::Lanes(lanes) = &body.kind {
            return self.lanes(lanes, body.span);
        }
        let mut operands = Operands::default();
        if !operands.collect(body) {
            // The same in every lane.
            let one = self.joined(&[body])?;
            let dims = Dims::Vector(count);
            return Ok(match count {
                1 => one,
                _ => graph::push(&mut self.graph, Op::Broadcast(dims), &[one]),
            });
        }
        let (mut tensors, places) = self.shared(&operands.shared)?;
        let shared_count = tensors.len();
        let total = shared_count + operands.tables.len();
        if total > OPERANDS {
            return self.in_parts(body, count);
        }
        for (lanes, span) in &operands.tables {
            tensors.push(self.lanes(lanes, *span)?);
        }
        let mut builder = BlockBuilder::new(vec![1; total]);
        let slots: HashMap<*const Expr, u32> = operands
            .slots
            .iter()
            .map(|(expr, operand)| {
                let slot = match operand {
                    Operand::Shared(i) => places[*i],
                    Operand::Table(i) => (shared_count + i) as u32,
                };
                (*expr, slot)
            })
            .collect();
        let result = lane_program(&mut builder, body, &slots);
        let block = builder.finish(&[result]);
        Ok(graph::push(&mut self.graph, Op::Each { block: Arc::new(block), count }, &tensors))
    }

    /// What all lanes share, as vectors of length 1, each once; and the place of each expression.
    /// Elements that are there are taken as they are.
    fn shared(&mut self, exprs: &[&Expr]) -> Result<(Vec<Tensor>, Vec<u32>), LowerError> {
        let known: Vec<Option<(Source, u32)>> = exprs.iter().map(|e| self.element_of(e)).collect();
        let mut tensors: Vec<Tensor> = Vec::new();
        let mut done: Vec<(Source, u32)> = Vec::new();
        for element in known.iter().flatten() {
            if !done.contains(element) {
                let whole = self.source(element.0, exprs[0].span)?;
                done.push(*element);
                tensors.push(graph::slice(&mut self.graph, whole, element.1, 1));
            }
        }
        let others = exprs.iter().zip(&known).filter(|(_, known)| known.is_none());
        let others: Vec<&Expr> = others.map(|(e, _)| *e).collect();
        let first = tensors.len() as u32;
        let mut of_block = Vec::new();
        if !others.is_empty() {
            let (values, places) = self.block_of(&others, true)?;
            for k in 0..values.dims.len() as u32 {
                tensors.push(graph::slice(&mut self.graph, values, k, 1));
            }
            of_block = places;
        }
        let mut of_block = of_block.into_iter();
        let places = known.iter().map(|known| match known {
            Some(element) => done.iter().position(|d| d == element).map_or(0, |at| at as u32),
            None => first + of_block.next().unwrap_or_default(),
        });
        Ok((tensors, places.collect()))
    }

    /// An expression with many operands: each side in a loop of its own.
    fn in_parts(&mut self, body: &Expr, count: u32) -> Result<Tensor, LowerError> {
        let mut parts = Vec::new();
        for child in children(body) {
            parts.push(self.each(child, count)?);
        }
        let mut builder = BlockBuilder::new(vec![1; parts.len()]);
        let values: Vec<SsaValue> =
            (0..parts.len() as u32).map(|slot| builder.input(slot, 0)).collect();
        let value = combined(&mut builder, body, &values);
        let block = Arc::new(builder.finish(&[value]));
        Ok(graph::push(&mut self.graph, Op::Each { block, count }, &parts))
    }

    /// What each lane reads, as a vector.
    fn lanes(&mut self, lanes: &Lanes, span: slopefield_lang::Span) -> Result<Tensor, LowerError> {
        match lanes {
            Lanes::Numbers(numbers) => Ok(self.numbers(numbers.clone())),
            Lanes::Elements(source, table) => {
                let whole = self.source(*source, span)?;
                let (Some(&first), Some(&last)) = (table.iter().min(), table.iter().max()) else {
                    return Ok(self.numbers(Vec::new()));
                };
                // The part that is read: tables of arrays of one size are then equal.
                let part = graph::slice(&mut self.graph, whole, first, last - first + 1);
                let consecutive = table.iter().zip(first..).all(|(i, j)| *i == j);
                if consecutive && table.len() == part.dims.len() {
                    return Ok(part);
                }
                let indices: Arc<[u32]> = table.iter().map(|i| i - first).collect();
                Ok(graph::push(&mut self.graph, Op::Gather(indices), &[part]))
            }
        }
    }

    /// Runs of a vector, each made one number.
    fn reduce(&mut self, reduction: Reduction, of: Tensor, ends: &[u32]) -> Tensor {
        let g = &mut self.graph;
        if ends.len() == 1 {
            let op = match reduction {
                Reduction::Sum => Op::Sum,
                Reduction::Min => Op::MinOf,
                Reduction::Max => Op::MaxOf,
            };
            return graph::push(g, op, &[of]);
        }
        let f = match reduction {
            Reduction::Sum => {
                let runs = ends.iter().zip(std::iter::once(&0).chain(ends)).enumerate();
                let indices = runs
                    .flat_map(|(row, (end, start))| (*start..*end).map(move |_| row as u32))
                    .collect();
                let op = Op::ScatterAdd { indices, len: ends.len() as u32 };
                return graph::push(g, op, &[of]);
            }
            Reduction::Min => Binary::Min,
            Reduction::Max => Binary::Max,
        };
        // Halves of every run against each other, until each has one element.
        let mut values = of;
        let mut sizes: Vec<u32> = ends
            .iter()
            .zip(std::iter::once(&0).chain(ends))
            .map(|(end, start)| end - start)
            .collect();
        while sizes.iter().any(|size| *size > 1) {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            let mut start = 0;
            for size in &mut sizes {
                let half = size.div_ceil(2);
                for k in 0..half {
                    first.push(start + k);
                    // An odd one out is compared with itself.
                    second.push(start + if half + k < *size { half + k } else { k });
                }
                start += *size;
                *size = half;
            }
            let a = graph::push(g, Op::Gather(first.into()), &[values]);
            let b = graph::push(g, Op::Gather(second.into()), &[values]);
            values = graph::push(g, Op::Zip(f), &[a, b]);
        }
        values
    }

    fn only_in_products(&self, id: VectorId) -> bool {
        self.model.vectors.iter().any(|vector| match &vector.kind {
            VectorKind::Reduce { reduction, of, ends } => {
                *of == id && product_parts(self.model, *reduction, *of, ends).is_some()
            }
            _ => false,
        })
    }

    /// A sum of products of a table with a vector, for every row: `A x`.
    fn matrix_product(
        &mut self,
        reduction: Reduction,
        of: VectorId,
        ends: &[u32],
    ) -> Result<Option<Tensor>, LowerError> {
        let model = self.model;
        let Some(parts) = product_parts(model, reduction, of, ends) else { return Ok(None) };
        let (rows, cols) = (parts.rows, parts.cols);
        let span = model.vectors[of.0 as usize].span;
        let matrix = self.lanes(parts.matrix, span)?;
        let dims = Dims::Matrix(rows, cols);
        let matrix = match &graph::node(&self.graph, matrix.node).op {
            Op::Constant(_, numbers) => {
                let op = Op::Constant(dims, Numbers(numbers.0.clone()));
                graph::push(&mut self.graph, op, &[])
            }
            _ => graph::push(&mut self.graph, Op::Reshape(dims), &[matrix]),
        };
        let cols = cols as usize;
        let first_row = match parts.vector {
            Lanes::Numbers(list) => Lanes::Numbers(list[..cols].to_vec()),
            Lanes::Elements(source, table) => Lanes::Elements(*source, table[..cols].to_vec()),
        };
        let vector = self.lanes(&first_row, span)?;
        Ok(Some(graph::push(&mut self.graph, Op::MatVec, &[matrix, vector])))
    }

    /// A network applied in every lane.
    fn in_lanes(
        &mut self,
        id: NetworkId,
        arguments: &[Expr],
        vector: &slopefield_lang::Vector,
        networks: &[NetworkGraph],
    ) -> Result<Tensor, LowerError> {
        let index = id.0 as usize;
        let declared = &self.model.networks[index];
        if arguments.len() != declared.inputs as usize {
            return Err(LowerError::Arguments {
                network: declared.name.clone(),
                span: vector.span,
                expected: declared.inputs,
                found: arguments.len(),
            });
        }
        let lanes = vector.len / declared.outputs;
        let mut parts = Vec::with_capacity(arguments.len());
        for argument in arguments {
            parts.push(self.each(argument, lanes)?);
        }
        let inputs = arguments.len() as u32;
        let all = graph::concat(&mut self.graph, &parts);
        self.apply_in_lanes(index, &networks[index], all, (lanes, inputs))
    }
}

/// The factors of a sum of products over rows of equal length.
struct ProductParts<'m> {
    rows: u32,
    cols: u32,
    matrix: &'m Lanes,
    vector: &'m Lanes,
}

fn product_parts<'m>(
    model: &'m slopefield_lang::Model,
    reduction: Reduction,
    of: VectorId,
    ends: &[u32],
) -> Option<ProductParts<'m>> {
    let VectorKind::Each(body) = &model.vectors[of.0 as usize].kind else { return None };
    let ExprKind::Binary(Binary::Mul, a, b) = &body.kind else { return None };
    let (ExprKind::Lanes(a), ExprKind::Lanes(b)) = (&a.kind, &b.kind) else { return None };
    let (rows, cols) = (ends.len() as u32, *ends.first()?);
    let even = ends.iter().zip(1..).all(|(end, row)| *end == row * cols);
    if reduction != Reduction::Sum || rows < 2 || cols < 2 || !even {
        return None;
    }
    let repeats = |lanes: &Lanes| match lanes {
        Lanes::Numbers(list) => {
            let row = &list[..cols as usize];
            list.chunks(cols as usize).all(|r| r == row)
        }
        Lanes::Elements(_, table) => {
            let row = &table[..cols as usize];
            table.chunks(cols as usize).all(|r| r == row)
        }
    };
    let is_matrix = |lanes: &Lanes| match lanes {
        Lanes::Numbers(_) => true,
        Lanes::Elements(_, table) => table.iter().zip(table[0]..).all(|(i, j)| *i == j),
    };
    let parts = |matrix, vector| Some(ProductParts { rows, cols, matrix, vector });
    if is_matrix(a) && repeats(b) {
        parts(&**a, &**b)
    } else if is_matrix(b) && repeats(a) {
        parts(&**b, &**a)
    } else {
        None
    }
}

/// What the body of a loop reads.
#[derive(Default)]
struct Operands<'e> {
    /// Expressions that are the same in every lane.
    shared: Vec<&'e Expr>,
    tables: Vec<(&'e Arc<Lanes>, slopefield_lang::Span)>,
    slots: Vec<(*const Expr, Operand)>,
}

enum Operand {
    Shared(usize),
    Table(usize),
}

impl<'e> Operands<'e> {
    /// Whether the expression differs from lane to lane; then its operands are noted.
    fn collect(&mut self, expr: &'e Expr) -> bool {
        if let ExprKind::Lanes(lanes) = &expr.kind {
            let same = |(known, _): &(&Arc<Lanes>, _)| Arc::ptr_eq(known, lanes) || *known == lanes;
            let place = self.tables.iter().position(same).unwrap_or_else(|| {
                self.tables.push((lanes, expr.span));
                self.tables.len() - 1
            });
            self.slots.push((expr, Operand::Table(place)));
            return true;
        }
        let before = self.slots.len();
        let parts: Vec<(&Expr, bool)> =
            children(expr).map(|child| (child, self.collect(child))).collect();
        if !parts.iter().any(|(_, differs)| *differs) {
            self.slots.truncate(before);
            return false;
        }
        for (child, differs) in parts {
            if !differs && !matches!(child.kind, ExprKind::Number(_)) {
                self.slots.push((child, Operand::Shared(self.shared.len())));
                self.shared.push(child);
            }
        }
        true
    }
}

/// The body as a scalar program of its operands. Its height is bounded by the checker.
fn lane_program(
    builder: &mut BlockBuilder,
    expr: &Expr,
    slots: &HashMap<*const Expr, u32>,
) -> SsaValue {
    if let Some(slot) = slots.get(&std::ptr::from_ref(expr)) {
        return builder.input(*slot, 0);
    }
    let operands: Vec<SsaValue> =
        children(expr).map(|child| lane_program(builder, child, slots)).collect();
    combined(builder, expr, &operands)
}

fn combined(builder: &mut BlockBuilder, expr: &Expr, operands: &[SsaValue]) -> SsaValue {
    match &expr.kind {
        ExprKind::Number(value) => builder.constant(*value),
        ExprKind::Unary(f, _) => builder.unary(*f, operands[0]),
        ExprKind::Binary(f, ..) => builder.binary(*f, operands[0], operands[1]),
        ExprKind::If(..) => builder.select(operands[0], operands[1], operands[2]),
        _ => unreachable!("every other leaf of a loop is an operand"),
    }
}
