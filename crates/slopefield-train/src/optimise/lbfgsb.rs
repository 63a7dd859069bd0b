//! L-BFGS-B: limited-memory quasi-Newton within a box (Byrd, Lu, Nocedal and Zhu, *A limited memory
//! algorithm for bound constrained optimization*, SIAM J. Sci. Comput. 16 (1995) 1190).
//!
//! An iteration follows the projected gradient of the quadratic model to its first minimum, the
//! Cauchy point, which says which coordinates stay at a bound; minimises the model over the others;
//! and searches along the line to that place. The minimiser over the free coordinates is projected
//! into the box and only shortened to it where the projection would not lead downhill (Morales and
//! Nocedal, ACM TOMS 38 (2011) 7). A bound that is reached is reached exactly.

use super::compact::Compact;
use super::lbfgs::LbfgsSettings;
use super::line_search::{Conditions, Line};
use super::pairs::{keep_pair, settled};
use super::{EvaluateFn, StepError, Stepped, dot, evaluate_finite, max_abs};

/// State of L-BFGS-B: everything that the next iteration depends on, besides the box.
#[derive(Debug, Clone, PartialEq)]
pub struct Lbfgsb {
    /// Where it is, within the box.
    pub x: Vec<f64>,
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

/// The box: a lower and an upper bound for each coordinate, possibly infinite. Equal bounds hold a
/// coordinate where it is.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// Lower bounds.
    pub lower: &'a [f64],
    /// Upper bounds.
    pub upper: &'a [f64],
}

impl Bounds<'_> {
    /// Puts a place into the box; what is within the rounding of a bound becomes the bound, so that
    /// a step that ends on it does so exactly. `size` is that of the places the step joins.
    fn snap(&self, x: &mut [f64], from: &[f64]) {
        for (i, x) in x.iter_mut().enumerate() {
            let (lower, upper) = (self.lower[i], self.upper[i]);
            let near = 4.0 * f64::EPSILON * from[i].abs();
            if *x <= lower + near.max(4.0 * f64::EPSILON * lower.abs()) && lower.is_finite() {
                *x = lower;
            } else if *x >= upper - near.max(4.0 * f64::EPSILON * upper.abs()) && upper.is_finite()
            {
                *x = upper;
            }
        }
    }

    /// Largest component of the projected gradient, `P(x − g) − x`.
    fn steepest(&self, x: &[f64], gradient: &[f64]) -> f64 {
        let component = |i: usize| {
            let there = (x[i] - gradient[i]).clamp(self.lower[i], self.upper[i]);
            (there - x[i]).abs()
        };
        (0..x.len()).map(component).fold(0.0, f64::max)
    }
}

impl Lbfgsb {
    /// Starts at `x`, put into the box.
    ///
    /// # Errors
    /// That of the evaluation.
    pub fn start(
        mut x: Vec<f64>,
        bounds: Bounds<'_>,
        evaluate: &mut EvaluateFn<'_>,
    ) -> Result<Lbfgsb, StepError> {
        for (i, x) in x.iter_mut().enumerate() {
            *x = x.clamp(bounds.lower[i], bounds.upper[i]);
        }
        let mut gradient = vec![0.0; x.len()];
        let loss = evaluate_finite(evaluate, &x, &mut gradient)?;
        Ok(Lbfgsb { x, loss, gradient, s: vec![], y: vec![], small_decreases: 0, steps: 0 })
    }

