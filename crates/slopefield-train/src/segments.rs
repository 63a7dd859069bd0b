//! A stage over segments of the span: minibatches of one long experiment.
//!
//! A solve over a long span costs its length in every iteration, and its loss has a minimum at every turn
//! that the model may take. Over segments with initial states of their own an iteration costs the segments
//! that it looks at, and follows the data from almost anywhere. The states are unknowns like the parameters;
//! the squares of the jumps between segments are added to the loss with a weight that grows over the stage,
//! as in [`crate::shooting`]. Each iteration looks at segments drawn from the seed ([`crate::Batch`]): the
//! mean of the losses and gradients of a round is that of all segments.

use crate::control::Event;
use crate::fit::StopReason;
use crate::objective::Objective;
use crate::optimise::{Adam, AdamWork, EvaluateFn, StepError};
use crate::recipe::Stage;
use crate::session::{Session, place};
use crate::shooting::Segments;
use crate::stage::{ROLLBACKS, failed};
use std::time::Instant;

/// Weights of a squared jump of a state's size, in units of the data, one part of the stage after the other.
const WEIGHTS: [f64; 3] = [1.0, 10.0, 100.0];

impl Session<'_> {
    /// Runs the current stage over segments. It is not cut in two: stopped before its end, it begins anew
    /// when training goes on.
    pub(crate) fn run_segments(&mut self) -> Result<StopReason, StopReason> {
        let index = self.state.stage;
        let stage = self.state.stages[index];
        self.step_off_bounds(&stage);
        let before = self.know_where_it_begins(&stage)?;
        let segments =
            match Segments::new(self.objective, &self.state.z, Some(stage.segments as usize)) {
                Ok(segments) => segments,
                Err(why) => {
                    self.note(format!("stage {} goes over the whole span: {why}", index + 1));
                    self.state.stages[index].segments = 0;
                    return self.run_stage();
                }
            };
        (self.emit)(Event::StageStarted {
            stage: index,
            description: &stage,
            iteration: self.state.iteration,
        });
        let (z, evaluations) = self.descend(&stage, &segments)?;
        // What follows looks at a part of the span, or at all of it: that is what it must be better for.
        let horizon = self.state.stages.get(index + 1).map_or(1.0, |next| next.horizon);
        let begun = (self.state.z.clone(), self.state.evaluations, self.state.iteration);
        let found = self.evaluate(&z, horizon, None);
        let known = match before {
            Some(_) => Some(self.evaluate(&begun.0, horizon, None)),
            None => None,
        };
        if self.control.cancelled() {
            // The stage is not done; it is done again when training goes on.
            self.state.evaluations = begun.1;
            return Err(StopReason::Cancelled);
        }
        self.state.evaluations += evaluations;
        self.state.iteration += u64::from(stage.iterations);
        let (known, count) = (known.and_then(Result::ok), segments.count());
        match (found, known) {
            (Ok(after), known) if known.is_none_or(|known| after.loss < known.loss) => {
                let was = known.map_or(String::new(), |k| format!(", {:.6} before", k.loss));
                self.note(format!(
                    "{count} segments, free at first and then joined, led to the loss {:.6}{was}",
                    after.loss
                ));
                self.state.best = Some(place(&z, &after, horizon, self.state.iteration));
            }
            (Err(failure), None) => {
                // The next stage says what it makes of it.
                self.note(format!(
                    "{count} segments were joined, but the whole span cannot be solved yet ({})",
                    failure.message
                ));
                (self.state.z, self.state.best) = (z, None);
            }
            (_, known) => {
                self.note(format!(
                    "joining {count} segments led to nothing better: what follows begins where this \
                     stage began"
                ));
                self.state.best = known.map(|known| place(&begun.0, &known, horizon, begun.2));
            }
        }
        self.end_stage();
        Ok(StopReason::Iterations)
    }

    /// The loss of the whole span where the stage begins, if there is one: what is kept when the stage is
    /// stopped. Before the very first iteration the gradient is checked there.
    fn know_where_it_begins(&mut self, stage: &Stage) -> Result<Option<f64>, StopReason> {
        let checked = self.state.checked || self.state.iteration > 0 || !self.recipe.check_gradient;
        let known = self
            .state
            .best
            .as_ref()
            .filter(|best| checked && best.horizon >= stage.horizon && best.z == self.state.z);
        if let Some(known) = known {
            return Ok(Some(known.loss));
        }
        loop {
            match self.start_optimiser(stage, self.state.z.clone()) {
                Ok(optimiser) => {
                    if self.state.iteration == 0
                        && self.recipe.check_gradient
                        && !std::mem::replace(&mut self.state.checked, true)
                        && let Some(beside) = self.check_gradient(&optimiser)?
                    {
                        self.state.z = beside;
                        continue;
                    }
                    let evaluation = self.traced(optimiser.loss());
                    let (z, at) = (optimiser.z(), self.state.iteration);
                    self.state.best = Some(place(z, &evaluation, stage.horizon, at));
                    return Ok(Some(optimiser.loss()));
                }
                Err(failure) if failure.is_cancelled() => return Err(StopReason::Cancelled),
                Err(_) => {
                    self.state.best = None;
                    return Ok(None);
                }
            }
        }
    }

    /// Adam over the segments, with weights that grow; the parameters that it comes to, and how often the
    /// loss was computed.
    fn descend(
        &mut self,
        stage: &Stage,
        segments: &Segments,
    ) -> Result<(Vec<f64>, u64), StopReason> {
        let n = self.objective.dimension();
        let mut at = self.state.z.clone();
        let (mut done, mut evaluations) = (0, 0);
        for (part, weight) in WEIGHTS.into_iter().enumerate() {
            let until = u64::from(stage.iterations) * (part as u64 + 1) / WEIGHTS.len() as u64;
            if until == done {
                continue;
            }
            let made = segments.objective(self.objective, weight);
            let mut segmented = made.map_err(StopReason::Invalid)?;
            if at.len() == n {
                at.extend_from_slice(&segmented.z_start()[n..]);
            }
            segmented.set_cancel(Some(self.control.cancel.clone()));
            at = self.descend_with(stage, &mut segmented, at, done..until)?;
            evaluations += segmented.evaluations();
            done = until;
        }
        at.truncate(n);
        Ok((at, evaluations))
    }

    /// Adam with one weight, over some of the iterations of the stage.
    fn descend_with(
        &mut self,
        stage: &Stage,
        segmented: &mut Objective,
        begin: Vec<f64>,
        iterations: std::ops::Range<u64>,
    ) -> Result<Vec<f64>, StopReason> {
        let states = begin.len() - self.objective.dimension();
        // States at which segments begin move with whatever moves.
        let with_states = |mut of_theta: Vec<bool>, moves: bool| -> Vec<bool> {
            of_theta.extend(std::iter::repeat_n(moves, states));
            of_theta
        };
        let moving = with_states(self.objective.moving(stage.scope), true);
        let decays = with_states(self.decaying(stage), false);
        let (settings, total) = (stage.adam_settings(), u64::from(stage.iterations));
        let all = segmented.batchable();
        let rounds = stage.batch.rounds(all);
        let mut work = AdamWork::default();
        let drawn = |k: u64| stage.batch.drawn(all, k);
        let started = self.over(segmented, &moving, drawn(iterations.start), |evaluate| {
            Adam::start(begin.clone(), evaluate)
        });
        let mut adam = match started {
            Ok(adam) => adam,
            Err(StepError::Interrupted) => return Err(StopReason::Cancelled),
            // Segments that cannot be solved from where they are.
            Err(StepError::Failed) => return Ok(begin),
        };
        let mut best = (
            segmented.evaluate(&adam.z, 1.0, None).map_or(f64::INFINITY, |e| e.loss),
            adam.clone(),
        );
        let mut rollbacks = 0;
        let last = iterations.end;
        for k in iterations {
            self.hold()?;
            let since = Instant::now();
            let share = stage.schedule.share(k, total);
            // The gradient at hand is of the last batch; the step leads to the next.
            let stepped = self.over(segmented, &moving, drawn(k + 1), |evaluate| {
                adam.step(&settings, share, &decays, &mut work, evaluate)
            });
            let mut loss = adam.loss;
            match stepped {
                Ok(()) => {}
                Err(StepError::Interrupted) => return Err(StopReason::Cancelled),
                Err(StepError::Failed) => loss = f64::INFINITY,
            }
            if loss.is_finite() && ((k + 1).is_multiple_of(rounds) || k + 1 == last) {
                if rounds > 1 {
                    loss = match segmented.evaluate(&adam.z, 1.0, None) {
                        Ok(of_all) => of_all.loss,
                        Err(failure) if failure.is_cancelled() => {
                            return Err(StopReason::Cancelled);
                        }
                        Err(_) => f64::INFINITY,
                    };
                }
                if loss < best.0 {
                    best = (loss, adam.clone());
                    rollbacks = 0;
                }
            }
            if loss.is_infinite() {
                rollbacks += 1;
                if rollbacks > ROLLBACKS {
                    break;
                }
                let damping = 0.5 * adam.damping.min(best.1.damping);
                adam.clone_from(&best.1);
                adam.damping = damping;
                best.1.damping = damping;
            }
            let seconds = since.elapsed().as_secs_f64();
            self.pace = Some(self.pace.map_or(seconds, |pace| 0.95 * pace + 0.05 * seconds));
            self.tell_of_segments(stage, k + 1, (loss, best.0), &adam.z);
        }
        Ok(best.1.z)
    }

    /// Lends the loss of segments to Adam: of some, or of all.
    fn over<T>(
        &mut self,
        segmented: &mut Objective,
        moving: &[bool],
        some: Option<Vec<usize>>,
        run: impl FnOnce(&mut EvaluateFn<'_>) -> T,
    ) -> T {
        let last = &mut self.last_failure;
        let mut evaluate = |z: &[f64], gradient: &mut [f64]| {
            let found = match &some {
                Some(which) => segmented.evaluate_some(z, 1.0, which, gradient),
                None => segmented.evaluate(z, 1.0, Some(&mut *gradient)),
            };
            match found {
                Ok(evaluation) => {
                    for (g, moves) in gradient.iter_mut().zip(moving) {
                        *g = if *moves { *g } else { 0.0 };
                    }
                    Ok(evaluation.loss)
                }
                Err(failure) => Err(failed(failure, last)),
            }
        };
        run(&mut evaluate)
    }

    /// Tells of an iteration of the stage, from 1: the loss over segments, or its estimate from some.
    fn tell_of_segments(&mut self, stage: &Stage, k: u64, (loss, best): (f64, f64), z: &[f64]) {
        let n = self.objective.dimension();
        self.objective.theta_into(&z[..n], &mut self.theta);
        let index = self.state.stage;
        let total: u64 = self.state.stages.iter().map(|s| u64::from(s.iterations)).sum();
        let later: u64 =
            self.state.stages[index + 1..].iter().map(|s| u64::from(s.iterations)).sum();
        let to_come = u64::from(stage.iterations) - k + later;
        let (iteration, elapsed) = (self.state.iteration + k, self.elapsed());
        (self.emit)(Event::Iteration {
            iteration,
            total: total.min(iteration + to_come),
            stage: index,
            loss,
            best,
            hold_out: None,
            theta: &self.theta,
            elapsed,
            left: self.pace.map(|pace| pace * to_come as f64),
        });
    }
}
