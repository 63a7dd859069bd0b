//! The van der Pol oscillator in its two scalings.

use crate::Problem;
use crate::problem::{COMPUTED, Class, TEST_SET, TIGHT, equations, model};

equations! {
    Scaled: 2, 1;
    (_, u, p, out) {
        out(0, u(1));
        out(1, ((-u(0).square() + 1.0) * u(1) - u(0)) / p(0));
    }
}

/// `y1' = y2`, `y2' = ((1 − y1²) y2 − y1)/ε` with the parameter ε = 1e-6, as in the test set.
///
/// E. Hairer, G. Wanner, *Solving Ordinary Differential Equations II*, 2nd edition, Springer 1996,
/// section IV.10.
pub fn van_der_pol() -> Problem {
    Problem::new(
        ("vdp", "Van der Pol oscillator, ε = 1e-6 (VDPOL)"),
        Class::Stiff,
        Scaled,
        (0.0, 2.0),
        vec![2.0, 0.0],
        vec![1e-6],
    )
    .known_relative(2.0, &[1.706167732170, -0.892809701025], 1e-12, TEST_SET)
    .with_text(model!("vdp"))
}

equations! {
    Unscaled: 2, 1;
    (_, u, p, out) {
        out(0, u(1));
        out(1, p(0) * ((-u(0).square() + 1.0) * u(1) - u(0)));
    }
}

/// `x' = y`, `y' = μ ((1 − x²) y − x)` with the parameter μ = 1e6, from `(√3, 0)` to t = 1.
pub fn van_der_pol_unscaled() -> Problem {
    Problem::new(
        ("vdp-mu", "Van der Pol oscillator, μ = 1e6"),
        Class::Stiff,
        Unscaled,
        (0.0, 1.0),
        vec![3_f64.sqrt(), 0.0],
        vec![1e6],
    )
    .known_relative(1.0, &[-1.54433853748, 1.11505933422], 1e-11, TIGHT)
    .with_text(model!("vdp_mu"))
}

/// The same with μ = 1, which is not stiff.
pub fn van_der_pol_mild() -> Problem {
    Problem::new(
        ("vdp-mild", "Van der Pol oscillator, μ = 1"),
        Class::NonStiff,
        Unscaled,
        (0.0, 1.0),
        vec![3_f64.sqrt(), 0.0],
        vec![1.0],
    )
    .known(1.0, &[1.2037682426001959, -0.9162500127134904], 1e-15, COMPUTED)
    .with_text(model!("vdp_mild"))
}
