//! Random numbers drawn one after the other.

use super::{Key, Purpose, logarithm};

/// The numbers of one purpose on one path, in the order of their index.
#[derive(Debug, Clone, Default)]
pub struct Draws {
    key: Key,
    next: u64,
    /// The second word of the last block.
    left: Option<u64>,
}

impl Draws {
    /// Begins at the first number.
    #[must_use]
    pub fn new(seed: u64, path: u64, purpose: Purpose) -> Self {
        Draws { key: Key::new(seed, path, purpose), next: 0, left: None }
    }

    fn word(&mut self) -> u64 {
        if let Some(word) = self.left.take() {
            return word;
        }
        let [first, second] = self.key.bits([self.next as u32, (self.next >> 32) as u32, 0, 0]);
        self.next += 1;
        self.left = Some(second);
        first
    }

    /// Uniform in (0, 1), neither end included.
    pub fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 * (1.0 / (1u64 << 53) as f64) + 1.0 / (1u64 << 54) as f64
    }

    /// Exponential with mean 1; positive.
    pub fn exponential(&mut self) -> f64 {
        -logarithm(self.uniform())
    }
}

#[cfg(test)]
mod tests {
    use super::{Draws, Purpose};

    #[test]
    fn moments_of_uniform_and_exponential_numbers() {
        let mut draws = Draws::new(5, 0, Purpose::Jumps);
        let n = 200_000;
        let (mut uniform, mut first, mut second) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let u = draws.uniform();
            assert!(u > 0.0 && u < 1.0);
            uniform += u;
            let e = draws.exponential();
            assert!(e > 0.0);
            first += e;
            second += e * e;
        }
        let n = f64::from(n);
        assert!((uniform / n - 0.5).abs() < 4.0 * (1.0 / 12.0 / n).sqrt());
        assert!((first / n - 1.0).abs() < 4.0 * (1.0 / n).sqrt());
        assert!((second / n - 2.0).abs() < 4.0 * (20.0 / n).sqrt());
    }
}
