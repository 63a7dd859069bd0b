//! Quantiles of priors, tabulated: places to begin at are spread like the prior, within bounds.

use crate::prior::{Coordinate, Prior};

/// Cells of a table.
const CELLS: usize = 2048;
/// The table ends where the density has fallen by this factor's logarithm.
const FALL: f64 = 12.0;
/// Share of the probability left out at either end: nothing is gained far out in a tail.
const TAIL: f64 = 0.005;

/// The inverse of a distribution function.
#[derive(Debug, Clone)]
pub(super) struct Quantiles {
    coordinate: Coordinate,
    from: f64,
    width: f64,
    /// Probability below the lower end of each cell, up to 1.
    below: Vec<f64>,
}

impl Quantiles {
    /// Of a prior cut to bounds; none when it has no probability to speak of within them.
    pub fn new(prior: &Prior, bounds: (f64, f64)) -> Option<Quantiles> {
        let (coordinate, centre, scale) = prior.coordinate();
        let density = |t: f64| {
            let (x, slope) = coordinate.x(t);
            prior.log_density(x).map_or(f64::NEG_INFINITY, |(value, _)| value + slope.ln())
        };
        let (lowest, highest) = (coordinate.t(bounds.0), coordinate.t(bounds.1));
        let centre = centre.clamp(lowest, highest);
        let reach = |direction: f64| {
            let (mut top, mut t) = (density(centre), centre);
            for _ in 0..2000 {
                let next = t + direction * scale;
                if next <= lowest || next >= highest {
                    return next.clamp(lowest, highest);
                }
                t = next;
                let here = density(t);
                top = if here > top { here } else { top };
                if !(here > top - FALL) {
                    break;
                }
            }
            t
        };
        let (from, to) = (reach(-1.0), reach(1.0));
        let width = (to - from) / CELLS as f64;
        if !(width > 0.0 && width.is_finite()) {
            return None;
        }
        let mut sum = 0.0;
        let mut below = Vec::with_capacity(CELLS + 1);
        below.push(0.0);
        for k in 0..CELLS {
            sum += density(from + (k as f64 + 0.5) * width).exp();
            below.push(sum);
        }
        if !(sum > 0.0 && sum.is_finite()) {
            return None;
        }
        below.iter_mut().for_each(|b| *b /= sum);
        Some(Quantiles { coordinate, from, width, below })
    }

    /// Value below which the share `u` of the probability lies, the tails left out.
    pub fn at(&self, u: f64) -> f64 {
        let u = TAIL + (1.0 - 2.0 * TAIL) * u;
        let cell = self.below.partition_point(|b| *b <= u).clamp(1, CELLS) - 1;
        let inside = self.below[cell + 1] - self.below[cell];
        let share = if inside > 0.0 { (u - self.below[cell]) / inside } else { 0.5 };
        self.coordinate.x(self.from + (cell as f64 + share) * self.width).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, arguments: &[f64]) -> Quantiles {
        let free = (f64::NEG_INFINITY, f64::INFINITY);
        Quantiles::new(&Prior::new(name, arguments).unwrap(), free).unwrap()
    }

    /// Against distribution functions in closed form: the share below the quantile is the share.
    #[test]
    fn quantiles_invert_the_distribution() {
        type Distribution = fn(f64) -> f64;
        let cases: [(&str, &[f64], Distribution); 8] =
            [
                ("uniform", &[-2.0, 3.0], |x| (x + 2.0) / 5.0),
                ("log_uniform", &[0.01, 100.0], |x| (x / 0.01).ln() / 1e4f64.ln()),
                ("exponential", &[4.0], |x| 1.0 - (-x / 4.0).exp()),
                ("rayleigh", &[2.0], |x| 1.0 - (-x * x / 8.0).exp()),
                ("cauchy", &[1.0, 0.5], |x| 0.5 + ((x - 1.0) / 0.5).atan() / std::f64::consts::PI),
                ("laplace", &[0.0, 1.0], |x| {
                    if x < 0.0 { 0.5 * x.exp() } else { 1.0 - 0.5 * (-x).exp() }
                }),
                // χ² with two degrees of freedom, and the gamma distribution of shape 2.
                ("chisquare", &[2.0], |x| 1.0 - (-x / 2.0).exp()),
                ("gamma", &[2.0, 3.0], |x| 1.0 - (1.0 + x / 3.0) * (-x / 3.0).exp()),
            ];
        for (name, arguments, share) in cases {
            let table = of(name, arguments);
            for u in [0.0, 0.1, 0.5, 0.77, 1.0] {
                let expected = TAIL + (1.0 - 2.0 * TAIL) * u;
                let got = share(table.at(u));
                assert!((got - expected).abs() < 2e-3, "{name} at {u}: {got} for {expected}");
            }
        }
        // Symmetric ones have their median in the middle; 0.9 has 1.2816 standard deviations.
        let u = (0.9 - TAIL) / (1.0 - 2.0 * TAIL);
        assert!((of("normal", &[5.0, 2.0]).at(0.5) - 5.0).abs() < 1e-2);
        assert!((of("normal", &[5.0, 2.0]).at(u) - (5.0 + 2.0 * 1.281_55)).abs() < 1e-2);
        assert!((of("lognormal", &[1.0, 0.5]).at(u).ln() - (1.0 + 0.5 * 1.281_55)).abs() < 1e-2);
        assert!((of("beta", &[3.0, 3.0]).at(0.5) - 0.5).abs() < 1e-3);
    }

    #[test]
    fn bounds_cut_the_prior() {
        let prior = Prior::new("normal", &[0.0, 1.0]).unwrap();
        let table = Quantiles::new(&prior, (0.0, f64::INFINITY)).unwrap();
        // Half of a normal distribution: its median is the 0.75 quantile of the whole.
        assert!((table.at(0.5) - 0.674_49).abs() < 1e-2, "{}", table.at(0.5));
        for u in [0.0, 0.01, 0.99, 1.0] {
            assert!(table.at(u) >= 0.0);
        }
        assert!(Quantiles::new(&prior, (2.0, 2.0)).is_none());
    }
}
