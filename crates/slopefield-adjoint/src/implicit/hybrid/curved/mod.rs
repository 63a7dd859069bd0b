//! Products with the Hessian of a loss along a tape: through steps of all methods of one step, implicit ones
//! included, and through events.
//!
//! Changes along a direction are carried forward over the tape, and then the reverse pass of first
//! derivatives is done in numbers with their changes. What a step sends back, with its change, is what the
//! same step of the system together with its tangent sends back (`doubled.rs`).

mod along;
mod back;
mod doubled;
mod pair;

use super::solve::Solve;
use super::tape::{Item, Tape};
use crate::hybrid::reverse::dot;
use crate::hybrid::system::{System, refused};
use crate::hybrid::trace::Kind;
use crate::method::validate_gradients;
use crate::{CurvedLoss, Evaluated, SecondOrder};
use along::Along;
use back::Back;
use pair::Pair;
use slopefield_kernel::{Cotangent, HessianProduct, Part};
use slopefield_solve::{Ivp, Settings, SolveError, Tableau};

/// Parts of systems that are differentiated twice.
const HONOURED: [Part; 1] = [Part::Events];

/// The matrices of the steps of a system with its tangent are dense and of twice the size.
const MOST_STATES: usize = 500;

const NEEDS_EVENTS: &str = "products with the Hessian of a loss through events need second derivatives of \
    their conditions, changes and times, which are not known here";

/// What is differentiated twice, and along what.
struct Curved<'a> {
    system: System<'a>,
    hessian: &'a dyn HessianProduct,
    dp: &'a [f64],
}

impl<'a> Curved<'a> {
    fn roots(&self) -> Result<&'a dyn HessianProduct, SolveError> {
        known(self.system.structure().event_hessians.and_then(|events| events.roots))
    }

    fn times(&self) -> Result<&'a dyn HessianProduct, SolveError> {
        known(self.system.structure().event_hessians.and_then(|events| events.times))
    }

    /// Of the change of an event, which has one.
    fn affect(&self, event: usize) -> Result<&'a dyn HessianProduct, SolveError> {
        let structure = self.system.structure();
        let index = structure.events.and_then(|events| events.list[event].affect);
        let affects = structure.event_hessians.map(|events| events.affects);
        let found = index.zip(affects).and_then(|(index, all)| all.get(index as usize));
        known(found.map(|hessian| &**hessian))
    }

    /// Work space that serves every function and its second derivatives.
    fn scratch_len(&self) -> usize {
        let most = self.system.scratch_len().max(self.hessian.scratch_len());
        let Some(events) = self.system.structure().event_hessians else { return most };
        let affects = events.affects.iter().map(|hessian| hessian.scratch_len());
        let others = events.roots.into_iter().chain(events.times);
        affects.chain(others.map(|hessian| hessian.scratch_len())).fold(most, usize::max)
    }

    /// Refuses saves and coincidences at moments that move: the solution has a kink there, and what it
    /// bends by on its other side is not that of any step.
    fn check(&self, tape: &Tape) -> Result<(), SolveError> {
        let mut scratch = vec![0.0; self.system.scratch_len()];
        for item in &tape.items {
            let (moments, what) = match item {
                Item::Saves { moment, .. } => ([*moment; 2], "a measurement is"),
                Item::Shift { from, to, .. } => ([*from, *to], "several events happen"),
                _ => continue,
            };
            if moments.into_iter().any(|moment| self.moves(tape, moment, &mut scratch)) {
                let t = tape.time(moments[0]);
                return refused(format!(
                    "{what} exactly at the instant t = {t} of an event that moves with the parameters, \
                     where the loss has no second derivative; move it slightly"
                ));
            }
        }
        Ok(())
    }

    /// Whether a moment depends on the parameters or the solution.
    fn moves(&self, tape: &Tape, moment: usize, scratch: &mut [f64]) -> bool {
        match tape.moments[moment].kind {
            Kind::Start | Kind::Fixed => false,
            Kind::Scheduled { terms } => {
                let Some(times) = self.system.events().and_then(|events| events.times) else {
                    return false;
                };
                let mut weights = vec![0.0; times.shape().outputs];
                terms.iter().for_each(|(index, factor)| weights[*index as usize] += factor);
                let mut by_p = vec![0.0; self.dp.len()];
                let grad = Cotangent { t: &mut 0.0, u: &mut [], p: &mut by_p };
                times.vjp(self.system.point(self.system.ivp.t0, &[]), &weights, grad, scratch);
                by_p.iter().any(|x| *x != 0.0)
            }
            _ => true,
        }
    }
}

