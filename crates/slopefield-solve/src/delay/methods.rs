//! The method of steps over the built-in one-step methods.

use super::DelayStepper;
use crate::radau::Radau;
use crate::rosenbrock::{RODAS4P, RODAS5P, ROSENBROCK23, RosenbrockStages};
use crate::sdirk::{DiagonallyImplicit, KENCARP4, KVAERNO5, TRBDF2};
use crate::{OneStep, PiController, Real, Stages, Stepper, tableau};

/// A stepper for delay equations over the one-step method called `name`; `auto` stands for `tsit5`.
/// None for names that are not known and for methods with a memory of their own.
pub fn delay_method(name: &str) -> Option<Box<dyn Stepper>> {
    stepper(name)
}

/// Like [`delay_method`], in single precision.
pub fn delay_method_single(name: &str) -> Option<Box<dyn Stepper<f32>>> {
    stepper(name)
}

fn stepper<T: Real>(name: &str) -> Option<Box<dyn Stepper<T>>> {
    let (method, controller) = one_step::<T>(name)?;
    Some(Box::new(DelayStepper::with_controller(method, controller)))
}

/// The method with the controller that it has for ordinary equations. Behind a pointer, so that the
/// method of steps is compiled once and not once for each.
pub(crate) fn one_step<T: Real>(name: &str) -> Option<(Box<dyn OneStep<T>>, PiController)> {
    if let Some(table) = tableau(name) {
        let controller = PiController::for_error_order(table.error_order());
        return Some((Box::new(Stages::new(table)), controller));
    }
    if let Some(table) = [&RODAS5P, &RODAS4P, &ROSENBROCK23].into_iter().find(|t| t.id == name) {
        let mut controller = PiController::for_error_order(table.error_order());
        controller.max_factor = 6.0;
        return Some((Box::new(RosenbrockStages::new(table)), controller));
    }
    let method: Box<dyn OneStep<T>> = if name == "radau" {
        Box::new(Radau::new())
    } else {
        let table = [&KENCARP4, &KVAERNO5, &TRBDF2].into_iter().find(|t| t.id == name)?;
        Box::new(DiagonallyImplicit::new(table))
    };
    let controller = PiController::predictive(method.error_order());
    Some((method, controller))
}
