//! Coefficients of the three-stage Radau IIA method, and of the transformation that decouples its
//! stages.
//!
//! The inverse of the stage matrix has one real eigenvalue `γ` and a complex pair `α ± iβ`; with
//! `T⁻¹ A⁻¹ T = [γ, 0, 0; 0, α, −β; 0, β, α]` the Newton equations of the transformed stages
//! `W = T⁻¹ Z` fall into a real and a complex system (Hairer, Wanner, *Solving ODEs II*, section
//! IV.8, eqs. 8.7 to 8.9). The numbers are checked in the tests against the stage matrix.

/// √6.
const S6: f64 = 2.449_489_742_783_178;
/// 3^(1/3).
const CUBE_ROOT_3: f64 = 1.442_249_570_307_408_3;
/// 9^(1/3).
const CUBE_ROOT_9: f64 = 2.080_083_823_051_904;
/// √3.
const S3: f64 = 1.732_050_807_568_877_2;

/// Stage times.
pub const C: [f64; 3] = [(4.0 - S6) / 10.0, (4.0 + S6) / 10.0, 1.0];

/// `γ`.
pub const GAMMA: f64 = 3.0 - CUBE_ROOT_3 + CUBE_ROOT_9;
/// `α`.
pub const ALPHA: f64 = 3.0 + 0.5 * (CUBE_ROOT_3 - CUBE_ROOT_9);
/// `β`.
pub const BETA: f64 = 0.5 * S3 * (CUBE_ROOT_3 + CUBE_ROOT_9);

/// `T`.
pub const T: [[f64; 3]; 3] = [
    [0.091_232_394_870_892_94, -0.141_255_295_020_954_2, -0.030_029_194_105_147_424],
    [0.241_717_932_707_107, 0.204_129_352_293_799_94, 0.382_942_112_757_261_9],
    [0.966_048_182_615_093, 1.0, 0.0],
];

/// `T⁻¹`.
pub const T_INVERSE: [[f64; 3]; 3] = [
    [4.325_579_890_063_155, 0.339_199_251_815_809_84, 0.541_770_539_935_874_9],
    [-4.178_718_591_551_904, -0.327_682_820_761_062_4, 0.476_623_554_500_550_44],
    [-0.502_872_634_945_786_9, 2.571_926_949_855_605, -0.596_039_204_828_224_9],
];

/// Weights of the stage increments in the error estimate, times `γ`'s reciprocal: the embedded
/// method of order 3 with the additional explicit stage of weight `1/γ` at the beginning.
pub(super) const ERROR: [f64; 3] = [-(13.0 + 7.0 * S6) / 3.0, (-13.0 + 7.0 * S6) / 3.0, -1.0 / 3.0];

/// Weights of the stage increments in the collocation polynomial at `θ`, in units of the step:
/// those of Lagrange interpolation with a zero at the beginning.
pub fn collocation_weights(theta: f64) -> [f64; 3] {
    let weight = |i: usize, j: usize, k: usize| {
        theta * (theta - C[j]) * (theta - C[k]) / (C[i] * (C[i] - C[j]) * (C[i] - C[k]))
    };
    [weight(0, 1, 2), weight(1, 0, 2), weight(2, 0, 1)]
}

/// Their derivatives by `θ`.
pub fn collocation_slopes(theta: f64) -> [f64; 3] {
    let slope = |i: usize, j: usize, k: usize| {
        let (a, b) = (theta - C[j], theta - C[k]);
        (a * b + theta * (a + b)) / (C[i] * (C[i] - C[j]) * (C[i] - C[k]))
    };
    [slope(0, 1, 2), slope(1, 0, 2), slope(2, 0, 1)]
}

/// Their second derivatives.
pub fn collocation_curvatures(theta: f64) -> [f64; 3] {
    let curvature = |i: usize, j: usize, k: usize| {
        2.0 * (3.0 * theta - C[j] - C[k]) / (C[i] * (C[i] - C[j]) * (C[i] - C[k]))
    };
    [curvature(0, 1, 2), curvature(1, 0, 2), curvature(2, 0, 1)]
}

/// The inverse of the stage matrix: the slopes of the collocation polynomial at the stage times.
pub fn inverse_stage_matrix() -> [[f64; 3]; 3] {
    C.map(collocation_slopes)
}

