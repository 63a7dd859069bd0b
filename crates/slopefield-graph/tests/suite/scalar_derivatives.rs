//! Derivative rules of all scalar functions over their domains, and at the edges.

use crate::support;

use slopefield_lang::{Binary, Unary};
use support::*;

/// Points inside the domain where a function is smooth.
fn points(op: Unary) -> Vec<f64> {
    let all = vec![-29.7, -7.3, -2.2, -0.9, -0.31, -1e-3, 1e-3, 0.27, 0.77, 1.4, 3.6, 9.2, 28.4];
    let inside = |low: f64, high: f64| -> Vec<f64> {
        all.iter().copied().filter(|x| *x > low && *x < high).collect()
    };
    match op {
        Unary::Sqrt | Unary::Ln | Unary::Log2 | Unary::Log10 => inside(0.0, 100.0),
        Unary::Log1p => inside(-1.0, 100.0),
        Unary::Asin | Unary::Acos | Unary::Atanh => inside(-1.0, 1.0),
        Unary::Acosh => inside(1.0, 100.0),
        Unary::Tan => inside(-1.5, 1.5),
        Unary::Exp | Unary::Sinh | Unary::Cosh | Unary::Expm1 => inside(-10.0, 10.0),
        // The poles at whole numbers below 1 are near everything further left.
        Unary::Gamma | Unary::LnGamma => {
            vec![-4.6, -2.3, -0.4, 0.03, 0.4, 0.5, 0.8, 1.0, 1.46, 2.0, 3.3, 8.6, 15.0]
        }
        _ => all,
    }
}

/// Distance to the nearest point where the function is singular or has a corner.
fn room(op: Unary, x: f64) -> f64 {
    let to_half = (x - x.floor() - 0.5).abs();
    let to_whole = (x - x.round()).abs().max(0.0);
    match op {
        Unary::Sqrt | Unary::Cbrt | Unary::Ln | Unary::Log2 | Unary::Log10 => x.abs(),
        Unary::Abs | Unary::Sign | Unary::Step | Unary::Relu | Unary::Not => x.abs(),
        Unary::Log1p => x + 1.0,
        Unary::Asin | Unary::Acos | Unary::Atanh => 1.0 - x.abs(),
        Unary::Acosh => x - 1.0,
        Unary::Floor | Unary::Ceil => to_whole,
        Unary::Round => to_half,
        Unary::Gamma | Unary::LnGamma if x < 0.5 => to_whole.min(x.abs()),
        _ => 1.0,
    }
}

#[test]
fn every_function_of_one_argument_has_the_right_derivative() {
    for op in Unary::ALL {
        let model = model(vec![un(op, u(0))], &[]);
        let kernel = interpreter(&lowered(&model));
        for x in points(op) {
            let step = (0.4 * room(op, x)).min(0.2);
            let (expected, error) = ridders(|h| op.apply(x + h), step);
            // The differences must be good for the comparison to mean something.
            let scale = expected.abs().max(op.apply(x).abs()).max(1e-3);
            assert!(error < 1e-8 * scale, "{op:?} at {x}: differences only good to {error:e}");
            let at = (0.0, &[x][..], &[][..]);
            let (value, forward) = jvp(&kernel, at, (0.0, &[1.0], &[]));
            let (_, reverse, _) = vjp(&kernel, at, &[1.0]);
            let what = format!("{op:?} at {x}");
            assert_eq!(value[0].to_bits(), op.apply(x).to_bits(), "{what}");
            assert_eq!(forward[0], reverse[0], "{what}: forward and reverse");
            let bound = (10.0 * error).max(2e-10 * scale);
            assert!(
                (forward[0] - expected).abs() <= bound,
                "{what}: {}, expected {expected}",
                forward[0]
            );
        }
    }
}

#[test]
fn every_function_of_two_arguments_has_the_right_derivatives() {
    let values = [-2.7, -0.6, 0.35, 1.2, 4.4];
    for op in Binary::ALL {
        let model = model(vec![bin(op, u(0), u(1)), num(0.0)], &[]);
        let kernel = interpreter(&lowered(&model));
        for a in values {
            for b in values {
                if op == Binary::Pow && a < 0.0 {
                    continue; // real only for whole exponents; below
                }
                let at = (0.0, &[a, b][..], &[][..]);
                let (_, gradient, _) = vjp(&kernel, at, &[1.0, 0.0]);
                for (k, found) in gradient.iter().enumerate() {
                    let step = if op == Binary::Div || op == Binary::Pow { 0.1 } else { 0.04 };
                    let (expected, error) = ridders(
                        |h| {
                            let (a, b) = if k == 0 { (a + h, b) } else { (a, b + h) };
                            op.apply(a, b)
                        },
                        step,
                    );
                    let what = format!("{op:?}({a}, {b}) in argument {k}");
                    if a != b {
                        assert!(error < 1e-7 * expected.abs().max(1.0), "{what}: {error:e}");
                        close(*found, expected, 1e-9 + 10.0 * error, &what);
                    }
                    let mut direction = [0.0, 0.0];
                    direction[k] = 1.0;
                    let (_, forward) = jvp(&kernel, at, (0.0, &direction, &[]));
                    close(forward[0], *found, 1e-15, &what);
                }
            }
        }
    }
}

