//! Curvature, profiles, bootstrap, ensembles and bands against closed forms.

use crate::posteriors::{draw, hare_and_lynx, objective, objective_of, prepared};
use slopefield_study::Prepared;
use slopefield_train::{Control, Problem};
use slopefield_uncertainty::{
    Curvature, End, Laplace, Resampling, SampleSettings, THRESHOLD, Verdict, bands, bootstrap,
    coverage, ensemble, profile,
};

/// Standard normal numbers of a small generator.
fn gauss(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    let mut uniform = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    move || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}

/// A straight line with known noise: everything has a closed form.
const LINE: &str = "\
state x = a
param a = 0.8
param b = 0.4
x' = b
observe y = x with normal(0.3)
";
const TIMES: [f64; 8] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
const Y: [f64; 8] = [1.1, 1.3, 2.1, 2.2, 2.9, 3.6, 3.8, 4.6];

/// Least squares and the covariance (aa, ab, bb) of a line with this standard deviation.
fn line(y: &[f64], sigma: f64) -> ([f64; 2], [f64; 3]) {
    let n = y.len() as f64;
    let (st, stt) = TIMES.iter().fold((0.0, 0.0), |(a, b), t| (a + t, b + t * t));
    let sy: f64 = y.iter().sum();
    let sty: f64 = y.iter().zip(TIMES).map(|(y, t)| y * t).sum();
    let d = n * stt - st * st;
    let s2 = sigma * sigma / d;
    ([(stt * sy - st * sty) / d, (n * sty - st * sy) / d], [stt * s2, -st * s2, n * s2])
}

fn fitted(prepared: &Prepared) -> (Curvature, Laplace) {
    let mut objective = objective(prepared);
    let start: Vec<f64> = prepared.problem.theta.iter().map(|s| s.start).collect();
    let curvature = Curvature::at(&mut objective, &start, &Control::default()).unwrap();
    let laplace = Laplace::new(&curvature, &mut objective).unwrap();
    (curvature, laplace)
}

#[test]
fn the_covariance_of_a_line_is_the_closed_form() {
    let prepared = prepared(LINE, "", &[("t", &TIMES), ("y", &Y)]);
    let (curvature, laplace) = fitted(&prepared);
    let ([a, b], [aa, ab, bb]) = line(&Y, 0.3);
    assert!((curvature.theta[0] - a).abs() < 1e-6 && (curvature.theta[1] - b).abs() < 1e-6);
    for (found, expected) in laplace.covariance.iter().zip([aa, ab, ab, bb]) {
        assert!((found - expected).abs() < 1e-7 * expected.abs(), "{found} and {expected}");
    }
    let r = ab / (aa * bb).sqrt();
    assert!((laplace.correlation[1] - r).abs() < 1e-7);
    let estimate = &laplace.estimates[1];
    assert_eq!(estimate.verdict, Verdict::Identifiable);
    let [low, high] = estimate.interval.unwrap();
    assert!((high - low - 2.0 * 1.959_963_984_540_054 * bb.sqrt()).abs() < 1e-6);
}

/// Without a noise model the scatter is that of the residuals.
#[test]
fn least_squares_estimate_their_noise() {
    let model = LINE.replace(" with normal(0.3)", "");
    let (curvature, laplace) = fitted(&prepared(&model, "", &[("t", &TIMES), ("y", &Y)]));
    let ([a, b], _) = line(&Y, 1.0);
    let sse: f64 = TIMES.iter().zip(Y).map(|(t, y)| (y - a - b * t).powi(2)).sum();
    let sigma = (sse / 6.0).sqrt();
    assert!((curvature.sigma.unwrap() / sigma - 1.0).abs() < 1e-7);
    let (_, [aa, ..]) = line(&Y, sigma);
    assert!((laplace.covariance[0] / aa - 1.0).abs() < 1e-6);
}

#[test]
fn the_profile_of_a_line_is_a_parabola() {
    let prepared = prepared(LINE, "", &[("t", &TIMES), ("y", &Y)]);
    let (curvature, _) = fitted(&prepared);
    let make = || Ok::<_, String>(objective(&prepared));
    let profiles = profile(&make, &curvature, &[0, 1], &Control::default(), &|_, _| {}).unwrap();
    let (best, [aa, _, bb]) = line(&Y, 0.3);
    for (p, variance) in profiles.iter().zip([aa, bb]) {
        assert!(p.values.len() >= 7 && p.values.is_sorted(), "{:?}", p.values);
        for (value, rise) in p.values.iter().zip(&p.rises) {
            let parabola = (value - best[p.element]).powi(2) / variance;
            assert!((rise - parabola).abs() < 1e-5, "{value}: {rise} and {parabola}");
        }
        let [low, high] = p.interval().unwrap();
        let half = (THRESHOLD * variance).sqrt();
        assert!((low - best[p.element] + half).abs() < 1e-5 * half, "{low} {high} {half}");
        assert!((high - best[p.element] - half).abs() < 1e-5 * half, "{low} {high} {half}");
        assert_eq!(p.verdict(), "identifiable");
    }
    let again = profile(&make, &curvature, &[0, 1], &Control::default(), &|_, _| {}).unwrap();
    assert_eq!(profiles, again);
}

