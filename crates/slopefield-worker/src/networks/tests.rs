use super::*;
use slopefield_graph::NetworkBuilder;
use slopefield_graph::network::Init;

fn linear() -> NetworkGraph {
    let mut b = NetworkBuilder::new(2).unwrap();
    let w = b.param("w", &[1, 2], Init::Zeros).unwrap();
    let y = b.op("matvec", &[w, b.input()], &[]).unwrap();
    b.output(y).unwrap();
    b.finish().unwrap()
}

fn stored() -> RecordedNetwork {
    RecordedNetwork {
        kind: "org.example.a/b".into(),
        options: String::new(),
        inputs: 2,
        outputs: 1,
        plugin_version: "0.1.0".into(),
        plugin_blake3: "00".into(),
        op_set: OP_SET,
        bytes: encode(&linear()),
    }
}

#[test]
fn equal_options_are_spelled_equally() {
    let number = |name: &str, v: f64| (name.to_owned(), OptionValue::Number(v));
    let options = [
        number("inputs", 2.0),
        number("range", 0.1),
        number("outputs", 1.0),
        ("hidden".into(), OptionValue::List(vec![3.0, 4.0])),
        ("basis".into(), OptionValue::Word("spline".into())),
        ("note".into(), OptionValue::Text("a, \"b\"".into())),
        ("acts".into(), OptionValue::Words(vec!["tanh".into(), "relu".into()])),
        ("on".into(), OptionValue::Flag(true)),
    ];
    let text = spelled(&options);
    assert_eq!(
        text,
        r#"acts: [tanh, relu], basis: spline, hidden: [3.0, 4.0], note: "a, \"b\"", on: true, range: 0.1"#
    );
    let reversed: Vec<_> = options.iter().rev().cloned().collect();
    assert_eq!(spelled(&reversed), text);
    // Numbers that differ in their last digit are different.
    let next = f64::from_bits(0.1_f64.to_bits() + 1);
    assert_ne!(spelled(&[number("range", 0.1)]), spelled(&[number("range", next)]));
    // A text is not a word.
    let word = |v: OptionValue| spelled(&[("a".into(), v)]);
    assert_ne!(word(OptionValue::Text("x".into())), word(OptionValue::Word("x".into())));
}

#[test]
fn a_stored_graph_is_checked_like_one_that_a_plugin_records() {
    assert_eq!(graph(&stored()).unwrap(), linear());
    for (bad, part) in [
        (RecordedNetwork { op_set: OP_SET + 1, ..stored() }, "update the application"),
        (RecordedNetwork { inputs: 3, ..stored() }, "2 inputs and 1 outputs instead of 3 and 1"),
        (RecordedNetwork { outputs: 2, ..stored() }, "instead of 2 and 2"),
        (RecordedNetwork { bytes: vec![], ..stored() }, "not a recorded network"),
    ] {
        let message = graph(&bad).unwrap_err().message;
        assert!(message.contains(part) && message.contains("org.example.a/b"), "{message}");
    }
    let whole = stored().bytes;
    for end in 0..whole.len() {
        let bytes = whole[..end].to_vec();
        assert!(graph(&RecordedNetwork { bytes, ..stored() }).is_err(), "{end}");
    }
    let longer = RecordedNetwork { bytes: [whole, vec![0]].concat(), ..stored() };
    assert!(graph(&longer).is_err());
}

#[test]
fn a_graph_of_a_project_that_is_none_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::create(folder.path().join("p.slopefield")).unwrap();
    project.keep_network(&stored()).unwrap();
    assert_eq!(verify(&project).unwrap(), Ok(()));
    let bad = RecordedNetwork { options: "a: 1.0".into(), outputs: 7, ..stored() };
    project.keep_network(&bad).unwrap();
    let finding = verify(&project).unwrap().unwrap_err();
    assert!(finding.contains("instead of 2 and 7"), "{finding}");
}
