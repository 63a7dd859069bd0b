//! Symplectic compositions: kicks and drifts.

/// A composition of `s` pairs of a kick, `v ← v + b_i h a(t, q)`, and a drift,
/// `q ← q + a_i h v`. Data only. Each kick and each drift keeps the symplectic form exactly, and
/// so does their composition.
#[derive(Debug)]
pub struct Composition {
    /// Name in study files.
    pub id: &'static str,
    /// Name shown to users.
    pub name: &'static str,
    /// Order of convergence.
    pub order: u32,
    /// Order of the solution between steps: of the polynomial from values and derivatives at both
    /// ends, at most the order of the method.
    pub dense_order: u32,
    /// Lengths of the kicks, as fractions of the step.
    pub kicks: &'static [f64],
    /// Lengths of the drifts that follow each of them; a last one of 0 means that the last kick of
    /// a step and the first of the next have the same acceleration.
    pub drifts: &'static [f64],
    /// Whether the order needs a kinetic energy that is quadratic in the velocities.
    pub quadratic: bool,
    /// One sentence: when to use the method.
    pub advice: &'static str,
    /// DOI of the paper.
    pub reference: &'static str,
}

/// Velocity Verlet, or leapfrog: one evaluation per step.
///
/// L. Verlet, *Computer "experiments" on classical fluids*, Physical Review 159 (1967) 98–103,
/// doi:10.1103/PhysRev.159.98.
pub static VELOCITY_VERLET: Composition = Composition {
    id: "velocity-verlet",
    name: "Velocity Verlet",
    order: 2,
    dense_order: 2,
    kicks: &[0.5, 0.5],
    drifts: &[1.0, 0.0],
    quadratic: false,
    advice: "For mechanics over long times where accelerations are dear and two or three digits \
             are enough; takes equal steps of `h_init`.",
    reference: "10.1103/PhysRev.159.98",
};

/// The six-stage method of order 5 with the smallest error of McLachlan and Atela.
///
/// R. I. McLachlan, P. Atela, *The accuracy of symplectic integrators*, Nonlinearity 5 (1992)
/// 541–562, doi:10.1088/0951-7715/5/2/011. For kinetic energies that are quadratic in the
/// velocities, as in `q' = v`.
pub static MCLACHLAN_ATELA_5: Composition = Composition {
    id: "mclachlan-atela5",
    name: "McLachlan–Atela 5",
    order: 5,
    dense_order: 5,
    kicks: &[
        0.11939002928756727,
        0.6989273703824752,
        -0.17131235827160077,
        0.40126950225135344,
        0.010705081848235983,
        -0.058979625498031166,
    ],
    drifts: &[
        0.33983962583911,
        -0.08860133690302732,
        0.5858564768259621,
        -0.6030393565364919,
        0.3235807965546976,
        0.4423637942197495,
    ],
    quadratic: true,
    advice: "The first choice for mechanics over long times, where energy and momenta must not \
             drift; takes equal steps of `h_init`.",
    reference: "10.1088/0951-7715/5/2/011",
};

// The symmetric sequence γ_1 … γ_17 of Kahan and Li; each stage is a step of velocity Verlet of
// length γ_i h, whose adjoining half kicks are one.
const G1: f64 = 0.13020248308889007;
const G2: f64 = 0.5611629817751084;
const G3: f64 = -0.38947496264484727;
const G4: f64 = 0.1588419065551556;
const G5: f64 = -0.39590389413323757;
const G6: f64 = 0.1845396409783157;
const G7: f64 = 0.25837438768632204;
const G8: f64 = 0.2950117236093103;
const G9: f64 = -0.6055085338300346;

/// The 17-stage symmetric composition of order 8 of Kahan and Li.
///
/// W. Kahan, R.-C. Li, *Composition constants for raising the orders of unconventional schemes for
/// ordinary differential equations*, Mathematics of Computation 66 (1997) 1089–1099,
/// doi:10.1090/S0025-5718-97-00873-9.
pub static KAHAN_LI_8: Composition = Composition {
    id: "kahan-li8",
    name: "Kahan–Li 8",
    order: 8,
    dense_order: 5,
    kicks: &[
        0.5 * G1,
        0.5 * (G1 + G2),
        0.5 * (G2 + G3),
        0.5 * (G3 + G4),
        0.5 * (G4 + G5),
        0.5 * (G5 + G6),
        0.5 * (G6 + G7),
        0.5 * (G7 + G8),
        0.5 * (G8 + G9),
        0.5 * (G9 + G8),
        0.5 * (G8 + G7),
        0.5 * (G7 + G6),
        0.5 * (G6 + G5),
        0.5 * (G5 + G4),
        0.5 * (G4 + G3),
        0.5 * (G3 + G2),
        0.5 * (G2 + G1),
        0.5 * G1,
    ],
    drifts: &[G1, G2, G3, G4, G5, G6, G7, G8, G9, G8, G7, G6, G5, G4, G3, G2, G1, 0.0],
    quadratic: false,
    advice: "For mechanics over very long times at many digits; takes equal steps of `h_init`, and \
             its solution between steps has order 5.",
    reference: "10.1090/S0025-5718-97-00873-9",
};

#[cfg(test)]
mod tests {
    use super::{Composition, KAHAN_LI_8, MCLACHLAN_ATELA_5, VELOCITY_VERLET};

    #[test]
    fn kicks_and_drifts_fill_the_step() {
        for Composition { id, kicks, drifts, .. } in
            [&VELOCITY_VERLET, &MCLACHLAN_ATELA_5, &KAHAN_LI_8]
        {
            assert_eq!(kicks.len(), drifts.len(), "{id}");
            let (k, d): (f64, f64) = (kicks.iter().sum(), drifts.iter().sum());
            assert!((k - 1.0).abs() < 1e-15 && (d - 1.0).abs() < 1e-15, "{id}: {k} {d}");
        }
    }

    #[test]
    fn symmetric_sequences_read_the_same_backward() {
        for Composition { id, kicks, drifts, .. } in [&VELOCITY_VERLET, &KAHAN_LI_8] {
            assert!(kicks.iter().eq(kicks.iter().rev()), "{id}");
            let drifts = &drifts[..drifts.len() - 1];
            assert!(drifts.iter().eq(drifts.iter().rev()), "{id}");
        }
    }
}
