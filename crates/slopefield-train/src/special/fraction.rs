//! Continued fractions of incomplete integrals.

/// Terms of the expansions below at most; they need about the root of their largest argument.
const TERMS: u32 = 100_000;
/// Relative change below which an expansion has converged.
const PRECISION: f64 = 1e-15;
/// Stands for a denominator of zero in a continued fraction (Lentz).
const TINY: f64 = 1e-300;

/// Value of the continued fraction `b₀ + a₁/(b₁ + a₂/(b₂ + …))` for the pairs `(aₖ, bₖ)`, by the
/// modified method of Lentz.
pub fn continued_fraction(b0: f64, mut pair: impl FnMut(u32) -> (f64, f64)) -> f64 {
    let nonzero = |x: f64| if x.abs() < TINY { TINY } else { x };
    let mut f = nonzero(b0);
    let (mut c, mut d) = (f, 0.0);
    for k in 1..TERMS {
        let (a, b) = pair(k);
        d = 1.0 / nonzero(b + a * d);
        c = nonzero(b + a / c);
        f *= c * d;
        if (c * d - 1.0).abs() < PRECISION {
            break;
        }
    }
    f
}

/// The continued fraction `f` of the regularised incomplete beta function,
/// `I_x(a, b) = x^a (1-x)^b / (a B(a, b) f)` (NIST DLMF 8.17.22). It converges fast where
/// `x ≤ (a+1)/(a+b+2)`; beyond, take `1 − I_{1−x}(b, a)`.
#[must_use]
pub fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    continued_fraction(1.0, |k| {
        let m = f64::from(k / 2);
        let a_k = match k.is_multiple_of(2) {
            true => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            false => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        (a_k, 1.0)
    })
}
