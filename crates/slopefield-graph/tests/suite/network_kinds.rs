//! The built-in kinds: what each promises, against definitions that take another road.
use crate::support;

use proptest::prelude::*;
use slopefield_graph::network::{
    ACTIVATIONS, KINDS, NetworkError, NetworkGraph, Node, activations_table, decode, encode,
    options_table,
};
use slopefield_graph::{BuiltinNetworks, Interpreter, NetworkLibrary, lower};
use slopefield_lang::OptionValue::{self, Flag, List, Number, Word};
use support::*;

type Options<'a> = [(&'a str, OptionValue)];

fn owned(options: &Options<'_>) -> Vec<(String, OptionValue)> {
    options.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect()
}

fn attempt(
    kind: &str,
    (inputs, outputs): (u32, u32),
    options: &Options<'_>,
) -> Result<NetworkGraph, NetworkError> {
    BuiltinNetworks.build(kind, inputs, outputs, &owned(options))
}

fn built(kind: &str, size: (u32, u32), options: &Options<'_>) -> NetworkGraph {
    attempt(kind, size, options).unwrap()
}

fn word(w: &str) -> OptionValue {
    Word(w.into())
}

/// Weights that are neither small nor regular; another `seed`, other weights.
fn weights(network: &NetworkGraph, seed: usize) -> Vec<f64> {
    (0..network.weight_count()).map(|i| (1.7 * (i + 1000 * seed) as f64 + 0.3).sin()).collect()
}

/// Inputs between -1 and 1.
fn point(inputs: usize, seed: usize) -> Vec<f64> {
    (0..inputs).map(|i| (2.3 * (i + 100 * seed) as f64 + 1.1).cos()).collect()
}

type Sample = (&'static str, (u32, u32), Vec<(&'static str, OptionValue)>);

/// Each kind plain, and with each of its options at least once.
fn samples() -> Vec<Sample> {
    let hidden = || ("hidden", List(vec![4.0, 3.0]));
    let range = || ("range", List(vec![-0.4, 0.6]));
    vec![
        ("mlp", (2, 3), vec![]),
        ("mlp", (2, 2), vec![hidden(), ("activation", word("silu")), ("skip", word("residual"))]),
        ("mlp", (2, 1), vec![hidden(), ("symmetry", word("odd")), ("skip", word("linear"))]),
        ("mlp", (3, 2), vec![hidden(), ("symmetry", word("even")), ("output", word("softplus"))]),
        ("mlp", (3, 2), vec![hidden(), ("bias", Flag(false)), ("scale", Number(-2.5))]),
        ("mlp", (1, 1), vec![("init", word("orthogonal")), ("last", word("zeros"))]),
        ("resnet", (2, 2), vec![]),
        (
            "resnet",
            (3, 1),
            vec![
                ("width", Number(5.0)),
                ("blocks", Number(3.0)),
                ("activation", word("gelu_tanh")),
                ("output", word("tanh")),
                ("scale", Number(3.0)),
                ("init", word("glorot_normal")),
                ("last", word("full")),
            ],
        ),
        ("fourier", (2, 1), vec![]),
        (
            "fourier",
            (1, 2),
            vec![
                ("features", Number(3.0)),
                ("frequency", Number(0.5)),
                ("learned", Flag(true)),
                hidden(),
                ("activation", word("mish")),
                ("output", word("sigmoid")),
                ("scale", Number(2.0)),
                ("init", word("lecun_uniform")),
                ("last", word("full")),
            ],
        ),
        ("fourier", (1, 1), vec![("seed", Number(7.0)), ("hidden", List(vec![]))]),
        ("rbf", (2, 1), vec![]),
        (
            "rbf",
            (2, 2),
            vec![
                ("count", Number(4.0)),
                ("width", Number(0.8)),
                range(),
                ("product", Flag(true)),
                ("scale", Number(0.5)),
            ],
        ),
        ("chebyshev", (2, 1), vec![]),
        (
            "chebyshev",
            (2, 2),
            vec![
                ("degree", Number(3.0)),
                range(),
                ("outside", word("constant")),
                ("product", Flag(true)),
                ("scale", Number(0.5)),
            ],
        ),
        ("legendre", (1, 2), vec![]),
        (
            "legendre",
            (2, 1),
            vec![
                ("degree", Number(4.0)),
                range(),
                ("outside", word("constant")),
                ("product", Flag(true)),
                ("scale", Number(0.5)),
            ],
        ),
        ("spline", (2, 2), vec![]),
        (
            "spline",
            (2, 1),
            vec![
                ("intervals", Number(3.0)),
                ("degree", Number(2.0)),
                range(),
                ("outside", word("constant")),
                ("product", Flag(true)),
                ("scale", Number(0.5)),
            ],
        ),
        ("kan", (2, 1), vec![]),
        (
            "kan",
            (2, 2),
            vec![
                ("hidden", List(vec![3.0])),
                ("basis", word("chebyshev")),
                ("degree", Number(7.0)),
                range(),
                ("outside", word("constant")),
                ("base", word("tanh")),
                ("scale", Number(2.0)),
            ],
        ),
        ("kan", (1, 1), vec![("intervals", Number(3.0))]),
        ("icnn", (2, 1), vec![]),
        (
            "icnn",
            (3, 2),
            vec![
                ("convex", List(vec![3.0, 1.0])),
                hidden(),
                ("activation", word("softplus")),
                ("weights", word("square")),
                ("curvature", Number(0.3)),
                ("concave", Flag(true)),
                ("scale", Number(2.0)),
            ],
        ),
        ("monotone", (2, 1), vec![("increasing", List(vec![1.0, 2.0]))]),
        (
            "monotone",
            (4, 2),
            vec![
                ("increasing", Number(2.0)),
                ("decreasing", List(vec![4.0])),
                hidden(),
                ("activation", word("sigmoid")),
                ("weights", word("square")),
                ("scale", Number(2.0)),
            ],
        ),
        ("positive", (2, 2), vec![]),
        (
            "positive",
            (1, 1),
            vec![
                hidden(),
                ("activation", word("sin")),
                ("start", Number(0.01)),
                ("init", word("kaiming_uniform")),
                ("last", word("zeros")),
            ],
        ),
        ("hamiltonian", (4, 4), vec![]),
        (
            "hamiltonian",
            (3, 3),
            vec![
                hidden(),
                ("activation", word("softplus")),
                ("separable", Flag(true)),
                ("energy", Flag(true)),
                ("scale", Number(2.0)),
                ("init", word("lecun_normal")),
                ("last", word("full")),
            ],
        ),
        ("lagrangian", (4, 2), vec![]),
        (
            "lagrangian",
            (5, 2),
            vec![
                ("form", word("general")),
                hidden(),
                ("activation", word("softplus")),
                ("floor", Number(0.5)),
            ],
        ),
        ("lagrangian", (2, 1), vec![hidden(), ("init", word("glorot_uniform"))]),
    ]
}