#[cfg(test)]
mod tests {
    use super::{
        ALPHA, BETA, C, ERROR, GAMMA, S6, T, T_INVERSE, collocation_slopes, collocation_weights,
        inverse_stage_matrix,
    };

    type Matrix = [[f64; 3]; 3];

    /// The stage matrix.
    const A: Matrix = [
        [(88.0 - 7.0 * S6) / 360.0, (296.0 - 169.0 * S6) / 1800.0, (-2.0 + 3.0 * S6) / 225.0],
        [(296.0 + 169.0 * S6) / 1800.0, (88.0 + 7.0 * S6) / 360.0, (-2.0 - 3.0 * S6) / 225.0],
        [(16.0 - S6) / 36.0, (16.0 + S6) / 36.0, 1.0 / 9.0],
    ];

    fn product(a: &Matrix, b: &Matrix) -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
    }

    fn assert_close(a: &Matrix, b: &Matrix) {
        for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
            assert!((a - b).abs() < 2e-14, "{a} {b}");
        }
    }

    #[test]
    fn the_stage_matrix_satisfies_the_order_conditions_of_order_five() {
        // Order 2s − 1 = 5 by B(5) and C(3).
        for k in 1..=5 {
            let sum: f64 = (0..3).map(|i| A[2][i] * C[i].powi(k - 1)).sum();
            assert!((sum - 1.0 / f64::from(k)).abs() < 1e-15, "B({k})");
        }
        for k in 1..=3 {
            for i in 0..3 {
                let sum: f64 = (0..3).map(|j| A[i][j] * C[j].powi(k - 1)).sum();
                assert!((sum - C[i].powi(k) / f64::from(k)).abs() < 1e-15, "C({k})");
            }
        }
    }

    #[test]
    fn the_transformation_decouples_the_stages() {
        let identity = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert_close(&product(&T, &T_INVERSE), &identity);
        let blocks = [[GAMMA, 0.0, 0.0], [0.0, ALPHA, -BETA], [0.0, BETA, ALPHA]];
        // A T blocks = T, which needs no inverse of A.
        assert_close(&product(&product(&A, &T), &blocks), &T);
    }

    #[test]
    fn slopes_of_the_collocation_polynomial_invert_the_stage_matrix() {
        let identity = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert_close(&product(&A, &inverse_stage_matrix()), &identity);
        let (theta, h) = (0.37, 1e-5);
        let (above, below) = (collocation_weights(theta + h), collocation_weights(theta - h));
        for (i, slope) in collocation_slopes(theta).into_iter().enumerate() {
            assert!((slope - (above[i] - below[i]) / (2.0 * h)).abs() < 1e-8);
        }
    }

    #[test]
    fn the_embedded_method_has_order_three() {
        // It adds γ₀ = 1/γ of the slope at the beginning; ERROR/γ are weights of increments, so
        // Aᵀ ERROR/γ are those of slopes: differences of order conditions vanish up to order 3.
        let slopes: Vec<f64> =
            (0..3).map(|j| (0..3).map(|i| ERROR[i] * A[i][j]).sum::<f64>() / GAMMA).collect();
        assert!((slopes.iter().sum::<f64>() + 1.0 / GAMMA).abs() < 1e-14);
        for k in 1..=2 {
            let sum: f64 = (0..3).map(|j| slopes[j] * C[j].powi(k)).sum();
            assert!(sum.abs() < 1e-14, "{sum}");
        }
        let fourth: f64 = (0..3).map(|j| slopes[j] * C[j].powi(3)).sum();
        assert!(fourth.abs() > 1e-3);
    }

    #[test]
    fn the_collocation_polynomial_passes_through_the_stages() {
        for (i, c) in C.into_iter().enumerate() {
            let weights = collocation_weights(c);
            for (j, weight) in weights.iter().enumerate() {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((weight - expected).abs() < 1e-14);
            }
        }
        assert_eq!(collocation_weights(0.0), [0.0; 3]);
        // Cubics without constant are reproduced.
        let theta: f64 = 1.7;
        for power in 1..=3 {
            let weights = collocation_weights(theta);
            let sum: f64 = (0..3).map(|i| weights[i] * C[i].powi(power)).sum();
            assert!((sum - theta.powi(power)).abs() < 1e-13);
        }
    }
}
