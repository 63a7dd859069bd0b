//! Which device computes: what was asked for, or what is expected to be done first.

use crate::figures::{self, Cost, Size};
use crate::solve::{Site, guarded};
use crate::{Card, CardError, CardInfo, Cards, Wanted, Work, processor};
use slopefield_ensemble::TrajectoryResult;
use slopefield_solve::SolveError;
use std::time::Instant;

/// Trajectories of the first trial on the processor, and how many times more the next one has.
const FIRST_TRIAL: usize = 64;
const LARGER: usize = 4;
/// How many times faster a core is with all its lanes busy, about.
const LANES: usize = 4;
/// A trial of this many seconds says enough.
const TRIAL_S: f64 = 0.005;
/// Trajectories of the two trials of a card: the difference is what trajectories cost, the rest what
/// beginning costs.
const CARD_TRIALS: [usize; 2] = [256, 8192];

/// The device, and why.
pub(crate) enum Choice {
    /// The processor.
    Processor(String),
    /// A card.
    Card(Box<dyn Card>, String),
}

/// Chooses the device for `work`.
pub(crate) fn choose(
    work: &Work<'_>,
    wanted: &Wanted,
    site: &Site<'_>,
) -> Result<Choice, SolveError> {
    let name = match wanted {
        Wanted::Auto => return auto(work, site),
        Wanted::Processor => return Ok(Choice::Processor("the processor, as asked for".into())),
        Wanted::Card => None,
        Wanted::Named(name) => Some(name.as_str()),
    };
    Ok(match guarded(|| site.cards.open(name)) {
        Ok(card) => match too_fine(work.settings.rtol, card.info()) {
            None => {
                let sentence = format!("{}, as asked for", card.info().name);
                Choice::Card(card, sentence)
            }
            Some(why) => Choice::Processor(format!("the processor: {why}")),
        },
        Err(e) => Choice::Processor(format!("the processor, because no card can be used: {e}")),
    })
}

/// Why a tolerance is not for a card.
pub(crate) fn too_fine(rtol: f64, card: &CardInfo) -> Option<String> {
    let finest = card.finest;
    (rtol < finest).then(|| {
        format!(
            "the relative tolerance {rtol:e} is finer than {} can hold; it computes from {finest:e} on",
            card.name
        )
    })
}

/// Steps tried, the measure of work.
pub(crate) fn attempts(results: &[TrajectoryResult]) -> u64 {
    let stats = |r: &TrajectoryResult| match r {
        Ok(stats) => stats.accepted + stats.rejected,
        Err(failure) => failure.stats.accepted + failure.stats.rejected,
    };
    results.iter().map(stats).sum()
}

fn auto(work: &Work<'_>, site: &Site<'_>) -> Result<Choice, SolveError> {
    let processor = |why: String| Ok(Choice::Processor(format!("the processor: {why}")));
    let quick = |s: f64| {
        let why = format!("all of it takes about {} there", seconds(s));
        (s < site.quick_s).then_some(why)
    };
    // One trajectory says enough of little work, and costs little where there is no card.
    if let Some(why) = quick(Trial::of(work, 1)?.whole_s) {
        return processor(why);
    }
    let found = guarded_find(site.cards);
    let info = match best(&found.cards, found.none_because.as_deref()) {
        Ok(info) => info,
        Err(why) => return processor(why),
    };
    if let Some(why) = too_fine(work.settings.rtol, info) {
        return processor(why);
    }
    let trial = Trial::long_enough(work)?;
    if let Some(why) = quick(trial.whole_s) {
        return processor(why);
    }
    let card = match guarded(|| site.cards.open(Some(&info.name))) {
        Ok(card) => card,
        Err(e) => return processor(e.to_string()),
    };
    let size = Size::of(work);
    let cost = match figures::known(site.figures, card.info(), size) {
        Some(cost) => cost,
        None => match guarded(|| measure(&*card, work)) {
            Ok(cost) => {
                figures::keep(site.figures, card.info(), size, cost);
                cost
            }
            Err(e) => return processor(e.to_string()),
        },
    };
    let there_s = cost.start_s + cost.step_s * trial.attempts;
    let (name, here_s) = (&card.info().name, trial.whole_s);
    if there_s < here_s {
        let sentence = format!(
            "{name}, which takes about {}; the processor would take {}",
            seconds(there_s),
            seconds(here_s)
        );
        return Ok(Choice::Card(card, sentence));
    }
    let (here, there) = (seconds(here_s), seconds(there_s));
    processor(format!("it takes about {here}, and {name} would take {there}"))
}

