//! The default recipe: chosen from what the model has and what the data look like.
//!
//! Oscillating data need a growing horizon (on the full span a wrong frequency makes the flat line
//! a local minimum); networks need a robust first-order start; everything is finished by L-BFGS.

use super::{Beginning, Recipe, Scope, Stage};
use crate::grid::Grid;
use crate::optimise::{AdamSettings, Clip, Schedule};
use crate::problem::{Experiment, ParamKind, Problem};

/// Turns of the data from which the span is long: four periods. Over so many a solve follows the data
/// only where its parameters are nearly right already.
const LONG: usize = 8;

/// Chooses the stages for a problem.
#[must_use]
pub fn default(problem: &Problem) -> Recipe {
    let scalars = problem.theta.iter().filter(|s| s.kind == ParamKind::Scalar).count();
    for_data(problem.has_networks(), scalars, &problem.experiments)
}

/// The same from what the choice depends on: whether there are networks, the number of scalar
/// parameters, and the data. Needs no compiled model, so it can be shown before anything runs.
#[must_use]
pub fn for_data(networks: bool, scalars: usize, experiments: &[Experiment]) -> Recipe {
    let turns = turning_points(experiments);
    let (stages, reason) = if networks {
        with_networks(experiments, turns)
    } else {
        without_networks(scalars, experiments, turns)
    };
    // A network that follows every change of noisy data is no good place to begin.
    let beginning = match (networks, turns) {
        (true, _) => Beginning::Given,
        (false, turns) if turns >= LONG => Beginning::ChangesOrSegments,
        (false, _) => Beginning::Changes,
    };
    Recipe { beginning, stages, reason, early_stopping: None, check_gradient: true }
}

fn with_networks(experiments: &[Experiment], turns: usize) -> (Vec<Stage>, String) {
    // A flexible model on noisy data first finds the flat line with a large noise, and later
    // chases the noise to nothing: the noise keeps its start value until the end, when it is
    // fitted to what the curves leave.
    let scope = Scope::AllButNoise;
    let adam = |iterations, horizon, last| Stage {
        schedule: Schedule::Cosine(last),
        clip: Clip::Relative(5.0),
        scope,
        ..Stage::adam(iterations, 0.05, horizon)
    };
    let mut stages = Vec::new();
    for share in horizons(experiments, turns, 8, 1.3) {
        stages.push(adam(60, share, 0.5));
    }
    let grows = !stages.is_empty();
    // From random weights on the whole span, Adam's usual memory of squares, a thousand iterations, is longer
    // than the stage: the gradients of the beginning, a hundred times those of the end, would keep all later
    // steps small. Gradients are exact here, so there is no scatter that a long average had to smooth. Stages
    // of a growing span begin near a fit, and one that follows the first points of noisy data too
    // closely is a bad beginning for the rest: they stay with the usual memory.
    let beta2 = if grows { AdamSettings::default().beta2 } else { 0.95 };
    stages.push(Stage { beta2, ..adam(if grows { 200 } else { 300 }, 1.0, 0.1) });
    stages.push(Stage { scope, ..Stage::lbfgs(200, 1.0) });
    stages.push(Stage { scope: Scope::Noise, ..Stage::lbfgs(30, 1.0) });
    let reason = if grows {
        "The model has a network and the data oscillate: Adam on a growing part of the time span, \
         then on all of it, and L-BFGS to finish."
    } else {
        "The model has a network: Adam on the whole time span, then L-BFGS to finish."
    };
    (stages, reason.into())
}

fn without_networks(
    scalars: usize,
    experiments: &[Experiment],
    turns: usize,
) -> (Vec<Stage>, String) {
    let shares = horizons(experiments, turns, 2 * scalars, 3.0);
    let mut stages: Vec<Stage> = shares.iter().map(|&share| Stage::lbfgs(60, share)).collect();
    stages.push(Stage::lbfgs(300, 1.0));
    let reason = if shares.is_empty() {
        "There are no networks: L-BFGS on the whole time span.".into()
    } else {
        format!(
            "The data turn {turns} times, where a wrong frequency traps a fit of the whole span: \
             L-BFGS on a growing part of it, then on all of it.{}",
            match turns >= LONG {
                true =>
                    " It begins with what the smoothed data say or, if that is nothing, with \
                     segments of the span, over which a fit cannot lose the data.",
                false => "",
            }
        )
    };
    (stages, reason)
}

/// Shares of the span below 1, each `growth` times the one before. Empty when the data do not
/// oscillate. The first covers about a quarter of a turn between extremes, but never fewer than
/// `least` measured values.
fn horizons(experiments: &[Experiment], turns: usize, least: usize, growth: f64) -> Vec<f64> {
    if turns < 3 {
        return Vec::new();
    }
    let first = (0.25 / turns as f64).max(share_with_values(experiments, least));
    let mut shares = Vec::new();
    let mut share = first;
    while share < 0.8 {
        shares.push(share);
        share *= growth;
    }
    shares
}

/// Smallest share of the span that every experiment with data needs so that all together have
/// `least` training values.
fn share_with_values(experiments: &[Experiment], least: usize) -> f64 {
    let mut shares = Vec::new();
    for e in experiments.iter().filter(|e| !e.steady) {
        let grid = Grid::new(e, false);
        let Some(&last) = grid.times.last() else { continue };
        let span = last - e.t0;
        for (row, &t) in grid.times.iter().enumerate() {
            let share = if span > 0.0 { (t - e.t0) / span } else { 0.0 };
            shares.extend(std::iter::repeat_n(share, grid.at(row).len()));
        }
    }
    shares.sort_by(f64::total_cmp);
    shares.get(least.saturating_sub(1)).copied().unwrap_or(1.0)
}

/// Largest number of turning points of any training series, counting only swings of more than a
/// quarter of the series' range, so that noise does not look like oscillation.
pub(crate) fn turning_points(experiments: &[Experiment]) -> usize {
    let mut most = 0;
    for e in experiments.iter().filter(|e| !e.steady) {
        for s in &e.series {
            let mut points: Vec<(f64, f64)> = s.measured().collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let values: Vec<f64> = points.into_iter().map(|(_, v)| v).collect();
            most = most.max(swings(&values));
        }
    }
    most
}

/// Turning points with swings of more than a quarter of the range on both sides.
fn swings(values: &[f64]) -> usize {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let threshold = 0.25 * (high - low);
    if threshold.is_nan() || threshold <= 0.0 {
        return 0;
    }
    let mut count = 0;
    let (mut top, mut bottom) = (values[0], values[0]);
    // +1 rising, -1 falling, 0 not known yet.
    let mut direction = 0i8;
    for &v in values {
        top = top.max(v);
        bottom = bottom.min(v);
        if direction >= 0 && top - v > threshold {
            count += usize::from(direction > 0);
            direction = -1;
            bottom = v;
        } else if direction <= 0 && v - bottom > threshold {
            count += usize::from(direction < 0);
            direction = 1;
            top = v;
        }
    }
    count
}

#[cfg(test)]
mod tests;
