//! The bundled networks of sines and monotone networks: what they compute, how they start, and
//! that a monotone network is one.

use crate::common;

use common::*;
use slopefield_graph::network::{Init, NetworkGraph, NetworkLibrary};
use slopefield_lang::OptionValue;
use slopefield_plugin_host::PluginNetworks;
use std::sync::Arc;

const SIREN: &str = "org.slopefield.networks-extra/siren";
const MONOTONE: &str = "org.slopefield.networks-extra/monotone";

fn build(
    kind: &str,
    size: (u32, u32),
    options: &[(&str, OptionValue)],
) -> Result<NetworkGraph, String> {
    let options: Vec<_> =
        options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let library = PluginNetworks::new(Arc::new(load(bundled())));
    library.build(kind, size.0, size.1, &options).map_err(|e| e.message)
}

fn list(values: &[f64]) -> OptionValue {
    OptionValue::List(values.to_vec())
}

/// Weights that are neither small nor regular, of both signs.
fn weights(count: usize, seed: usize) -> Vec<f64> {
    (0..count).map(|i| 1.5 * (1.7 * (i + 100 * seed) as f64 + 0.3).sin()).collect()
}

/// `W x + b` from the front of `rest`, which moves on.
fn affine(
    x: &[f64],
    rows: usize,
    rest: &mut &[f64],
    entry: impl Fn(usize, f64) -> f64,
) -> Vec<f64> {
    let n = x.len();
    let (w, tail) = rest.split_at(rows * n);
    let (b, tail) = tail.split_at(rows);
    *rest = tail;
    (0..rows).map(|i| (0..n).map(|j| entry(j, w[i * n + j]) * x[j]).sum::<f64>() + b[i]).collect()
}

fn near(actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len());
    for (a, e) in actual.iter().zip(expected) {
        assert!((a - e).abs() < 1e-12 * (1.0 + e.abs()), "{actual:?} instead of {expected:?}");
    }
}

#[test]
fn a_network_of_sines_is_what_its_definition_says() {
    let graph = build(
        SIREN,
        (2, 3),
        &[
            ("hidden", list(&[4.0, 5.0])),
            ("frequency", OptionValue::Number(7.0)),
            ("inner", OptionValue::Number(3.0)),
        ],
    )
    .unwrap();
    let all = weights(graph.weight_count(), 0);
    for x in [[0.3, -0.71], [2.0, 0.0]] {
        let mut rest = all.as_slice();
        let keep = |_, w| w;
        let h: Vec<f64> = affine(&x, 4, &mut rest, keep).iter().map(|z| (7.0 * z).sin()).collect();
        let h: Vec<f64> = affine(&h, 5, &mut rest, keep).iter().map(|z| (3.0 * z).sin()).collect();
        let y = affine(&h, 3, &mut rest, keep);
        assert!(rest.is_empty());
        near(&graph.evaluate(&all, &x), &y);
    }
}

/// Section 3.2 of the paper and its supplement: `U(-1/n, 1/n)` before the first sine,
/// `U(-√(6/n)/ω, √(6/n)/ω)` behind it.
#[test]
fn a_network_of_sines_starts_as_published() {
    let graph = build(SIREN, (2, 1), &[("hidden", list(&[4.0, 9.0]))]).unwrap();
    let found: Vec<(String, Vec<u32>, Init)> =
        graph.weights().map(|(n, d, i)| (n.to_owned(), d.to_vec(), i)).collect();
    let uniform = |bound: f64| Init::Uniform(-bound, bound);
    let expected = [
        ("layer1.weight", vec![4, 2], uniform(0.5)),
        ("layer1.bias", vec![4], uniform(1.0 / 2.0_f64.sqrt())),
        ("layer2.weight", vec![9, 4], uniform(1.5_f64.sqrt() / 30.0)),
        ("layer2.bias", vec![9], uniform(0.5)),
        ("output.weight", vec![1, 9], uniform((6.0 / 9.0_f64).sqrt() / 30.0)),
        ("output.bias", vec![1], uniform(1.0 / 3.0)),
    ];
    assert_eq!(found, expected.map(|(name, dims, init)| (name.to_owned(), dims, init)));
}

fn elu(x: f64) -> f64 {
    if x > 0.0 { x } else { x.exp_m1() }
}

fn softplus(x: f64) -> f64 {
    x.exp().ln_1p() - std::f64::consts::LN_2
}

/// The three kinds of units, from equations 7 and 8 of the paper.
fn unit(kind: usize, x: f64, rho: fn(f64) -> f64) -> f64 {
    match kind {
        0 => rho(x),
        1 => -rho(-x),
        _ if x < 0.0 => rho(x + 1.0) - rho(1.0),
        _ => -rho(-(x - 1.0)) + rho(1.0),
    }
}

