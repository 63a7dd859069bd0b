//! The explicit pair of orders 3 and 2 of Bogacki and Shampine (Appl. Math. Lett. 2 (1989) 321,
//! doi:10.1016/0893-9659(89)90079-7), with cubic Hermite dense output and the reverse of its steps.
//!
//! The reverse follows the step from its end to its beginning. A slope that a step takes over from
//! the one before, `f` at its beginning, is a function of the state there, and is pulled back as
//! that.

use crate::control::Control;
use slopefield_plugin_sdk::prelude::*;

/// Weights of the result, and of its error.
const B: [f64; 3] = [2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0];
const E: [f64; 4] = [-5.0 / 72.0, 1.0 / 12.0, 1.0 / 9.0, -1.0 / 8.0];

pub struct Bs32 {
    control: Control,
    t_prev: f64,
    t: f64,
    t_end: f64,
    h: f64,
    y_prev: Vec<f64>,
    y: Vec<f64>,
    /// States at the two inner stages of the last accepted step.
    inner: [Vec<f64>; 2],
    /// Slopes of the last accepted step at its beginning and its end, which is where it stands.
    ends: [Vec<f64>; 2],
    /// Of the attempt: states at the inner stages and at its end, and slopes.
    states: [Vec<f64>; 3],
    slopes: [Vec<f64>; 3],
    error: Vec<f64>,
    /// Weights of the slopes and of a stage, while a step is reversed.
    kappa: [Vec<f64>; 4],
    stage: Vec<f64>,
    start: Vec<f64>,
}

/// `out = y + Σ h weight · slope`.
fn combine(out: &mut [f64], y: &[f64], terms: &[(f64, &[f64])]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = y[i] + terms.iter().map(|(weight, slope)| weight * slope[i]).sum::<f64>();
    }
}

