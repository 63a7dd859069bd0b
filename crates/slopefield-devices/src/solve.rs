//! The work as a whole: chosen, done in portions, and gone on with where a card stops.

use crate::choice::{self, Choice};
use crate::{Card, CardError, Cards, Wanted, Work};
use slopefield_ensemble::{TrajectoryResult, Values};
use slopefield_solve::SolveError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Trajectories that a card is given at a time: enough to fill the largest, and what a loss costs.
const PORTION: usize = 1 << 17;
/// Portions that do not fit into the memory of a card are halved down to this.
const LEAST_PORTION: usize = 1 << 10;

/// What surrounds the work.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The cards there are.
    pub cards: &'a dyn Cards,
    /// File of what was measured of cards.
    pub figures: Option<&'a Path>,
    /// Called now and then, from any thread, with the number of trajectories begun so far.
    pub progress: Option<&'a (dyn Fn(usize) + Sync)>,
    /// Seconds: what the processor does in less is not offered to a card by [`Wanted::Auto`].
    pub quick_s: f64,
    /// Trajectories that a card is given at a time.
    pub portion: usize,
}

impl<'a> Site<'a> {
    /// These cards, and nothing kept.
    #[must_use]
    pub fn new(cards: &'a dyn Cards) -> Site<'a> {
        Site { cards, figures: None, progress: None, quick_s: 0.1, portion: PORTION }
    }
}

/// What came of the work.
#[derive(Debug, Clone)]
pub struct Solved {
    /// One per trajectory.
    pub trajectories: Vec<TrajectoryResult>,
    /// The device that was chosen: `processor`, or the name of a card.
    pub device: String,
    /// Number of trajectories whose states are a card's.
    pub on_card: usize,
    /// What was chosen and why, and what else happened: sentences without a full stop.
    pub sentences: Vec<String>,
}

/// Solves all trajectories of `work`, whatever happens to a card, and writes their states at the save
/// times to `out` as [`slopefield_ensemble::solve`] does.
///
/// On the processor the states are those of the ensembles, in double precision. A card's are as good
/// as its precision lets them be; the trajectories that fail there are solved again on the processor.
///
/// # Errors
/// [`SolveError::Invalid`] for sizes, settings or save times that make no sense. A trajectory that
/// fails stops alone.
pub fn solve(
    work: &Work<'_>,
    wanted: &Wanted,
    site: &Site<'_>,
    out: &mut [f64],
) -> Result<Solved, SolveError> {
    if Some(out.len()) != work.count.checked_mul(work.row()) {
        return Err(SolveError::Invalid(format!(
            "room for {} values was given, but {} trajectories need {} each",
            out.len(),
            work.count,
            work.row()
        )));
    }
    if work.count == 0 {
        let device = "processor".into();
        return Ok(Solved { trajectories: vec![], device, on_card: 0, sentences: vec![] });
    }
    let (card, sentence) = match choice::choose(work, wanted, site)? {
        Choice::Processor(sentence) => {
            let trajectories = crate::processor::solve(work, out, site.progress)?;
            let (device, sentences) = ("processor".into(), vec![sentence]);
            return Ok(Solved { trajectories, device, on_card: 0, sentences });
        }
        Choice::Card(card, sentence) => (card, sentence),
    };
    let mut solved = Solved {
        trajectories: Vec::with_capacity(work.count),
        device: card.info().name.clone(),
        on_card: 0,
        sentences: vec![sentence],
    };
    let stopped = on_card(&*card, work, site, out, &mut solved);
    drop(card);
    let done = solved.trajectories.len();
    solved.on_card = done;
    if let Some(why) = stopped {
        let rest = work.count - done;
        let (sentence, device) = match done {
            0 => (format!("the processor computes instead: {why}"), Some("processor".to_owned())),
            _ => (
                format!(
                    "after {done} of {} trajectories {why}; the processor computed the other {rest}",
                    work.count
                ),
                None,
            ),
        };
        // Of what was stopped nobody asks where.
        if !interrupted(work) {
            solved.sentences.push(sentence);
        }
        solved.device = device.unwrap_or(solved.device);
        let told = |begun: usize| site.progress.iter().for_each(|tell| tell(done + begun));
        let tail = &mut out[done * work.row()..];
        let others = crate::processor::solve(&work.portion(done, rest), tail, Some(&told))?;
        solved.trajectories.extend(others);
    }
    again(work, done, out, &mut solved)?;
    Ok(solved)
}

/// Fails where the driver panics: it must not take the run along.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, CardError>) -> Result<T, CardError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(CardError::Failed("the graphics driver failed".into())))
}

