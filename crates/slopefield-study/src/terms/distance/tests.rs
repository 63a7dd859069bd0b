use super::*;
use crate::terms::visited::Asked;
use crate::terms::{Course, TermInput};

#[test]
fn distances_are_in_parts_of_the_visited_range() {
    let rows: [&[f64]; 3] = [&[0.0, 100.0], &[1.0, 300.0], &[2.0, 500.0]];
    let near = Neighbours::new(&rows);
    assert_eq!(near.distance(&[1.0, 300.0]), 0.0);
    assert!((near.distance(&[1.0, 340.0]) - 0.1).abs() < 1e-15);
    assert!((near.distance(&[3.0, 500.0]) - 0.5).abs() < 1e-15);
    assert!((near.distance(&[2.6, 660.0]) - 0.5).abs() < 1e-15);
    assert!(near.distance(&[f64::NAN, 0.0]).is_nan());
}

/// An input that never moved counts relative to its size.
#[test]
fn an_input_that_never_moved_has_a_scale() {
    let rows: [&[f64]; 2] = [&[5.0], &[5.0]];
    assert!((Neighbours::new(&rows).distance(&[6.0]) - 0.2).abs() < 1e-15);
}

fn sentence(inputs: &[f64]) -> Option<String> {
    let term = LearnedTerm {
        network: 0,
        name: "n".into(),
        inputs: vec![TermInput { name: "x".into(), factor: 1.0 }],
        outputs: vec!["n".into()],
    };
    let times = (0..inputs.len()).map(|k| k as f64).collect();
    let asked = Asked { inputs: 1, places: 1, values: inputs.to_vec() };
    let course = Course { experiment: 0, times, trained_until: 2.0, terms: vec![asked] };
    let visited = Visited { courses: vec![course], notes: Vec::new() };
    distances(&[term], &visited, "t").swap_remove(0).sentence
}

#[test]
fn sentences_say_from_when_on_nothing_was_seen() {
    assert_eq!(sentence(&[0.0, 1.0, 2.0]), None);
    let near = sentence(&[0.0, 1.0, 2.0, 1.1, 2.1]).unwrap();
    assert!(near.starts_with("over the whole forecast the network `n` is asked about states like"));
    let later = sentence(&[0.0, 1.0, 2.0, 1.1, 3.0, 4.0]).unwrap();
    assert!(
        later.starts_with(
            "from t = 4 on the network `n` is asked about states that it never saw, up to 1.00"
        ),
        "{later}"
    );
    let always = sentence(&[0.0, 1.0, 2.0, 3.0, 3.0]).unwrap();
    assert!(always.starts_with(
        "over the whole forecast the network `n` is asked about states that it never"
    ));
    let between = sentence(&[0.0, 1.0, 2.0, 3.0, 1.0]).unwrap();
    assert!(
        between.contains("from t = 3 on") && between.contains("(50 % of the forecast)"),
        "{between}"
    );
}