#[test]
fn every_kind_and_option_is_tried() {
    let samples = samples();
    for kind in KINDS {
        assert!(
            samples.iter().any(|s| s.0 == kind.name && s.2.is_empty()) || kind.name == "monotone"
        );
        for option in kind.options {
            let used = samples
                .iter()
                .any(|s| s.0 == kind.name && s.2.iter().any(|(name, _)| *name == option.name));
            assert!(used, "no sample of `{}` has `{}`", kind.name, option.name);
        }
    }
}

#[test]
fn every_kind_has_correct_gradients_and_an_encoding() {
    for (kind, (inputs, outputs), options) in samples() {
        let what = format!("{kind} {options:?}");
        let network = built(kind, (inputs, outputs), &options);
        assert_eq!((network.inputs, network.outputs), (inputs, outputs), "{what}");
        assert_eq!(network.verify(), Ok(()), "{what}");
        assert_eq!(decode(&encode(&network)).unwrap(), network, "{what}");
        // The same text gives the same network.
        assert_eq!(built(kind, (inputs, outputs), &options), network, "{what}");

        let (n, m) = (inputs as usize, outputs as usize);
        let states = n.max(m);
        let mut model = model((0..states).map(|i| output(0, (i % m) as u32)).collect(), &[]);
        let mut declared = mlp("n", inputs, outputs, &[], "tanh");
        declared.kind = kind.into();
        declared.options = owned(&options);
        model.networks.push(declared);
        model.calls.push(call(0, (0..inputs).map(u).collect()));
        let lowered = lower(&model, &BuiltinNetworks).unwrap();
        let kernel = Interpreter::new(lowered.rhs.clone());
        let p = weights(&network, 0);
        let mut x = point(states, 1);
        x.iter_mut().for_each(|x| *x *= 0.9);

        let direct = network.evaluate(&p, &x[..n]);
        let value = eval(&kernel, 0.0, &x, &p);
        for i in 0..states {
            close(value[i], direct[i % m], 1e-12, &what);
        }
        let mut w = vec![0.0; states];
        w[..m].iter_mut().enumerate().for_each(|(i, w)| *w = 1.0 - 0.4 * i as f64);
        let weighted = |x: &[f64], p: &[f64]| -> f64 {
            network.evaluate(p, &x[..n]).iter().zip(&w).map(|(y, w)| y * w).sum()
        };
        let (_, du, dp) = vjp(&kernel, (0.0, &x, &p), &w);
        // All inputs, and weights spread over all tensors.
        let some = (0..p.len()).step_by(1 + p.len() / 60).map(|k| n + k);
        for k in (0..n).chain(some) {
            let found = if k < n { du[k] } else { dp[k - n] };
            let (expected, error) = ridders(
                |h| {
                    let (mut x, mut p) = (x.clone(), p.clone());
                    if k < n {
                        x[k] += h
                    } else {
                        p[k - n] += h
                    }
                    weighted(&x, &p)
                },
                0.01,
            );
            // Splines have corners in some derivative; a step across one costs digits.
            let piecewise = what.contains("spline") || what.contains("kan");
            let good = if piecewise { 1e-5 } else { 1e-8 };
            assert!(error < good, "{what}: differences only good to {error:e}");
            close(found, expected, 10.0 * good, &format!("{what}, element {k}"));
            let mut direction = vec![0.0; states + p.len()];
            direction[if k < n { k } else { states + k - n }] = 1.0;
            let along = (0.0, &direction[..states], &direction[states..]);
            let (_, forward) = jvp(&kernel, (0.0, &x, &p), along);
            let forward: f64 = forward.iter().zip(&w).map(|(y, w)| y * w).sum();
            close(forward, found, 1e-12, &format!("{what}, forward {k}"));
        }
    }
}

