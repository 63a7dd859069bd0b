//! Values of expressions against known numbers.

use slopefield_lang::{Binary, Env, ExprKind, Unary, check, evaluate, evaluate_lets, functions};

/// The value of an expression at t = 2, x = 0.5, y = -0.25; folded by the checker and walked.
#[track_caller]
fn value(text: &str) -> f64 {
    let model = format!("state x = 0.5\nstate y = -0.25\nlet r = {text}\nx' = r\ny' = 0\n");
    let (model, diagnostics) = check(&model);
    assert!(model.is_complete, "{text}: {diagnostics:?}");
    let lets = evaluate_lets(&model, 2.0, &[0.5, -0.25], &[]);
    let env = Env { time: 2.0, states: &[0.5, -0.25], lets: &lets, ..Env::default() };
    assert!(matches!(model.states[0].derivative.kind, ExprKind::Let(..)));
    evaluate(&model.states[0].derivative, &env)
}

#[track_caller]
fn close(text: &str, expected: f64) {
    let found = value(text);
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error < 4e-15, "{text} = {found}, expected {expected}");
}

#[test]
fn functions_have_their_values() {
    // Reference values: Abramowitz & Stegun tables and exact arithmetic, to 17 digits.
    for (text, expected) in [
        ("-2^2", -4.0),
        ("2^3^2", 512.0),
        ("-x^2", -0.25),
        ("abs(y) + sign(y)", -0.75),
        ("sign(0) + step(0) + step(-1)", 1.0),
        ("round(2.5) + round(-2.5) + round(0.4)", 0.0),
        ("round(-0.5)", -1.0),
        ("floor(-1.5) + ceil(-1.5)", -3.0),
        ("min(3, x, 2) + max(y, 7, 1)", 7.5),
        ("clamp(x, 0.6, 1) + clamp(t, 0, 1) + clamp(y, -1, 1)", 1.35),
        ("sqrt(t)", std::f64::consts::SQRT_2),
        ("cbrt(-27)", -3.0),
        ("exp(1) - e", 0.0),
        ("expm1(1e-10)", 1.000_000_000_05e-10),
        ("ln(t)", std::f64::consts::LN_2),
        ("log2(8) + log10(1000)", 6.0),
        ("log1p(1e-10)", 9.999_999_999_5e-11),
        ("sin(pi/6) + cos(pi/3)", 1.0),
        ("tan(pi/4)", 1.0),
        ("asin(1) + acos(1)", std::f64::consts::FRAC_PI_2),
        ("atan(1)", std::f64::consts::FRAC_PI_4),
        ("atan2(-1, -1)", -2.356_194_490_192_345),
        ("sinh(x)", 0.521_095_305_493_747_4),
        ("cosh(x)", 1.127_625_965_206_380_7),
        ("tanh(x)", 0.462_117_157_260_009_76),
        ("asinh(1)", 0.881_373_587_019_543),
        ("acosh(2)", 1.316_957_896_924_816_7),
        ("atanh(x)", 0.549_306_144_334_054_8),
        ("sigmoid(t)", 0.880_797_077_977_882_4),
        ("sigmoid(-800) + sigmoid(800)", 1.0),
        ("softplus(0)", std::f64::consts::LN_2),
        ("softplus(1000)", 1000.0),
        ("relu(y) + relu(x)", 0.5),
        ("gelu(1)", 0.841_344_746_068_542_9),
        ("gelu(-1)", -0.158_655_253_931_457_05),
        ("erf(x)", 0.520_499_877_813_046_5),
        ("erfc(x)", 0.479_500_122_186_953_5),
        ("gamma(5)", 24.0),
        ("gamma(x)", 1.772_453_850_905_516),
        ("lgamma(101)", 363.739_375_555_563_5),
        ("pulse(t, 1, 2) + 2*pulse(t, 2, 3)", 2.0),
        ("ramp(t - 1) + ramp(1 - t)", 1.0),
        ("hill(t, 1, 2)", 0.8),
        ("mm(t, 3, 1)", 2.0),
        ("if x > y then 1 else 2", 1.0),
        ("if x < y then 1 else if x == 0.5 then 2 else 3", 2.0),
        ("(0 < x < 1) + (0 < x < 0.2) + (y <= -0.25 <= 0)", 2.0),
        ("(not x) + (not 0) + (1 and 0) + (0 or t)", 2.0),
        ("(x != y) + (x == x)", 2.0),
        ("1_000 + 1e-3 + .5 + 5.", 1005.501),
        ("7 - 2 - 1", 4.0),
        ("8/2/2", 2.0),
    ] {
        close(text, expected);
    }
}

#[test]
fn outside_the_domain_is_nan() {
    for text in ["sqrt(y)", "ln(y)", "asin(t)", "acosh(x)", "atanh(t)", "log1p(-t)", "y^x"] {
        assert!(value(text).is_nan(), "{text}");
    }
    assert!(Binary::Min.apply(f64::NAN, 1.0).is_nan());
    assert!(Unary::Relu.apply(f64::NAN).is_nan());
    assert_eq!(Binary::Less.apply(f64::NAN, 1.0), 0.0);
    assert_eq!(Binary::NotEqual.apply(f64::NAN, f64::NAN), 1.0);
}

#[test]
fn erf_agrees_with_its_series() {
    // erf x = 2/√π Σ (-1)^n x^(2n+1) / (n! (2n+1)); Abramowitz & Stegun 7.1.5.
    for x in [-1.5, -0.3, 0.1, 0.9, 1.7] {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        let series = 2.0 / std::f64::consts::PI.sqrt() * sum;
        assert!((Unary::Erf.apply(x) - series).abs() < 2e-15, "{x}");
        let gelu = x * 0.5 * (1.0 + Unary::Erf.apply(x / std::f64::consts::SQRT_2));
        assert!((Unary::Gelu.apply(x) - gelu).abs() < 1e-15, "{x}");
    }
}

#[test]
fn names_lead_back() {
    for f in Unary::ALL {
        assert_eq!(Unary::from_name(f.name()), Some(f));
        let listed = functions::find(f.name()).is_some();
        assert_eq!(listed, !matches!(f, Unary::Neg | Unary::Not), "{f:?}");
    }
    for f in Binary::ALL {
        assert_eq!(Binary::from_symbol(f.symbol()), Some(f));
    }
    for function in functions::FUNCTIONS {
        assert!(!function.doc.is_empty() && !function.domain.is_empty(), "{}", function.name);
    }
}
