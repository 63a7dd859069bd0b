//! The numbers of `numpy.random.default_rng(seed)`, so that this program solves the problems of
//! `benches/peers/problems.py` without storing their megabytes of random input.
//!
//! Sources: M. E. O'Neill, *PCG* (2014), generator XSL-RR 128/64, seeded as in numpy's
//! `SeedSequence`; G. Marsaglia, W. W. Tsang, *The ziggurat method for generating random
//! variables* (2000), with 256 strips.

/// The bit generator.
pub(crate) struct Generator {
    state: u128,
    increment: u128,
    strips: Strips,
}

impl Generator {
    /// `default_rng(seed)`.
    pub(crate) fn new(seed: u32) -> Generator {
        let [a, b, c, d] = seed_words(seed).map(u128::from);
        let mut generator =
            Generator { state: 0, increment: (c << 64 | d) << 1 | 1, strips: Strips::new() };
        generator.advance();
        generator.state = generator.state.wrapping_add(a << 64 | b);
        generator.advance();
        generator
    }

    fn advance(&mut self) {
        const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    fn bits(&mut self) -> u64 {
        self.advance();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `uniform(low, high)`.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// `standard_normal()`.
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let bits = self.bits();
            let strip = (bits & 0xff) as usize;
            let negative = bits >> 8 & 1 == 1;
            let mantissa = bits >> 9 & ((1 << 52) - 1);
            let x = mantissa as f64 * self.strips.width[strip];
            let signed = if negative { -x } else { x };
            if mantissa < self.strips.inside[strip] {
                return signed;
            }
            if strip == 0 {
                // The tail beyond the last strip.
                loop {
                    let beyond = -(-self.unit()).ln_1p() / TAIL;
                    let y = -(-self.unit()).ln_1p();
                    if y + y > beyond * beyond {
                        let x = TAIL + beyond;
                        return if mantissa >> 8 & 1 == 1 { -x } else { x };
                    }
                }
            }
            let [below, above] = [self.strips.height[strip], self.strips.height[strip - 1]];
            if (above - below) * self.unit() + below < (-0.5 * x * x).exp() {
                return signed;
            }
        }
    }
}

/// Where the tail begins.
const TAIL: f64 = 3.654_152_885_361_009;
/// Area of a strip.
const AREA: f64 = 0.004_928_673_233_974_655;

/// Strip `i` reaches from 0 to `x_i` with `x_255 = TAIL`; strip 0 is the lowest, with the tail.
struct Strips {
    /// `x_i` per unit of a mantissa of 52 bits.
    width: [f64; 256],
    /// Mantissas below this are under the curve.
    inside: [u64; 256],
    /// Height of the curve at `x_i`.
    height: [f64; 256],
}

impl Strips {
    fn new() -> Strips {
        const UNITS: f64 = (1u64 << 52) as f64;
        let curve = |x: f64| (-0.5 * x * x).exp();
        let mut x = [0.0; 256];
        x[255] = TAIL;
        for i in (1..255).rev() {
            x[i] = (-2.0 * (AREA / x[i + 1] + curve(x[i + 1])).ln()).sqrt();
        }
        let lowest = AREA / curve(TAIL);
        let mut strips = Strips { width: [0.0; 256], inside: [0; 256], height: [1.0; 256] };
        strips.width[0] = lowest / UNITS;
        strips.inside[0] = (TAIL / lowest * UNITS) as u64;
        for i in 1..256 {
            strips.width[i] = x[i] / UNITS;
            strips.inside[i] = (x[i - 1] / x[i] * UNITS) as u64;
            strips.height[i] = curve(x[i]);
        }
        strips
    }
}

/// `SeedSequence(seed).generate_state(4, uint64)`.
fn seed_words(seed: u32) -> [u64; 4] {
    fn stir(value: u32, constant: &mut u32, factor: u32) -> u32 {
        let value = value ^ *constant;
        *constant = constant.wrapping_mul(factor);
        let value = value.wrapping_mul(*constant);
        value ^ value >> 16
    }
    let mut constant = 0x43b0_d7e5;
    let mut pool = [seed, 0, 0, 0].map(|word| stir(word, &mut constant, 0x931e_8875));
    for from in 0..4 {
        for to in 0..4 {
            if from != to {
                let other = stir(pool[from], &mut constant, 0x931e_8875);
                let mixed = pool[to]
                    .wrapping_mul(0xca01_f9dd)
                    .wrapping_sub(other.wrapping_mul(0x4973_f715));
                pool[to] = mixed ^ mixed >> 16;
            }
        }
    }
    let mut constant = 0x8b51_f9dd;
    let half = |i: usize, constant: &mut u32| u64::from(stir(pool[i % 4], constant, 0x58f3_8ded));
    let mut words = [0; 4];
    for (i, word) in words.iter_mut().enumerate() {
        *word = half(2 * i, &mut constant) | half(2 * i + 1, &mut constant) << 32;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 4e-15 * expected.abs(), "{found:e} {expected:e}");
    }

    /// Values printed by numpy 2.4.6.
    #[test]
    fn uniform_numbers_are_numpys() {
        let mut generator = Generator::new(7);
        for expected in
            [0.25019093320933394, 0.794427601939151, 0.551371380490387, -0.5495856200188163]
        {
            assert_eq!(generator.uniform(-1.0, 1.0), expected);
        }
    }

    /// A million numbers pass through the tail and the edges of strips; one wrong decision shifts
    /// all that follow.
    #[test]
    fn normal_numbers_are_numpys() {
        let mut generator = Generator::new(5);
        let numbers: Vec<f64> = (0..1_000_000).map(|_| generator.normal()).collect();
        let first =
            [-0.8019314252534474, -1.324358995628145, -0.24836162209524854, 0.4204452380655215];
        for (found, expected) in numbers.iter().zip(first) {
            close(*found, expected);
        }
        close(numbers[141_008].abs(), 4.820175842608121);
        close(numbers[999_999], 3.056638776846415);
        assert_eq!(numbers.iter().filter(|x| x.abs() > TAIL).count(), 276);
    }
}
