//! Every function of the language on the device against the same function in double precision,
//! rounded once: the error in units in the last place, and what happens at the edges.

use crate::common::{Random, device, dialect, scalar_plan};
use slopefield_gpu::{Dialect, PointProgram};
use slopefield_graph::plan::{BinaryOp, Instruction, UnaryOp};

/// Where a function is compared, and the largest error in units in the last place of the result or
/// of `floor`, whichever is larger. The bounds are those of docs/reference/gpu.md.
struct Bound {
    low: f64,
    high: f64,
    ulps: f64,
    floor: f64,
}

fn bound(op: UnaryOp) -> Bound {
    let b = |low, high, ulps| Bound { low, high, ulps, floor: 0.0 };
    match op {
        UnaryOp::Neg
        | UnaryOp::Not
        | UnaryOp::Abs
        | UnaryOp::Sign
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round
        | UnaryOp::Relu
        | UnaryOp::Step => b(-1e6, 1e6, 0.0),
        UnaryOp::Sqrt => b(0.0, 1e30, 3.0),
        UnaryOp::Cbrt => b(-1e30, 1e30, 2.0),
        UnaryOp::Exp => b(-87.0, 88.7, 2.0),
        UnaryOp::Expm1 => b(-20.0, 88.7, 4.0),
        UnaryOp::Ln | UnaryOp::Log2 | UnaryOp::Log10 => b(0.0, 1e30, 4.0),
        UnaryOp::Log1p => b(-1.0, 1e30, 4.0),
        // Near multiples of π the rest of the angle has an error of its own.
        UnaryOp::Sin | UnaryOp::Cos => Bound { floor: 1e-3, ..b(-5e4, 5e4, 3.0) },
        UnaryOp::Tan => Bound { floor: 1e-3, ..b(-5e4, 5e4, 5.0) },
        UnaryOp::Asin | UnaryOp::Acos => b(-1.0, 1.0, 4.0),
        UnaryOp::Atan => b(-1e10, 1e10, 4.0),
        UnaryOp::Sinh | UnaryOp::Cosh => b(-88.7, 88.7, 5.0),
        UnaryOp::Tanh => b(-12.0, 12.0, 5.0),
        UnaryOp::Asinh => b(-1e30, 1e30, 5.0),
        UnaryOp::Acosh => b(1.0, 1e30, 5.0),
        UnaryOp::Atanh => b(-1.0, 1.0, 5.0),
        UnaryOp::Sigmoid => b(-87.0, 87.0, 4.0),
        UnaryOp::Softplus => b(-87.0, 87.0, 4.0),
        UnaryOp::Gelu => b(-12.5, 30.0, 6.0),
        UnaryOp::Erf => b(-5.0, 5.0, 5.0),
        UnaryOp::Erfc => b(-5.0, 9.1, 8.0),
        UnaryOp::Gamma => b(-30.0, 35.0, 12.0),
        // Absolute near the zeros at negative numbers.
        UnaryOp::LnGamma => Bound { floor: 1.0, ..b(-30.0, 1e6, 8.0) },
    }
}

/// Points of a range: evenly spread, and as many with evenly spread exponents.
fn points(low: f64, high: f64) -> Vec<f32> {
    let mut random = Random(7);
    let mut all = Vec::new();
    for _ in 0..8_000 {
        all.push(random.uniform(low, high) as f32);
        let size = random.uniform(-20.0, high.abs().max(low.abs()).log10());
        let x = 10f64.powf(size) * if random.bits() & 1 == 0 { 1.0 } else { -1.0 };
        if (low..=high).contains(&x) {
            all.push(x as f32);
        }
    }
    all.retain(|x| (low..=high).contains(&f64::from(*x)));
    all
}

/// What the device computes of `columns` (one per operand).
fn on_device(function: Instruction, columns: &[&[f32]]) -> Vec<f32> {
    let plan = scalar_plan(columns.len(), function);
    let program = PointProgram::new(&plan, &[], dialect()).expect("it has a form");
    let count = columns[0].len();
    let mut own = vec![0.0; count]; // time
    for column in columns {
        own.extend(column.iter().map(|x| f64::from(*x)));
    }
    let all = device().evaluate(&program, count, &own, &[]).expect("the device works");
    all.into_iter().map(|x| x as f32).collect()
}

/// The distance in units in the last place of `want` or `floor`.
fn ulps(got: f32, want: f64, floor: f64) -> f64 {
    let size = (want.abs().max(floor) as f32).max(f32::MIN_POSITIVE);
    let ulp = f64::from(f32::from_bits(size.to_bits() + 1)) - f64::from(size);
    (f64::from(got) - want).abs() / ulp
}

