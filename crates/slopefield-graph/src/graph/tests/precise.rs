//! Every operator against a reference of twice the precision: its meaning, and its derivative rules
//! against differences of the reference, which are good to all digits of a double.

use super::twofold::Twofold;
use super::*;
use crate::scalar::{Block, Scalar};

/// The meaning of an operator, written independently of the table.
fn meaning(op: &Op, shapes: &[Dims], x: &[Vec<Twofold>]) -> Option<Vec<Twofold>> {
    let sum = |terms: &mut dyn Iterator<Item = Twofold>| terms.fold(Twofold::ZERO, |a, b| a + b);
    let cols = |k: usize| shapes[k].sizes().last().copied().unwrap_or(1) as usize;
    let product = |i: usize| sum(&mut (0..cols(0)).map(|j| x[0][i * cols(0) + j] * x[1][j]));
    let rows = || x[0].len() / cols(0);
    Some(match op {
        Op::Constant(_, numbers) => numbers.0.iter().map(|n| (*n).into()).collect(),
        Op::Input { .. } => return None,
        Op::Output { .. } | Op::Reshape(_) => x[0].clone(),
        Op::Block(block) => program(block, &|slot, index| x[slot][index])?,
        Op::Each { block, count } => {
            let lanes: Option<Vec<_>> = (0..*count as usize)
                .map(|lane| program(block, &|k, _| x[k][if x[k].len() == 1 { 0 } else { lane }]))
                .collect();
            let lanes = lanes?;
            (0..block.outputs.len()).flat_map(|k| lanes.iter().map(move |l| l[k])).collect()
        }
        Op::Map(f) => x[0].iter().map(|x| x.unary(*f)).collect::<Option<_>>()?,
        Op::Zip(f) => {
            x[0].iter().zip(&x[1]).map(|(a, b)| a.binary(*f, *b)).collect::<Option<_>>()?
        }
        Op::MatVec => (0..rows()).map(product).collect(),
        Op::MatTVec => (0..cols(0))
            .map(|j| sum(&mut (0..rows()).map(|i| x[0][i * cols(0) + j] * x[1][i])))
            .collect(),
        Op::Layer(f) => (0..rows())
            .map(|i| {
                let z = product(i) + x.get(2).map_or(Twofold::ZERO, |b| b[i]);
                f.map_or(Some(z), |f| z.unary(f))
            })
            .collect::<Option<_>>()?,
        Op::Outer => x[0].iter().flat_map(|a| x[1].iter().map(move |b| *a * *b)).collect(),
        Op::Sum => vec![sum(&mut x[0].iter().copied())],
        Op::Dot => vec![sum(&mut x[0].iter().zip(&x[1]).map(|(a, b)| *a * *b))],
        Op::MaxOf => vec![x[0].iter().copied().reduce(|a, b| if b > a { b } else { a })?],
        Op::MinOf => vec![x[0].iter().copied().reduce(|a, b| if b < a { b } else { a })?],
        Op::Broadcast(dims) => vec![x[0][0]; dims.len()],
        Op::Concat => x.concat(),
        Op::Slice { start, len } => x[0][*start as usize..][..*len as usize].to_vec(),
        // The one of these tests, whose sine is that of the language.
        Op::Custom { reverse: false, .. } => {
            let (a, b, c) = (x[0][0], x[0][1], x[0][2]);
            vec![a.unary(Unary::Sin)? * c, b * b + a * c]
        }
        Op::Custom { .. } => return None,
        Op::Pad { before, after } => {
            let zeros = |n: u32| vec![Twofold::ZERO; n as usize];
            [zeros(*before), x[0].clone(), zeros(*after)].concat()
        }
        Op::Gather(indices) => indices.iter().map(|i| x[0][*i as usize]).collect(),
        Op::ScatterAdd { indices, len } => (0..*len)
            .map(|j| {
                let own = indices.iter().zip(&x[0]).filter(|(i, _)| **i == j);
                sum(&mut own.map(|(_, x)| *x))
            })
            .collect(),
    })
}

fn program(block: &Block, input: &dyn Fn(usize, usize) -> Twofold) -> Option<Vec<Twofold>> {
    let mut values: Vec<Twofold> = Vec::new();
    for instruction in &block.code {
        let at = |v: u32| values[v as usize];
        values.push(match *instruction {
            Scalar::Constant(bits) => f64::from_bits(bits).into(),
            Scalar::Input { slot, index } => input(slot as usize, index as usize),
            Scalar::Unary(f, a) => at(a).unary(f)?,
            Scalar::Binary(f, a, b) => at(a).binary(f, at(b))?,
            Scalar::Select(c, a, b) => at(if at(c).0 != 0.0 { a } else { b }),
        });
    }
    Some(block.outputs.iter().map(|v| values[*v as usize]).collect())
}

fn split(shapes: &[Dims], p: &[Twofold]) -> Vec<Vec<Twofold>> {
    let mut rest = p;
    shapes
        .iter()
        .map(|dims| {
            let (own, more) = rest.split_at(dims.len());
            rest = more;
            own.to_vec()
        })
        .collect()
}

