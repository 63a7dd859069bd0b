//! How far the Lorenz system is from its start when it is integrated forward and back again. Run with
//! `cargo run --example backsolve -p slopefield-adjoint`.

use slopefield_adjoint::reversal;
use slopefield_problems::lorenz;
use slopefield_solve::{Ivp, Settings, SolveError, method};

fn main() -> Result<(), SolveError> {
    let problem = lorenz();
    let (u0, p) = ([1.0, 0.0, 0.0], [10.0, 28.0, 8.0 / 3.0]);
    let settings = Settings::with_tolerances(1e-12, 1e-12);
    let Some(mut solver) = method("vern9") else { return Ok(()) };
    println!("T      distance from the start");
    for t1 in [1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 100.0] {
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1, u0: &u0, p: &p };
        let found = reversal(&mut *solver, &ivp, &settings)?;
        match found.blew_up_at {
            Some(t) => println!("{t1:<6} passes 1e6 at t = {t:.2}"),
            None => println!("{t1:<6} {:.2e}", found.distance),
        }
    }
    Ok(())
}
