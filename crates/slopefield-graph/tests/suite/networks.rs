//! The network builder, the built-in kind, the op set, the encoding and the start values.
use crate::support;

use proptest::prelude::*;
use slopefield_graph::network::{
    DecodeError, Init, NetworkError, decode, encode, limits, reference_table,
};
use slopefield_graph::{
    BuiltinNetworks, Interpreter, LowerError, NetworkBuilder, NetworkGraph, NetworkLibrary, lower,
};
use slopefield_lang::{OptionValue, Unary};
use support::recorded::*;
use support::*;

#[test]
fn every_op_of_the_set_has_correct_values_and_gradients() {
    for op in op_names() {
        assert!(NetworkBuilder::op_supported(&op));
        let network = around(&op);
        let mut model = model((0..6).map(|i| output(0, i % 2)).collect(), &[]);
        let mut declared = mlp("n", 6, 2, &[], "tanh");
        declared.kind = "one".into();
        model.networks.push(declared);
        model.calls.push(call(0, (0..6).map(u).collect()));
        let lowered = lower(&model, &One(network.clone())).unwrap();
        let kernel = Interpreter::new(lowered.rhs.clone());
        let p = lowered.layout.initial_values(&model, &lowered.networks, 5);
        let x = [0.3, -0.8, 1.1, 0.05, -1.6, 0.7];

        let direct = network.evaluate(&p, &x);
        let value = eval(&kernel, 0.0, &x, &p);
        for (i, v) in value.iter().enumerate() {
            close(*v, direct[i % 2], 1e-13, &op);
        }
        let w = [1.0, 0.6, 0.0, 0.0, 0.0, 0.0];
        let weighted = |x: &[f64], p: &[f64]| {
            let out = network.evaluate(p, x);
            out[0] + 0.6 * out[1]
        };
        let (_, du, dp) = vjp(&kernel, (0.0, &x, &p), &w);
        let flat = matches!(op.as_str(), "not" | "sign" | "floor" | "ceil" | "round" | "step");
        for k in 0..6 + p.len() {
            let found = if k < 6 { du[k] } else { dp[k - 6] };
            let (expected, error) = ridders(
                |h| {
                    let (mut x, mut p) = (x, p.clone());
                    if k < 6 {
                        x[k] += h
                    } else {
                        p[k - 6] += h
                    }
                    weighted(&x, &p)
                },
                // A small step keeps steps and corners away from the points.
                if flat { 1e-3 } else { 0.02 },
            );
            assert!(error < 1e-8, "{op}: differences only good to {error:e}");
            close(found, expected, 1e-9, &format!("{op}, element {k}"));
            let mut direction = vec![0.0; 6 + p.len()];
            direction[k] = 1.0;
            let (_, forward) = jvp(&kernel, (0.0, &x, &p), (0.0, &direction[..6], &direction[6..]));
            close(forward[0] + 0.6 * forward[1], found, 1e-13, &format!("{op}, forward {k}"));
        }
        assert_eq!(decode(&encode(&network)).unwrap(), network, "{op}");
    }
}

#[test]
fn functions_with_singular_derivatives_are_guarded_in_networks_too() {
    let mut b = NetworkBuilder::new(2).unwrap();
    let root = b.op("sqrt", &[b.input()], &[]).unwrap();
    let weights = b.param("w", &[2], Init::Constant(1.0)).unwrap();
    let out = b.op("mul", &[root, weights], &[]).unwrap();
    b.output(out).unwrap();
    let mut model = model(vec![output(0, 0), output(0, 1)], &[]);
    model.networks.push(mlp("n", 2, 2, &[], "tanh"));
    model.calls.push(call(0, vec![u(0), u(1)]));
    let lowered = lower(&model, &One(b.finish().unwrap())).unwrap();
    let kernel = Interpreter::new(lowered.rhs);
    let (_, du, _) = vjp(&kernel, (0.0, &[0.0, 4.0], &[1.0, 1.0]), &[0.0, 1.0]);
    assert_eq!(du, [0.0, 0.25]);
}