#[test]
fn a_new_network_is_a_small_correction() {
    for (kind, (inputs, outputs), options) in samples() {
        if options.iter().any(|(name, _)| matches!(*name, "last" | "scale" | "start" | "output")) {
            continue;
        }
        let around = match kind {
            "positive" => 1.0,
            // The input itself passes by.
            _ if options.contains(&("skip", word("residual"))) => continue,
            _ => 0.0,
        };
        let mut model = model(vec![output(0, 0); inputs as usize], &[]);
        let mut declared = mlp("n", inputs, outputs, &[], "tanh");
        declared.kind = kind.into();
        declared.options = owned(&options);
        model.networks.push(declared);
        model.calls.push(call(0, (0..inputs).map(u).collect()));
        let lowered = lower(&model, &BuiltinNetworks).unwrap();
        for seed in 0..10 {
            let p = lowered.layout.initial_values(&model, &lowered.networks, seed);
            for at in 0..5 {
                let y = lowered.networks[0].evaluate(&p, &point(inputs as usize, at));
                let far = y.iter().fold(0f64, |m, y| m.max((y - around).abs()));
                assert!(far < 0.8, "{kind} {options:?}: {y:?}");
                assert!(far > 0.0 || kind == "mlp", "{kind} {options:?}");
            }
        }
    }
}

// ---------------------------------------------------------------------------------- mlp and friends

#[test]
fn symmetric_networks_are_symmetric() {
    for (symmetry, sign) in [("odd", -1.0), ("even", 1.0)] {
        let options = [("symmetry", word(symmetry)), ("skip", word("linear"))];
        let network = built("mlp", (3, 2), &options);
        let all = weights(&network, 0);
        let x = point(3, 2);
        let mirrored: Vec<f64> = x.iter().map(|x| -x).collect();
        let (y, z) = (network.evaluate(&all, &x), network.evaluate(&all, &mirrored));
        assert!(y.iter().all(|y| *y != 0.0));
        for (y, z) in y.iter().zip(z) {
            assert_eq!(y * sign, z);
        }
    }
}

#[test]
fn what_goes_around_the_network_is_added() {
    let options = [("hidden", List(vec![]))];
    let plain = built("mlp", (2, 2), &options);
    let all = weights(&plain, 0);
    let x = [0.4, -1.3];
    let y = plain.evaluate(&all, &x);
    let with = |skip: &str| built("mlp", (2, 2), &[options[0].clone(), ("skip", word(skip))]);
    assert_eq!(with("residual").evaluate(&all, &x), [y[0] + x[0], y[1] + x[1]]);
    let linear = [all.as_slice(), &[1.0, 10.0, 100.0, 1000.0]].concat();
    let found = with("linear").evaluate(&linear, &x);
    close(found[0], y[0] + 0.4 - 13.0, 1e-14, "linear");
    close(found[1], y[1] + 40.0 - 1300.0, 1e-14, "linear");
}

#[test]
fn a_residual_network_is_its_formula() {
    let network = built("resnet", (1, 1), &[("width", Number(1.0)), ("blocks", Number(2.0))]);
    let names: Vec<&str> = network.weights().map(|w| w.0).collect();
    assert_eq!(
        names,
        [
            "first.weight",
            "first.bias",
            "block1.inner.weight",
            "block1.inner.bias",
            "block1.outer.weight",
            "block1.outer.bias",
            "block2.inner.weight",
            "block2.inner.bias",
            "block2.outer.weight",
            "block2.outer.bias",
            "last.weight",
            "last.bias",
        ]
    );
    let p: [f64; 12] = [0.7, -0.2, 1.1, 0.3, -0.6, 0.1, 0.9, -0.4, 0.5, 0.2, 1.3, -0.8];
    let h = p[0] * 0.6 + p[1];
    let h = h + p[4] * (p[2] * h + p[3]).tanh() + p[5];
    let h = h + p[8] * (p[6] * h + p[7]).tanh() + p[9];
    close(network.evaluate(&p, &[0.6])[0], p[10] * h + p[11], 1e-15, "resnet");
}

#[test]
fn fourier_features_come_from_the_seed_or_are_learned() {
    let options = |seed: f64| {
        [("seed", Number(seed)), ("features", Number(2000.0)), ("frequency", Number(0.3))]
    };
    let frequencies = |network: &NetworkGraph| -> Vec<f64> {
        let constant = network.nodes.iter().find_map(|n| match n {
            Node::Constant { dims, values } if dims.len() == 2 => Some(values.clone()),
            _ => None,
        });
        constant.unwrap()
    };
    let network = built("fourier", (2, 1), &options(1.0));
    let values = frequencies(&network);
    assert_ne!(values, frequencies(&built("fourier", (2, 1), &options(2.0))));
    // Five standard errors of 4000 normal numbers.
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| v * v).sum::<f64>() / n;
    assert!(mean.abs() < 5.0 * 0.3 / n.sqrt(), "{mean}");
    assert!((variance.sqrt() - 0.3).abs() < 5.0 * 0.3 / (2.0 * n).sqrt(), "{variance}");

    let learned = built(
        "fourier",
        (1, 1),
        &[("features", Number(2.0)), ("learned", Flag(true)), ("hidden", List(vec![]))],
    );
    assert_eq!(learned.weights().next().unwrap().0, "frequencies");
    let (b, w): ([f64; 2], [f64; 4]) = ([0.3, -1.2], [0.5, 0.7, -0.9, 1.1]);
    let p = [&b[..], &w[..], &[0.25]].concat();
    let z = b.map(|b| std::f64::consts::TAU * b * 0.8);
    let expected = w[0] * z[0].sin() + w[1] * z[1].sin() + w[2] * z[0].cos() + w[3] * z[1].cos();
    close(learned.evaluate(&p, &[0.8])[0], expected + 0.25, 1e-14, "learned");
}

