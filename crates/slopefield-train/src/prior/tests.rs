//! References: scipy 1.17 `scipy.stats` log-densities with the argument mapping written in each
//! name's comment below; derivatives by mpmath 1.4 with 40 digits from the closed forms.
//! `lognorm(b, scale=e^a)`, `gamma(a, scale=b)`, `expon(scale=a)`, `chi2(a)`, `rayleigh(scale=a)`,
//! `loguniform(a, b)`, `loglaplace(1/b, scale=e^a)`.

use super::*;

#[test]
fn log_densities_match_scipy_and_slopes_match_mpmath() {
    for (name, arguments, x, value, slope) in TABLE {
        let (got, d) = Prior::new(name, arguments).unwrap().log_density(*x).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-13 * b.abs().max(1.0);
        assert!(near(got, *value), "{name}{arguments:?} at {x}: {got:e}, want {value:e}");
        assert!(near(d, *slope), "{name}{arguments:?} slope at {x}: {d:e}, want {slope:e}");
    }
}

#[test]
fn every_distribution_is_in_the_table() {
    for (name, ..) in NAMES {
        assert!(TABLE.iter().any(|row| row.0 == name), "{name} is not tested");
    }
}

#[test]
fn outside_the_support_there_is_no_density() {
    let none = |name: &str, arguments: &[f64], x: f64| {
        assert_eq!(Prior::new(name, arguments).unwrap().log_density(x), None, "{name} at {x}");
    };
    none("lognormal", &[0.0, 1.0], 0.0);
    none("uniform", &[1.0, 2.0], 2.1);
    none("uniform", &[1.0, 2.0], 0.9);
    none("gamma", &[2.0, 2.0], -0.1);
    none("exponential", &[2.0], -0.1);
    none("beta", &[2.0, 2.0], 1.0);
    none("chisquare", &[3.0], 0.0);
    none("rayleigh", &[3.0], 0.0);
    none("log_uniform", &[1.0, 2.0], 0.5);
    none("log_laplace", &[0.0, 2.0], -1.0);
    none("normal", &[0.0, 2.0], f64::NAN);
}

#[test]
fn wrong_priors_are_explained() {
    let message =
        |name: &str, arguments: &[f64]| Prior::new(name, arguments).unwrap_err().to_string();
    assert!(message("gauss", &[0.0, 1.0]).contains("normal, lognormal"));
    assert!(message("normal", &[0.0]).contains("takes 2 numbers, not 1"));
    assert!(message("normal", &[0.0, -1.0]).contains("positive, not -1"));
    assert!(message("uniform", &[2.0, 1.0]).contains("2 must be below its second 1"));
    assert!(message("log_uniform", &[0.0, 1.0]).contains("positive"));
    assert!(message("gamma", &[0.0, 1.0]).contains("positive"));
    assert!(message("rayleigh", &[-2.0]).contains("not -2"));
    assert!(message("cauchy", &[f64::NAN, 1.0]).contains("finite"));
}

