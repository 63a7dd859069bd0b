//! A stage of CMA-ES: the search over the elements that move, its places on all cores.

use crate::checkpoint::OptimiserState;
use crate::failure::{Failure, FailureKind};
use crate::optimise::{CmaEs, CmaEsSettings, CmaEsWork, StepError, Stepped, ValuesFn};
use crate::recipe::{Stage, loss_unit};
use crate::session::Session;

/// Parameters at most, because the covariance is dense and decomposed again and again.
const MOST_SEARCHED: usize = 300;

impl Session<'_> {
    /// Begins the search around `z`.
    ///
    /// # Errors
    /// Too many parameters, or no loss at `z`.
    pub(crate) fn start_search(
        &mut self,
        stage: &Stage,
        z: Vec<f64>,
    ) -> Result<OptimiserState, Failure> {
        let count = self.objective.moving(stage.scope).iter().filter(|m| **m).count();
        if count > MOST_SEARCHED {
            let why = format!(
                "CMA-ES is for at most {MOST_SEARCHED} parameters, not {count}; let it move fewer of \
                 them, or use Adam"
            );
            return Err(Failure::new(FailureKind::Solve, why));
        }
        let settings = self.search_settings(stage);
        let started =
            self.with_values(stage, &z, |place, evaluate| CmaEs::start(place, &settings, evaluate));
        started.map(|state| OptimiserState::CmaEs(state, z)).map_err(|_| self.failed_start())
    }

    /// One generation; `z` is then its best place.
    pub(crate) fn step_search(
        &mut self,
        stage: &Stage,
        search: &mut CmaEs,
        z: &mut [f64],
        work: &mut CmaEsWork,
    ) -> Result<Stepped, StepError> {
        let settings = self.search_settings(stage);
        let stepped =
            self.with_values(stage, z, |_, evaluate| search.step(&settings, work, evaluate));
        let moving = self.objective.moving(stage.scope);
        let moved = z.iter_mut().zip(moving).filter(|(_, moves)| *moves);
        moved.zip(&search.z).for_each(|((z, _), new)| *z = *new);
        stepped
    }

    fn search_settings(&self, stage: &Stage) -> CmaEsSettings {
        CmaEsSettings {
            spread: stage.search.spread,
            population: stage.search.population as usize,
            seed: stage.search.seed,
            unit: loss_unit(self.objective),
            ..CmaEsSettings::default()
        }
    }

    /// Lends the values of the objective over the elements that the stage moves, and those of `z`
    /// themselves; the others keep what they are in `z`.
    fn with_values<T>(
        &mut self,
        stage: &Stage,
        z: &[f64],
        run: impl FnOnce(Vec<f64>, &mut ValuesFn<'_>) -> T,
    ) -> T {
        self.trace.clear();
        let moving = self.objective.moving(stage.scope);
        let which: Vec<usize> = (0..moving.len()).filter(|i| moving[*i]).collect();
        let (objective, trace) = (&mut *self.objective, &mut self.trace);
        let (last, count) = (&mut self.last_failure, &mut self.state.evaluations);
        let mut whole = Vec::new();
        let mut evaluate = |places: &[f64], values: &mut [f64]| {
            *count += values.len() as u64;
            whole.clear();
            for place in places.chunks_exact(which.len().max(1)) {
                let from = whole.len();
                whole.extend_from_slice(z);
                which.iter().zip(place).for_each(|(&i, v)| whole[from + i] = *v);
            }
            let mut interrupted = false;
            for (found, value) in objective.values(&whole, stage.horizon).into_iter().zip(values) {
                *value = match found {
                    Ok(evaluation) => {
                        trace.push(evaluation);
                        evaluation.loss
                    }
                    Err(failure) => {
                        interrupted |= failure.is_cancelled();
                        *last = Some(failure);
                        f64::INFINITY
                    }
                };
            }
            if interrupted { Err(StepError::Interrupted) } else { Ok(()) }
        };
        run(which.iter().map(|&i| z[i]).collect(), &mut evaluate)
    }
}
