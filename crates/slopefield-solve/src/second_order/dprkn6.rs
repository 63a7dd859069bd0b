//! The Nyström pair of order 6(4) of Dormand and Prince with its interpolant, of order 6 in positions.
//!
//! J. R. Dormand, P. J. Prince, *Runge–Kutta–Nyström triples*, Computers & Mathematics with
//! Applications 13 (1987) 937–949, doi:10.1016/0898-1221(87)90066-6, the triple RKN6(4)6FD, whose
//! coefficients are in `√8581`.

/// Coefficients of an explicit Nyström pair for `q' = v`, `v' = a(t, q)`. Data only.
///
/// A step from `(t, q, v)` of length `h` has the stages
/// `k_i = a(t + c_i h, q + c_i h v + h² Σ_{j<i} a_ij k_j)` and the results `q + h v + h² Σ b_i k_i`
/// and `v + h Σ b'_i k_i`. The last stage is at the new position: its acceleration is the first of
/// the next step.
#[derive(Debug)]
pub struct NystromTable {
    /// Name in study files.
    pub id: &'static str,
    /// Name shown to users.
    pub name: &'static str,
    /// Order of the result.
    pub order: u32,
    /// Order of the embedded result.
    pub embedded_order: u32,
    /// Order of the interpolant, of positions and velocities.
    pub dense_order: u32,
    /// Stage matrix, strictly lower triangular.
    pub a: &'static [&'static [f64]],
    /// Stage times.
    pub c: &'static [f64],
    /// Weights of the position.
    pub b: &'static [f64],
    /// Weights of the velocity.
    pub b_velocity: &'static [f64],
    /// Weights of the error of the position.
    pub b_error: &'static [f64],
    /// Weights of the error of the velocity.
    pub b_velocity_error: &'static [f64],
    /// Row `i`: coefficients of `1, θ, θ², …` in the weight `r_i(θ)` of
    /// `q(θ) = q + θ h v + θ² h² Σ r_i(θ) k_i`; empty for stages without one.
    pub dense: &'static [&'static [f64]],
    /// Row `i`: the same in `v(θ) = v + θ h Σ r'_i(θ) k_i`.
    pub dense_velocity: &'static [&'static [f64]],
    /// One sentence: when to use the method.
    pub advice: &'static str,
    /// DOI of the paper.
    pub reference: &'static str,
}

/// Dormand–Prince–Nyström 6(4).
pub static DPRKN6: NystromTable = NystromTable {
    id: "dprkn6",
    name: "Dormand–Prince–Nyström 6(4)",
    order: 6,
    embedded_order: 4,
    // Of velocities: at θ < 1 the weights miss the condition Σ b'_i a_ij a_jk c_k = θ⁶/720, so that
    // their error within a step is of size h⁶; that of positions is of size h⁷.
    dense_order: 5,
    a: &[
        &[],
        &[0.008358715283968025],
        &[0.011144953711957367, 0.022289907423914734],
        &[0.1454747428010918, -0.22986064052264749, 0.3090349872029675],
        &[-0.20766826295078997, 0.6863667842925143, -0.19954927787234925, 0.12585075653062489],
        &[0.07811016144349478, 0.0, 0.2882917411897668, 0.12242553717457041, 0.011172560192168035],
    ],
    c: &[0.0, 0.12929590313670442, 0.25859180627340883, 0.67029708261548, 0.9, 1.0],
    b: &[
        0.07811016144349478,
        0.0,
        0.2882917411897668,
        0.12242553717457041,
        0.011172560192168035,
        0.0,
    ],
    b_velocity: &[
        0.07811016144349478,
        0.0,
        0.3888434787059826,
        0.3713207579288423,
        0.11172560192168035,
        0.05,
    ],
    b_error: &[
        -0.9807490989269235,
        2.406751371924452,
        -1.559600370364267,
        0.12242553717457041,
        0.011172560192168035,
        0.0,
    ],
    b_velocity_error: &[
        0.023504273504273504,
        0.0,
        -0.07242330719764424,
        0.17543989844952962,
        -0.2765208647561589,
        0.15,
    ],
    dense: &[
        &[0.5, -1.245014245014245, 1.5161443494776827, -0.9066951566951567, 0.21367521367521367],
        &[],
        &[0.0, 1.9859371988705032, -3.577652872294921, 2.5384011164109506, -0.6583937017967658],
        &[0.0, -1.8559358276926614, 5.547586751052329, -5.164133553908094, 1.5949081677229964],
        &[0.0, 2.178649237472767, -6.926987319144182, 7.273336685101391, -2.513826043237808],
        &[0.0, -1.0636363636363637, 3.440909090909091, -3.7409090909090907, 1.3636363636363635],
    ],
    dense_velocity: &[
        &[1.0, -3.735042735042735, 6.064577397910731, -4.533475783475783, 1.2820512820512822],
        &[],
        &[0.0, 5.95781159661151, -14.310611489179683, 12.692005582054751, -3.950362210780595],
        &[0.0, -5.567807483077984, 22.190347004209315, -25.820667769540467, 9.56944900633798],
        &[0.0, 6.5359477124183005, -27.707949276576727, 36.366683425506956, -15.082956259426847],
        &[0.0, -3.190909090909091, 13.763636363636364, -18.704545454545453, 8.181818181818182],
    ],
    advice: "For second-order equations whose accelerations do not depend on velocities: fewer \
             evaluations than methods for first-order systems.",
    reference: "10.1016/0898-1221(87)90066-6",
};

#[cfg(test)]
mod tests {
    use super::DPRKN6;

    fn moment(weights: &[f64], power: i32) -> f64 {
        weights.iter().zip(DPRKN6.c).map(|(w, c)| w * c.powi(power)).sum()
    }

    #[test]
    fn quadrature_conditions_hold() {
        let table = &DPRKN6;
        for (i, row) in table.a.iter().enumerate() {
            assert_eq!(row.len(), i);
            let c = table.c[i];
            assert!((moment(row, 0) - c * c / 2.0).abs() < 1e-15, "row {i}");
        }
        assert_eq!(table.a[5], &table.b[..5], "the last stage is at the end");
        for k in 0..=5 {
            let (q, v) = (f64::from((k + 1) * (k + 2)), f64::from(k + 1));
            if k < 5 {
                assert!((moment(table.b, k) - 1.0 / q).abs() < 1e-15, "b and c^{k}");
            }
            assert!((moment(table.b_velocity, k) - 1.0 / v).abs() < 1e-15, "b' and c^{k}");
        }
        for k in 0..=3 {
            assert!(k > 2 || moment(table.b_error, k).abs() < 1e-14, "error and c^{k}");
            assert!(moment(table.b_velocity_error, k).abs() < 1e-15, "error of v and c^{k}");
        }
        assert!(moment(table.b_error, 3).abs() > 1e-3);
        assert!(moment(table.b_velocity_error, 4).abs() > 1e-3);
    }

    #[test]
    fn interpolation_ends_at_the_result() {
        for (weights, dense) in
            [(DPRKN6.b, DPRKN6.dense), (DPRKN6.b_velocity, DPRKN6.dense_velocity)]
        {
            for (b, row) in weights.iter().zip(dense) {
                assert!((row.iter().sum::<f64>() - b).abs() < 1e-14, "{b} {row:?}");
            }
        }
    }
}
