//! References: scipy 1.17 `scipy.stats` log-densities (`norm`, `lognorm`, `laplace`, `t`,
//! `poisson`, `nbinom`, `binom`, `bernoulli`), `nbinom` with n = phi and p = phi/(phi+m),
//! `lognorm` with scale = value. Derivatives: mpmath 1.4, 40 digits, `diff` of the same formula.

use super::*;

/// Kind, measurement, value, arguments, log-density, its derivatives.
type Row = (NoiseKind, f64, f64, [f64; 2], f64, f64, [f64; 2]);

#[test]
fn log_densities_match_scipy_and_derivatives_match_mpmath() {
    for (kind, y, value, arguments, log_density, d_value, d_arguments) in TABLE {
        let term = kind.term(*y, *value, &arguments[..kind.arguments()]).unwrap();
        let near = |got: f64, want: f64, what: &str| {
            let error = (got - want).abs() / want.abs().max(1.0);
            assert!(error < 2e-13, "{kind:?} y={y} m={value} {what}: got {got:e}, want {want:e}");
        };
        near(-term.loss, *log_density, "log-density");
        near(-term.d_value, *d_value, "d value");
        near(-term.d_arguments[0], d_arguments[0], "d argument 1");
        near(-term.d_arguments[1], d_arguments[1], "d argument 2");
    }
}

#[test]
fn derivatives_match_central_differences() {
    for (kind, y, value, arguments, ..) in TABLE {
        let count = kind.arguments();
        let at = |v: f64, a: [f64; 2]| kind.term(*y, v, &a[..count]).unwrap().loss;
        let term = kind.term(*y, *value, &arguments[..count]).unwrap();
        let check = |got: f64, f: &dyn Fn(f64) -> f64, x: f64, what: &str| {
            let h = 1e-5 * x.abs();
            // Fourth-order central difference.
            let d = (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h);
            let size = got.abs().max(f(x).abs() / x.abs()).max(1e-3);
            assert!((got - d).abs() < 1e-8 * size, "{kind:?} {what}: {got:e} against {d:e}");
        };
        let kink = *kind == NoiseKind::Laplace && y == value;
        if *value != 0.0 && *value != 1.0 && !kink {
            check(term.d_value, &|v| at(v, *arguments), *value, "value");
        }
        if *kind == NoiseKind::Binomial {
            continue; // trials are whole numbers: no difference quotient; mpmath has the slope
        }
        for i in 0..count {
            let with = |x: f64| {
                let mut a = *arguments;
                a[i] = x;
                at(*value, a)
            };
            check(term.d_arguments[i], &with, arguments[i], "argument");
        }
    }
}

#[test]
fn discrete_densities_sum_to_one() {
    let sum = |kind: NoiseKind, value: f64, a: &[f64], upto: u32| -> f64 {
        (0..=upto).map(|y| (-kind.term(f64::from(y), value, a).unwrap().loss).exp()).sum()
    };
    assert!((sum(NoiseKind::Poisson, 7.3, &[], 100) - 1.0).abs() < 1e-13);
    assert!((sum(NoiseKind::NegativeBinomial, 7.3, &[1.9], 600) - 1.0).abs() < 1e-13);
    assert!((sum(NoiseKind::Binomial, 0.31, &[40.0], 40) - 1.0).abs() < 1e-13);
    assert!((sum(NoiseKind::Bernoulli, 0.31, &[], 1) - 1.0).abs() < 1e-15);
}

