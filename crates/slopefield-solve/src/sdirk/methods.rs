//! The diagonally implicit Runge–Kutta methods as built-in methods.

use super::{DiagonallyImplicit, ImplicitTableau, KENCARP4, KENCARP4_IMEX, KVAERNO5, TRBDF2};
use crate::{Adaptive, MethodClass, MethodInfo, PiController, Real, Stepper};

macro_rules! method {
    ($table:ident, $class:ident) => {
        MethodInfo {
            id: $table.id,
            name: $table.name,
            class: MethodClass::$class,
            order: $table.order,
            dense_order: $table.dense_order,
            advice: $table.advice,
            reference: $table.reference,
            build: || Box::new(stepper::<f64>(&$table)),
            single: || Box::new(stepper::<f32>(&$table)),
        }
    };
}

/// The diagonally implicit Runge–Kutta methods.
pub(crate) static METHODS: [MethodInfo; 4] = [
    method!(KENCARP4, Stiff),
    method!(KVAERNO5, Stiff),
    method!(TRBDF2, Stiff),
    method!(KENCARP4_IMEX, Split),
];

/// The method of `tableau` with the predictive controller.
pub(crate) fn stepper<T: Real>(tableau: &'static ImplicitTableau) -> impl Stepper<T> + use<T> {
    let controller = PiController::predictive(tableau.error_order);
    Adaptive::with(DiagonallyImplicit::new(tableau), controller)
}
