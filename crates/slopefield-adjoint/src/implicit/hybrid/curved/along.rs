//! The tape forward along one direction, with everything that the way back needs of it.

use super::super::super::equations::{Directions, StageEquations, add_scaled};
use super::super::super::linear::Linear;
use super::super::solve::Solve;
use super::super::tape::{Item, Tape, place};
use super::doubled::Directed;
use super::pair::Dual;
use super::{Curved, dot};
use crate::hybrid::trace::Kind;
use slopefield_kernel::Tangent;
use slopefield_solve::{Ivp, Settings, SolveError};

/// Changes along the direction.
#[derive(Default)]
pub(super) struct Along {
    /// Of the state at hand, and of the slope that is handed over there.
    state: Vec<f64>,
    slope: Vec<f64>,
    /// Of the moments,
    moments: Vec<f64>,
    /// of the beginnings of all steps and of their unknowns,
    starts: Vec<f64>,
    rows: Vec<f64>,
    /// of the states at their cuts,
    cuts: Vec<f64>,
    /// before all changes, and where the method begins.
    befores: Vec<f64>,
    begins: Vec<f64>,
    value: Vec<f64>,
    scratch: Vec<f64>,
    n: usize,
    /// Numbers of the unknowns of a step.
    block: usize,
}

impl Along {
    pub fn bytes(&self) -> u64 {
        let numbers = self.starts.len() + self.rows.len() + self.cuts.len() + self.moments.len();
        (8 * (numbers + self.befores.len() + self.begins.len())) as u64
    }

    /// A moment with its change.
    pub fn moment(&self, tape: &Tape, moment: usize) -> Dual {
        Dual { v: tape.time(moment), d: self.moments[moment] }
    }

    pub fn start(&self, step: usize) -> &[f64] {
        &self.starts[step * self.n..(step + 1) * self.n]
    }

    /// The change of unknown `i` of a step.
    pub fn row(&self, step: usize, i: usize) -> &[f64] {
        let first = step * self.block + i * self.n;
        &self.rows[first..first + self.n]
    }

    pub fn cut(&self, step: usize) -> &[f64] {
        &self.cuts[step * self.n..(step + 1) * self.n]
    }

    pub fn before(&self, change: usize) -> &[f64] {
        &self.befores[change * self.n..(change + 1) * self.n]
    }

    pub fn begin(&self, begin: usize) -> &[f64] {
        &self.begins[begin * self.n..(begin + 1) * self.n]
    }

