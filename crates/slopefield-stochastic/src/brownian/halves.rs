//! The division of an interval, for many lanes.

use crate::random::{Key, normal_pair};

/// From this many lanes on wider instructions are worth the call.
pub(super) const WIDE: usize = 4;

/// `W` and `H` of an interval and of its halves, for one source and all lanes.
pub(super) struct Halves<'a> {
    pub(super) whole: [&'a [f64]; 2],
    pub(super) left: [&'a mut [f64]; 2],
    pub(super) right: [&'a mut [f64]; 2],
    pub(super) keys: &'a [Key],
    pub(super) counter: [u32; 4],
    /// Root of the length of the interval.
    pub(super) root: f64,
    /// Work space, two rows each.
    pub(super) bits: &'a mut [u64],
    pub(super) normal: &'a mut [f64],
}

impl pulp::WithSimd for Halves<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.fill();
    }
}

impl Halves<'_> {
    /// Divides the interval.
    #[inline(always)]
    pub(super) fn fill(self) {
        let Halves { whole, left, right, keys, counter, root, bits, normal } = self;
        let lanes = keys.len();
        let (first_bits, second_bits) = bits[..2 * lanes].split_at_mut(lanes);
        for ((a, b), key) in first_bits.iter_mut().zip(&mut *second_bits).zip(keys) {
            [*a, *b] = key.bits(counter);
        }
        let (first, second) = normal[..2 * lanes].split_at_mut(lanes);
        for i in 0..lanes {
            [first[i], second[i]] = normal_pair(first_bits[i], second_bits[i]);
        }
        let [whole_w, whole_h] = whole.map(|row| &row[..lanes]);
        let [left_w, left_h] = left;
        let [right_w, right_h] = right;
        let (left_w, left_h) = (&mut left_w[..lanes], &mut left_h[..lanes]);
        let (right_w, right_h) = (&mut right_w[..lanes], &mut right_h[..lanes]);
        for i in 0..lanes {
            let (w, h) = (whole_w[i], whole_h[i]);
            let bend = 0.125 * root * first[i];
            let skew = root * (1.0 / 48.0_f64.sqrt()) * second[i];
            left_w[i] = 0.5 * w + 1.5 * h + 2.0 * bend;
            right_w[i] = 0.5 * w - 1.5 * h - 2.0 * bend;
            left_h[i] = 0.25 * h - bend + skew;
            right_h[i] = 0.25 * h - bend - skew;
        }
    }
}
