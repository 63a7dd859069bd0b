//! Forward sensitivities: the tangent of the accepted steps.
//!
//! The trajectory is solved once with the usual error control; then every stage is differentiated
//! along each initial value and each parameter. Steps are those of the plain solve, bit for bit,
//! and count as constants, so the gradient equals that of the discrete adjoint up to rounding.
//! Besides gradients this gives the Jacobian of the saved states, for least-squares methods.

use crate::hybrid::StartTime;
use crate::method::parameter_not_finite;
use crate::saves::SavedStates;
use crate::sensitivity::{Sink, TangentPass, sensitivities};
use crate::tape::{Segment, Tape};
use slopefield_kernel::{Part, Point, Tangent};
use slopefield_solve::runge_kutta::MAX_DENSE_STAGES;
use slopefield_solve::{
    ExplicitRungeKutta, Ivp, Settings, SolveError, Stages, Stats, Tableau, drive, tableau,
};
use std::ops::Range;

/// Tangents of the accepted steps along all initial values and parameters.
pub struct ForwardSensitivity {
    pass: Pass,
    saved: SavedStates,
}

impl ForwardSensitivity {
    /// Through the method of `tableau`, with up to 256 MiB of tape.
    pub fn new(tableau: &'static Tableau) -> Self {
        let pass = Pass {
            stepper: ExplicitRungeKutta::new(tableau),
            tape: Tape::new(tableau, crate::DEFAULT_MEMORY),
            tangents: Tangents::new(tableau),
            start: None,
        };
        ForwardSensitivity { pass, saved: SavedStates::default() }
    }

    /// Through the built-in method called `name` (see [`slopefield_solve::methods`]).
    pub fn named(name: &str) -> Option<Self> {
        tableau(name).map(Self::new)
    }

    /// Keeps the tape below `bytes` where that is possible; see
    /// [`crate::DiscreteAdjoint::with_memory`].
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.pass.tape.set_budget(bytes);
        self
    }

    /// Carries a tangent along the start time too, for [`crate::Evaluated::by_start_time`]: one
    /// direction more.
    pub fn with_start_time(mut self) -> Self {
        self.pass.start = Some(StartTime::new(self.pass.tangents.tableau));
        self
    }

    fn again(&self) -> Option<Self> {
        Some(Self::new(self.pass.tangents.tableau))
    }
}

sensitivities!(ForwardSensitivity);

struct Pass {
    stepper: ExplicitRungeKutta,
    tape: Tape,
    tangents: Tangents,
    /// The tangent of the first step along the start time, where it is wanted.
    start: Option<StartTime>,
}

impl TangentPass for Pass {
    fn honoured(&self) -> &'static [Part] {
        &[]
    }

    fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError> {
        self.tape.clear(ivp.u0.len());
        let stats = drive(&mut self.stepper, ivp, settings, saves, states, Some(&mut self.tape))?;
        Ok((stats, saves.len()))
    }

    fn follows_start_time(&self) -> bool {
        self.start.is_some() && self.tape.steps() > 0
    }

    fn propagate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        start_time: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        self.tangents.begin(ivp, saves, sink);
        for index in 0..self.tape.segments() {
            let segment = self.tape.segment(ivp, index);
            for i in 0..segment.len() {
                if settings.cancelled() {
                    return Err(SolveError::Cancelled { t: segment.times[i] });
                }
                self.tangents.step(ivp, &segment, i, saves, sink)?;
                if let (0, 0, true, Some(start)) = (index, i, start_time, &mut self.start) {
                    self.tangents.begin_start_time(ivp, settings, &segment, start, saves, sink)?;
                }
            }
        }
        Ok(())
    }

    fn products(&self) -> u64 {
        self.tangents.products + self.tape.recomputed
    }

    fn bytes(&self) -> u64 {
        self.tape.bytes() + self.tangents.bytes()
    }
}

/// Numbers of a row of tangents that are carried over a step together: rows of all stages stay in the cache
/// next to a core.
const ROW: usize = 256;

/// The tangents carried along, one per direction: initial values first, then parameters, and after the
/// first step perhaps the start time. Those of some directions pass a step together, so that sums over
/// stages have long rows however few states there are.
struct Tangents {
    tableau: &'static Tableau,
    /// Tangent of the state at the start of the step, direction by direction.
    states: Vec<f64>,
    /// Tangent of the first slope, direction by direction, for first-same-as-last methods.
    first_slopes: Vec<f64>,
    /// Tangents of the slopes of one step along the directions at work: stage by stage, direction by
    /// direction.
    slopes: Vec<f64>,
    /// Tangents of a state along the directions at work.
    stage: Vec<f64>,
    value: Vec<f64>,
    /// Takes steps again whose interpolant needs stages of its own.
    replay: Stages,
    /// States of those stages.
    extra: Vec<f64>,
    /// Unit vector in the parameters.
    unit: Vec<f64>,
    scratch: Vec<f64>,
    next_save: usize,
    products: u64,
}

