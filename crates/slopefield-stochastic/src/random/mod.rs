//! Counter-based random numbers: every number follows from (seed, path, purpose, index) alone.
//!
//! The generator is Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, *Parallel random numbers: as easy
//! as 1, 2, 3*, SC 2011, doi:10.1145/2063384.2063405). Numbers do not depend on the order in which
//! they are drawn, on threads, or on the machine: all arithmetic is integer, or double precision
//! without a platform's mathematical library.

mod draws;
mod normal;
mod poisson;

pub use draws::Draws;
pub use normal::{logarithm, normal_pair};

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Four random words for a counter and a key.
#[inline(always)]
#[must_use]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    macro_rules! round {
        () => {
            let first = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
            let second = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
            counter = [
                (second >> 32) as u32 ^ counter[1] ^ key[0],
                second as u32,
                (first >> 32) as u32 ^ counter[3] ^ key[1],
                first as u32,
            ];
            key = [key[0].wrapping_add(KEY_STEPS[0]), key[1].wrapping_add(KEY_STEPS[1])];
        };
    }
    // Ten rounds, written out: a loop in the way would keep lanes apart.
    round!();
    round!();
    round!();
    round!();
    round!();
    round!();
    round!();
    round!();
    round!();
    round!();
    let _ = key;
    counter
}

/// What numbers are drawn for. Different purposes of one path are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Brownian motion.
    Motion,
    /// Times and kinds of jumps.
    Jumps,
    /// Places where trainings begin.
    Starts,
    /// Places that a search looks at.
    Search,
    /// Which of the data are looked at.
    Batches,
}

/// The key of all numbers of one purpose on one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Key([u32; 2]);

impl Key {
    /// The key for a seed, the number of a path and a purpose: a block of the generator itself, so
    /// neighbouring seeds and paths have keys without relation.
    #[must_use]
    pub fn new(seed: u64, path: u64, purpose: Purpose) -> Self {
        let purpose = match purpose {
            Purpose::Motion => 1,
            Purpose::Jumps => 2,
            Purpose::Starts => 3,
            Purpose::Search => 4,
            Purpose::Batches => 5,
        };
        let [a, b, _, _] = philox(
            [path as u32, (path >> 32) as u32, purpose, 0x5350_4445],
            [seed as u32, (seed >> 32) as u32],
        );
        Key([a, b])
    }

    /// Two independent standard normal numbers of a counter.
    #[inline(always)]
    #[must_use]
    pub fn normal_pair(self, counter: [u32; 4]) -> [f64; 2] {
        let [a, b] = self.bits(counter);
        normal_pair(a, b)
    }

    /// Two independent words of 64 random bits.
    #[inline(always)]
    #[must_use]
    pub fn bits(self, counter: [u32; 4]) -> [u64; 2] {
        let words = philox(counter, self.0);
        let join = |high: u32, low: u32| (u64::from(high) << 32) | u64::from(low);
        [join(words[0], words[1]), join(words[2], words[3])]
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Purpose, philox};

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
    fn seeds_paths_and_purposes_have_different_keys() {
        let key = Key::new(7, 3, Purpose::Motion);
        assert_eq!(key, Key::new(7, 3, Purpose::Motion));
        assert_ne!(key, Key::new(8, 3, Purpose::Motion));
        assert_ne!(key, Key::new(7, 4, Purpose::Motion));
        assert_ne!(key, Key::new(7, 3, Purpose::Jumps));
        assert_ne!(key, Key::new(3, 7, Purpose::Motion));
    }
}
