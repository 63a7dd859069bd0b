//! The Radau IIA method of order 5, the reference for stiff systems at tight tolerances.
//!
//! The algorithm of RADAU5: Hairer, Wanner, *Solving ODEs II*, section IV.8, and *Stiff
//! differential equations solved by Radau methods*, J. Comput. Appl. Math. 111 (1999) 93,
//! doi:10.1016/S0377-0427(99)00134-X.

mod coefficients;
mod dense;
mod one_step;
mod stage_matrix;
mod stages;

pub use coefficients::{
    ALPHA, BETA, C, GAMMA, T, T_INVERSE, collocation_curvatures, collocation_slopes,
    collocation_weights, inverse_stage_matrix,
};
pub use stage_matrix::StageMatrix;
pub use stages::Radau;

use crate::{Adaptive, MethodClass, MethodInfo, PiController, Real, Stepper};

/// The Radau method.
pub(crate) static METHODS: [MethodInfo; 1] = [MethodInfo {
    id: "radau",
    name: "Radau IIA 5",
    class: MethodClass::Stiff,
    order: 5,
    dense_order: 3,
    advice: "For stiff models and those with algebraic equations, at high accuracy.",
    reference: "10.1016/S0377-0427(99)00134-X",
    build: || Box::new(stepper::<f64>()),
    single: || Box::new(stepper::<f32>()),
}];

fn stepper<T: Real>() -> impl Stepper<T> + use<T> {
    Adaptive::with(Radau::new(), PiController::predictive(stages::ERROR_ORDER))
}
