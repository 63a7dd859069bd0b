//! Accuracy over the domain and at its edges, and the same bits on every instruction set.

use slopefield_graph::plan::{BinaryOp, UnaryOp};

use super::bounds::{self, VECTOR};
use crate::dense::table::{Isa, table};

/// Distance in representable numbers; 0 for two NaN.
pub(super) fn ulps(a: f64, b: f64) -> u64 {
    if a.is_nan() || b.is_nan() {
        return if a.is_nan() && b.is_nan() { 0 } else { u64::MAX };
    }
    let order = |x: f64| {
        let b = x.to_bits() as i64;
        if b < 0 { i64::MIN - b } else { b }
    };
    order(a).abs_diff(order(b))
}

/// SplitMix64 (Steele, Lea & Flood 2014) as numbers in `[0, 1)`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
    fn between(&mut self, a: f64, b: f64) -> f64 {
        a + (b - a) * self.next()
    }
    /// Log-uniform size between powers of ten, either sign.
    fn spread(&mut self, a: f64, b: f64) -> f64 {
        let size = 10f64.powf(self.between(a, b));
        if self.next() < 0.5 { -size } else { size }
    }
}

pub(super) fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

pub(super) fn map(isa: Isa, op: UnaryOp, xs: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; xs.len()];
    // SAFETY: both runs have the length given; `table` checks the machine.
    unsafe { (table(isa).map)(op)(out.as_mut_ptr(), xs.as_ptr(), xs.len()) };
    out
}

pub(super) fn zip(isa: Isa, op: BinaryOp, xs: &[f64], ys: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; xs.len()];
    // SAFETY: the runs have the length given; `table` checks the machine.
    unsafe { (table(isa).zip)(op)(out.as_mut_ptr(), xs.as_ptr(), ys.as_ptr(), xs.len()) };
    out
}

fn pow(isa: Isa, xs: &[f64], ys: &[f64]) -> Vec<f64> {
    zip(isa, BinaryOp::Pow, xs, ys)
}

/// The function to compare with, correctly rounded or nearly so.
fn reference(op: UnaryOp) -> fn(f64) -> f64 {
    match op {
        UnaryOp::Exp => pxfm::f_exp,
        UnaryOp::Expm1 => pxfm::f_expm1,
        UnaryOp::Ln => pxfm::f_log,
        UnaryOp::Log1p => pxfm::f_log1p,
        UnaryOp::Sin => pxfm::f_sin,
        UnaryOp::Cos => pxfm::f_cos,
        UnaryOp::Tan => pxfm::f_tan,
        UnaryOp::Atan => pxfm::f_atan,
        UnaryOp::Log2 => pxfm::f_log2,
        UnaryOp::Log10 => pxfm::f_log10,
        UnaryOp::Cbrt => pxfm::f_cbrt,
        UnaryOp::Erf => pxfm::f_erf,
        UnaryOp::Erfc => pxfm::f_erfc,
        UnaryOp::Gelu => gelu,
        // pxfm 0.1.30 loses the sign of zero here, and gives NaN for the logistic function below.
        UnaryOp::Sinh => |x| if x == 0.0 { x } else { pxfm::f_sinh(x) },
        UnaryOp::Cosh => pxfm::f_cosh,
        UnaryOp::Tanh => pxfm::f_tanh,
        UnaryOp::Sigmoid => |x| if x < -700.0 { pxfm::f_exp(x) } else { pxfm::f_logistic(x) },
        UnaryOp::Softplus => |x| {
            let ramp = if x < 0.0 { 0.0 } else { x }; // keeps NaN
            ramp + pxfm::f_log1p(pxfm::f_exp(-x.abs()))
        },
        other => panic!("{other:?} has no vector code"),
    }
}

/// `x erfc(-x/√2) / 2` from correctly rounded functions, with what `x/√2` loses put back.
fn gelu(x: f64) -> f64 {
    let z = -x * std::f64::consts::FRAC_1_SQRT_2;
    let rest = (-x).mul_add(std::f64::consts::FRAC_1_SQRT_2, -z) + x * 4.833_646_656_726_457e-17;
    let slope = std::f64::consts::FRAC_2_SQRT_PI * pxfm::f_exp(-z * z);
    0.5 * x * (-slope).mul_add(rest, pxfm::f_erfc(z))
}

