//! TR-BDF2: a step of the trapezoidal rule, then one of the second-order backward
//! differentiation formula.
//!
//! Bank, Coughran, Fichtner, Grosse, Rose, Smith, *Transient simulation of silicon devices and
//! circuits*, IEEE Trans. CAD 4 (1985) 436, doi:10.1109/TCAD.1985.1270142; as a Runge–Kutta
//! method, with the error estimate: Hosea, Shampine, *Analysis and implementation of TR-BDF2*,
//! Appl. Numer. Math. 20 (1996) 21, doi:10.1016/0168-9274(95)00115-8.

use super::ImplicitTableau;
use std::f64::consts::FRAC_1_SQRT_2;

const GAMMA: f64 = 1.0 - FRAC_1_SQRT_2;
const W: f64 = 0.5 * FRAC_1_SQRT_2;

/// TR-BDF2, L-stable, with an error estimate of third order and cubic Hermite interpolation.
pub static TRBDF2: ImplicitTableau = ImplicitTableau {
    id: "trbdf2",
    name: "TR-BDF2",
    order: 2,
    error_order: 3,
    dense_order: 2,
    gamma: GAMMA,
    a: &[&[], &[GAMMA], &[W, W]],
    c: &[0.0, 2.0 * GAMMA, 1.0],
    b_error: &[(4.0 * W - 1.0) / 3.0, -1.0 / 3.0, 2.0 * GAMMA / 3.0],
    // The last from the line through the two before.
    predictor: &[&[], &[1.0], &[1.0 - 0.5 / GAMMA, 0.5 / GAMMA]],
    dense: &[
        &[1.0, 3.0 * W - 2.0, 1.0 - 2.0 * W],
        &[0.0, 3.0 * W, -2.0 * W],
        &[0.0, 3.0 * GAMMA - 1.0, 1.0 - 2.0 * GAMMA],
    ],
    explicit: None,
    advice: "For stiff models at low accuracy, when steps are limited by stability or kinks.",
    reference: "10.1016/0168-9274(95)00115-8",
};
