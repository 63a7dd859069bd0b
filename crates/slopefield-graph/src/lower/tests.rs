//! Random graphs: every pass keeps what a graph computes, plans compute what luminal computes,
//! derivatives agree with each other, texts read back.

use std::sync::Arc;

use proptest::prelude::*;
use slopefield_kernel::{Cotangent, HessianProduct, Kernel, Point, Tangent};
use slopefield_lang::{Binary, Unary};

use super::*;
use crate::graph::{self, Dims, Numbers, Op, Tensor, parse, same};
use crate::plan::Buffer;
use crate::reference::{ReferenceInputs, ReferenceResults, execute};
use crate::scalar::{Block, BlockBuilder};
use crate::sparse::SparseJacobian;
use crate::{HessianInterpreter, Interpreter};

const STATES: u32 = 12;
const PARAMS: u32 = 60;

/// SplitMix64 (Steele, Lea & Flood 2014).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u32) -> u32 {
        (self.bits() % u64::from(n)) as u32
    }
    fn numbers(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0).collect()
    }
}

struct Grower {
    graph: Graph,
    random: Random,
    vectors: Vec<Tensor>,
    /// Only functions with derivatives everywhere.
    smooth: bool,
    /// Also an operator that somebody else computes, which has no second derivatives.
    operators: bool,
}

impl Grower {
    fn push(&mut self, op: Op, operands: &[Tensor]) -> Tensor {
        graph::push(&mut self.graph, op, operands)
    }

    fn any(&mut self) -> Tensor {
        let n = self.vectors.len() as u32;
        let back = if self.random.below(2) == 0 { n } else { n.min(5) };
        self.vectors[(n - 1 - self.random.below(back)) as usize]
    }

    fn len(t: Tensor) -> u32 {
        t.dims.len() as u32
    }

    /// The vector brought to a length.
    fn fitted(&mut self, t: Tensor, len: u32) -> Tensor {
        let own = Self::len(t);
        if own == len {
            return t;
        }
        match self.random.below(3) {
            0 if own > len => {
                let start = self.random.below(own - len + 1);
                self.push(Op::Slice { start, len }, &[t])
            }
            0 => {
                let before = self.random.below(len - own + 1);
                self.push(Op::Pad { before, after: len - own - before }, &[t])
            }
            1 if own == 1 => self.push(Op::Broadcast(Dims::Vector(len)), &[t]),
            _ => {
                let indices: Arc<[u32]> = (0..len).map(|_| self.random.below(own)).collect();
                self.push(Op::Gather(indices), &[t])
            }
        }
    }

    fn matrix(&mut self, rows: u32, cols: u32) -> Tensor {
        let offset = self.random.below(PARAMS - rows * cols + 1);
        let dims = Dims::Matrix(rows, cols);
        self.push(Op::Input { buffer: Buffer::Params, offset, dims }, &[])
    }

    /// A program with one output or two.
    fn block(&mut self, inputs: Vec<u32>) -> Block {
        let mut b = BlockBuilder::new(inputs.clone());
        let mut values = vec![b.constant(0.7)];
        for (slot, len) in inputs.iter().enumerate() {
            let index = self.random.below(*len);
            values.push(b.input(slot as u32, index));
        }
        for _ in 0..self.random.below(7) {
            let mut v = || values[self.random.below(values.len() as u32) as usize];
            let (x, y, z) = (v(), v(), v());
            values.push(match self.random.below(if self.smooth { 6 } else { 8 }) {
                0 => b.add(x, y),
                1 => b.sub(x, y),
                2 => b.mul(x, y),
                3 => b.unary(Unary::Tanh, x),
                4 => b.neg(x),
                5 => b.unary(Unary::Sin, x),
                6 => {
                    let more = b.binary(Binary::Greater, x, y);
                    b.select(more, y, z)
                }
                _ => b.binary(Binary::Max, x, y),
            });
        }
        let outputs: Vec<_> = values.iter().rev().take(1 + self.random.below(2) as usize).collect();
        b.finish(&outputs.into_iter().copied().collect::<Vec<_>>())
    }