/// Derivatives with respect to both arguments of an expression of `x0`, `x1`, at a point, in
/// reverse; checked to equal the forward ones.
#[track_caller]
fn gradient(expr: slopefield_lang::Expr, at: [f64; 2]) -> [f64; 2] {
    let model = model(vec![expr, num(0.0)], &[]);
    let kernel = interpreter(&lowered(&model));
    let at = (0.0, &at[..], &[][..]);
    let (_, reverse, _) = vjp(&kernel, at, &[1.0, 0.0]);
    for k in 0..2 {
        let mut direction = [0.0, 0.0];
        direction[k] = 1.0;
        let (_, forward) = jvp(&kernel, at, (0.0, &direction, &[]));
        close(forward[0], reverse[k], 1e-15, &format!("forward and reverse in argument {k}"));
    }
    [reverse[0], reverse[1]]
}

#[test]
fn singular_points_give_infinity_and_never_nan() {
    let inf = f64::INFINITY;
    let sqrt = |x| un(Unary::Sqrt, x);
    assert_eq!(gradient(sqrt(u(0)), [0.0, 1.0]), [inf, 0.0]);
    assert_eq!(gradient(un(Unary::Cbrt, u(0)), [0.0, 1.0]), [inf, 0.0]);
    assert_eq!(gradient(un(Unary::Asin, u(0)), [1.0, 1.0]), [inf, 0.0]);
    assert_eq!(gradient(un(Unary::Acos, u(0)), [-1.0, 1.0]), [-inf, 0.0]);
    assert_eq!(gradient(un(Unary::Acosh, u(0)), [1.0, 1.0]), [inf, 0.0]);
    // A direction that does not move adds nothing, whatever the slope.
    assert_eq!(gradient(add(sqrt(u(0)), mul(u(1), num(3.0))), [0.0, 1.0]), [inf, 3.0]);
    // The norm at the origin.
    let norm = sqrt(add(mul(u(0), u(0)), mul(u(1), u(1))));
    assert_eq!(gradient(norm, [0.0, 0.0]), [0.0, 0.0]);
    assert_eq!(gradient(bin(Binary::Atan2, u(0), u(1)), [0.0, 0.0]), [0.0, 0.0]);
    // Squares neither overflow nor vanish.
    let [a, b] = gradient(bin(Binary::Atan2, u(0), u(1)), [3e-170, 4e-170]);
    close(a, 0.64 / 4e-170, 1e-14, "atan2 of tiny arguments");
    close(b, -0.36 / 3e-170, 1e-14, "atan2 of tiny arguments");
}

#[test]
fn powers_at_and_below_base_zero() {
    let pow = |a, b| bin(Binary::Pow, a, b);
    for (exponent, slope) in [
        (1.0, 1.0),
        (2.0, 0.0),
        (3.0, 0.0),
        (2.5, 0.0),
        (5.0, 0.0),
        (0.0, 0.0),
        (0.5, f64::INFINITY),
    ] {
        let [found, _] = gradient(pow(u(0), num(exponent)), [0.0, 0.0]);
        assert_eq!(found, slope, "slope of x^{exponent} at 0");
    }
    // Exponent from a variable: base 0 is flat in the exponent.
    assert_eq!(gradient(pow(u(0), u(1)), [0.0, 2.0]), [0.0, 0.0]);
    assert_eq!(gradient(pow(u(0), u(1)), [0.0, 1.0]), [1.0, 0.0]);
    assert_eq!(gradient(pow(u(0), u(1)), [0.0, 0.0]), [0.0, 0.0]);
    // Negative base with a whole exponent, as number and as variable.
    assert_eq!(gradient(pow(u(0), num(3.0)), [-2.0, 0.0])[0], 12.0);
    assert_eq!(gradient(pow(u(0), num(5.0)), [-2.0, 0.0])[0], 80.0);
    assert_eq!(gradient(pow(u(0), num(-2.0)), [-2.0, 0.0])[0], 0.25);
    let [base, exponent] = gradient(pow(u(0), u(1)), [-2.0, 3.0]);
    assert_eq!(base, 12.0);
    close(exponent, -8.0 * 2f64.ln(), 1e-15, "real derivative in the exponent");
}