#[test]
fn functions_of_one_argument_are_as_accurate_as_told() {
    let mut wrong = Vec::new();
    for op in UnaryOp::ALL {
        let Bound { low, high, ulps: most, floor } = bound(op);
        let x = points(low, high);
        let got = on_device(Instruction::Unary(op, 0), &[&x]);
        let (mut worst, mut at) = (0.0, (0.0, 0.0, 0.0));
        for (&x, &got) in x.iter().zip(&got) {
            let want = op.apply(f64::from(x));
            // What is below the smallest normal number may be 0 on a device.
            if want.abs() < f64::from(f32::MIN_POSITIVE) && got.abs() <= f32::MIN_POSITIVE
                || x.abs() < f32::MIN_POSITIVE
            {
                continue;
            }
            if want as f32 == got || want.is_nan() && got.is_nan() {
                continue;
            }
            let distance = ulps(got, want, floor);
            if !(distance <= worst) {
                (worst, at) = (distance, (x, got, want as f32));
            }
        }
        println!("{:>9} {worst:8.2} ulps at {at:?}", op.name());
        if !(worst <= most) {
            wrong.push(format!("{}: {worst:.2} ulps at {at:?}, more than {most}", op.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Numbers at which functions have edges.
const EDGES: [f32; 25] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    1.5,
    -1.5,
    2.5,
    3.0,
    -3.0,
    4.0,
    10.0,
    -10.0,
    40.0,
    -40.0,
    150.0,
    -150.0,
    1e10,
    -1e10,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// The same kind of number: NaN, infinite, or a number that is near.
fn alike(got: f32, want: f64) -> bool {
    let rounded = want as f32;
    if rounded.is_nan() || rounded.is_infinite() {
        return got.is_nan() == rounded.is_nan() && (got.is_nan() || got == rounded);
    }
    // Below the smallest normal number a device may give 0.
    (f64::from(got) - want).abs() <= 3e-6 * want.abs() + f64::from(f32::MIN_POSITIVE)
}

#[test]
fn functions_of_one_argument_keep_their_edges() {
    let mut wrong = Vec::new();
    for op in UnaryOp::ALL {
        let got = on_device(Instruction::Unary(op, 0), &[&EDGES]);
        for (&x, &got) in EDGES.iter().zip(&got) {
            let want = op.apply(f64::from(x));
            let angle = matches!(op, UnaryOp::Sin | UnaryOp::Cos | UnaryOp::Tan);
            // Told: in WGSL angles beyond 50,000 have no digits left.
            let lost = angle && x.abs() > 5e4 && dialect() == Dialect::Wgsl;
            let right = if lost { got.is_nan() } else { alike(got, want) };
            if !right {
                wrong.push(format!("{}({x:e}) = {got:e} instead of {want:e}", op.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_of_two_arguments_agree_everywhere() {
    let mut random = Random(3);
    let mut a: Vec<f32> = EDGES.iter().flat_map(|x| [*x; EDGES.len()]).collect();
    let mut b: Vec<f32> = EDGES.iter().copied().cycle().take(a.len()).collect();
    let edges = a.len();
    for _ in 0..8_000 {
        a.push(random.uniform(-5.0, 5.0) as f32);
        b.push(random.uniform(-5.0, 5.0) as f32);
        a.push(10f64.powf(random.uniform(-10.0, 10.0)) as f32);
        b.push(random.uniform(-9.0, 9.0) as f32);
        // Equal ones, for comparisons, and whole exponents.
        let x = random.uniform(-9.0, 9.0).round() as f32;
        a.push(x);
        b.push(if random.bits() & 1 == 0 { x } else { random.uniform(-4.0, 4.0).round() as f32 });
    }
    let mut wrong = Vec::new();
    for op in BinaryOp::ALL {
        let most = match op {
            BinaryOp::Div => 2.5,
            BinaryOp::Pow | BinaryOp::Atan2 => 5.0,
            _ => 0.5,
        };
        let got = on_device(Instruction::Binary(op, 0, 1), &[&a, &b]);
        let (mut worst, mut at) = (0.0, (0.0, 0.0, 0.0, 0.0));
        for (i, ((&a, &b), &got)) in a.iter().zip(&b).zip(&got).enumerate() {
            let want = op.apply(f64::from(a), f64::from(b));
            if i < edges {
                if !alike(got, want) {
                    let op = op.symbol();
                    wrong.push(format!("{a:e} {op} {b:e} = {got:e} instead of {want:e}"));
                }
                continue;
            }
            let tiny = want.abs() < f64::from(f32::MIN_POSITIVE) && got.abs() <= f32::MIN_POSITIVE;
            if want as f32 == got || want.is_nan() && got.is_nan() || tiny {
                continue;
            }
            let distance = ulps(got, want, 0.0);
            if !(distance <= worst) {
                (worst, at) = (distance, (a, b, got, want as f32));
            }
        }
        println!("{:>6} {worst:8.2} ulps at {at:?}", op.symbol());
        if !(worst <= most) {
            let op = op.symbol();
            wrong.push(format!("{op}: {worst:.2} ulps at {at:?}, more than {most}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
