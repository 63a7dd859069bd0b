//! Walks the table of operators: every row is applied, evaluated, and its derivative rules are
//! compared with differences and with each other.

mod precise;
mod twofold;

use std::sync::Arc;

use luminal::prelude::{Graph, Tensor as Data};
use slopefield_lang::{Binary, Unary};

use super::op::Values;
use super::*;
use crate::plan::Buffer;
use crate::scalar::BlockBuilder;

/// One use of an operator: it and the shapes of its operands. Every variant of `Op` is here; the
/// match below makes the compiler say so when one is added.
fn uses() -> Vec<(Op, Vec<Dims>)> {
    use Dims::{Matrix, Vector};
    let mut b = BlockBuilder::new(vec![3, 2]);
    let (x, y, z) = (b.input(0, 1), b.input(0, 2), b.input(1, 0));
    let product = b.mul(x, y);
    let sine = b.unary(Unary::Sin, z);
    let sum = b.add(product, sine);
    let block = b.finish(&[sum, product, sine]);
    let mut uses = vec![
        (Op::Input { buffer: Buffer::Params, offset: 0, dims: Vector(3) }, vec![]),
        (Op::Constant(Vector(2), Numbers::from(vec![1.5, -2.0])), vec![]),
        (Op::Block(Arc::new(block)), vec![Vector(3), Vector(2)]),
        (Op::MatVec, vec![Matrix(3, 4), Vector(4)]),
        (Op::MatTVec, vec![Matrix(3, 4), Vector(3)]),
        (Op::Outer, vec![Vector(3), Vector(2)]),
        (Op::Sum, vec![Matrix(2, 3)]),
        (Op::Dot, vec![Vector(4), Vector(4)]),
        (Op::Broadcast(Matrix(2, 3)), vec![Vector(1)]),
        (Op::Concat, vec![Vector(2), Vector(3), Vector(1)]),
        (Op::Slice { start: 1, len: 3 }, vec![Vector(5)]),
        (Op::Pad { before: 2, after: 1 }, vec![Vector(3)]),
        (Op::Reshape(Matrix(2, 3)), vec![Vector(6)]),
        (Op::Output { buffer: Buffer::Out, offset: 0, add: false }, vec![Vector(3)]),
    ];
    let mut b = BlockBuilder::new(vec![1; 3]);
    let (x, y, shared) = (b.input(0, 0), b.input(1, 0), b.input(2, 0));
    let product = b.mul(x, y);
    let square = b.mul(y, y);
    let power = b.binary(Binary::Pow, square, shared);
    let tanh = b.unary(Unary::Tanh, x);
    let sum = b.add(power, tanh);
    let block = Arc::new(b.finish(&[sum, product]));
    for count in [1, 7] {
        let shapes = vec![Vector(count), Vector(count), Vector(1)];
        uses.push((Op::Each { block: Arc::clone(&block), count }, shapes));
    }
    uses.extend([
        (Op::Gather([4, 0, 2, 2].into()), vec![Vector(5)]),
        (Op::Gather([1, 2, 0].into()), vec![Vector(3)]),
        (Op::ScatterAdd { indices: [2, 0, 2, 5].into(), len: 6 }, vec![Vector(4)]),
        (Op::Layer(None), vec![Matrix(3, 2), Vector(2)]),
        (Op::Layer(Some(Unary::Tanh)), vec![Matrix(3, 2), Vector(2), Vector(3)]),
        (Op::Layer(Some(Unary::Gelu)), vec![Matrix(3, 2), Vector(2), Vector(3)]),
        (Op::MaxOf, vec![Vector(7)]),
        (Op::MinOf, vec![Vector(7)]),
        (Op::MinOf, vec![Vector(1)]),
        (Op::Custom { op: crate::custom::testing::operator(), reverse: false }, vec![Vector(3)]),
    ]);
    for f in Unary::ALL.into_iter().filter(|f| is_smooth(*f)) {
        uses.push((Op::Map(f), vec![Vector(6)]));
    }
    for f in Binary::ALL {
        // Powers and angles are applied as blocks; comparison and logic are no network ops.
        if matches!(f, Binary::Pow | Binary::Atan2) {
            continue;
        }
        uses.push((Op::Zip(f), vec![Matrix(2, 2), Matrix(2, 2)]));
    }
    uses
}

fn position(op: &Op) -> usize {
    match op {
        Op::Input { .. } => 0,
        Op::Constant(..) => 1,
        Op::Block(_) => 2,
        Op::Map(_) => 3,
        Op::Zip(_) => 4,
        Op::MatVec => 5,
        Op::MatTVec => 6,
        Op::Outer => 7,
        Op::Sum => 8,
        Op::Dot => 9,
        Op::Broadcast(_) => 10,
        Op::Concat => 11,
        Op::Slice { .. } => 12,
        Op::Pad { .. } => 13,
        Op::Reshape(_) => 14,
        Op::Output { .. } => 15,
        Op::Each { .. } => 16,
        Op::Gather(_) => 17,
        Op::ScatterAdd { .. } => 18,
        Op::Layer(_) => 19,
        Op::MaxOf => 20,
        Op::MinOf => 21,
        Op::Custom { .. } => 22,
    }
}

