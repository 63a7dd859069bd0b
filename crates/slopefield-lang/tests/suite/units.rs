//! Units: their arithmetic, and what the check says.

use slopefield_lang::units::{Unit, UnitCheck};
use slopefield_lang::{CheckOptions, Severity, check, check_with};

#[track_caller]
fn factor(from: &str, to: &str) -> Option<f64> {
    Unit::parse(from).unwrap().factor_to(&Unit::parse(to).unwrap())
}

#[test]
fn conversions() {
    for (from, to, expected) in [
        ("km", "m", 1e3),
        ("h", "min", 60.0),
        ("year", "day", 365.25),
        ("1/day", "1/h", 1.0 / 24.0),
        ("mg/L", "kg/m^3", 1e-3),
        ("umol/L", "M", 1e-6),
        ("uM", "nmol/mL", 1.0),
        ("umol/L/min", "mol/m^3/s", 1e-3 / 60.0),
        ("mol/(L*s)", "M s^-1", 1.0),
        ("kg m^2 s^-2", "J", 1.0),
        ("N·m", "J", 1.0),
        ("m²", "m^2", 1.0),
        ("µg", "ng", 1e3),
        ("mmHg", "Pa", 133.322_387_415),
        ("%", "1", 0.01),
        ("thousand", "1", 1e3),
        ("V/A", "ohm", 1.0),
        ("s^0.5 s^0.5", "s", 1.0),
        ("hours", "s", 3600.0),
        ("hares/km^2", "hares/ha", 0.01),
    ] {
        let found = factor(from, to).unwrap_or_else(|| panic!("{from} and {to} differ"));
        assert!((found / expected - 1.0).abs() < 1e-12, "{from} to {to}: {found}");
    }
    for (from, to) in [("m", "s"), ("m", "m^2"), ("hares", "lynxes"), ("mol", "M"), ("1", "rad/s")]
    {
        assert_eq!(factor(from, to), None, "{from} and {to}");
    }
    for wrong in ["", "m/", "/s", "m^", "m^x", "(m", "m)", "2m-3", "m^1e9x", "0"] {
        assert!(Unit::parse(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(Unit::parse("umol / L / min").unwrap().to_string(), "umol/L/min");
    assert_eq!(Unit::parse("s^-2 kg m^2").unwrap().to_string(), "kg*m^2/s^2");
}

/// Codes of the findings about a model.
fn codes(text: &str) -> Vec<&'static str> {
    check(text).1.iter().map(|d| d.code).collect()
}

const HEAD: &str = "time t {s}\nstate x = 1 {m}\nstate v = 0 {m/s}\nparam g = 9.81 {m/s^2}\n\
                    param L = 2 {m}\nparam k = 1\nnetwork n: mlp(inputs: 1, outputs: 1)\n";

#[track_caller]
fn fits(equations: &str) {
    let text = format!("{HEAD}let use_all = n(k*x + L*g)\n{equations}");
    assert_eq!(codes(&text), [""; 0], "{equations}");
}

#[track_caller]
fn clashes(equations: &str) {
    let text = format!("{HEAD}let use_all = n(k*x + L/g*g)\n{equations}");
    assert_eq!(codes(&text), ["unit-mismatch"], "{equations}");
}

#[test]
fn right_models_are_left_alone() {
    fits("x' = v\nv' = -g*sin(x/L)\n");
    fits("x' = v + sqrt(g*L)\nv' = -g - 2*v^2/L\n");
    fits("x' = v*max(x, 0)/L\nv' = if x > 0.5 then -g else 0\n");
    fits("x' = k*x + n(x)\nv' = n(v) - g*hill(x, L, 2)\n");
    fits("x' = mm(x, v, L)\nv' = g*exp(-(x/L)^2)\nobserve y = x {m} with normal(0.1)\n");
    fits("function f(a, b) = a/b\nx' = f(x, L)*v\nv' = f(x, t)/t\n");
    fits("const h = 2 {s}\nx' = x/h\nv' = x/h^2\n");
    fits("x' = v*sin(2*pi*t/12)\nv' = g*clamp(x, 0, L)/L\n");
    fits("let w = v^2/L {m/s^2}\nx' = v\nv' = w - g + x/t^2\n");
}

#[test]
fn clashes_are_found_once() {
    clashes("x' = x\nv' = g\n");
    clashes("x' = v + g\nv' = g\n");
    clashes("x' = v\nv' = g*sin(x)\n");
    clashes("x' = v\nv' = g*(1 + x)\n");
    clashes("x' = v\nv' = if x > t then g else 0\n");
    clashes("x' = max(v, g)\nv' = g\n");
    clashes("x' = v\nv' = g*2^x\n");
    clashes("let w = v*t {m/s}\nx' = v\nv' = g\n");
    clashes("function f(a, b) = a + b\nx' = f(v, x)\nv' = g\n");
    clashes("x' = v\nv' = g\nobserve y = x with normal(g)\n");
    clashes("x' = v\nv' = g\nobserve y = x {s}\n");
    clashes("x' = v*hill(x, t, 2)\nv' = g\n");
}

#[test]
fn units_of_delays_noise_reactions_and_events() {
    let head = "time t {h}\nstate x = 1 {mg}\nparam s = 1 {mg/h^0.5}\nparam k = 1 {1/h}\nparam d = 2 {h}\n\
                let use = s*d\n";
    let with = |text: &str| codes(&format!("{head}{text}\n"));
    assert_eq!(with("x' = -k*delay(x, d)\nhistory x = 3"), [""; 0]);
    assert_eq!(with("x' = -k*delay(x, k)"), ["unit-mismatch"]);
    assert_eq!(with("x' = -k*delay(x, d)\nhistory x = d"), ["unit-mismatch"]);
    assert_eq!(with("noise W\nx' = -k*x + s*W'"), [""; 0]);
    assert_eq!(with("noise W\nx' = -k*x + k*x*W'"), ["unit-mismatch"]);
    assert_eq!(with("reaction r: x -> 0 rate k*x"), [""; 0]);
    assert_eq!(with("reaction r: x -> 0 rate x*k/k"), ["unit-mismatch"]);
    assert_eq!(
        with("x' = -k*x\nwhen x crosses 1: x *= 2\nat [1, d]: x += 3\nevery d: x = 0"),
        [""; 0]
    );
    assert_eq!(with("x' = -k*x\nwhen x crosses d: x = 2"), ["unit-mismatch"]);
    assert_eq!(with("x' = -k*x\nwhen x crosses 1: x *= d"), ["unit-mismatch"]);
    assert_eq!(with("x' = -k*x\nat [1, 1/k, k]: x += x"), ["unit-mismatch"]);
    assert_eq!(with("x' = -k*x\nat 1: x += d"), ["unit-mismatch"]);
    assert_eq!(with("x' = -k*x\nevery d from k: x = 0"), ["unit-mismatch"]);
    assert_eq!(with("jump rate k: x = 2*x"), [""; 0]);
    assert_eq!(with("jump rate d*k/k: x = 2*x"), ["unit-mismatch"]);
    assert_eq!(with("x' = -k*x\nalgebraic y = d {mg}\n0 = y - x"), ["unit-mismatch"]);
    let mechanics =
        "time t {s}\nstate q = 1 {m}, p = 0 {kg m/s}\nparam m = 1 {kg}\nparam c = 1 {N/m}\n";
    let energy = |text: &str| codes(&format!("{mechanics}hamiltonian H(q, p) = {text}\n"));
    assert_eq!(energy("p^2/(2*m) + c*q^2/2"), [""; 0]);
    assert_eq!(energy("p^2/(2*m)/q + c*q/2"), ["unit-mismatch"]);
}

#[test]
fn modes() {
    let text = "time t {s}\nstate x = 1 {m}\nx' = x\n";
    let with = |units| check_with(text, CheckOptions { units });
    assert_eq!(with(UnitCheck::Warn).1[0].severity, Severity::Warning);
    assert!(with(UnitCheck::Warn).0.is_complete);
    assert!(!with(UnitCheck::Strict).0.is_complete);
    assert!(with(UnitCheck::Off).1.is_empty());
}