/// The best card that is no software, or why there is none.
pub(crate) fn best<'a>(cards: &'a [CardInfo], none: Option<&str>) -> Result<&'a CardInfo, String> {
    match (cards.iter().find(|card| !card.software), cards.first()) {
        (Some(card), _) => Ok(card),
        (None, Some(software)) => Err(format!(
            "the only other device is {}, which runs on the processor too",
            software.name
        )),
        (None, None) => Err(none.unwrap_or("there is no graphics card").into()),
    }
}

/// The card that may compute where this was asked for, before it is opened; a sentence where there is none.
///
/// # Errors
/// The sentence.
pub fn candidate(cards: &dyn Cards, wanted: &Wanted) -> Result<CardInfo, String> {
    let found = guarded_find(cards);
    let none = || found.none_because.clone().unwrap_or_else(|| "there is no graphics card".into());
    match wanted {
        Wanted::Processor => Err("it was asked for".into()),
        Wanted::Auto | Wanted::Card => best(&found.cards, found.none_because.as_deref()).cloned(),
        Wanted::Named(_) if found.cards.is_empty() => Err(none()),
        Wanted::Named(name) => {
            let name_of =
                |card: &&CardInfo| card.name.to_lowercase().contains(&name.to_lowercase());
            let missing = || format!("no card is called `{name}`; `slopefield devices` lists them");
            found.cards.iter().find(name_of).cloned().ok_or_else(missing)
        }
    }
}

/// What `auto` would take into account on this machine, in a word and a sentence.
#[must_use]
pub fn would_choose(cards: &[CardInfo], none_because: Option<&str>) -> (String, String) {
    match best(cards, none_because) {
        Ok(card) => (
            card.name.clone(),
            format!(
                "where many trajectories take the processor longer than a moment and the relative \
                 tolerance is {:e} or looser, the card is measured once for each size of model and \
                 computes if it is faster; else the processor does",
                card.finest
            ),
        ),
        Err(why) => (processor().name, why),
    }
}

pub(crate) fn guarded_find(cards: &dyn Cards) -> crate::Found {
    let found = guarded(|| Ok(cards.find()));
    found.unwrap_or_else(|e: CardError| crate::Found {
        cards: Vec::new(),
        none_because: Some(e.to_string()),
    })
}

/// What a part of the work took on the processor, and what all of it will.
struct Trial {
    took: f64,
    whole_s: f64,
    /// Steps that all of it will try.
    attempts: f64,
}

impl Trial {
    /// From so many trajectories. One alone leaves other cores and lanes idle, which all would use.
    fn of(work: &Work<'_>, count: usize) -> Result<Trial, SolveError> {
        let portion = spread(work, count);
        let mut out = vec![0.0; work.row() * count];
        let began = Instant::now();
        let results = crate::processor::solve(&portion.work(work), &mut out, None)?;
        let took = began.elapsed().as_secs_f64();
        let times = work.count as f64 / count as f64;
        let lanes = if work.apart.is_none() { LANES } else { 1 };
        let idle = if count == 1 { (lanes * processor().cores).min(work.count) } else { 1 };
        Ok(Trial {
            took,
            whole_s: took * times / idle as f64,
            attempts: attempts(&results) as f64 * times,
        })
    }

