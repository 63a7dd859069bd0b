//! Means and standard deviations over many random paths.

use super::delayed_paths::delayed_paths;
use super::{Columns, SimulateOptions, Simulated, failed};
use crate::gradient::Unavailable;
use crate::solvers::stepper;
use crate::{CompiledModel, Solvers, StudyError};
use slopefield_devices::{CardPaths, PathWork, Site, Wanted, with_paths};
use slopefield_lang::functions::PathMoment;
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper};
use slopefield_stochastic::{Paths, paths};
use std::time::Instant;

/// Numbers of one portion of paths that are kept at a time.
const PORTION: usize = 1 << 22;
/// Paths from which the length of steps on a card follows.
const TRIALS: u32 = 16;

/// Where paths are simulated: the device that was asked for, and the cards there are.
pub(super) type On<'a> = (&'a Wanted, &'a Site<'a>);

/// Simulates `count` paths on the device that was asked for; without one on the processor, of which nothing is
/// told.
pub(super) fn simulate(
    model: &CompiledModel,
    ivp: &Ivp<'_>,
    options: &SimulateOptions,
    count: u32,
    on: Option<On<'_>>,
    solvers: &dyn Solvers,
) -> Result<Simulated, StudyError> {
    let Some((wanted, site)) = on else {
        return moments(model, ivp, options, count, None, solvers);
    };
    let told = |why: &str| -> Result<Simulated, StudyError> {
        let mut found = moments(model, ivp, options, count, None, solvers)?;
        found.notes.push(format!("the processor: {why}"));
        Ok(found)
    };
    let structure = ivp.rhs.structure();
    let Some(noise) = &structure.noise else { return told("cards have no random jumps alone") };
    if !model.model.delays.is_empty() {
        return told("delays are not solved on graphics cards");
    }
    if ivp.t0 == ivp.t1 {
        return told("there is nothing to solve");
    }
    // Errors are not controlled step by step there. The steps that the tolerance needs on the way tell what
    // length is short enough for all.
    let make = || stepper(model, &options.method, solvers).map_err(StudyError::Solver);
    make()?;
    let unchecked = || -> Box<dyn Stepper> {
        make().unwrap_or_else(|e| Box::new(Unavailable::because(e.to_string())))
    };
    let (trials, n) = (TRIALS.min(count), ivp.u0.len());
    let first = options.settings.path;
    let which = Paths { first, count: trials as usize, threads: 0 };
    let mut ends = vec![0.0; trials as usize * n];
    let began = Instant::now();
    let stats = paths(&unchecked, ivp, &options.settings, which, &[ivp.t1], &mut ends)
        .map_err(|e| failed(model, &e, ivp.p))?;
    let processor_s = began.elapsed().as_secs_f64() * f64::from(count) / f64::from(trials);
    let mean = (ivp.t1 - ivp.t0) * f64::from(trials) / stats.accepted.max(1) as f64;
    // A power of two, as the tree of the motion has them.
    let h = (0.5 * mean).log2().floor().exp2();
    let settings = Settings { h_init: Some(h), h_max: h, ..options.settings.clone() };
    let work = PathWork {
        model: &model.lowered,
        noise: (noise.kind, noise.calculus),
        method: &options.method,
        t0: ivp.t0,
        t1: ivp.t1,
        count: count as usize,
        u0: ivp.u0,
        p: ivp.p,
        settings: &settings,
        saves: &options.at,
    };
    with_paths(&work, wanted, site, processor_s, |card| {
        let by_card = card.computes();
        let mut found = moments(model, ivp, options, count, Some((&mut *card, &work)), solvers)?;
        found.notes.extend(card.sentences());
        if by_card {
            found.notes.push(format!(
                "steps on the card have the length {h}, less than half of what {trials} paths took at a \
                 relative tolerance of {:e}; the processor chooses its own",
                options.settings.rtol
            ));
        }
        Ok(found)
    })
}

