//! Steps taken again.

use super::super::past::From;
use super::super::system::{System, refused};
use super::super::trace::{Kind, Source, Trace, Watched};
use super::{At, Builder, weighted};
use slopefield_solve::{Settings, SolveError};

/// Steps taken again must end where they ended up to this, relative to the state.
const SAME: f64 = 1e-9;

/// A step that reads itself is repeated at most so often.
const MOST_REPEATS: usize = 300;

impl Builder {
    /// Takes step `step` again.
    pub(super) fn take(
        &mut self,
        system: &System<'_>,
        trace: &mut Trace,
        step: usize,
    ) -> Result<(), SolveError> {
        let (n, all, rows, lags) = (trace.n, trace.all, trace.rows(), trace.lags);
        trace.inputs.resize((step + 1) * rows * all, 0.0);
        trace.slopes.resize((step + 1) * rows * n, 0.0);
        trace.sources.resize((step + 1) * rows * lags, Source::Before(0.0));
        let (inputs, slopes) = (step * rows * all, step * rows * n);
        trace.inputs[inputs..inputs + n].copy_from_slice(&self.row[..n]);
        let last = trace.tableau.stages() - 1;
        if trace.steps[step].continues {
            let from = ((step - 1) * rows + last) * all;
            trace.inputs.copy_within(from + n..from + all, inputs + n);
            let from = ((step - 1) * rows + last) * n;
            trace.slopes.copy_within(from..from + n, slopes);
            let from = ((step - 1) * rows + last) * lags;
            trace.sources.copy_within(from..from + lags, step * rows * lags);
        }
        let mut coupled = std::mem::take(&mut self.coupled);
        coupled.clear();
        coupled.extend_from_slice(&trace.coupled[step * lags..(step + 1) * lags]);
        let taken = self.repeat(system, trace, step, &coupled);
        self.coupled = coupled;
        taken
    }

    /// Evaluates the stages of a step whose beginning is there, again and again where it reads
    /// itself.
    fn repeat(
        &mut self,
        system: &System<'_>,
        trace: &mut Trace,
        step: usize,
        coupled: &[bool],
    ) -> Result<(), SolveError> {
        let (n, all, rows, lags) = (trace.n, trace.all, trace.rows(), trace.lags);
        let (begin, end) = trace.span(step);
        let (inputs, slopes) = (step * rows * all, step * rows * n);
        let first = usize::from(trace.steps[step].continues);
        self.guess(trace, step);
        let mut before = f64::INFINITY;
        for repeat in 0..MOST_REPEATS {
            let (mut change, mut size) = (0.0_f64, 0.0_f64);
            for stage in first..trace.stages(step) {
                let (weights, c) = trace.tableau.stage(stage);
                let row = inputs + stage * all;
                for state in 0..n {
                    let sum = weighted(&self.fresh, n, weights, state);
                    self.row[state] = trace.inputs[inputs + state] + (end - begin) * sum;
                }
                let t = trace.stage_time(step, c);
                let from = From { t, begin, step };
                let mut sources = std::mem::take(&mut self.sources);
                let (row_at_hand, scratch) = (&mut self.row, &mut self.scratch);
                let overlaps = self.past.fill(
                    system,
                    trace,
                    from,
                    row_at_hand,
                    &mut sources,
                    coupled,
                    scratch,
                );
                trace.steps[step].overlaps |= overlaps? || coupled.contains(&true);
                trace.inputs[row..row + all].copy_from_slice(&self.row);
                let place = (step * rows + stage) * lags;
                trace.sources[place..place + lags].copy_from_slice(&sources);
                self.sources = sources;
                system.slope(t, &self.row, &mut self.slope, &mut self.scratch);
                self.evaluations += 1;
                let kept = &trace.slopes[slopes + stage * n..slopes + (stage + 1) * n];
                for (kept, new) in kept.iter().zip(&self.slope) {
                    change = change.max((*kept - new).abs());
                    size = size.max(new.abs());
                }
                self.fresh[stage * n..(stage + 1) * n].copy_from_slice(&self.slope);
            }
            // Only now: within a sweep, the step reads what the last sweep made of it.
            trace.slopes[slopes..slopes + rows * n].copy_from_slice(&self.fresh);
            if !trace.steps[step].overlaps || change <= 4.0 * f64::EPSILON * size {
                return Ok(());
            }
            if !change.is_finite() {
                break;
            }
            // Converged up to rounding, which may go round in circles.
            if repeat > 20 && change >= 0.5 * before && change <= 1e-12 * size {
                return Ok(());
            }
            before = change;
        }
        refused(format!(
            "the step at t = {begin} reads itself through a lag shorter than the step, and cannot \
             be solved to rounding again, which exact gradients need; set a largest step below the \
             lag"
        ))
    }

