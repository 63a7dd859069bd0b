//! Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random
//! numbers: as easy as 1, 2, 3", SC 2011).
//!
//! A number depends on (seed, slot, index) only, never on what was drawn before, so weights stay
//! the same when a network is added or the order of work changes.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Four random words for a counter and a key.
pub(super) fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let product = |k: usize, word: u32| {
            let wide = u64::from(MULTIPLIERS[k]) * u64::from(word);
            ((wide >> 32) as u32, wide as u32)
        };
        let (high0, low0) = product(0, counter[0]);
        let (high1, low1) = product(1, counter[2]);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(KEY_STEPS[0]), key[1].wrapping_add(KEY_STEPS[1])];
    }
    counter
}

/// The random numbers of one weight tensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) seed: u64,
    pub(crate) slot: u64,
}

impl Stream {
    /// Two independent numbers, uniform in [0, 1), with 53 random bits.
    fn pair(self, index: u64) -> [f64; 2] {
        let words = philox(
            [index as u32, (index >> 32) as u32, self.slot as u32, (self.slot >> 32) as u32],
            [self.seed as u32, (self.seed >> 32) as u32],
        );
        let number = |high: u32, low: u32| {
            let bits = (u64::from(high) << 32) | u64::from(low);
            (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
        };
        [number(words[0], words[1]), number(words[2], words[3])]
    }

    /// Uniform in [0, 1).
    pub(crate) fn uniform(self, index: u64) -> f64 {
        self.pair(index)[0]
    }

    /// Standard normal, by Box and Muller (1958).
    pub(crate) fn normal(self, index: u64) -> f64 {
        let [a, b] = self.pair(index);
        // 1 - a lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - a)).sqrt();
        radius * libm::cos(2.0 * std::f64::consts::PI * b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the Random123 library (kat_vectors, philox4x32 10).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn normal_numbers_have_the_moments_of_a_normal_distribution() {
        let stream = Stream { seed: 7, slot: 3 };
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|i| stream.normal(i)).collect();
        let moment = |k: i32| draws.iter().map(|x| x.powi(k)).sum::<f64>() / n as f64;
        // Five standard errors of each moment.
        let within = |k: i32, expected: f64, variance: f64| {
            let error = (moment(k) - expected).abs();
            assert!(error < 5.0 * (variance / n as f64).sqrt(), "moment {k}: {}", moment(k));
        };
        within(1, 0.0, 1.0);
        within(2, 1.0, 2.0);
        within(3, 0.0, 15.0);
        within(4, 3.0, 96.0);
    }
}
