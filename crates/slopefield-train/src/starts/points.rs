//! Where trainings from many places begin: a Latin hypercube (McKay, Beckman and Conover 1979).
//!
//! Each parameter's range is cut into as many parts of equal probability as there are places, and
//! every part is used once. The range is that of the prior cut to the bounds; without a prior the
//! bounds, if both are finite; else a factor around the given start. Ranges over more than two
//! powers of ten of positive values, and all of parameters on a log scale, are spread by logarithm.

use super::MultiStart;
use super::quantiles::Quantiles;
use crate::prior::Prior;
use crate::problem::{ParamKind, ParamSpec, Scale};
use slopefield_stochastic::{Key, Purpose};

/// Ratio of bounds beyond which values are spread by logarithm.
const DECADES: f64 = 100.0;

/// How one element of θ is spread.
enum Range {
    /// It keeps the given value.
    Fixed,
    Uniform(f64, f64),
    /// `sign · exp` between two logarithms.
    Log(f64, f64, f64),
    Prior(Box<Quantiles>),
}

impl Range {
    fn new(spec: &ParamSpec, given: f64, factor: f64) -> Range {
        let (lo, hi) = spec.bounds;
        if let Some((name, arguments)) = &spec.prior
            && let Ok(prior) = Prior::new(name, arguments)
            && let Some(quantiles) = Quantiles::new(&prior, spec.bounds)
        {
            return Range::Prior(Box::new(quantiles));
        }
        if lo.is_finite() && hi.is_finite() {
            let by_logarithm = spec.scale == Scale::Log || hi / lo > DECADES;
            return match lo > 0.0 && by_logarithm {
                true => Range::Log(1.0, lo.ln(), hi.ln()),
                false => Range::Uniform(lo, hi),
            };
        }
        if given == 0.0 {
            return Range::Uniform((-1.0f64).max(lo), 1.0f64.min(hi));
        }
        // Around the start with its sign; a bound may cut it.
        let size = given.abs();
        let (nearest, furthest) = match given > 0.0 {
            true => (lo, hi),
            false => (-hi, -lo),
        };
        let from = (size / factor).max(nearest);
        let to = (size * factor).min(furthest);
        Range::Log(given.signum(), from.ln(), to.ln())
    }

    fn at(&self, u: f64, given: f64) -> f64 {
        match self {
            Range::Fixed => given,
            Range::Uniform(lo, hi) => lo + (hi - lo) * u,
            Range::Log(sign, lo, hi) => sign * (lo + (hi - lo) * u).exp(),
            Range::Prior(quantiles) => quantiles.at(u),
        }
    }
}

/// `count` places θ spread around `given`. `moves` says which elements differ from it; network
/// weights are those of `fresh`, which gets the number of the place, from 1.
pub(super) fn spread(
    specs: &[ParamSpec],
    moves: &[bool],
    given: &[f64],
    count: usize,
    many: &MultiStart,
    fresh: &dyn Fn(u64) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let mut places: Vec<Vec<f64>> = (1..=count as u64)
        .map(|k| {
            let new = fresh(k);
            let value = |i: usize| match specs[i].kind {
                ParamKind::Weight if moves[i] => new.get(i).copied().unwrap_or(given[i]),
                _ => given[i],
            };
            (0..specs.len()).map(value).collect()
        })
        .collect();
    for (i, spec) in specs.iter().enumerate().filter(|(_, s)| s.kind == ParamKind::Scalar) {
        let range = match moves[i] {
            true => Range::new(spec, given[i], many.factor),
            false => Range::Fixed,
        };
        let inside = hypercube(count, many.seed, i as u64);
        for (place, inside) in places.iter_mut().zip(inside) {
            place[i] = range.at(inside, given[i]);
        }
    }
    places
}

/// A column of a Latin hypercube: `count` numbers in [0, 1), one in each of as many equal parts, in an
/// order of chance. Columns with other numbers are independent of it.
#[must_use]
pub fn hypercube(count: usize, seed: u64, column: u64) -> Vec<f64> {
    let key = Key::new(seed, column, Purpose::Starts);
    let inside = |k: usize| unit(key.bits([k as u32, 1, 0, 0])[0]);
    let parts = permutation(count, key).into_iter().enumerate();
    parts.map(|(k, part)| (part as f64 + inside(k)) / count as f64).collect()
}

