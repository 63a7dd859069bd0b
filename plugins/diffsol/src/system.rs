//! The model of the application as equations of diffsol.

use diffsol::{
    ConstantOp, Matrix, NalgebraContext, NalgebraMat, NalgebraVec, NonLinearOp,
    NonLinearOpJacobian, OdeEquations, OdeEquationsRef, Op, UnitCallable, Vector,
};
use slopefield_plugin_sdk::{Error, Problem};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

type M = NalgebraMat<f64>;
type V = NalgebraVec<f64>;

/// So many evaluations in a row where the model is not defined end a step.
const PATIENCE: u32 = 10_000;

/// The problem of the host while one of its calls runs.
#[derive(Default)]
pub struct Lent {
    problem: Cell<Option<NonNull<Problem<'static>>>>,
    /// Direction of time, 1 or −1, and the time that the model is not to be called past.
    limit: Cell<(f64, f64)>,
    /// Evaluations without a result since the last one with a result.
    undefined: Cell<u32>,
}

/// Ends the loan, also when something panics.
struct End<'a>(&'a Lent);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.problem.set(None);
    }
}

impl Lent {
    /// Runs `body` with the problem on loan. A failure of the model is the failure of the whole, at once:
    /// diffsol cannot be told to stop, so that the way out is to unwind through it, and nothing of it that
    /// `body` owns is used again.
    pub fn during<R>(
        &self,
        problem: &Problem<'_>,
        limit: (f64, f64),
        body: impl FnOnce() -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.problem.set(Some(NonNull::from(problem).cast()));
        self.limit.set(limit);
        self.undefined.set(0);
        let end = End(self);
        let outcome = catch_unwind(AssertUnwindSafe(body));
        drop(end);
        match outcome.map_err(|payload| payload.downcast::<Error>()) {
            Ok(result) => result,
            Err(Ok(failure)) => Err(*failure),
            Err(Err(bug)) => resume_unwind(bug),
        }
    }

    /// Calls the model at `t`, or at the limit where that is past it: diffsol may miss the limit by
    /// rounding, and looks further ahead for the length of the first step. Where the model is not
    /// defined `out` becomes NaN, from which diffsol turns back.
    fn call(
        &self,
        t: f64,
        out: &mut [f64],
        body: impl FnOnce(&Problem<'_>, f64, &mut [f64]) -> Result<(), Error>,
    ) {
        let (direction, limit) = self.limit.get();
        let t = if (t - limit) * direction > 0.0 { limit } else { t };
        let called = match self.problem.get() {
            _ if !t.is_finite() => Err(Error::step_too_small(0.0)),
            // SAFETY: set from a reference that lives until `during` returns, which clears it.
            Some(problem) => body(unsafe { problem.as_ref() }, t, out),
            None => Err(Error::internal("the model was called when it was not on loan")),
        };
        match called {
            Ok(()) => self.undefined.set(0),
            Err(e) if e.is_recoverable() => {
                let count = self.undefined.get() + 1;
                if count > PATIENCE {
                    resume_unwind(Box::new(Error::step_too_small(0.0)));
                }
                self.undefined.set(count);
                out.fill(f64::NAN);
            }
            Err(e) => resume_unwind(Box::new(e)),
        }
    }
}

/// `y' = f(t, y)` from a state.
pub struct System {
    pub lent: Rc<Lent>,
    pub y0: Vec<f64>,
    pub context: NalgebraContext,
}

macro_rules! sizes {
    ($type:ty, |$self:ident| $system:expr) => {
        impl Op for $type {
            type T = f64;
            type V = V;
            type M = M;
            type C = NalgebraContext;
            fn context(&$self) -> &NalgebraContext {
                &$system.context
            }
            fn nstates(&$self) -> usize {
                $system.y0.len()
            }
            fn nout(&$self) -> usize {
                $system.y0.len()
            }
            fn nparams(&$self) -> usize {
                0
            }
        }
    };
}

sizes!(System, |self| self);
sizes!(Rhs<'_>, |self| self.0);
sizes!(Initial<'_>, |self| self.0);

/// The right-hand side.
pub struct Rhs<'a>(&'a System);

impl NonLinearOp for Rhs<'_> {
    fn call_inplace(&self, x: &V, t: f64, y: &mut V) {
        y.for_each_batch_host([x], |y, [x], _| {
            self.0.lent.call(t, y, |problem, t, y| problem.rhs(t, x, y));
        });
    }
}

impl NonLinearOpJacobian for Rhs<'_> {
    fn jac_mul_inplace(&self, x: &V, t: f64, v: &V, y: &mut V) {
        y.for_each_batch_host([x, v], |y, [x, v], _| {
            self.0.lent.call(t, y, |problem, t, y| problem.jvp(t, x, v, y));
        });
    }

    fn jacobian_inplace(&self, x: &V, t: f64, matrix: &mut M) {
        let n = self.nstates();
        let (state, mut values) = (x.clone_as_vec(), vec![0.0; n * n]);
        let mut by_products = false;
        self.0.lent.call(t, &mut values, |problem, t, values| {
            by_products = !problem.has_jacobian();
            if by_products { Ok(()) } else { problem.jacobian(t, &state, values) }
        });
        if by_products {
            return self._default_jacobian_inplace(x, t, matrix);
        }
        for (j, column) in values.chunks_exact(n).enumerate() {
            matrix.set_column(j, &V::from_slice(column, self.0.context));
        }
    }
}

/// The state at the start.
pub struct Initial<'a>(&'a System);

impl ConstantOp for Initial<'_> {
    fn call_inplace(&self, _: f64, y: &mut V) {
        y.for_each_batch_host([], |y, [], _| y.copy_from_slice(&self.0.y0));
    }
}

impl<'a> OdeEquationsRef<'a> for System {
    type Mass = UnitCallable<M>;
    type Rhs = Rhs<'a>;
    type Root = UnitCallable<M>;
    type Init = Initial<'a>;
    type Out = UnitCallable<M>;
    type Reset = UnitCallable<M>;
}

impl OdeEquations for System {
    fn rhs(&self) -> Rhs<'_> {
        Rhs(self)
    }
    fn mass(&self) -> Option<UnitCallable<M>> {
        None
    }
    fn init(&self) -> Initial<'_> {
        Initial(self)
    }
    fn set_params(&mut self, _: &V) {}
    fn get_params(&self, _: &mut V) {}
}