#[test]
fn values_outside_the_domain_are_errors_that_say_what_is_needed() {
    let fails = |kind: NoiseKind, y: f64, value: f64, a: &[f64], word: &str| {
        let message = kind.term(y, value, a).unwrap_err().to_string();
        assert!(message.contains(word), "{kind:?}: {message}");
    };
    fails(NoiseKind::Normal, 1.0, 1.0, &[0.0], "standard deviation");
    fails(NoiseKind::Normal, 1.0, 1.0, &[-1.0], "not -1");
    fails(NoiseKind::Normal, 1.0, f64::NAN, &[1.0], "finite");
    fails(NoiseKind::Normal, 1.0, 1.0, &[f64::INFINITY], "finite");
    fails(NoiseKind::LogNormal, 1.0, 0.0, &[1.0], "positive value of the model");
    fails(NoiseKind::LogNormal, 1.0, -2.0, &[1.0], "not -2");
    fails(NoiseKind::LogNormal, 1.0, 2.0, &[-0.1], "standard deviation");
    fails(NoiseKind::Laplace, 1.0, 2.0, &[0.0], "scale");
    fails(NoiseKind::StudentT, 1.0, 2.0, &[0.0, 1.0], "degrees of freedom");
    fails(NoiseKind::StudentT, 1.0, 2.0, &[3.0, 0.0], "scale");
    fails(NoiseKind::Poisson, 0.0, -1e-9, &[], "at least 0");
    fails(NoiseKind::Poisson, 3.0, 0.0, &[], "positive");
    fails(NoiseKind::NegativeBinomial, 3.0, 2.0, &[0.0], "phi");
    fails(NoiseKind::NegativeBinomial, 3.0, 0.0, &[1.0], "positive");
    fails(NoiseKind::NegativeBinomial, 0.0, -1.0, &[1.0], "at least 0");
    fails(NoiseKind::Binomial, 3.0, 0.5, &[2.0], "at least the count");
    fails(NoiseKind::Binomial, 3.0, 0.5, &[4.5], "whole");
    fails(NoiseKind::Binomial, 3.0, 1.5, &[4.0], "between 0 and 1");
    fails(NoiseKind::Binomial, 3.0, 0.0, &[4.0], "positive");
    fails(NoiseKind::Binomial, 3.0, 1.0, &[4.0], "below 1");
    fails(NoiseKind::Bernoulli, 1.0, 0.0, &[], "positive");
    fails(NoiseKind::Bernoulli, 0.0, 1.0, &[], "below 1");
    fails(NoiseKind::Categorical, 2.0, 1.0, &[], "below 1");
    fails(NoiseKind::LeastSquares, 0.0, f64::INFINITY, &[], "finite");
    fails(NoiseKind::Normal, 0.0, 1e200, &[1e-200], "possible");
}

#[test]
fn impossible_measurements_are_refused_before_training() {
    let bad = |kind: NoiseKind, y: f64| assert!(kind.check_measurement(y).is_err(), "{kind:?} {y}");
    bad(NoiseKind::LogNormal, 0.0);
    bad(NoiseKind::Poisson, 1.5);
    bad(NoiseKind::Poisson, -1.0);
    bad(NoiseKind::NegativeBinomial, 0.5);
    bad(NoiseKind::Binomial, -2.0);
    bad(NoiseKind::Bernoulli, 2.0);
    bad(NoiseKind::Categorical, 1.5);
    bad(NoiseKind::Normal, f64::NAN);
    assert!(NoiseKind::Normal.check_measurement(-3.0).is_ok());
    assert!(NoiseKind::Binomial.check_measurement(3.0).is_ok());
}