#[test]
fn a_monotone_network_is_what_its_definition_says() {
    for (activation, rho) in [("elu", elu as fn(f64) -> f64), ("softplus", softplus)] {
        let graph = build(
            MONOTONE,
            (3, 2),
            &[
                ("increasing", list(&[1.0])),
                ("decreasing", list(&[3.0])),
                ("hidden", list(&[8.0, 4.0])),
                ("activation", OptionValue::Word(activation.into())),
            ],
        )
        .unwrap();
        for seed in 0..5 {
            let all = weights(graph.weight_count(), seed);
            for x in [[0.3, -0.71, 1.2], [-2.0, 0.0, 0.4]] {
                let mut rest = all.as_slice();
                let first = |j: usize, w: f64| [w.abs(), w, -w.abs()][j];
                // 7 : 7 : 2 of 8 and of 4 units.
                let kinds =
                    |ends: [usize; 2], i: usize| ends.iter().filter(|&&end| i >= end).count();
                let z = affine(&x, 8, &mut rest, first);
                let h: Vec<f64> =
                    z.iter().enumerate().map(|(i, z)| unit(kinds([4, 7], i), *z, rho)).collect();
                let z = affine(&h, 4, &mut rest, |_, w| w.abs());
                let h: Vec<f64> =
                    z.iter().enumerate().map(|(i, z)| unit(kinds([2, 4], i), *z, rho)).collect();
                let y = affine(&h, 2, &mut rest, |_, w| w.abs());
                assert!(rest.is_empty());
                near(&graph.evaluate(&all, &x), &y);
            }
        }
    }
}

#[test]
fn a_monotone_network_rises_and_falls_as_asked_whatever_its_weights_are() {
    let graph = build(
        MONOTONE,
        (3, 1),
        &[
            ("increasing", list(&[1.0])),
            ("decreasing", list(&[2.0])),
            ("hidden", list(&[9.0, 6.0])),
        ],
    )
    .unwrap();
    let mut free_falls = false;
    let mut free_rises = false;
    for seed in 0..40 {
        let all = weights(graph.weight_count(), seed);
        let at = |x: [f64; 3]| graph.evaluate(&all, &x)[0];
        for (i, x) in (0..60).map(|i| (i, -3.0 + 0.1 * f64::from(i))) {
            let other = [(0.37 * f64::from(i)).sin(), (0.61 * f64::from(i)).cos()];
            let step = 0.1;
            assert!(at([x + step, other[0], other[1]]) > at([x, other[0], other[1]]), "{seed} {x}");
            assert!(at([other[0], x + step, other[1]]) < at([other[0], x, other[1]]), "{seed} {x}");
            let free = at([other[0], other[1], x + step]) - at([other[0], other[1], x]);
            free_rises |= free > 0.0;
            free_falls |= free < 0.0;
        }
    }
    assert!(free_rises && free_falls);
}

/// The derivative by the input, recorded as a network of its own, against central differences;
/// also at the places where units change from one formula to another.
#[test]
fn slopes_are_those_of_differences() {
    let siren = build(SIREN, (1, 1), &[("frequency", OptionValue::Number(2.0))]).unwrap();
    let rising = [("increasing", list(&[1.0])), ("hidden", list(&[9.0]))];
    let monotone = build(MONOTONE, (1, 1), &rising).unwrap();
    for graph in [siren, monotone] {
        let slope = graph.input_gradient().unwrap();
        for seed in 0..3 {
            let mut all = weights(graph.weight_count(), seed);
            for (i, (name, _, _)) in graph.weights().enumerate() {
                assert!(i > 1 || name.starts_with("layer1"), "{name}");
            }
            // Offsets of the first layer at 0: at x = 0 every unit is where its formula changes.
            let (from, to) = match graph.weights().next().unwrap().1 {
                &[rows, columns] => ((rows * columns) as usize, (rows * columns + rows) as usize),
                other => panic!("{other:?}"),
            };
            all[from..to].fill(0.0);
            for x in [-0.9, 0.0, 0.4] {
                let step = 1e-5;
                let at = |x: f64| graph.evaluate(&all, &[x])[0];
                let difference = (at(x + step) - at(x - step)) / (2.0 * step);
                let exact = slope.evaluate(&all, &[x])[0];
                let scale = 1.0 + exact.abs();
                assert!((exact - difference).abs() < 1e-4 * scale, "{exact} {difference} at {x}");
            }
        }
    }
}

#[test]
fn mistakes_in_the_options_are_named() {
    let message = |kind, options: &[(&str, OptionValue)]| build(kind, (2, 1), options).unwrap_err();
    for (kind, options, part) in [
        (SIREN, vec![("hidden", list(&[]))], "has a hidden layer"),
        (SIREN, vec![("hidden", list(&[2.5]))], "widths are whole numbers"),
        (SIREN, vec![("frequency", OptionValue::Number(0.0))], "`frequency` must be"),
        (MONOTONE, vec![("increasing", list(&[3.0]))], "inputs are numbered from 1 to 2"),
        (MONOTONE, vec![("increasing", list(&[1.5]))], "inputs are numbered from 1 to 2"),
        (
            MONOTONE,
            vec![("increasing", list(&[1.0])), ("decreasing", list(&[1.0]))],
            "input 1 is listed twice",
        ),
        (MONOTONE, vec![("increasing", list(&[1.0])), ("shares", list(&[1.0]))], "they are three"),
        (MONOTONE, vec![("increasing", list(&[1.0])), ("shares", list(&[0.0, 0.0, 0.0]))], "all 0"),
        (
            MONOTONE,
            vec![("increasing", list(&[1.0])), ("activation", OptionValue::Word("tanh".into()))],
            "`activation`",
        ),
    ] {
        let message = message(kind, &options);
        assert!(message.contains(part), "`{part}` is not in {message}");
    }
}