#[test]
fn the_reference_page_holds_the_table() {
    let page = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/network-ops.md"
    ))
    .unwrap();
    assert!(
        page.contains(&reference_table()),
        "docs/reference/network-ops.md should hold this table:\n{}",
        reference_table()
    );
}

#[track_caller]
fn refused(result: Result<impl std::fmt::Debug, NetworkError>, parts: &[&str]) {
    let message = result.unwrap_err().message;
    for part in parts {
        assert!(message.contains(part), "`{message}` does not mention `{part}`");
    }
}

#[test]
fn the_builder_names_the_op_and_the_shapes() {
    let mut b = NetworkBuilder::new(3).unwrap();
    let x = b.input();
    let a = b.param("a", &[4, 2], Init::Zeros).unwrap();
    assert_eq!(b.shape(a), Some(vec![4, 2]));
    assert_eq!(b.shape(99), None);
    refused(b.op("matvec", &[a, x], &[]), &["matvec", "[4, 2]", "[3]"]);
    refused(b.op("matvec", &[a, 77], &[]), &["matvec", "77"]);
    refused(b.op("convolve", &[x], &[]), &["convolve", "op set 2"]);
    refused(b.op("less", &[x, x], &[]), &["less"]);
    refused(b.op("add", &[x, a], &[]), &["add", "[3] and [4, 2]"]);
    refused(b.op("tanh", &[x, x], &[]), &["tanh", "[3] and [3]"]);
    refused(b.op("concat", &[], &[]), &["concat", "nothing"]);
    refused(b.op("concat", &[x, a], &[]), &["concat", "[4, 2]"]);
    refused(b.op("slice", &[x], &[("start", &[2]), ("len", &[2])]), &["slice", "2", "3"]);
    refused(b.op("slice", &[x], &[("start", &[-1]), ("len", &[2])]), &["start", "-1"]);
    refused(b.op("slice", &[x], &[("start", &[0])]), &["slice", "len"]);
    refused(b.op("slice", &[x], &[("start", &[0, 1]), ("len", &[1])]), &["start", "one number"]);
    refused(b.op("sum", &[x], &[("axis", &[0])]), &["sum", "axis"]);
    refused(b.op("reshape", &[x], &[("dims", &[2, 2])]), &["reshape", "3", "4"]);
    refused(b.op("reshape", &[x], &[("dims", &[1, 1, 3])]), &["reshape", "dims"]);
    refused(b.param("a", &[2], Init::Zeros), &["two weights", "`a`"]);
    refused(b.param("", &[2], Init::Zeros), &["name"]);
    refused(b.param("b", &[2, 2, 2], Init::Zeros), &["rank 3"]);
    refused(b.param("b", &[2, 0], Init::Zeros), &["length 0"]);
    refused(b.param("b", &[2], Init::Uniform(1.0, 0.0)), &["Uniform", "`b`"]);
    refused(b.param("b", &[2], Init::Normal(0.0, f64::NAN)), &["Normal"]);
    refused(b.param("b", &[u32::MAX, u32::MAX], Init::Zeros), &["limit"]);
    refused(b.constant(&[2], &[1.0]), &["[2]", "2 numbers, not 1"]);
    refused(b.constant(&[1], &[f64::INFINITY]), &["inf"]);
    refused(b.output(a), &["vector", "4 by 2"]);
    refused(b.output(50), &["50"]);
    refused(b.finish(), &["no output"]);
    refused(NetworkBuilder::new(0), &["0"]);
}

#[test]
fn the_builder_keeps_its_limits() {
    let mut b = NetworkBuilder::new(1).unwrap();
    let x = b.input();
    refused(b.op("concat", &vec![x; limits::OPERANDS + 1], &[]), &["concat", "1025"]);
    b.param("large", &[8192, 8192], Init::Zeros).unwrap();
    refused(b.param("more", &[1], Init::Zeros), &["more", "limit"]);
    let mut b = NetworkBuilder::new(4097).unwrap();
    let x = b.input();
    refused(b.op("outer", &[x, x], &[]), &["outer", "elements"]);
    let mut b = NetworkBuilder::new(1).unwrap();
    for _ in 1..limits::NODES {
        b.op("neg", &[0], &[]).unwrap();
    }
    refused(b.op("neg", &[0], &[]), &["65536"]);
}

