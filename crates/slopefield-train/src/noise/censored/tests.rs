//! References: mpmath 1.4 with 50 digits, from tails by `erfc` and the incomplete beta function and
//! from sums of probabilities; derivatives by its `diff` of the same formula.

use super::*;

/// Kind, side, limit, value, arguments, loss, derivatives by value and arguments (NaN: not compared).
type Row = (NoiseKind, Censoring, f64, f64, [f64; 2], f64, [f64; 3]);

#[test]
fn losses_and_derivatives_match_mpmath() {
    for (kind, side, limit, value, arguments, loss, derivatives) in TABLE {
        let arguments = &arguments[..kind.arguments()];
        let term = kind.censored_term(*side, *limit, *value, arguments).unwrap();
        let near = |got: f64, want: f64, within: f64, what: &str| {
            let error = (got - want).abs() / want.abs().max(1.0);
            assert!(
                error < within,
                "{kind:?} {side:?} {limit} m={value} {what}: got {got:e}, want {want:e}"
            );
        };
        near(term.loss, *loss, 4e-13, "loss");
        for (i, (got, want)) in slopes(&term).iter().zip(derivatives).enumerate() {
            // Those by the degrees of freedom are differences.
            let within = if *kind == NoiseKind::StudentT && i == 1 { 1e-10 } else { 4e-12 };
            if !want.is_nan() {
                near(*got, *want, within, &format!("derivative {i}"));
            }
        }
    }
}

/// Against differences of the first derivatives, of sixth order.
#[test]
fn second_derivatives_are_differences_of_the_first() {
    for (kind, side, limit, value, arguments, ..) in TABLE {
        let count = kind.arguments();
        let found = kind.censored_curvature(*side, *limit, *value, &arguments[..count]).unwrap();
        let whole = |at: usize| *kind == NoiseKind::Binomial && at == 1;
        for i in (0..=count).filter(|i| !whole(*i)) {
            let origin = [*value, arguments[0], arguments[1]];
            let first = |h: f64| {
                let mut at = origin;
                at[i] += h;
                slopes(&kind.censored_term(*side, *limit, at[0], &at[1..=count]).unwrap())
            };
            let h = 3e-3 * origin[i].abs().min(1.0);
            let pairs = [1.0, 2.0, 3.0].map(|j| (first(j * h), first(-j * h)));
            for j in (0..=count).filter(|j| !whole(*j)) {
                let pair = |k: usize| pairs[k].0[j] - pairs[k].1[j];
                let difference = (45.0 * pair(0) - 9.0 * pair(1) + pair(2)) / (60.0 * h);
                let size = difference.abs().max(first(0.0)[j].abs() / origin[i].abs()).max(1.0);
                let off = (found[j][i] - difference).abs() / size;
                assert!(
                    off < 2e-7,
                    "{kind:?} {side:?} {limit} m={value} [{j}][{i}]: {} {difference}",
                    found[j][i]
                );
                assert!((found[j][i] - found[i][j]).abs() <= 1e-9 * found[j][i].abs().max(1e-300));
            }
        }
    }
}

#[test]
fn both_sides_of_a_continuous_limit_are_all_there_is() {
    for (kind, arguments) in [
        (NoiseKind::Normal, &[0.4][..]),
        (NoiseKind::LogNormal, &[0.4]),
        (NoiseKind::Laplace, &[0.4]),
        (NoiseKind::StudentT, &[2.5, 0.4]),
    ] {
        let share = |side| (-kind.censored_term(side, 1.3, 1.1, arguments).unwrap().loss).exp();
        let both = share(Censoring::Below) + share(Censoring::Above);
        assert!((both - 1.0).abs() < 1e-14, "{kind:?}: {both}");
    }
}

#[test]
fn counts_leave_out_the_limit_itself() {
    let (kind, m) = (NoiseKind::Poisson, 3.7);
    let share = |side| (-kind.censored_term(side, 4.0, m, &[]).unwrap().loss).exp();
    let four = (-kind.term(4.0, m, &[]).unwrap().loss).exp();
    let all = share(Censoring::Below) + four + share(Censoring::Above);
    assert!((all - 1.0).abs() < 1e-14, "{all}");
}