#[test]
fn every_operator_agrees_with_twice_the_precision() {
    // Ordinary numbers, small ones, larger ones; no ties, no whole numbers.
    let points = |n: usize| -> Vec<Vec<f64>> {
        let wave = |i: usize, a: f64, b: f64| a * (1.3 * i as f64 + b).sin();
        let spread =
            |a: f64, b: f64| (0..n).map(|i| wave(i, a, b) + 1e-3 * (i as f64 + 0.1)).collect();
        vec![spread(0.9, 0.4), spread(1e-4, 0.9), spread(2.9, 1.9)]
    };
    let (mut checked, mut worst) = (0, (0.0f64, 0.0f64, 0.0f64));
    for (op, shapes) in uses() {
        let what = format!("{} {}", table::row(&op).name, (table::row(&op).attributes)(&op));
        let (_, params, results) = apply(&op, &shapes);
        for p in points(params) {
            let exact: Vec<Twofold> = p.iter().map(|x| (*x).into()).collect();
            let value = |p: &[Twofold]| meaning(&op, &shapes, &split(&shapes, p));
            let Some(expected) = value(&exact) else { continue };
            checked += 1;
            let size = expected.iter().fold(0.0f64, |m, x| m.max(x.0.abs()));
            if !size.is_finite() || size > 1e12 {
                continue; // a quotient by almost nothing
            }
            let found =
                run(&mut apply(&op, &shapes).0, &[(Buffer::Params, &p)], Buffer::Out, results);
            for (f, e) in found.iter().zip(&expected) {
                let error = (Twofold::from(*f) - *e).0.abs() / size.max(1e-300);
                worst.0 = worst.0.max(error);
                assert!(error < 1e-15, "{what}: value {f:e}, error {error:e} at {p:?}");
            }

            // Differences of the reference along a direction: 16 digits remain of its 28, and the
            // step is small against the smallest arguments.
            let v: Vec<f64> = (0..params).map(|i| (1.0 + 1.7 * i as f64).sin()).collect();
            let h = 1e-12;
            let moved = |h: f64| {
                let at: Vec<Twofold> = exact
                    .iter()
                    .zip(&v)
                    .map(|(x, v)| *x + Twofold::from(h) * (*v).into())
                    .collect();
                value(&at).unwrap()
            };
            let slopes: Vec<Twofold> = moved(h)
                .iter()
                .zip(moved(-h))
                .map(|(a, b)| (*a - b) / Twofold::from(2.0 * h))
                .collect();
            let size = slopes.iter().fold(0.0f64, |m, x| m.max(x.0.abs()));
            let mut forward = apply(&op, &shapes).0;
            forward.compile((Forward, (FoldConstants, MergeEqual, RemoveDead)), ());
            let inputs = [(Buffer::Params, p.as_slice()), (Buffer::ParamsTangent, &v)];
            let tangent = run(&mut forward, &inputs, Buffer::OutTangent, results);
            for (t, e) in tangent.iter().zip(&slopes) {
                let error = (Twofold::from(*t) - *e).0.abs() / size.max(1e-8);
                worst.1 = worst.1.max(error);
                assert!(error < 1e-14, "{what}: tangent {t:e}, error {error:e} at {p:?}");
            }

            let w: Vec<f64> = (0..results).map(|i| (0.4 + 2.3 * i as f64).cos()).collect();
            let mut reverse = apply(&op, &shapes).0;
            reverse.compile((Reverse, (FoldConstants, MergeEqual, RemoveDead)), ());
            let inputs = [(Buffer::Params, p.as_slice()), (Buffer::Weights, &w)];
            let gradient = run(&mut reverse, &inputs, Buffer::ParamsGrad, params);
            let dot = |a: &mut dyn Iterator<Item = Twofold>| a.fold(Twofold::ZERO, |a, b| a + b);
            let left = dot(&mut slopes.iter().zip(&w).map(|(s, w)| *s * (*w).into()));
            let right =
                dot(&mut gradient.iter().zip(&v).map(|(g, v)| Twofold::from(*g) * (*v).into()));
            let scale: f64 = gradient.iter().map(|g| g.abs()).sum();
            let error = (left - right).0.abs() / scale.max(1e-8);
            worst.2 = worst.2.max(error);
            assert!(error < 1e-14, "{what}: gradient, error {error:e} at {p:?}");
        }
    }
    println!(
        "{checked} cases; largest errors: value {:e}, tangent {:e}, gradient {:e}",
        worst.0, worst.1, worst.2
    );
    assert!(checked > 150, "{checked} cases");
}

