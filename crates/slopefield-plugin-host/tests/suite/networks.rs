//! Network plugins through the whole path: options, graph builder, recorded graph, values.

use crate::common;

use common::*;
use slopefield_graph::network::{Init, NetworkGraph, NetworkLibrary, Node, decode, encode};
use slopefield_lang::OptionValue;
use slopefield_plugin_host::PluginNetworks;
use std::sync::Arc;

fn library() -> PluginNetworks {
    PluginNetworks::new(Arc::new(load(bundled())))
}

fn options(list: &[(&str, OptionValue)]) -> Vec<(String, OptionValue)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn number(v: f64) -> OptionValue {
    OptionValue::Number(v)
}

const KAN: &str = "org.slopefield.kan/kan";
const CHEBYSHEV: &str = "org.slopefield.kan/chebyshev";

/// Weights that are neither small nor regular.
fn weights(graph: &NetworkGraph) -> Vec<f64> {
    (0..graph.weight_count()).map(|i| (1.7 * i as f64 + 0.3).sin()).collect()
}

/// The B-spline of a degree with index `i` on the knots `t`, by the recursion of Cox and de Boor:
/// another way to the same numbers than the truncated powers of the plugin.
fn cox_de_boor(i: usize, degree: usize, t: &[f64], x: f64) -> f64 {
    if degree == 0 {
        return if t[i] <= x && x < t[i + 1] { 1.0 } else { 0.0 };
    }
    let left = (x - t[i]) / (t[i + degree] - t[i]);
    let right = (t[i + degree + 1] - x) / (t[i + degree + 1] - t[i + 1]);
    left * cox_de_boor(i, degree - 1, t, x) + right * cox_de_boor(i + 1, degree - 1, t, x)
}

/// One B-spline layer from its definition. `spline` is `[out, basis, in]`, `base` is `[out, in]`.
fn spline_layer(
    x: &[f64],
    outputs: usize,
    (spline, base): (&[f64], &[f64]),
    (grid, degree, range): (usize, usize, f64),
) -> Vec<f64> {
    let count = grid + degree;
    let step = 2.0 * range / grid as f64;
    let knots: Vec<f64> =
        (0..count + degree + 1).map(|j| -range + (j as f64 - degree as f64) * step).collect();
    let n = x.len();
    (0..outputs)
        .map(|o| {
            x.iter()
                .enumerate()
                .map(|(j, &x)| {
                    let local: f64 = (0..count)
                        .map(|g| {
                            spline[o * count * n + g * n + j] * cox_de_boor(g, degree, &knots, x)
                        })
                        .sum();
                    base[o * n + j] * x / (1.0 + (-x).exp()) + local
                })
                .sum()
        })
        .collect()
}

#[test]
fn spline_network_is_what_its_definition_says() {
    let library = library();
    for degree in 1..=5usize {
        for (grid, range, hidden) in
            [(5, 2.0, vec![4.0]), (8, 1.0, vec![]), (3, 3.0, vec![3.0, 2.0])]
        {
            let given = options(&[
                ("inputs", number(2.0)),
                ("outputs", number(1.0)),
                ("hidden", OptionValue::List(hidden.clone())),
                ("grid", number(grid as f64)),
                ("degree", number(degree as f64)),
                ("range", number(range)),
            ]);
            let graph = library.build(KAN, 2, 1, &given).unwrap();
            let all = weights(&graph);
            for x in [[0.3, -0.71], [0.999, 0.0], [-2.5, 4.0]] {
                let (mut value, mut rest) = (x.to_vec(), all.as_slice());
                for outputs in hidden.iter().map(|w| *w as usize).chain([1]) {
                    let (spline, tail) = rest.split_at(outputs * (grid + degree) * value.len());
                    let (base, tail) = tail.split_at(outputs * value.len());
                    value = spline_layer(&value, outputs, (spline, base), (grid, degree, range));
                    rest = tail;
                }
                assert!(rest.is_empty());
                let actual = graph.evaluate(&all, &x);
                let error = (actual[0] - value[0]).abs();
                assert!(error < 1e-12 * (1.0 + value[0].abs()), "{actual:?} instead of {value:?}");
            }
        }
    }
}