#[test]
fn least_squares_count_what_is_on_the_wrong_side() {
    let kind = NoiseKind::LeastSquares;
    let at = |side, value| kind.censored_term(side, 2.0, value, &[]).unwrap();
    assert_eq!(at(Censoring::Below, 1.5), Term::default());
    assert_eq!(at(Censoring::Above, 2.5), Term::default());
    let over = at(Censoring::Below, 2.5);
    assert_eq!((over.loss, over.d_value), (0.25, 1.0));
    let under = at(Censoring::Above, 1.5);
    assert_eq!((under.loss, under.d_value), (0.25, -1.0));
}

#[test]
fn means_of_zero_and_sure_hits_have_their_limits() {
    let below = |k: f64| NoiseKind::Poisson.censored_term(Censoring::Below, k, 0.0, &[]).unwrap();
    assert_eq!(below(5.0), Term::default());
    assert_eq!((below(1.0).loss, below(1.0).d_value), (0.0, 1.0));
    let binomial = |side, k, p| NoiseKind::Binomial.censored_term(side, k, p, &[7.0]);
    assert_eq!(binomial(Censoring::Above, 3.0, 1.0).unwrap(), Term::default());
    assert!(binomial(Censoring::Below, 3.0, 1.0).is_err());
    assert!(binomial(Censoring::Above, 7.0, 0.5).is_err());
    assert!(NoiseKind::Poisson.censored_term(Censoring::Above, 2.0, 0.0, &[]).is_err());
}

#[test]
fn impossible_limits_are_refused_before_training() {
    let refused = |kind: NoiseKind, side, limit: f64, word: &str| {
        let message = kind.check_limit(side, limit).unwrap_err().to_string();
        assert!(message.contains(word), "{kind:?}: {message}");
    };
    refused(NoiseKind::LogNormal, Censoring::Below, 0.0, "positive");
    refused(NoiseKind::Poisson, Censoring::Below, 0.0, "at least 1");
    refused(NoiseKind::Poisson, Censoring::Above, 2.5, "whole");
    refused(NoiseKind::NegativeBinomial, Censoring::Above, 1e6, "at most 100000");
    refused(NoiseKind::Bernoulli, Censoring::Above, 1.0, "no limit");
    refused(NoiseKind::Categorical, Censoring::Below, 1.0, "no limit");
    assert!(NoiseKind::Normal.check_limit(Censoring::Below, -3.0).is_ok());
}

