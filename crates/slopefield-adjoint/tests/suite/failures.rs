//! A solve that does not come to its end never gives a gradient, and so never looks like a fit.
use crate::common;

use common::dual::System;
use slopefield_adjoint::{METHODS, Through};
use slopefield_kernel::Kernel;
use slopefield_solve::{Ivp, Settings, method};

/// `u' = p u²` from 1 ends in infinity at `t` = 1/p. The loss would call whatever it is given a
/// perfect fit.
#[test]
fn every_method_through_every_solver_reports_a_solution_that_ends() {
    let system = System::new(1, 1, |_, u, p, out| out[0] = p[0] * u[0] * u[0]);
    let ivp = Ivp { rhs: &system, t0: 0.0, t1: 2.0, u0: &[1.0], p: &[1.0] };
    let settings = Settings { max_steps: 20_000, ..Settings::with_tolerances(1e-4, 1e-6) };
    let mut tried = Vec::new();
    for solver in ["tsit5", "vern7", "kencarp4", "trbdf2", "radau", "bdf", "auto-switch"] {
        let stepper = || method(solver).ok_or_else(|| solver.to_owned());
        let structure = system.structure();
        for info in METHODS {
            let through =
                Through { solver, structure: &structure, stepper: &stepper, memory: 1 << 20 };
            let Ok(mut gradient) = (info.make)(&through) else { continue };
            let mut loss = |_: &[f64], _: &mut [f64]| 0.0;
            let (by_u0, by_p) = (&mut [0.0], &mut [0.0]);
            let found = gradient.evaluate(&ivp, &settings, &[0.5, 1.5], &mut loss, by_u0, by_p);
            assert!(found.is_err(), "{} through {solver}: {found:?}", info.id);
            tried.push((info.id, solver));
        }
    }
    for exact in ["discrete", "forward"] {
        for solver in ["tsit5", "vern7", "kencarp4", "trbdf2", "radau"] {
            assert!(tried.contains(&(exact, solver)), "{exact} {solver}: {tried:?}");
        }
    }
    assert!(tried.contains(&("gauss", "bdf")), "{tried:?}");
}
