//! Constants against known ones, slopes against differences.

use super::*;
use crate::expression::{Function, Node};

/// `a*x^b*exp(c*y)/(d + x) - ln(e + y)`.
fn expression(constants: [f64; 5]) -> Expression {
    let [a, b, c, d, e] = constants;
    let nodes = vec![
        Node::Constant(a),
        Node::Input(0),
        Node::Constant(b),
        Node::Power(1, 2),
        Node::Product(0, 3),
        Node::Constant(c),
        Node::Input(1),
        Node::Product(5, 6),
        Node::Call(Function::Exp, 7),
        Node::Product(4, 8),
        Node::Constant(d),
        Node::Sum(10, 1),
        Node::Quotient(9, 11),
        Node::Constant(e),
        Node::Sum(13, 6),
        Node::Call(Function::Ln, 14),
        Node::Difference(12, 15),
    ];
    Expression::new(nodes).unwrap()
}

fn rows() -> Vec<[f64; 2]> {
    let at = |k: usize| {
        let t = 0.1 * k as f64;
        [2.0 + 1.5 * (1.3 * t).sin(), 1.5 + 1.2 * (0.7 * t + 0.4).cos()]
    };
    (0..60).map(at).collect()
}

#[test]
fn slopes_are_those_of_differences() {
    let at = [1.3, 0.8, -0.5, 0.9, 0.4];
    let e = expression(at);
    let (mut values, mut adjoints, mut slopes) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows() {
        let value = e.differentiate(&row, (&mut values, &mut adjoints), &mut slopes);
        assert_eq!(value, e.value(&row));
        for i in 0..5 {
            let there = |h: f64| {
                let mut c = at;
                c[i] += h;
                expression(c).value(&row)
            };
            let h = 1e-3;
            // Of order h^4.
            let near = (there(h) - there(-h)) / (2.0 * h);
            let far = (there(2.0 * h) - there(-2.0 * h)) / (4.0 * h);
            let expected = (4.0 * near - far) / 3.0;
            assert!((slopes[i] - expected).abs() < 1e-9 * expected.abs().max(1.0), "{i}");
        }
    }
}

#[test]
fn constants_are_found_from_values() {
    let law = [1.3, 0.8, -0.5, 0.9, 0.4];
    let points = rows();
    let inputs: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
    let values: Vec<f64> = inputs.iter().map(|row| expression(law).value(row)).collect();
    let samples = Samples { inputs: &inputs, values: &values };
    let found = fitted(&expression([1.0, 0.6, -0.3, 1.5, 0.2]), samples, 0.0).unwrap();
    for (found, law) in found.expression.fitted().iter().zip(law) {
        assert!((found - law).abs() < 1e-6, "{found}, not {law}");
    }
    assert!(found.left < 1e-16 && found.blocks.iter().all(|b| *b < 1e-12), "{found:?}");
}

/// An exponent of 2.03 that the samples do not tell from 2 becomes 2 for good; one of 2.5 does not.
#[test]
fn exponents_become_whole_where_samples_bear_it() {
    let points = rows();
    let inputs: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
    for (law, whole) in [(2.03, true), (2.5, false)] {
        let values: Vec<f64> = inputs.iter().map(|row| 0.7 * row[0].powf(law)).collect();
        let samples = Samples { inputs: &inputs, values: &values };
        let start = Expression::new(vec![
            Node::Constant(1.0),
            Node::Input(0),
            Node::Constant(1.8),
            Node::Power(1, 2),
            Node::Product(0, 3),
        ]);
        let bearable = (0.02 * samples.spread()).powi(2);
        let found = fitted(&start.unwrap(), samples, bearable).unwrap().expression;
        assert_eq!(found.nodes().contains(&Node::Whole(2)), whole, "{found:?}");
        // What it may not cost, it does not.
        let exact = fitted(&found, samples, 0.0).unwrap();
        assert!(exact.left <= 1.0001 * bearable * 60.0);
    }
}

/// `1/(x - 2)` is fine where x is 1 and where it is 3, and nowhere between.
#[test]
fn poles_between_samples_are_refused() {
    let e = Expression::new(vec![
        Node::Constant(1.0),
        Node::Constant(-2.0),
        Node::Input(0),
        Node::Sum(1, 2),
        Node::Quotient(0, 3),
    ]);
    let e = e.unwrap();
    assert!(e.has_poles(&[&[1.0], &[3.0]]));
    assert!(e.has_poles(&[&[2.0]]));
    assert!(!e.has_poles(&[&[2.5], &[3.0]]));
}
