//! Many trajectories on a graphics card beside the same on the processor.
//!
//! The work is Lotka–Volterra with four parameters of each trajectory's own (those of B5, ±20 %) to t = 10
//! by Tsit5 at a relative tolerance of 1e-5, what single precision can hold, or another one. Both sides go
//! through what `slopefield simulate --scan` goes through. [`gpu_gradients`] does the same with gradients.

mod gradients;
mod work;

pub use gradients::gpu_gradients;

use crate::BenchError;
use crate::record::{Record, now};
use serde::Serialize;
use slopefield_devices::{Card, CardError, CardInfo, CardProgram, Cards};
use std::time::Instant;
use work::{Fleet, SMALLEST};

/// Rounds of a size at most.
const MOST_ROUNDS: usize = 200;
/// Trajectories that accuracy is measured on.
const CHECKED: usize = 1000;
/// Largest relative distance of a state at the end from the solution over the tolerance, as the tests of the
/// kernels allow it.
const ALLOWED: f64 = 50.0;

/// What to measure.
#[derive(Clone, Copy)]
pub struct GpuOptions<'a> {
    /// The cards there are.
    pub cards: &'a dyn Cards,
    /// A part of the name of the one that is measured; else the best, software where there is no other.
    pub device: Option<&'a str>,
    /// Relative tolerance; the absolute one is a tenth of it.
    pub rtol: f64,
    /// Seconds for each number of trajectories. Numbers that would take much longer are left out.
    pub seconds: f64,
}

/// Times of one number of trajectories, in seconds; of the card with everything that goes there and
/// comes back, but without compiling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GpuPoint {
    /// Number of trajectories.
    pub count: usize,
    /// The card: the best round, and the median.
    pub card_s: (f64, f64),
    /// Of that, how long the card was busy; where it can tell.
    pub busy_s: Option<(f64, f64)>,
    /// The least time for the arithmetic of all steps on this card, where its speed is known.
    pub bound_s: Option<f64>,
    /// The processor, on all cores in double precision.
    pub processor_s: (f64, f64),
    /// Rounds of each.
    pub rounds: usize,
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GpuWork {
    /// States at the end.
    Solves,
    /// Half the sum of squares of states at save times, and its gradient by parameters and initial states.
    Gradients,
}

/// Relative distances from solutions in double precision at 1e-12: of states at the end, or of gradients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GpuErrors {
    /// Median and largest on the card.
    pub card: (f64, f64),
    /// Median and largest on the processor at the same tolerance.
    pub processor: (f64, f64),
    /// Attempts at steps of the card over those of the processor.
    pub attempts_ratio: f64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GpuReport {
    /// What was timed.
    pub work: GpuWork,
    /// The card.
    pub device: String,
    /// It is a program on the processor: the figures say nothing about cards.
    pub software: bool,
    /// Relative tolerance.
    pub rtol: f64,
    /// Whether the card holds much finer ones too.
    pub double: bool,
    /// Its interface and driver.
    pub driver: String,
    /// Seconds from the model to a program on the card.
    pub compile_s: f64,
    /// Accuracy.
    pub errors: GpuErrors,
    /// Sizes, ascending.
    pub points: Vec<GpuPoint>,
    /// The number of trajectories from which on the card is faster, between two that were measured; none
    /// where it never is.
    pub break_even: Option<f64>,
    /// Numbers of trajectories that would have taken too long.
    pub left_out: Vec<usize>,
}

fn unusable(e: CardError) -> BenchError {
    BenchError::Card(e.to_string())
}

/// Checks the results of a card, then measures it by turns with the processor; `told` gets each size as it
/// is done.
///
/// # Errors
/// [`BenchError::Card`] where there is none or it fails, [`BenchError::WrongResult`] where its numbers
/// are wrong.
pub fn gpu(
    options: &GpuOptions<'_>,
    mut told: impl FnMut(&GpuPoint),
) -> Result<GpuReport, BenchError> {
    let card = open(options)?;
    let fleet = Fleet::new(options.rtol)?;
    let began = Instant::now();
    let program = card.program(&fleet.work(SMALLEST)).map_err(unusable)?;
    let compile_s = began.elapsed().as_secs_f64();
    let errors = errors(&fleet, &*program, options.rtol)?;
    let operations = card.info().operations.filter(|_| options.rtol >= 1e-5);
    let sides = Sides {
        row: fleet.work(SMALLEST).row(),
        card: &|count, out| {
            let results = program.solve(&fleet.work(count), out).map_err(unusable)?;
            Ok((work::attempts(&results)?, program.busy_s()))
        },
        processor: &|count, out| fleet.on_processor(count, out).map(|_| ()),
        least_s: operations.map(|rate| work::operations(&fleet.work(SMALLEST)) / rate),
    };
    let (points, left_out) = measured(&sides, work::sizes(), options.seconds, &mut told)?;
    let found = GpuReport::of(GpuWork::Solves, card.info(), options.rtol, compile_s, errors);
    Ok(GpuReport { break_even: break_even(&points), points, left_out, ..found })
}