/// Arguments that cover the domain: uniform where the function varies, and log-uniform sizes.
fn arguments(op: UnaryOp, count: usize) -> Vec<f64> {
    let mut r = Random(op as u64 + 1);
    let (low, high): (f64, f64) = match op {
        UnaryOp::Exp | UnaryOp::Sigmoid | UnaryOp::Softplus => (-746.0, 710.0),
        UnaryOp::Expm1 | UnaryOp::Sinh | UnaryOp::Cosh => (-45.0, 710.5),
        UnaryOp::Ln | UnaryOp::Log2 | UnaryOp::Log10 => (0.4, 3.0),
        UnaryOp::Erfc => (-6.0, 27.3),
        UnaryOp::Gelu => (-37.0, 9.0),
        UnaryOp::Cbrt => (-1000.0, 1000.0),
        UnaryOp::Log1p => (-1.0, 3.0),
        UnaryOp::Sin | UnaryOp::Cos | UnaryOp::Tan => (-1e6, 1e6),
        _ => (-23.0, 23.0),
    };
    let mut xs: Vec<f64> = (0..count).map(|_| r.between(low, high)).collect();
    xs.extend((0..count).map(|_| r.between(-3.0, 3.0)));
    xs.extend((0..count).map(|_| r.spread(-20.0, 3.0)));
    xs.extend((0..count / 4).map(|_| r.spread(-323.0, 308.0)));
    if matches!(op, UnaryOp::Ln | UnaryOp::Log2 | UnaryOp::Log10) {
        xs.iter_mut().for_each(|x| *x = x.abs());
    }
    if op == UnaryOp::Gelu {
        xs.retain(|x| !(-39.0..-37.0).contains(x)); // its reference has lost digits there
    }
    if matches!(op, UnaryOp::Sin | UnaryOp::Cos | UnaryOp::Tan) {
        // The nearest doubles to multiples of π/2 lose the most leading digits.
        xs.extend((1..count).map(|k| k as f64 * std::f64::consts::FRAC_PI_2));
    }
    xs
}

/// Largest distance from the correctly rounded value, and where.
fn worst(got: &[f64], want: impl Fn(usize) -> f64) -> (u64, usize) {
    (0..got.len()).map(|i| (ulps(got[i], want(i)), i)).max().expect("there are arguments")
}

#[test]
fn functions_are_as_close_to_the_correctly_rounded_value_as_stated() {
    for op in VECTOR {
        let f = reference(op);
        let stated = bounds::unary(op).native;
        // The references of these two are themselves made of rounded functions.
        let made = matches!(op, UnaryOp::Softplus | UnaryOp::Gelu);
        let allowed = stated + u64::from(made);
        for isa in available() {
            let xs = arguments(op, 20_000);
            let got = map(isa, op, &xs);
            let (distance, i) = worst(&got, |i| f(xs[i]));
            assert!(
                distance <= allowed,
                "{op:?}({:e}) = {:e} instead of {:e} on {isa:?}: {distance} numbers apart",
                xs[i],
                got[i],
                f(xs[i])
            );
        }
    }
}

/// Runs of doubles around the places where the code takes another branch.
#[test]
fn functions_keep_their_bounds_where_branches_meet() {
    let places = [
        (UnaryOp::Tanh, vec![0.173_286_795_139_986_3, 18.195, 18.4, 18.7, 19.06, 20.0]),
        (UnaryOp::Exp, vec![0.346_573_590_279_972_65, -708.396_418_532_264_1, 709.7]),
        (UnaryOp::Ln, vec![std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::SQRT_2, 1.0]),
        (UnaryOp::Log1p, vec![0.25, -0.25, 1e-17, -0.999_999]),
        (UnaryOp::Sin, vec![1e-9, std::f64::consts::FRAC_PI_4, 1_048_576.0]),
        (UnaryOp::Cos, vec![1e-9, std::f64::consts::FRAC_PI_4, 1_048_576.0]),
        (UnaryOp::Tan, vec![1e-9, std::f64::consts::FRAC_PI_4, 1_048_576.0]),
        (UnaryOp::Atan, vec![0.414_213_562_373_095_05, 1.0, 2.414_213_562_373_095]),
        (UnaryOp::Sinh, vec![690.0, 0.346_573_590_279_972_65]),
        (UnaryOp::Cosh, vec![709.0]),
        (UnaryOp::Erf, vec![0.5, 1.0, 5.9, 6.5, 1e-290]),
        (UnaryOp::Erfc, vec![0.5, -0.5, 26.0, 27.2]),
    ];
    for (op, centres) in places {
        let f = reference(op);
        for centre in centres {
            // Neighbours and, by larger strides, a hundredth to both sides.
            let near = (0..2000u64).map(|i| f64::from_bits((centre.to_bits() - 1000) + i));
            let far = (0..2000).map(|i| centre * (0.99 + 1e-5 * f64::from(i)));
            let xs: Vec<f64> = near.chain(far).collect();
            for isa in available() {
                let got = map(isa, op, &xs);
                let (distance, i) = worst(&got, |i| f(xs[i]));
                assert!(
                    distance <= bounds::unary(op).native,
                    "{op:?}({:e}) = {:e} on {isa:?}: {distance} numbers off",
                    xs[i],
                    got[i]
                );
            }
        }
    }
}

