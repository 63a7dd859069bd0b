//! Which parameters matter to noise models alone.

use super::experiment::{assemble_params, initial_state, scratch_len};
use crate::problem::{Problem, Source};
use slopefield_kernel::{Cotangent, Kernel, Point};

/// For each element of θ whether it reaches the loss through noise arguments only: the initial
/// values, the right-hand side and the observed values have no derivative by it at several
/// states, while some noise argument has.
pub(super) fn noise_only(problem: &Problem) -> Vec<bool> {
    let theta: Vec<f64> = problem.theta.iter().map(|spec| spec.start).collect();
    let n = problem.states();
    let kernels = &problem.kernels;
    let mut noise_rows = vec![0.0; kernels.observe.shape().outputs];
    let mut value_rows = noise_rows.clone();
    for spec in &problem.observations {
        noise_rows[spec.noise_args.clone()].fill(1.0);
        value_rows[spec.value] = 1.0;
    }
    let mut in_model = vec![false; theta.len()];
    let mut in_noise = vec![false; theta.len()];
    let mut p = vec![0.0; problem.params()];
    let mut u = vec![0.0; n];
    let mut scratch = vec![0.0; scratch_len(kernels).max(kernels.rhs.scratch_len())];
    for (index, experiment) in problem.experiments.iter().enumerate() {
        assemble_params(experiment, &theta, &mut p);
        if initial_state(problem, index, &p, &mut u, &mut scratch).is_err() {
            return vec![false; theta.len()];
        }
        for shift in [0.0, 0.37, -0.21] {
            // Elsewhere than at the start, where a term may vanish by chance.
            let moved =
                |(i, v): (usize, &f64)| v + shift * (1.0 + v.abs()) * (1.0 + 0.3 * i as f64);
            // Delayed values stand behind the states, and are of their size.
            let (wide, seen) = (kernels.rhs.shape().states, problem.observed());
            let with_delayed: Vec<f64> =
                u.iter().cycle().take(wide).enumerate().map(moved).collect();
            let t = experiment.t0 + shift.abs();
            // Each row by itself: derivatives of several rows might cancel in a sum.
            let mut mark = |kernel: &dyn Kernel, u: &[f64], rows: &[f64], marks: &mut [bool]| {
                let mut w = vec![0.0; rows.len()];
                for row in (0..rows.len()).filter(|row| rows[*row] != 0.0) {
                    w[row] = 1.0;
                    let (mut dt, mut du, mut dp) = (0.0, vec![0.0; u.len()], vec![0.0; p.len()]);
                    let grad = Cotangent { t: &mut dt, u: &mut du, p: &mut dp };
                    kernel.vjp(Point { t, u, p: &p }, &w, grad, &mut scratch);
                    w[row] = 0.0;
                    for (source, d) in experiment.params.iter().zip(&dp) {
                        if let (Source::Theta(i), true) = (*source, *d != 0.0) {
                            marks[i] = true;
                        }
                    }
                }
            };
            let all = vec![1.0; n];
            let own = problem.kernels_of(index);
            mark(&*own.initial, &[], &all, &mut in_model);
            mark(&*own.rhs, &with_delayed, &all, &mut in_model);
            mark(&*own.observe, &with_delayed[..seen], &value_rows, &mut in_model);
            mark(&*own.observe, &with_delayed[..seen], &noise_rows, &mut in_noise);
        }
    }
    in_noise.iter().zip(&in_model).map(|(noise, model)| *noise && !*model).collect()
}