/// What is timed on both sides.
struct Sides<'a> {
    /// Numbers that the processor writes for each trajectory.
    row: usize,
    /// So many trajectories on the card: steps tried, and how long it was busy.
    card: &'a OnCard<'a>,
    /// The same on the processor.
    processor: &'a Here<'a>,
    /// The least time of the card for an attempt at a step.
    least_s: Option<f64>,
}

/// Steps tried, and seconds that the card was busy; where it can tell.
type Round = (u64, Option<f64>);
type OnCard<'a> = dyn Fn(usize, &mut [f64]) -> Result<Round, BenchError> + 'a;
type Here<'a> = dyn Fn(usize, &mut [f64]) -> Result<(), BenchError> + 'a;

/// Measures the sizes that do not take too long, and tells each; then those that do.
fn measured(
    sides: &Sides<'_>,
    sizes: impl Iterator<Item = usize>,
    seconds: f64,
    told: &mut dyn FnMut(&GpuPoint),
) -> Result<(Vec<GpuPoint>, Vec<usize>), BenchError> {
    let (mut points, mut left_out) = (Vec::new(), Vec::new());
    let mut last: Option<GpuPoint> = None;
    for count in sizes {
        let per_round =
            |p: GpuPoint| (p.card_s.0 + p.processor_s.0) * count as f64 / p.count as f64;
        if last.is_some_and(|p| p.count >= 1000 && per_round(p) > 3.0 * seconds) {
            left_out.push(count);
            continue;
        }
        let point = measure(sides, count, seconds)?;
        told(&point);
        points.push(point);
        last = Some(point);
    }
    Ok((points, left_out))
}