fn built(options: &[(&str, OptionValue)]) -> Result<NetworkGraph, NetworkError> {
    let options: Vec<_> = options.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    BuiltinNetworks.build("mlp", 2, 3, &options)
}

#[test]
fn options_of_the_perceptron() {
    use OptionValue::{Flag, List, Number, Text, Word};
    let names = |n: &NetworkGraph| -> Vec<(String, Vec<u32>)> {
        n.weights().map(|(name, dims, _)| (name.to_owned(), dims.to_vec())).collect()
    };
    let standard = built(&[]).unwrap();
    assert_eq!(
        names(&standard),
        [
            ("layer1.weight".into(), vec![16, 2]),
            ("layer1.bias".into(), vec![16]),
            ("layer2.weight".into(), vec![16, 16]),
            ("layer2.bias".into(), vec![16]),
            ("layer3.weight".into(), vec![3, 16]),
            ("layer3.bias".into(), vec![3]),
        ]
    );
    let plain = built(&[("hidden", List(vec![])), ("bias", Flag(false))]).unwrap();
    assert_eq!(names(&plain), [("layer1.weight".into(), vec![3, 2])]);
    assert_eq!(plain.evaluate(&[1., 2., 3., 4., 5., 6.], &[1., 10.]), [21., 43., 65.]);
    let scaled = built(&[
        ("hidden", Number(1.0)),
        ("bias", Flag(false)),
        ("activation", Word("relu".into())),
        ("output", Text("exp".into())),
        ("scale", Number(10.0)),
    ])
    .unwrap();
    let out = scaled.evaluate(&[1.0, 1.0, 0.0, 1.0, -1.0], &[3.0, -1.0]);
    assert_eq!(out, [10.0, 10.0 * libm::exp(2.0), 10.0 * libm::exp(-2.0)]);

    refused(built(&[("width", Number(3.0))]), &["width", "hidden", "activation"]);
    refused(built(&[("hiden", Number(3.0))]), &["hiden", "did you mean `hidden`?"]);
    refused(built(&[("hidden", List(vec![4.5]))]), &["hidden", "4.5", "whole number"]);
    refused(built(&[("hidden", List(vec![0.0]))]), &["hidden", "0"]);
    refused(built(&[("hidden", List(vec![f64::NAN]))]), &["hidden", "NaN"]);
    refused(built(&[("hidden", List(vec![1.0; 65]))]), &["hidden", "65"]);
    refused(built(&[("hidden", Word("many".into()))]), &["hidden", "many"]);
    refused(built(&[("activation", Word("elo".into()))]), &["activation", "elo", "`elu`?", "tanh"]);
    refused(built(&[("output", Number(1.0))]), &["output", "1"]);
    refused(built(&[("scale", Number(0.0))]), &["scale", "0"]);
    refused(built(&[("bias", Number(1.0))]), &["bias", "true or false"]);
    refused(BuiltinNetworks.build("mpl", 1, 1, &[]), &["mpl", "did you mean `mlp`", "kan"]);
    refused(BuiltinNetworks.build("mlp", 1, 0, &[]), &["outputs"]);
}

