//! Stability of implicit methods, from the stability function
//! `R(z) = 1 + z bᵀ (I − zB)⁻¹ 1`, where `B` is the stage matrix, `α + γ` for Rosenbrock methods
//! (Hairer, Wanner, *Solving ODEs II*, sections IV.3 and IV.7).

use serde::Deserialize;

/// What a file may claim. It is checked only then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Stability {
    /// Nothing grows that decays: `|R| ≤ 1` on the left half-plane.
    #[serde(rename = "A-stable")]
    A,
    /// And what decays without limit is gone after a step: `R(∞) = 0`.
    #[serde(rename = "L-stable")]
    L,
}

/// Rounding allowed in `R`.
const SLACK: f64 = 1e-6;

/// Whether the method with the lower triangular `stages` and weights `b` is as stable as it claims,
/// and whether infinitely stiff parts at least do not grow, which every method has to satisfy.
///
/// `R` has its poles at `1/γ > 0`, so that its largest size on the left half-plane is found on the
/// imaginary axis, by the maximum principle.
pub fn check(stages: &[Vec<f64>], b: &[f64], claim: Option<Stability>) -> Result<(), String> {
    let far = size(stages, b, (-1e9, 0.0));
    if far.is_nan() || far > 1.0 + SLACK {
        return Err(format!(
            "its stability function is {far:.3} at infinity: stiff parts would grow with every step"
        ));
    }
    if claim == Some(Stability::L) && far > SLACK {
        return Err(format!(
            "its stability function is {far:.3e} at infinity, so it is not L-stable"
        ));
    }
    if claim.is_some() {
        for k in 0..=POINTS {
            let y = 10.0_f64.powf(-2.0 + 6.0 * f64::from(k) / f64::from(POINTS));
            let size = size(stages, b, (0.0, y));
            if size.is_nan() || size > 1.0 + SLACK {
                return Err(format!(
                    "its stability function has the size {size:.6} at {y:.3}i, so it is not A-stable"
                ));
            }
        }
    }
    Ok(())
}

/// Points of the imaginary axis, from 0.01 to 10 000, evenly in the logarithm.
const POINTS: u32 = 2000;

/// `|R(z)|`, stage by stage: `k_i (1 − z B_ii) = z (1 + Σ_{j<i} B_ij k_j)`.
fn size(stages: &[Vec<f64>], b: &[f64], z: (f64, f64)) -> f64 {
    let mut slopes: Vec<(f64, f64)> = Vec::with_capacity(b.len());
    for (i, row) in stages.iter().enumerate() {
        let known = plus_one(row, &slopes);
        let diagonal = row.get(i).copied().unwrap_or(0.0);
        let over = (z.0 * known.0 - z.1 * known.1, z.0 * known.1 + z.1 * known.0);
        let under = (1.0 - diagonal * z.0, -diagonal * z.1);
        let norm = under.0 * under.0 + under.1 * under.1;
        slopes.push((
            (over.0 * under.0 + over.1 * under.1) / norm,
            (over.1 * under.0 - over.0 * under.1) / norm,
        ));
    }
    let end = plus_one(b, &slopes);
    end.0.hypot(end.1)
}

/// `1 + Σ weights_j slopes_j`.
fn plus_one(weights: &[f64], slopes: &[(f64, f64)]) -> (f64, f64) {
    let terms = weights.iter().zip(slopes);
    terms.fold((1.0, 0.0), |sum, (w, k)| (sum.0 + w * k.0, sum.1 + w * k.1))
}

#[cfg(test)]
mod tests {
    use super::{Stability, check};

    #[test]
    fn textbook_methods_are_as_stable_as_they_should_be() {
        let euler = (vec![vec![1.0]], vec![1.0]);
        let midpoint = (vec![vec![0.5]], vec![1.0]);
        // Crouzeix, two stages of order 3: A-stable with R(∞) = 1 − √3.
        let g = 0.5 + 3.0_f64.sqrt() / 6.0;
        let crouzeix = (vec![vec![g], vec![1.0 - 2.0 * g, g]], vec![0.5, 0.5]);
        for (stages, b) in [&euler, &midpoint, &crouzeix] {
            assert_eq!(check(stages, b, Some(Stability::A)), Ok(()));
        }
        assert_eq!(check(&euler.0, &euler.1, Some(Stability::L)), Ok(()));
        let message = check(&crouzeix.0, &crouzeix.1, Some(Stability::L)).unwrap_err();
        assert!(message.contains("7.321e-1 at infinity"), "{message}");
        // The θ-method with 0.4 grows at infinity, by 0.6/0.4.
        let message = check(&[vec![], vec![0.6, 0.4]], &[0.6, 0.4], None).unwrap_err();
        assert!(message.contains("is 1.500 at infinity"), "{message}");
        // The form of Crouzeix with a smaller diagonal: R(∞) = 1 − (5 − 10)/2.
        let g = 0.2;
        let narrow = (vec![vec![g], vec![1.0 - 2.0 * g, g]], vec![0.5, 0.5]);
        let far = check(&narrow.0, &narrow.1, Some(Stability::A)).unwrap_err();
        assert!(far.contains("is 3.500 at infinity"), "{far}");
    }
}