const TABLE: &[Row] = &[
    (
        NoiseKind::Normal,
        1.2,
        0.7,
        [0.3, 0.0],
        -1.1038546177676256,
        5.555555555555556,
        [5.9259259259259265, 0.0],
    ),
    (NoiseKind::Normal, -4.0, 2.5, [10.0, 0.0], -3.4327736261987183, -0.065, [-0.05775, 0.0]),
    (NoiseKind::Normal, 3.0, 3.0, [0.001, 0.0], 5.988816745777465, 0.0, [-1000.0, 0.0]),
    (
        NoiseKind::LogNormal,
        30.0,
        34.6,
        [0.2184, 0.0],
        -3.0120362846524613,
        -0.08643897137506393,
        [-2.625206914862451, 0.0],
    ),
    (
        NoiseKind::LogNormal,
        0.01,
        5.0,
        [1.5, 0.0],
        -5.301756525763566,
        -0.5524096087486393,
        [10.77669742725176, 0.0],
    ),
    (NoiseKind::LogNormal, 7.0, 7.0, [0.05, 0.0], 0.1308835912940049, 0.0, [-20.0, 0.0]),
    (
        NoiseKind::Laplace,
        1.2,
        0.7,
        [0.3, 0.0],
        -1.155841042900676,
        3.3333333333333335,
        [2.2222222222222223, 0.0],
    ),
    (NoiseKind::Laplace, -4.0, 2.5, [10.0, 0.0], -3.645732273553991, -0.1, [-0.035, 0.0]),
    (
        NoiseKind::StudentT,
        1.2,
        0.7,
        [3.0, 0.3],
        -1.1077297504517702,
        3.8461538461538463,
        [0.01928990811755001, 3.076923076923077],
    ),
    (
        NoiseKind::StudentT,
        -4.0,
        2.5,
        [1.0, 10.0],
        -3.799730865861795,
        -0.0913884007029877,
        [0.31395153933548087, -0.040597539543057996],
    ),
    (
        NoiseKind::StudentT,
        100.0,
        0.0,
        [4.5, 0.1],
        -32.52792916453541,
        0.05499975250111375,
        [-5.532544301400714, 44.99975250111374],
    ),
    (
        NoiseKind::StudentT,
        1.0,
        2.0,
        [300.0, 2.0],
        -1.7382834842904875,
        -0.25062447960033307,
        [3.992076400645661e-06, -0.37468776019983346],
    ),
    (
        NoiseKind::StudentT,
        2.0,
        2.5,
        [0.5, 1.0],
        -1.6146317569926327,
        -1.0,
        [0.8680637727408145, -0.5],
    ),
    (
        NoiseKind::StudentT,
        1.0,
        2.0,
        [99.0, 2.0],
        -1.7407143949885304,
        -0.2518891687657431,
        [3.663910291912739e-05, -0.37405541561712846],
    ),
    (NoiseKind::Poisson, 0.0, 2.5, [0.0, 0.0], -2.5, -1.0, [0.0, 0.0]),
    (NoiseKind::Poisson, 3.0, 2.5, [0.0, 0.0], -1.5428872736055899, 0.2, [0.0, 0.0]),
    (
        NoiseKind::Poisson,
        170.0,
        150.5,
        [0.0, 0.0],
        -4.699337933669176,
        0.12956810631229235,
        [0.0, 0.0],
    ),
    (
        NoiseKind::Poisson,
        100000.0,
        99000.0,
        [0.0, 0.0],
        -11.708987449167239,
        0.010101010101010102,
        [0.0, 0.0],
    ),
    (NoiseKind::Poisson, 1.0, 1e-06, [0.0, 0.0], -13.815511557964275, 999999.0, [0.0, 0.0]),
    (
        NoiseKind::NegativeBinomial,
        0.0,
        2.5,
        [0.7, 0.0],
        -1.0638780276210893,
        -0.21875,
        [-0.7385757537444133, 0.0],
    ),
    (
        NoiseKind::NegativeBinomial,
        3.0,
        2.5,
        [0.7, 0.0],
        -2.4290126505100003,
        0.04375,
        [0.7111013393150328, 0.0],
    ),
    (
        NoiseKind::NegativeBinomial,
        120.0,
        100.0,
        [10.0, 0.0],
        -4.765098874283047,
        0.01818181818181818,
        [0.03221732198886217, 0.0],
    ),
    (
        NoiseKind::NegativeBinomial,
        4.0,
        3.5,
        [10000000.0, 0.0],
        -1.6670021438664415,
        0.14285709285716036,
        [1.874999358333563e-14, 0.0],
    ),
    (
        NoiseKind::NegativeBinomial,
        700.0,
        650.0,
        [20.0, 0.0],
        -6.045068574065131,
        0.002296211251435132,
        [0.02186031006984716, 0.0],
    ),
    (
        NoiseKind::NegativeBinomial,
        2.0,
        0.001,
        [5.0, 0.0],
        -14.32773604174893,
        1998.6002799440112,
        [-0.03325336932480184, 0.0],
    ),
    (
        NoiseKind::Binomial,
        0.0,
        0.2,
        [5.0, 0.0],
        -1.1157177565710488,
        -6.25,
        [-0.22314355131420976, 0.0],
    ),
    (
        NoiseKind::Binomial,
        5.0,
        0.2,
        [5.0, 0.0],
        -8.047189562170502,
        25.0,
        [2.0601897820191235, 0.0],
    ),
    (
        NoiseKind::Binomial,
        3.0,
        0.35,
        [10.0, 0.0],
        -1.3774550433611668,
        -2.197802197802197,
        [-0.09467180498134312, 0.0],
    ),
    (
        NoiseKind::Binomial,
        250.0,
        0.4,
        [763.0, 0.0],
        -12.006652585983636,
        -230.00000000000006,
        [-0.11416261501658927, 0.0],
    ),
    (NoiseKind::Bernoulli, 0.0, 0.2, [0.0, 0.0], -0.22314355131420976, -1.25, [0.0, 0.0]),
    (NoiseKind::Bernoulli, 1.0, 0.2, [0.0, 0.0], -1.6094379124341003, 5.0, [0.0, 0.0]),
    (
        NoiseKind::Bernoulli,
        1.0,
        1e-09,
        [0.0, 0.0],
        -20.72326583694641,
        999999999.9999999,
        [0.0, 0.0],
    ),
    (
        NoiseKind::Categorical,
        1.0,
        0.3,
        [0.0, 0.0],
        -1.2039728043259361,
        3.3333333333333335,
        [0.0, 0.0],
    ),
];