impl GpuReport {
    /// Before anything is measured.
    fn of(
        work: GpuWork,
        info: &CardInfo,
        rtol: f64,
        compile_s: f64,
        errors: GpuErrors,
    ) -> GpuReport {
        GpuReport {
            work,
            device: info.name.clone(),
            software: info.software,
            rtol,
            double: info.finest < 1e-8,
            driver: format!("{} {}", info.interface, info.driver).trim().to_owned(),
            compile_s,
            errors,
            break_even: None,
            points: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

fn open(options: &GpuOptions<'_>) -> Result<Box<dyn Card>, BenchError> {
    let best = options.cards.open(options.device);
    let software = || options.cards.find().cards.into_iter().find(|card| card.software);
    match best {
        Err(CardError::Missing(_)) if options.device.is_none() => match software() {
            Some(card) => options.cards.open(Some(&card.name)).map_err(unusable),
            None => best.map_err(unusable),
        },
        best => best.map_err(unusable),
    }
}

fn errors(fleet: &Fleet, program: &dyn CardProgram, rtol: f64) -> Result<GpuErrors, BenchError> {
    let allowed = ALLOWED * rtol;
    let strict = fleet.exact(CHECKED)?;
    let work = fleet.work(CHECKED);
    let mut out = vec![f64::NAN; strict.len()];
    let results = program.solve(&work, &mut out).map_err(unusable)?;
    let card = distances(&out, &strict, allowed)?;
    let on_card = work::attempts(&results)?;
    let results = fleet.on_processor(CHECKED, &mut out)?;
    let processor = distances(&out, &strict, allowed)?;
    let attempts_ratio = on_card as f64 / work::attempts(&results)? as f64;
    Ok(GpuErrors { card, processor, attempts_ratio })
}

/// Median and largest relative distance.
fn distances(found: &[f64], expected: &[f64], allowed: f64) -> Result<(f64, f64), BenchError> {
    let distance = |(a, b): (&f64, &f64)| (a - b).abs() / b.abs();
    let mut all: Vec<f64> = found.iter().zip(expected).map(distance).collect();
    // NaN is above everything.
    all.sort_by(f64::total_cmp);
    let worst = all.last().copied().unwrap_or(f64::NAN);
    if !(worst <= allowed) {
        let what = "the relative error of a state";
        return Err(BenchError::WrongResult { what, found: worst, allowed });
    }
    Ok((all[all.len() / 2], worst))
}

fn measure(sides: &Sides<'_>, count: usize, seconds: f64) -> Result<GpuPoint, BenchError> {
    let mut out = vec![0.0; count * sides.row];
    let (mut card, mut busy, mut processor) = (Vec::new(), Vec::new(), Vec::new());
    let mut attempts = 0;
    let began = Instant::now();
    while card.is_empty() || (card.len() < MOST_ROUNDS && began.elapsed().as_secs_f64() < seconds) {
        let round = Instant::now();
        let (tried, busy_s) = (sides.card)(count, &mut out)?;
        card.push(round.elapsed().as_secs_f64());
        busy.extend(busy_s);
        attempts = tried;
        let round = Instant::now();
        (sides.processor)(count, &mut out)?;
        processor.push(round.elapsed().as_secs_f64());
    }
    let rounds = card.len();
    let busy_s = (!busy.is_empty()).then(|| best(busy));
    let (card_s, processor_s) = (best(card), best(processor));
    let bound_s = sides.least_s.map(|each| attempts as f64 * each);
    Ok(GpuPoint { count, card_s, busy_s, bound_s, processor_s, rounds })
}

/// The best and the median.
fn best(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

/// Where the card becomes faster and stays so, on a straight line between logarithms of the ratio.
fn break_even(points: &[GpuPoint]) -> Option<f64> {
    let ratio = |p: &GpuPoint| (p.card_s.0 / p.processor_s.0).ln();
    let first = points.iter().rposition(|p| ratio(p) >= 0.0).map_or(0, |slow| slow + 1);
    let fast = points.get(first)?;
    let Some(slow) = first.checked_sub(1).and_then(|before| points.get(before)) else {
        // Faster from the first on.
        return Some(fast.count as f64);
    };
    let (a, b) = ((slow.count as f64).ln(), (fast.count as f64).ln());
    let part = ratio(slow) / (ratio(slow) - ratio(fast));
    Some((a + (b - a) * part).exp())
}

impl GpuReport {
    /// A record for each size and device, as `benches/peers` keeps them.
    #[must_use]
    pub fn records(&self, processor: &str) -> Vec<Record> {
        let rtol = self.rtol;
        let (of, counted) = match self.work {
            GpuWork::Solves => ("", "trajectories per second"),
            GpuWork::Gradients => ("gradients, ", "gradients per second"),
        };
        let record = |tool: String, point: &GpuPoint, (min, median): (f64, f64), error: f64| {
            let rate = |s: f64| Some(point.count as f64 / s);
            Record {
                bench: "gpu".into(),
                tool,
                case: format!("{}: {of}Tsit5 rtol {rtol:.0e}", point.count),
                metric: counted.into(),
                unit: "1/s".into(),
                value: rate(median),
                min: rate(min),
                n: Some(point.rounds),
                error: Some(error),
                when: now(),
                notes: if self.software { "a software driver".into() } else { String::new() },
                ..Record::default()
            }
        };
        let each = |p: &GpuPoint| {
            let card = format!("slopefield on {}", self.device);
            let here = format!("slopefield on {processor}");
            let mut all = vec![
                record(card.clone(), p, p.card_s, self.errors.card.1),
                record(here, p, p.processor_s, self.errors.processor.1),
            ];
            if let Some(busy_s) = p.busy_s {
                let alone = format!("{card}, without transfers");
                all.push(record(alone, p, busy_s, self.errors.card.1));
            }
            all
        };
        self.points.iter().flat_map(each).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(count: usize, card: f64, processor: f64) -> GpuPoint {
        let (card_s, processor_s) = ((card, card), (processor, processor));
        GpuPoint { count, card_s, busy_s: None, bound_s: None, processor_s, rounds: 1 }
    }

    #[test]
    fn the_break_even_lies_between_two_sizes() {
        let slow = point(100, 1.0, 0.1);
        let found = break_even(&[slow, point(1000, 1.0, 10.0)]).unwrap();
        assert!((found - 1e5f64.sqrt()).abs() < 1e-9, "{found}");
        // A size at which the card is slower again counts.
        let late = [slow, point(1000, 1.0, 2.0), point(10_000, 2.0, 1.0), point(100_000, 2.0, 4.0)];
        let found = break_even(&late).unwrap();
        assert!((found - 10f64.powf(4.5)).abs() < 1e-6, "{found}");
        assert_eq!(break_even(&[point(100, 0.1, 1.0)]), Some(100.0));
        assert_eq!(break_even(&[slow]), None);
        assert_eq!(break_even(&[]), None);
    }

    #[test]
    fn wrong_states_have_no_figures() {
        let right = [1.0, 2.0, 4.0];
        assert_eq!(distances(&[1.0, 2.0, 4.001], &right, 5e-4).unwrap().0, 0.0);
        for wrong in [[1.0, 2.0, 4.01], [1.0, f64::NAN, 4.0]] {
            assert!(matches!(distances(&wrong, &right, 5e-4), Err(BenchError::WrongResult { .. })));
        }
    }
}