/// The mean of the squared score over limits that are reached or not is the information of the pair.
#[test]
fn the_squared_score_stands_for_the_information() {
    let (kind, limit, m, s) = (NoiseKind::Normal, 1.0, 0.6, 0.5);
    let share = |side| (-kind.censored_term(side, limit, m, &[s]).unwrap().loss).exp();
    let sides = [Censoring::Below, Censoring::Above];
    let (mut squares, mut bends) = (0.0, 0.0);
    for side in sides {
        squares += share(side) * kind.censored_information(side, limit, m, &[s]).unwrap()[0][0];
        bends += share(side) * kind.censored_curvature(side, limit, m, &[s]).unwrap()[0][0];
    }
    assert!((squares - bends).abs() < 1e-12, "{squares} {bends}");
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (NoiseKind::Normal, Censoring::Below, 1.2, 0.7, [0.3, 0.0], 0.048970050234415516, [0.3482326223368602, 0.580387703894767, 0.0]),
    (NoiseKind::Normal, Censoring::Below, 0.2, 0.7, [0.03, 0.0], 142.62480629992936, [557.5414080782143, -9292.356801303571, 0.0]),
    (NoiseKind::Normal, Censoring::Above, 1.2, 0.7, [0.3, 0.0], 3.040931495152975, [-6.938439389389459, -11.564065648982432, 0.0]),
    (NoiseKind::Normal, Censoring::Above, 40.0, 0.7, [0.3, 0.0], 8586.294194119582, [-436.6921089946722, -57206.66627830206, 0.0]),
    (NoiseKind::Normal, Censoring::Below, 0.7, 0.7, [2.0, 0.0], std::f64::consts::LN_2, [0.3989422804014327, 0.0, 0.0]),
    (NoiseKind::Normal, Censoring::Below, -1.0, 0.5, [0.29, 0.0], 15.973609562290934, [18.460127973835537, -95.48342055432175, 0.0]),
    (NoiseKind::LogNormal, Censoring::Below, 0.05, 0.2, [0.4, 0.0], 8.238080708776417, [46.48864763486763, -32.22347503615327, 0.0]),
    (NoiseKind::LogNormal, Censoring::Above, 30.0, 34.6, [0.2184, 0.0], 0.29681361427131864, [-0.05739035788970119, 1.2970399554951435, 0.0]),
    (NoiseKind::LogNormal, Censoring::Below, 0.001, 3.0, [0.1, 0.0], 3210.397998154093, [266.9205394706321, -64111.91851072129, 0.0]),
    (NoiseKind::Laplace, Censoring::Below, 1.2, 0.7, [0.3, 0.0], 0.09919931425379436, [0.3476212588037959, 0.5793687646729933, 0.0]),
    (NoiseKind::Laplace, Censoring::Below, 0.2, 0.7, [0.3, 0.0], 2.359813847226612, [3.3333333333333335, -5.555555555555555, 0.0]),
    (NoiseKind::Laplace, Censoring::Above, 5.2, 0.7, [0.01, 0.0], 450.69314718055995, [-100.0, -45000.0, 0.0]),
    (NoiseKind::StudentT, Censoring::Below, 1.2, 0.7, [3.5, 0.4], 0.15569222501429264, [0.4733311980486424, -0.011770476146260238, 0.591663997560803]),
    (NoiseKind::StudentT, Censoring::Below, -4.0, 0.7, [3.5, 0.4], 8.082873326696733, [0.7295985600438439, 1.482465786946321, -8.572783080515165]),
    (NoiseKind::StudentT, Censoring::Above, 1.2, 0.7, [0.8, 0.1], 2.464449349850362, [-1.5679569382371878, 1.5895427464213538, -7.8397846911859395]),
    (NoiseKind::StudentT, Censoring::Above, 1.2, 1.15, [5.0, 2.0], 0.7123075357082902, [-0.3868051463819977, 0.00018993036013456946, -0.009670128659549951]),
    (NoiseKind::StudentT, Censoring::Below, -40.0, 0.7, [30.0, 0.4], 90.32751934970445, [0.7350375592825823, 2.441152621563168, -74.79007165700274]),
    (NoiseKind::StudentT, Censoring::Above, 2.0, 1.0, [400.0, 0.5], 3.768443464287429, [-4.697290138839956, 3.6624495308461536e-05, -9.394580277679912]),
    (NoiseKind::Poisson, Censoring::Below, 5.0, 7.3, [0.0, 0.0], 1.9150134486839696, [0.5425131311115191, 0.0, 0.0]),
    (NoiseKind::Poisson, Censoring::Above, 5.0, 7.3, [0.0, 0.0], 0.3065838641245451, [-0.15857364792814221, 0.0, 0.0]),
    (NoiseKind::Poisson, Censoring::Below, 1.0, 7.3, [0.0, 0.0], 7.3, [1.0, 0.0, 0.0]),
    (NoiseKind::Poisson, Censoring::Below, 5.0, 120.0, [0.0, 0.0], 103.99447736793648, [0.9669490329446474, 0.0, 0.0]),
    (NoiseKind::Poisson, Censoring::Above, 50.0, 7.3, [0.0, 0.0], 58.17722726709206, [-6.008515560034787, 0.0, 0.0]),
    (NoiseKind::Poisson, Censoring::Above, 4.0, 90.0, [0.0, 0.0], 2.3429885950924865e-33, [-2.2400382010834072e-33, 0.0, 0.0]),
    (NoiseKind::NegativeBinomial, Censoring::Below, 5.0, 7.3, [1.9, 0.0], 0.9466180643137433, [0.14353285757565432, 0.17164203716510615, 0.0]),
    (NoiseKind::NegativeBinomial, Censoring::Above, 50.0, 7.3, [1.9, 0.0], 9.559200778815505, [-1.353430334529003, 3.101608080390593, 0.0]),
    (NoiseKind::NegativeBinomial, Censoring::Above, 2.0, 7.3, [1.9, 0.0], 0.2380640010717514, [-0.04659006327543283, -0.09895378158284981, 0.0]),
    (NoiseKind::Binomial, Censoring::Below, 3.0, 0.31, [40.0, 0.0], 9.669720958096857, [49.15009910847153, f64::NAN, 0.0]),
    (NoiseKind::Binomial, Censoring::Above, 30.0, 0.31, [40.0, 0.0], 20.08731496571573, [-87.60414147666081, f64::NAN, 0.0]),
    (NoiseKind::Binomial, Censoring::Above, 3.0, 0.71, [7.0, 0.0], 0.12040913088724649, [-1.3784470764993197, f64::NAN, 0.0]),
];