// --------------------------------------------------------------------------------------- expansions

/// The value of function `k` of an expansion of one input: its coefficient is 1, the others 0.
fn single(network: &NetworkGraph, k: usize, x: f64) -> f64 {
    let mut p = vec![0.0; network.weight_count()];
    p[k] = 1.0;
    network.evaluate(&p, &[x])[0]
}

#[test]
fn chebyshev_polynomials_are_cosines() {
    let network =
        built("chebyshev", (1, 1), &[("degree", Number(20.0)), ("range", List(vec![2.0, 6.0]))]);
    for i in 0..=50 {
        let z = -1.0 + f64::from(i) / 25.0;
        for k in 1..=20 {
            let expected = (f64::from(k) * z.acos()).cos();
            let found = single(&network, k as usize - 1, 4.0 + 2.0 * z);
            close(found, expected, 2e-14, &format!("T_{k}({z})"));
        }
    }
    // The last weight is the constant.
    assert_eq!(single(&network, 20, 3.3), 1.0);
}

/// `P_n(cos θ) = Σ_j a_j a_{n-j} cos((n - 2j) θ)` with `a_j = (2j)!/(2^j j!)²`: a sum without
/// cancellation in its coefficients (Szegő, Orthogonal Polynomials, 4.9.3).
fn legendre(n: usize, z: f64) -> f64 {
    let a = |j: usize| (1..=j).map(|i| (2 * i - 1) as f64 / (2 * i) as f64).product::<f64>();
    let theta = z.acos();
    (0..=n).map(|j| a(j) * a(n - j) * ((n as f64 - 2.0 * j as f64) * theta).cos()).sum()
}

#[test]
fn legendre_polynomials_have_their_values() {
    let network = built("legendre", (1, 1), &[("degree", Number(15.0))]);
    for i in 0..=50 {
        let z = -1.0 + f64::from(i) / 25.0;
        for k in 1..=15 {
            close(single(&network, k - 1, z), legendre(k, z), 2e-14, &format!("P_{k}({z})"));
        }
    }
}

/// B-spline `i` of a degree on the knots `t` by the recursion of Cox and de Boor, from steps.
fn cox_de_boor(i: usize, degree: usize, t: &[f64], x: f64) -> f64 {
    if degree == 0 {
        return if t[i] <= x && x < t[i + 1] { 1.0 } else { 0.0 };
    }
    let left = (x - t[i]) / (t[i + degree] - t[i]);
    let right = (t[i + degree + 1] - x) / (t[i + degree + 1] - t[i + 1]);
    left * cox_de_boor(i, degree - 1, t, x) + right * cox_de_boor(i + 1, degree - 1, t, x)
}

fn knots(intervals: usize, degree: usize, (low, high): (f64, f64)) -> Vec<f64> {
    let step = (high - low) / intervals as f64;
    (0..=intervals + 2 * degree).map(|i| low + (i as f64 - degree as f64) * step).collect()
}

#[test]
fn splines_are_those_of_cox_and_de_boor_and_add_up_to_one() {
    for degree in 1..=5usize {
        for intervals in [1usize, 2, 5] {
            let options = [
                ("degree", Number(degree as f64)),
                ("intervals", Number(intervals as f64)),
                ("range", List(vec![-1.5, 2.5])),
            ];
            let network = built("spline", (1, 1), &options);
            assert_eq!(network.weight_count(), intervals + degree);
            let t = knots(intervals, degree, (-1.5, 2.5));
            for i in 0..100 {
                let x = -1.5 + 0.04 * f64::from(i);
                for k in 0..intervals + degree {
                    let what = format!("B_{k} of degree {degree} at {x}");
                    close(single(&network, k, x), cox_de_boor(k, degree, &t, x), 1e-14, &what);
                }
            }
            let ones = vec![1.0; intervals + degree];
            for x in [-1.5, -0.7, 0.0, 0.5, 2.5, -9.0, 77.0] {
                close(network.evaluate(&ones, &[x])[0], 1.0, 1e-12, "sum");
            }
        }
    }
}

fn slope_at(kind: &str, options: &Options<'_>, p: &[f64], x: f64) -> f64 {
    let mut model = model(vec![output(0, 0)], &[]);
    let mut declared = mlp("n", 1, 1, &[], "tanh");
    declared.kind = kind.into();
    declared.options = owned(options);
    model.networks.push(declared);
    model.calls.push(call(0, vec![u(0)]));
    let kernel = Interpreter::new(lower(&model, &BuiltinNetworks).unwrap().rhs);
    let (_, du, _) = vjp(&kernel, (0.0, &[x], p), &[1.0]);
    let (_, forward) = jvp(&kernel, (0.0, &[x], p), (0.0, &[1.0], &vec![0.0; p.len()]));
    close(forward[0], du[0], 1e-13, "forward and reverse");
    du[0]
}

