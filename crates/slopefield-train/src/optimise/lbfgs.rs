//! L-BFGS with the two-loop recursion (Nocedal 1980; Liu and Nocedal 1989).

use super::line_search::{Conditions, Line};
use super::pairs::{keep_pair, settled};
use super::{EvaluateFn, StepError, Stepped, dot, evaluate_finite, max_abs};

/// Settings of L-BFGS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LbfgsSettings {
    /// Number of pairs remembered.
    pub memory: usize,
    /// Length of the first step, which has no curvature to go by (Euclidean).
    pub first_step: f64,
    /// Longest step in any coordinate.
    pub longest_step: f64,
    /// Relative noise of the values: differences below it do not count.
    pub noise: f64,
    /// Value relative to which changes are small: the greater of this and the value itself.
    /// 1 for log-likelihoods; 0 for sums of squares, whose unit is unknown.
    pub unit: f64,
    /// Largest component of the gradient, relative to the value, that counts as zero.
    pub gradient_tolerance: f64,
    /// Relative decrease that counts as none; three in a row end the search.
    pub decrease_tolerance: f64,
}

impl Default for LbfgsSettings {
    fn default() -> Self {
        LbfgsSettings {
            memory: 10,
            first_step: 0.1,
            longest_step: 10.0,
            noise: 1e-12,
            unit: 0.0,
            gradient_tolerance: 1e-10,
            decrease_tolerance: 1e-12,
        }
    }
}

/// State of L-BFGS: everything that the next iteration depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Lbfgs {
    /// Where it is.
    pub z: Vec<f64>,
    /// Value there.
    pub loss: f64,
    /// Gradient there.
    pub gradient: Vec<f64>,
    /// Differences of places, oldest first, one after the other.
    pub s: Vec<f64>,
    /// Differences of gradients, likewise.
    pub y: Vec<f64>,
    /// Iterations in a row without noticeable decrease.
    pub small_decreases: u32,
    /// Iterations done.
    pub steps: u64,
}

impl Lbfgs {
    /// Starts at `z`, which is evaluated.
    pub fn start(z: Vec<f64>, evaluate: &mut EvaluateFn<'_>) -> Result<Lbfgs, StepError> {
        let mut gradient = vec![0.0; z.len()];
        let loss = evaluate_finite(evaluate, &z, &mut gradient)?;
        Ok(Lbfgs { z, loss, gradient, s: Vec::new(), y: Vec::new(), small_decreases: 0, steps: 0 })
    }

    /// One iteration. A failed evaluation inside only shortens the step; when nothing lower can
    /// be found, also not along the plain gradient, the search is exhausted.
    ///
    /// # Errors
    /// [`StepError::Interrupted`]; the state is then as before.
    pub fn step(
        &mut self,
        settings: &LbfgsSettings,
        work: &mut LbfgsWork,
        evaluate: &mut EvaluateFn<'_>,
    ) -> Result<Stepped, StepError> {
        let n = self.z.len();
        work.resize(n, settings.memory);
        let unit = self.loss.abs().max(settings.unit);
        let steepest = max_abs(&self.gradient);
        if steepest == 0.0 || steepest <= settings.gradient_tolerance * unit {
            return Ok(Stepped::Stationary);
        }
        let mut found = None;
        let mut forget = false;
        loop {
            let pairs = if forget { 0 } else { self.s.len() / n };
            let mut slope = self.direction(pairs, work);
            if !(slope < 0.0 && slope.is_finite()) {
                slope = self.direction(0, work);
                forget = true;
            }
            let memoryless = forget || pairs == 0;
            let norm = dot(&work.direction, &work.direction).sqrt();
            let first = if memoryless { settings.first_step / norm } else { 1.0 };
            let conditions = Conditions {
                c1: 1e-4,
                c2: 0.9,
                noise: settings.noise * unit,
                longest: settings.longest_step / max_abs(&work.direction),
                evaluations: 25,
            };
            let mut line = Line {
                z: &self.z,
                direction: &work.direction,
                trial_z: &mut work.trial_z,
                trial_gradient: &mut work.trial_gradient,
                low_z: &mut work.low_z,
                low_gradient: &mut work.low_gradient,
            };
            if let Some(value) = line.search(self.loss, slope, first, &conditions, evaluate)? {
                found = Some(value);
                break;
            }
            if memoryless {
                break;
            }
            // The remembered curvature is misleading: once more along the plain gradient.
            forget = true;
        }
        let Some(value) = found else { return Ok(Stepped::Exhausted) };
        if forget {
            self.s.clear();
            self.y.clear();
        }
        self.remember(settings.memory, work);
        let decrease = self.loss - value;
        self.loss = value;
        std::mem::swap(&mut self.z, &mut work.low_z);
        std::mem::swap(&mut self.gradient, &mut work.low_gradient);
        self.steps += 1;
        let noticeable = settings.decrease_tolerance * unit;
        Ok(settled(decrease, noticeable, &mut self.small_decreases))
    }

    /// Writes `−H g` to `work.direction` from the newest `pairs` pairs and returns its slope.
    fn direction(&self, pairs: usize, work: &mut LbfgsWork) -> f64 {
        let n = self.z.len();
        let total = self.s.len() / n;
        let pair = |k: usize| {
            let range = (total - 1 - k) * n..(total - k) * n;
            (&self.s[range.clone()], &self.y[range])
        };
        let d = &mut work.direction;
        d.copy_from_slice(&self.gradient);
        for k in 0..pairs {
            let (s, y) = pair(k);
            let alpha = dot(s, d) / dot(s, y);
            work.alpha[k] = alpha;
            for (d, y) in d.iter_mut().zip(y) {
                *d -= alpha * y;
            }
        }
        if pairs > 0 {
            let (s, y) = pair(0);
            let gamma = dot(s, y) / dot(y, y);
            d.iter_mut().for_each(|d| *d *= gamma);
        }
        for k in (0..pairs).rev() {
            let (s, y) = pair(k);
            let beta = dot(y, d) / dot(s, y);
            for (d, s) in d.iter_mut().zip(s) {
                *d += (work.alpha[k] - beta) * s;
            }
        }
        d.iter_mut().for_each(|d| *d = -*d);
        dot(d, &self.gradient)
    }

    /// Adds the pair of the step just found, when its curvature is positive.
    fn remember(&mut self, memory: usize, work: &mut LbfgsWork) {
        let n = self.z.len();
        for i in 0..n {
            work.trial_z[i] = work.low_z[i] - self.z[i];
            work.trial_gradient[i] = work.low_gradient[i] - self.gradient[i];
        }
        let (s, y) = (&work.trial_z, &work.trial_gradient);
        let curvature = dot(s, y);
        let size = (dot(s, s) * dot(y, y)).sqrt();
        if !(curvature > 1e-10 * size && curvature.is_finite()) {
            return;
        }
        keep_pair(memory, (&mut self.s, &mut self.y), (s, y));
    }
}

/// Work arrays of [`Lbfgs::step`]; not part of the state.
#[derive(Debug, Clone, Default)]
pub struct LbfgsWork {
    direction: Vec<f64>,
    alpha: Vec<f64>,
    trial_z: Vec<f64>,
    trial_gradient: Vec<f64>,
    low_z: Vec<f64>,
    low_gradient: Vec<f64>,
}

impl LbfgsWork {
    fn resize(&mut self, n: usize, memory: usize) {
        self.alpha.resize(memory, 0.0);
        for v in [
            &mut self.direction,
            &mut self.trial_z,
            &mut self.trial_gradient,
            &mut self.low_z,
            &mut self.low_gradient,
        ] {
            v.resize(n, 0.0);
        }
    }
}
