//! The pair of order 3(2) of Bogacki and Shampine, with cubic Hermite interpolation.
//!
//! P. Bogacki, L. F. Shampine, *A 3(2) pair of Runge–Kutta formulas*, Applied Mathematics Letters
//! 2 (1989) 321–325, doi:10.1016/0893-9659(89)90079-7.

use super::{ExtraStages, Tableau};

/// Bogacki–Shampine 3(2): cheap steps for loose tolerances.
pub static BS3: Tableau = Tableau {
    id: "bs3",
    name: "Bogacki–Shampine 3(2)",
    order: 3,
    embedded_order: 2,
    dense_order: 3,
    fsal: true,
    a: &[&[], &[0.5], &[0.0, 0.75], &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0]],
    b: &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0, 0.0],
    b_error: &[-5.0 / 72.0, 1.0 / 12.0, 1.0 / 9.0, -1.0 / 8.0],
    c: &[0.0, 0.5, 0.75, 1.0],
    extra: ExtraStages::NONE,
    // Hermite: (3θ²−2θ³) b_i, plus θ−2θ²+θ³ for the first slope and θ³−θ² for the last.
    dense: &[
        &[1.0, 3.0 * (2.0 / 9.0) - 2.0, 1.0 - 2.0 * (2.0 / 9.0)],
        &[0.0, 1.0, -2.0 / 3.0],
        &[0.0, 4.0 / 3.0, -8.0 / 9.0],
        &[0.0, -1.0, 1.0],
    ],
    advice: "Cheap steps for loose tolerances (1e-2 to 1e-3) and right-hand sides that are not \
             smooth.",
    reference: "10.1016/0893-9659(89)90079-7",
};
