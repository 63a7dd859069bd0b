//! A nonlinear chain of reactions.

use crate::Problem;
use crate::problem::{COMPUTED, Class, equations, model};

equations! {
    Chain: 3, 0;
    (_, u, _, out) {
        out(0, -u(0));
        out(1, u(0) - u(1).square());
        out(2, u(1).square());
    }
}

/// `y1' = −y1`, `y2' = y1 − y2²`, `y3' = y2²`, problem B1 of the test set DETEST, to t = 20.
///
/// T. E. Hull, W. H. Enright, B. M. Fellen, A. E. Sedgwick, *Comparing numerical methods for
/// ordinary differential equations*, SIAM J. Numer. Anal. 9 (1972) 603, doi:10.1137/0709052.
pub fn nonlinear_chemistry() -> Problem {
    Problem::new(
        ("nonlinear-chemistry", "Nonlinear chain of reactions"),
        Class::NonStiff,
        Chain,
        (0.0, 20.0),
        vec![1.0, 0.0, 0.0],
        Vec::new(),
    )
    .known_relative(
        20.0,
        &[2.061153622438558e-09, 0.05257228022048512, 0.9474277177183612],
        1e-15,
        COMPUTED,
    )
    .with_text(model!("nonlinear_chemistry"))
}