#[test]
fn start_values_follow_their_distributions_and_the_seed() {
    let mut b = NetworkBuilder::new(40).unwrap();
    let tensors = [
        ("zeros", [100, 40], Init::Zeros),
        ("constant", [100, 40], Init::Constant(2.5)),
        ("normal", [100, 40], Init::Normal(1.0, 3.0)),
        ("uniform", [100, 40], Init::Uniform(-2.0, 6.0)),
        ("xavier", [100, 40], Init::XavierUniform(2.0)),
        ("kaiming", [100, 40], Init::KaimingNormal(1.0)),
        ("xavier_normal", [100, 40], Init::XavierNormal(1.5)),
        ("kaiming_uniform", [100, 40], Init::KaimingUniform(0.5)),
        ("lecun", [100, 40], Init::lecun_normal(1.0)),
        ("lecun_uniform", [100, 40], Init::lecun_uniform(1.0)),
        ("wide", [30, 40], Init::Orthogonal(2.0)),
        ("tall", [40, 30], Init::Orthogonal(1.0)),
    ];
    let mut y = b.input();
    for (name, dims, init) in tensors {
        let a = b.param(name, &dims, init).unwrap();
        if name == "zeros" {
            y = b.op("matvec", &[a, y], &[]).unwrap();
        }
    }
    b.output(y).unwrap();
    let network = b.finish().unwrap();
    let mut model = model(vec![output(0, 0)], &[7.0, 8.0]);
    model.networks.push(mlp("n", 40, 100, &[], "tanh"));
    model.calls.push(call(0, (0..40).map(|_| u(0)).collect()));
    let lowered = lower(&model, &One(network)).unwrap();
    let draw = |seed| lowered.layout.initial_values(&model, &lowered.networks, seed);
    let p = draw(1);
    assert_eq!(p, draw(1));
    assert_ne!(p, draw(2));
    assert_eq!(p[..2], [7.0, 8.0]);

    let slot = |name: &str| {
        let slot = lowered.layout.weights.iter().find(|s| s.name == format!("n.{name}")).unwrap();
        &p[slot.offset..slot.offset + slot.len]
    };
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let sd = |x: &[f64]| {
        let m = mean(x);
        mean(&x.iter().map(|v| (v - m).powi(2)).collect::<Vec<_>>()).sqrt()
    };
    assert!(slot("zeros").iter().all(|x| *x == 0.0));
    assert!(slot("constant").iter().all(|x| *x == 2.5));
    // Five standard errors of 4000 draws.
    let n = 4000f64.sqrt();
    assert!((mean(slot("normal")) - 1.0).abs() < 5.0 * 3.0 / n);
    assert!((sd(slot("normal")) - 3.0).abs() < 5.0 * 3.0 / (2f64.sqrt() * n));
    let uniform = slot("uniform");
    assert!(uniform.iter().all(|x| (-2.0..6.0).contains(x)));
    assert!((mean(uniform) - 2.0).abs() < 5.0 * 8.0 / (12f64.sqrt() * n));
    let bound = 2.0 * (6.0 / 140f64).sqrt();
    let largest = slot("xavier").iter().fold(0f64, |m, x| m.max(x.abs()));
    assert!(largest <= bound && largest > 0.99 * bound);
    assert!((sd(slot("kaiming")) - (2.0 / 40f64).sqrt()).abs() < 5.0 * 0.22 / (2f64.sqrt() * n));
    // Standard deviations of the definitions, and bounds of the uniform ones: bound²/3 is the
    // variance.
    for (name, expected, is_uniform) in [
        ("xavier", 2.0 * (2.0 / 140f64).sqrt(), true),
        ("xavier_normal", 1.5 * (2.0 / 140f64).sqrt(), false),
        ("kaiming", (2.0 / 40f64).sqrt(), false),
        ("kaiming_uniform", 0.5 * (2.0 / 40f64).sqrt(), true),
        ("lecun", (1.0 / 40f64).sqrt(), false),
        ("lecun_uniform", (1.0 / 40f64).sqrt(), true),
    ] {
        let values = slot(name);
        assert!(mean(values).abs() < 5.0 * expected / n, "{name}: mean {}", mean(values));
        let spread = sd(values);
        assert!((spread - expected).abs() < 5.0 * expected / (2f64.sqrt() * n), "{name}: {spread}");
        let largest = values.iter().fold(0f64, |m, x| m.max(x.abs()));
        let bound = 3f64.sqrt() * expected;
        assert_eq!(largest <= bound, is_uniform, "{name}: {largest}");
        assert!(largest > 0.99 * bound, "{name}: {largest}");
    }
    for (name, count, len, gain, at) in [
        ("wide", 30, 40, 2.0, (|v, i| v * 40 + i) as fn(usize, usize) -> usize),
        ("tall", 30, 40, 1.0, |v, i| i * 30 + v),
    ] {
        let a = slot(name);
        for v in 0..count {
            for w in 0..count {
                let dot: f64 = (0..len).map(|i| a[at(v, i)] * a[at(w, i)]).sum();
                let expected = if v == w { gain * gain } else { 0.0 };
                assert!((dot - expected).abs() < 1e-13, "{name}: {v} and {w}: {dot}");
            }
        }
    }
}