    /// One iteration; settings mean what they mean for L-BFGS, the gradient being the projected one.
    /// A failed evaluation inside only shortens the step.
    ///
    /// # Errors
    /// [`StepError::Interrupted`]; the state is then as before.
    pub fn step(
        &mut self,
        settings: &LbfgsSettings,
        bounds: Bounds<'_>,
        work: &mut LbfgsbWork,
        evaluate: &mut EvaluateFn<'_>,
    ) -> Result<Stepped, StepError> {
        let n = self.x.len();
        work.resize(n);
        let unit = self.loss.abs().max(settings.unit);
        let steepest = bounds.steepest(&self.x, &self.gradient);
        if steepest == 0.0 || steepest <= settings.gradient_tolerance * unit {
            return Ok(Stepped::Stationary);
        }
        let mut forget = self.s.is_empty();
        let value = loop {
            let (s, y) = if forget { (&[][..], &[][..]) } else { (&self.s[..], &self.y[..]) };
            let led = work.compact.build(n, s, y) && self.aim(bounds, work);
            let slope = dot(&work.direction, &self.gradient);
            if led && slope < 0.0 && slope.is_finite() {
                let found = self.search(settings, slope, forget, bounds, work, evaluate)?;
                if found.is_some() {
                    break found;
                }
            }
            if forget {
                break None;
            }
            // The remembered curvature is misleading: once more along the plain gradient.
            forget = true;
        };
        let Some(value) = value else { return Ok(Stepped::Exhausted) };
        if forget {
            self.s.clear();
            self.y.clear();
        }
        self.remember(settings.memory, work);
        let decrease = self.loss - value;
        self.loss = value;
        std::mem::swap(&mut self.x, &mut work.low_x);
        std::mem::swap(&mut self.gradient, &mut work.low_gradient);
        self.steps += 1;
        let noticeable = settings.decrease_tolerance * unit;
        Ok(settled(decrease, noticeable, &mut self.small_decreases))
    }

    /// Writes the direction from `x` to the minimiser of the model; false when the model is no
    /// good.
    fn aim(&self, bounds: Bounds<'_>, work: &mut LbfgsbWork) -> bool {
        if !self.cauchy(bounds, work) {
            return false;
        }
        let n = self.x.len();
        work.free.clear();
        work.free.extend(
            (0..n)
                .filter(|&i| work.cauchy[i] > bounds.lower[i] && work.cauchy[i] < bounds.upper[i]),
        );
        work.target.copy_from_slice(&work.cauchy);
        if !work.free.is_empty() && !work.compact.is_plain() {
            // Gradient of the model at the Cauchy point.
            for i in 0..n {
                work.step[i] = work.cauchy[i] - self.x[i];
            }
            work.compact.product(&work.step, &mut work.bent);
            for i in 0..n {
                work.residual[i] = self.gradient[i] + work.bent[i];
            }
            if !work.compact.solve_free(&work.free, &work.residual, &mut work.newton) {
                return false;
            }
            for (&i, d) in work.free.iter().zip(&work.newton) {
                work.target[i] = (work.cauchy[i] + d).clamp(bounds.lower[i], bounds.upper[i]);
            }
            for i in 0..n {
                work.direction[i] = work.target[i] - self.x[i];
            }
            if dot(&work.direction, &self.gradient) >= 0.0 {
                // Shortened instead: the largest step from the Cauchy point that stays within.
                let mut share = 1.0f64;
                for (&i, d) in work.free.iter().zip(&work.newton) {
                    let room = if *d < 0.0 { bounds.lower[i] } else { bounds.upper[i] };
                    if *d != 0.0 {
                        share = share.min((room - work.cauchy[i]) / d);
                    }
                }
                for (&i, d) in work.free.iter().zip(&work.newton) {
                    let there = work.cauchy[i] + share * d;
                    work.target[i] = there.clamp(bounds.lower[i], bounds.upper[i]);
                }
            }
        }
        for i in 0..n {
            work.direction[i] = work.target[i] - self.x[i];
        }
        work.direction.iter().all(|d| d.is_finite())
    }

    /// Writes the first minimum of the model along the projected gradient: between the places where
    /// coordinates meet their bounds the model is a parabola.
    fn cauchy(&self, bounds: Bounds<'_>, work: &mut LbfgsbWork) -> bool {
        let n = self.x.len();
        work.breaks.clear();
        work.cauchy.copy_from_slice(&self.x);
        for i in 0..n {
            let g = self.gradient[i];
            let room =
                if g < 0.0 { self.x[i] - bounds.upper[i] } else { self.x[i] - bounds.lower[i] };
            let until = if g == 0.0 { f64::INFINITY } else { room / g };
            work.step[i] = if until > 0.0 { -g } else { 0.0 };
            if until > 0.0 && until.is_finite() {
                work.breaks.push((until, i));
            }
        }
        work.breaks.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut at = 0.0;
        for k in 0..=work.breaks.len() {
            // Slope and bend of the model from the present corner along what still moves.
            for i in 0..n {
                work.residual[i] = work.cauchy[i] - self.x[i];
            }
            work.compact.product(&work.residual, &mut work.bent);
            let slope = dot(&self.gradient, &work.step) + dot(&work.bent, &work.step);
            work.compact.product(&work.step, &mut work.bent);
            let bend = dot(&work.step, &work.bent);
            if slope >= 0.0 {
                return true;
            }
            if !(bend > 0.0 && bend.is_finite()) {
                return false;
            }
            let (wanted, next) = (-slope / bend, work.breaks.get(k));
            match next {
                Some(&(until, i)) if wanted >= until - at => {
                    let along = until - at;
                    for (c, d) in work.cauchy.iter_mut().zip(&work.step) {
                        *c += along * d;
                    }
                    let down = work.step[i] < 0.0;
                    work.cauchy[i] = if down { bounds.lower[i] } else { bounds.upper[i] };
                    work.step[i] = 0.0;
                    at = until;
                }
                _ => {
                    for (c, d) in work.cauchy.iter_mut().zip(&work.step) {
                        *c += wanted * d;
                    }
                    break;
                }
            }
        }
        for (i, c) in work.cauchy.iter_mut().enumerate() {
            *c = c.clamp(bounds.lower[i], bounds.upper[i]);
        }
        true
    }