    fn prepare(&mut self, curved: &Curved<'_>, tape: &Tape, du0: &[f64]) {
        let n = tape.n;
        (self.n, self.block) = (n, tape.stages * n);
        self.state.clear();
        self.state.extend_from_slice(du0);
        for (vector, len) in [
            (&mut self.slope, n),
            (&mut self.moments, tape.moments.len()),
            (&mut self.starts, tape.steps.len() * n),
            (&mut self.rows, tape.steps.len() * self.block),
            (&mut self.cuts, tape.steps.len() * n),
            (&mut self.befores, tape.changes.len() * n),
            (&mut self.begins, tape.begins.len() * n),
            (&mut self.value, n.max(curved.system.times())),
            (&mut self.scratch, curved.system.scratch_len()),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        let system = &curved.system;
        let Some(times) = system.events().and_then(|events| events.times) else { return };
        let count = times.shape().outputs;
        let mut changes = vec![0.0; count];
        let along = Tangent { t: 0.0, u: &[], p: curved.dp };
        let at = system.point(system.ivp.t0, &[]);
        times.jvp(at, along, &mut self.value[..count], &mut changes, &mut self.scratch);
        for (moment, change) in tape.moments.iter().zip(&mut self.moments) {
            if let Kind::Scheduled { terms } = moment.kind {
                *change = terms.iter().map(|(i, factor)| factor * changes[*i as usize]).sum();
            }
        }
    }

    /// Goes through the tape and writes the changes of the states at the saves.
    pub fn run(
        &mut self,
        curved: &Curved<'_>,
        settings: &Settings,
        solve: &mut Solve,
        (du0, saves): (&[f64], &[f64]),
        tangents: &mut [f64],
    ) -> Result<(), SolveError> {
        let Solve { tape, equations, .. } = solve;
        self.prepare(curved, tape, du0);
        let system = &curved.system;
        let directed = Directed {
            rhs: system.rhs(),
            hessian: Some(curved.hessian),
            p: system.ivp.p,
            along: curved.dp,
        };
        let inner = Ivp { rhs: &directed, p: &[0.0], ..system.ivp };
        equations.prepare(&inner)?;
        let mut linear = Linear::new();
        linear.prepare(&inner)?;
        let n = tape.n;
        for item in &tape.items {
            match item {
                // The moment does not move, nor do two that coincide part.
                Item::Saves { saves, .. } => {
                    for row in saves.clone() {
                        tangents[row * n..(row + 1) * n].copy_from_slice(&self.state);
                    }
                }
                Item::Shift { .. } => {}
                Item::Change(change) => {
                    self.befores[change * n..(change + 1) * n].copy_from_slice(&self.state);
                    let declared = tape.changes[*change];
                    let Some(affect) = system.affect(declared.event) else { continue };
                    let before = self.state.clone();
                    let t = self.moments[declared.moment];
                    let along = Tangent { t, u: &before, p: curved.dp };
                    let at = system.point(tape.time(declared.moment), tape.before(*change));
                    let (value, out) = (&mut self.value[..n], &mut self.state);
                    affect.jvp(at, along, value, out, &mut self.scratch);
                }
                Item::Begin(begin) => {
                    self.begins[begin * n..(begin + 1) * n].copy_from_slice(&self.state);
                    if equations.hands_over_slope() {
                        let moment = tape.begins[*begin].moment;
                        let at = (tape.time(moment), tape.begin_state(*begin).1);
                        let change = (Some(0), self.moments[moment]);
                        linear.push_forward(&inner, at, &self.state, change, &mut self.slope);
                    }
                }
                Item::Step(step, rows) => {
                    let t = tape.time(tape.steps[*step].begin);
                    if settings.cancelled() {
                        return Err(SolveError::Cancelled { t });
                    }
                    self.step(curved, tape, *step, (&inner, &mut **equations))?;
                    let cut = tape.time(tape.steps[*step].cut);
                    for row in rows.clone() {
                        let out = &mut tangents[row * n..(row + 1) * n];
                        if saves[row] == cut {
                            out.copy_from_slice(&self.state);
                        } else {
                            self.within(&**equations, tape, *step, (saves[row], 0.0), out);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        curved: &Curved<'_>,
        tape: &Tape,
        step: usize,
        (inner, equations): (&Ivp<'_>, &mut dyn StageEquations),
    ) -> Result<(), SolveError> {
        let (n, info, view) = (tape.n, &tape.steps[step], tape.view(step));
        equations.select(view.explicit);
        let (begin, end) = (self.moments[info.begin], self.moments[info.end]);
        let (h, dh) = (view.h(), end - begin);
        let times = [(begin, dh)];
        let slopes = if equations.hands_over_slope() { &self.slope[..] } else { &[] };
        let along = Directions { states: &self.state, slopes, times: &times, first: 0 };
        let rows = &mut self.rows[step * self.block..(step + 1) * self.block];
        equations.tangents(inner, &view, along, rows)?;
        self.starts[step * n..(step + 1) * n].copy_from_slice(&self.state);
        if info.cut == info.end {
            let weights = equations.end_weights();
            for (row, weight) in rows.chunks_exact(n).zip(weights) {
                add_scaled(&mut self.state, weight, row);
            }
            if equations.hands_over_slope() {
                let last = tape.stages - 1;
                self.slope.fill(0.0);
                add_scaled(&mut self.slope, 1.0 / h, &rows[last * n..]);
                add_scaled(&mut self.slope, -dh / (h * h), view.row(last));
            }
        } else {
            let cut = tape.time(info.cut);
            let mut out = std::mem::take(&mut self.state);
            self.within(equations, tape, step, (cut, 0.0), &mut out);
            if let Some(condition) = &info.condition {
                let moved = dot(&condition.by_input, &out) + dot(&condition.by_p, curved.dp);
                self.moments[info.cut] = -moved / condition.rate;
            }
            self.within(equations, tape, step, (cut, self.moments[info.cut]), &mut out);
            self.state = out;
        }
        self.cuts[step * n..(step + 1) * n].copy_from_slice(&self.state);
        match self.state.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(state) => {
                Err(SolveError::NonFinite { t: view.t_new, state, u: view.start.to_vec() })
            }
        }
    }

    /// Writes the change of the solution at `s` in a step, where `s` moves by `ds`.
    fn within(
        &self,
        equations: &dyn StageEquations,
        tape: &Tape,
        step: usize,
        (s, ds): (f64, f64),
        out: &mut [f64],
    ) {
        let (info, view) = (&tape.steps[step], tape.view(step));
        let (begin, end) = (self.moments[info.begin], self.moments[info.end]);
        let theta = place(&view, s);
        let (weights, rates) = equations.dense_weights(theta);
        let change = (ds - begin - theta * (end - begin)) / view.h();
        out.copy_from_slice(self.start(step));
        for (i, (weight, rate)) in weights.iter().zip(&rates).take(tape.stages).enumerate() {
            add_scaled(out, *weight, self.row(step, i));
            add_scaled(out, rate * change, view.row(i));
        }
    }
}
