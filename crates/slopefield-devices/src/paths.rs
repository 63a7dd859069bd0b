//! Paths of an equation with noise, portion after portion, on a card while that goes well. What a card does not
//! compute is left to whoever asks, who has a method of the processor.

use crate::choice::{best, guarded_find, seconds, too_fine};
use crate::solve::{Site, guarded};
use crate::{Card, CardError, PathCardProgram, Wanted};
use slopefield_ensemble::TrajectoryResult;
use slopefield_graph::LoweredModel;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Settings;
use std::time::Instant;

/// Paths that do not fit into the memory of a card are halved down to this.
const LEAST_PORTION: usize = 1 << 10;
/// Paths of the trial of a card.
const TRIAL: usize = 4096;

/// Paths of one equation, which differ in their number alone.
#[derive(Clone, Copy)]
pub struct PathWork<'a> {
    /// The model.
    pub model: &'a LoweredModel,
    /// What is known of its noise, and the meaning of its integrals.
    pub noise: (NoiseKind, Calculus),
    /// The method, as the processor calls it.
    pub method: &'a str,
    /// Start time.
    pub t0: f64,
    /// End time.
    pub t1: f64,
    /// Number of paths.
    pub count: usize,
    /// Initial state.
    pub u0: &'a [f64],
    /// Parameters.
    pub p: &'a [f64],
    /// Seed, number of the first path, budget, cancellation; `h_init` and `h_max` are the length of all steps,
    /// and the tolerance is that which the length was chosen for.
    pub settings: &'a Settings,
    /// Times at which states are kept.
    pub saves: &'a [f64],
}

/// Paths on a card as long as it computes them.
pub struct CardPaths<'a> {
    program: Option<Box<dyn PathCardProgram + 'a>>,
    told: Vec<String>,
    done: u64,
}

/// Runs `run` with the device that was asked for. `processor_s` is how long the processor would take for all of
/// `work`; [`Wanted::Auto`] compares it with a trial of the card.
pub fn with_paths<T>(
    work: &PathWork<'_>,
    wanted: &Wanted,
    site: &Site<'_>,
    processor_s: f64,
    run: impl FnOnce(&mut CardPaths<'_>) -> T,
) -> T {
    let mut told = Vec::new();
    let card = match opened(work, wanted, site, processor_s) {
        Ok(card) => Some(card),
        Err(why) => {
            told.push(format!("the processor: {why}"));
            None
        }
    };
    let program = card.as_deref().and_then(|card| match chosen(card, work, wanted, processor_s) {
        Ok((program, sentence)) => {
            told.push(sentence);
            Some(program)
        }
        Err(sentence) => {
            told.push(sentence);
            None
        }
    });
    run(&mut CardPaths { program, told, done: 0 })
}

/// The card that may compute.
fn opened(
    work: &PathWork<'_>,
    wanted: &Wanted,
    site: &Site<'_>,
    processor_s: f64,
) -> Result<Box<dyn Card>, String> {
    let found;
    let name = match wanted {
        Wanted::Processor => return Err("it was asked for".into()),
        Wanted::Auto if processor_s < site.quick_s => {
            return Err(format!("all of it takes about {} there", seconds(processor_s)));
        }
        Wanted::Auto => {
            found = guarded_find(site.cards);
            Some(best(&found.cards, found.none_because.as_deref())?.name.as_str())
        }
        Wanted::Card => None,
        Wanted::Named(name) => Some(name.as_str()),
    };
    let card = guarded(|| site.cards.open(name));
    let card = card.map_err(|e| format!("no card can be used: {e}"))?;
    match too_fine(work.settings.rtol, card.info()) {
        Some(why) => Err(why),
        None => Ok(card),
    }
}

/// The program of a card that computes, and the sentence that says so; else the one that says why not.
fn chosen<'c>(
    card: &'c dyn Card,
    work: &PathWork<'_>,
    wanted: &Wanted,
    processor_s: f64,
) -> Result<(Box<dyn PathCardProgram + 'c>, String), String> {
    let instead = |e: CardError| format!("the processor computes instead: {e}");
    let (name, began) = (&card.info().name, Instant::now());
    let program = guarded(|| card.path_program(work)).map_err(instead)?;
    if *wanted != Wanted::Auto {
        return Ok((program, format!("{name}, as asked for")));
    }
    let count = work.count.min(TRIAL);
    let mut out = vec![0.0; count * work.saves.len() * work.u0.len()];
    let trial = PathWork { count, ..*work };
    let start_s = began.elapsed().as_secs_f64();
    let began = Instant::now();
    guarded(|| program.paths(&trial, &mut out)).map_err(instead)?;
    let there_s = start_s + began.elapsed().as_secs_f64() * work.count as f64 / count as f64;
    let (there, here) = (seconds(there_s), seconds(processor_s));
    if there_s < processor_s {
        let sentence =
            format!("{name}, which takes about {there}; the processor would take {here}");
        return Ok((program, sentence));
    }
    Err(format!("the processor: it takes about {here}, and {name} would take {there}"))
}

impl CardPaths<'_> {
    /// Whether a card computes.
    #[must_use]
    pub fn computes(&self) -> bool {
        self.program.is_some()
    }

    /// States of the paths of `work` at the save times, path by path, as
    /// [`CardProgram::solve`](crate::CardProgram::solve) writes them; none where the processor is to compute
    /// them, and all that follow.
    pub fn fill(&mut self, work: &PathWork<'_>, out: &mut [f64]) -> Option<Vec<TrajectoryResult>> {
        let program = self.program.as_ref()?;
        let row = work.saves.len() * work.u0.len();
        let (mut all, mut most) = (Vec::with_capacity(work.count), work.count.max(1));
        while all.len() < work.count {
            let from = all.len();
            let count = most.min(work.count - from);
            let mut settings = work.settings.clone();
            settings.path = settings.path.wrapping_add(from as u64);
            let part = PathWork { count, settings: &settings, ..*work };
            let out = &mut out[from * row..][..count * row];
            match guarded(|| program.paths(&part, out)) {
                Ok(results) if results.len() == count => all.extend(results),
                Ok(results) => {
                    let got = results.len();
                    let what = format!("the card answered for {got} of {count} only");
                    return self.stop(&CardError::Failed(what));
                }
                Err(CardError::Memory(_)) if count > LEAST_PORTION => most = count.div_ceil(2),
                Err(e) => return self.stop(&e),
            }
        }
        self.done += work.count as u64;
        Some(all)
    }

    fn stop(&mut self, why: &CardError) -> Option<Vec<TrajectoryResult>> {
        self.told.push(match self.done {
            0 => format!("the processor computes instead: {why}"),
            n => format!("after {n} paths {why}; the processor goes on"),
        });
        self.program = None;
        None
    }

    /// What was chosen and why, and what else happened since the last call: sentences without a full stop.
    pub fn sentences(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}
