//! Adam (Kingma and Ba 2015, algorithm 1), with bias correction, clipping of the gradient's norm,
//! a schedule of the rate, and the decoupled decay of AdamW (Loshchilov and Hutter 2019,
//! algorithm 2).

use super::{EvaluateFn, StepError, dot, evaluate_finite};

/// Settings of Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamSettings {
    /// Step size.
    pub rate: f64,
    /// Decay of the average gradient.
    pub beta1: f64,
    /// Decay of the average squared gradient.
    pub beta2: f64,
    /// Added to the root of the average square.
    pub epsilon: f64,
    /// Bound of the gradient's norm.
    pub clip: Clip,
    /// How the rate falls over the iterations.
    pub schedule: Schedule,
    /// Share of an element that decays takes off per unit of the rate, apart from the gradient.
    pub decay: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        AdamSettings {
            rate: 0.05,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: Clip::None,
            schedule: Schedule::Constant,
            decay: 0.0,
        }
    }
}

/// Bound of the gradient's Euclidean norm. Longer gradients are shortened to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clip {
    /// None.
    None,
    /// A fixed norm.
    Norm(f64),
    /// A multiple of the running average of the (clipped) norms, so that one wild gradient does
    /// not fill the memory of squares; needs no knowledge of the loss's scale.
    Relative(f64),
}

/// Rate over the iterations of a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Half a cosine from the full rate down to this share of it.
    Cosine(f64),
    /// By the same factor in each iteration, from the full rate down to this share of it.
    Exponential(f64),
}

impl Schedule {
    /// Share of the rate in iteration `k` (from 0) of `total`.
    #[must_use]
    pub fn share(self, k: u64, total: u64) -> f64 {
        let x = if total > 1 { (k as f64 / (total - 1) as f64).min(1.0) } else { 0.0 };
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine(last) => {
                last + (1.0 - last) * 0.5 * (1.0 + (std::f64::consts::PI * x).cos())
            }
            Schedule::Exponential(last) => last.powf(x),
        }
    }
}

/// State of Adam: everything that the next iteration depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// Where it is.
    pub z: Vec<f64>,
    /// Value there.
    pub loss: f64,
    /// Gradient there.
    pub gradient: Vec<f64>,
    /// Average gradient.
    pub m: Vec<f64>,
    /// Average squared gradient.
    pub v: Vec<f64>,
    /// Iterations done.
    pub steps: u64,
    /// Factor on the rate, lowered after spikes.
    pub damping: f64,
    /// Running average of gradient norms; 0 before the first.
    pub norm_average: f64,
}

impl Adam {
    /// Starts at `z`, which is evaluated.
    pub fn start(z: Vec<f64>, evaluate: &mut EvaluateFn<'_>) -> Result<Adam, StepError> {
        let n = z.len();
        let mut gradient = vec![0.0; n];
        let loss = evaluate_finite(evaluate, &z, &mut gradient)?;
        Ok(Adam {
            z,
            loss,
            gradient,
            m: vec![0.0; n],
            v: vec![0.0; n],
            steps: 0,
            damping: 1.0,
            norm_average: 0.0,
        })
    }

    /// One iteration: moves along the gradient known, then evaluates the new place. `share` is
    /// that of the [`Schedule`], `decays` says which elements decay. On an error nothing has
    /// changed.
    ///
    /// # Errors
    /// That of the evaluation at the new place.
    pub fn step(
        &mut self,
        settings: &AdamSettings,
        share: f64,
        decays: &[bool],
        work: &mut AdamWork,
        evaluate: &mut EvaluateFn<'_>,
    ) -> Result<(), StepError> {
        work.resize(self.z.len());
        let norm = dot(&self.gradient, &self.gradient).sqrt();
        let limit = match settings.clip {
            Clip::None => f64::INFINITY,
            Clip::Norm(limit) => limit,
            Clip::Relative(factor) if self.norm_average > 0.0 => factor * self.norm_average,
            Clip::Relative(_) => f64::INFINITY,
        };
        let shrink = if norm > limit { limit / norm } else { 1.0 };
        let k = self.steps + 1;
        let rate = settings.rate * self.damping * share;
        let correct1 = 1.0 - settings.beta1.powf(k as f64);
        let correct2 = 1.0 - settings.beta2.powf(k as f64);
        for (i, &decays) in decays.iter().enumerate() {
            let g = self.gradient[i] * shrink;
            work.m[i] = settings.beta1 * self.m[i] + (1.0 - settings.beta1) * g;
            work.v[i] = settings.beta2 * self.v[i] + (1.0 - settings.beta2) * g * g;
            let direction =
                (work.m[i] / correct1) / ((work.v[i] / correct2).sqrt() + settings.epsilon);
            let decay = if decays { settings.decay } else { 0.0 };
            work.z[i] = self.z[i] - rate * (direction + decay * self.z[i]);
        }
        self.loss = evaluate_finite(evaluate, &work.z, &mut work.gradient)?;
        std::mem::swap(&mut self.z, &mut work.z);
        std::mem::swap(&mut self.m, &mut work.m);
        std::mem::swap(&mut self.v, &mut work.v);
        std::mem::swap(&mut self.gradient, &mut work.gradient);
        self.steps = k;
        let clipped = norm.min(limit);
        self.norm_average =
            if self.norm_average > 0.0 { 0.9 * self.norm_average + 0.1 * clipped } else { clipped };
        Ok(())
    }
}

/// Work arrays of [`Adam::step`]; not part of the state.
#[derive(Debug, Clone, Default)]
pub struct AdamWork {
    z: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
    gradient: Vec<f64>,
}

impl AdamWork {
    fn resize(&mut self, n: usize) {
        for v in [&mut self.z, &mut self.m, &mut self.v, &mut self.gradient] {
            v.resize(n, 0.0);
        }
    }
}
