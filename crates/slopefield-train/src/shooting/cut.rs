//! Where the span of an experiment is cut, and where the states are guessed to be there.

use crate::collocation::{Smooth, measured_states, smooth_curve};
use crate::grid::Grid;
use crate::objective::{assemble_params, initial_state, scratch_len};
use crate::problem::Problem;
use crate::recipe::turns;

/// Segments for each turn of the data.
const PER_TURN: usize = 2;
/// Segments of an experiment at least and at most, where they are counted by its turns.
const LEAST: usize = 4;
const MOST: usize = 60;

/// The segments of one experiment.
pub(super) struct Cut {
    pub experiment: usize,
    /// Where segments begin, and the end of the last.
    pub ends: Vec<f64>,
    /// States at the beginnings of all segments but the first, row by row.
    pub states: Vec<f64>,
}

/// How large the states are: what a jump is measured with.
pub(super) fn sizes(cuts: &[Cut], n: usize) -> Vec<f64> {
    let rows = || cuts.iter().flat_map(|c| c.states.chunks_exact(n));
    let size = |i: usize| rows().map(|row| row[i].abs()).fold(0.0, f64::max);
    (0..n).map(size).map(|s| if s > 0.0 && s.is_finite() { s } else { 1.0 }).collect()
}

/// Cuts the experiments where that makes sense: into `count` segments each, or into as many as their data
/// have turns for. States that were measured as they stand begin
/// segments on their smoothed data, others at their initial values.
///
/// # Errors
/// No experiment has measurements enough to be cut, or an initial value is not finite.
pub(super) fn cut(
    problem: &Problem,
    theta: &[f64],
    count: Option<usize>,
) -> Result<Vec<Cut>, String> {
    let n = problem.states();
    let measured = measured_states(problem);
    let mut cuts = Vec::new();
    let mut p = vec![0.0; problem.params()];
    let mut u0 = vec![0.0; n];
    for (index, experiment) in problem.experiments.iter().enumerate() {
        let grid = Grid::new(experiment, false);
        let Some(&last) = grid.times.last() else { continue };
        let by_turns = || (PER_TURN * turns(std::slice::from_ref(experiment))).clamp(LEAST, MOST);
        let wanted = count.unwrap_or_else(by_turns);
        let width = (last - experiment.t0) / wanted as f64;
        // Segments begin at measured times, and hold two of them at least.
        let mut ends = vec![experiment.t0];
        let mut rows = 0;
        for &t in &grid.times {
            if t >= experiment.t0 + width * ends.len() as f64 * (1.0 - 1e-9)
                && rows >= 2
                && t < last
            {
                ends.push(t);
                rows = 0;
            }
            rows += 1;
        }
        if ends.len() < 3 {
            continue;
        }
        ends.push(last);
        assemble_params(experiment, theta, &mut p);
        let mut scratch = vec![0.0; scratch_len(problem.kernels_of(index))];
        initial_state(problem, index, &p, &mut u0, &mut scratch).map_err(|f| f.message)?;
        let curves: Vec<Option<Smooth>> =
            (0..n).map(|state| smooth_curve(problem, index, &measured, state).ok()).collect();
        let mut states = Vec::new();
        for &t in &ends[1..ends.len() - 1] {
            for (curve, initial) in curves.iter().zip(&u0) {
                let smoothed = curve.as_ref().and_then(|c| c.value(t));
                states.push(smoothed.unwrap_or(*initial));
            }
        }
        cuts.push(Cut { experiment: index, ends, states });
    }
    if cuts.is_empty() {
        return Err("there are too few measurements to cut the span into segments".into());
    }
    Ok(cuts)
}