/// A state starts at a knot more often than not: the slope there is that of the function, too.
#[test]
fn splines_have_the_right_slope_at_their_knots() {
    for degree in 1..=5usize {
        let options = [("degree", Number(degree as f64)), ("intervals", Number(4.0))];
        let network = built("spline", (1, 1), &options);
        let p = weights(&network, 3);
        let f = |x: f64| network.evaluate(&p, &[x])[0];
        for knot in [-1.0, -0.5, 0.0, 0.5, 1.0] {
            let found = slope_at("spline", &options, &p, knot);
            // One-sided differences inside the range, extrapolated to step 0. To the right of the
            // knot, but to the left at the end.
            let side = if knot == 1.0 { -1.0 } else { 1.0 };
            let d = |h: f64| side * (f(knot + side * h) - f(knot)) / h;
            let (a, b, c) = (d(0.04), d(0.02), d(0.01));
            let (ab, bc) = (2.0 * b - a, 2.0 * c - b);
            let expected = (4.0 * bc - ab) / 3.0;
            close(found, expected, 1e-3, &format!("degree {degree} at {knot}"));
            if degree > 1 {
                let central = (f(knot + 1e-5) - f(knot - 1e-5)) / 2e-5;
                close(found, central, 1e-4, &format!("degree {degree} at {knot}, both sides"));
            }
        }
    }
}

#[test]
fn outside_the_range_functions_go_straight_on_or_stay() {
    for kind in ["chebyshev", "legendre", "spline"] {
        let range = ("range", List(vec![-3.0, 1.0]));
        let degree = ("degree", Number(4.0));
        let options = [range.clone(), degree.clone()];
        let network = built(kind, (1, 1), &options);
        let p = weights(&network, 1);
        let f = |x: f64| network.evaluate(&p, &[x])[0];
        for (end, out) in [(-3.0, -1.0), (1.0, 1.0)] {
            // The slope at the end from inside, from values up to there.
            let slope = slope_at(kind, &options, &p, end - 1e-9 * out);
            for far in [0.5, 2.0, 100.0] {
                let expected = f(end) + out * far * slope;
                close(f(end + out * far), expected, 1e-7, &format!("{kind} at {end}"));
                close(slope_at(kind, &options, &p, end + out * far), slope, 1e-7, kind);
            }
        }
        let constant = [range, degree, ("outside", word("constant"))];
        let network = built(kind, (1, 1), &constant);
        let f = |x: f64| network.evaluate(&p, &[x])[0];
        assert_eq!(f(-50.0).to_bits(), f(-3.0).to_bits());
        assert_eq!(f(50.0).to_bits(), f(1.0).to_bits());
        assert_eq!(slope_at(kind, &constant, &p, 7.0), 0.0);
    }
}

#[test]
fn gaussian_bumps_stand_on_the_grid_and_die_out() {
    let options = [("count", Number(5.0)), ("width", Number(0.5)), ("range", List(vec![0.0, 2.0]))];
    let network = built("rbf", (1, 1), &options);
    for k in 0..5usize {
        for x in [-1.0f64, 0.3, 0.5, 1.9] {
            let z = (x - 0.5 * k as f64) / 0.25;
            close(single(&network, k, x), (-0.5 * z * z).exp(), 1e-14, "bump");
        }
        assert_eq!(single(&network, k, 1e200), 0.0);
    }
    assert_eq!(single(&network, 5, 0.7), 1.0);
}

#[test]
fn several_inputs_are_added_or_multiplied() {
    let degree = ("degree", Number(2.0));
    let sum = built("chebyshev", (2, 1), std::slice::from_ref(&degree));
    let (x, y) = (0.3f64, -0.7f64);
    let t2 = |z: f64| 2.0 * z * z - 1.0;
    let p = [1.0, 10.0, 100.0, 1000.0, 5.0];
    let expected = x + 10.0 * y + 100.0 * t2(x) + 1000.0 * t2(y) + 5.0;
    close(sum.evaluate(&p, &[x, y])[0], expected, 1e-14, "sum");
    let product = built("chebyshev", (2, 1), &[degree, ("product", Flag(true))]);
    let p: Vec<f64> = (1..=9).map(f64::from).collect();
    let (fx, fy) = ([1.0, x, t2(x)], [1.0, y, t2(y)]);
    let expected: f64 = (0..9).map(|k| p[k] * fx[k / 3] * fy[k % 3]).sum();
    close(product.evaluate(&p, &[x, y])[0], expected, 1e-14, "product");
    let message = attempt("spline", (6, 1), &[("product", Flag(true))]).unwrap_err().message;
    assert!(message.contains("`spline` would have 1771561 functions"), "{message}");
}

#[test]
fn a_kolmogorov_arnold_network_is_its_definition() {
    for (intervals, degree, hidden) in
        [(5usize, 3usize, vec![4.0]), (2, 1, vec![]), (3, 5, vec![3.0, 2.0])]
    {
        let options = [
            ("hidden", List(hidden.clone())),
            ("intervals", Number(intervals as f64)),
            ("degree", Number(degree as f64)),
            // Wide enough for what the hidden layers give.
            ("range", List(vec![-30.0, 30.0])),
        ];
        let network = built("kan", (2, 1), &options);
        let all = weights(&network, 0);
        let t = knots(intervals, degree, (-30.0, 30.0));
        let count = intervals + degree;
        for x in [[0.3, -0.71], [29.0, -12.0]] {
            let (mut value, mut rest) = (x.to_vec(), all.as_slice());
            for to in hidden.iter().map(|w| *w as usize).chain([1]) {
                let n = value.len();
                let (edges, tail) = rest.split_at(to * count * n);
                let (base, tail) = tail.split_at(to * n);
                value = (0..to)
                    .map(|o| {
                        let edge = |j: usize| -> f64 {
                            let x = value[j];
                            let local: f64 = (0..count)
                                .map(|g| {
                                    edges[o * count * n + g * n + j] * cox_de_boor(g, degree, &t, x)
                                })
                                .sum();
                            base[o * n + j] * x / (1.0 + (-x).exp()) + local
                        };
                        (0..n).map(edge).sum()
                    })
                    .collect();
                rest = tail;
            }
            assert!(rest.is_empty());
            close(network.evaluate(&all, &x)[0], value[0], 1e-12, "kan");
        }
    }
}

