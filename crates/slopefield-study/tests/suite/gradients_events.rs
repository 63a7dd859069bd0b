//! Gradients through the events of models from text, against closed forms and differences.
use crate::gradients;

use gradients::{Case, example};

#[test]
fn a_ball_that_bounces() {
    let model = example("bouncing-ball");
    // The height at 15 by its closed form.
    let height = |h0: f64, e: f64| {
        let g = 9.8;
        let mut begin = (2.0 * h0 / g).sqrt();
        let mut v = e * g * begin;
        while begin + 2.0 * v / g < 15.0 {
            begin += 2.0 * v / g;
            v *= e;
        }
        v * (15.0 - begin) - 0.5 * g * (15.0 - begin).powi(2)
    };
    assert!((height(50.0, 0.8) - 8.494_217_007_6).abs() < 1e-9, "the published height");
    let case = Case::new(&model, &[15.0]).only_state(0);
    for method in ["discrete", "forward"] {
        let (by_u0, by_p) = case.gradient(method, "tsit5", 1e-9);
        let by_e = gradients::difference(|h| height(50.0, 0.8 + h), 1e-4);
        let by_h0 = gradients::difference(|h| height(50.0 + h, 0.8), 1e-2);
        assert!((by_p[0] - by_e).abs() < 1e-8 * by_e.abs(), "{method}: {by_p:?} {by_e}");
        assert!((by_u0[0] - by_h0).abs() < 1e-8 * by_h0.abs(), "{method}: {by_u0:?} {by_h0}");
    }
}

#[test]
fn repeated_doses() {
    // Each dose has the known course of absorption and elimination.
    let blood = |ka: f64, ke: f64, dose: f64, t: f64| -> f64 {
        (0..6)
            .map(|k| t - 12.0 * f64::from(k))
            .filter(|since| *since >= 0.0)
            .map(|s| dose * ka / (ka - ke) * ((-ke * s).exp() - (-ka * s).exp()))
            .sum()
    };
    let model = example("dosing");
    let saves = [0.0, 5.0, 12.0, 20.0, 36.0, 70.0, 90.0];
    let case = Case::new(&model, &saves).only_state(1);
    for method in ["discrete", "forward"] {
        let (_, by_p) = case.gradient(method, "tsit5", 1e-10);
        for (i, by_p) in by_p.iter().enumerate() {
            let sum = |h: f64| -> f64 {
                let mut p = [1.2, 0.25, 100.0];
                p[i] *= 1.0 + h;
                saves.iter().map(|&t| blood(p[0], p[1], p[2], t)).sum()
            };
            let expected = gradients::difference(sum, 1e-3) / [1.2, 0.25, 100.0][i];
            let off = (by_p - expected).abs();
            assert!(off < 1e-6 * expected.abs(), "{method}, {i}: {by_p} {expected}");
        }
    }
}

#[test]
fn parameters_in_every_place_of_an_event() {
    let text = "model \"All places\"\nstate x = 1\nstate n = 0\n\
                param a = 0.7\nparam level = 0.4\nparam gain = 1.3\nparam when1 = 0.8\n\
                param length = 0.9\nparam first = 0.35\n\
                x' = -a*x\nn' = 0.1*x\n\
                when x crosses level falling: x += gain, n = n + x\n\
                at [when1]: x = x*(1 + 0.1*gain)\n\
                every length from first count 3: n += x*t\n";
    let model = gradients::model(text);
    let saves = [0.5, 1.0, 2.2, 3.7, 5.0];
    let case = Case::new(&model, &saves);
    let expected = case.differences("vern9", 1e-12, 1e-3);
    for method in ["discrete", "forward"] {
        let (_, by_p) = case.gradient(method, "tsit5", 1e-10);
        for (i, (found, expected)) in by_p.iter().zip(&expected).enumerate() {
            assert!(expected.abs() > 1e-3, "parameter {i} matters: {expected}");
            let off = (found - expected).abs();
            assert!(off < 1e-6 * expected.abs().max(1.0), "{method}, {i}: {found} {expected}");
        }
    }
}