/// Runs a graph with given inputs: the elements of the result buffer.
fn run(graph: &mut Graph, buffers: &[(Buffer, &[f64])], result: Buffer, len: usize) -> Vec<f64> {
    let mut outputs = Vec::new();
    for index in order(graph) {
        match node(graph, index).op {
            Op::Input { buffer, offset, dims } => {
                let whole = buffers.iter().find(|(b, _)| *b == buffer).unwrap().1;
                let run = whole[offset as usize..][..dims.len()].to_vec();
                graph.set_tensor(index, 0, Data::new(Values(run)));
            }
            Op::Output { buffer, offset, .. } if buffer == result => {
                graph.keep_tensors(index);
                outputs.push((index, offset as usize));
            }
            _ => {}
        }
    }
    graph.execute();
    let mut out = vec![0.0; len];
    for (index, offset) in outputs {
        let value = values_of(graph.get_tensor_ref(index, 0).unwrap());
        out[offset..].iter_mut().zip(value).for_each(|(o, v)| *o += v);
    }
    out
}

/// A graph that applies an operator to parameters and returns all elements; the number of
/// parameters and of results.
fn apply(op: &Op, shapes: &[Dims]) -> (Graph, usize, usize) {
    let mut graph = Graph::new();
    let mut offset = 0;
    let operands: Vec<Tensor> = shapes
        .iter()
        .map(|dims| {
            let op = Op::Input { buffer: Buffer::Params, offset, dims: *dims };
            offset += dims.len() as u32;
            push(&mut graph, op, &[])
        })
        .collect();
    let result = push(&mut graph, op.clone(), &operands);
    if !matches!(op, Op::Output { .. }) {
        let output = Op::Output { buffer: Buffer::Out, offset: 0, add: false };
        push(&mut graph, output, &[result]);
    }
    let own = if matches!(op, Op::Input { .. }) { result.dims.len() } else { 0 };
    (graph, offset as usize + own, result.dims.len())
}