    /// Searches along the direction, no further than the box; writes place and gradient found to
    /// `work.low_*` and returns the value.
    fn search(
        &self,
        settings: &LbfgsSettings,
        slope: f64,
        memoryless: bool,
        bounds: Bounds<'_>,
        work: &mut LbfgsbWork,
        evaluate: &mut EvaluateFn<'_>,
    ) -> Result<Option<f64>, StepError> {
        let norm = dot(&work.direction, &work.direction).sqrt();
        let longest = (settings.longest_step / max_abs(&work.direction)).min(1.0);
        let first = if memoryless { settings.first_step / norm } else { 1.0 };
        let conditions = Conditions {
            c1: 1e-4,
            c2: 0.9,
            noise: settings.noise * self.loss.abs().max(settings.unit),
            longest,
            evaluations: 25,
        };
        let (snapped, from) = (&mut work.snapped, &self.x);
        let mut inside = |x: &[f64], gradient: &mut [f64]| {
            snapped.copy_from_slice(x);
            bounds.snap(snapped, from);
            evaluate(snapped, gradient)
        };
        let mut line = Line {
            z: &self.x,
            direction: &work.direction,
            trial_z: &mut work.trial_x,
            trial_gradient: &mut work.trial_gradient,
            low_z: &mut work.low_x,
            low_gradient: &mut work.low_gradient,
        };
        let found = line.search(self.loss, slope, first, &conditions, &mut inside)?;
        bounds.snap(&mut work.low_x, &self.x);
        Ok(found)
    }

    /// Adds the pair of this step, if the curvature along it is positive.
    fn remember(&mut self, memory: usize, work: &mut LbfgsbWork) {
        for i in 0..self.x.len() {
            work.step[i] = work.low_x[i] - self.x[i];
            work.bent[i] = work.low_gradient[i] - self.gradient[i];
        }
        let (s, y) = (&work.step, &work.bent);
        let curvature = dot(s, y);
        if curvature > f64::EPSILON * dot(y, y) && curvature.is_finite() {
            keep_pair(memory, (&mut self.s, &mut self.y), (s, y));
        }
    }
}

/// Work arrays of [`Lbfgsb::step`]; not part of the state.
#[derive(Debug, Clone, Default)]
pub struct LbfgsbWork {
    compact: Compact,
    breaks: Vec<(f64, usize)>,
    free: Vec<usize>,
    newton: Vec<f64>,
    cauchy: Vec<f64>,
    target: Vec<f64>,
    step: Vec<f64>,
    bent: Vec<f64>,
    residual: Vec<f64>,
    direction: Vec<f64>,
    snapped: Vec<f64>,
    trial_x: Vec<f64>,
    trial_gradient: Vec<f64>,
    low_x: Vec<f64>,
    low_gradient: Vec<f64>,
}

impl LbfgsbWork {
    fn resize(&mut self, n: usize) {
        for v in [
            &mut self.cauchy,
            &mut self.target,
            &mut self.step,
            &mut self.bent,
            &mut self.residual,
            &mut self.direction,
            &mut self.snapped,
            &mut self.trial_x,
            &mut self.trial_gradient,
            &mut self.low_x,
            &mut self.low_gradient,
        ] {
            v.resize(n, 0.0);
        }
    }
}
