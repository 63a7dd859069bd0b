//! The zero of a function between two points where it has different signs.

use crate::SolveError;

/// A function that changes its sign between two points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bracket {
    /// Where it has the first sign,
    pub(crate) a: f64,
    /// and its value there.
    pub(crate) at_a: f64,
    /// Where it has the other sign or is 0,
    pub(crate) b: f64,
    /// and its value there.
    pub(crate) at_b: f64,
}

/// Narrows a bracket to a few units in the last place of its ends, so that the sign at `b` is the one after the crossing. `a > b` for time that falls.
///
/// Interpolation is truncated and projected towards bisection, which needs at most one evaluation
/// more than bisection in the worst case and converges superlinearly for smooth functions: I. F. D.
/// Oliveira, R. H. C. Takahashi, *An enhancement of the bisection method average performance
/// preserving minmax optimality*, ACM TOMS 47 (2020) 5, doi:10.1145/3423597.
///
/// # Errors
/// Those of the function.
pub(crate) fn narrow(
    mut bracket: Bracket,
    mut f: impl FnMut(f64) -> Result<f64, SolveError>,
) -> Result<Bracket, SolveError> {
    let sign = if bracket.at_a < 0.0 { 1.0 } else { -1.0 };
    let size = bracket.a.abs().max(bracket.b.abs());
    let tolerance = (2.0 * f64::EPSILON * size).max(f64::MIN_POSITIVE);
    let width0 = (bracket.b - bracket.a).abs();
    let halvings = (width0 / (2.0 * tolerance)).log2().ceil().max(0.0);
    let kappa = 0.1 / width0;
    let mut budget = tolerance * (halvings + 1.0).exp2();
    for _ in 0..2000 {
        let width = bracket.b - bracket.a;
        if width.abs() <= 2.0 * tolerance {
            break;
        }
        let (at_a, at_b) = (sign * bracket.at_a, sign * bracket.at_b);
        let middle = bracket.a + 0.5 * width;
        let secant = if at_b > at_a { bracket.a - at_a * width / (at_b - at_a) } else { middle };
        let towards = if middle >= secant { 1.0 } else { -1.0 };
        let shift = kappa * width * width;
        let truncated =
            if shift <= (middle - secant).abs() { secant + towards * shift } else { middle };
        let radius = (budget - 0.5 * width.abs()).max(0.0);
        let mut x = if (truncated - middle).abs() <= radius {
            truncated
        } else {
            middle - towards * radius
        };
        let inside = |x: f64| (x - bracket.a) * width > 0.0 && (bracket.b - x) * width > 0.0;
        if !inside(x) {
            x = middle;
            if !inside(x) {
                break;
            }
        }
        let value = f(x)?;
        // A zero belongs to the time after the crossing.
        if sign * value < 0.0 {
            (bracket.a, bracket.at_a) = (x, value);
        } else {
            (bracket.b, bracket.at_b) = (x, value);
        }
        budget *= 0.5;
    }
    Ok(bracket)
}

#[cfg(test)]
mod tests {
    use super::{Bracket, narrow};

    fn check(f: impl Fn(f64) -> f64, a: f64, b: f64, zero: f64, most: usize) {
        let mut calls = 0;
        let start = Bracket { a, at_a: f(a), b, at_b: f(b) };
        let found = narrow(start, |x| {
            calls += 1;
            Ok(f(x))
        })
        .unwrap();
        assert!(
            (found.b - zero).abs() <= 4.0 * f64::EPSILON * a.abs().max(b.abs()),
            "{found:?} for {zero}"
        );
        assert!(f(found.b) * f(a) <= 0.0, "{found:?}");
        assert!(calls <= most, "{calls} evaluations for the zero at {zero}");
    }

    #[test]
    fn zeros_are_found_to_the_last_places() {
        check(|x| x * x - 2.0, 1.0, 2.0, 2.0_f64.sqrt(), 12);
        check(|x| x.exp() - 3.0, 5.0, 0.0, 3.0_f64.ln(), 16);
        check(f64::sin, 4.0, 3.0, std::f64::consts::PI, 12);
        // A flat zero and a jump: no better than bisection, and no worse.
        check(|x| (x - 0.7).powi(9), 0.0, 1.0, 0.7, 60);
        check(|x| if x < 0.3 { -1.0 } else { 1.0 }, 0.0, 1.0, 0.3, 60);
    }
}
