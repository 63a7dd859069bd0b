//! Whole plans on the device against the interpreter: values, forward and reverse products.

use std::collections::BTreeSet;

use crate::common::{Random, device, dialect, lowered};
use slopefield_gpu::{GpuError, PointProgram};
use slopefield_graph::Interpreter;
use slopefield_graph::plan::{Buffer, Entry, Instruction, LaneOutput, Plan, Plans, Ref};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

const KINETICS: &str = "
state a = 0.9
state b = 0.2
param k = 1.2
param e = 0.7
param m = 0.4
let rate = k*exp(-e/(0.5 + a))*a^1.7
a' = -rate + 0.1*sin(3*t)
b' = rate - m*tanh(b) + (if a > 0.6 then 0.05 else 0.02)*ln(1 + b)
";

const NETWORK: &str = "
state x = 0.8
state y = -0.3
param c = 1
network n: mlp(inputs: 2, outputs: 2, hidden: [12, 7], activation: tanh)
let z = n(x, y)
x' = z[1] - c*x
y' = z[2] - c*y + t
";

const GRID: &str = "
const N = 24
state u[N] = 0.3
param d = 1
param r[N] = 0.5
u[i]' = d*(u[clamp(i - 1)] - 2*u[i] + u[clamp(i + 1)]) + r[i]*u[i]*(1 - u[i]) for i in 1..N
";

const MEAN: &str = "
const N = 9
state u[N] = 0.3
param w[N] = 0.5
param k = 1.5
u[i]' = k*(mean(u) - u[i]) + sin(w[i])*sum(u[j]^2*w[j] for j in 1..N) for i in 1..N
";

/// Plans of one function of a model.
fn rhs(text: &str) -> Plans {
    lowered(text).rhs
}

/// A value for each row of `own_values`, and all parameters once.
struct Points {
    t: Vec<f32>,
    u: Vec<Vec<f32>>,
    p: Vec<Vec<f32>>,
    dt: Vec<f32>,
    du: Vec<Vec<f32>>,
    dp: Vec<Vec<f32>>,
    w: Vec<Vec<f32>>,
}

const COUNT: usize = 130; // not a multiple of the group

fn points(shape: Shape, own: &[usize]) -> Points {
    let mut random = Random(11);
    let mut rows = |n: usize, low: f64, high: f64| -> Vec<Vec<f32>> {
        let row = |random: &mut Random| (0..n).map(|_| random.uniform(low, high) as f32).collect();
        (0..COUNT).map(|_| row(&mut random)).collect()
    };
    let Shape { states, params, outputs } = shape;
    let u = rows(states, 0.1, 1.2);
    let mut p = rows(params, 0.1, 0.9);
    // What is not a point's own is that of the first point.
    for k in 1..COUNT {
        for i in (0..params).filter(|i| !own.contains(i)) {
            p[k][i] = p[0][i];
        }
    }
    let (du, dp, w) = (rows(states, -1.0, 1.0), rows(params, -1.0, 1.0), rows(outputs, -1.0, 1.0));
    let times = |rows: Vec<Vec<f32>>| rows.into_iter().map(|r| r[0]).collect();
    Points { t: times(rows(1, 0.0, 3.0)), dt: times(rows(1, -1.0, 1.0)), u, p, du, dp, w }
}

/// Points as columns.
fn columns(points: &Points, own: &[usize], entry: Entry) -> Vec<f64> {
    let mut all = points.t.clone();
    let mut push = |rows: &[Vec<f32>], keep: &dyn Fn(usize) -> bool| {
        for i in (0..rows[0].len()).filter(|i| keep(*i)) {
            all.extend(rows.iter().map(|row| row[i]));
        }
    };
    push(&points.u, &|_| true);
    push(&points.p, &|i| own.contains(&i));
    match entry {
        Entry::Eval => {}
        Entry::Jvp => {
            push(&points.dt.iter().map(|dt| vec![*dt]).collect::<Vec<_>>(), &|_| true);
            push(&points.du, &|_| true);
            push(&points.dp, &|_| true);
        }
        _ => push(&points.w, &|_| true),
    }
    all.into_iter().map(f64::from).collect()
}

