//! The method of steps over the built-in one-step methods.

use super::DelayStepper;
use crate::radau::Radau;
use crate::rosenbrock::RosenbrockStages;
use crate::sdirk::DiagonallyImplicit;
use crate::{Coefficients, OneStep, PiController, Real, Stages, Stepper, coefficients};

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
    let method: Box<dyn OneStep<T>> = match coefficients(name) {
        Some(Coefficients::Explicit(table)) => {
            let controller = PiController::for_error_order(table.error_order());
            return Some((Box::new(Stages::new(table)), controller));
        }
        Some(Coefficients::Rosenbrock(table)) => {
            let mut controller = PiController::for_error_order(table.error_order());
            controller.max_factor = 6.0;
            return Some((Box::new(RosenbrockStages::new(table)), controller));
        }
        Some(Coefficients::Diagonal(table)) => Box::new(DiagonallyImplicit::new(table)),
        None if name == "radau" => Box::new(Radau::new()),
        None => return None,
    };
    let controller = PiController::predictive(method.error_order());
    Some((method, controller))
}