/// Results at infinities, zeros of both signs and NaN, which rules of arithmetic must keep.
#[test]
fn edges_of_the_domain() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let value = |op: Op, shapes: &[Dims], p: &[f64]| {
        let results = apply(&op, shapes).2;
        run(&mut apply(&op, shapes).0, &[(Buffer::Params, p)], Buffer::Out, results)
    };
    let v = Dims::Vector;
    assert_eq!(value(Op::MaxOf, &[v(3)], &[-inf, -2.0, -inf]), [-2.0]);
    assert_eq!(value(Op::MinOf, &[v(3)], &[inf, -inf, 1.0]), [-inf]);
    for p in [[nan, 1.0, 2.0], [1.0, nan, 2.0], [1.0, 2.0, nan]] {
        assert!(value(Op::MaxOf, &[v(3)], &p)[0].is_nan());
        assert!(value(Op::MinOf, &[v(3)], &p)[0].is_nan());
    }
    assert!(value(Op::Dot, &[v(2), v(2)], &[0.0, 1.0, inf, 1.0])[0].is_nan());
    assert_eq!(value(Op::Sum, &[v(2)], &[inf, 1.0]), [inf]);
    assert_eq!(value(Op::Zip(Binary::Div), &[v(2), v(2)], &[1.0, -1.0, 0.0, 0.0]), [inf, -inf]);
    let scatter = Op::ScatterAdd { indices: [0, 0].into(), len: 2 };
    assert_eq!(value(scatter, &[v(2)], &[1e308, 1e308]), [inf, 0.0]);

    // At a tie the derivative goes to the first, forward and reverse.
    for op in [Op::MaxOf, Op::MinOf] {
        let mut reverse = apply(&op, &[v(3)]).0;
        reverse.compile((Reverse, RemoveDead), ());
        let p: [f64; 3] = if op == Op::MaxOf { [1.0, 2.0, 2.0] } else { [3.0, 2.0, 2.0] };
        let inputs = [(Buffer::Params, &p[..]), (Buffer::Weights, &[5.0])];
        assert_eq!(run(&mut reverse, &inputs, Buffer::ParamsGrad, 3), [0.0, 5.0, 0.0]);
        let mut forward = apply(&op, &[v(3)]).0;
        forward.compile((Forward, RemoveDead), ());
        let inputs = [(Buffer::Params, &p[..]), (Buffer::ParamsTangent, &[1.0, 10.0, 100.0])];
        assert_eq!(run(&mut forward, &inputs, Buffer::OutTangent, 1), [10.0]);
    }
}

/// Identities keep every bit, those of zeros, infinities and NaN included.
#[test]
fn identities_keep_every_bit() {
    let numbers = [0.0, -0.0, 1.5, -2.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324];
    let n = numbers.len() as u32;
    let negated = Op::Map(Unary::Neg);
    let mut kept = 0;
    for number in [1.0, -1.0, 0.0, -0.0, 2.0] {
        for f in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div] {
            for shape in 0..6 {
                let build = || {
                    let mut g = Graph::new();
                    let x = Op::Input { buffer: Buffer::Params, offset: 0, dims: Dims::Vector(n) };
                    let x = push(&mut g, x, &[]);
                    let c = constant(&mut g, Dims::Vector(n), number);
                    let minus = push(&mut g, negated.clone(), &[x]);
                    let turned =
                        push(&mut g, Op::Gather((0..n).map(|i| (i + 1) % n).collect()), &[x]);
                    let y = match shape {
                        0 => push(&mut g, Op::Zip(f), &[x, c]),
                        1 => push(&mut g, Op::Zip(f), &[c, x]),
                        2 => push(&mut g, negated.clone(), &[minus]),
                        3 => push(&mut g, Op::Zip(f), &[turned, minus]),
                        4 => push(&mut g, Op::Zip(f), &[minus, turned]),
                        _ => {
                            let joined = push(&mut g, Op::Concat, &[turned, minus, x]);
                            let padded = push(&mut g, Op::Pad { before: 3, after: 2 }, &[joined]);
                            push(&mut g, Op::Slice { start: 3 + n + 2, len: n - 3 }, &[padded])
                        }
                    };
                    let len = y.dims.len();
                    let op = Op::Output { buffer: Buffer::Out, offset: 0, add: false };
                    push(&mut g, op, &[y]);
                    (g, len)
                };
                let (mut plain, len) = build();
                let mut simple = build().0;
                let before = simple.graph.node_count();
                simple.compile((Identities, RemoveDead), ());
                kept += usize::from(simple.graph.node_count() < before);
                let outcome = |g: &mut Graph| -> Vec<u64> {
                    let values = run_exact(g, &numbers, len);
                    values.iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect()
                };
                assert_eq!(outcome(&mut plain), outcome(&mut simple), "{f:?} {number} {shape}");
            }
        }
    }
    assert!(kept > 40, "only {kept} graphs became smaller");
}

/// As `run`, but the result itself: a sum with 0 would change the sign of zero.
fn run_exact(graph: &mut Graph, p: &[f64], len: usize) -> Vec<f64> {
    let mut output = None;
    for index in order(graph) {
        match node(graph, index).op {
            Op::Input { offset, dims, .. } => {
                let run = p[offset as usize..][..dims.len()].to_vec();
                graph.set_tensor(index, 0, Data::new(Values(run)));
            }
            Op::Output { .. } => {
                graph.keep_tensors(index);
                output = Some(index);
            }
            _ => {}
        }
    }
    graph.execute();
    let values = values_of(graph.get_tensor_ref(output.unwrap(), 0).unwrap()).to_vec();
    assert_eq!(values.len(), len);
    values
}