/// What the interpreter makes of point `k`, in the order of the rows of `results`.
fn interpreted(kernel: &Interpreter<f64>, entry: Entry, points: &Points, k: usize) -> Vec<f64> {
    let Shape { states, params, outputs } = kernel.shape();
    let wide = |row: &[f32]| -> Vec<f64> { row.iter().map(|x| f64::from(*x)).collect() };
    let (u, p) = (wide(&points.u[k]), wide(&points.p[k]));
    let t = f64::from(points.t[k]);
    let mut scratch = vec![0.0; kernel.scratch_len()];
    let mut out = vec![0.0; outputs];
    match entry {
        Entry::Eval => {
            kernel.eval(t, &u, &p, &mut out, &mut scratch);
            out
        }
        Entry::Jvp => {
            let mut dout = vec![0.0; outputs];
            let (du, dp) = (wide(&points.du[k]), wide(&points.dp[k]));
            let along = Tangent { t: f64::from(points.dt[k]), u: &du, p: &dp };
            kernel.jvp(Point { t, u: &u, p: &p }, along, &mut out, &mut dout, &mut scratch);
            [out, dout].concat()
        }
        _ => {
            let (mut dt, mut du, mut dp) = ([0.0], vec![0.0; states], vec![0.0; params]);
            let grad = Cotangent { t: &mut dt[0], u: &mut du, p: &mut dp };
            kernel.vjp(Point { t, u: &u, p: &p }, &wide(&points.w[k]), grad, &mut scratch);
            [dt.to_vec(), du, dp].concat()
        }
    }
}

/// Compares the three entries; gives the names of the instructions that ran.
fn compare(plans: &Plans, own: &[usize]) -> BTreeSet<String> {
    let kernel = Interpreter::new(plans.clone());
    let points = points(plans.eval.shape, own);
    let mut seen = BTreeSet::new();
    for plan in [&plans.eval, &plans.jvp, &plans.vjp] {
        names(plan, &mut seen);
        let program = PointProgram::new(plan, own, dialect()).expect("it has a form");
        let shared: Vec<f64> = points.p[0].iter().map(|x| f64::from(*x)).collect();
        let columns = columns(&points, own, plan.entry);
        let got = device().evaluate(&program, COUNT, &columns, &shared);
        let got = got.unwrap_or_else(|e| panic!("{e}\n{}", program.text));
        for k in 0..COUNT {
            let want = interpreted(&kernel, plan.entry, &points, k);
            assert_eq!(program.outputs, want.len());
            // Rounding of sums and functions, against the largest number of the result.
            let size = want.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            for (i, want) in want.iter().enumerate() {
                let got = got[i * COUNT + k];
                assert!(
                    (got - want).abs() <= 4e-6 * size,
                    "{:?}, point {k}, row {i}: {got} instead of {want}\n{}",
                    plan.entry,
                    program.text
                );
            }
        }
    }
    seen
}

fn names(plan: &Plan, into: &mut BTreeSet<String>) {
    for instruction in &plan.code {
        into.insert(instruction.name().to_owned());
        if let Instruction::Each { body, .. } = instruction {
            for output in &plan.bodies[*body as usize].outputs {
                into.insert(match output {
                    LaneOutput::Store(..) => "each, store".into(),
                    LaneOutput::AddTo(..) => "each, add to".into(),
                    LaneOutput::ScatterAdd(..) => "each, scatter".into(),
                    LaneOutput::SumTo(..) => "each, sum".into(),
                });
            }
        }
    }
}

fn all_params(plans: &Plans) -> Vec<usize> {
    (0..plans.eval.shape.params).collect()
}

#[test]
fn kinetics() {
    let plans = rhs(KINETICS);
    for own in [vec![], vec![1], all_params(&plans)] {
        compare(&plans, &own);
    }
}

#[test]
fn a_network_with_weights_of_all_or_of_each() {
    let plans = rhs(NETWORK);
    // None, the decay alone, some weights out of a matrix, all.
    for own in [vec![], vec![0], vec![0, 3, 4, 9], all_params(&plans)] {
        compare(&plans, &own);
    }
}

#[test]
fn loops_over_arrays() {
    for text in [GRID, MEAN] {
        let plans = rhs(text);
        for own in [vec![], vec![0], vec![2, 5], all_params(&plans)] {
            compare(&plans, &own);
        }
    }
}

fn at(buffer: Buffer, offset: u32) -> Ref {
    Ref { buffer, offset }
}

