//! Second derivatives of the loss of one measurement.

use super::{DomainError, Information, NoiseKind};
use crate::special::trigamma;

impl NoiseKind {
    /// Second derivatives of [`NoiseKind::term`] by the model's value and the noise arguments, in this
    /// order: of the loss itself, where [`NoiseKind::information`] is its mean. Corners of the Laplace
    /// density have none and count as flat.
    ///
    /// # Errors
    /// As [`NoiseKind::term`].
    pub fn curvature(
        self,
        y: f64,
        value: f64,
        arguments: &[f64],
    ) -> Result<Information, DomainError> {
        self.term(y, value, arguments)?;
        let m = value;
        let of_scale = |r: f64, s: f64| (3.0 * r * r - 1.0) / (s * s);
        let (vv, va, aa) = match self {
            NoiseKind::LeastSquares => (2.0, 0.0, 0.0),
            NoiseKind::Normal => {
                let s = arguments[0];
                let r = (m - y) / s;
                (1.0 / (s * s), -2.0 * r / (s * s), of_scale(r, s))
            }
            NoiseKind::LogNormal => {
                let s = arguments[0];
                let r = (m.ln() - y.ln()) / s;
                ((1.0 / s - r) / (s * m * m), -2.0 * r / (s * s * m), of_scale(r, s))
            }
            NoiseKind::Laplace => {
                let b = arguments[0];
                let r = (m - y) / b;
                let sign = if r == 0.0 { 0.0 } else { r.signum() };
                (0.0, -sign / (b * b), (2.0 * r.abs() - 1.0) / (b * b))
            }
            NoiseKind::StudentT => return Ok(student_t(m - y, arguments[0], arguments[1])),
            NoiseKind::Poisson => (if y == 0.0 { 0.0 } else { y / (m * m) }, 0.0, 0.0),
            NoiseKind::NegativeBinomial => {
                let phi = arguments[0];
                let both = (phi + m) * (phi + m);
                let counted = if y == 0.0 { 0.0 } else { y / (m * m) };
                let rising = squares_rising(phi, y);
                (
                    counted - (phi + y) / both,
                    (m - y) / both,
                    rising - m / (phi * (phi + m)) - (y - m) / both,
                )
            }
            NoiseKind::Binomial => {
                let (n, p) = (arguments[0], m);
                let part = |count: f64, p: f64| if count > 0.0 { count / (p * p) } else { 0.0 };
                let by_n = trigamma(n - y + 1.0) - trigamma(n + 1.0);
                (part(y, p) + part(n - y, 1.0 - p), 1.0 / (1.0 - p), by_n)
            }
            NoiseKind::Bernoulli | NoiseKind::Categorical => {
                let p = if y == 1.0 { m } else { 1.0 - m };
                (1.0 / (p * p), 0.0, 0.0)
            }
        };
        Ok([[vv, va, 0.0], [va, aa, 0.0], [0.0; 3]])
    }
}

/// `Σ 1/(φ + k)²` for `k` below a count.
fn squares_rising(phi: f64, count: f64) -> f64 {
    if count > 256.0 {
        return trigamma(phi) - trigamma(phi + count);
    }
    (0..count as u32).map(|k| (phi + f64::from(k)).powi(-2)).sum()
}

/// Of the distance `d` with `ν` degrees of freedom and the scale `s`, in terms of `ν s² + d²`.
fn student_t(d: f64, nu: f64, s: f64) -> Information {
    let (all, square) = (nu * s * s + d * d, s * s);
    let (more, quotient) = (nu + 1.0, square / all);
    let vv = more * (1.0 - 2.0 * d * d / all) / all;
    let v_nu = d / all * (1.0 - more * quotient);
    let v_s = -2.0 * more * nu * s * d / (all * all);
    let trigammas = trigamma(0.5 * nu + 0.5) - trigamma(0.5 * nu);
    let nu_nu = -0.5 / (nu * nu) - 0.25 * trigammas + quotient - 1.0 / nu
        + 0.5 * more * (1.0 / (nu * nu) - quotient * quotient);
    let s_nu = nu * s / all - 1.0 / s + more * s / all * (1.0 - nu * quotient);
    let s_s = nu / square + more * nu / all * (1.0 - 2.0 * nu * quotient);
    [[vv, v_nu, v_s], [v_nu, nu_nu, s_nu], [v_s, s_nu, s_s]]
}

#[cfg(test)]
mod tests {
    use crate::NoiseKind;

    /// Against differences of the first derivatives, of sixth order.
    #[test]
    fn second_derivatives_are_differences_of_the_first() {
        let cases: &[(NoiseKind, f64, f64, &[f64])] = &[
            (NoiseKind::LeastSquares, 1.2, 0.7, &[]),
            (NoiseKind::Normal, 1.2, 0.7, &[0.4]),
            (NoiseKind::LogNormal, 1.2, 0.7, &[0.4]),
            (NoiseKind::Laplace, 1.2, 0.7, &[0.4]),
            (NoiseKind::Laplace, 0.2, 0.7, &[0.4]),
            (NoiseKind::StudentT, 1.2, 0.7, &[3.5, 0.4]),
            (NoiseKind::StudentT, -0.3, 0.7, &[0.8, 1.4]),
            (NoiseKind::Poisson, 0.0, 0.7, &[]),
            (NoiseKind::Poisson, 3.0, 2.2, &[]),
            (NoiseKind::NegativeBinomial, 0.0, 2.2, &[1.3]),
            (NoiseKind::NegativeBinomial, 5.0, 2.2, &[1.3]),
            (NoiseKind::NegativeBinomial, 400.0, 320.0, &[4.3]),
            (NoiseKind::Binomial, 3.0, 0.4, &[7.0]),
            (NoiseKind::Binomial, 7.0, 0.4, &[7.0]),
            (NoiseKind::Bernoulli, 1.0, 0.3, &[]),
            (NoiseKind::Bernoulli, 0.0, 0.3, &[]),
            (NoiseKind::Categorical, 2.0, 0.3, &[]),
        ];
        for (kind, y, value, arguments) in cases {
            let found = kind.curvature(*y, *value, arguments).unwrap();
            let whole = |at: usize| *kind == NoiseKind::Binomial && at == 1;
            for i in (0..=arguments.len()).filter(|i| !whole(*i)) {
                let first = |h: f64| {
                    let mut at = [*value, 0.0, 0.0];
                    at[1..=arguments.len()].copy_from_slice(arguments);
                    at[i] += h;
                    let term = kind.term(*y, at[0], &at[1..=arguments.len()]).unwrap();
                    [term.d_value, term.d_arguments[0], term.d_arguments[1]]
                };
                let h = 1e-3;
                let pairs = [1.0, 2.0, 3.0].map(|j| (first(j * h), first(-j * h)));
                for (j, row) in found.iter().enumerate().take(1 + arguments.len()) {
                    let pair = |k: usize| pairs[k].0[j] - pairs[k].1[j];
                    let difference = (45.0 * pair(0) - 9.0 * pair(1) + pair(2)) / (60.0 * h);
                    let off = (row[i] - difference).abs() / (1.0 + difference.abs());
                    assert!(off < 1e-9, "{kind:?} {y} [{j}][{i}]: {} {difference}", row[i]);
                }
            }
        }
    }
}