    /// From as many as take a while.
    fn long_enough(work: &Work<'_>) -> Result<Trial, SolveError> {
        let mut count = FIRST_TRIAL.min(work.count);
        loop {
            let trial = Trial::of(work, count)?;
            if trial.took >= TRIAL_S || count == work.count || work.settings.cancelled() {
                return Ok(trial);
            }
            count = (count * LARGER).min(work.count);
        }
    }
}

/// Seconds on a card: beginning, and each step.
fn measure(card: &dyn Card, work: &Work<'_>) -> Result<Cost, CardError> {
    let began = Instant::now();
    let program = card.program(work)?;
    let compiled = began.elapsed().as_secs_f64();
    let mut points = Vec::new();
    let mut out = Vec::new();
    for count in CARD_TRIALS.map(|count| count.min(work.count).max(1)) {
        let portion = spread(work, count);
        out.resize(work.row() * count, 0.0);
        let began = Instant::now();
        let results = program.solve(&portion.work(work), &mut out)?;
        points.push((attempts(&results) as f64, began.elapsed().as_secs_f64()));
    }
    Ok(line(compiled, points[0], points[1]))
}

/// The line through two points of steps and seconds, `compiled` above it.
fn line(compiled: f64, (few, few_s): (f64, f64), (many, many_s): (f64, f64)) -> Cost {
    if many <= few {
        // All of it fits into the smaller trial.
        return Cost { start_s: compiled, step_s: many_s / many.max(1.0) };
    }
    // Noise of the clock must not make steps free.
    let step_s = ((many_s - few_s) / (many - few)).max(0.1 * many_s / many);
    Cost { start_s: compiled + (few_s - step_s * few).max(0.0), step_s }
}

/// Trajectories from all over the work: neighbours in a scan cost alike, its ends may not.
struct Spread {
    count: usize,
    u0: Option<Vec<f64>>,
    own: Option<Vec<f64>>,
}

fn spread(work: &Work<'_>, count: usize) -> Spread {
    use slopefield_ensemble::Values;
    let pick = |values: Values<'_>, len: usize| match values {
        Values::Same(_) => None,
        Values::Each(rows) => {
            let index = |k: usize| (k as u128 * work.count as u128 / count as u128) as usize;
            Some((0..count).flat_map(|k| rows[index(k) * len..][..len].to_vec()).collect())
        }
    };
    let (n, own) = (work.states(), work.rhs.own_params().len());
    Spread { count, u0: pick(work.u0, n), own: pick(work.own, own) }
}

impl Spread {
    fn work<'a>(&'a self, whole: &Work<'a>) -> Work<'a> {
        use slopefield_ensemble::Values;
        Work {
            count: self.count,
            u0: self.u0.as_deref().map_or(whole.u0, Values::Each),
            own: self.own.as_deref().map_or(whole.own, Values::Each),
            ..*whole
        }
    }
}

/// Seconds for people.
pub(crate) fn seconds(s: f64) -> String {
    match s {
        s if s < 0.01 => format!("{:.1} ms", 1e3 * s),
        s if s < 1.0 => format!("{:.0} ms", 1e3 * s),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_trials_give_the_cost_of_beginning_and_of_steps() {
        let near = |found: Cost, start_s: f64, step_s: f64| {
            assert!((found.start_s - start_s).abs() < 1e-12, "{found:?}");
            assert!((found.step_s - step_s).abs() < 1e-15, "{found:?}");
        };
        near(line(0.5, (1e4, 0.012), (1e6, 0.21)), 0.51, 2e-7);
        // The larger trial was faster by chance.
        near(line(0.5, (1e4, 0.02), (1e6, 0.01)), 0.52 - 1e-5, 1e-9);
        // One trial only.
        near(line(0.5, (100.0, 0.02), (100.0, 0.01)), 0.5, 1e-4);
    }

    #[test]
    fn times_are_told_with_their_unit() {
        let told = [0.0012, 0.25, 3.21, 1234.4].map(seconds);
        assert_eq!(told, ["1.2 ms", "250 ms", "3.2 s", "1234 s"]);
    }
}