/// Solves on a card as far as that goes; why it does not go on.
fn on_card(
    card: &dyn Card,
    work: &Work<'_>,
    site: &Site<'_>,
    out: &mut [f64],
    solved: &mut Solved,
) -> Option<CardError> {
    let program = match guarded(|| card.program(work)) {
        Ok(program) => program,
        Err(e) => return Some(e),
    };
    if let (Some(why), Some(chosen)) = (program.batched_because(), solved.sentences.first_mut()) {
        *chosen += &format!("; by batched solves, because {why}");
    }
    let done = &mut solved.trajectories;
    let mut most = site.portion.max(1);
    while done.len() < work.count && !interrupted(work) {
        let from = done.len();
        let count = most.min(work.count - from);
        let part = &mut out[from * work.row()..][..count * work.row()];
        match guarded(|| program.solve(&work.portion(from, count), part)) {
            Ok(results) if results.len() == count => done.extend(results),
            Ok(results) => {
                let what = format!("the card answered for {} of {count} only", results.len());
                return Some(CardError::Failed(what));
            }
            Err(CardError::Memory(_)) if count > LEAST_PORTION => most = count.div_ceil(2),
            Err(e) => return Some(e),
        }
        site.progress.iter().for_each(|tell| tell(done.len()));
    }
    // What nobody wants any more ends on the processor at once, and each trajectory says so.
    (done.len() < work.count).then(|| CardError::Failed("the run was stopped".into()))
}

fn interrupted(work: &Work<'_>) -> bool {
    work.settings.interruption(work.t0).is_some()
}

/// Solves the trajectories again, among the first `done`, that failed for want of precision or for a
/// reason of their own: the processor has more digits, and its words for failures.
fn again(
    work: &Work<'_>,
    done: usize,
    out: &mut [f64],
    solved: &mut Solved,
) -> Result<(), SolveError> {
    let own_fault = |result: &TrajectoryResult| {
        let stopped = |e: &SolveError| {
            matches!(e, SolveError::Cancelled { .. } | SolveError::OutOfTime { .. })
        };
        result.as_ref().is_err_and(|failure| !stopped(&failure.error))
    };
    let results = solved.trajectories[..done].iter().enumerate();
    let which: Vec<usize> = results.filter(|(_, r)| own_fault(r)).map(|(i, _)| i).collect();
    if which.is_empty() || interrupted(work) {
        return Ok(());
    }
    let rows = |values: Values<'_>, len: usize| match values {
        Values::Same(_) => None,
        Values::Each(rows) => {
            let row = |i: &usize| rows[i * len..][..len].to_vec();
            Some(which.iter().flat_map(row).collect::<Vec<_>>())
        }
    };
    let (u0, own) = (rows(work.u0, work.states()), rows(work.own, work.rhs.own_params().len()));
    let few = Work {
        count: which.len(),
        u0: u0.as_deref().map_or(work.u0, Values::Each),
        own: own.as_deref().map_or(work.own, Values::Each),
        ..*work
    };
    let row = work.row();
    let mut found = vec![0.0; which.len() * row];
    let results = crate::processor::solve(&few, &mut found, None)?;
    let still = results.iter().filter(|r| r.is_err()).count();
    for (k, (i, result)) in which.iter().zip(results).enumerate() {
        out[i * row..][..row].copy_from_slice(&found[k * row..][..row]);
        solved.trajectories[*i] = result;
    }
    solved.on_card -= which.len();
    let count = which.len();
    let (are, them) = if count == 1 { ("trajectory", "it") } else { ("trajectories", "them") };
    let rest = match still {
        0 => String::new(),
        n => format!("; {n} failed there too"),
    };
    solved.sentences.push(format!(
        "{count} {are} failed in single precision, so the processor solved {them} again{rest}"
    ));
    Ok(())
}
