//! The solution within a step, `u + Σ w_i(θ) X_i`, as each family of methods has it.

use super::equations::Weights;
use slopefield_solve::radau::{collocation_curvatures, collocation_slopes, collocation_weights};
use slopefield_solve::sdirk::ImplicitTableau;
use slopefield_solve::{RosenbrockTable, Tableau};

/// The weights of the unknowns of a step as functions of the place `θ` in it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Interpolant {
    /// Explicit Runge–Kutta methods, whose unknowns are the slopes times the length.
    Explicit(&'static Tableau),
    Rosenbrock(&'static RosenbrockTable),
    Diagonal(&'static ImplicitTableau),
    Radau,
}

impl Interpolant {
    /// The weights, and their derivatives by `θ`.
    pub fn weights(self, theta: f64) -> (Weights, Weights) {
        let [weights, slopes, _] = self.all(theta);
        (weights, slopes)
    }

    /// The weights, and their first and second derivatives by `θ`.
    pub fn all(self, theta: f64) -> [Weights; 3] {
        let mut all = [Weights::default(); 3];
        let [weights, slopes, curvatures] = &mut all;
        match self {
            Interpolant::Explicit(table) => {
                let stages = table.dense_stages();
                for (order, weights) in all.iter_mut().enumerate() {
                    table.dense_derivative_weights(order, theta, &mut weights[..stages]);
                }
            }
            Interpolant::Rosenbrock(table) => {
                let (rest, rest_slope) = (theta * (1.0 - theta), 1.0 - 2.0 * theta);
                for (i, b) in table.b.iter().enumerate() {
                    let rows = table.dense.iter().rev().map(|row| row[i]);
                    let [sum, slope, curvature] = polynomial(rows, theta);
                    weights[i] = theta * b + rest * sum;
                    slopes[i] = b + rest_slope * sum + rest * slope;
                    curvatures[i] = -2.0 * sum + 2.0 * rest_slope * slope + rest * curvature;
                }
            }
            Interpolant::Diagonal(table) => {
                for (i, row) in table.dense.iter().enumerate() {
                    let coefficients = row.iter().rev().chain(&[0.0]).copied();
                    [weights[i], slopes[i], curvatures[i]] = polynomial(coefficients, theta);
                }
            }
            Interpolant::Radau => {
                weights[..3].copy_from_slice(&collocation_weights(theta));
                slopes[..3].copy_from_slice(&collocation_slopes(theta));
                curvatures[..3].copy_from_slice(&collocation_curvatures(theta));
            }
        }
        all
    }
}

/// A polynomial by its coefficients, that of the highest power first, and two derivatives.
fn polynomial(coefficients: impl Iterator<Item = f64>, x: f64) -> [f64; 3] {
    let [mut sum, mut slope, mut curvature] = [0.0; 3];
    for coefficient in coefficients {
        curvature = 2.0 * slope + x * curvature;
        slope = sum + x * slope;
        sum = coefficient + x * sum;
    }
    [sum, slope, curvature]
}

#[cfg(test)]
mod tests {
    use super::Interpolant;
    use slopefield_solve::rosenbrock::RODAS5P;
    use slopefield_solve::runge_kutta::TSIT5;
    use slopefield_solve::{Coefficients, coefficients};

    fn all() -> Vec<Interpolant> {
        let mut all = vec![Interpolant::Radau, Interpolant::Explicit(&TSIT5)];
        all.push(Interpolant::Rosenbrock(&RODAS5P));
        for name in ["rosenbrock23", "rodas4p", "trbdf2", "kencarp4", "kvaerno5"] {
            all.push(match coefficients(name) {
                Some(Coefficients::Rosenbrock(table)) => Interpolant::Rosenbrock(table),
                Some(Coefficients::Diagonal(table)) => Interpolant::Diagonal(table),
                _ => panic!("{name}"),
            });
        }
        all
    }

    #[test]
    fn derivatives_are_those_of_the_weights() {
        // Fourth differences over a small part of a step; polynomials of degree eight at most.
        let h = 1e-3;
        for interpolant in all() {
            for theta in [0.0, 0.3, 0.77, 1.0, 1.4] {
                let at = |k: f64| interpolant.all(theta + k * h);
                let [_, slopes, curvatures] = at(0.0);
                let (far, near) = ([at(-2.0), at(2.0)], [at(-1.0), at(1.0)]);
                for i in 0..slopes.len() {
                    for (order, exact) in [slopes[i], curvatures[i]].into_iter().enumerate() {
                        let near = near[1][order][i] - near[0][order][i];
                        let far = far[1][order][i] - far[0][order][i];
                        let difference = (8.0 * near - far) / (12.0 * h);
                        let off = (difference - exact).abs();
                        assert!(
                            off < 1e-7 * (1.0 + exact.abs()),
                            "{interpolant:?} at {theta}, stage {i}: {exact} {difference}"
                        );
                    }
                }
            }
        }
    }
}
