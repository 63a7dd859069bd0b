//! Tangents of the backward differences, carried along the steps.

use super::super::consistent_rows::consistent_rows;
use super::super::equations::add_scaled;
use super::super::linear::Linear;
use super::path::{DIFFERENCES, StepView};
use crate::method::parameter_not_finite;
use crate::sensitivity::Sink;
use slopefield_solve::bdf::{ALPHA, GAMMA, respacing, weights_within};
use slopefield_solve::{Consistency, Ivp, Settings, SolveError, Stats};

/// The tangents, one per direction: initial values first, then parameters.
pub(super) struct Tangents {
    /// Of the differences, order by order, direction by direction.
    rows: Vec<f64>,
    /// Of the unknown of a step.
    unknown: Vec<f64>,
    row: Vec<f64>,
    state: Vec<f64>,
    slope: Vec<f64>,
    /// The derivatives of consistent state and slope, component by component.
    consistent: Vec<f64>,
    linear: Linear,
    consistency: Consistency<f64>,
    directions: usize,
    n: usize,
    next_save: usize,
    pub products: u64,
}

impl Tangents {
    pub fn new() -> Self {
        let mut consistency = Consistency::default();
        consistency.freeze();
        Tangents {
            rows: Vec::new(),
            unknown: Vec::new(),
            row: Vec::new(),
            state: Vec::new(),
            slope: Vec::new(),
            consistent: Vec::new(),
            linear: Linear::new(),
            consistency,
            directions: 0,
            n: 0,
            next_save: 0,
            products: 0,
        }
    }

    pub fn bytes(&self) -> u64 {
        (8 * (self.rows.len() + self.consistent.len())) as u64
    }

