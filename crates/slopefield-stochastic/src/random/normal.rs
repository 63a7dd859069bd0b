//! Normal numbers by Box and Muller (*A note on the generation of random normal deviates*, Ann.
//! Math. Stat. 29 (1958) 610, doi:10.1214/aoms/1177706645).
//!
//! The elementary functions are written here with additions, multiplications, one division and one
//! root, and without branches: the same bits on every machine, for one number or for many lanes.
//! Their errors are a few units in the last place; the largest number possible is 8.5.

/// Fraction bits of a double in [1, 2).
const ONE_BITS: u64 = 0x3FF0_0000_0000_0000;

/// A polynomial, the highest coefficient first; written out, as a loop would keep lanes apart.
macro_rules! horner {
    ($x:expr; $first:expr $(, $next:expr)*) => {{
        let value: f64 = $first;
        $(let value = value * $x + $next;)*
        value
    }};
}

/// Two independent standard normal numbers of 2 × 64 random bits, 52 of each of which count.
#[inline(always)]
#[must_use]
pub fn normal_pair(a: u64, b: u64) -> [f64; 2] {
    // In (0, 1], where the logarithm is finite.
    let length = 2.0 - f64::from_bits(ONE_BITS | (a >> 12));
    let turn = f64::from_bits(ONE_BITS | (b >> 12)) - 1.0;
    let radius = (-2.0 * logarithm(length)).sqrt();
    let [cosine, sine] = cosine_and_sine_of_turn(turn);
    [radius * cosine, radius * sine]
}

/// Natural logarithm of a positive normal number, to 2e-16 relative (near 1) or absolute.
#[inline(always)]
#[must_use]
pub fn logarithm(x: f64) -> f64 {
    const SQRT_HALF_BITS: u64 = 0x3FE6_A09E_667F_3BCD;
    // Logical shifts and no conversion of integers: lanes of older machines have neither.
    const BIAS: u64 = 1024;
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let bits = x.to_bits();
    // Exponent such that the rest lies in [1/√2, √2).
    let biased = (bits.wrapping_sub(SQRT_HALF_BITS).wrapping_add(BIAS << 52)) >> 52;
    let rest = f64::from_bits(bits.wrapping_sub(biased.wrapping_sub(BIAS) << 52));
    let exponent = f64::from_bits(ROUND.to_bits() + biased) - (ROUND + BIAS as f64);
    // 2 artanh(s) = ln((1 + s)/(1 − s)) with |s| ≤ 0.172.
    let s = (rest - 1.0) / (rest + 1.0);
    let q = s * s;
    let series = horner!(q; 1.0 / 21.0, 1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0,
        1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0);
    let rest = 2.0 * s + 2.0 * s * (q * series);
    exponent * std::f64::consts::LN_2 + rest
}

/// `cos 2πx` and `sin 2πx` for `x` in [0, 1), to 2e-16 absolute.
#[inline(always)]
fn cosine_and_sine_of_turn(x: f64) -> [f64; 2] {
    // Adding 1.5·2^52 rounds to a whole number, which then is the low end of the bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = 4.0 * x + ROUND;
    let quarter = shifted.to_bits();
    let angle = (x - 0.25 * (shifted - ROUND)) * (2.0 * std::f64::consts::PI);
    let q = angle * angle;
    // Taylor series; |angle| ≤ π/4.
    let sine = horner!(q; -1.0 / 1_307_674_368_000.0, 1.0 / 6_227_020_800.0, -1.0 / 39_916_800.0,
        1.0 / 362_880.0, -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0);
    let sine = angle + angle * (q * sine);
    let cosine = horner!(q; 1.0 / 20_922_789_888_000.0, -1.0 / 87_178_291_200.0,
        1.0 / 479_001_600.0, -1.0 / 3_628_800.0, 1.0 / 40320.0, -1.0 / 720.0, 1.0 / 24.0);
    let cosine = 1.0 - 0.5 * q + q * q * cosine;
    let swap = quarter & 1 == 1;
    let (first, second) = if swap { (sine, cosine) } else { (cosine, sine) };
    // The cosine is negative in quarters 1 and 2, the sine in quarters 2 and 3.
    let sign = |value: f64, quarter: u64| f64::from_bits(value.to_bits() ^ ((quarter & 2) << 62));
    [sign(first, quarter.wrapping_add(1)), sign(second, quarter)]
}

#[cfg(test)]
mod tests {
    use super::{cosine_and_sine_of_turn, logarithm, normal_pair};
    use crate::random::{Key, Purpose};

    #[test]
    fn elementary_functions_agree_with_a_library() {
        for i in 1..20_000 {
            let x = f64::from(i) / 20_000.0;
            let exact = libm::log(x);
            assert!((logarithm(x) - exact).abs() <= 4e-16 * exact.abs().max(0.1), "ln {x}");
            let [cosine, sine] = cosine_and_sine_of_turn(x);
            let angle = 2.0 * std::f64::consts::PI * x;
            assert!((cosine - libm::cos(angle)).abs() < 2e-15, "cos at {x}");
            assert!((sine - libm::sin(angle)).abs() < 2e-15, "sin at {x}");
            assert!((cosine * cosine + sine * sine - 1.0).abs() < 6e-16, "at {x}");
        }
        for k in 1..53 {
            let x = 0.5_f64.powi(k);
            assert!((logarithm(x) - libm::log(x)).abs() <= 4e-16 * libm::log(x).abs());
        }
        assert_eq!(logarithm(1.0), 0.0);
    }

    #[test]
    fn extreme_bits_give_finite_numbers() {
        for a in [0, u64::MAX, 1 << 63, u64::MAX >> 1] {
            for b in [0, u64::MAX, 1 << 63, 1 << 62] {
                assert!(normal_pair(a, b).iter().all(|x| x.is_finite() && x.abs() < 8.5));
            }
        }
    }

    /// Moments and the frequency of every tenth of the distribution (χ² with 9 degrees of freedom
    /// is above 33.7 once in ten thousand).
    #[test]
    fn numbers_are_normal_and_independent() {
        let key = Key::new(11, 0, Purpose::Motion);
        let deciles = [
            -1.281_551_565_5,
            -0.841_621_233_6,
            -0.524_400_512_7,
            -0.253_347_103_1,
            0.0,
            0.253_347_103_1,
            0.524_400_512_7,
            0.841_621_233_6,
            1.281_551_565_5,
        ];
        let n = 200_000;
        let mut counts = [[0u32; 10]; 2];
        let mut moments = [[0.0; 4]; 2];
        let mut product = 0.0;
        for i in 0..n {
            let pair = key.normal_pair([i, 0, 0, 0]);
            product += pair[0] * pair[1];
            for (which, x) in pair.into_iter().enumerate() {
                counts[which][deciles.partition_point(|d| *d < x)] += 1;
                for (k, moment) in moments[which].iter_mut().enumerate() {
                    *moment += x.powi(k as i32 + 1) / f64::from(n);
                }
            }
        }
        let expected = f64::from(n) / 10.0;
        for which in 0..2 {
            let chi: f64 =
                counts[which].iter().map(|c| (f64::from(*c) - expected).powi(2) / expected).sum();
            assert!(chi < 33.7, "χ² = {chi}");
            for (k, (mean, variance)) in
                [(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)].into_iter().enumerate()
            {
                let error = (moments[which][k] - mean).abs();
                assert!(error < 4.0 * (variance / f64::from(n)).sqrt(), "moment {}", k + 1);
            }
        }
        assert!((product / f64::from(n)).abs() < 4.0 / f64::from(n).sqrt());
    }
}