#[test]
fn the_last_layer_starts_small_but_not_at_zero() {
    let mut model = model(vec![output(0, 0), output(0, 1)], &[]);
    model.networks.push(mlp("n", 2, 2, &[50.0], "tanh"));
    model.calls.push(call(0, vec![u(0), u(1)]));
    let lowered = lowered(&model);
    for seed in 0..20 {
        let p = lowered.layout.initial_values(&model, &lowered.networks, seed);
        let out = lowered.networks[0].evaluate(&p, &[1.0, -0.5]);
        let largest = out[0].abs().max(out[1].abs());
        assert!(largest > 0.0 && largest < 0.3, "{out:?}");
    }
}

#[test]
fn every_parameter_has_a_name() {
    let mut model = model(vec![output(0, 0)], &[1.0]);
    model.networks.push(mlp("n", 2, 1, &[3.0], "tanh"));
    model.networks.push(mlp("m", 1, 1, &[], "tanh"));
    model.calls.push(call(0, vec![u(0), u(0)]));
    let layout = lowered(&model).layout;
    let names: Vec<String> = (0..layout.len).map(|i| layout.name_of(i, &model)).collect();
    assert_eq!(
        names,
        [
            "k0",
            "n.layer1.weight[1, 1]",
            "n.layer1.weight[1, 2]",
            "n.layer1.weight[2, 1]",
            "n.layer1.weight[2, 2]",
            "n.layer1.weight[3, 1]",
            "n.layer1.weight[3, 2]",
            "n.layer1.bias[1]",
            "n.layer1.bias[2]",
            "n.layer1.bias[3]",
            "n.layer2.weight[1, 1]",
            "n.layer2.weight[1, 2]",
            "n.layer2.weight[1, 3]",
            "n.layer2.bias[1]",
            // Without a list of its own a network has two hidden layers of 16; this one has none.
            "m.layer1.weight[1, 1]",
            "m.layer1.bias[1]",
        ]
    );
    assert_eq!(layout.network_range(0), 1..14);
    assert_eq!(layout.network_range(1), 14..16);
    assert_eq!(layout.network_range(2), 16..16);
}

#[test]
fn lowering_errors_name_the_network_and_the_place() {
    let mut model = model(vec![output(0, 0)], &[]);
    model.networks.push(mlp("n", 1, 1, &[2.0], "tangent"));
    model.calls.push(call(0, vec![u(0)]));
    let message = lower(&model, &BuiltinNetworks).unwrap_err().to_string();
    assert!(message.contains("`n`") && message.contains("tangent"), "{message}");

    model.networks[0] = mlp("n", 1, 1, &[2.0], "tanh");
    model.calls[0].arguments.push(u(0));
    let error = lower(&model, &BuiltinNetworks).unwrap_err();
    assert!(matches!(error, LowerError::Arguments { expected: 1, found: 2, .. }), "{error}");

    model.calls[0].arguments.pop();
    let error = lower(&model, &One(around("tanh"))).unwrap_err();
    assert!(matches!(error, LowerError::NetworkSize { inputs: 6, outputs: 2, .. }), "{error}");

    // A library that returns nonsense.
    let mut broken = around("tanh");
    broken.output = 9999;
    let error = lower(&model, &One(broken)).unwrap_err();
    assert!(matches!(error, LowerError::Network { .. }), "{error}");
    let mut broken = around("tanh");
    broken.nodes.swap(3, 9);
    assert!(lower(&model, &One(broken)).is_err());

    model.states[0].initial = un(Unary::Exp, u(0));
    let error = lower(&model, &BuiltinNetworks).unwrap_err();
    assert!(matches!(&error, LowerError::StateInInitial { state, .. } if state == "x0"), "{error}");

    model.is_complete = false;
    assert_eq!(lower(&model, &BuiltinNetworks), Err(LowerError::Incomplete));
}