    fn step(&mut self) {
        let (x, y) = (self.any(), self.any());
        let len = Self::len(x);
        let smooth = if self.smooth { 14 } else { 17 };
        let new = match self.random.below(smooth) {
            _ if self.operators && self.random.below(6) == 0 => {
                let op = crate::custom::testing::operator();
                let (x, y) = (self.fitted(x, 2), self.fitted(y, 1));
                let operands = self.push(Op::Concat, &[x, y]);
                self.push(Op::Custom { op, reverse: false }, &[operands])
            }
            0 => {
                let functions = [Unary::Tanh, Unary::Sin, Unary::Neg, Unary::Gelu, Unary::Sigmoid];
                let f = functions[self.random.below(5) as usize];
                self.push(Op::Map(f), &[x])
            }
            1 | 2 => {
                let y = self.fitted(y, len);
                let f = [Binary::Add, Binary::Sub, Binary::Mul][self.random.below(3) as usize];
                self.push(Op::Zip(f), &[x, y])
            }
            3 => {
                let indices: Arc<[u32]> = (0..len).map(|_| self.random.below(9)).collect();
                self.push(Op::ScatterAdd { indices, len: 9 }, &[x])
            }
            4 => {
                // A cyclic shift: its reverse is a gather.
                let indices: Arc<[u32]> = (0..len).map(|i| (i + 1) % len).collect();
                self.push(Op::Gather(indices), &[x])
            }
            5 => {
                let y = self.fitted(y, len);
                self.push(Op::Dot, &[x, y])
            }
            6 => self.push(Op::Sum, &[x]),
            7 if len <= 8 => {
                let a = self.matrix(7, len);
                let product = self.push(Op::MatVec, &[a, x]);
                let bias = self.fitted(y, 7);
                let sum = self.push(Op::Zip(Binary::Add), &[product, bias]);
                self.push(Op::Map(Unary::Tanh), &[sum])
            }
            8 if len <= 8 => {
                let a = self.matrix(len, 6);
                self.push(Op::MatTVec, &[a, x])
            }
            9 if len <= 8 => {
                let bias = self.fitted(y, 5);
                let a = self.matrix(5, len);
                let f = [None, Some(Unary::Tanh), Some(Unary::Gelu)][self.random.below(3) as usize];
                self.push(Op::Layer(f), &[a, x, bias])
            }
            10 | 11 => {
                let shared = self.any();
                let shared = self.fitted(shared, 1);
                let y = self.fitted(y, len);
                let block = Arc::new(self.block(vec![1, 1, 1]));
                let parts = block.outputs.len() as u32;
                let all = self.push(Op::Each { block, count: len }, &[x, y, shared]);
                let k = self.random.below(parts);
                self.push(Op::Slice { start: k * len, len }, &[all])
            }
            12 if len <= 12 => {
                let block = Arc::new(self.block(vec![len, Self::len(y)]));
                self.push(Op::Block(block), &[x, y])
            }
            13 if len <= 6 && Self::len(y) <= 6 => {
                let outer = self.push(Op::Outer, &[x, y]);
                let dims = Dims::Vector(len * Self::len(y));
                self.push(Op::Reshape(dims), &[outer])
            }
            14 => self.push(Op::MaxOf, &[x]),
            15 => self.push(Op::MinOf, &[x]),
            16 => {
                let y = self.fitted(y, len);
                self.push(Op::Zip(Binary::Max), &[x, y])
            }
            _ => {
                let joined = self.push(Op::Concat, &[x, y]);
                self.fitted(joined, 10)
            }
        };
        // Sizes and numbers stay moderate.
        let new = if Self::len(new) > 24 { self.fitted(new, 11) } else { new };
        let tamed = self.push(Op::Map(Unary::Tanh), &[new]);
        self.vectors.push(if self.random.below(2) == 0 { tamed } else { new });
        if self.vectors.len() > 12 {
            self.vectors.remove(0);
        }
    }
}

/// What is derived of a graph; of operators that somebody else computes there are no second derivatives.
fn entries(operators: bool) -> &'static [Entry] {
    let all = &[Entry::Eval, Entry::Jvp, Entry::Vjp, Entry::Hvp];
    if operators { &all[..3] } else { all }
}