#[test]
fn every_operator_has_a_correct_row() {
    let mut seen = [false; 23];
    for (op, shapes) in uses() {
        seen[position(&op)] = true;
        let row = table::row(&op);
        assert!(!row.name.is_empty());
        let what = format!("{} {}", row.name, (row.attributes)(&op));

        let (mut graph, params, results) = apply(&op, &shapes);
        assert!(text(&graph).contains(row.name), "{what} is missing in\n{}", text(&graph));
        // Away from whole numbers, halves and ties.
        let p: Vec<f64> =
            (0..params).map(|i| 0.37 + 0.21 * i as f64 - 0.9 * (i % 2) as f64).collect();
        let v: Vec<f64> = (0..params).map(|i| (1.0 + 1.7 * i as f64).sin()).collect();
        let w: Vec<f64> = (0..results).map(|i| (0.4 + 2.3 * i as f64).cos()).collect();
        let value =
            |graph: &mut Graph, p: &[f64]| run(graph, &[(Buffer::Params, p)], Buffer::Out, results);
        let at_p = value(&mut graph, &p);
        assert_eq!(at_p.len(), results, "{what}: shape rule and meaning");

        // Central differences of the meaning, extrapolated once.
        let slope = |h: f64| -> Vec<f64> {
            let shifted = |h: f64| p.iter().zip(&v).map(|(p, v)| p + h * v).collect::<Vec<_>>();
            let (high, low) = (
                value(&mut apply(&op, &shapes).0, &shifted(h)),
                value(&mut apply(&op, &shapes).0, &shifted(-h)),
            );
            high.iter().zip(&low).map(|(a, b)| (a - b) / (2.0 * h)).collect()
        };
        let (coarse, fine) = (slope(2e-3), slope(1e-3));
        let expected: Vec<f64> = fine.iter().zip(&coarse).map(|(f, c)| f + (f - c) / 3.0).collect();

        let mut forward = apply(&op, &shapes).0;
        forward.compile((Forward, (FoldConstants, MergeEqual, RemoveDead)), ());
        let inputs = [(Buffer::Params, p.as_slice()), (Buffer::ParamsTangent, &v)];
        let tangent = run(&mut forward, &inputs, Buffer::OutTangent, results);
        for (found, expected) in tangent.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-8, "{what}: {tangent:?}, not {expected:?}");
        }

        let mut reverse = apply(&op, &shapes).0;
        reverse.compile((Reverse, (FoldConstants, MergeEqual, RemoveDead)), ());
        let inputs = [(Buffer::Params, p.as_slice()), (Buffer::Weights, &w)];
        let gradient = run(&mut reverse, &inputs, Buffer::ParamsGrad, params);
        let left: f64 = w.iter().zip(&tangent).map(|(a, b)| a * b).sum();
        let right: f64 = gradient.iter().zip(&v).map(|(a, b)| a * b).sum();
        let size = left.abs().max(1.0);
        assert!((left - right).abs() < 1e-13 * size, "{what}: forward {left} and reverse {right}");
    }
    assert_eq!(seen, [true; 23], "operators without a test");
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    use Dims::{Matrix, Vector};
    for (op, operands) in [
        (Op::MatVec, vec![Matrix(3, 4), Vector(3)]),
        (Op::MatTVec, vec![Matrix(3, 4), Vector(4)]),
        (Op::Dot, vec![Vector(3), Vector(4)]),
        (Op::Zip(Binary::Add), vec![Vector(3), Vector(1)]),
        (Op::Slice { start: 2, len: 3 }, vec![Vector(4)]),
        (Op::Slice { start: u32::MAX, len: 2 }, vec![Vector(4)]),
        (Op::Reshape(Matrix(2, 2)), vec![Vector(5)]),
        (Op::Concat, vec![]),
        (Op::Concat, vec![Matrix(2, 2)]),
        (Op::Broadcast(Vector(3)), vec![Vector(2)]),
        (Op::Outer, vec![Vector(3)]),
        (Op::Each { block: Arc::new(BlockBuilder::new(vec![1]).finish(&[])), count: 3 }, vec![]),
        (
            Op::Each { block: Arc::new(BlockBuilder::new(vec![1]).finish(&[])), count: 3 },
            vec![Vector(2)],
        ),
        (Op::Gather([3].into()), vec![Vector(3)]),
        (Op::ScatterAdd { indices: [3].into(), len: 3 }, vec![Vector(1)]),
        (Op::ScatterAdd { indices: [0, 1].into(), len: 3 }, vec![Vector(1)]),
        (Op::Layer(None), vec![Matrix(3, 2), Vector(2), Vector(2)]),
        (Op::Layer(Some(Unary::Sqrt)), vec![Matrix(3, 2), Vector(2), Vector(3)]),
        (Op::MaxOf, vec![Matrix(2, 2)]),
        (Op::Custom { op: crate::custom::testing::operator(), reverse: false }, vec![Vector(2)]),
        (Op::Custom { op: crate::custom::testing::operator(), reverse: true }, vec![Vector(3)]),
    ] {
        let refused = table::row(&op).shape(&op, &operands).unwrap_err();
        assert!(refused.to_string().contains(table::row(&op).name), "{refused}");
    }
}

#[test]
fn simplification_folds_merges_and_removes() {
    let mut graph = Graph::new();
    let input = |graph: &mut Graph| {
        let op = Op::Input { buffer: Buffer::Params, offset: 0, dims: Dims::Vector(3) };
        push(graph, op, &[])
    };
    let (x, again) = (input(&mut graph), input(&mut graph));
    let two = constant(&mut graph, Dims::Vector(3), 2.0);
    let four = push(&mut graph, Op::Zip(Binary::Mul), &[two, two]);
    let a = push(&mut graph, Op::Zip(Binary::Mul), &[x, four]);
    let b = push(&mut graph, Op::Zip(Binary::Mul), &[again, four]);
    let unused = push(&mut graph, Op::Map(Unary::Exp), &[b]);
    push(&mut graph, Op::Map(Unary::Sin), &[unused]);
    let sum = push(&mut graph, Op::Zip(Binary::Add), &[a, b]);
    push(&mut graph, Op::Output { buffer: Buffer::Out, offset: 0, add: false }, &[sum]);
    let before = run(&mut graph, &[(Buffer::Params, &[1.0, -2.0, 0.5])], Buffer::Out, 3);
    graph.compile((FoldConstants, MergeEqual, RemoveDead), ());
    assert_eq!(
        text(&graph),
        "%0 = input Params 0 : [3]\n\
         %1 = constant 4.0*3 : [3]\n\
         %2 = zip mul %0 %1 : [3]\n\
         %3 = zip add %2 %2 : [3]\n\
         %4 = output Out 0 %3 : [3]\n"
    );
    graph.no_delete.clear();
    graph.tensors.clear();
    let after = run(&mut graph, &[(Buffer::Params, &[1.0, -2.0, 0.5])], Buffer::Out, 3);
    assert_eq!(before, after);
}

#[test]
fn the_reference_page_holds_the_table() {
    let page = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/graph-ops.md"
    ))
    .unwrap();
    let table = reference_table();
    assert!(page.contains(&table), "docs/reference/graph-ops.md should hold this table:\n{table}");
    for (op, _) in uses() {
        let name = format!("| `{}` |", table::row(&op).name);
        assert_eq!(table.matches(&name).count(), 1, "{name} in\n{table}");
    }
}
