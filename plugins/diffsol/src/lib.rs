//! Plugin `org.slopefield.diffsol`: the implicit methods of the library `diffsol` as a second opinion
//! on stiff problems.
//!
//! M. Robinson et al., *diffsol: Rust crate for solving differential equations*, Journal of Open Source
//! Software 11 (2026) 9384, doi:10.21105/joss.09384.

mod method;
mod run;
mod segment;
mod system;

use method::{Bdf, Esdirk34, Method, TrBdf2};
use run::Course;
use segment::{DEGREE, Samples};
use slopefield_plugin_sdk::prelude::*;
use std::marker::PhantomData;

export_plugin! {
    id: "org.slopefield.diffsol",
    solvers: [Diffsol<Bdf>, Diffsol<TrBdf2>, Diffsol<Esdirk34>],
    networks: [],
}

/// An instance for a fixed number of states.
struct Diffsol<M> {
    course: Course,
    /// The last step.
    samples: Samples,
    t: f64,
    y: Vec<f64>,
    method: PhantomData<M>,
}

impl<M: Method> Solver for Diffsol<M> {
    const INFO: SolverInfo = M::INFO;
    type Options = M::Options;

    fn create(problem: &Problem<'_>, config: &Config<'_, M::Options>) -> Result<Self, Error> {
        if problem.is_empty() {
            return Err(Error::unsupported("there are no states to solve for"));
        }
        if !problem.has_jacobian() && !problem.has_jvp() {
            return Err(Error::unsupported("this method needs the Jacobian of the model"));
        }
        Ok(Diffsol {
            course: Course::new(problem.len(), config, M::begin),
            samples: Samples::new(problem.len()),
            t: 0.0,
            y: vec![0.0; problem.len()],
            method: PhantomData,
        })
    }

    fn start(&mut self, p: &Problem<'_>, t0: f64, _: f64, y0: &[f64]) -> Result<(), Error> {
        // The direction is that of the first limit.
        self.restart(p, t0, y0)
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        let taken = self.course.step(problem, self.t, &self.y, t_limit)?;
        // From here on nothing can fail.
        self.samples.begin(self.t, taken.t, &self.y, &taken.y);
        self.course.sample(&mut self.samples);
        self.y.copy_from_slice(&taken.y);
        let t_prev = std::mem::replace(&mut self.t, taken.t);
        Ok(Step {
            t_prev,
            t: taken.t,
            h_next: taken.h_next,
            // diffsol keeps its estimate to itself; of an accepted step it is at most this.
            error_norm: 1.0,
            rejected: taken.rejected,
        })
    }

    fn state(&self) -> &[f64] {
        &self.y
    }

    fn segment_degree(&self) -> usize {
        DEGREE
    }

    fn segment(&self, out: &mut Segment<'_>) -> Result<(), Error> {
        self.samples.write(out);
        Ok(())
    }

    fn restart(&mut self, _: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.t = t;
        self.y.copy_from_slice(y);
        self.course.begin(t, y);
        Ok(())
    }
}
