//! Random programs: every way to compile against the reference interpreter.

use crate::common;
use crate::custom::products;

use common::running::Running;
use common::*;
use proptest::prelude::*;
use slopefield_graph::Interpreter;
use slopefield_graph::plan::{
    BinaryOp, Body, BodyInstruction, Buffer, Entry, Instruction, LaneInput, LaneOutput, Plan,
    Plans, Ref, UnaryOp,
};
use slopefield_kernel::{Kernel, Shape};

const SHAPE: Shape = Shape { states: 5, params: 40, outputs: 6 };

/// Functions that neither blow up rounding errors nor leave the numbers of ordinary size.
const GENTLE: [UnaryOp; 19] = [
    UnaryOp::Neg,
    UnaryOp::Abs,
    UnaryOp::Sin,
    UnaryOp::Cos,
    UnaryOp::Tanh,
    UnaryOp::Sigmoid,
    UnaryOp::Softplus,
    UnaryOp::Relu,
    UnaryOp::Gelu,
    UnaryOp::Erf,
    UnaryOp::Atan,
    UnaryOp::Asinh,
    UnaryOp::Sin,
    UnaryOp::Cos,
    UnaryOp::Tanh,
    UnaryOp::Sigmoid,
    UnaryOp::Exp,
    UnaryOp::Expm1,
    UnaryOp::Sinh,
];
/// Functions with the same bits in every implementation.
const EXACT_UNARY: [UnaryOp; 7] = [
    UnaryOp::Neg,
    UnaryOp::Not,
    UnaryOp::Abs,
    UnaryOp::Sign,
    UnaryOp::Floor,
    UnaryOp::Relu,
    UnaryOp::Step,
];
const GENTLE_BINARY: [BinaryOp; 5] =
    [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Max, BinaryOp::Min];
const EXACT_BINARY: [BinaryOp; 15] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Min,
    BinaryOp::Max,
    BinaryOp::Less,
    BinaryOp::LessEqual,
    BinaryOp::Greater,
    BinaryOp::GreaterEqual,
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Atan2,
];

/// Grows a program from random bits: scalar values from earlier ones, stores to and loads from
/// scratch, adds, and dense instructions on initialised scratch in between.
struct Grower<'a> {
    w: Writer,
    /// Values so far; operands come from the last few or from anywhere.
    values: Vec<u32>,
    /// Initialised runs of scratch.
    runs: Vec<(Ref, u32)>,
    random: &'a mut Random,
    exact: bool,
}