/// A random function of 12 states and 60 params.
fn grow(seed: u64, steps: usize, smooth: bool, operators: bool) -> (Graph, Shape) {
    let random = Random(seed);
    let mut g = Grower { graph: Graph::new(), random, vectors: Vec::new(), smooth, operators };
    let input = |buffer, offset, len| Op::Input { buffer, offset, dims: Dims::Vector(len) };
    for op in [
        input(Buffer::Time, 0, 1),
        input(Buffer::States, 0, STATES),
        input(Buffer::States, 3, 7),
        input(Buffer::Params, 20, 9),
        Op::Constant(Dims::Vector(6), Numbers::from(vec![0.5, -1.0, 1.0, 0.0, 2.0, 0.25])),
        Op::Constant(Dims::Vector(11), Numbers::from(vec![1.0; 11])),
    ] {
        let t = g.push(op, &[]);
        g.vectors.push(t);
    }
    for _ in 0..steps {
        g.step();
    }
    let mut outputs = 0;
    for result in g.vectors.split_off(g.vectors.len() - 3) {
        let op = Op::Output { buffer: Buffer::Out, offset: outputs, add: false };
        outputs += result.dims.len() as u32;
        g.push(op, &[result]);
    }
    let shape =
        Shape { states: STATES as usize, params: PARAMS as usize, outputs: outputs as usize };
    (g.graph, shape)
}

fn inputs(seed: u64, shape: Shape) -> ReferenceInputs {
    let mut random = Random(seed ^ 0x5555);
    ReferenceInputs {
        t: random.numbers(1)[0],
        u: random.numbers(shape.states),
        p: random.numbers(shape.params),
        along: (random.numbers(1)[0], random.numbers(shape.states), random.numbers(shape.params)),
        weights: random.numbers(shape.outputs),
    }
}

/// All results, one after the other.
fn flat(r: &ReferenceResults) -> Vec<f64> {
    [&r.out[..], &r.out_tangent, &[r.gradient.0], &r.gradient.1, &r.gradient.2].concat()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let size = b.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max)
}

/// Central differences extrapolated to step 0, and how uncertain they are: the entry of the
/// extrapolation table that its neighbours confirm best (C. J. F. Ridders, Accurate computation
/// of F'(x) and F'(x)F''(x), 1982). A function that bends much needs shorter steps than a tame one.
fn extrapolated(slope: impl Fn(f64) -> Vec<f64>) -> (Vec<f64>, f64) {
    let mut step = 8e-3;
    let mut row = vec![slope(step)];
    let mut best = (row[0].clone(), f64::INFINITY);
    for _ in 0..6 {
        step /= 2.0;
        let mut next = vec![slope(step)];
        let mut factor = 1.0;
        for coarse in &row {
            factor *= 4.0;
            let fine = &next[next.len() - 1];
            let pairs = fine.iter().zip(coarse);
            let entry: Vec<f64> = pairs.map(|(f, c)| f + (f - c) / (factor - 1.0)).collect();
            let uncertainty = distance(fine, &entry).max(distance(coarse, &entry));
            if uncertainty < best.1 {
                best = (entry.clone(), uncertainty);
            }
            next.push(entry);
        }
        row = next;
    }
    best
}

/// The results of the interpreter, in the form of luminal's.
fn interpreted(
    plans: &Plans,
    hessian: &Plan,
    entry: Entry,
    i: &ReferenceInputs,
) -> ReferenceResults {
    let kernel = Interpreter::new(plans.clone());
    let shape = kernel.shape();
    let mut r = ReferenceResults {
        out: vec![0.0; shape.outputs],
        out_tangent: vec![0.0; shape.outputs],
        gradient: (0.0, vec![0.0; shape.states], vec![0.0; shape.params]),
    };
    let mut scratch = vec![f64::NAN; kernel.scratch_len()];
    let (at, along) = (
        Point { t: i.t, u: &i.u, p: &i.p },
        Tangent { t: i.along.0, u: &i.along.1, p: &i.along.2 },
    );
    let (t, u, p) = (&mut r.gradient.0, &mut r.gradient.1, &mut r.gradient.2);
    let grad = Cotangent { t, u, p };
    match entry {
        Entry::Eval => kernel.eval(i.t, &i.u, &i.p, &mut r.out, &mut scratch),
        Entry::Jvp => kernel.jvp(at, along, &mut r.out, &mut r.out_tangent, &mut scratch),
        Entry::Vjp => kernel.vjp(at, &i.weights, grad, &mut scratch),
        Entry::Factored => unreachable!("made by lower_recording only"),
        Entry::Hvp => {
            let kernel = HessianInterpreter::new(hessian.clone()).unwrap();
            let mut scratch = vec![f64::NAN; kernel.scratch_len()];
            kernel.hvp(at, along, &i.weights, grad, &mut scratch);
        }
    }
    r
}

