//! CMA-ES: a global search that learns the shape of the ground from the values alone (N. Hansen,
//! *The CMA Evolution Strategy: A Tutorial*, arXiv 1604.00772, figure 6 and table 1).
//!
//! Each generation draws places from a normal distribution, moves its mean to the better half and
//! adapts its covariance and size. Only the order of the values counts, so a place without a value
//! is merely the worst. Random numbers depend on seed and counters alone.

mod constants;

use super::symmetric::decompose;
use super::{StepError, Stepped, dot};
use constants::Constants;
use slopefield_stochastic::{Key, Purpose};

/// The function to minimise at many places at once: takes them one after the other and writes the
/// value at each; what is not finite is no value. Fails only when somebody wants everything to
/// stop.
pub type ValuesFn<'a> = dyn FnMut(&[f64], &mut [f64]) -> Result<(), StepError> + 'a;

/// Settings of CMA-ES.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CmaEsSettings {
    /// Standard deviation of the first generation in every coordinate.
    pub spread: f64,
    /// Places of a generation; 0 takes `4 + 3 ln n` of them.
    pub population: usize,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Value relative to which differences are small: the greater of this and the value itself.
    pub unit: f64,
    /// Relative difference between the best values of the last generations that counts as none.
    pub value_tolerance: f64,
    /// Share of the first spread at which the search is over.
    pub step_tolerance: f64,
}

impl Default for CmaEsSettings {
    fn default() -> Self {
        CmaEsSettings {
            spread: 1.0,
            population: 0,
            seed: 1,
            unit: 0.0,
            value_tolerance: 1e-12,
            step_tolerance: 1e-12,
        }
    }
}

/// State of CMA-ES: everything that the next generation depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct CmaEs {
    /// Best place of the last generation.
    pub z: Vec<f64>,
    /// Value there.
    pub loss: f64,
    /// Mean of the distribution.
    pub mean: Vec<f64>,
    /// Overall standard deviation.
    pub sigma: f64,
    /// Covariance, `n × n`.
    pub covariance: Vec<f64>,
    /// Its eigenvectors, one a row, as of the last decomposition.
    pub axes: Vec<f64>,
    /// Roots of its eigenvalues, likewise.
    pub lengths: Vec<f64>,
    /// Evolution path of the covariance.
    pub path: Vec<f64>,
    /// Evolution path of the standard deviation.
    pub sigma_path: Vec<f64>,
    /// Generations done.
    pub generations: u64,
    /// Best values of the last generations, oldest first.
    pub recent: Vec<f64>,
}

impl CmaEs {
    /// Starts around `z`, which is evaluated.
    ///
    /// # Errors
    /// That of the evaluation.
    pub fn start(
        z: Vec<f64>,
        settings: &CmaEsSettings,
        evaluate: &mut ValuesFn<'_>,
    ) -> Result<CmaEs, StepError> {
        let n = z.len();
        let mut loss = [f64::INFINITY];
        evaluate(&z, &mut loss)?;
        let [loss] = loss;
        if !loss.is_finite() {
            return Err(StepError::Failed);
        }
        let mut identity = vec![0.0; n * n];
        (0..n).for_each(|i| identity[i * n + i] = 1.0);
        Ok(CmaEs {
            mean: z.clone(),
            z,
            loss,
            sigma: settings.spread,
            covariance: identity.clone(),
            axes: identity,
            lengths: vec![1.0; n],
            path: vec![0.0; n],
            sigma_path: vec![0.0; n],
            generations: 0,
            recent: Vec::new(),
        })
    }

