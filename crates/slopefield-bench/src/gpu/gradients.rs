//! Gradients of many trajectories on a card, a thread for each, beside the processor.

use super::work::{self, Fleet, GRADIENT, half_square};
use super::{
    CHECKED, GpuErrors, GpuOptions, GpuPoint, GpuReport, GpuWork, Sides, break_even, measured,
    open, unusable,
};
use crate::BenchError;
use slopefield_devices::{Differentiated, GradientCardProgram};
use slopefield_solve::Settings;
use std::time::Instant;

/// Numbers of trajectories.
const SIZES: [usize; 3] = [1000, 10_000, 100_000];
/// Largest distance of a derivative from the strict one, relative to the largest of its trajectory and over
/// the tolerance: twice what the tests of the kernels allow, which look at fewer trajectories.
const ALLOWED: f64 = 400.0;

/// Checks the gradients of a card, then measures them by turns with those of the processor; `told` gets each
/// size as it is done. What is differentiated is half the sum of squares of the states at 20 times, by the four
/// parameters and the two initial states of each trajectory.
///
/// # Errors
/// As [`super::gpu`].
pub fn gpu_gradients(
    options: &GpuOptions<'_>,
    mut told: impl FnMut(&GpuPoint),
) -> Result<GpuReport, BenchError> {
    let card = open(options)?;
    let fleet = Fleet::new(options.rtol)?;
    let began = Instant::now();
    let program = card.gradient_program(&fleet.gradient_work(CHECKED)).map_err(unusable)?;
    let compile_s = began.elapsed().as_secs_f64();
    let errors = errors(&fleet, &*program, options.rtol)?;
    let settings = fleet.gradient_work(CHECKED).settings;
    let sides = Sides {
        row: GRADIENT,
        card: &|count, _| {
            let found = on_card(&fleet, &*program, count)?;
            Ok((work::attempts(&found.trajectories)?, None))
        },
        processor: &|count, out| fleet.gradients_here(count, settings, out).map(|_| ()),
        least_s: None,
    };
    let sizes = SIZES.into_iter();
    let (points, left_out) = measured(&sides, sizes, options.seconds, &mut told)?;
    let found = GpuReport::of(GpuWork::Gradients, card.info(), options.rtol, compile_s, errors);
    Ok(GpuReport { break_even: break_even(&points), points, left_out, ..found })
}

fn on_card(
    fleet: &Fleet,
    program: &dyn GradientCardProgram,
    count: usize,
) -> Result<Differentiated, BenchError> {
    let mut loss = |_: usize, states: &[f64], by: &mut [f64]| half_square(states, by);
    program.gradients(&fleet.gradient_work(count), &mut loss).map_err(unusable)
}

fn errors(
    fleet: &Fleet,
    program: &dyn GradientCardProgram,
    rtol: f64,
) -> Result<GpuErrors, BenchError> {
    let mut strict = vec![f64::NAN; CHECKED * GRADIENT];
    fleet.gradients_here(CHECKED, &Settings::with_tolerances(1e-12, 1e-12), &mut strict)?;
    let found = on_card(fleet, program, CHECKED)?;
    let rows = found.by_u0.chunks_exact(2).zip(found.by_own.chunks_exact(4));
    let rows: Vec<f64> = rows.flat_map(|(u0, own)| [u0, own].concat()).collect();
    let card = distances(&rows, &strict, ALLOWED * rtol)?;
    let mut here = vec![f64::NAN; strict.len()];
    let tried = fleet.gradients_here(CHECKED, fleet.gradient_work(CHECKED).settings, &mut here)?;
    let processor = distances(&here, &strict, ALLOWED * rtol)?;
    let attempts_ratio = work::attempts(&found.trajectories)? as f64 / tried as f64;
    Ok(GpuErrors { card, processor, attempts_ratio })
}

/// Median and largest distance, each relative to the largest derivative of its trajectory.
fn distances(found: &[f64], expected: &[f64], allowed: f64) -> Result<(f64, f64), BenchError> {
    let rows = found.chunks_exact(GRADIENT).zip(expected.chunks_exact(GRADIENT));
    let row = |(found, expected): (&[f64], &[f64])| -> [f64; GRADIENT] {
        let size = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        std::array::from_fn(|i| (found[i] - expected[i]).abs() / size)
    };
    let mut all: Vec<f64> = rows.flat_map(row).collect();
    // NaN is above everything.
    all.sort_by(f64::total_cmp);
    let worst = all.last().copied().unwrap_or(f64::NAN);
    if worst <= allowed && found.len() == expected.len() {
        return Ok((all[all.len() / 2], worst));
    }
    let what = "the relative error of a gradient";
    Err(BenchError::WrongResult { what, found: worst, allowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_gradients_have_no_figures() {
        let right = [1.0, 2.0, 4.0, -4.0, 0.0, 1.0];
        let mut near = right;
        near[4] = 4e-3;
        assert_eq!(distances(&near, &right, 2e-3).unwrap(), (0.0, 1e-3));
        for wrong in [0.1, f64::NAN] {
            near[4] = wrong;
            let refused = distances(&near, &right, 2e-3);
            assert!(matches!(refused, Err(BenchError::WrongResult { .. })));
        }
        assert!(distances(&[], &right, 2e-3).is_err());
    }
}
