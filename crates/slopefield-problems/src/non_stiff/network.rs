//! A two-layer network as right-hand side: the neural differential equation of the 2019 paper.

use crate::Problem;
use crate::problem::{COMPUTED, Class};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

const STATES: usize = 2;
const HIDDEN: usize = 50;
/// Where the first bias, the second matrix and the second bias begin in the parameters.
const BIAS_1: usize = HIDDEN * STATES;
const MATRIX_2: usize = BIAS_1 + HIDDEN;
const BIAS_2: usize = MATRIX_2 + STATES * HIDDEN;
const PARAMS: usize = BIAS_2 + STATES;

/// `u' = W₂ tanh(W₁ g(u) + b₁) + b₂` with `g(u) = u³` or `g(u) = u`; 2–50–2, 252 parameters in
/// the order `W₁` (50×2, row by row), `b₁`, `W₂` (2×50, row by row), `b₂`.
struct Network {
    cubed: bool,
}

impl Network {
    fn input(&self, u: &[f64]) -> [f64; STATES] {
        if self.cubed { [u[0] * u[0] * u[0], u[1] * u[1] * u[1]] } else { [u[0], u[1]] }
    }

    fn input_slope(&self, u: &[f64]) -> [f64; STATES] {
        if self.cubed { [3.0 * u[0] * u[0], 3.0 * u[1] * u[1]] } else { [1.0, 1.0] }
    }

    fn hidden(&self, u: &[f64], p: &[f64], hidden: &mut [f64]) {
        let x = self.input(u);
        for (j, z) in hidden[..HIDDEN].iter_mut().enumerate() {
            *z = (p[2 * j] * x[0] + p[2 * j + 1] * x[1] + p[BIAS_1 + j]).tanh();
        }
    }

    fn output(p: &[f64], hidden: &[f64], out: &mut [f64]) {
        for i in 0..STATES {
            let row = &p[MATRIX_2 + i * HIDDEN..MATRIX_2 + (i + 1) * HIDDEN];
            out[i] = p[BIAS_2 + i] + dot(row, &hidden[..HIDDEN]);
        }
    }
}

impl Kernel for Network {
    fn shape(&self) -> Shape {
        Shape { states: STATES, params: PARAMS, outputs: STATES }
    }

    fn scratch_len(&self) -> usize {
        HIDDEN
    }

    fn eval(&self, _: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.hidden(u, p, scratch);
        Self::output(p, scratch, out);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        let (p, dp) = (at.p, along.p);
        self.hidden(at.u, p, scratch);
        Self::output(p, scratch, out);
        let x = self.input(at.u);
        let slope = self.input_slope(at.u);
        let dx = [slope[0] * along.u[0], slope[1] * along.u[1]];
        dout.copy_from_slice(&dp[BIAS_2..]);
        for (j, z) in scratch[..HIDDEN].iter().enumerate() {
            let inner = p[2 * j] * dx[0]
                + p[2 * j + 1] * dx[1]
                + dp[2 * j] * x[0]
                + dp[2 * j + 1] * x[1]
                + dp[BIAS_1 + j];
            let dz = (1.0 - z * z) * inner;
            for (i, value) in dout.iter_mut().enumerate() {
                let weight = MATRIX_2 + i * HIDDEN + j;
                *value += p[weight] * dz + dp[weight] * z;
            }
        }
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let p = at.p;
        self.hidden(at.u, p, scratch);
        let x = self.input(at.u);
        let slope = self.input_slope(at.u);
        let mut grad_x = [0.0; STATES];
        for (j, z) in scratch[..HIDDEN].iter().enumerate() {
            let (first, second) = (MATRIX_2 + j, MATRIX_2 + HIDDEN + j);
            let inner = (1.0 - z * z) * (w[0] * p[first] + w[1] * p[second]);
            grad.p[first] += w[0] * z;
            grad.p[second] += w[1] * z;
            grad.p[2 * j] += inner * x[0];
            grad.p[2 * j + 1] += inner * x[1];
            grad.p[BIAS_1 + j] += inner;
            grad_x[0] += inner * p[2 * j];
            grad_x[1] += inner * p[2 * j + 1];
        }
        for i in 0..STATES {
            grad.p[BIAS_2 + i] += w[i];
            grad.u[i] += slope[i] * grad_x[i];
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Glorot-uniform weights and zero biases for the 2–50–2 network: number `i` of the seed's
/// sequence is the splitmix64 hash of `seed + i`, so any program can make the same weights.
pub fn network_weights(seed: u64) -> Vec<f64> {
    let bound = (6.0 / (STATES + HIDDEN) as f64).sqrt();
    let weight = |i: usize| bound * (2.0 * unit(seed.wrapping_add(i as u64)) - 1.0);
    let mut p: Vec<f64> = (0..PARAMS).map(weight).collect();
    p[BIAS_1..MATRIX_2].fill(0.0);
    p[BIAS_2..].fill(0.0);
    p
}

/// The splitmix64 hash of `x` as a number in [0, 1).
fn unit(x: u64) -> f64 {
    let mut z = x.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

/// Neural differential equation on cubed states, `u' = W₂ tanh(W₁ u³ + b₁) + b₂`, with the
/// weights `network_weights(1)`.
pub fn neural_spiral() -> Problem {
    Problem::of_kernel(
        ("neural-spiral", "Neural differential equation 2–50–2 on cubed states"),
        Class::NonStiff,
        Box::new(Network { cubed: true }),
        (0.0, 1.5),
        vec![2.0, 0.0],
        network_weights(1),
    )
    .known(1.5, &[5.111360374058363, -0.8406172985895558], 1e-15, COMPUTED)
}

/// Neural differential equation `u' = W₂ tanh(W₁ u + b₁) + b₂` with the weights
/// `network_weights(2)`.
pub fn plain_network() -> Problem {
    Problem::of_kernel(
        ("plain-network", "Neural differential equation 2–50–2"),
        Class::NonStiff,
        Box::new(Network { cubed: false }),
        (0.0, 1.5),
        vec![2.0, 0.0],
        network_weights(2),
    )
    .known(1.5, &[2.845013788258299, 1.7882355677081113], 1e-15, COMPUTED)
}