    /// One generation. `z` and `loss` are then those of its best place.
    ///
    /// # Errors
    /// [`StepError::Interrupted`]; the state is then as before. [`StepError::Failed`] when no place
    /// of the generation has a value: the next one is drawn closer.
    pub fn step(
        &mut self,
        settings: &CmaEsSettings,
        work: &mut CmaEsWork,
        evaluate: &mut ValuesFn<'_>,
    ) -> Result<Stepped, StepError> {
        let n = self.mean.len();
        if n == 0 {
            return Ok(Stepped::Stationary);
        }
        let k = Constants::new(n, settings.population);
        work.resize(n, k.lambda);
        for i in 0..k.lambda {
            self.draw(settings.seed, i, work);
        }
        for (i, (place, step)) in work.places.iter_mut().zip(&work.steps).enumerate() {
            *place = self.mean[i % n] + self.sigma * step;
        }
        evaluate(&work.places, &mut work.values)?;
        let found = work.values.iter().map(|v| if v.is_finite() { *v } else { f64::INFINITY });
        work.ranked.clear();
        work.ranked.extend(found.zip(0..));
        work.ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (best, first) = work.ranked[0];
        self.generations += 1;
        if best.is_infinite() {
            self.sigma *= 0.5;
            return Err(StepError::Failed);
        }
        self.z.copy_from_slice(&work.places[first * n..(first + 1) * n]);
        self.loss = best;
        self.adapt(&k, work);
        self.decompose_when_due(&k, work);
        Ok(self.end(settings, &k, best))
    }

    /// Draws step `i` of this generation, `B D` times a standard normal vector.
    fn draw(&self, seed: u64, i: usize, work: &mut CmaEsWork) {
        let n = self.mean.len();
        let key = Key::new(seed, self.generations, Purpose::Search);
        for pair in 0..n.div_ceil(2) {
            let two = key.normal_pair([i as u32, pair as u32, 0, 0]);
            work.normal[2 * pair] = two[0];
            work.normal[2 * pair + 1] = two[1];
        }
        let step = &mut work.steps[i * n..(i + 1) * n];
        step.fill(0.0);
        for a in 0..n {
            let weight = self.lengths[a] * work.normal[a];
            for (s, axis) in step.iter_mut().zip(&self.axes[a * n..(a + 1) * n]) {
                *s += weight * axis;
            }
        }
    }

    /// Moves the mean and adapts paths, covariance and size to the sorted generation.
    fn adapt(&mut self, k: &Constants, work: &mut CmaEsWork) {
        let n = self.mean.len();
        work.mean_step.fill(0.0);
        for (&(_, i), w) in work.ranked.iter().zip(&k.weights).take(k.mu) {
            for (m, s) in work.mean_step.iter_mut().zip(&work.steps[i * n..]) {
                *m += w * s;
            }
        }
        for (m, s) in self.mean.iter_mut().zip(&work.mean_step) {
            *m += self.sigma * s;
        }
        self.whiten(&work.mean_step, &mut work.white);
        let gain = (k.c_sigma * (2.0 - k.c_sigma) * k.mu_eff).sqrt();
        for (p, w) in self.sigma_path.iter_mut().zip(&work.white) {
            *p = (1.0 - k.c_sigma) * *p + gain * w;
        }
        let length = dot(&self.sigma_path, &self.sigma_path).sqrt();
        let settled = 1.0 - (1.0 - k.c_sigma).powf(2.0 * self.generations as f64);
        let slow = length / settled.sqrt() < (1.4 + 2.0 / (n as f64 + 1.0)) * k.chi;
        let gain = if slow { (k.c_c * (2.0 - k.c_c) * k.mu_eff).sqrt() } else { 0.0 };
        for (p, m) in self.path.iter_mut().zip(&work.mean_step) {
            *p = (1.0 - k.c_c) * *p + gain * m;
        }
        let lost = if slow { 0.0 } else { k.c_1 * k.c_c * (2.0 - k.c_c) };
        let kept = 1.0 + lost - k.c_1 - k.c_mu * k.weights.iter().sum::<f64>();
        for (c, i) in self.covariance.iter_mut().zip(0..) {
            *c = kept * *c + k.c_1 * self.path[i / n] * self.path[i % n];
        }
        for (rank, w) in k.weights.iter().enumerate() {
            let i = work.ranked[rank].1;
            let step = &work.steps[i * n..(i + 1) * n];
            let mut weight = k.c_mu * w;
            if *w < 0.0 {
                // Bad steps count by their direction, so that the matrix stays positive definite.
                self.whiten(step, &mut work.white);
                weight *= n as f64 / dot(&work.white, &work.white).max(f64::MIN_POSITIVE);
            }
            for a in 0..n {
                for b in 0..n {
                    self.covariance[a * n + b] += weight * step[a] * step[b];
                }
            }
        }
        let change = k.c_sigma / k.d_sigma * (length / k.chi - 1.0);
        self.sigma *= change.min(1.0).exp();
    }

