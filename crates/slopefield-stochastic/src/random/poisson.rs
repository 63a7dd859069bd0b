//! Poisson numbers, exact for any mean.

use super::Draws;

/// Above this mean the transformed rejection is faster than counting.
const COUNT_BELOW: f64 = 10.0;

impl Draws {
    /// A Poisson number with a mean of 0 or more: by counting arrivals of a unit-rate process for
    /// small means, otherwise by transformed rejection with squeeze (Hörmann, *The transformed
    /// rejection method for generating Poisson random variables*, Insurance: Mathematics and
    /// Economics 12 (1993) 39, doi:10.1016/0167-6687(93)90997-4, algorithm PTRS).
    pub fn poisson(&mut self, mean: f64) -> f64 {
        if mean < COUNT_BELOW {
            return self.arrivals(mean);
        }
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.02483 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let squeeze = 0.9277 - 3.6224 / (b - 2.0);
        let log_mean = libm::log(mean);
        loop {
            let u = self.uniform() - 0.5;
            let v = self.uniform();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
            if us >= 0.07 && v <= squeeze {
                return k;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let accept = libm::log(v) + libm::log(inverse_alpha) - libm::log(a / (us * us) + b);
            if accept <= k * log_mean - mean - libm::lgamma(k + 1.0) {
                return k;
            }
        }
    }

    fn arrivals(&mut self, mean: f64) -> f64 {
        let mut count = 0.0;
        let mut time = self.exponential();
        while time < mean {
            count += 1.0;
            time += self.exponential();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use crate::random::{Draws, Purpose};

    /// Frequencies of single values against the exact probabilities, within 4 standard errors.
    #[test]
    fn frequencies_are_those_of_the_poisson_distribution() {
        for (mean, n) in [(0.3, 60_000), (4.0, 60_000), (10.0, 60_000), (35.5, 100_000)] {
            let mut draws = Draws::new(3, 1, Purpose::Jumps, 0.0);
            let mut counts = [0u32; 100];
            for _ in 0..n {
                counts[draws.poisson(mean) as usize] += 1;
            }
            let n = f64::from(n);
            for (k, count) in counts.iter().enumerate() {
                let k = k as f64;
                let p = libm::exp(k * libm::log(mean) - mean - libm::lgamma(k + 1.0));
                let error = (f64::from(*count) / n - p).abs();
                assert!(
                    error < 4.0 * (p * (1.0 - p) / n).sqrt() + 1.0 / n,
                    "{count} of {n} numbers with mean {mean} are {k}; {} were expected",
                    p * n
                );
            }
        }
    }

    #[test]
    fn large_means_keep_mean_and_variance() {
        let mut draws = Draws::new(4, 0, Purpose::Jumps, 0.0);
        let (mean, n) = (1.0e6, 20_000);
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let d = draws.poisson(mean) - mean;
            sum += d;
            squares += d * d;
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 4.0 * (mean / n).sqrt());
        assert!((squares / n / mean - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
        assert_eq!(draws.poisson(0.0), 0.0);
    }
}
