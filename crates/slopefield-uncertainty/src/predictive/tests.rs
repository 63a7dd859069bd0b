use super::*;

fn at(value: f64, arguments: [f64; 2]) -> Predicted {
    Predicted { value, arguments }
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    let found = found.expect("a probability");
    assert!((found - expected).abs() < 2e-13, "{found} for {expected}");
}

/// Tables and closed forms of each distribution.
#[test]
fn continuous_distributions_agree_with_closed_forms() {
    use std::f64::consts::PI;
    near(distribution(NoiseKind::Normal, 5.919_927_969_080_108, &at(2.0, [2.0, 0.0])), 0.975);
    let y = 3.0 * (0.5f64 * -1.959_963_984_540_054).exp();
    near(distribution(NoiseKind::LogNormal, y, &at(3.0, [0.5, 0.0])), 0.025);
    near(distribution(NoiseKind::LogNormal, -1.0, &at(3.0, [0.5, 0.0])), 0.0);
    near(distribution(NoiseKind::Laplace, 1.0 + 3.0 * 10f64.ln(), &at(1.0, [3.0, 0.0])), 0.95);
    for r in [-30.0, -2.0, -0.1, 0.0, 0.7, 4.0f64] {
        // Student t with one, two and four degrees of freedom.
        let cauchy = 0.5 + r.atan() / PI;
        near(distribution(NoiseKind::StudentT, 1.0 + 0.5 * r, &at(1.0, [1.0, 0.5])), cauchy);
        let two = 0.5 + 0.5 * r / (2.0 + r * r).sqrt();
        near(distribution(NoiseKind::StudentT, r, &at(0.0, [2.0, 1.0])), two);
        let s = r / (4.0 + r * r).sqrt();
        let four = 0.5 + 0.25 * s * (3.0 - s * s);
        near(distribution(NoiseKind::StudentT, r, &at(0.0, [4.0, 1.0])), four);
    }
}

/// Sums of the probabilities of all counts up to one, by the density that training uses.
#[test]
fn counts_agree_with_the_sums_of_their_probabilities() {
    for (noise, value, arguments, used) in [
        (NoiseKind::Poisson, 0.3, [0.0, 0.0], 0),
        (NoiseKind::Poisson, 40.0, [0.0, 0.0], 0),
        (NoiseKind::NegativeBinomial, 12.0, [0.7, 0.0], 1),
        (NoiseKind::NegativeBinomial, 5.0, [80.0, 0.0], 1),
        (NoiseKind::Binomial, 0.2, [30.0, 0.0], 1),
        (NoiseKind::Binomial, 0.97, [8.0, 0.0], 1),
    ] {
        let at = at(value, arguments);
        let mut sum = 0.0;
        for k in 0..70 {
            if noise == NoiseKind::Binomial && f64::from(k) > arguments[0] {
                break;
            }
            let term = noise.term(f64::from(k), value, &arguments[..used]).unwrap();
            sum += (-term.loss).exp();
            let found = distribution(noise, f64::from(k), &at).unwrap();
            assert!((found - sum).abs() < 1e-12, "{noise:?} {value} at {k}: {found} for {sum}");
        }
        near(distribution(noise, -1.0, &at), 0.0);
    }
}

#[test]
fn what_has_no_distribution_says_so() {
    let place = at(0.5, [0.0, 0.0]);
    for noise in [NoiseKind::LeastSquares, NoiseKind::Bernoulli, NoiseKind::Categorical] {
        assert_eq!(distribution(noise, 0.5, &place), None);
        assert_eq!(measured_quantiles(noise, &[place], [0.05, 0.95]), None);
    }
    assert_eq!(distribution(NoiseKind::Normal, 0.5, &place), None);
    assert_eq!(distribution(NoiseKind::Normal, 0.5, &at(f64::NAN, [1.0, 0.0])), None);
    assert_eq!(distribution(NoiseKind::Binomial, 3.0, &at(1.5, [10.0, 0.0])), None);
    assert_eq!(measured_quantiles::<2>(NoiseKind::Normal, &[], [0.05, 0.95]), None);
}

/// A normal distribution whose mean is itself normal is normal with the sum of the variances; the
/// means stand at the quantiles of theirs.
#[test]
fn uncertainty_of_the_value_and_scatter_add_up() {
    let n = 4000;
    let mean = |i: u32| 10.0 + 3.0 * crate::normal::quantile((f64::from(i) + 0.5) / f64::from(n));
    let draws: Vec<Predicted> = (0..n).map(|i| at(mean(i), [4.0, 0.0])).collect();
    let [low, middle, high] =
        measured_quantiles(NoiseKind::Normal, &draws, [0.05, 0.5, 0.95]).unwrap();
    let reach = 5.0 * 1.644_853_626_951_472_6;
    assert!((low - (10.0 - reach)).abs() < 2e-3, "{low}");
    assert!((middle - 10.0).abs() < 1e-6, "{middle}");
    assert!((high - (10.0 + reach)).abs() < 2e-3, "{high}");
}

#[test]
fn quantiles_of_one_draw_are_those_of_its_noise_model() {
    let q = 1.644_853_626_951_472_6f64;
    for value in [1e-200, 1.0, 1e200] {
        let one = [at(value, [0.3, 0.0])];
        let [low, high] = measured_quantiles(NoiseKind::LogNormal, &one, [0.05, 0.95]).unwrap();
        assert!((low / (value * (-0.3 * q).exp()) - 1.0).abs() < 1e-6, "{low}");
        assert!((high / (value * (0.3 * q).exp()) - 1.0).abs() < 1e-6, "{high}");
    }
    // Poisson with mean 5: 0.0404 lie at or below 1, 0.1247 at or below 2; 0.9319 at or below 8,
    // 0.9682 at or below 9 (Abramowitz and Stegun, table 26.7).
    let five = [at(5.0, [0.0, 0.0])];
    assert_eq!(measured_quantiles(NoiseKind::Poisson, &five, [0.05, 0.95]), Some([2.0, 9.0]));
    let none = [at(0.0, [0.0, 0.0])];
    assert_eq!(measured_quantiles(NoiseKind::Poisson, &none, [0.05, 0.95]), Some([0.0, 0.0]));
    // A value of 0 has no relative step to begin with.
    let zero = [at(0.0, [1.0, 0.0])];
    let [low] = measured_quantiles(NoiseKind::Normal, &zero, [0.05]).unwrap();
    assert!((low + q).abs() < 1e-8, "{low}");
}