impl Grower<'_> {
    fn below(&mut self, n: usize) -> usize {
        (self.random.bits() % n as u64) as usize
    }

    fn value(&mut self) -> u32 {
        let n = self.values.len();
        let back = if self.below(3) == 0 { n } else { n.min(6) };
        let i = n - 1 - self.below(back);
        self.values[i]
    }

    fn input(&mut self) -> u32 {
        let (buffer, len) = match self.below(if self.w.plan.entry == Entry::Eval { 4 } else { 7 }) {
            0 => (Buffer::Time, 1),
            1 => (Buffer::States, SHAPE.states),
            2 => (Buffer::Params, SHAPE.params),
            3 => (Buffer::Constants, self.w.plan.constants.len()),
            _ if self.w.plan.entry == Entry::Vjp => (Buffer::Weights, SHAPE.outputs),
            4 => (Buffer::TimeTangent, 1),
            5 => (Buffer::StatesTangent, SHAPE.states),
            _ => (Buffer::ParamsTangent, SHAPE.params),
        };
        let offset = self.below(len) as u32;
        self.w.load(buffer, offset)
    }

    /// Keeps a value of ordinary size, so that errors stay comparable.
    fn tame(&mut self, v: u32) -> u32 {
        if self.exact { v } else { self.w.push(Instruction::Unary(UnaryOp::Tanh, v)) }
    }

    fn step(&mut self) {
        use Instruction::*;
        let new = match self.below(14) {
            0 => Some(self.input()),
            1 => {
                let c = self.random.number();
                Some(self.w.push(Constant(c)))
            }
            2..=5 => {
                let x = self.value();
                let op = if self.exact {
                    EXACT_UNARY[self.below(EXACT_UNARY.len())]
                } else {
                    GENTLE[self.below(GENTLE.len())]
                };
                let y = self.w.push(Unary(op, x));
                Some(if matches!(op, UnaryOp::Exp | UnaryOp::Expm1 | UnaryOp::Sinh) {
                    self.tame(y)
                } else {
                    y
                })
            }
            6..=8 => {
                let (a, b) = (self.value(), self.value());
                let op = if self.exact {
                    EXACT_BINARY[self.below(EXACT_BINARY.len())]
                } else {
                    [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul][self.below(3)]
                };
                let y = self.w.push(Binary(op, a, b));
                Some(self.tame(y))
            }
            9 if !self.exact => {
                // A power with a base away from 0.
                let (a, b) = (self.value(), self.value());
                let base = self.w.push(Unary(UnaryOp::Sigmoid, a));
                let y = self.w.push(Binary(BinaryOp::Pow, base, b));
                Some(self.tame(y))
            }
            9 => {
                let (c, a, b) = (self.value(), self.value(), self.value());
                Some(self.w.push(Select(c, a, b)))
            }
            10 => {
                let len = 1 + self.below(12) as u32;
                let r = self.w.scratch(len);
                for i in 0..len {
                    let v = self.value();
                    self.w.store(Buffer::Scratch, r.offset + i, v);
                }
                self.runs.push((r, len));
                None
            }
            11 => {
                let (r, len) = self.run();
                let i = self.below(len as usize) as u32;
                Some(self.w.load(Buffer::Scratch, r.offset + i))
            }
            12 => {
                let (r, len) = self.run();
                let (i, v) = (self.below(len as usize) as u32, self.value());
                let target = at(Buffer::Scratch, r.offset + i);
                let adds = self.below(2) == 0;
                self.w.push(if adds { AddTo(target, v) } else { Store(target, v) });
                None
            }
            _ => {
                self.dense();
                None
            }
        };
        self.values.extend(new);
    }

    fn run(&mut self) -> (Ref, u32) {
        let i = self.below(self.runs.len());
        self.runs[i]
    }

    fn dense(&mut self) {
        use Instruction::*;
        let (src, len) = self.run();
        if self.below(3) == 0 {
            return self.each();
        }
        // Its numbers may be large, and in single precision it has errors of its own.
        if self.exact && self.below(6) == 0 {
            return self.custom(src, len);
        }
        let pick = self.below(if self.exact { 4 } else { 8 });
        let dst = if pick == 6 { src } else { self.w.scratch(len) };
        let instruction = match pick {
            0 => Copy { dst, src, len },
            1 => Fill { dst, len, value: 0.75 },
            2 => Zip { op: BinaryOp::Max, dst, a: src, b: at(Buffer::Params, 3), len },
            3 => Map { op: UnaryOp::Step, dst, src, len },
            // Rows of the parameters, as many as the run is long, three columns.
            4 => {
                let (a, x) = (at(Buffer::Params, 2), at(Buffer::States, 1));
                MatVec { y: dst, a, x, rows: len, cols: 3, add: false }
            }
            5 => Zip { op: BinaryOp::Mul, dst, a: src, b: at(Buffer::Params, 3), len },
            6 => Map { op: UnaryOp::Tanh, dst, src, len },
            _ => Map { op: UnaryOp::Cos, dst, src, len },
        };
        self.w.push(instruction);
        if pick != 6 {
            self.runs.push((dst, len));
        }
        if !self.exact && self.below(3) == 0 {
            let sum = self.w.scratch(1);
            let b = at(Buffer::Params, 7);
            let dot = self.below(2) == 0;
            self.w.push(if dot {
                Dot { dst: sum, a: src, b, len }
            } else {
                Sum { dst: sum, src, len }
            });
            self.runs.push((sum, 1));
        }
    }

    /// An operator that somebody else computes, or its reverse; which a run is long enough for.
    fn custom(&mut self, src: Ref, len: u32) {
        let reverse = len % 2 == 1 && len > 1;
        // Products of neighbours: one fewer than there are operands.
        let operands = if reverse { len.div_ceil(2) } else { len };
        if operands < 2 {
            return;
        }
        let op = products(&[operands], operands - 1);
        let (_, to) = op.sizes(reverse);
        let dst = self.w.scratch(to);
        self.w.push(Instruction::Custom { op, reverse, dst, src });
        self.runs.push((dst, to));
    }

    /// A loop over lanes with a random body.
    fn each(&mut self) {
        use BodyInstruction as B;
        let (src, count) = self.run();
        let entries = |g: &mut Self, below: usize| -> Vec<u32> {
            (0..count).map(|_| g.below(below) as u32).collect()
        };
        let new_table = |g: &mut Self, entries| {
            g.w.plan.tables.push(entries);
            g.w.plan.tables.len() as u32 - 1
        };
        let (gathered, listed) = (entries(self, SHAPE.params), entries(self, count as usize));
        let (gathered, listed) = (new_table(self, gathered), new_table(self, listed));
        let mut body = Body {
            inputs: vec![
                LaneInput::Uniform(at(Buffer::States, 1)),
                LaneInput::Lanes(src),
                LaneInput::Gathered(at(Buffer::Params, 0), gathered),
                LaneInput::Lanes(at(Buffer::Params, 5)),
                LaneInput::Gathered(src, listed),
            ],
            ..Body::default()
        };
        body.code.extend((0..5).map(B::Input));
        body.code.push(B::Constant(-0.75));
        for _ in 0..self.below(12) {
            let n = body.code.len();
            let v = |g: &mut Self| g.below(n) as u32;
            let instruction = match self.below(6) {
                0 if self.exact => B::Select(v(self), v(self), v(self)),
                // Whether a difference is 0 depends on rounding; whether an input is, does not.
                0 => B::Select([0, 2, 3, 5][self.below(4)], v(self), v(self)),
                1 | 2 if self.exact => {
                    B::Unary(EXACT_UNARY[self.below(EXACT_UNARY.len())], v(self))
                }
                1 | 2 => B::Unary(UnaryOp::Tanh, v(self)),
                _ if self.exact => {
                    B::Binary(EXACT_BINARY[self.below(EXACT_BINARY.len())], v(self), v(self))
                }
                _ => B::Binary(GENTLE_BINARY[self.below(GENTLE_BINARY.len())], v(self), v(self)),
            };
            body.code.push(instruction);
            if !self.exact {
                body.code.push(B::Unary(UnaryOp::Tanh, n as u32));
            }
        }
        let v = |g: &mut Self| g.below(body.code.len()) as u32;
        let (stored, added, scattered) = (self.w.scratch(count), self.w.scratch(count), count + 3);
        let scattered_to = self.w.scratch(scattered);
        let targets = entries(self, scattered as usize);
        let targets = new_table(self, targets);
        for (dst, len) in [(added, count), (scattered_to, scattered)] {
            self.w.push(Instruction::Fill { dst, len, value: 0.25 });
        }
        body.outputs = vec![
            LaneOutput::Store(stored, v(self)),
            LaneOutput::AddTo(added, v(self)),
            LaneOutput::ScatterAdd(scattered_to, targets, v(self)),
        ];
        self.runs.extend([(stored, count), (added, count), (scattered_to, count)]);
        // A sum of many lanes has bits of its own in each back end.
        if !self.exact {
            let total = self.w.scratch(1);
            self.w.push(Instruction::Fill { dst: total, len: 1, value: 0.5 });
            body.outputs.push(LaneOutput::SumTo(total, v(self)));
            self.runs.push((total, 1));
        }
        if self.w.plan.entry == Entry::Vjp {
            let targets = entries(self, SHAPE.params);
            let table = new_table(self, targets);
            let output = LaneOutput::ScatterAdd(at(Buffer::ParamsGrad, 0), table, v(self));
            body.outputs.push(output);
        }
        self.w.plan.bodies.push(body);
        let body = self.w.plan.bodies.len() as u32 - 1;
        self.w.push(Instruction::Each { body, count });
        if !self.exact {
            // A layer on what the loop has made; rows of the parameters, three columns.
            let (y, bias) = (self.w.scratch(count), [None, Some(added)][self.below(2)]);
            let activation = [None, Some(UnaryOp::Tanh), Some(UnaryOp::Gelu)][self.below(3)];
            self.w.push(Instruction::Layer {
                y,
                a: at(Buffer::Params, 2),
                x: at(Buffer::States, 1),
                bias,
                activation,
                rows: count,
                cols: 3,
            });
            self.runs.push((y, count));
        }
    }
}