// -------------------------------------------------------------------------------------- constraints

#[test]
fn input_convex_networks_are_convex() {
    for activation in ACTIVATIONS.iter().filter(|a| a.convex && a.name != "exp") {
        for (concave, sign) in [(false, 1.0), (true, -1.0)] {
            let options = [
                ("convex", List(vec![1.0, 3.0])),
                ("hidden", List(vec![5.0, 4.0])),
                ("activation", word(activation.name)),
                ("concave", Flag(concave)),
            ];
            let network = built("icnn", (3, 2), &options);
            let mut bent = 0.0f64;
            for seed in 0..60 {
                let all: Vec<f64> = weights(&network, seed).iter().map(|w| 2.0 * w).collect();
                let (a, mut b) = (point(3, seed), point(3, seed + 500));
                // Convex in the first and third input for a given second one.
                b[1] = a[1];
                let at = |s: f64| {
                    let x: Vec<f64> =
                        a.iter().zip(&b).map(|(a, b)| 3.0 * (a + s * (b - a))).collect();
                    network.evaluate(&all, &x)
                };
                for s in [0.1, 0.5, 0.8] {
                    for k in 0..2 {
                        let chord = (1.0 - s) * at(0.0)[k] + s * at(1.0)[k];
                        let above = sign * (chord - at(s)[k]);
                        assert!(
                            above > -1e-9 * chord.abs().max(1.0),
                            "{}: {above}",
                            activation.name
                        );
                        bent = bent.max(above);
                    }
                }
            }
            let straight = matches!(activation.name, "linear" | "identity");
            assert!(straight || bent > 0.01, "{}: never bent", activation.name);
        }
    }
}

#[test]
fn curvature_is_added() {
    let plain = built("icnn", (2, 1), &[]);
    let bowl = built("icnn", (2, 1), &[("curvature", Number(3.0))]);
    let all = weights(&plain, 0);
    let x = [0.4, -2.0];
    let expected = plain.evaluate(&all, &x)[0] + 1.5 * (0.16 + 4.0);
    close(bowl.evaluate(&all, &x)[0], expected, 1e-14, "curvature");
}

#[test]
fn monotone_networks_are_monotone_and_free_inputs_are_free() {
    for activation in
        ACTIVATIONS.iter().filter(|a| a.increasing && !matches!(a.name, "exp" | "cube"))
    {
        let options = [
            ("increasing", List(vec![1.0])),
            ("decreasing", List(vec![4.0, 2.0])),
            ("hidden", List(vec![5.0, 4.0])),
            ("activation", word(activation.name)),
        ];
        let network = built("monotone", (4, 2), &options);
        let (mut up, mut down) = (0, 0);
        for seed in 0..60 {
            let all: Vec<f64> = weights(&network, seed).iter().map(|w| 2.0 * w).collect();
            let x = point(4, seed);
            let y = network.evaluate(&all, &x);
            for (input, sign) in [(0, 1.0), (1, -1.0), (3, -1.0)] {
                for by in [1e-3, 0.1, 2.0] {
                    let mut moved = x.clone();
                    moved[input] += by;
                    let z = network.evaluate(&all, &moved);
                    for k in 0..2 {
                        // Direct paths keep the slope from vanishing, so it rises strictly.
                        assert!(sign * (z[k] - y[k]) > 0.0, "{} input {input}", activation.name);
                    }
                }
            }
            let mut moved = x.clone();
            moved[2] += 0.5;
            let z = network.evaluate(&all, &moved);
            if z[0] > y[0] { up += 1 } else { down += 1 }
        }
        assert!(up > 0 && down > 0, "{}: {up} {down}", activation.name);
    }
}

#[test]
fn positive_networks_are_positive_and_start_where_told() {
    let options = [("start", Number(0.02)), ("last", word("zeros"))];
    let network = built("positive", (2, 2), &options);
    let zeros = vec![0.0; network.weight_count()];
    for y in network.evaluate(&zeros, &[0.3, -2.0]) {
        close(y, 0.02, 1e-15, "start");
    }
    for seed in 0..100 {
        let all: Vec<f64> = weights(&network, seed).iter().map(|w| 5.0 * w).collect();
        assert!(network.evaluate(&all, &point(2, seed)).iter().all(|y| *y > 0.0));
    }
}

// ----------------------------------------------------------------------------------------- mechanics

/// A classical Runge–Kutta step.
fn step(f: &dyn Fn(&[f64]) -> Vec<f64>, x: &mut [f64], h: f64) {
    let moved = |x: &[f64], k: &[f64], h: f64| -> Vec<f64> {
        x.iter().zip(k).map(|(x, k)| x + h * k).collect()
    };
    let a = f(x);
    let b = f(&moved(x, &a, h / 2.0));
    let c = f(&moved(x, &b, h / 2.0));
    let d = f(&moved(x, &c, h));
    for i in 0..x.len() {
        x[i] += h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]);
    }
}

