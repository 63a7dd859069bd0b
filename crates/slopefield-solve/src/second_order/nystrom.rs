//! Nyström methods with adaptive steps.

use super::NystromTable;
use super::partition::Partition;
use crate::hermite::fraction;
use crate::initial::starting_length;
use crate::{
    Adaptive, Attempt, ErrorNorm, Ivp, OneStep, PiController, Real, Settings, SolveError, Stats,
};

/// Adaptive Nyström method, defined by its table.
pub type Nystrom<T = f64> = Adaptive<NystromStep<T>, T>;

impl<T: Real> Nystrom<T> {
    /// The method of `table` with the usual controller for its order.
    pub fn new(table: &'static NystromTable) -> Self {
        let controller = PiController::for_error_order(table.embedded_order + 1);
        Adaptive::with(NystromStep::new(table), controller)
    }
}

/// One step of a Nyström method.
pub struct NystromStep<T: Real = f64> {
    table: &'static NystromTable,
    partition: Partition<T>,
    t: f64,
    t_new: f64,
    /// Positions and velocities at the beginning and at the end, as states.
    start: Vec<T>,
    end: Vec<T>,
    /// A stage, as a state whose velocities do not matter.
    stage: Vec<T>,
    /// Accelerations, `s × m` for `m` positions.
    accelerations: Vec<T>,
    slope: Vec<T>,
    error: Vec<T>,
    scratch: Vec<T>,
}

/// More than any table has.
const MAX_STAGES: usize = 16;

impl<T: Real> NystromStep<T> {
    fn new(table: &'static NystromTable) -> Self {
        NystromStep {
            table,
            partition: Partition::default(),
            t: 0.0,
            t_new: 0.0,
            start: Vec::new(),
            end: Vec::new(),
            stage: Vec::new(),
            accelerations: Vec::new(),
            slope: Vec::new(),
            error: Vec::new(),
            scratch: Vec::new(),
        }
    }

    fn stages(&self) -> usize {
        self.table.c.len()
    }

    /// Evaluates the accelerations of stage `i`, which `stage` holds, at `t`.
    fn evaluate(&mut self, ivp: &Ivp<'_, T>, i: usize, t: f64) {
        ivp.rhs.eval(T::of(t), &self.stage, ivp.p, &mut self.slope, &mut self.scratch);
        let m = self.partition.velocities.len();
        let row = &mut self.accelerations[i * m..(i + 1) * m];
        for (k, v) in row.iter_mut().zip(&self.partition.velocities) {
            *k = self.slope[*v as usize];
        }
    }

    /// `Σ_i weights_i k_i` for pair `j`.
    fn sum(&self, weights: &[f64], j: usize) -> T {
        let m = self.partition.velocities.len();
        let column = self.accelerations[j..].iter().step_by(m);
        let mut sum = T::ZERO;
        for (weight, k) in weights.iter().zip(column) {
            sum += T::of(*weight) * *k;
        }
        sum
    }
}

impl<T: Real> OneStep<T> for NystromStep<T> {
    fn error_order(&self) -> u32 {
        self.table.embedded_order + 1
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        _: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let (n, id) = (u.len(), self.table.id);
        self.partition.configure(ivp, id)?;
        counts.rhs += Partition::<T>::EVALUATIONS + 1;
        if !self.partition.plain {
            return Err(SolveError::Invalid(format!(
                "the method {id} needs equations q' = v, but the slope of a position is something \
                 else than its velocity; use kahan-li8 or vern7"
            )));
        }
        let rows = self.stages() * self.partition.velocities.len();
        self.accelerations.resize(rows, T::ZERO);
        for vector in
            [&mut self.start, &mut self.end, &mut self.stage, &mut self.slope, &mut self.error]
        {
            vector.resize(n, T::ZERO);
        }
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
        (self.t, self.t_new) = (t, t);
        self.start.copy_from_slice(u);
        self.stage.copy_from_slice(u);
        self.evaluate(ivp, 0, t);
        match self.slope.iter().position(|x| !x.finite()) {
            Some(state) => Err(SolveError::non_finite(t, state, u)),
            None => Ok(()),
        }
    }

    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        let d0 = norm.of_value(&self.start, &self.start);
        let d1 = norm.of_value(&self.slope, &self.start);
        let (direction, span) = (ivp.direction(), (ivp.t1 - ivp.t0).abs());
        let change = |h: f64| {
            counts.rhs += 1;
            let step = T::of(direction * h);
            for ((x, u), f) in self.stage.iter_mut().zip(&self.start).zip(&self.slope) {
                *x = *u + step * *f;
            }
            let t = T::of(self.t + direction * h);
            ivp.rhs.eval(t, &self.stage, ivp.p, &mut self.error, &mut self.scratch);
            for (change, slope) in self.error.iter_mut().zip(&self.slope) {
                *change -= *slope;
            }
            norm.of_value(&self.error, &self.start)
        };
        starting_length(span, h_max, self.table.embedded_order + 1, (d0, d1), change)
    }

    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        (t, t_new): (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        let (s, m) = (self.stages(), self.partition.velocities.len());
        if from_end {
            self.start.copy_from_slice(&self.end);
            self.accelerations.copy_within((s - 1) * m.., 0);
        }
        (self.t, self.t_new) = (t, t_new);
        let h = t_new - t;
        let table = self.table;
        for i in 1..s {
            let c = table.c[i];
            for j in 0..m {
                let (q, v) = self.pair(j);
                let curved = T::of(h * h) * self.sum(table.a[i], j);
                self.stage[q] = self.start[q] + (T::of(c * h) * self.start[v] + curved);
            }
            self.evaluate(ivp, i, if c == 1.0 { t_new } else { t + c * h });
        }
        counts.rhs += s as u64 - 1;
        for j in 0..m {
            let (q, v) = self.pair(j);
            self.end[q] = self.stage[q];
            self.end[v] = self.start[v] + T::of(h) * self.sum(table.b_velocity, j);
            self.error[q] = T::of(h * h) * self.sum(table.b_error, j);
            self.error[v] = T::of(h) * self.sum(table.b_velocity_error, j);
        }
        Attempt::Measured(norm.square_of_error(&self.error, &self.start, &self.end))
    }

    fn beginning(&self) -> &[T] {
        &self.start
    }

    fn end(&self) -> &[T] {
        &self.end
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        if t == self.t_new {
            out.copy_from_slice(if self.t == t { &self.start } else { &self.end });
            return Ok(());
        }
        let theta = fraction(t, self.t, self.t_new)?;
        let h = theta * (self.t_new - self.t);
        let mut weights = [[0.0; MAX_STAGES]; 2];
        for (weights, table) in
            weights.iter_mut().zip([self.table.dense, self.table.dense_velocity])
        {
            for (weight, row) in weights.iter_mut().zip(table) {
                *weight = row.iter().rev().fold(0.0, |sum, coefficient| sum * theta + coefficient);
            }
        }
        for j in 0..self.partition.positions.len() {
            let (q, v) = self.pair(j);
            let curved = T::of(h * h) * self.sum(&weights[0], j);
            out[q] = self.start[q] + (T::of(h) * self.start[v] + curved);
            out[v] = self.start[v] + T::of(h) * self.sum(&weights[1], j);
        }
        Ok(())
    }
}

impl<T: Real> NystromStep<T> {
    fn pair(&self, j: usize) -> (usize, usize) {
        (self.partition.positions[j] as usize, self.partition.velocities[j] as usize)
    }
}
