//! Which experiments an iteration looks at, where it does not look at all of them.

use slopefield_stochastic::{Key, Purpose};

/// Batches of experiments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Batch {
    /// Experiments of an iteration; 0 means all.
    pub experiments: u32,
    /// Seed of the order in which they are drawn.
    pub seed: u64,
}

impl Batch {
    /// Iterations in which each of `all` experiments is looked at once; 1 when an iteration looks
    /// at all of them.
    #[must_use]
    pub fn rounds(&self, all: usize) -> u64 {
        match self.experiments {
            0 => 1,
            some => all.div_ceil(some as usize).max(1) as u64,
        }
    }

    /// Experiments of iteration `k` (from 0) of a stage, ascending; none when it is all of them.
    /// Every round goes through all experiments in an order of its own, drawn by Fisher and Yates.
    #[must_use]
    pub fn drawn(&self, all: usize, k: u64) -> Option<Vec<usize>> {
        let rounds = self.rounds(all);
        if rounds == 1 {
            return None;
        }
        let key = Key::new(self.seed, k / rounds, Purpose::Batches);
        let mut order: Vec<usize> = (0..all).collect();
        for i in (1..all).rev() {
            let unit = (key.bits([i as u32, 0, 0, 0])[0] >> 11) as f64 / (1u64 << 53) as f64;
            order.swap(i, ((unit * (i + 1) as f64) as usize).min(i));
        }
        // Sizes differ by one at most, so that no experiment counts for much more than another.
        let (rounds, at) = (rounds as usize, (k % rounds) as usize);
        let mut drawn = order[at * all / rounds..(at + 1) * all / rounds].to_vec();
        drawn.sort_unstable();
        Some(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_looks_at_each_experiment_once_and_rounds_differ() {
        let batch = Batch { experiments: 3, seed: 5 };
        assert_eq!(batch.rounds(10), 4);
        let round =
            |r: u64| (4 * r..4 * r + 4).map(|k| batch.drawn(10, k).unwrap()).collect::<Vec<_>>();
        for r in 0..20 {
            let mut all = round(r).concat();
            assert!(round(r).iter().all(|b| (2..=3).contains(&b.len())));
            all.sort_unstable();
            assert_eq!(all, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(round(0), round(1));
        assert_eq!(round(7), round(7));
        let other = Batch { seed: 6, ..batch };
        assert_ne!(batch.drawn(10, 0), other.drawn(10, 0));
        // All at once.
        assert_eq!(Batch { experiments: 10, seed: 1 }.drawn(10, 3), None);
        assert_eq!(Batch::default().drawn(10, 3), None);
        assert_eq!(batch.drawn(0, 3), None);
    }
}
