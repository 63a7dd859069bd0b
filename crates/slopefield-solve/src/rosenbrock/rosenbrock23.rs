//! Rosenbrock23.

use super::RosenbrockTable;

/// Rosenbrock23, 3 stages, order 2 with an error estimate of order 3, L-stable.
///
/// Shampine, Reichelt, *The MATLAB ODE suite*, SIAM J. Sci. Comput. 18 (1997) 1,
/// doi:10.1137/S1064827594276424, section 3 (`ode23s`), with `d = 1/(2+√2)`, `e₃₂ = 6+√2`, written
/// as a table: `γ₂₁ = −d`, `γ₃₁ = (e₃₂−2) d`, `γ₃₂ = −e₃₂ d`, `α₂₁ = 1/2`, `α₃₂ = 1`. The
/// interpolant is theirs, of order 2.
pub static ROSENBROCK23: RosenbrockTable = RosenbrockTable {
    id: "rosenbrock23",
    name: "Rosenbrock 2(3) (Shampine, Reichelt)",
    order: 2,
    embedded_order: 2,
    dense_order: 2,
    gamma: D,
    a: &[&[], &[0.5 / D], &[1.0 / D, 1.0 / D]],
    c: &[&[], &[-1.0 / D], &[-2.0 / D, -(6.0 + SQRT_2) / D]],
    b: &[1.0 / D, 1.0 / D, 0.0],
    error: &[ERROR_1, 3.080880229039762, ERROR_1],
    alpha: &[0.0, 0.5, 1.0],
    gamma_sum: &[D, 0.0, -D],
    dense: &[&[0.0, -1.0 / (D * (1.0 - 2.0 * D)), 0.0]],
    chained: usize::MAX,
    advice: "For stiff equations at tolerances above 1e-3, and for events and other rough spots; \
             takes algebraic equations.",
    reference: "10.1137/S1064827594276424",
};

const SQRT_2: f64 = std::f64::consts::SQRT_2;
const D: f64 = 1.0 / (2.0 + SQRT_2);
const ERROR_1: f64 = 1.0 / (6.0 * D);