/// The numbers below `count` in an order drawn by Fisher and Yates.
fn permutation(count: usize, key: Key) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for k in (1..count).rev() {
        let other = (unit(key.bits([k as u32, 0, 0, 0])[0]) * (k + 1) as f64) as usize;
        order.swap(k, other.min(k));
    }
    order
}

/// Uniform in [0, 1) from random bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(bounds: (f64, f64), scale: Scale, prior: Option<(&str, Vec<f64>)>) -> ParamSpec {
        let prior = prior.map(|(name, arguments)| (name.to_owned(), arguments));
        ParamSpec { name: "k".into(), start: 1.0, bounds, scale, prior, kind: ParamKind::Scalar }
    }

    const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

    fn column(spec: &ParamSpec, given: f64, count: usize) -> Vec<f64> {
        let many = MultiStart { starts: 2, factor: 10.0, seed: 7 };
        let places =
            spread(std::slice::from_ref(spec), &[true], &[given], count, &many, &|_| Vec::new());
        let mut values: Vec<f64> = places.into_iter().map(|p| p[0]).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn every_part_of_a_range_is_used_once() {
        let linear = column(&spec((2.0, 6.0), Scale::Linear, None), 3.0, 40);
        for (k, v) in linear.iter().enumerate() {
            assert_eq!(((v - 2.0) / 4.0 * 40.0) as usize, k);
        }
        let wide = column(&spec((1e-3, 1e3), Scale::Linear, None), 3.0, 12);
        let log = column(&spec((0.1, 1.0), Scale::Log, None), 0.3, 12);
        for k in 0..12 {
            assert_eq!(((wide[k] / 1e-3).log10() * 2.0) as usize, k);
            assert_eq!(((log[k] / 0.1).log10() * 12.0) as usize, k);
        }
    }

    #[test]
    fn without_bounds_it_is_a_factor_around_the_start_with_its_sign() {
        let positive = column(&spec(FREE, Scale::Linear, None), 5.0, 30);
        assert!(positive[0] >= 0.5 && positive[0] < 0.6 && positive[29] <= 50.0);
        let negative = column(&spec(FREE, Scale::Linear, None), -5.0, 30);
        assert!(negative[0] >= -50.0 && negative[29] <= -0.5 && negative[29] > -0.6);
        let half = column(&spec((2.0, f64::INFINITY), Scale::Linear, None), 5.0, 30);
        assert!(half[0] >= 2.0 && half[0] < 2.3 && half[29] <= 50.0);
        let capped = column(&spec((f64::NEG_INFINITY, -1.0), Scale::Linear, None), -5.0, 30);
        assert!(capped[29] <= -1.0 && capped[29] > -1.2);
        let zero = column(&spec((0.0, f64::INFINITY), Scale::Linear, None), 0.0, 30);
        assert!(zero[0] >= 0.0 && zero[29] <= 1.0 && zero[29] > 0.95);
    }

    #[test]
    fn a_prior_decides_where_there_is_one() {
        let values =
            column(&spec((0.0, 100.0), Scale::Linear, Some(("normal", vec![50.0, 1.0]))), 1.0, 21);
        assert!(values.iter().all(|v| (46.0..54.0).contains(v)), "{values:?}");
        assert!((values[10] - 50.0).abs() < 0.2);
    }

    #[test]
    fn places_follow_from_the_seed_and_what_does_not_move_keeps_its_value() {
        let mut weight = spec(FREE, Scale::Linear, None);
        weight.kind = ParamKind::Weight;
        let specs =
            [spec((0.0, 1.0), Scale::Linear, None), weight, spec((0.0, 1.0), Scale::Linear, None)];
        let at = |seed| {
            let many = MultiStart { starts: 2, factor: 10.0, seed };
            spread(&specs, &[true, true, false], &[0.5, 9.0, 0.25], 8, &many, &|k| {
                vec![0.0, k as f64, 0.0]
            })
        };
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
        let places = at(1);
        let firsts: Vec<f64> = places.iter().map(|p| p[1]).collect();
        assert_eq!(firsts, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert!(places.iter().all(|p| p[2] == 0.25));
        // The parts are in another order than their numbers.
        assert!(places.windows(2).any(|p| p[0][0] > p[1][0]));
    }
}
