//! The gradient check: any gradient method against differences.
//!
//! Directional derivatives along random directions in `(u0, p)` are compared with central
//! differences, extrapolated in the increment (Ridders, *Accurate computation of F'(x) and
//! F'(x)F''(x)*, Adv. Eng. Softw. 4 (1982) 75). For Runge–Kutta methods the perturbed problems
//! are solved with the very steps of the unperturbed one, so differences are accurate to about
//! eleven digits instead of the tolerance of the solve.

use crate::{GradientMethod, Loss, steady_states};
use slopefield_solve::bdf::{BackwardSteps, FrozenBdf};
use slopefield_solve::{
    Bdf, ExplicitRungeKutta, FrozenSteps, Ivp, Settings, SolveError, StepGuesses, StepTimes,
    Stepper, Tableau, drive,
};

/// The problem on which a gradient is checked.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// Initial value problem.
    pub ivp: Ivp<'a>,
    /// Tolerances and budgets.
    pub settings: &'a Settings,
    /// Save times.
    pub saves: &'a [f64],
}

/// How the perturbed problems are solved.
pub enum Replay<'a> {
    /// With the steps that this Runge–Kutta method takes on the unperturbed problem. Right for
    /// exact gradients of that method.
    Frozen(&'static Tableau),
    /// With the steps that the one-step method of this name, or `bdf`, takes on the unperturbed
    /// problem, whose equations are solved to rounding. Right for exact gradients of that method.
    Steps(&'a str),
    /// By a stepper that repeats given steps, such as [`FrozenSteps`]. Right for exact gradients of
    /// those steps.
    Given(&'a mut dyn Stepper),
    /// Adaptively by a stepper. The differences are then no better than the tolerances allow;
    /// right for continuous adjoints and plugin solvers.
    Adaptive(&'a mut dyn Stepper),
    /// Not over time: the states are the steady states at the save times ([`crate::SteadyRows`]).
    AtRest,
}

/// Comparison along one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectionCheck {
    /// Gradient times direction.
    pub gradient: f64,
    /// The same by differences.
    pub difference: f64,
    /// Estimated error of `difference`.
    pub uncertainty: f64,
    /// `|gradient − difference|` relative to the sum of the absolute terms of the product
    /// gradient · direction, which does not vanish by cancellation.
    pub relative: f64,
}

/// Result of a gradient check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// Name of the method checked.
    pub method: &'static str,
    /// One entry per direction.
    pub directions: Vec<DirectionCheck>,
}

impl CheckReport {
    /// Largest relative disagreement.
    pub fn worst(&self) -> f64 {
        // Not `f64::max`, which would swallow a NaN.
        self.directions.iter().map(|d| d.relative).fold(0.0, |a, b| if b <= a { a } else { b })
    }
}

/// Compares the gradient of `method` with differences along `directions` random directions,
/// which `seed` determines. `loss` is called about 16 times per direction.
///
/// # Errors
/// Those of the solves.
pub fn check(
    method: &mut dyn GradientMethod,
    case: &Case<'_>,
    replay: Replay<'_>,
    loss: &mut Loss<'_>,
    directions: usize,
    seed: u64,
) -> Result<CheckReport, SolveError> {
    let ivp = &case.ivp;
    let (n, m) = (ivp.u0.len(), ivp.p.len());
    let (mut grad_u0, mut grad_p) = (vec![0.0; n], vec![0.0; m]);
    method.evaluate(ivp, case.settings, case.saves, loss, &mut grad_u0, &mut grad_p)?;
    let mut frozen;
    let mut backward;
    // Stiff equations bear no large changes of their values.
    let stiff = matches!(replay, Replay::Steps(_) | Replay::Given(_));
    let starts = if stiff { &INCREMENTS[..] } else { &[1.0 / 32.0] };
    let solver: Option<&mut dyn Stepper> = match replay {
        Replay::AtRest => None,
        Replay::Adaptive(stepper) | Replay::Given(stepper) => Some(stepper),
        Replay::Frozen(tableau) => {
            let mut record = StepTimes::default();
            let mut stepper = ExplicitRungeKutta::new(tableau);
            drive(&mut stepper, ivp, case.settings, &[], &mut [], Some(&mut record))?;
            frozen = FrozenSteps::new(tableau, record.times);
            Some(&mut frozen)
        }
        Replay::Steps("bdf") => {
            let mut record = BackwardSteps::default();
            drive(&mut Bdf::new(), ivp, case.settings, &[], &mut [], Some(&mut record))?;
            backward = FrozenBdf::new(record.steps);
            Some(&mut backward)
        }
        Replay::Steps(name) => {
            let (Some(mut stepper), Some(step)) =
                (slopefield_solve::method(name), slopefield_solve::one_step(name))
            else {
                return Err(SolveError::Invalid(format!("`{name}` is no one-step method")));
            };
            let mut record = StepGuesses::new(usize::MAX);
            drive(&mut *stepper, ivp, case.settings, &[], &mut [], Some(&mut record))?;
            frozen = FrozenSteps::of(step, Vec::new());
            frozen.exchange(&mut record);
            Some(&mut frozen)
        }
    };
    let mut perturbed = Perturbed {
        case,
        solver,
        loss,
        u0: vec![0.0; n],
        p: vec![0.0; m],
        states: vec![0.0; n * case.saves.len()],
        by_state: vec![0.0; n * case.saves.len()],
    };
    let mut report = CheckReport { method: method.name(), directions: Vec::new() };
    for index in 0..directions {
        let along_u0 = direction(ivp.u0, stiff, seed, index, 0);
        let along_p = direction(ivp.p, stiff, seed, index, n);
        let terms = grad_u0.iter().chain(&grad_p).zip(along_u0.iter().chain(&along_p));
        let (gradient, size) = terms
            .map(|(g, d)| g * d)
            .fold((0.0, 0.0), |(sum, size): (f64, f64), x| (sum + x, size + x.abs()));
        let (difference, uncertainty) =
            difference(starts, &mut |h| perturbed.loss_at(&along_u0, &along_p, h))?;
        let off = (gradient - difference).abs();
        let relative = if off == 0.0 { 0.0 } else { off / size };
        report.directions.push(DirectionCheck { gradient, difference, uncertainty, relative });
    }
    Ok(report)
}

/// The loss as a function of the distance along a direction.
struct Perturbed<'a, 'l> {
    case: &'a Case<'a>,
    /// None for steady states.
    solver: Option<&'a mut dyn Stepper>,
    loss: &'a mut Loss<'l>,
    u0: Vec<f64>,
    p: Vec<f64>,
    states: Vec<f64>,
    by_state: Vec<f64>,
}

impl Perturbed<'_, '_> {
    fn loss_at(&mut self, along_u0: &[f64], along_p: &[f64], h: f64) -> Result<f64, SolveError> {
        let ivp = &self.case.ivp;
        for ((x, base), d) in self.u0.iter_mut().zip(ivp.u0).zip(along_u0) {
            *x = base + h * d;
        }
        for ((x, base), d) in self.p.iter_mut().zip(ivp.p).zip(along_p) {
            *x = base + h * d;
        }
        let moved = Ivp { u0: &self.u0, p: &self.p, ..*ivp };
        let (settings, saves) = (self.case.settings, self.case.saves);
        match &mut self.solver {
            Some(solver) => drive(*solver, &moved, settings, saves, &mut self.states, None)?,
            None => steady_states(&moved, settings, saves, &mut self.states)?,
        };
        self.by_state.fill(0.0);
        Ok((self.loss)(&self.states, &mut self.by_state))
    }
}

/// Rows of the extrapolation table: increments `h`, `h/2`, `h/4`, …
const ROWS: usize = 8;

/// First increments for stiff systems, 2⁻⁹, 2⁻¹⁷ and 2⁻²⁵. The later ones serve solutions that are
/// wild only a little way off: with the steps of another solution, which are long where that one
/// rests, stiff equations may leave every bound.
const INCREMENTS: [f64; 3] = [1.0 / 512.0, 1.0 / 131_072.0, 1.0 / 33_554_432.0];
/// A relative uncertainty below this needs no smaller increments.
const CERTAIN: f64 = 1e-7;

/// Derivative at 0 of a function and an estimate of its error, from the first of the increments
/// that gives it well, else from the best.
fn difference(
    starts: &[f64],
    function: &mut dyn FnMut(f64) -> Result<f64, SolveError>,
) -> Result<(f64, f64), SolveError> {
    let mut best = Ok((f64::NAN, f64::INFINITY));
    for first in starts {
        let found = match extrapolated(*first, function) {
            Err(error @ SolveError::Cancelled { .. }) => return Err(error),
            found => found,
        };
        let better = match (&best, &found) {
            (Ok(best), Ok(found)) => found.1 < best.1,
            (Ok(best), Err(_)) => best.1.is_infinite(),
            (Err(_), found) => found.is_ok(),
        };
        if better {
            best = found;
        }
        if best.as_ref().is_ok_and(|(value, error)| *error <= CERTAIN * value.abs()) {
            break;
        }
    }
    best
}

/// Derivative at 0 of a function and an estimate of its error: central differences for halved
/// increments, extrapolated in h²; the entry that changes least between neighbours is taken.
fn extrapolated(
    first_increment: f64,
    function: &mut dyn FnMut(f64) -> Result<f64, SolveError>,
) -> Result<(f64, f64), SolveError> {
    let mut previous: [f64; ROWS] = [0.0; ROWS];
    let mut best = (f64::NAN, f64::INFINITY);
    let mut h = first_increment;
    for row in 0..ROWS {
        let mut current = [0.0; ROWS];
        current[0] = (function(h)? - function(-h)?) / (2.0 * h);
        let mut power = 1.0;
        for column in 1..=row {
            power *= 4.0;
            current[column] =
                current[column - 1] + (current[column - 1] - previous[column - 1]) / (power - 1.0);
            let change = (current[column] - current[column - 1])
                .abs()
                .max((current[column] - previous[column - 1]).abs());
            if change < best.1 {
                best = (current[column], change);
            }
        }
        previous = current;
        h *= 0.5;
    }
    Ok(best)
}

/// A random direction scaled like the values: each component up to the larger of its value and a
/// tenth of the root mean square. In stiff equations values may be small for a reason: with
/// `relative` only those that are 0 are changed by more than themselves.
fn direction(values: &[f64], relative: bool, seed: u64, index: usize, offset: usize) -> Vec<f64> {
    let mean_square = values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64;
    let typical = if mean_square > 0.0 { 0.1 * mean_square.sqrt() } else { 1.0 };
    let component = |(i, value): (usize, &f64)| {
        let size = if relative && *value != 0.0 { value.abs() } else { value.abs().max(typical) };
        size * symmetric(seed, index as u64, (offset + i) as u64)
    };
    values.iter().enumerate().map(component).collect()
}

/// Number in (−1, 1) that is a function of its arguments only (splitmix64 finaliser, chained).
fn symmetric(seed: u64, direction: u64, component: u64) -> f64 {
    const PURPOSE: u64 = 0x6772_6164_6368_6563; // "gradchec"
    let hash = |x: u64| {
        let mut z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let bits = hash(hash(hash(seed ^ PURPOSE) ^ direction) ^ component);
    2.0 * ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64 - 1.0
}