#[test]
fn hamiltonian_networks_conserve_their_energy() {
    for separable in [false, true] {
        let options = [("separable", Flag(separable)), ("energy", Flag(true))];
        let network = built("hamiltonian", (4, 5), &options);
        let all = weights(&network, 2);
        let motion = |x: &[f64]| network.evaluate(&all, x)[..4].to_vec();
        let energy = |x: &[f64]| network.evaluate(&all, x)[4];
        // The motion is the derivative of the energy.
        let x = point(4, 3);
        let found = motion(&x);
        for i in 0..4 {
            let (slope, error) = ridders(
                |h| {
                    let mut x = x.clone();
                    x[i] += h;
                    energy(&x)
                },
                0.05,
            );
            assert!(error < 1e-9);
            let (at, sign) = if i < 2 { (i + 2, -1.0) } else { (i - 2, 1.0) };
            close(found[at], sign * slope, 1e-9, "Hamilton's equations");
        }
        if separable {
            let mut moved = x.clone();
            moved[0] += 0.5;
            assert_eq!(motion(&moved)[..2], found[..2], "dq/dt depends on p only");
            assert_ne!(motion(&moved)[2..], found[2..]);
        }
        // Errors of the method are of fourth order; those of the energy shrink with them.
        let drift = |steps: usize| {
            let mut x = x.clone();
            for _ in 0..steps {
                step(&motion, &mut x, 2.0 / steps as f64);
            }
            let far: f64 = x.iter().zip(point(4, 3)).map(|(a, b)| (a - b).abs()).sum();
            assert!(far > 0.1, "it moves");
            (energy(&x) - energy(&point(4, 3))).abs()
        };
        let (coarse, fine) = (drift(200), drift(400));
        assert!(fine < 1e-8 && (fine < coarse / 8.0 || fine < 1e-13), "{coarse:e} {fine:e}");
    }
}

#[test]
fn time_may_be_an_input_of_the_energy() {
    let network = built("hamiltonian", (3, 2), &[("separable", Flag(true))]);
    let all = weights(&network, 0);
    let (early, late) =
        (network.evaluate(&all, &[0.3, 0.4, 0.0]), network.evaluate(&all, &[0.3, 0.4, 1.0]));
    assert!(early[0] != late[0] && early[1] != late[1]);
}

#[test]
fn a_lagrangian_of_known_weights_gives_the_known_acceleration() {
    // One coordinate, no hidden layer: R = 1 + a q + b, V = c q + d, so
    // L = ½ (R² + f) v² - V and a = -(a R v² + c)/(R² + f).
    let (a, b, c, d, f) = (0.7, -0.2, 1.3, 5.0, 0.25);
    let network = built("lagrangian", (2, 1), &[("hidden", List(vec![])), ("floor", Number(f))]);
    let names: Vec<&str> = network.weights().map(|w| w.0).collect();
    assert_eq!(
        names,
        [
            "mass.layer1.weight",
            "mass.layer1.bias",
            "potential.layer1.weight",
            "potential.layer1.bias"
        ]
    );
    for (q, v) in [(0.0, 0.0), (0.4, -1.5), (-2.0, 3.0)] {
        let r = 1.0 + a * q + b;
        let expected = -(a * r * v * v + c) / (r * r + f);
        close(network.evaluate(&[a, b, c, d], &[q, v])[0], expected, 1e-14, "acceleration");
    }
}

// ----------------------------------------------------------------------------------------- messages