fn known<T>(found: Option<T>) -> Result<T, SolveError> {
    found.ok_or_else(|| SolveError::Invalid(NEEDS_EVENTS.into()))
}

/// Exact products with the Hessian of a loss along the tape of a solve.
pub(crate) struct TapedSecondOrder {
    solve: Solve,
    along: Along,
    back: Back,
}

impl TapedSecondOrder {
    /// Through the implicit method called `name`, automatic switching included.
    pub fn implicit(name: &str) -> Option<Self> {
        Solve::named(name).map(Self::of)
    }

    /// Through the explicit method of a table.
    pub fn explicit(table: &'static Tableau) -> Option<Self> {
        Solve::explicit(table).map(Self::of)
    }

    fn of(mut solve: Solve) -> Self {
        solve.whole = true;
        TapedSecondOrder { solve, along: Along::default(), back: Back::default() }
    }

    pub fn set_memory(&mut self, bytes: u64) {
        self.solve.budget = bytes;
    }

    /// As [`crate::SecondOrderAdjoint::evaluate`].
    pub fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        (du0, dp): (&[f64], &[f64]),
        loss: &mut CurvedLoss<'_>,
        out: SecondOrder<'_>,
    ) -> Result<Evaluated, SolveError> {
        for (by_u0, by_p) in
            [(&*out.by_u0, &*out.by_p), (&*out.change_u0, &*out.change_p), (du0, dp)]
        {
            validate_gradients(ivp, by_u0, by_p, &HONOURED)?;
        }
        let n = ivp.u0.len();
        if n > MOST_STATES {
            return refused(format!(
                "products with the Hessian of a loss through implicit methods or events factor dense \
                 matrices of twice the size, and are refused for {n} states (at most {MOST_STATES})"
            ));
        }
        let hessian = ivp.rhs.structure().hessian.ok_or_else(needs_curvature)?;
        let curved = Curved { system: System::new(ivp), hessian, dp };
        let (rows, solve) = (saves.len(), &mut self.solve);
        let mut states = vec![0.0; rows * n];
        let (forward, reached) = solve.solve(&curved.system, settings, saves, &mut states)?;
        curved.check(&solve.tape)?;
        let mut tangents = vec![0.0; rows * n];
        self.along.run(&curved, settings, solve, (du0, saves), &mut tangents)?;
        // What was not reached stands still.
        tangents[reached * n..].fill(0.0);
        let mut weights = Pair::zeros(rows * n);
        let found = loss(&states, &tangents, &mut weights.v, &mut weights.d);
        weights.v[reached * n..].fill(0.0);
        weights.d[reached * n..].fill(0.0);
        self.back.run(&curved, settings, solve, &self.along, (saves, &weights))?;
        let Back { lambda, by_p, products, .. } = &self.back;
        out.by_u0.copy_from_slice(&lambda.v);
        out.change_u0.copy_from_slice(&lambda.d);
        out.by_p.copy_from_slice(&by_p.v);
        out.change_p.copy_from_slice(&by_p.d);
        let finite = |pair: &Pair| pair.v.iter().chain(&pair.d).all(|x| x.is_finite());
        if finite(&weights) && !(finite(lambda) && finite(by_p)) {
            return refused(crate::second_order::NOT_FINITE.into());
        }
        Ok(Evaluated {
            loss: found,
            forward,
            reverse_products: products + solve.repeated,
            memory: solve.bytes() + self.along.bytes(),
            by_start_time: None,
        })
    }
}

/// Why systems without second derivatives are refused.
pub(crate) fn needs_curvature() -> SolveError {
    SolveError::Invalid(
        "products with the Hessian of a loss need second derivatives of the equations, which are not known \
         here"
            .into(),
    )
}