fn grow(entry: Entry, seed: u64, steps: usize, exact: bool) -> Plan {
    let mut random = Random(seed);
    let mut w = Writer::new(entry, SHAPE);
    w.plan.constants = vec![0.5, -0.25, 1.5];
    let mut g = Grower { w, values: Vec::new(), runs: Vec::new(), random: &mut random, exact };
    for _ in 0..4 {
        let v = g.input();
        g.values.push(v);
    }
    let r = g.w.scratch(2);
    g.w.push(Instruction::Fill { dst: r, len: 2, value: 0.3 });
    g.runs.push((r, 2));
    for _ in 0..steps {
        g.step();
    }
    for i in 0..SHAPE.outputs as u32 {
        let targets: &[Buffer] = match entry {
            Entry::Eval => &[Buffer::Out],
            Entry::Jvp => &[Buffer::Out, Buffer::OutTangent],
            Entry::Vjp | Entry::Factored | Entry::Hvp => &[],
        };
        for &buffer in targets {
            let v = g.value();
            g.w.store(buffer, i, v);
        }
    }
    if entry == Entry::Vjp {
        for (buffer, len) in [
            (Buffer::TimeGrad, 1),
            (Buffer::StatesGrad, SHAPE.states),
            (Buffer::ParamsGrad, SHAPE.params),
        ] {
            for _ in 0..3 {
                let (v, i) = (g.value(), g.below(len) as u32);
                g.w.push(Instruction::AddTo(at(buffer, i), v));
            }
        }
    }
    g.w.plan
}