#[test]
fn powers_are_as_close_to_the_correctly_rounded_value_as_stated() {
    let mut r = Random(77);
    let mut xs = Vec::new();
    let mut ys = Vec::new();
    for _ in 0..30_000 {
        xs.push(r.spread(-3.0, 3.0).abs());
        ys.push(r.between(-100.0, 100.0));
        xs.push(r.between(0.5, 2.0));
        ys.push(r.between(-1000.0, 1000.0));
        xs.push(1.0 + r.spread(-12.0, -1.0));
        ys.push(r.spread(-3.0, 12.0));
    }
    for isa in available() {
        let got = pow(isa, &xs, &ys);
        let (distance, i) = worst(&got, |i| pxfm::f_pow(xs[i], ys[i]));
        let stated = bounds::binary(BinaryOp::Pow).native;
        assert!(distance <= stated, "{:e}^{:e} = {:e}: {distance} off", xs[i], ys[i], got[i]);
    }
}

#[test]
fn edges_of_powers_are_those_of_ieee_754() {
    let values = [
        0.0,
        -0.0,
        5e-324,
        1e-310,
        0.5,
        1.0,
        1.5,
        2.0,
        3.0,
        1e10,
        1e300,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
        -0.5,
        -1.0,
        -2.0,
        -3.0,
        -1e300,
        f64::NEG_INFINITY,
        1e-300,
        -1e-310,
        0.999999999,
    ];
    for isa in available() {
        for x in values {
            let xs = [x; 23];
            let got = pow(isa, &xs, &values);
            for (&y, &z) in values.iter().zip(&got) {
                let want = x.powf(y);
                assert!(ulps(z, want) <= 2, "{x:e}^{y:e} = {z:e} instead of {want:e} on {isa:?}");
                assert_eq!(
                    z == 0.0 && z.is_sign_negative(),
                    want == 0.0 && want.is_sign_negative()
                );
            }
        }
    }
}

#[test]
fn every_path_with_fused_multiply_add_gives_the_same_bits() {
    let fused: Vec<Isa> = available().filter(|isa| *isa != Isa::Portable).collect();
    let Some(&first) = fused.first() else { return };
    for op in UnaryOp::ALL {
        let mut xs = arguments(op, 3000);
        xs.extend([0.0, -0.0, 1e-310, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
        let want = map(first, op, &xs);
        for &isa in &fused {
            let got = map(isa, op, &xs);
            for i in 0..xs.len() {
                // SAFETY: `isa` is available.
                let single = unsafe { (table(isa).scalar1)(op)(xs[i]) };
                for y in [got[i], single] {
                    assert!(
                        y.to_bits() == want[i].to_bits() || (y.is_nan() && want[i].is_nan()),
                        "{op:?}({:e}) on {isa:?}: {y:e} and {:e}",
                        xs[i],
                        want[i]
                    );
                }
            }
        }
    }
    let mut r = Random(5);
    let xs: Vec<f64> = (0..5000).map(|_| r.spread(-4.0, 4.0).abs()).collect();
    let ys: Vec<f64> = (0..5000).map(|_| r.between(-60.0, 60.0)).collect();
    let want = pow(first, &xs, &ys);
    for &isa in &fused {
        let got = pow(isa, &xs, &ys);
        for i in 0..xs.len() {
            // SAFETY: `isa` is available.
            let single = unsafe { (table(isa).scalar2)(BinaryOp::Pow)(xs[i], ys[i]) };
            assert_eq!(got[i].to_bits(), want[i].to_bits());
            assert_eq!(single.to_bits(), want[i].to_bits());
        }
    }
}
