//! Operators of plugins in native code: values, derivatives, compiled, stored; and those that break a rule.

use crate::common;

use common::*;
use slopefield_graph::lower;
use slopefield_graph::network::{NetworkError, NetworkGraph, NetworkLibrary, decode, encode};
use slopefield_kernel::{Cotangent, Kernel, Point};
use slopefield_plugin_host::{PluginNetworks, Registry};
use std::path::Path;
use std::sync::{Arc, OnceLock};

const ID: &str = "org.example.operators";

/// `tests/abi/operators.c`, compiled with definitions and installed.
fn registry(folder: &Path, defines: &[&str]) -> Registry {
    let place = install_c(folder, "operators.c", defines, (ID, "1.0.0"), &[]);
    let about = place.join("plugin.toml");
    let mut text = std::fs::read_to_string(&about).unwrap();
    for id in
        ["cube", "pair", "fails", "wrong", "moody", "beside", "reads", "rough", "other", "long"]
    {
        text += &format!("[[provides]]\nkind = \"network\"\nid = \"{id}\"\nname = \"{id}\"\n");
    }
    std::fs::write(&about, text).unwrap();
    load(folder)
}

fn library() -> &'static PluginNetworks {
    static LIBRARY: OnceLock<PluginNetworks> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let registry = registry(&scratch("operators"), &[]);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        PluginNetworks::new(Arc::new(registry))
    })
}

fn build(id: &str) -> Result<NetworkGraph, NetworkError> {
    library().build(&format!("{ID}/{id}"), 2, 1, &[])
}

/// Weights that are neither small nor regular: `inner` [3, 2], then `outer` [1, 3].
fn weights() -> Vec<f64> {
    (0..9).map(|i| (1.7 * f64::from(i) + 0.3).sin()).collect()
}

const X: [f64; 2] = [0.4, -0.9];

/// The network by hand.
fn by_hand(w: &[f64], x: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    (0..3).map(|i| w[6 + i] * f(w[2 * i] * x[0] + w[2 * i + 1] * x[1])).sum()
}

#[test]
fn an_operator_in_c_computes_and_differentiates() {
    let cube = |z: f64| z * z * z;
    let pair = |z: f64| z * z.sin();
    for (id, f) in [("cube", &cube as &dyn Fn(f64) -> f64), ("pair", &pair)] {
        let graph = build(id).unwrap();
        let name = format!("{ID}@1.0.0/{id}");
        assert_eq!(graph.operators().collect::<Vec<_>>(), [name.as_str()]);
        assert_eq!(decode(&encode(&graph)).unwrap(), graph);
        let w = weights();
        let expected = by_hand(&w, &X, f);
        assert!((graph.evaluate(&w, &X)[0] - expected).abs() < 1e-14);

        // Compiled, with its gradient by everything.
        let text = format!(
            "state a = 1\nstate b = 2\nnetwork f: {ID}/{id}(inputs: 2, outputs: 1)\n\
             a' = f(a, b)\nb' = -b\n"
        );
        let (model, diagnostics) = slopefield_lang::check(&text);
        assert!(model.is_complete, "{diagnostics:?}");
        let kernel = slopefield_cpu::compile(&lower(&model, library()).unwrap().rhs).unwrap();
        let mut scratch = vec![0.0; kernel.scratch_len()];
        let mut out = [0.0; 2];
        kernel.eval(0.0, &X, &w, &mut out, &mut scratch);
        assert!((out[0] - expected).abs() < 1e-14 && out[1] == 0.9, "{out:?}");
        let (mut t, mut u, mut p) = (0.0, [0.0; 2], [0.0; 9]);
        let grad = Cotangent { t: &mut t, u: &mut u, p: &mut p };
        kernel.vjp(Point { t: 0.0, u: &X, p: &w }, &[1.0, 0.0], grad, &mut scratch);
        for i in 0..11 {
            let at = |h: f64| {
                let (mut w, mut x) = (w.clone(), X);
                if i < 2 {
                    x[i] += h
                } else {
                    w[i - 2] += h
                }
                by_hand(&w, &x, f)
            };
            let central = |h: f64| (at(h) - at(-h)) / (2.0 * h);
            let expected = (4.0 * central(5e-4) - central(1e-3)) / 3.0;
            let found = if i < 2 { u[i] } else { p[i - 2] };
            assert!((found - expected).abs() < 1e-9, "{id} {i}: {found} and {expected}");
        }
    }
}

/// A status is NaN in the whole result, and the solve says where.
#[test]
fn an_operator_without_a_value_gives_nan() {
    let graph = build("fails").unwrap();
    let mut w = weights();
    w[..6].fill(1.0);
    let positive = graph.evaluate(&w, &[1.0, 1.0])[0];
    assert!((positive - by_hand(&w, &[1.0, 1.0], |z| z * z * z)).abs() < 1e-13);
    assert!(graph.evaluate(&w, &[-1.0, -1.0])[0].is_nan());
}

#[test]
fn an_operator_that_breaks_a_rule_is_refused_with_its_name() {
    for (id, parts) in [
        (
            "wrong",
            &["wrong` by element 2 of its operands is wrong", "its reverse gives ", "differences"]
                [..],
        ),
        ("moody", &["gives", "and then", "of the same operands"]),
        ("beside", &["writes beside its result"]),
        ("reads", &["writes to its operands"]),
        ("rough", &["too rough for differences"]),
        ("other", &["the plugin has no operator `org.example.a@1.0.0/b`; it has cube, pair"]),
        ("long", &["it takes vectors of the length of its result"]),
    ] {
        let message = build(id).unwrap_err().message;
        assert!(message.starts_with(&format!("the network plugin {ID}/{id}: ")), "{message}");
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in {message}");
        }
    }
}

#[test]
fn a_table_with_a_hole_is_refused_when_it_is_loaded() {
    let registry = registry(&scratch("operators-hole"), &["NO_REVERSE"]);
    let problem = registry.problems()[0].1.to_string();
    assert!(problem.contains("a function of the table of operators is null"), "{problem}");
}

/// ω + ln ω = z, found by halving intervals instead of Newton's method.
fn omega(z: f64) -> f64 {
    let (mut low, mut high) = (0.0, z.abs() + 2.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle + f64::ln(middle) < z { low = middle } else { high = middle }
    }
    low
}

#[test]
fn the_example_in_rust_is_the_omega_function() {
    assert!(
        (omega(1.0) - 1.0).abs() < 1e-15 && (omega(0.0) - 0.567_143_290_409_783_8).abs() < 1e-15
    );
    example_registry();
    let op =
        slopefield_graph::custom::bind("org.example.rust@0.1.0/wright-omega", &[6], 6).unwrap();
    let z = [-30.0, -2.0, 0.0, 0.9, 7.0, 500.0];
    let (mut y, mut slope) = ([0.0; 6], [0.0; 6]);
    op.run(false, &z, &mut y);
    op.run(true, &[z, [1.0; 6]].concat(), &mut slope);
    for (i, z) in z.iter().enumerate() {
        let w = omega(*z);
        // ln w is subtracted from z.
        assert!((y[i] - w).abs() <= 1e-15 * (1.0 + z.abs()) * w, "{z}: {} and {w}", y[i]);
        assert!((slope[i] - w / (1.0 + w)).abs() < 1e-15, "{z}");
    }
    let bad = slopefield_graph::custom::bind("org.example.rust@0.1.0/wright-omega", &[2, 2], 4);
    assert!(bad.unwrap_err().contains("it takes one vector and gives one of the same length"));
}