impl Tangents {
    fn new(tableau: &'static Tableau) -> Self {
        Tangents {
            tableau,
            states: Vec::new(),
            first_slopes: Vec::new(),
            slopes: Vec::new(),
            stage: Vec::new(),
            value: Vec::new(),
            replay: Stages::new(tableau),
            extra: Vec::new(),
            unit: Vec::new(),
            scratch: Vec::new(),
            next_save: 0,
            products: 0,
        }
    }

    fn bytes(&self) -> u64 {
        (8 * (self.states.len() + self.first_slopes.len() + self.slopes.len())) as u64
    }

    fn begin(&mut self, ivp: &Ivp<'_>, saves: &[f64], sink: &mut Sink<'_>) {
        let n = ivp.u0.len();
        let directions = n + ivp.p.len();
        self.products = 0;
        self.states.clear();
        self.states.resize(directions * n, 0.0);
        for i in 0..n {
            self.states[i * n + i] = 1.0;
        }
        self.first_slopes.resize(directions * n, 0.0);
        // The start time is a direction more.
        let row = n * (directions + 1).min(at_once(n));
        self.slopes.resize(self.tableau.dense_stages() * row, 0.0);
        self.stage.resize(row, 0.0);
        self.value.resize(n, 0.0);
        self.unit.clear();
        self.unit.resize(ivp.p.len(), 0.0);
        self.scratch.resize(ivp.rhs.scratch_len(), 0.0);
        self.next_save = 0;
        while saves.get(self.next_save) == Some(&ivp.t0) {
            for d in 0..directions {
                sink(self.next_save, d, &self.states[d * n..(d + 1) * n]);
            }
            self.next_save += 1;
        }
        if self.tableau.fsal && ivp.t0 != ivp.t1 {
            for first in (0..directions).step_by(at_once(n)) {
                let along = first..directions.min(first + at_once(n));
                let all = first * n..along.end * n;
                self.stage[..all.len()].copy_from_slice(&self.states[all.clone()]);
                self.products(ivp, ivp.t0, ivp.u0, along, 0);
                self.first_slopes[all.clone()].copy_from_slice(&self.slopes[..all.len()]);
            }
        }
    }

    /// Adds the direction of the start time, behind the first step.
    fn begin_start_time(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        segment: &Segment<'_>,
        start: &mut StartTime,
        saves: &[f64],
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let d = n + ivp.p.len();
        let block = segment.block(0);
        let (t, u) = (segment.times[1], &block[block.len() - n..]);
        let inside = &saves[..self.next_save];
        let before = inside.iter().take_while(|save| **save != t).count();
        let states = &mut self.states;
        states.truncate(d * n);
        let mut hand_out = |row: usize, tangent: &[f64]| {
            if row < before {
                sink(row, d, tangent);
            } else {
                states.extend_from_slice(tangent);
            }
        };
        start.tangents(ivp, settings, (t, u), inside, &mut hand_out)?;
        for row in before..self.next_save {
            sink(row, d, &self.states[d * n..]);
        }
        if self.tableau.fsal {
            self.stage[..n].copy_from_slice(&self.states[d * n..]);
            self.products(ivp, t, u, d..d + 1, 0);
            self.first_slopes.truncate(d * n);
            self.first_slopes.extend_from_slice(&self.slopes[..n]);
        }
        Ok(())
    }

