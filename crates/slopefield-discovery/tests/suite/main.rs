//! The tests of slopefield-discovery as one program.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use slopefield_discovery::{
    Candidate, ConstantKind, Factor, Families, Formula, Samples, Settings, Sum, Term, discover,
    library,
};

mod free;

/// A curve through the plane, as trajectories are.
fn curve(count: usize) -> Vec<[f64; 2]> {
    let at = |k: usize| {
        let t = 6.0 * k as f64 / count as f64;
        [2.0 + 1.5 * (1.3 * t).sin(), 1.5 + 1.2 * (0.7 * t + 0.4).cos()]
    };
    (0..count).map(at).collect()
}

/// Noise that is the same everywhere: digits of a multiple of the golden ratio, with mean 0 and
/// standard deviation 1.
fn scatter(k: usize) -> f64 {
    ((k as f64 * 0.618_033_988_749_894_9).fract() - 0.5) * 12f64.sqrt()
}

fn discovered(f: impl Fn(f64, f64) -> f64, noise: f64) -> Vec<Candidate> {
    let points = curve(200);
    let rows: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
    let values: Vec<f64> =
        points.iter().enumerate().map(|(k, p)| f(p[0], p[1]) + noise * scatter(k)).collect();
    discover(Samples { inputs: &rows, values: &values }, Settings::default())
}

#[track_caller]
fn recommended(list: &[Candidate]) -> &Candidate {
    let chosen: Vec<_> = list.iter().filter(|c| c.recommended).collect();
    assert_eq!(chosen.len(), 1, "{list:#?}");
    chosen[0]
}

fn power(i: usize, n: u32) -> Factor {
    Factor::Power(i, n)
}

#[track_caller]
fn near(found: f64, expected: f64, distance: f64) {
    assert!((found - expected).abs() <= distance, "{found}, not {expected}");
}

#[test]
fn a_product_is_found_with_its_coefficient() {
    let list = discovered(|x, y| -0.9 * x * y, 0.02);
    let found = recommended(&list);
    let [(c, term)] = found.formula.terms() else { panic!("{list:#?}") };
    assert_eq!(term.factors, [power(0, 1), power(1, 1)]);
    near(*c, -0.9, 0.005);
    assert!(found.error < 0.05 && found.validated < 0.05);
}

#[test]
fn several_terms_are_found() {
    let list = discovered(|x, y| 1.5 * x - 0.4 * x * x + 0.7 * y, 0.0);
    let found = recommended(&list);
    let mut terms = found.formula.terms().to_vec();
    terms.sort_by(|a, b| a.0.total_cmp(&b.0));
    let expected = [(-0.4, vec![power(0, 2)]), (0.7, vec![power(1, 1)]), (1.5, vec![power(0, 1)])];
    assert_eq!(terms.len(), 3, "{list:#?}");
    for ((c, term), (expected, factors)) in terms.iter().zip(expected) {
        near(*c, expected, 1e-9);
        assert_eq!(term.factors, factors);
    }
    assert!(found.error < 1e-9);
}

/// The half-saturation is none of those in the library.
#[test]
fn a_saturating_rate_is_found_with_its_constant() {
    let list = discovered(|x, y| 2.0 * y * x / (0.77 + x), 0.0);
    let found = recommended(&list);
    let [(c, term)] = found.formula.terms() else { panic!("{list:#?}") };
    near(*c, 2.0, 1e-4);
    let [Factor::Power(1, 1), Factor::Saturating(0, k)] = term.factors[..] else {
        panic!("{term:?}")
    };
    near(k, 0.77, 1e-4);
    // A constant more would say the same.
    let list = discovered(|x, _| 2.0 * x / (0.77 + x), 0.0);
    let [(_, term)] = recommended(&list).formula.terms() else { panic!("{list:#?}") };
    assert!(matches!(term.factors[..], [Factor::Saturating(0, _)]), "{list:#?}");
}

/// Errors of samples that are smooth, as those of a network, are not described.
#[test]
fn what_the_samples_do_not_resolve_is_not_recommended() {
    let points = curve(200);
    let rows: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
    let wave = |p: &[f64; 2]| 0.9 * p[0] * p[1] + 0.015 * (1.7 * p[0]).sin() + 0.01 * p[1].powi(2);
    let values: Vec<f64> = points.iter().map(wave).collect();
    let settings = Settings { resolution: 0.02, ..Settings::default() };
    let list = discover(Samples { inputs: &rows, values: &values }, settings);
    let found = recommended(&list);
    assert_eq!(found.complexity, 3, "{list:#?}");
    near(found.formula.terms()[0].0, 0.9, 0.01);
    // The longer ones that do describe them are listed all the same.
    assert!(list.last().unwrap().validated < 0.5 * found.validated, "{list:#?}");
}

