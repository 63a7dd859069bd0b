//! The cubic spiral from which neural differential equations are usually taught.

use crate::Problem;
use crate::problem::{COMPUTED, Class, equations, model};

equations! {
    Spiral: 2, 4;
    (_, u, p, out) {
        let (x3, y3) = (u(0) * u(0) * u(0), u(1) * u(1) * u(1));
        out(0, x3 * p(0) + y3 * p(2));
        out(1, x3 * p(1) + y3 * p(3));
    }
}

/// `u' = (u³)ᵀ A` with the entries of `A`, row by row, as parameters.
pub fn spiral() -> Problem {
    Problem::new(
        ("spiral", "Cubic spiral"),
        Class::NonStiff,
        Spiral,
        (0.0, 1.5),
        vec![2.0, 0.0],
        vec![-0.1, 2.0, -2.0, -0.1],
    )
    .known(1.0, &[0.7092617432531031, -1.504108457840384], 1e-15, COMPUTED)
    .known(1.5, &[1.2919915629767864, 0.9725860744345163], 1e-15, COMPUTED)
    .with_text(model!("spiral"))
}
