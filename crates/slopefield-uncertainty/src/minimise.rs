//! Refits close to a fit, in coordinates in which the loss is nearly round.

use crate::matrix::eigen;
use slopefield_train::{Control, Lbfgs, LbfgsSettings, LbfgsWork, Objective, StepError, Stepped};

/// Curvature below which a direction counts as this curved when steps are scaled.
const LEAST: f64 = 1e-2;
/// Slope in the round coordinates, where 1 is a standard error, at which a refit is done: the loss
/// is then within 1e-10 of the least.
const SLOPE: f64 = 1e-5;
/// That at which gradients from elsewhere are left: those in single precision say no more near the minimum. The
/// loss is then within 1e-4 of the least.
const COARSE_SLOPE: f64 = 1e-2;
/// Iterations of a refit at most.
const ITERATIONS: usize = 300;

/// Directions `v / √λ` of the free coordinates: `z = base + Σ w·direction`.
pub(crate) struct Basis {
    directions: Vec<Vec<f64>>,
}

impl Basis {
    /// From the information, `n × n`, with the coordinates that may move.
    pub fn new(information: &[f64], free: &[bool]) -> Option<Basis> {
        let n = free.len();
        let places: Vec<usize> = (0..n).filter(|i| free[*i]).collect();
        let m = places.len();
        let part: Vec<f64> =
            (0..m * m).map(|k| information[places[k / m] * n + places[k % m]]).collect();
        let (values, vectors) = eigen(&part, m)?;
        let largest = values.last().copied().unwrap_or(0.0);
        let directions = values.iter().zip(&vectors).map(|(value, vector)| {
            let scale = value.max(LEAST).max(1e-12 * largest).sqrt();
            let mut direction = vec![0.0; n];
            for (place, v) in places.iter().zip(vector) {
                direction[*place] = v / scale;
            }
            direction
        });
        Some(Basis { directions: directions.collect() })
    }

    /// `Σ direction (direction · x)`: the inverse of the information applied to `x`.
    pub fn solve(&self, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        for direction in &self.directions {
            let along: f64 = direction.iter().zip(x).map(|(d, x)| d * x).sum();
            out.iter_mut().zip(direction).for_each(|(o, d)| *o += along * d);
        }
        out
    }

    fn place(&self, base: &[f64], w: &[f64], z: &mut [f64]) {
        z.copy_from_slice(base);
        for (w, direction) in w.iter().zip(&self.directions) {
            z.iter_mut().zip(direction).for_each(|(z, d)| *z += w * d);
        }
    }
}

/// Least of `scale · loss` from `base` on: place and value. `None` where the loss does not exist at
/// `base`, or when cancelled. Where gradients may come from elsewhere, in less than double precision, they lead
/// the way; the end is the processor's, whatever came before.
pub(crate) fn minimise(
    objective: &mut Objective,
    scale: f64,
    base: &[f64],
    basis: &Basis,
    control: &Control,
) -> Option<(Vec<f64>, f64)> {
    let ahead = objective
        .set_elsewhere(true)
        .then(|| descend(objective, scale, base, basis, COARSE_SLOPE, control))
        .flatten();
    objective.set_elsewhere(false);
    let from = ahead.as_ref().map_or(base, |(z, _)| z);
    let found = descend(objective, scale, from, basis, SLOPE, control);
    match found {
        // Where the processor has no loss, those from elsewhere led astray.
        None if ahead.is_some() && !control.cancelled() => {
            descend(objective, scale, base, basis, SLOPE, control)
        }
        found => found,
    }
}

/// One way down, to where a standard error changes the loss by less than `slope`.
fn descend(
    objective: &mut Objective,
    scale: f64,
    base: &[f64],
    basis: &Basis,
    slope: f64,
    control: &Control,
) -> Option<(Vec<f64>, f64)> {
    objective.set_cancel(Some(control.cancel.clone()));
    let mut z = base.to_vec();
    let mut gradient = vec![0.0; z.len()];
    if basis.directions.is_empty() {
        let loss = objective.evaluate(base, 1.0, None).ok()?.loss;
        return Some((z, scale * loss));
    }
    let mut evaluate = |w: &[f64], out: &mut [f64]| {
        if control.cancelled() {
            return Err(StepError::Interrupted);
        }
        basis.place(base, w, &mut z);
        let value = objective.evaluate(&z, 1.0, Some(&mut gradient));
        let loss = value.map_err(|_| StepError::Failed)?.loss;
        for (out, direction) in out.iter_mut().zip(&basis.directions) {
            *out = scale * direction.iter().zip(&gradient).map(|(d, g)| d * g).sum::<f64>();
        }
        Ok(scale * loss)
    };
    let mut search = Lbfgs::start(vec![0.0; basis.directions.len()], &mut evaluate).ok()?;
    let settings = LbfgsSettings {
        first_step: 1.0,
        unit: 1.0,
        gradient_tolerance: slope / search.loss.abs().max(1.0),
        ..LbfgsSettings::default()
    };
    let mut work = LbfgsWork::default();
    for _ in 0..ITERATIONS {
        match search.step(&settings, &mut work, &mut evaluate) {
            Ok(Stepped::Moved) => {}
            Ok(_) => break,
            Err(_) => return None,
        }
    }
    let mut found = vec![0.0; base.len()];
    basis.place(base, &search.z, &mut found);
    Some((found, search.loss))
}