    /// First slopes for a step that may read itself: those of the continuation of the last step, or
    /// none where the solution begins anew.
    fn guess(&mut self, trace: &mut Trace, step: usize) {
        let (n, rows) = (trace.n, trace.rows());
        let first = step * rows * n;
        if trace.lags > 0 && trace.steps[step].continues {
            for stage in 1..rows {
                let t = trace.stage_time(step, trace.tableau.stage(stage).1);
                for state in 0..n {
                    let slope = trace.value(step - 1, t, 1, state);
                    trace.slopes[first + stage * n + state] = slope;
                }
            }
        }
        self.fresh.clear();
        self.fresh.extend_from_slice(&trace.slopes[first..first + rows * n]);
    }

    /// Whether the step taken again is the one of the solve.
    pub(super) fn compare(
        &mut self,
        settings: &Settings,
        trace: &Trace,
        step: usize,
        recorded: &[f64],
    ) -> Result<(), SolveError> {
        let info = trace.steps[step];
        let t = trace.time(info.cut);
        let size = recorded.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (state, recorded) in recorded.iter().enumerate() {
            let again = if info.cut == info.end {
                let (begin, end) = trace.span(step);
                let sum = trace.weighted_by(step, trace.tableau.b, state);
                trace.beginning(step)[state] + (end - begin) * sum
            } else {
                trace.value(step, t, 0, state)
            };
            let rise = (again - trace.beginning(step)[state]).abs();
            let mut allowed = SAME * size.max(rise);
            if info.overlaps {
                let atol = settings.atol.get(state).or(settings.atol.first()).copied();
                allowed += 10.0 * (settings.rtol * recorded.abs() + atol.unwrap_or(0.0));
            }
            if !((again - recorded).abs() <= allowed) {
                return refused(format!(
                    "the step up to t = {t} cannot be taken again: state {state} becomes {again} \
                     instead of {recorded}, so it has no exact gradient; use forward differences \
                     or another solver"
                ));
            }
        }
        Ok(())
    }

    /// Reads delayed values at the save times that are reached with step `step`.
    pub(super) fn watch(
        &mut self,
        system: &System<'_>,
        trace: &mut Trace,
        step: usize,
        saves: &[f64],
    ) -> Result<(), SolveError> {
        let (begin, cut) = (trace.span(step).0, trace.time(trace.steps[step].cut));
        let mut sources = std::mem::take(&mut self.sources);
        let mut found = Ok(());
        while let Some(&t) = saves.get(trace.watched.len())
            && (cut - t) * system.ivp.direction() >= 0.0
            && found.is_ok()
        {
            for state in 0..trace.n {
                self.row[state] = trace.value(step, t, 0, state);
            }
            let from = From { t, begin, step };
            let (row, scratch) = (&mut self.row, &mut self.scratch);
            found =
                self.past.fill(system, trace, from, row, &mut sources, &[], scratch).map(|_| ());
            trace.watched.push(Watched { save: trace.watched.len(), t, step });
            trace.watched_inputs.extend_from_slice(&self.row);
            trace.watched_sources.extend_from_slice(&sources);
        }
        self.sources = sources;
        found
    }

    /// Goes through the end of a step without events: a discontinuity may begin there.
    /// `order` is that of the derivative that jumps there for constant lags.
    pub(super) fn pass(
        &mut self,
        system: &System<'_>,
        trace: &mut Trace,
        step: usize,
        order: Option<u32>,
        at: &mut At,
    ) {
        if trace.lags == 0 {
            return;
        }
        let info = trace.steps[step];
        let (begin, end) = trace.span(step);
        self.end.clear();
        self.end.extend_from_slice(&self.row[..trace.n]);
        let (from, to) = ((begin, trace.beginning(step)), (end, &self.end[..]));
        let (row, scratch) = (&mut self.row, &mut self.scratch);
        let passage = self.past.arrival(system, trace, from, to, row, scratch);
        if let Some(order) = order {
            self.past.expect(info.end, order);
            at.continues = false;
        } else if let Some((lag, index)) = passage {
            let moment = self.past.origins[index];
            let cut = trace.add(end, Kind::Passage { lag, moment, step });
            trace.steps[step].cut = cut;
            if let Some(order) = self.past.carried(system, index, lag) {
                self.past.expect(cut, order);
            }
            *at = At { moment: cut, continues: false };
        }
    }
}
