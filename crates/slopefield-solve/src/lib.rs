//! Integrators on one loop.
//!
//! One loop ([`drive`]) owns time, save points, budgets and cancellation; a [`Stepper`] advances
//! one accepted step at a time. Built-in methods and plugin solvers are both steppers. A
//! Runge–Kutta method is a coefficient table ([`Tableau`]) read by one shared stepper
//! ([`ExplicitRungeKutta`]); the step controller ([`PiController`]) and the error norm
//! ([`ErrorNorm`]) are separate values.
//!
//! *Invariant:* sees only kernels and buffers; the accepted step allocates nothing.
//!
//! ```
//! use slopefield_solve::{Ivp, Settings, drive, method};
//!
//! let problem = slopefield_problems::lotka_volterra();
//! let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 10.0, u0: &problem.u0, p: &problem.p };
//! let mut tsit5 = method("tsit5").expect("built in");
//! let mut states = vec![0.0; 3 * 2];
//! let saves = [0.0, 5.0, 10.0];
//! drive(&mut *tsit5, &ivp, &Settings::default(), &saves, &mut states, None)?;
//! # Ok::<(), slopefield_solve::SolveError>(())
//! ```

pub mod adams;
mod adaptive;
mod barycentric;
pub mod bdf;
mod breaks;
mod consistent;
mod controller;
mod delay;
mod drive;
mod error;
mod events;
pub mod exponential;
mod frozen;
mod hermite;
mod implicit;
mod initial;
mod ivp;
mod leap;
mod limits;
mod methods;
mod multistep;
mod norm;
mod one_step;
pub mod radau;
mod registered;
pub mod rosenbrock;
mod rows;
pub mod runge_kutta;
pub mod sdirk;
pub mod second_order;
pub mod stabilised;
mod steady;
pub mod step_rules;
mod step_vjp;
mod stepper;
pub mod switching;
mod unsupported;

pub use adams::Adams;
pub use adaptive::Adaptive;
pub use bdf::Bdf;
pub use consistent::{Consistency, ConsistentSums};
pub use controller::PiController;
pub use delay::{
    DelayStepper, DelayedRows, KeptPast, continuation, delay_method, delay_method_single,
    drive_with_delayed,
};
pub use drive::{Outcome, StepObserver, drive, drive_to_stop};
pub use error::SolveError;
pub use events::{Happening, Stop};
pub use frozen::{FrozenSteps, StepGuesses, StepTimes};
pub use ivp::{Ivp, Settings, Stats};
pub use methods::{
    MethodClass, MethodInfo, coefficients, method, method_info, methods, one_step, tableau,
};
pub use norm::ErrorNorm;
pub use one_step::{Attempt, Failure, OneStep, StepUnknowns};
pub use registered::{Coefficients, Table, register};
pub use rosenbrock::{Rosenbrock, RosenbrockTable};
pub use runge_kutta::{ExplicitRungeKutta, Stages, Tableau, copy_few};
pub use slopefield_linear::Real;
pub use steady::{SteadyState, steady_state};
pub use step_vjp::{StepVjp, TakenStep};
pub use stepper::{Step, Stepper};
pub use switching::{SwitchReport, Switching};