fn plans(seed: u64, steps: usize, exact: bool) -> Plans {
    Plans {
        eval: grow(Entry::Eval, seed, steps, exact),
        jvp: grow(Entry::Jvp, seed ^ 1, steps, exact),
        vjp: grow(Entry::Vjp, seed ^ 2, steps, exact),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Plans without elementary functions and dense sums: the very bits of the interpreter.
    #[test]
    fn arithmetic_has_the_bits_of_the_interpreter(seed: u64, steps in 1usize..150) {
        let plans = plans(seed, steps, true);
        let reference = Interpreter::new(plans.clone());
        let i = Random(seed).inputs(SHAPE);
        let want = [eval(&reference, &i), jvp(&reference, &i), vjp(&reference, &i)].concat();
        for options in all_options() {
            let kernel = compiled(&plans, options);
            let got = [eval(&kernel, &i), jvp(&kernel, &i), vjp(&kernel, &i)].concat();
            for (k, (&g, &w)) in got.iter().zip(&want).enumerate() {
                prop_assert!(ulps(g, w) == 0, "{g:e} instead of {w:e} at {k}, {options:?}");
            }
        }
    }

    /// With elementary functions: the interpreter's numbers up to rounding.
    #[test]
    fn functions_agree_with_the_interpreter(seed: u64, steps in 1usize..150) {
        let plans = plans(seed, steps, false);
        let reference = Interpreter::new(plans.clone());
        let i = Random(seed).inputs(SHAPE);
        let want = [eval(&reference, &i), jvp(&reference, &i), vjp(&reference, &i)].concat();
        for options in all_options() {
            let kernel = compiled(&plans, options);
            let got = [eval(&kernel, &i), jvp(&kernel, &i), vjp(&kernel, &i)].concat();
            assert_close(&got, &want, 1e-11, &format!("{options:?}"));
        }
    }

    /// Gathering calls and cutting functions change no bit; nor does the instruction set, as long
    /// as it has fused multiply-add.
    #[test]
    fn options_change_no_bits(seed: u64, steps in 1usize..150) {
        let plans = plans(seed, steps, false);
        let i = Random(seed).inputs(SHAPE);
        let fused = all_options().into_iter().filter(|o| o.isa != slopefield_cpu::Isa::Portable);
        let mut results = fused.map(|options| {
            let kernel = compiled(&plans, options);
            let numbers = [eval(&kernel, &i), jvp(&kernel, &i), vjp(&kernel, &i)].concat();
            numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>()
        });
        if let Some(first) = results.next() {
            for other in results {
                prop_assert_eq!(&first, &other);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// In `f32` too, plans without elementary functions and dense sums have the interpreter's bits.
    #[test]
    fn single_precision_arithmetic_has_the_bits_of_the_interpreter(seed: u64, steps in 1usize..150) {
        let plans = plans(seed, steps, true);
        let reference = Interpreter::<f32>::with_element(plans.clone());
        let i = Random(seed).inputs(SHAPE);
        let all = |k: &dyn Kernel<f32>| [eval_as(k, &i), jvp_as(k, &i), vjp_as(k, &i)].concat();
        let want = all(&reference);
        for options in whole_options() {
            for (k, (g, w)) in all(&compiled_f32(&plans, options)).iter().zip(&want).enumerate() {
                let same = g == w || (g.is_nan() && w.is_nan());
                prop_assert!(same, "{g:e} instead of {w:e} at {k}, {options:?}");
            }
        }
    }

    /// With elementary functions and sums in `f32`: within the roundings of the plan, and no choice
    /// of instruction set with fused multiply-add or of gathering changes a bit.
    #[test]
    fn single_precision_functions_err_by_no_more_than_their_roundings(
        seed: u64,
        steps in 1usize..150,
    ) {
        let plans = plans(seed, steps, false);
        let i = Random(seed).inputs(SHAPE);
        let analysis = Interpreter::<Running>::with_element(plans.clone());
        let bounds = [eval_as(&analysis, &i), jvp_as(&analysis, &i), vjp_as(&analysis, &i)].concat();
        let mut fused: Option<Vec<u32>> = None;
        for options in whole_options() {
            let kernel = compiled_f32(&plans, options);
            let got = [eval_as(&kernel, &i), jvp_as(&kernel, &i), vjp_as(&kernel, &i)].concat();
            for (k, (g, b)) in got.iter().zip(&bounds).enumerate() {
                let error = (f64::from(*g) - b.value).abs();
                prop_assert!(error <= b.error, "{g:e} instead of {b:?} at {k}, {options:?}");
            }
            if options.isa != slopefield_cpu::Isa::Portable {
                let bits: Vec<u32> = got.iter().map(|x| x.to_bits()).collect();
                prop_assert_eq!(fused.get_or_insert(bits.clone()), &bits);
            }
        }
    }
}

#[test]
fn a_plan_of_many_functions_agrees_with_the_interpreter() {
    let plans = plans(99, 6000, true);
    let reference = Interpreter::new(plans.clone());
    let kernel = compiled(&plans, slopefield_cpu::Options::default());
    let i = Random(1).inputs(SHAPE);
    assert_eq!(eval(&kernel, &i), eval(&reference, &i));
}
