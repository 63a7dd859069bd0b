//! Random numbers drawn one after the other.

use super::{Key, Purpose, logarithm};

/// The numbers of one purpose on one path from a time on, in the order of their index.
///
/// A solve that begins again at a later time, as it does after events, draws other numbers than
/// before: what is still to come has nothing to do with what has been.
#[derive(Debug, Clone, Default)]
pub struct Draws {
    key: Key,
    /// The time, as bits.
    start: u64,
    next: u64,
    /// The second word of the last block.
    left: Option<u64>,
}

impl Draws {
    /// Begins at the first number from time `start` on.
    #[must_use]
    pub fn new(seed: u64, path: u64, purpose: Purpose, start: f64) -> Self {
        // −0 is the time 0.
        let start = (start + 0.0).to_bits();
        Draws { key: Key::new(seed, path, purpose), start, next: 0, left: None }
    }

    fn word(&mut self) -> u64 {
        if let Some(word) = self.left.take() {
            return word;
        }
        let words = |x: u64| (x as u32, (x >> 32) as u32);
        let ((a, b), (c, d)) = (words(self.next), words(self.start));
        let [first, second] = self.key.bits([a, b, c, d]);
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
        let mut draws = Draws::new(5, 0, Purpose::Jumps, 0.0);
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