fn planned(graph: &Graph, shape: Shape) -> (Plans, Plan) {
    let text = text(graph);
    let hessian = {
        let mut graph = parse(&text).unwrap();
        derive(&mut graph, Entry::Hvp, &mut |_, _| {});
        emit(&graph, Entry::Hvp, shape)
    };
    assert_eq!(hessian.verify(), Ok(()), "{hessian}");
    (lower_text(&text, shape).unwrap_or_else(|e| panic!("{e} in\n{text}")), hessian)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// After every pass luminal computes the same, and so does the plan.
    #[test]
    fn passes_and_plans_keep_what_a_graph_computes(
        seed: u64,
        steps in 1usize..25,
        operators: bool,
    ) {
        let (graph, shape) = grow(seed, steps, false, operators);
        let (plans, hessian) = planned(&graph, shape);
        let text = text(&graph);
        let inputs = inputs(seed, shape);
        for &entry in entries(operators) {
            // What comes out of differentiation is compared with what the later passes make of it.
            let mut before: Option<(String, Vec<f64>)> = (entry == Entry::Eval).then(|| {
                ("built".into(), flat(&execute(parse(&text).unwrap(), shape, &inputs)))
            });
            let mut failed = None;
            derive(&mut parse(&text).unwrap(), entry, &mut |pass, graph| {
                if pass.starts_with("differentiated") {
                    before = None;
                }
                let copy = parse(&super::text(graph)).unwrap();
                let now = flat(&execute(copy, shape, &inputs));
                if let Some((earlier, numbers)) = &before
                    && distance(&now, numbers) > 1e-12
                {
                    failed.get_or_insert(format!("{entry:?}: {pass} differs from {earlier}"));
                }
                if pass != "simplified" || entry == Entry::Eval {
                    before = Some((pass.to_owned(), now));
                }
            });
            prop_assert_eq!(failed, None, "\n{}", text);
            let by_luminal = before.map(|b| b.1).unwrap_or_default();
            let by_plan = flat(&interpreted(&plans, &hessian, entry, &inputs));
            let error = distance(&by_plan, &by_luminal);
            prop_assert!(error < 1e-11, "{:?}: plan and luminal differ by {:e}\n{}", entry, error, text);
        }
    }

    /// Forward and reverse products agree, second derivatives are symmetric.
    #[test]
    fn derivatives_agree_with_each_other(seed: u64, steps in 1usize..25, operators: bool) {
        let (graph, shape) = grow(seed, steps, false, operators);
        let (plans, hessian) = planned(&graph, shape);
        let a = inputs(seed, shape);
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let along = |g: &(f64, Vec<f64>, Vec<f64>), v: &(f64, Vec<f64>, Vec<f64>)| {
            g.0 * v.0 + dot(&g.1, &v.1) + dot(&g.2, &v.2)
        };
        let forward = interpreted(&plans, &hessian, Entry::Jvp, &a);
        let reverse = interpreted(&plans, &hessian, Entry::Vjp, &a);
        let (left, right) = (dot(&forward.out_tangent, &a.weights), along(&reverse.gradient, &a.along));
        let size = flat(&reverse).iter().fold(1.0f64, |m, x| m.max(x.abs()));
        prop_assert!((left - right).abs() < 1e-11 * size, "{left} and {right}\n{}", text(&graph));

        if operators {
            return Ok(());
        }
        let b = ReferenceInputs { along: inputs(!seed, shape).along, ..a.clone() };
        let (ha, hb) = (
            interpreted(&plans, &hessian, Entry::Hvp, &a).gradient,
            interpreted(&plans, &hessian, Entry::Hvp, &b).gradient,
        );
        let (left, right) = (along(&ha, &b.along), along(&hb, &a.along));
        let size = ha.1.iter().chain(&ha.2).chain(&hb.1).chain(&hb.2);
        let size = size.fold(1.0f64, |m, x| m.max(x.abs()));
        prop_assert!((left - right).abs() < 1e-10 * size, "{left} and {right}\n{}", text(&graph));
    }

    /// The pattern holds every entry that is not 0, and coloured products give the dense matrix.
    #[test]
    fn sparse_jacobians_are_the_dense_ones(seed: u64, steps in 1usize..25, operators: bool) {
        let (graph, shape) = grow(seed, steps, false, operators);
        let (plans, hessian) = planned(&graph, shape);
        let a = inputs(seed, shape);
        let kernel = Interpreter::new(plans.clone());
        let jacobian = SparseJacobian::of(&plans.eval);
        let mut values = vec![f64::NAN; jacobian.pattern().len()];
        let at = Point { t: a.t, u: &a.u, p: &a.p };
        let mut scratch = vec![0.0; SparseJacobian::scratch_len(&kernel)];
        jacobian.evaluate(&kernel, at, &mut values, &mut scratch);
        for c in 0..shape.states {
            let mut unit = vec![0.0; shape.states];
            unit[c] = 1.0;
            let along = (0.0, unit, vec![0.0; shape.params]);
            let column = ReferenceInputs { along, ..a.clone() };
            let expected = interpreted(&plans, &hessian, Entry::Jvp, &column).out_tangent;
            let mut found = vec![0.0; shape.outputs];
            let starts = jacobian.pattern().starts();
            for (row, value) in jacobian.pattern().column(c).iter().zip(&values[starts[c]..]) {
                found[*row as usize] = *value;
            }
            prop_assert!(distance(&found, &expected) < 1e-12, "column {}\n{}", c, text(&graph));
        }
    }

    /// Second derivatives are those of the reverse product (differences, extrapolated).
    #[test]
    fn second_derivatives_agree_with_differences(seed: u64, steps in 1usize..15) {
        let (graph, shape) = grow(seed, steps, true, false);
        let (plans, hessian) = planned(&graph, shape);
        let a = inputs(seed, shape);
        let gradient = |h: f64| {
            let move_by = |x: &[f64], v: &[f64]| x.iter().zip(v).map(|(x, v)| x + h * v).collect();
            let moved = ReferenceInputs {
                t: a.t + h * a.along.0,
                u: move_by(&a.u, &a.along.1),
                p: move_by(&a.p, &a.along.2),
                ..a.clone()
            };
            flat(&interpreted(&plans, &hessian, Entry::Vjp, &moved))
        };
        let slope = |h: f64| -> Vec<f64> {
            gradient(h).iter().zip(gradient(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect()
        };
        let (expected, uncertainty) = extrapolated(slope);
        let found = flat(&interpreted(&plans, &hessian, Entry::Hvp, &a));
        let error = distance(&found, &expected);
        prop_assert!(uncertainty < 1e-5, "differences tell nothing: {:e}", uncertainty);
        prop_assert!(error < 1e-9 + 10.0 * uncertainty, "error {:e}\n{}", error, text(&graph));
    }

    #[test]
    fn graphs_read_back_as_they_are(seed: u64, steps in 1usize..25, operators: bool) {
        let (graph, shape) = grow(seed, steps, false, operators);
        let again = parse(&text(&graph)).unwrap();
        prop_assert!(same(&graph, &again));
        prop_assert_eq!(text(&again), text(&graph));
        for &entry in entries(operators) {
            let mut derived = parse(&text(&graph)).unwrap();
            derive(&mut derived, entry, &mut |_, graph| {
                assert_eq!(super::text(&parse(&super::text(graph)).unwrap()), super::text(graph));
            });
            let plan = emit(&derived, entry, shape);
            prop_assert_eq!(plan.to_string().parse::<Plan>(), Ok(plan));
        }
    }

    /// Changed texts never panic, and plans that come of them keep all rules.
    #[test]
    fn broken_texts_are_refused_or_sound(
        seed: u64,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..6u8, "[ -~]{0,4}"), 1..5),
    ) {
        let (graph, shape) = grow(seed, 6, false, true);
        let mut text = text(&graph);
        for (place, kind, piece) in edits {
            let starts: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
            if starts.is_empty() {
                break;
            }
            let at = starts[place.index(starts.len())];
            match kind {
                0 => text.insert_str(at, &piece),
                1 => drop(text.remove(at)),
                2 => text.truncate(at),
                3 => text.insert(at, '9'),
                4 => text.insert(at, '\n'),
                _ => {
                    let line = text[at..].lines().next().unwrap_or_default().to_owned();
                    text.insert_str(at, &format!("{line}\n"));
                }
            }
        }
        if let Ok(plans) = lower_text(&text, shape) {
            for plan in [&plans.eval, &plans.jvp, &plans.vjp] {
                prop_assert_eq!(plan.verify(), Ok(()));
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let shape = Shape { states: 1, params: 1, outputs: 1 };
        prop_assert!(lower_text(&text, shape).is_err());
    }
}

#[test]
fn errors_name_the_op_the_line_and_the_shapes() {
    let shape = Shape { states: 3, params: 4, outputs: 3 };
    let says = |text: &str| lower_text(text, shape).unwrap_err().to_string();
    let x = "%0 = input States 0 : [3]\n";
    let with = |line: &str| says(&format!("{x}{line}"));
    for (line, message) in [
        ("%1 = matvec %0 %0 : [3]", "line 2: `matvec` cannot be applied to [3] and [3]"),
        ("%1 = map tanh %0 : [4]", "line 2: `map` gives [3], not [4]"),
        ("%1 = frob %0 : [3]", "line 2: there is no op `frob`"),
        ("%1 = map frob %0 : [3]", "line 2: there is no operation `frob`"),
        // A cycle would need a name before its line.
        ("%1 = zip add %0 %1 : [3]", "line 2: `%1` is not a node above this line"),
        ("%2 = map tanh %0 : [3]", "line 2: node 1 is written `%1 = ...`"),
        ("%1 = gather 0 3 %0 : [2]", "line 2: `gather` cannot be applied to [3]"),
        ("%1 = broadcast %0 : [4294967295]", "line 2: [4294967295] is empty or has more than"),
        ("%1 = pad 4294967295 4294967295 %0 : [3]", "line 2: `pad` cannot be applied to [3]"),
        ("%1 = input Scratch 0 : [3]", "line 2: `Scratch` is no buffer for this op"),
        ("%1 = input Weights 0 : [3]", "line 2: a function does not read `Weights`"),
        ("%1 = output ParamsGrad 0 add %0 : [3]", "line 2: a function does not write `ParamsGrad`"),
        ("%1 = each x3 %0 : [3]", "line 2: the block of this op is missing"),
        ("%1 = each x3 %0 : [3]\n  inputs 1\n  v0 = input 0[1]", "line 4: the block has no input"),
        ("%1 = each x3 %0 : [3]\n  inputs 1\n  v0 = tanh v0", "line 4: v0 is not defined above"),
        (
            "%1 = output Out 1 %0 : [3]",
            "instruction 5 (store) reaches elements 3..4 of Out, which has 3",
        ),
        ("%1 = tanh", "line 2: the shape, ` : [3]`, is missing at the end"),
    ] {
        let found = with(line);
        assert!(found.starts_with(message), "`{line}` says `{found}`");
    }
    assert_eq!(with(""), "no instruction writes element 0 of Out");
}

/// Deep perceptrons need little more than their activations: the rest is used again.
#[test]
fn scratch_is_used_again() {
    let (width, depth) = (64u32, 12);
    let mut text = format!("%0 = input States 0 : [{width}]\n");
    let mut last = 0;
    for layer in 0..depth {
        let n = last + 1;
        let offset = layer * (width * width + width);
        text += &format!("%{n} = input Params {offset} : [{width}, {width}]\n");
        text += &format!("%{} = input Params {} : [{width}]\n", n + 1, offset + width * width);
        text += &format!("%{} = layer tanh %{n} %{last} %{} : [{width}]\n", n + 2, n + 1);
        last = n + 2;
    }
    text += &format!("%{} = output Out 0 %{last} : [{width}]\n", last + 1);
    let n = width as usize;
    let shape = Shape { states: n, params: depth as usize * (n * n + n), outputs: n };
    let plans = lower_text(&text, shape).unwrap();
    // Each layer has its value; two adjoints are alive at a time, and one layer's value at a time
    // when only the result is wanted.
    let unit = |plan: &Plan| plan.scratch_len.div_ceil(width);
    println!("scratch in layers: {} {} {}", unit(&plans.eval), unit(&plans.jvp), unit(&plans.vjp));
    assert_eq!(unit(&plans.eval), 2, "{}", plans.eval);
    assert!(unit(&plans.vjp) <= depth + 3, "{} of {depth} layers", unit(&plans.vjp));
}