#[test]
fn wrong_options_are_named_with_what_is_allowed() {
    let message = |kind: &str, size: (u32, u32), options: &Options<'_>| {
        attempt(kind, size, options).unwrap_err().message
    };
    for (kind, option, value, expected) in [
        (
            "spline",
            "degree",
            Number(9.0),
            "`degree` of `spline` is 9; give a whole number from 1 to 5",
        ),
        ("spline", "degree", word("cubic"), "is `cubic`; give a whole number from 1 to 5"),
        (
            "spline",
            "range",
            List(vec![1.0, 1.0]),
            "is [1.0, 1.0]; give two numbers, the lower first",
        ),
        (
            "spline",
            "outside",
            word("linaer"),
            "give one of linear, constant; did you mean `linear`?",
        ),
        ("kan", "degree", Number(6.0), "`degree` of `kan` is 6; splines have a degree from 1 to 5"),
        ("kan", "basis", Number(6.0), "`basis` of `kan` is 6; give one of spline, chebyshev"),
        (
            "mlp",
            "init",
            word("glorot"),
            "`init` of `mlp` is `glorot`; give one of auto, glorot_uniform",
        ),
        ("mlp", "last", word("zero"), "did you mean `zeros`?"),
        ("mlp", "skip", word("residual"), "needs as many outputs as inputs, not 2 and 1"),
        (
            "icnn",
            "convex",
            List(vec![3.0]),
            "`convex` of `icnn` holds 3; the inputs are numbered from 1 to 2",
        ),
        ("icnn", "convex", List(vec![1.0, 1.0]), "holds 1 twice"),
        (
            "icnn",
            "activation",
            word("tanh"),
            "is `tanh`, which is not convex and rising everywhere; give one of linear, relu",
        ),
        ("icnn", "scale", Number(-1.0), "`scale` of `icnn` is -1; give a number above 0"),
        (
            "monotone",
            "activation",
            word("gelu"),
            "is `gelu`, which does not rise everywhere; give one of linear, tanh",
        ),
        ("monotone", "hidden", List(vec![2.0]), "`monotone` needs `increasing` or `decreasing`"),
        ("fourier", "learned", Number(1.0), "`learned` of `fourier` is 1; give true or false"),
        (
            "fourier",
            "frequency",
            Number(-1.0),
            "`frequency` of `fourier` is -1; give a number from",
        ),
        ("rbf", "cuont", Number(5.0), "`rbf` has no option `cuont`; did you mean `count`?; it has"),
        (
            "lagrangian",
            "activation",
            word("relu"),
            "is `relu`, whose second derivative is not continuous",
        ),
        ("hamiltonian", "energy", Flag(true), "one for the energy"),
    ] {
        let found = message(kind, (2, 1), &[(option, value)]);
        assert!(found.contains(expected), "`{found}` does not contain `{expected}`");
        assert!(found.contains(&format!("`{kind}`")), "{found}");
    }
    // Functions of the language have their properties, too.
    let with = |kind: &str, activation: &str| {
        let increasing = ("increasing", List(vec![1.0]));
        let options = [("activation", word(activation)), increasing];
        let used = if kind == "monotone" { &options[..] } else { &options[..1] };
        attempt(kind, (2, 2), used).is_ok()
    };
    for (activation, allowed) in [
        ("expm1", [true, true, true]),
        ("sinh", [true, false, true]),
        ("cosh", [false, false, true]),
        ("cbrt", [true, false, false]),
        ("abs", [false, false, false]),
        ("ln", [false, false, false]),
    ] {
        let found = ["monotone", "icnn", "hamiltonian"].map(|kind| with(kind, activation));
        assert_eq!(found, allowed, "{activation}");
    }
    let both = [("increasing", List(vec![1.0])), ("decreasing", List(vec![1.0]))];
    let found = message("monotone", (2, 1), &both);
    assert_eq!(found, "`decreasing` of `monotone` holds 1, which is in `increasing` too");
    for (kind, size) in [
        ("hamiltonian", (3, 3)),
        ("hamiltonian", (2, 4)),
        ("lagrangian", (3, 2)),
        ("lagrangian", (40, 9)),
    ] {
        assert!(message(kind, size, &[]).starts_with(&format!("`{kind}` has an output for each")));
    }
    let found =
        message("lagrangian", (2, 1), &[("form", word("general")), ("activation", word("tanh"))]);
    assert!(found.contains("in the general form give one of"), "{found}");
}

/// Any value for any option.
fn value() -> impl Strategy<Value = OptionValue> {
    let numbers = || {
        prop_oneof![
            (-2i32..12).prop_map(f64::from),
            -1e3..1e3,
            prop::sample::select(vec![0.0, f64::NAN, f64::INFINITY, 1e308, -1e-308, 5e-324]),
        ]
    };
    let activations = ACTIVATIONS.iter().map(|a| a.name);
    let others =
        ["linear", "constant", "zeros", "general", "odd", "residual", "square", "nonsense"];
    let words: Vec<&str> = activations.chain(others).collect();
    prop_oneof![
        numbers().prop_map(Number),
        prop::collection::vec(numbers(), 0..4).prop_map(List),
        any::<bool>().prop_map(Flag),
        prop::sample::select(words.clone()).prop_map(word),
        prop::collection::vec(prop::sample::select(words), 0..4)
            .prop_map(|list| OptionValue::Words(list.into_iter().map(Into::into).collect())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// No option makes a builder panic, and what is built is valid and gives numbers.
    #[test]
    fn any_options_are_refused_or_give_a_network(
        kind in prop::sample::select(KINDS.to_vec()),
        (inputs, outputs) in (1u32..7, 0u32..7),
        given in prop::collection::vec((any::<prop::sample::Index>(), value()), 0..3),
    ) {
        let mut options: Vec<(&str, OptionValue)> = Vec::new();
        for (index, value) in given {
            let name = kind.options[index.index(kind.options.len())].name;
            if options.iter().all(|(n, _)| *n != name) {
                options.push((name, value));
            }
        }
        match attempt(kind.name, (inputs, outputs), &options) {
            Err(refused) => prop_assert!(refused.message.len() > 20),
            Ok(network) => {
                prop_assert_eq!(network.verify(), Ok(()));
                prop_assert_eq!((network.inputs, network.outputs), (inputs, outputs));
                let p = vec![0.0; network.weight_count()];
                let y = network.evaluate(&p, &point(inputs as usize, 0));
                prop_assert!(y.iter().all(|y| !y.is_nan()), "{:?}", y);
            }
        }
    }
}

#[test]
fn the_reference_page_holds_the_tables() {
    let page = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/networks.md"
    ))
    .unwrap();
    let mut missing = String::new();
    for kind in KINDS {
        let heading = format!("\n## `{}`\n", kind.name);
        for part in [heading, options_table(kind), kind.source.to_owned()] {
            if !page.contains(&part) {
                missing.push_str(&format!("{}:\n{part}\n", kind.name));
            }
        }
    }
    if !page.contains(&activations_table()) {
        missing.push_str(&format!("activations:\n{}\n", activations_table()));
    }
    assert!(missing.is_empty(), "docs/reference/networks.md should hold\n{missing}");
}