    /// Carries all tangents over one step and hands out those at its save points.
    fn step(
        &mut self,
        ivp: &Ivp<'_>,
        segment: &Segment<'_>,
        i: usize,
        saves: &[f64],
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let (t, t_new) = (segment.times[i], segment.times[i + 1]);
        let block = segment.block(i);
        let direction = ivp.direction();
        let first_save = self.next_save;
        let reached = |save: &&f64| (t_new - **save) * direction >= 0.0;
        self.next_save += saves[first_save..].iter().take_while(reached).count();
        let inside = first_save..self.next_save;
        let dense =
            !self.tableau.extra.a.is_empty() && saves[inside.clone()].iter().any(|x| *x != t_new);
        if dense {
            self.replay.begin(ivp, t, &block[..n]);
            self.products += 1 + self.replay.attempt(ivp, t, t_new);
            self.products += self.replay.prepare_dense(ivp);
            self.extra.clear();
            self.extra.extend_from_slice(self.replay.extra_states());
        }
        let directions = self.states.len() / n;
        for first in (0..directions).step_by(at_once(n)) {
            let along = first..directions.min(first + at_once(n));
            let all = first * n..along.end * n;
            let row = all.len();
            self.stages_along(ivp, along.clone(), t, t_new, block);
            if dense {
                self.extra_stages_along(ivp, along.clone(), t, t_new);
            }
            for save in inside.clone().filter(|save| saves[*save] != t_new) {
                let mut weights = [0.0; MAX_DENSE_STAGES];
                self.tableau.dense_weights((saves[save] - t) / (t_new - t), &mut weights);
                let value = &mut self.stage[..row];
                value.copy_from_slice(&self.states[all.clone()]);
                add_weighted(value, t_new - t, &weights, &self.slopes);
                for (d, tangent) in along.clone().zip(value.chunks_exact(n)) {
                    sink(save, d, tangent);
                }
            }
            let states = &mut self.states[all.clone()];
            add_weighted(states, t_new - t, self.tableau.b, &self.slopes);
            for save in inside.clone().filter(|save| saves[*save] == t_new) {
                for (d, tangent) in along.clone().zip(states.chunks_exact(n)) {
                    sink(save, d, tangent);
                }
            }
            if let Some(bad) = states.iter().position(|v| !v.is_finite()) {
                return Err(match (first + bad / n).checked_sub(n).filter(|p| *p < ivp.p.len()) {
                    None => SolveError::NonFinite { t, state: bad % n, u: block[..n].to_vec() },
                    Some(parameter) => parameter_not_finite(parameter),
                });
            }
            if self.tableau.fsal {
                let last = (self.tableau.stages() - 1) * row;
                self.first_slopes[all].copy_from_slice(&self.slopes[last..last + row]);
            }
        }
        Ok(())
    }

    /// Tangents of all slopes of a step along some directions.
    fn stages_along(
        &mut self,
        ivp: &Ivp<'_>,
        along: Range<usize>,
        t: f64,
        t_new: f64,
        block: &[f64],
    ) {
        let n = ivp.u0.len();
        let h = t_new - t;
        let all = along.start * n..along.end * n;
        let row = all.len();
        let known = usize::from(self.tableau.fsal);
        if self.tableau.fsal {
            self.slopes[..row].copy_from_slice(&self.first_slopes[all.clone()]);
        }
        for stage in known..self.tableau.stages() {
            let sum = &mut self.stage[..row];
            sum.copy_from_slice(&self.states[all.clone()]);
            add_weighted(sum, h, self.tableau.a[stage], &self.slopes);
            let c = self.tableau.c[stage];
            let time = if c == 1.0 { t_new } else { t + c * h };
            self.products(ivp, time, &block[stage * n..(stage + 1) * n], along.clone(), stage);
        }
    }

    /// Tangents of the slopes of the stages that only the interpolant needs, along some directions.
    fn extra_stages_along(&mut self, ivp: &Ivp<'_>, along: Range<usize>, t: f64, t_new: f64) {
        let (n, s, h) = (ivp.u0.len(), self.tableau.stages(), t_new - t);
        let all = along.start * n..along.end * n;
        // The states leave while the products borrow the rest.
        let extra = std::mem::take(&mut self.extra);
        for (i, u) in (s..).zip(extra.chunks_exact(n)) {
            let (weights, c) = self.tableau.stage(i);
            let sum = &mut self.stage[..all.len()];
            sum.copy_from_slice(&self.states[all.clone()]);
            add_weighted(sum, h, weights, &self.slopes);
            let time = if c == 1.0 { t_new } else { t + c * h };
            self.products(ivp, time, u, along.clone(), i);
        }
        self.extra = extra;
    }

    /// Writes the tangents of slope `stage` from those of its state along some directions.
    fn products(&mut self, ivp: &Ivp<'_>, t: f64, u: &[f64], along: Range<usize>, stage: usize) {
        let n = u.len();
        let row = along.len() * n;
        let tangents = self.stage[..row].chunks_exact(n);
        let slopes = self.slopes[stage * row..(stage + 1) * row].chunks_exact_mut(n);
        self.products += along.len() as u64;
        for ((d, tangent), out) in along.zip(tangents).zip(slopes) {
            let parameter = d.checked_sub(n).filter(|p| *p < self.unit.len());
            if let Some(parameter) = parameter {
                self.unit[parameter] = 1.0;
            }
            let along = Tangent { t: 0.0, u: tangent, p: &self.unit };
            ivp.rhs.jvp(Point { t, u, p: ivp.p }, along, &mut self.value, out, &mut self.scratch);
            if let Some(parameter) = parameter {
                self.unit[parameter] = 0.0;
            }
        }
    }
}

/// Directions that pass a step together.
fn at_once(n: usize) -> usize {
    (ROW / n).max(1)
}

/// `sum += h Σ weights_j rows_j`.
fn add_weighted(sum: &mut [f64], h: f64, weights: &[f64], rows: &[f64]) {
    for (weight, row) in weights.iter().zip(rows.chunks_exact(sum.len())) {
        let factor = h * weight;
        for (s, x) in sum.iter_mut().zip(row) {
            *s += factor * x;
        }
    }
}