#[test]
fn spline_network_names_and_initialises_its_weights() {
    let graph =
        library().build(KAN, 3, 2, &options(&[("hidden", OptionValue::List(vec![4.0]))])).unwrap();
    assert_eq!((graph.inputs, graph.outputs), (3, 2));
    let found: Vec<(String, Vec<u32>, Init)> =
        graph.weights().map(|(n, d, i)| (n.to_owned(), d.to_vec(), i)).collect();
    let spread = |inputs: f64| Init::Normal(0.0, 0.1 / inputs.sqrt());
    assert_eq!(
        found,
        [
            ("layer1.spline".to_owned(), vec![4, 24], spread(3.0)),
            ("layer1.base".to_owned(), vec![4, 3], Init::XavierUniform(1.0)),
            ("layer2.spline".to_owned(), vec![2, 32], spread(4.0)),
            ("layer2.base".to_owned(), vec![2, 4], Init::XavierUniform(1.0)),
        ]
    );
    // The recorded graph is data: it goes through the stored form and needs no plugin there.
    assert_eq!(decode(&encode(&graph)).unwrap(), graph);
    // The same request gives the same graph.
    let again = library().build(KAN, 3, 2, &options(&[("hidden", OptionValue::List(vec![4.0]))]));
    assert_eq!(again.unwrap(), graph);
}

#[test]
fn chebyshev_network_is_what_its_definition_says() {
    let given = options(&[("hidden", OptionValue::List(vec![3.0])), ("degree", number(6.0))]);
    let graph = library().build(CHEBYSHEV, 2, 2, &given).unwrap();
    let all = weights(&graph);
    let layer = |x: &[f64], outputs: usize, rest: &[f64]| -> (Vec<f64>, usize) {
        let (n, degree) = (x.len(), 6);
        let bias = outputs * n * degree;
        let value = (0..outputs)
            .map(|o| {
                // T_k(cos a) = cos(k a), another way than the recurrence of the plugin.
                let terms = (0..degree).flat_map(|k| (0..n).map(move |j| (k, j)));
                let sum: f64 = terms
                    .map(|(k, j)| {
                        let angle = x[j].tanh().acos();
                        rest[o * n * degree + k * n + j] * ((k + 1) as f64 * angle).cos()
                    })
                    .sum();
                sum + rest[bias + o]
            })
            .collect();
        (value, bias + outputs)
    };
    for x in [[0.3, -0.71], [2.0, 0.0]] {
        let (hidden, used) = layer(&x, 3, &all);
        let (expected, _) = layer(&hidden, 2, &all[used..]);
        let actual = graph.evaluate(&all, &x);
        for (a, e) in actual.iter().zip(&expected) {
            assert!((a - e).abs() < 1e-12, "{actual:?} instead of {expected:?}");
        }
    }
}

#[test]
fn kinds_without_a_slash_are_built_in() {
    let graph = library()
        .build("mlp", 2, 1, &options(&[("hidden", OptionValue::List(vec![4.0]))]))
        .unwrap();
    assert!(graph.nodes.iter().any(|n| matches!(n, Node::Op { op, .. } if op == "tanh")));
}

#[test]
fn mistakes_are_named() {
    let library = library();
    let message = |kind: &str, list: &[(&str, OptionValue)]| {
        library.build(kind, 2, 1, &options(list)).unwrap_err().message
    };
    let named = "the network plugin org.slopefield.kan/kan: ";
    for (option, value, expected) in [
        ("grid", number(0.0), "`grid` must be between 1 and 200, not 0"),
        ("grid", number(2.5), "`grid` must be a whole number"),
        ("degree", OptionValue::Word("cubic".into()), "`degree` must be a whole number"),
        ("hidden", number(3.0), "`hidden` must be a list of numbers, such as [8, 8]"),
        ("hidden", OptionValue::List(vec![2.5]), "`hidden` holds 2.5; widths are whole numbers"),
        (
            "gird",
            number(3.0),
            "`gird` is not an option; the options are hidden, grid, degree, range",
        ),
    ] {
        assert_eq!(message(KAN, &[(option, value)]), format!("{named}{expected}"));
    }
    assert_eq!(
        message("org.slopefield.kan/chebychev", &[]),
        "there is no network `org.slopefield.kan/chebychev`; did you mean \
         org.slopefield.kan/chebyshev?"
    );
    // Refusals of the host's own builder reach the user through the plugin.
    let huge = [("hidden", OptionValue::List(vec![4096.0, 4096.0])), ("grid", number(200.0))];
    let refused = message(KAN, &huge);
    assert!(refused.starts_with(named) && refused.contains("the limit is"), "{refused}");
}