fn add(sum: &mut [f64], factor: f64, x: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

/// Weights of `y_prev`, its slope, `y` and its slope in the cubic at the part `s` of a step.
fn hermite(s: f64, h: f64) -> [f64; 4] {
    let (a, b) = ((1.0 - s) * (1.0 - s), s * s);
    [a * (1.0 + 2.0 * s), a * s * h, b * (3.0 - 2.0 * s), b * (s - 1.0) * h]
}

impl Bs32 {
    /// Tries the step to `t_new`; its scaled error, which may be NaN.
    fn attempt(&mut self, problem: &Problem<'_>, t_new: f64) -> Result<f64, Error> {
        let (t, h) = (self.t, t_new - self.t);
        let first = &self.ends[1];
        let [k2, k3, k4] = &mut self.slopes;
        let [y2, y3, end] = &mut self.states;
        combine(y2, &self.y, &[(0.5 * h, first)]);
        problem.rhs(t + 0.5 * h, y2, k2)?;
        combine(y3, &self.y, &[(0.75 * h, k2)]);
        problem.rhs(t + 0.75 * h, y3, k3)?;
        combine(end, &self.y, &[(B[0] * h, first), (B[1] * h, k2), (B[2] * h, k3)]);
        problem.rhs(t_new, end, k4)?;
        self.error.fill(0.0);
        for (weight, slope) in E.iter().zip([first, k2, k3, k4]) {
            add(&mut self.error, weight * h, slope);
        }
        Ok(self.control.norm(&self.error, &self.y, end))
    }

    /// The attempt becomes the last step.
    fn accept(&mut self, t_new: f64) {
        let [y2, y3, end] = &mut self.states;
        std::mem::swap(&mut self.inner[0], y2);
        std::mem::swap(&mut self.inner[1], y3);
        std::mem::swap(&mut self.y_prev, &mut self.y);
        std::mem::swap(&mut self.y, end);
        self.ends.swap(0, 1);
        std::mem::swap(&mut self.ends[1], &mut self.slopes[2]);
        (self.t_prev, self.t) = (self.t, t_new);
    }
}

impl Solver for Bs32 {
    const INFO: SolverInfo = SolverInfo::new("bs32", "Bogacki–Shampine 3(2) with its reverse", 3.0)
        .dense_order(3.0)
        .reference("10.1016/0893-9659(89)90079-7")
        .caps(
            Caps::ADAPTIVE
                .and(Caps::BACKWARD)
                .and(Caps::DETERMINISTIC)
                .and(Caps::STEP_VJP)
                .and(Caps::STEP_REDO)
                .and(Caps::STATE_DELAYS)
                .and(Caps::DENSE_SEGMENT),
        );
    type Options = NoOptions;

    fn create(problem: &Problem<'_>, config: &Config<'_, NoOptions>) -> Result<Self, Error> {
        let vector = || vec![0.0; problem.len()];
        Ok(Bs32 {
            control: Control::new(config),
            t_prev: 0.0,
            t: 0.0,
            t_end: 0.0,
            h: 0.0,
            y_prev: vector(),
            y: vector(),
            inner: [vector(), vector()],
            ends: [vector(), vector()],
            states: [vector(), vector(), vector()],
            slopes: [vector(), vector(), vector()],
            error: vector(),
            kappa: [vector(), vector(), vector(), vector()],
            stage: vector(),
            start: vector(),
        })
    }

    fn start(
        &mut self,
        problem: &Problem<'_>,
        t0: f64,
        t_end: f64,
        y0: &[f64],
    ) -> Result<(), Error> {
        (self.t_prev, self.t, self.t_end) = (t0, t0, t_end);
        self.h = self.control.first(t0, t_end);
        self.y.copy_from_slice(y0);
        problem.rhs(t0, y0, &mut self.ends[1])
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        let (mut h, mut rejected) = (self.h, 0);
        loop {
            let t_new = self.control.end(self.t, h, t_limit);
            let length = (t_new - self.t).abs();
            match self.attempt(problem, t_new) {
                Ok(error) if error <= 1.0 => {
                    self.h = self.control.next(length, error, 3.0);
                    self.accept(t_new);
                    let (t_prev, h_next) = (self.t_prev, self.h);
                    return Ok(Step { t_prev, t: t_new, h_next, error_norm: error, rejected });
                }
                Ok(error) if error.is_finite() => {
                    h = self.control.allow(self.t, self.control.next(length, error, 3.0))?;
                }
                Ok(_) => h = self.control.retreat(self.t, length)?,
                Err(e) if e.is_recoverable() => h = self.control.retreat(self.t, length)?,
                Err(e) => return Err(e),
            }
            rejected += 1;
        }
    }

    fn state(&self) -> &[f64] {
        &self.y
    }

    fn segment_degree(&self) -> usize {
        3
    }

    fn segment(&self, out: &mut Segment<'_>) -> Result<(), Error> {
        let (n, h) = (self.y.len(), self.t - self.t_prev);
        let c = out.powers(3);
        for i in 0..n {
            let rise = self.y[i] - self.y_prev[i];
            let (first, last) = (h * self.ends[0][i], h * self.ends[1][i]);
            c[i] = self.y_prev[i];
            c[n + i] = first;
            c[2 * n + i] = 3.0 * rise - 2.0 * first - last;
            c[3 * n + i] = first + last - 2.0 * rise;
        }
        Ok(())
    }

    fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.start(problem, t, self.t_end, y)
    }

    fn record_len(&self) -> usize {
        2 * self.y.len()
    }

    fn record(&self, out: &mut [f64]) -> Result<(), Error> {
        let (first, second) = out.split_at_mut(self.y.len());
        first.copy_from_slice(&self.inner[0]);
        second.copy_from_slice(&self.inner[1]);
        Ok(())
    }

    fn redo(
        &mut self,
        problem: &Problem<'_>,
        t_prev: f64,
        y_prev: &[f64],
        t: f64,
    ) -> Result<(), Error> {
        self.t = t_prev;
        self.y.copy_from_slice(y_prev);
        problem.rhs(t_prev, y_prev, &mut self.ends[1])?;
        self.attempt(problem, t)?;
        self.accept(t);
        Ok(())
    }

    fn reverse(&mut self, _: &Problem<'_>, step: &mut Reversal<'_>) -> Result<(), Error> {
        let (n, h) = (step.y.len(), step.t - step.t_prev);
        let (y2, y3) = step.record.split_at(n);
        let (start, stage) = (&mut self.start, &mut self.stage);
        start.fill(0.0);
        self.kappa.iter_mut().for_each(|k| k.fill(0.0));
        let [k1, k2, k3, k4] = &mut self.kappa;
        for (t, w) in step.inside.iter().zip(step.inside_weights.chunks_exact(n.max(1))) {
            let [y_prev, first, y, last] = hermite((t - step.t_prev) / h, h);
            add(start, y_prev, w);
            add(k1, first, w);
            add(step.weights, y, w);
            add(k4, last, w);
        }
        if !step.inside.is_empty() {
            stage.fill(0.0);
            step.pull_back(step.t, step.y, k4, stage)?;
            add(step.weights, 1.0, stage);
        }
        for (kappa, b) in [&mut *k1, &mut *k2, &mut *k3].into_iter().zip(B) {
            add(kappa, b * h, step.weights);
        }
        add(start, 1.0, step.weights);
        stage.fill(0.0);
        step.pull_back(step.t_prev + 0.75 * h, y3, k3, stage)?;
        add(start, 1.0, stage);
        add(k2, 0.75 * h, stage);
        stage.fill(0.0);
        step.pull_back(step.t_prev + 0.5 * h, y2, k2, stage)?;
        add(start, 1.0, stage);
        add(k1, 0.5 * h, stage);
        step.pull_back(step.t_prev, step.y_prev, k1, start)?;
        step.weights.copy_from_slice(start);
        Ok(())
    }
}