/// The instructions that models of one's own rarely need.
fn rare() -> Plan {
    use Buffer::{Constants, Out, Params, Scratch, States};
    let shape = Shape { states: 3, params: 6, outputs: 9 };
    let mut plan = Plan::new(Entry::Eval, shape);
    plan.scratch_len = 5;
    plan.constants = vec![0.25, -1.5, f64::INFINITY];
    plan.code = vec![
        Instruction::Fill { dst: at(Scratch, 0), len: 3, value: 0.75 },
        Instruction::Add { dst: at(Scratch, 0), src: at(States, 0), len: 3 },
        Instruction::Zip {
            op: slopefield_graph::plan::BinaryOp::Mul,
            dst: at(Scratch, 0),
            a: at(Scratch, 0),
            b: at(Params, 1),
            len: 3,
        },
        Instruction::Map {
            op: slopefield_graph::plan::UnaryOp::Tanh,
            dst: at(Scratch, 0),
            src: at(Scratch, 0),
            len: 3,
        },
        Instruction::MatVec {
            y: at(Scratch, 3),
            a: at(Params, 0),
            x: at(Scratch, 0),
            rows: 2,
            cols: 3,
            add: false,
        },
        Instruction::MatTVec {
            y: at(Out, 0),
            a: at(Params, 0),
            x: at(Scratch, 3),
            rows: 2,
            cols: 3,
            add: false,
        },
        Instruction::Dot { dst: at(Out, 3), a: at(Params, 3), b: at(States, 0), len: 3 },
        Instruction::Sum { dst: at(Out, 4), src: at(Scratch, 0), len: 5 },
        Instruction::Copy { dst: at(Out, 5), src: at(Constants, 0), len: 2 },
        Instruction::Load(at(Constants, 2)),
        Instruction::Load(at(States, 1)),
        Instruction::Binary(slopefield_graph::plan::BinaryOp::Less, 10, 9),
        Instruction::Select(11, 10, 9),
        Instruction::Constant(f64::NEG_INFINITY),
        Instruction::Select(11, 12, 13),
        Instruction::AddTo(at(Scratch, 4), 14),
        Instruction::Store(at(Out, 7), 14),
        Instruction::Load(at(Scratch, 4)),
        Instruction::Store(at(Out, 8), 17),
    ];
    plan.verify().expect("the plan is right");
    plan
}

#[test]
fn every_instruction_has_been_compared() {
    let mut seen = BTreeSet::new();
    for text in [KINETICS, NETWORK, GRID, MEAN] {
        let plans = rhs(text);
        seen.extend(compare(&plans, &[0]));
    }
    let (plan, shape) = (rare(), rare().shape);
    names(&plan, &mut seen);
    let plans = Plans { eval: plan.clone(), jvp: plan.clone(), vjp: plan.clone() };
    let points = points(shape, &[1, 2, 3]);
    let program = PointProgram::new(&plan, &[1, 2, 3], dialect()).expect("it has a form");
    let shared: Vec<f64> = points.p[0].iter().map(|x| f64::from(*x)).collect();
    let columns = columns(&points, &[1, 2, 3], Entry::Eval);
    let got = device().evaluate(&program, COUNT, &columns, &shared).expect("the device works");
    let kernel = Interpreter::new(plans);
    for k in 0..COUNT {
        for (i, want) in interpreted(&kernel, Entry::Eval, &points, k).into_iter().enumerate() {
            let got = got[i * COUNT + k];
            assert!((got - want).abs() <= 2e-6 * want.abs().max(1.0), "{i}: {got}, {want}");
        }
    }
    let missing: Vec<_> = [
        "constant",
        "load",
        "unary",
        "binary",
        "select",
        "store",
        "add-to",
        "fill",
        "copy",
        "add",
        "map",
        "zip",
        "matvec",
        "mattvec",
        "outer",
        "layer",
        "each",
        "sum",
        "dot",
        "each, store",
        "each, add to",
        "each, scatter",
        "each, sum",
    ]
    .into_iter()
    .filter(|name| !seen.contains(*name))
    .collect();
    assert!(missing.is_empty(), "not compared: {missing:?}; compared: {seen:?}");
}

#[test]
fn what_does_not_fit_is_refused_with_the_numbers() {
    let mut plan = rare();
    plan.scratch_len = 5000;
    let error = PointProgram::new(&plan, &[], dialect()).expect_err("it is too large");
    assert_eq!(error, GpuError::TooLarge { needed: 5000, limit: 2048 });
    let error = PointProgram::new(&rare(), &[3, 2], dialect()).expect_err("it is not sorted");
    assert!(error.to_string().contains("must ascend"), "{error}");
    let program = PointProgram::new(&rare(), &[], dialect()).expect("it has a form");
    let error = device().evaluate(&program, 3, &[0.0; 2], &[0.0; 6]).expect_err("too short");
    assert!(error.to_string().contains("3 points of 4"), "{error}");
}
