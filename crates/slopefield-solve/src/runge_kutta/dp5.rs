//! The pair of order 5(4) of Dormand and Prince, with Shampine's interpolant of order 4.
//!
//! J. R. Dormand, P. J. Prince, *A family of embedded Runge–Kutta formulae*, Journal of
//! Computational and Applied Mathematics 6 (1980) 19–26, doi:10.1016/0771-050X(80)90013-3; the
//! interpolant as in Hairer, Nørsett, Wanner, *Solving ODEs I*, eq. II.6.12.

use super::{ExtraStages, Tableau};

const B: [f64; 7] =
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0, 0.0];

/// Weights of the quartic term θ²(1−θ)² of the interpolant.
const D: [f64; 7] = [
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
];

/// Hermite interpolation of the end values and slopes, plus the quartic term, multiplied out:
/// `(3θ²−2θ³) b_i + [i=1](θ−2θ²+θ³) + [i=7](θ³−θ²) + θ²(1−θ)² d_i`.
const fn dense_row(i: usize) -> [f64; 4] {
    let first = if i == 0 { 1.0 } else { 0.0 };
    let last = if i == 6 { 1.0 } else { 0.0 };
    [first, 3.0 * B[i] - 2.0 * first - last + D[i], -2.0 * B[i] + first + last - 2.0 * D[i], D[i]]
}

/// Dormand–Prince 5(4), the method of many older programs.
pub static DP5: Tableau = Tableau {
    id: "dp5",
    name: "Dormand–Prince 5(4)",
    order: 5,
    embedded_order: 4,
    dense_order: 4,
    fsal: true,
    a: &[
        &[],
        &[1.0 / 5.0],
        &[3.0 / 40.0, 9.0 / 40.0],
        &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
        &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
        &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
        &[B[0], B[1], B[2], B[3], B[4], B[5]],
    ],
    b: &B,
    b_error: &[
        71.0 / 57600.0,
        0.0,
        -71.0 / 16695.0,
        71.0 / 1920.0,
        -17253.0 / 339200.0,
        22.0 / 525.0,
        -1.0 / 40.0,
    ],
    c: &[0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0],
    extra: ExtraStages::NONE,
    dense: &[
        &dense_row(0),
        &dense_row(1),
        &dense_row(2),
        &dense_row(3),
        &dense_row(4),
        &dense_row(5),
        &dense_row(6),
    ],
    advice: "To compare with programs built on dopri5 or ode45; Tsitouras 5(4) is usually a \
             little cheaper.",
    reference: "10.1016/0771-050X(80)90013-3",
};