#[test]
fn the_bootstrap_of_a_line_scatters_as_its_covariance() {
    let prepared = prepared(LINE, "", &[("t", &TIMES), ("y", &Y)]);
    let (curvature, laplace) = fitted(&prepared);
    let make = |problem: Option<Problem>| {
        let problem = problem.unwrap_or_else(|| prepared.problem.clone());
        Ok::<_, String>(objective_of(&prepared, problem))
    };
    let run = |resampling, seed| {
        let control = Control::default();
        bootstrap(&make, &curvature, resampling, 400, seed, None, &control, &|_, _| {}).unwrap()
    };
    let sd = |thetas: &[Vec<f64>], k: usize| {
        let n = thetas.len() as f64;
        let mean = thetas.iter().map(|t| t[k]).sum::<f64>() / n;
        (thetas.iter().map(|t| (t[k] - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
    };
    let parametric = run(Resampling::Parametric, 1);
    assert_eq!((parametric.failed, parametric.thetas.len()), (0, 400));
    for k in 0..2 {
        let expected = laplace.covariance[3 * k].sqrt();
        // The standard deviation of 400 numbers is known to 1/√800 = 3.5 %.
        let found = sd(&parametric.thetas, k);
        assert!((found / expected - 1.0).abs() < 0.14, "{found} and {expected}");
    }
    // Residuals scatter as the data do, with divisor n: not as the stated noise.
    let ([a, b], _) = line(&Y, 1.0);
    let sse: f64 = TIMES.iter().zip(Y).map(|(t, y)| (y - a - b * t).powi(2)).sum();
    let (_, [aa, _, bb]) = line(&Y, (sse / 8.0).sqrt());
    let residual = run(Resampling::Residual, 2);
    for (k, variance) in [(0, aa), (1, bb)] {
        let found = sd(&residual.thetas, k);
        assert!((found / variance.sqrt() - 1.0).abs() < 0.14, "{found} and {}", variance.sqrt());
    }
    assert_eq!(parametric, run(Resampling::Parametric, 1));
    assert_ne!(parametric, run(Resampling::Parametric, 3));
    assert_eq!(run(Resampling::Case, 4).failed, 0);
}

#[test]
fn bands_of_a_line_are_the_closed_form_and_measurements_scatter_more() {
    let prepared = prepared(LINE, "", &[("t", &TIMES), ("y", &Y)]);
    let (curvature, laplace) = fitted(&prepared);
    let objective = objective(&prepared);
    let samples = laplace.draws(&curvature, &objective, 4000, 5);
    let times = |_| vec![0.0, 3.5, 12.0];
    let ([a, b], [aa, ab, bb]) = line(&Y, 0.3);
    let of_value = bands(&objective, &samples, &times, None, 1);
    let of_data = bands(&objective, &samples, &times, Some(None), 1);
    for (row, t) in times(0).into_iter().enumerate() {
        let variance = aa + 2.0 * t * ab + t * t * bb;
        for (band, variance) in [(&of_value[0], variance), (&of_data[0], variance + 0.09)] {
            let sd = variance.sqrt();
            for (q, e) in [(1, -1.644_854), (3, 0.0), (5, 1.644_854)] {
                let expected = a + b * t + e * sd;
                // The error of a 5 % quantile of 4000 draws is 0.033 standard deviations.
                let found = band.quantiles[q][row];
                assert!((found - expected).abs() < 0.13 * sd, "{t} {q}: {found} and {expected}");
            }
        }
    }
    assert!(coverage(&objective, &samples, None, 1).is_empty());
}

/// Only the product of two rates matters: it is named, whichever their start, and both profiles
/// are flat.
#[test]
fn a_product_that_alone_is_fixed_is_named() {
    let model = "\
state x = 2
param k1 = 0.5 log
param k2 = 0.5 log
x' = -k1*k2*x
observe y = x with normal(0.05)
";
    let y = TIMES.map(|t| 2.0 * f64::exp(-0.3 * t));
    let prepared = prepared(model, "", &[("t", &TIMES), ("y", &y)]);
    let (curvature, laplace) = fitted(&prepared);
    for (i, estimate) in laplace.estimates.iter().enumerate() {
        assert_eq!(estimate.standard_error, None);
        let Verdict::Combination { partners, what } = &estimate.verdict else {
            panic!("{estimate:?}")
        };
        assert_eq!((&partners[..], &what[..]), (&[1 - i][..], "only the product k1*k2"));
    }
    let make = || Ok::<_, String>(objective(&prepared));
    let profiles = profile(&make, &curvature, &[0, 1], &Control::default(), &|_, _| {}).unwrap();
    for p in &profiles {
        assert_eq!(p.verdict(), "structurally non-identifiable", "{:?} {:?}", p.low, p.high);
    }
    // Along the profile the product stays.
    for theta in &profiles[0].thetas {
        assert!((theta[0] * theta[1] / 0.3 - 1.0).abs() < 1e-3, "{theta:?}");
    }
}

/// Far below saturation a saturating rate is a straight line: the data bound the constant of
/// saturation from below but not from above.
#[test]
fn a_profile_that_is_open_to_one_side_is_practical_non_identifiability() {
    let model = "\
state x = 0.5
param vmax = 1 log
param km = 2 log
x' = -vmax*x/(km + x)
observe y = x with normal(0.02)
";
    // The values of vmax = 1.2 and km = 3, by small steps of the classical method.
    let (mut x, h) = (0.5, 1e-3);
    let y = TIMES.map(|_| {
        let now = x;
        let rate = |x: f64| -1.2 * x / (3.0 + x);
        for _ in 0..1000 {
            let k1 = rate(x);
            let k2 = rate(x + 0.5 * h * k1);
            let k3 = rate(x + 0.5 * h * k2);
            let k4 = rate(x + h * k3);
            x += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
        }
        now
    });
    let prepared = prepared(model, "", &[("t", &TIMES), ("y", &y)]);
    let (curvature, _) = fitted(&prepared);
    let make = || Ok::<_, String>(objective(&prepared));
    let profiles = profile(&make, &curvature, &[1], &Control::default(), &|_, _| {}).unwrap();
    let p = &profiles[0];
    assert_eq!(p.verdict(), "practically non-identifiable", "{:?} {:?}", p.low, p.high);
    assert!(matches!((p.low, p.high), (End::Found(low), End::Open(_)) if low < curvature.theta[1]));
}

#[test]
fn a_parameter_without_influence_is_told() {
    let model = LINE.replace("x' = b", "param c = 3\nx' = b + 0*c");
    let (_, laplace) = fitted(&prepared(&model, "", &[("t", &TIMES), ("y", &Y)]));
    assert_eq!(laplace.estimates[2].verdict, Verdict::NoInfluence);
    assert_eq!(laplace.estimates[1].verdict, Verdict::Identifiable);
}

/// Intervals hold what they promise: over 200 simulated data sets of a decay, the 95 % interval
/// contains the truth as often as binomial scatter (four standard deviations, 12) allows.
#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let model = "\
state x = x0
param x0 = 2 log
param k = 0.3 log
x' = -k*x
observe y = x with normal(0.1)
";
    let mut noise = gauss(99);
    let (mut inside, mut inside_90) = (0, 0);
    for _ in 0..200 {
        let y = TIMES.map(|t| 2.0 * f64::exp(-0.3 * t) + 0.1 * noise());
        let (_, laplace) = fitted(&prepared(model, "", &[("t", &TIMES), ("y", &y)]));
        let estimate = &laplace.estimates[1];
        let [low, high] = estimate.interval.unwrap();
        inside += i32::from(low < 0.3 && 0.3 < high);
        let (low, high) = (low.ln(), high.ln());
        let (middle, half) = (0.5 * (low + high), 0.5 * (high - low) * 1.644_854 / 1.959_964);
        inside_90 += i32::from((0.3f64.ln() - middle).abs() < half);
    }
    assert!((inside - 190).abs() <= 12, "{inside} of 200 within 95 % intervals");
    assert!((inside_90 - 180).abs() <= 17, "{inside_90} of 200 within 90 % intervals");
}

/// The normal approximation of the hares and lynxes against draws from their posterior.
#[test]
fn the_normal_approximation_agrees_with_draws() {
    let prepared = hare_and_lynx("[solver]\nrtol = 1e-8\natol = 1e-8\n");
    let (_, laplace) = fitted(&prepared);
    let settings = SampleSettings { seed: 11, draws: 500, warmup: 300, chains: 4 };
    let draws = draw(&prepared, settings).unwrap();
    for i in 0..6 {
        let sd = draws.summary(i).unwrap().sd;
        let error = laplace.estimates[i].standard_error.unwrap();
        println!("{}: {error} and {sd}", prepared.theta_names[i]);
        assert!((error / sd - 1.0).abs() < 0.25, "{}: {error}, {sd}", prepared.theta_names[i]);
    }
}

#[test]
fn an_ensemble_keeps_the_fits_that_are_as_likely() {
    let prepared = prepared(LINE, "", &[("t", &TIMES), ("y", &Y)]);
    let (curvature, _) = fitted(&prepared);
    let make = || Ok::<_, String>(objective(&prepared));
    let run = || {
        let (recipe, control) = (&prepared.recipe, Control::default());
        ensemble(&make, &curvature, recipe, 1.0, 4, 3, None, &control, &|_, _| {}).unwrap()
    };
    let all = run();
    assert_eq!(all.thetas.len() + all.rejected + all.failed, 5);
    // A line has one best fit, and every training finds it.
    for theta in &all.thetas {
        assert!((theta[0] - curvature.theta[0]).abs() < 1e-3, "{theta:?}");
    }
    assert_eq!(all, run());
}