#[test]
fn an_inverse_and_a_frequency_are_found() {
    let list = discovered(|_, y| 0.6 / (0.5 + y), 0.0);
    let [(c, term)] = recommended(&list).formula.terms() else { panic!("{list:#?}") };
    let [Factor::Inverse(1, k)] = term.factors[..] else { panic!("{term:?}") };
    near(*c, 0.6, 1e-4);
    near(k, 0.5, 1e-4);
    let list = discovered(|x, _| -3.0 * (2.2 * x).sin(), 0.0);
    let [(c, term)] = recommended(&list).formula.terms() else { panic!("{list:#?}") };
    let [Factor::Sine(0, w)] = term.factors[..] else { panic!("{term:?}") };
    near(*c, -3.0, 1e-4);
    near(w, 2.2, 1e-4);
    let list = discovered(|x, y| -x.sin() - 0.2 * y, 0.0);
    let text = text(&recommended(&list).formula);
    assert!(text == "-1.000*sin(x) - 0.200*y" || text == "-0.200*y - 1.000*sin(x)", "{text}");
}

/// More complexity buys less error, and noise buys no complexity.
#[test]
fn the_list_falls_and_noise_is_not_fitted() {
    let list = discovered(|x, y| 0.5 * x * y, 0.2);
    for pair in list.windows(2) {
        assert!(pair[0].complexity < pair[1].complexity && pair[0].validated > pair[1].validated);
    }
    assert_eq!(recommended(&list).complexity, 3, "{list:#?}");
    // What is fitted to all samples is never worse on them.
    assert!(list.iter().all(|c| c.error <= c.validated * 1.0001), "{list:#?}");
}

#[test]
fn constants_and_few_samples_are_answered() {
    let list = discovered(|_, _| 4.0, 0.0);
    let [(c, term)] = list[0].formula.terms() else { panic!("{list:#?}") };
    assert!(term.factors.is_empty());
    near(*c, 4.0, 1e-12);
    let rows: Vec<&[f64]> = vec![&[1.0]; 10];
    assert!(
        discover(Samples { inputs: &rows, values: &[1.0; 10] }, Settings::default()).is_empty()
    );
}

#[test]
fn libraries_stay_small() {
    let points: Vec<Vec<f64>> =
        (0..30).map(|k| (0..12).map(|i| f64::from((k * (i + 3)) % 17)).collect()).collect();
    let rows: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
    let all = library(Samples { inputs: &rows, values: &[0.0; 30] }, Families::default());
    assert!(all.len() <= 160 && all.len() > 12, "{}", all.len());
    assert!(all.contains(&Term::default()));
}

fn text(formula: &Formula) -> String {
    let names = ["x".to_owned(), "y".to_owned()];
    formula.text(&names, &mut |c| format!("{:.3}", c.value))
}

#[test]
fn formulas_are_written_in_the_model_language() {
    let term = |factors: &[Factor]| Term { factors: factors.to_vec() };
    let formula = Formula::from(Sum {
        terms: vec![
            (2.0, term(&[power(0, 2), Factor::Saturating(1, 0.5)])),
            (-1.0, term(&[power(1, 1), Factor::Inverse(0, 3.0)])),
            (0.25, term(&[Factor::Cosine(0, 2.0)])),
            (-4.0, term(&[])),
        ],
    });
    assert_eq!(
        text(&formula),
        "2.000*x^2*y/(0.500 + y) - 1.000*y/(3.000 + x) + 0.250*cos(2.000*x) - 4.000"
    );
    let kinds: Vec<ConstantKind> = formula.constants().iter().map(|c| c.kind).collect();
    use ConstantKind::{Coefficient as C, Frequency, Half};
    assert_eq!(kinds, [C, Half, C, Half, C, Frequency, C]);
    near(formula.value(&[2.0, 1.0]), 8.0 / 1.5 - 0.2 + 0.25 * f64::cos(4.0) - 4.0, 1e-14);
    assert_eq!(text(&Sum::default().into()), "0");
}
