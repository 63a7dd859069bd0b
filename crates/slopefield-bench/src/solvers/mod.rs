//! Work and precision of the methods: what an error costs, for every built-in method and for other
//! solvers on the same problems, in the same process.
//!
//! A [`Contest`] is a problem with the tolerances to try. Each [`Entrant`] (a method of ours, CVODE
//! or IDA called from C, a method written by hand) solves it at each tolerance; its error at the
//! reference is a property of the run, and only runs that ended are timed. Entrants take turns, so
//! other load meets all alike. Costs are compared at equal error, by interpolation in logarithms
//! between tolerances: the same tolerance means something else to each solver.

mod contest;
mod entrant;
mod goal;
mod others;
mod paths;
mod picture;
mod standard;

pub use contest::{Contest, Curve, Options, Point, Report, choose, contests, measure};
pub use entrant::Counts;
pub use goal::{Goal, Judged, judge, judge_paths};
pub use others::curves_of_others;
pub use paths::{PathsPoint, geometric_brownian_motion};
pub use picture::picture;