/// A portion of paths, by a card where it computes. What fails there is simulated again, with the processor's
/// steps; gives how many those were.
fn portion(
    make: &(dyn Fn() -> Box<dyn Stepper> + Sync),
    (ivp, settings): (&Ivp<'_>, &Settings),
    which: Paths,
    saves: &[f64],
    lent: &mut Option<(&mut CardPaths<'_>, &PathWork<'_>)>,
    out: &mut [f64],
) -> Result<(Stats, usize), SolveError> {
    let by_card = lent.as_mut().and_then(|(card, work)| {
        let settings = Settings { path: which.first, ..work.settings.clone() };
        card.fill(&PathWork { count: which.count, settings: &settings, ..**work }, out)
    });
    let Some(results) = by_card else {
        return paths(make, ivp, settings, which, saves, out).map(|stats| (stats, 0));
    };
    let (mut stats, mut again) = (Stats::default(), 0);
    let row = saves.len() * ivp.u0.len();
    for (k, (result, out)) in results.into_iter().zip(out.chunks_exact_mut(row)).enumerate() {
        stats += match result {
            Ok(stats) => stats,
            Err(_) => {
                again += 1;
                let one = Paths { first: which.first + k as u64, count: 1, threads: 1 };
                paths(make, ivp, settings, one, saves, out)?
            }
        };
    }
    Ok((stats, again))
}

fn moments(
    model: &CompiledModel,
    ivp: &Ivp<'_>,
    options: &SimulateOptions,
    count: u32,
    mut lent: Option<(&mut CardPaths<'_>, &PathWork<'_>)>,
    solvers: &dyn Solvers,
) -> Result<Simulated, StudyError> {
    // Whatever hinders the method is said before anything is computed.
    stepper(model, &options.method, solvers).map_err(StudyError::Solver)?;
    let make = || -> Box<dyn Stepper> {
        match stepper(model, &options.method, solvers) {
            Ok(stepper) => stepper,
            Err(reason) => Box::new(Unavailable::because(reason)),
        }
    };
    let (n, saves, count) = (ivp.u0.len(), options.at.len(), count as usize);
    let width = model.model.delays.len();
    let columns = Columns::new(model, ivp.p, width);
    let (row, behind) = ((saves * n).max(1), saves * width);
    let at_once = (PORTION / (row + behind)).clamp(1, count);
    let mut buffer = vec![0.0; at_once * row];
    let mut delayed = vec![0.0; at_once * behind];
    let mut moments = Moments::default();
    let (mut stats, mut again) = (Stats::default(), 0);
    let began = Instant::now();
    let mut done = 0;
    while done < count {
        let now = at_once.min(count - done);
        let first = options.settings.path + done as u64;
        let out = &mut buffer[..now * row];
        let delayed = &mut delayed[..now * behind];
        let part = if width == 0 {
            let which = Paths { first, count: now, threads: 0 };
            let problem = (ivp, &options.settings);
            portion(&make, problem, which, &options.at, &mut lent, out).map(|(stats, failed)| {
                again += failed;
                stats
            })
        } else {
            let settings = (&options.settings, first);
            delayed_paths(&make, ivp, settings, (&options.at, width), out, delayed)
        };
        stats += part.map_err(|e| failed(model, &e, ivp.p))?;
        for (i, path) in out.chunks_exact(row).enumerate() {
            let delayed = &delayed[i * behind..(i + 1) * behind];
            moments.add(&columns.of_trajectory(&options.at, path, delayed));
        }
        done += now;
    }
    let (mut means, mut spreads) = moments.finish();
    let first = means.len() - model.model.observations.len();
    for (i, observation) in model.model.observations.iter().enumerate() {
        let Some(moment) = observation.over_paths else { continue };
        if moment == PathMoment::Variance {
            means[first + i] = spreads[first + i].iter().map(|sd| sd * sd).collect();
        }
        // Moments are numbers, which do not scatter.
        spreads[first + i].fill(0.0);
    }
    let mut notes = vec![format!("means of {count} random paths, with standard deviations")];
    notes.extend(super::leaving_data(model, ivp.t0, ivp.t1));
    if again > 0 {
        notes.push(format!("{again} paths failed on the card, so the processor took them again"));
    }
    let [states, lets, observations] = columns.apart(means);
    Ok(Simulated {
        times: options.at.clone(),
        states,
        lets,
        observations,
        spreads,
        events: Vec::new(),
        notes,
        stats,
        solve_s: began.elapsed().as_secs_f64(),
    })
}

/// Means and sums of squared deviations that grow sample by sample (Welford, *Technometrics* 4
/// (1962) 419, doi:10.1080/00401706.1962.10490022).
#[derive(Default)]
struct Moments {
    count: f64,
    means: Vec<Vec<f64>>,
    squares: Vec<Vec<f64>>,
}

impl Moments {
    fn add(&mut self, sample: &[Vec<f64>]) {
        if self.means.is_empty() {
            self.means = sample.iter().map(|column| vec![0.0; column.len()]).collect();
            self.squares = self.means.clone();
        }
        self.count += 1.0;
        for ((means, squares), values) in self.means.iter_mut().zip(&mut self.squares).zip(sample) {
            for ((mean, square), x) in means.iter_mut().zip(squares).zip(values) {
                let before = x - *mean;
                *mean += before / self.count;
                *square += before * (x - *mean);
            }
        }
    }

    /// Means, and standard deviations (0 for a single sample).
    fn finish(mut self) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let degrees = (self.count - 1.0).max(1.0);
        for square in self.squares.iter_mut().flatten() {
            *square = (*square / degrees).sqrt();
        }
        (self.means, self.squares)
    }
}

#[cfg(test)]
mod tests {
    use super::Moments;

    #[test]
    fn moments_are_those_of_the_samples() {
        let mut moments = Moments::default();
        for x in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            moments.add(&[vec![x, 1e9 + x]]);
        }
        let (means, spreads) = moments.finish();
        assert_eq!(means, [[5.0, 1e9 + 5.0]]);
        let expected = (32.0f64 / 7.0).sqrt();
        assert!(spreads[0].iter().all(|s| (s - expected).abs() < 1e-6), "{spreads:?}");
    }
}
