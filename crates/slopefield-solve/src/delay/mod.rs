//! Delay equations by the method of steps, over any one-step method.
//!
//! `u'(t) = f(t, u(t), u(t − τ_1), …, u'(t − τ_2), …)`: within a step that does not look into
//! itself the delayed values are known functions of time, so the equation is an ordinary one. The
//! past is kept as the dense output of the steps taken. Three things are added to that:
//! - *Discontinuities.* Where the history meets the solution some derivative jumps, and delays carry
//!   that on, each time one derivative higher. Steps end on these points as far as the order of the
//!   method notices them.
//! - *Delays shorter than a step.* The step is repeated with its own dense output in place of the
//!   past it lacks, until that changes no more.
//! - *Delays that depend on the solution.* When a delayed time passes a discontinuity within a
//!   step, the instant is located and the step repeated up to it.
//!
//! A. Bellen, M. Zennaro, *Numerical Methods for Delay Differential Equations*, Oxford (2003),
//! doi:10.1093/acprof:oso/9780198506546.001.0001; N. Guglielmi, E. Hairer, *Implementing Radau IIA
//! methods for stiff delay differential equations*, Computing 67 (2001) 1–12,
//! doi:10.1007/s006070170013, and *Computing breaking points in implicit delay differential
//! equations*, Adv. Comput. Math. 29 (2008) 229–247, doi:10.1007/s10444-007-9044-5.

mod breaks;
pub mod continuation;
mod fill;
mod history;
mod kept;
mod lags;
mod methods;
mod passages;
mod read;
mod saved;
mod stepper;
mod steps;

pub use kept::KeptPast;
pub(crate) use methods::one_step;
pub use methods::{delay_method, delay_method_single};
pub use saved::{DelayedRows, drive_with_delayed};
pub use stepper::DelayStepper;
