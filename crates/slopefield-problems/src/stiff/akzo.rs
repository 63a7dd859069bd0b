//! The medical Akzo Nobel problem.

use crate::Problem;
use crate::function::Function;
use crate::number::Number;
use crate::problem::Class;
use crate::system::Equations;
use slopefield_kernel::Shape;

const POINTS: usize = 200;

/// Source of the values computed for this problem.
const RADAU: &str = "SciPy (Radau with the exact Jacobian) at a relative tolerance of 1e-11, independent of this program";

/// Antibody and binding site at each point, by turns: half bandwidth 2.
#[derive(Debug, Clone, Copy)]
struct MedicalAkzoNobel;

impl Function for MedicalAkzoNobel {
    fn shape(&self) -> Shape {
        Shape { states: 2 * POINTS, params: 2, outputs: 2 * POINTS }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let step = 1.0 / POINTS as f64;
        // What is injected at the surface, until t = 5.
        let surface = N::choose(-t + 5.0, N::of(2.0), N::of(0.0));
        for j in 0..POINTS {
            let (antibody, site) = (u(2 * j), u(2 * j + 1));
            let binding = p(0) * antibody * site;
            let mut change = -binding;
            if j + 1 < POINTS {
                // The half line, mapped to the unit interval.
                let from_end = (j + 1) as f64 * step - 1.0;
                let square = from_end * from_end;
                let before = if j == 0 { surface } else { u(2 * j - 2) };
                let after = u(2 * j + 2);
                let curvature =
                    (before - antibody * 2.0 + after) * (square * square / (step * step));
                let slope = (after - before) * (from_end * square / step);
                change = change + curvature / p(1).square() + slope / p(1).square();
            }
            out(2 * j, change);
            out(2 * j + 1, -binding);
        }
    }
}

impl Equations for MedicalAkzoNobel {}

/// Penetration of radio-labelled antibodies into a tissue that a tumour has infected: 400 states
/// in a band, parameters `(k, c) = (100, 4)`, to t = 20 with a jump of the right-hand side at
/// t = 5.
///
/// The values of the test set are those of a solver at a tolerance of 1e-10; the reference here has
/// more digits.
///
/// F. Mazzia, C. Magherini, *Test Set for Initial Value Problem Solvers*, release 2.4, Bari 2008,
/// problem "Medical Akzo Nobel".
pub fn medical_akzo_nobel() -> Problem {
    let u0 = [0.0, 1.0].repeat(POINTS);
    let mut problem = Problem::new(
        ("medical-akzo", "Medical Akzo Nobel"),
        Class::Stiff,
        MedicalAkzoNobel,
        (0.0, 20.0),
        u0,
        vec![100.0, 4.0],
    )
    .with_break(5.0)
    .known_from(20.0, include_str!("../../references/medical_akzo.txt"), 2e-13, RADAU);
    problem.references[0].relative = 1e-10;
    problem
}
