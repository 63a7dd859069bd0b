//! The methods that are offered.

use crate::system::System;
use diffsol::{
    DiffsolError, NalgebraLU, NalgebraMat, NalgebraVec, OdeSolverConfig, OdeSolverMethod,
    OdeSolverProblem, OdeSolverState, OdeSolverStopReason, Tableau,
};
use slopefield_plugin_sdk::prelude::*;

/// A solver of diffsol without its type.
pub trait Stepping {
    fn step(&mut self) -> Result<OdeSolverStopReason<f64>, DiffsolError>;
    fn set_stop_time(&mut self, t: f64) -> Result<(), DiffsolError>;
    /// Below this length a step is given up.
    fn set_shortest(&mut self, h: f64);
    /// Time and length of the next step.
    fn place(&self) -> (f64, f64);
    fn state(&self) -> &NalgebraVec<f64>;
    fn interpolate(&self, t: f64, y: &mut NalgebraVec<f64>) -> Result<(), DiffsolError>;
    /// Attempts that came to nothing.
    fn failures(&self) -> u64;
}

impl<'a, S: OdeSolverMethod<'a, System>> Stepping for S {
    fn step(&mut self) -> Result<OdeSolverStopReason<f64>, DiffsolError> {
        OdeSolverMethod::step(self)
    }
    fn set_stop_time(&mut self, t: f64) -> Result<(), DiffsolError> {
        OdeSolverMethod::set_stop_time(self, t)
    }
    fn set_shortest(&mut self, h: f64) {
        *self.config_mut().as_base_mut().minimum_timestep = h;
    }
    fn place(&self) -> (f64, f64) {
        let state = OdeSolverMethod::state(self);
        (state.t, state.h)
    }
    fn state(&self) -> &NalgebraVec<f64> {
        OdeSolverMethod::state(self).y
    }
    fn interpolate(&self, t: f64, y: &mut NalgebraVec<f64>) -> Result<(), DiffsolError> {
        self.interpolate_inplace(t, y)
    }
    fn failures(&self) -> u64 {
        let s = self.get_statistics();
        (s.number_of_error_test_failures + s.number_of_nonlinear_solver_fails) as u64
    }
}

/// A solver at the start of a problem, whose first step has this length unless it is 0.
pub type Begin =
    for<'a> fn(&'a OdeSolverProblem<System>, f64) -> Result<Box<dyn Stepping + 'a>, DiffsolError>;

/// What differs between the solvers.
pub trait Method: Send + 'static {
    const INFO: SolverInfo;
    type Options: Options;
    /// See [`Begin`].
    fn begin(
        problem: &OdeSolverProblem<System>,
        h: f64,
    ) -> Result<Box<dyn Stepping + '_>, DiffsolError>;
}

type Lu = NalgebraLU<f64>;

const CAPS: Caps = Caps::ADAPTIVE
    .and(Caps::IMPLICIT)
    .and(Caps::BACKWARD)
    .and(Caps::DETERMINISTIC)
    .and(Caps::DENSE_SEGMENT);
const REFERENCE: &str = "10.21105/joss.09384";

/// Backward differentiation formulas.
pub struct Bdf;

impl Method for Bdf {
    const INFO: SolverInfo = SolverInfo::new("bdf", "diffsol, BDF", 4.0)
        .dense_order(3.0)
        .reference(REFERENCE)
        .caps(CAPS);
    type Options = NoOptions;
    fn begin(
        problem: &OdeSolverProblem<System>,
        h: f64,
    ) -> Result<Box<dyn Stepping + '_>, DiffsolError> {
        let mut state = problem.bdf_state::<Lu>()?;
        if h != 0.0 {
            *state.as_mut().h = h;
        }
        let mut solver = problem.bdf_solver::<Lu>(state)?;
        solver.config_mut().maximum_newton_fails = usize::MAX;
        Ok(Box::new(solver))
    }
}

fn sdirk(
    problem: &OdeSolverProblem<System>,
    tableau: Tableau<f64>,
    h: f64,
) -> Result<Box<dyn Stepping + '_>, DiffsolError> {
    let mut state = problem.rk_state_and_consistent::<Lu>(&tableau)?;
    if h != 0.0 {
        *state.as_mut().h = h;
    }
    let mut solver = problem.sdirk_solver::<Lu, NalgebraMat<f64>>(state, tableau)?;
    solver.config_mut().maximum_newton_fails = usize::MAX;
    Ok(Box::new(solver))
}

/// The trapezoidal rule and BDF2 in one step.
pub struct TrBdf2;

impl Method for TrBdf2 {
    const INFO: SolverInfo = SolverInfo::new("tr-bdf2", "diffsol, TR-BDF2", 2.0)
        .dense_order(2.0)
        .reference(REFERENCE)
        .caps(CAPS);
    type Options = NoOptions;
    fn begin(
        problem: &OdeSolverProblem<System>,
        h: f64,
    ) -> Result<Box<dyn Stepping + '_>, DiffsolError> {
        sdirk(problem, Tableau::tr_bdf2(), h)
    }
}

/// A singly diagonally implicit method of order 3 with an explicit first stage.
pub struct Esdirk34;

impl Method for Esdirk34 {
    const INFO: SolverInfo = SolverInfo::new("esdirk34", "diffsol, ESDIRK34", 3.0)
        .dense_order(2.0)
        .reference(REFERENCE)
        .caps(CAPS);
    type Options = NoOptions;
    fn begin(
        problem: &OdeSolverProblem<System>,
        h: f64,
    ) -> Result<Box<dyn Stepping + '_>, DiffsolError> {
        sdirk(problem, Tableau::esdirk34(), h)
    }
}