#[test]
fn damaged_encodings_are_refused_with_the_place() {
    let bytes = encode(&around("slice"));
    assert_eq!(decode(&bytes), Ok(around("slice")));
    assert_eq!(decode(b"SLF"), Err(DecodeError::NotANetwork));
    assert_eq!(decode(b"SQLite"), Err(DecodeError::NotANetwork));
    let mut newer = bytes.clone();
    newer[4] = 4;
    assert_eq!(decode(&newer), Err(DecodeError::TooNew { found: 4 }));
    newer[4] = 3;
    assert!(matches!(decode(&newer), Err(DecodeError::Damaged { at: 4, .. })));
    // What only needs version 1 is written in version 1, and what needs version 2 says so.
    assert_eq!(bytes[4], 1);
    newer[4] = 2;
    assert!(matches!(decode(&newer), Err(DecodeError::Damaged { at: 4, .. })));
    let mut second = encode(&around("matvec_t"));
    assert_eq!((second[4], decode(&second)), (2, Ok(around("matvec_t"))));
    second[4] = 1;
    assert!(matches!(decode(&second), Err(DecodeError::Damaged { at: 4, .. })));
    for len in 4..bytes.len() {
        assert!(decode(&bytes[..len]).is_err(), "{len} bytes of {}", bytes.len());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    let at = bytes.len();
    assert_eq!(decode(&longer), Err(DecodeError::Damaged { at, what: "the end" }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// No bytes make the decoder panic, and what it accepts is a network that encodes to itself.
    #[test]
    fn mutated_encodings_are_refused_or_valid(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = encode(&around("slice"));
        for (index, value) in changes {
            let i = index.index(bytes.len());
            bytes[i] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(network) = decode(&bytes) {
            prop_assert_eq!(network.verify(), Ok(()));
            prop_assert_eq!(encode(&network), bytes);
        }
    }

    #[test]
    fn random_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
        bytes.splice(0..0, *b"SLFN\x01\x00");
        prop_assert!(decode(&bytes).is_err());
    }
}

/// In a loop over lanes every op gives what it gives in one call after the other.
#[test]
fn every_op_of_the_set_works_in_lanes() {
    let network = "network n: one(inputs: 6, outputs: 2)\n";
    let arguments =
        |x: &str| (1..=6).map(|k| format!("{x}*{k}/3 - 0.7")).collect::<Vec<_>>().join(", ");
    let looped = format!(
        "{network}state u[4] = 1\nu[i]' = n({0})[1] - n({0})[2] for i in 1..4\n",
        arguments("u[i]")
    );
    let mut written_out = format!("{network}state a = 1, b = 1, c = 1, d = 1\n");
    for x in ["a", "b", "c", "d"] {
        written_out.push_str(&format!("{x}' = n({0})[1] - n({0})[2]\n", arguments(x)));
    }
    let [looped, written_out] = [looped, written_out].map(|text| slopefield_lang::check(&text).0);
    for op in op_names() {
        let library = One(around(&op));
        let [a, b] = [&looped, &written_out].map(|model| lower(model, &library).unwrap());
        let p = a.layout.initial_values(&looped, &a.networks, 5);
        let [a, b] = [a, b].map(|lowered| Interpreter::new(lowered.rhs));
        let at = (0.0, [0.3, -0.8, 1.1, 0.6]);
        let at = (at.0, &at.1[..], p.as_slice());
        for (found, expected) in eval(&a, at.0, at.1, at.2).iter().zip(eval(&b, at.0, at.1, at.2)) {
            close(*found, expected, 1e-13, &op);
        }
        let dp: Vec<f64> = (0..p.len()).map(|k| (k as f64).cos()).collect();
        let along = (0.0, &[0.4, 1.0, -0.3, 0.9][..], dp.as_slice());
        for (found, expected) in jvp(&a, at, along).1.iter().zip(jvp(&b, at, along).1) {
            close(*found, expected, 1e-12, &format!("{op}, tangent"));
        }
        let w = [1.0, -0.5, 0.7, 0.2];
        let (found, expected) = (vjp(&a, at, &w), vjp(&b, at, &w));
        for (found, expected) in
            found.1.iter().chain(&found.2).zip(expected.1.iter().chain(&expected.2))
        {
            close(*found, *expected, 1e-12, &format!("{op}, gradient"));
        }
    }
}