#[test]
fn the_branch_not_taken_does_not_poison_the_gradient() {
    let sqrt = |x| un(Unary::Sqrt, x);
    let ln = |x| un(Unary::Ln, x);
    let positive = |x| bin(Binary::Greater, x, num(0.0));
    // Each is singular or undefined in the branch that is not taken.
    for bad in [
        sqrt(u(0)),
        ln(u(0)),
        div(num(1.0), u(0)),
        bin(Binary::Pow, u(0), num(-1.5)),
        bin(Binary::Pow, u(0), u(1)),
        un(Unary::Exp, div(num(1.0), u(0))),
        mul(un(Unary::Exp, div(u(1), u(0))), u(1)),
        un(Unary::Atanh, div(u(1), u(0))),
        un(Unary::Gamma, u(0)),
        div(sqrt(u(0)), u(0)),
        un(Unary::Tanh, div(u(1), u(0))),
    ] {
        for x in [0.0, -0.0, -1.0] {
            let safe = mul(num(2.0), u(0));
            let expr = iff(positive(u(0)), bad.clone(), safe);
            assert_eq!(gradient(expr, [x, 1.0]), [2.0, 0.0], "{bad:?} at {x}");
        }
    }
    // The same for the operand that min and max leave out, and for a saturated function.
    let least = bin(Binary::Min, div(num(1.0), u(0)), mul(num(5.0), u(1)));
    assert_eq!(gradient(least, [0.0, 1.0]), [0.0, 5.0]);
    let most = bin(Binary::Max, sqrt(u(0)), u(1));
    assert_eq!(gradient(most, [0.0, 1.0]), [0.0, 1.0]);
    let saturated = un(Unary::Tanh, un(Unary::Exp, u(0)));
    assert_eq!(gradient(saturated, [1000.0, 1.0]), [0.0, 0.0]);
    let vanished = un(Unary::Exp, un(Unary::Neg, un(Unary::Exp, u(0))));
    assert_eq!(gradient(vanished, [1000.0, 1.0]), [0.0, 0.0]);
}

#[test]
fn corners_follow_the_documented_choice() {
    assert_eq!(gradient(un(Unary::Abs, u(0)), [0.0, 1.0])[0], 0.0);
    assert_eq!(gradient(un(Unary::Relu, u(0)), [0.0, 1.0])[0], 0.0);
    assert_eq!(gradient(bin(Binary::Max, u(0), u(1)), [1.0, 1.0]), [1.0, 0.0]);
    assert_eq!(gradient(bin(Binary::Min, u(0), u(1)), [1.0, 1.0]), [1.0, 0.0]);
    assert_eq!(gradient(un(Unary::Floor, u(0)), [2.0, 1.0])[0], 0.0);
}

#[test]
fn an_output_without_weight_does_not_matter() {
    let model = model(vec![un(Unary::Sqrt, u(0)), mul(num(4.0), u(0))], &[]);
    let kernel = interpreter(&lowered(&model));
    let (_, gradient, _) = vjp(&kernel, (0.0, &[0.0, 0.0], &[]), &[0.0, 1.0]);
    assert_eq!(gradient, [4.0, 0.0]);
}

/// The digamma function behind the derivative of lgamma, against values of DLMF 5.4.
#[test]
fn lgamma_differentiates_to_digamma() {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let (pi, ln2) = (std::f64::consts::PI, std::f64::consts::LN_2);
    let slope = |x: f64| gradient(un(Unary::LnGamma, u(0)), [x, 0.0])[0];
    close(slope(1.0), -EULER, 2e-15, "psi(1)");
    close(slope(2.0), 1.0 - EULER, 2e-15, "psi(2)");
    close(slope(0.5), -EULER - 2.0 * ln2, 4e-15, "psi(1/2)");
    close(slope(0.25), -EULER - pi / 2.0 - 3.0 * ln2, 8e-15, "psi(1/4)");
    close(slope(-0.5), -EULER - 2.0 * ln2 + 2.0, 8e-15, "psi(-1/2)");
    close(slope(1e-8), -1e8 - EULER, 1e-15, "psi near the pole");
    close(slope(1e6), 1e6f64.ln() - 0.5e-6, 1e-12, "psi of a large argument");
}
