//! Means and standard deviations over many random paths.

use super::delayed_paths::delayed_paths;
use super::{Columns, SimulateOptions, Simulated, failed};
use crate::gradient::Unavailable;
use crate::solvers::stepper;
use crate::{CompiledModel, Solvers, StudyError};
use slopefield_lang::functions::PathMoment;
use slopefield_solve::{Ivp, Stats, Stepper};
use slopefield_stochastic::{Paths, paths};
use std::time::Instant;

/// Numbers of one portion of paths that are kept at a time.
const PORTION: usize = 1 << 22;

pub(super) fn simulate(
    model: &CompiledModel,
    ivp: &Ivp<'_>,
    options: &SimulateOptions,
    count: u32,
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
    let mut stats = Stats::default();
    let began = Instant::now();
    let mut done = 0;
    while done < count {
        let portion = at_once.min(count - done);
        let first = options.settings.path + done as u64;
        let out = &mut buffer[..portion * row];
        let delayed = &mut delayed[..portion * behind];
        let part = if width == 0 {
            let which = Paths { first, count: portion, threads: 0 };
            paths(&make, ivp, &options.settings, which, &options.at, out)
        } else {
            let settings = (&options.settings, first);
            delayed_paths(&make, ivp, settings, (&options.at, width), out, delayed)
        };
        stats += part.map_err(|e| failed(model, &e, ivp.p))?;
        for (i, path) in out.chunks_exact(row).enumerate() {
            let delayed = &delayed[i * behind..(i + 1) * behind];
            moments.add(&columns.of_trajectory(&options.at, path, delayed));
        }
        done += portion;
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