/// Name, arguments, place, log-density, slope.
const TABLE: &[(&str, &[f64], f64, f64, f64)] = &[
    ("normal", &[1.5, 2.0], -3.0, -4.143335713764618, 1.125),
    ("normal", &[1.5, 2.0], 1.5, -1.612085713764618, 0.0),
    ("normal", &[1.5, 2.0], 4.0, -2.393335713764618, -0.625),
    ("lognormal", &[0.5, 0.7], 0.1, -6.2744572753254095, 47.19561414273563),
    ("lognormal", &[0.5, 0.7], 1.6, -1.0331853636733364, -0.5867393230175199),
    ("lognormal", &[0.5, 0.7], 30.0, -12.55218163150294, -0.23069369943279971),
    ("uniform", &[-1.0, 3.0], -1.0, -1.3862943611198906, 0.0),
    ("uniform", &[-1.0, 3.0], 2.9, -1.3862943611198906, 0.0),
    ("laplace", &[1.5, 2.0], -3.0, -3.636294361119891, 0.5),
    ("laplace", &[1.5, 2.0], 4.0, -2.636294361119891, -0.5),
    ("cauchy", &[1.5, 2.0], -300.0, -11.869166739967067, 0.006633207287727741),
    ("cauchy", &[1.5, 2.0], 1.5, -1.8378770664093456, 0.0),
    ("cauchy", &[1.5, 2.0], 4.0, -2.778860410873872, -0.4878048780487805),
    ("gamma", &[2.5, 0.4], 0.01, -4.926711319769669, 147.5),
    ("gamma", &[2.5, 0.4], 1.0, -0.49395604078753147, -0.9999999999999999),
    ("gamma", &[2.5, 0.4], 9.0, -17.1981191747832, -2.333333333333333),
    ("gamma", &[0.3, 2.0], 0.01, 1.9148769812056048, -70.5),
    ("gamma", &[0.3, 2.0], 1.0, -1.8037421489860592, -1.2),
    ("gamma", &[0.3, 2.0], 9.0, -7.341799353121413, -0.5777777777777777),
    ("exponential", &[2.5], 0.001, -0.9166907318741551, -0.4),
    ("exponential", &[2.5], 7.0, -3.716290731874155, -0.4),
    ("beta", &[2.5, 4.0], 0.01, -3.351786566386474, 146.96969696969697),
    ("beta", &[2.5, 4.0], 0.4, 0.6792067510469627, -1.2500000000000004),
    ("beta", &[2.5, 4.0], 0.99, -10.244466341588357, -298.4848484848482),
    ("beta", &[0.5, 0.5], 0.01, 1.1628803750713963, -49.494949494949495),
    ("beta", &[0.5, 0.5], 0.4, -0.4311717080293273, -0.4166666666666666),
    ("beta", &[0.5, 0.5], 0.99, 1.1628803750713959, 49.49494949494945),
    ("chisquare", &[3.0], 0.01, -3.2265236261987185, 49.5),
    ("chisquare", &[3.0], 2.0, -1.5723649429247002, -0.25),
    ("chisquare", &[3.0], 20.0, -9.421072396427677, -0.475),
    ("rayleigh", &[1.7], 0.01, -5.666443989150494, 99.99653979238754),
    ("rayleigh", &[1.7], 2.0, -1.060150844055745, -0.1920415224913495),
    ("rayleigh", &[1.7], 20.0, -67.2696764777053, -6.870415224913495),
    ("log_uniform", &[0.01, 100.0], 0.01, 2.384843379620245, -100.0),
    ("log_uniform", &[0.01, 100.0], 2.0, -2.9134739869277917, -0.5),
    ("log_uniform", &[0.01, 100.0], 99.0, -6.815446656502436, -0.010101010101010102),
    ("log_laplace", &[0.5, 0.7], 0.1, -2.037580133618661, 4.2857142857142865),
    ("log_laplace", &[0.5, 0.7], 2.0, -1.3055439608382229, -1.2142857142857144),
    ("log_laplace", &[0.5, 0.7], 30.0, -7.882237306372162, -0.08095238095238096),
];

#[test]
fn curvatures_are_differences_of_slopes() {
    for (name, arguments, x, _, _) in TABLE {
        let prior = Prior::new(name, arguments).unwrap();
        let h = 1e-4 * x.abs().max(1e-3);
        let slope = |k: f64| prior.log_density(x + k * h).map(|d| d.1);
        let all: Option<Vec<f64>> =
            [1.0, -1.0, 2.0, -2.0, 3.0, -3.0].into_iter().map(slope).collect();
        let Some(s) = all else { continue }; // too near to an edge
        let difference = (45.0 * (s[0] - s[1]) - 9.0 * (s[2] - s[3]) + (s[4] - s[5])) / (60.0 * h);
        let (found, size) = (prior.curvature(*x), s[0].abs() / x.abs().max(1e-3));
        let off = (found + difference).abs() / (found.abs() + size).max(f64::MIN_POSITIVE);
        // Corners have none.
        let corner =
            ["laplace", "log_laplace"].contains(name) && (s[0] - s[1]).abs() > 0.1 * s[0].abs();
        assert!(corner || off < 1e-6, "{name}{arguments:?} at {x}: {found} for {}", -difference);
    }
}