    /// `C^(−½) v` with the axes known.
    fn whiten(&self, v: &[f64], out: &mut [f64]) {
        let n = v.len();
        out.fill(0.0);
        for a in 0..n {
            let axis = &self.axes[a * n..(a + 1) * n];
            let along = dot(axis, v) / self.lengths[a].max(f64::MIN_POSITIVE);
            out.iter_mut().zip(axis).for_each(|(o, x)| *o += along * x);
        }
    }

    /// Decomposes the covariance anew, now and then: the axes change little in one generation.
    fn decompose_when_due(&mut self, k: &Constants, work: &mut CmaEsWork) {
        let n = self.mean.len();
        let every = (1.0 / ((k.c_1 + k.c_mu) * n as f64 * 10.0)).max(1.0) as u64;
        if !self.generations.is_multiple_of(every) {
            return;
        }
        work.matrix.copy_from_slice(&self.covariance);
        decompose(&mut work.matrix, &mut self.axes, n);
        for a in 0..n {
            self.lengths[a] = work.matrix[a * n + a].max(0.0).sqrt();
        }
    }

    /// Whether the search is over.
    fn end(&mut self, settings: &CmaEsSettings, k: &Constants, best: f64) -> Stepped {
        let free = self.mean.len();
        let remembered = 10 + (30.0 * free as f64 / k.lambda as f64).ceil() as usize;
        if self.recent.len() >= remembered {
            self.recent.remove(0);
        }
        self.recent.push(best);
        let longest = self.lengths.iter().copied().fold(0.0, f64::max);
        let shortest = self.lengths.iter().copied().fold(f64::INFINITY, f64::min);
        if self.sigma * longest <= settings.step_tolerance * settings.spread {
            return Stepped::Settled;
        }
        if longest > 1e7 * shortest || !(self.sigma * longest).is_finite() {
            // The shape can no longer be told in double precision.
            return Stepped::Exhausted;
        }
        if self.recent.len() == remembered {
            let low = self.recent.iter().copied().fold(f64::INFINITY, f64::min);
            let high = self.recent.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if high - low <= settings.value_tolerance * low.abs().max(settings.unit) {
                return Stepped::Settled;
            }
        }
        Stepped::Moved
    }
}

/// Work arrays of [`CmaEs::step`]; not part of the state.
#[derive(Debug, Clone, Default)]
pub struct CmaEsWork {
    /// Of the places from the mean, in units of the standard deviation.
    steps: Vec<f64>,
    places: Vec<f64>,
    values: Vec<f64>,
    /// Values with their places, best first.
    ranked: Vec<(f64, usize)>,
    normal: Vec<f64>,
    mean_step: Vec<f64>,
    white: Vec<f64>,
    matrix: Vec<f64>,
}

impl CmaEsWork {
    fn resize(&mut self, n: usize, lambda: usize) {
        self.steps.resize(n * lambda, 0.0);
        self.places.resize(n * lambda, 0.0);
        self.values.resize(lambda, 0.0);
        self.normal.resize(n + 1, 0.0);
        self.matrix.resize(n * n, 0.0);
        for v in [&mut self.mean_step, &mut self.white] {
            v.resize(n, 0.0);
        }
    }
}
