//! Second derivatives of functions of a model, made when a method first asks for them.

use super::Source;
use slopefield_graph::{HessianInterpreter, ModelFunction, lower_hessian_of};
use slopefield_kernel::{Cotangent, HessianProduct, Point, Shape, Tangent};
use std::sync::{Arc, OnceLock};

/// Products with second derivatives that are compiled at their first use: only derivatives of
/// methods with the Jacobian in their formulas need them.
pub(super) struct LazyHessian {
    source: Arc<Source>,
    function: ModelFunction,
    shape: Shape,
    made: OnceLock<Box<dyn HessianProduct>>,
}

impl LazyHessian {
    /// Of one function, whose sizes are `shape`.
    pub(super) fn new(source: &Arc<Source>, function: ModelFunction, shape: Shape) -> Self {
        LazyHessian { source: Arc::clone(source), function, shape, made: OnceLock::new() }
    }

    fn product(&self) -> &dyn HessianProduct {
        &**self.made.get_or_init(|| {
            let Source { model, lowered } = &*self.source;
            let Ok(plan) = lower_hessian_of(model, lowered, self.function) else {
                return Box::new(Unknown(self.shape));
            };
            match slopefield_cpu::compile_hessian(&plan) {
                Ok(product) => Box::new(product),
                // Some systems forbid memory that is both written and run.
                Err(_) => match HessianInterpreter::new(plan) {
                    Some(product) => Box::new(product),
                    None => Box::new(Unknown(self.shape)),
                },
            }
        })
    }
}

impl HessianProduct for LazyHessian {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn scratch_len(&self) -> usize {
        self.product().scratch_len()
    }

    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        self.product().hvp(at, along, w, grad, scratch);
    }
}

/// Where there is no program for the second derivatives, they are not numbers, which whoever uses
/// them reports. This is not met: a model that has been lowered once can be lowered again, and functions
/// with operators of plugins, which have none, are told apart before.
struct Unknown(Shape);

impl HessianProduct for Unknown {
    fn shape(&self) -> Shape {
        self.0
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn hvp(&self, _: Point<'_>, _: Tangent<'_>, _: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        *grad.t = f64::NAN;
        grad.u.fill(f64::NAN);
        grad.p.fill(f64::NAN);
    }
}