/// The information is the mean of the products of scores over measurements that the model makes.
#[test]
fn information_is_the_mean_of_products_of_scores() {
    let mean =
        |kind: NoiseKind, v: f64, a: &[f64], points: &mut dyn Iterator<Item = (f64, f64)>| {
            let mut sum = Information::default();
            for (y, width) in points {
                let term = kind.term(y, v, a).unwrap();
                let weight = (-term.loss).exp() * width;
                let score = [term.d_value, term.d_arguments[0], term.d_arguments[1]];
                for (row, left) in sum.iter_mut().zip(score) {
                    row.iter_mut().zip(score).for_each(|(s, right)| *s += weight * left * right);
                }
            }
            sum
        };
    let check = |kind: NoiseKind, v: f64, a: &[f64], y: f64, mean: Information, tolerance: f64| {
        let got = kind.information(y, v, a).unwrap();
        let size = mean.iter().flatten().fold(0.0f64, |m, x| m.max(x.abs()));
        for (got, want) in got.iter().flatten().zip(mean.iter().flatten()) {
            assert!((got - want).abs() < tolerance * size, "{kind:?} {got:e} {want:e}");
        }
    };
    // The tangent of a midpoint grid covers the line.
    let n = 400_000;
    let step = std::f64::consts::PI / f64::from(n);
    let line = |m: f64, s: f64| {
        (0..n).map(move |i| {
            let angle = (f64::from(i) + 0.5) * step - 0.5 * std::f64::consts::PI;
            (m + s * angle.tan(), s * step / angle.cos().powi(2))
        })
    };
    for (kind, v, a) in [
        (NoiseKind::Normal, 0.7, &[0.3][..]),
        (NoiseKind::Laplace, -0.7, &[0.3]),
        (NoiseKind::StudentT, 0.7, &[2.5, 0.3]),
        (NoiseKind::StudentT, 0.7, &[6.0, 1.4]),
    ] {
        let scale = a[a.len() - 1];
        check(kind, v, a, v + 0.1, mean(kind, v, a, &mut line(v, scale)), 1e-6);
    }
    let (v, a) = (0.7f64, [0.3]);
    let mut positive = line(v.ln(), 0.3)
        .filter(|(x, _)| x.abs() < 20.0)
        .map(|(x, width)| (x.exp(), x.exp() * width));
    check(NoiseKind::LogNormal, v, &a, 0.9, mean(NoiseKind::LogNormal, v, &a, &mut positive), 1e-6);
    for (kind, v, a, most) in [
        (NoiseKind::Poisson, 3.3, &[][..], 80),
        (NoiseKind::Binomial, 0.3, &[12.0], 12),
        (NoiseKind::Bernoulli, 0.3, &[], 1),
    ] {
        let mut sum = mean(kind, v, a, &mut (0..=most).map(|y| (f64::from(y), 1.0)));
        // The number of trials is not a number to fit.
        (sum[0][1], sum[1][0], sum[1][1]) = (0.0, 0.0, 0.0);
        check(kind, v, a, 1.0, sum, 1e-12);
    }
    // Mean and dispersion: the first is the expectation, the second has it as its mean.
    let (m, phi) = (3.3, 2.2);
    let kind = NoiseKind::NegativeBinomial;
    let sum = mean(kind, m, &[phi], &mut (0..600).map(|y| (f64::from(y), 1.0)));
    let mut averaged = 0.0;
    for y in 0..600 {
        let y = f64::from(y);
        let weight = (-kind.term(y, m, &[phi]).unwrap().loss).exp();
        averaged += weight * kind.information(y, m, &[phi]).unwrap()[1][1];
    }
    assert!((kind.information(1.0, m, &[phi]).unwrap()[0][0] - sum[0][0]).abs() < 1e-12);
    assert!((averaged - sum[1][1]).abs() < 1e-12 && sum[0][1].abs() < 1e-12);
}

/// Reference: mpmath, 50 digits, of the formula with trigamma functions.
#[test]
fn information_about_many_degrees_of_freedom_does_not_cancel() {
    for (df, want) in [
        (1.0, 0.447_467_033_424_113_2),
        (30.0, 3.835_253_948_162_875e-6),
        (199.0, 2.190_772_901_315_355e-9),
        (200.0, 2.147_483_030_498_354e-9),
        (1e4, 3.498_700_394_881_036e-16),
    ] {
        let got = NoiseKind::StudentT.information(0.0, 0.0, &[df, 1.0]).unwrap()[1][1];
        assert!((got / want - 1.0).abs() < 1e-7, "{df}: {got:e} {want:e}");
    }
}
