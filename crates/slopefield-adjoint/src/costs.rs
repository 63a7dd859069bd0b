//! What the parts of a gradient cost on the system at hand: measured, so that the choice of a
//! method needs no rule of thumb about sizes.

use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};
use slopefield_linear::Jacobian;
use slopefield_solve::{Ivp, Stats};
use std::time::Instant;

/// Seconds of the parts at one point, and counts of a trial solve.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Costs {
    /// Number of states.
    pub states: usize,
    /// Number of parameters of the right-hand side.
    pub params: usize,
    /// Number of save points, over all experiments.
    pub saves: usize,
    /// Seconds of an evaluation of the right-hand side,
    pub evaluation: f64,
    /// of a product `J·v` along states and parameters,
    pub forward_product: f64,
    /// of a product `vᵀJ` by states and parameters,
    pub reverse_product: f64,
    /// and of the Jacobian by the states; 0 when the solver needs none.
    pub jacobian: f64,
    /// Seconds of the trial solve,
    pub solve: f64,
    /// and its counters, over all experiments.
    pub trial: Stats,
    /// Whether the system has events.
    pub events: bool,
}

impl Costs {
    /// Measures the products at the beginning of a problem. `trial` are the counters of a solve of
    /// it (or of several with the same right-hand side) that took `solve` seconds. Takes about a
    /// millisecond, or a few evaluations where one takes longer.
    pub fn measure(ivp: &Ivp<'_>, trial: Stats, solve: f64) -> Costs {
        let rhs = ivp.rhs;
        let shape = rhs.shape();
        let structure = rhs.structure();
        let delayed = structure.delays.iter().flat_map(|d| d.reads);
        let mut u = ivp.u0.to_vec();
        u.extend(delayed.map(|read| ivp.u0[read.state as usize]));
        let (n, m) = (shape.outputs, ivp.p.len());
        let mut scratch = vec![0.0; rhs.scratch_len()];
        let (mut value, mut product) = (vec![0.0; n], vec![0.0; n]);
        let (mut by_u, mut by_p, mut by_t) = (vec![0.0; u.len()], vec![0.0; m], 0.0);
        let (along_u, along_p, weights) = (vec![1.0; u.len()], vec![1.0; m], vec![1.0; n]);
        let at = Point { t: ivp.t0, u: &u, p: ivp.p };
        let evaluation = least(&mut || rhs.eval(ivp.t0, &u, ivp.p, &mut value, &mut scratch));
        let forward_product = least(&mut || {
            let along = Tangent { t: 0.0, u: &along_u, p: &along_p };
            rhs.jvp(at, along, &mut value, &mut product, &mut scratch);
        });
        let reverse_product = least(&mut || {
            let grad = Cotangent { t: &mut by_t, u: &mut by_u, p: &mut by_p };
            rhs.vjp(at, &weights, grad, &mut scratch);
        });
        let jacobian = match trial.factorisations {
            0 => 0.0,
            _ => jacobian_seconds(rhs, at),
        };
        Costs {
            states: ivp.u0.len(),
            params: m,
            saves: 0,
            evaluation,
            forward_product,
            reverse_product,
            jacobian,
            solve,
            trial,
            events: structure.events.is_some(),
        }
    }

    /// Whether the solver solves linear systems.
    pub fn implicit(&self) -> bool {
        self.trial.factorisations > 0
    }

    /// Seconds of factorisations and substitutions in the trial solve: what evaluations and
    /// Jacobians leave of it.
    pub fn linear_algebra(&self) -> f64 {
        if !self.implicit() {
            return 0.0;
        }
        let evaluations = self.trial.rhs as f64 * self.evaluation;
        let jacobians = self.trial.jacobians as f64 * self.jacobian;
        (self.solve - evaluations - jacobians).max(0.0)
    }

    /// Seconds of one substitution, if a factorisation costs `n/3` of them (dense matrices; for
    /// sparse ones it is an upper bound).
    pub fn substitution(&self) -> f64 {
        let per_factorisation = (self.states as f64 / 3.0).max(1.0);
        let parts = self.trial.solves as f64 + per_factorisation * self.trial.factorisations as f64;
        if parts > 0.0 { self.linear_algebra() / parts } else { 0.0 }
    }
}

fn jacobian_seconds(rhs: &dyn Kernel, at: Point<'_>) -> f64 {
    let mut jacobian = Jacobian::new();
    jacobian.prepare(rhs);
    least(&mut || {
        jacobian.evaluate(rhs, at.t, at.u, at.p);
    })
}

/// Rounds of a measurement; the least counts, since other work on the machine only adds.
const ROUNDS: usize = 5;
/// A round of short calls lasts about so long.
const ROUND: f64 = 40e-6;
/// Calls longer than this are made twice in all.
const LONG: f64 = 1e-3;

/// Seconds of a call.
fn least(call: &mut dyn FnMut()) -> f64 {
    let mut timed = |calls: u32| {
        let began = Instant::now();
        for _ in 0..calls {
            call();
        }
        began.elapsed().as_secs_f64() / f64::from(calls)
    };
    let first = timed(1).min(timed(1));
    if first > LONG {
        return first;
    }
    let calls = (ROUND / first.max(1e-9)).clamp(1.0, 10_000.0) as u32;
    (0..ROUNDS).map(|_| timed(calls)).fold(first, f64::min)
}
