//! Laws of the two families, found again from their values without evolution.

use super::*;
use crate::fit::fitted;

type Law = fn(f64, f64) -> f64;

fn rows() -> Vec<[f64; 2]> {
    let at = |k: usize| {
        let t = 0.03 * k as f64;
        [2.0 + 1.5 * (1.3 * t).sin(), 1.5 + 1.2 * (0.7 * t + 0.4).cos()]
    };
    (0..200).map(at).collect()
}

fn found(values: &[f64], rows: &[[f64; 2]]) -> Vec<Expression> {
    let inputs: Vec<&[f64]> = rows.iter().map(|row| &row[..]).collect();
    let samples = Samples { inputs: &inputs, values };
    let fitted = |e: &Expression| fitted(e, samples, 0.0).map(|f| f.expression);
    linear(samples).iter().filter_map(fitted).collect()
}

/// Rates of biology and chemistry, each with the number of its parts: one of those found is the law, at
/// places that were not among the samples too.
#[test]
fn laws_of_the_families_are_among_what_is_found() {
    let laws: [(&str, u32, Law); 7] = [
        ("Holling's third", 6, |x, _| 1.5 * x * x / (4.0 + x * x)),
        ("Beddington and DeAngelis", 8, |x, y| 1.2 * x * y / (1.0 + 0.5 * x + 0.8 * y)),
        ("Haldane", 7, |x, _| 2.0 * x / (1.0 + x + 0.3 * x * x)),
        ("a ratio", 6, |x, y| 1.3 * x * y / (x + 0.6 * y)),
        ("two above the line", 8, |x, y| (0.4 + 2.0 * x * y) / (0.7 + x)),
        ("Ivlev's neighbour", 5, |x, y| -0.8 * x * (-0.6 * y).exp()),
        ("Cobb and Douglas", 5, |x, y| 0.9 * x.powf(0.7) * y.powf(0.3)),
    ];
    let rows = rows();
    for (name, parts, law) in laws {
        let values: Vec<f64> = rows.iter().map(|[x, y]| law(*x, *y)).collect();
        let off = |e: &Expression| {
            let at = (0..50).map(|k| [0.6 + 0.05 * k as f64, 0.4 + 0.04 * (7 * k % 50) as f64]);
            at.map(|p| (e.value(&p) - law(p[0], p[1])).abs()).fold(0.0, f64::max)
        };
        let found = found(&values, &rows);
        assert!(found.len() < 80, "{name}: {} are too many to judge", found.len());
        let is_law = |e: &&Expression| off(e) < 1e-6;
        let shortest = found.iter().filter(is_law).map(Expression::complexity).min();
        assert!(shortest.is_some_and(|shortest| shortest <= parts), "{name}: {shortest:?}");
    }
}

/// A logarithm needs one sign, a power positive inputs, and nothing below the line may pass 0.
#[test]
fn what_has_no_value_is_not_offered() {
    let mut rows = rows();
    let both: Vec<f64> = rows.iter().map(|[x, _]| x - 2.0).collect();
    let no_power = |e: &Expression| !e.nodes().iter().any(|n| matches!(n, Node::Call(..)));
    assert!(found(&both, &rows).iter().all(no_power));
    for row in &mut rows {
        row[0] -= 2.0;
    }
    let values: Vec<f64> = rows.iter().map(|[x, y]| (0.4 * x).exp() * y).collect();
    for e in found(&values, &rows) {
        assert!(rows.iter().all(|row| e.value(row).is_finite()), "{e:?}");
    }
    let line: Vec<f64> = rows.iter().map(|[x, _]| 1.0 / (x - 10.0)).collect();
    let inputs: Vec<&[f64]> = rows.iter().map(|row| &row[..]).collect();
    assert!(found(&line, &rows).iter().all(|e| !e.has_poles(&inputs)));
}

#[test]
fn nothing_is_found_of_too_many_inputs_or_of_none() {
    let wide = [1.0, 2.0, 3.0, 4.0, 5.0];
    let inputs = vec![&wide[..]; 30];
    assert!(linear(Samples { inputs: &inputs, values: &[1.0; 30] }).is_empty());
    let inputs = vec![&wide[..0]; 30];
    assert!(linear(Samples { inputs: &inputs, values: &[1.0; 30] }).is_empty());
}