    pub fn begin(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        (self.n, self.directions) = (n, n + ivp.p.len());
        self.linear.prepare(ivp)?;
        let has_mass = ivp.rhs.structure().mass.is_some();
        for (vector, len) in [
            (&mut self.rows, self.directions * DIFFERENCES * n),
            (&mut self.unknown, n),
            (&mut self.row, n),
            (&mut self.state, n),
            (&mut self.slope, n),
            (&mut self.consistent, if has_mass { 2 * n * self.directions } else { 0 }),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        for d in 0..n {
            self.rows[d * DIFFERENCES * n + d] = 1.0;
        }
        self.next_save = 0;
        self.products = 0;
        Ok(())
    }

    /// Carries all tangents over one step and hands out those at its save points.
    pub fn step(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        step: &StepView<'_>,
        saves: &[f64],
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let n = self.n;
        let k = usize::from(step.info.order);
        if step.info.begins {
            self.begin_anew(ivp, settings, step)?;
        }
        if step.first {
            while saves.get(self.next_save) == Some(&ivp.t0) {
                for (d, rows) in self.rows.chunks_exact(DIFFERENCES * n).enumerate() {
                    sink(self.next_save, d, &rows[..n]);
                }
                self.next_save += 1;
            }
        }
        if k > 0 {
            self.respace(step);
            self.advance(ivp, step)?;
        }
        let direction = ivp.direction();
        while let Some(save) =
            saves.get(self.next_save).filter(|t| (step.info.t - **t) * direction >= 0.0)
        {
            let s = if k == 0 { 0.0 } else { (save - step.info.t) / step.info.h() };
            let weights = weights_within(k, s);
            for (d, rows) in self.rows.chunks_exact(DIFFERENCES * n).enumerate() {
                self.row.fill(0.0);
                for (row, weight) in rows.chunks_exact(n).zip(weights) {
                    add_scaled(&mut self.row, weight, row);
                }
                sink(self.next_save, d, &self.row);
            }
            self.next_save += 1;
        }
        Ok(())
    }

    /// State and slope where the method begins.
    fn begin_anew(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        step: &StepView<'_>,
    ) -> Result<(), SolveError> {
        let (n, t, h) = (self.n, step.info.t_prev, step.info.h());
        if ivp.rhs.structure().mass.is_none() {
            for (d, rows) in self.rows.chunks_exact_mut(DIFFERENCES * n).enumerate() {
                let (state, rest) = rows.split_at_mut(n);
                let change = (d.checked_sub(n), 0.0);
                self.linear.push_forward(ivp, (t, step.start), state, change, &mut rest[..n]);
                self.products += 1;
                rest[..n].iter_mut().for_each(|x| *x *= h);
                rest[n..].fill(0.0);
            }
            return Ok(());
        }
        let Tangents { consistency, linear, state, slope, consistent, directions, .. } = self;
        state.copy_from_slice(step.start);
        consistency.configure(ivp, settings);
        consistency.establish(ivp, t, state, slope, &mut Stats::default())?;
        let directions = *directions;
        let values = (step.start, &state[..], &slope[..]);
        consistent_rows(consistency, linear, ivp, t, values, true, &mut |row| {
            let first = (row.index + if row.of_slope { n } else { 0 }) * directions;
            let out = &mut consistent[first..first + directions];
            out[..n].copy_from_slice(row.by_u);
            out[n..].copy_from_slice(row.by_p);
        })?;
        for (d, rows) in self.rows.chunks_exact_mut(DIFFERENCES * n).enumerate() {
            self.row.copy_from_slice(&rows[..n]);
            rows.fill(0.0);
            for (i, of) in self.consistent.chunks_exact(directions).enumerate() {
                let along: f64 = of[..n].iter().zip(&self.row).map(|(a, b)| a * b).sum();
                let own = if d >= n { of[d] } else { 0.0 };
                rows[i] = (along + own) * if i < n { 1.0 } else { h };
            }
        }
        Ok(())
    }

    /// From the spacing of the step before to that of a step.
    fn respace(&mut self, step: &StepView<'_>) {
        let (n, mut spacing) = (self.n, step.spacing);
        for (order, h) in step.info.respacings() {
            let Some(by) = respacing(order, spacing, h) else { continue };
            spacing = h;
            for rows in self.rows.chunks_exact_mut(DIFFERENCES * n) {
                for i in 0..n {
                    let mut new = [0.0; DIFFERENCES];
                    for (j, new) in new.iter_mut().enumerate().take(order + 1).skip(1) {
                        *new = (1..=order).map(|l| by[l][j] * rows[l * n + i]).sum();
                    }
                    for (j, new) in new.into_iter().enumerate().take(order + 1).skip(1) {
                        rows[j * n + i] = new;
                    }
                }
            }
        }
    }

    /// Over the equations of a step.
    fn advance(&mut self, ivp: &Ivp<'_>, step: &StepView<'_>) -> Result<(), SolveError> {
        let n = self.n;
        let k = usize::from(step.info.order);
        let c = step.info.h() / ALPHA[k];
        self.linear.factor(ivp, step.info.t, step.end, (1.0, c))?;
        for (d, rows) in self.rows.chunks_exact_mut(DIFFERENCES * n).enumerate() {
            self.row.fill(0.0);
            for row in rows[..(k + 1) * n].chunks_exact(n) {
                add_scaled(&mut self.row, 1.0, row);
            }
            let parameter = d.checked_sub(n);
            let (at, change) = ((step.info.t, step.end), (parameter, 0.0));
            self.linear.push_forward(ivp, at, &self.row, change, &mut self.unknown);
            self.products += 1;
            self.unknown.iter_mut().for_each(|x| *x *= c);
            self.row.fill(0.0);
            for (row, gamma) in rows[n..(k + 1) * n].chunks_exact(n).zip(&GAMMA[1..]) {
                add_scaled(&mut self.row, -gamma / ALPHA[k], row);
            }
            self.linear.mass.add_product(&self.row, &mut self.unknown);
            let under = step.under_mass;
            self.linear.add_mass_change(parameter, -1.0, under, &mut self.unknown);
            self.linear.matrix.solve(&mut self.unknown);
            for i in 0..n {
                let mut sum = self.unknown[i];
                rows[(k + 1) * n + i] = sum;
                for j in (0..=k).rev() {
                    sum += rows[j * n + i];
                    rows[j * n + i] = sum;
                }
            }
            if let Some(bad) = rows[..n].iter().position(|v| !v.is_finite()) {
                return Err(match parameter {
                    None => SolveError::NonFinite {
                        t: step.info.t_prev,
                        state: bad,
                        u: step.start.to_vec(),
                    },
                    Some(parameter) => parameter_not_finite(parameter),
                });
            }
        }
        Ok(())
    }

    /// Where there is no step, all saves are the state given.
    pub fn finish(&mut self, saves: usize, sink: &mut Sink<'_>) {
        for row in self.next_save..saves {
            for (d, rows) in self.rows.chunks_exact(DIFFERENCES * self.n).enumerate() {
                sink(row, d, &rows[..self.n]);
            }
        }
    }
}
