//! Automatic switching: steps of an explicit Runge–Kutta method and of Rodas5P, each differentiated
//! as what it is.
//!
//! Where the other side takes over, it begins with nothing but the state, so the steps form a chain
//! like those of one method. An explicit step has the unknowns `X_i = h f(t + c_i h, u + Σ a_ij X_j)`,
//! without regard to slopes that it shares with the step before: the product is the same.

use super::equations::{Directions, StageEquations, StepView, Sums, Weights, add_scaled, is_zero};
use super::interpolant::Interpolant;
use super::linear::Linear;
use super::rosenbrock::RosenbrockEquations;
use slopefield_solve::rosenbrock::RODAS5P;
use slopefield_solve::runge_kutta::{MAX_DENSE_STAGES, TSIT5};
use slopefield_solve::{Ivp, SolveError, Tableau};

/// The equations of either side.
pub(super) struct SwitchedEquations {
    implicit: RosenbrockEquations,
    explicit: ExplicitEquations,
    /// The table of the present step, where it is an explicit one.
    table: Option<&'static Tableau>,
    inner: Vec<f64>,
}

impl SwitchedEquations {
    pub fn new() -> Self {
        SwitchedEquations {
            implicit: RosenbrockEquations::new(&RODAS5P),
            explicit: ExplicitEquations::new(&TSIT5),
            table: None,
            inner: Vec::new(),
        }
    }

    fn side(&mut self) -> &mut dyn StageEquations {
        match self.table {
            Some(_) => &mut self.explicit,
            None => &mut self.implicit,
        }
    }
}

impl StageEquations for SwitchedEquations {
    fn stages(&self) -> usize {
        MAX_DENSE_STAGES
    }

    fn solved_exactly(&self) -> bool {
        true
    }

    fn have_the_jacobian(&self) -> bool {
        true
    }

    fn switches(&self) -> bool {
        true
    }

    fn select(&mut self, explicit: Option<&'static Tableau>) {
        self.table = explicit;
        if let Some(table) = explicit {
            self.explicit.table = table;
        }
    }

    fn end_weights(&self) -> Weights {
        match self.table {
            Some(_) => self.explicit.end_weights(),
            None => self.implicit.end_weights(),
        }
    }

    fn interpolant(&self) -> Interpolant {
        match self.table {
            Some(_) => self.explicit.interpolant(),
            None => self.implicit.interpolant(),
        }
    }

    fn unknowns(&mut self, ivp: &Ivp<'_>, step: &StepView<'_>, out: &mut Vec<f64>) {
        self.side().unknowns(ivp, step, out);
    }

    fn prepare(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        self.implicit.prepare(ivp)?;
        self.explicit.prepare(ivp)
    }

    fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        cotangents: &mut [f64],
        sums: &mut Sums<'_>,
    ) -> Result<u64, SolveError> {
        let n = step.start.len();
        let side = self.side();
        let rows = side.stages() * n;
        side.reverse(ivp, step, &mut cotangents[..rows], sums)
    }

    fn tangents(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        along: Directions<'_>,
        rows: &mut [f64],
    ) -> Result<u64, SolveError> {
        let (n, whole) = (step.start.len(), MAX_DENSE_STAGES * step.start.len());
        let mut inner = std::mem::take(&mut self.inner);
        let side = self.side();
        let own = side.stages() * n;
        inner.resize(along.states.len() / n * own, 0.0);
        let products = side.tangents(ivp, step, along, &mut inner);
        for (rows, inner) in rows.chunks_exact_mut(whole).zip(inner.chunks_exact(own)) {
            rows[..own].copy_from_slice(inner);
        }
        self.inner = inner;
        products
    }
}

/// The equations of an explicit step.
pub(super) struct ExplicitEquations {
    table: &'static Tableau,
    linear: Linear,
    /// The unknowns, with those of the stages that only the interpolant needs.
    rows: Vec<f64>,
    point: Vec<f64>,
    back: Vec<f64>,
    weighted: Vec<f64>,
}

impl ExplicitEquations {
    /// Those of the method of a table.
    pub fn new(table: &'static Tableau) -> Self {
        let (rows, point, back, weighted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        ExplicitEquations { table, linear: Linear::new(), rows, point, back, weighted }
    }

    /// Takes the unknowns of a step, and evaluates those that were not recorded.
    fn take(&mut self, ivp: &Ivp<'_>, step: &StepView<'_>) {
        let (n, recorded) = (step.start.len(), self.table.stages());
        self.rows.resize(self.stages() * n, 0.0);
        self.rows[..recorded * n].copy_from_slice(&step.rows[..recorded * n]);
        for i in recorded..self.stages() {
            let t = self.argument(step, i);
            let row = &mut self.rows[i * n..(i + 1) * n];
            self.linear.value(ivp, t, &self.point, row);
            row.iter_mut().for_each(|x| *x *= step.h());
        }
    }

    /// Writes the state of stage `i` to `point`; returns its time.
    fn argument(&mut self, step: &StepView<'_>, i: usize) -> f64 {
        let (weights, c) = self.table.stage(i);
        self.point.copy_from_slice(step.start);
        for (a, row) in weights.iter().zip(self.rows.chunks_exact(step.start.len())) {
            add_scaled(&mut self.point, *a, row);
        }
        if c == 1.0 { step.t_new } else { step.t + c * step.h() }
    }
}

impl StageEquations for ExplicitEquations {
    fn stages(&self) -> usize {
        self.table.dense_stages()
    }

    fn solved_exactly(&self) -> bool {
        true
    }

    fn end_weights(&self) -> Weights {
        let mut weights = Weights::default();
        weights[..self.table.b.len()].copy_from_slice(self.table.b);
        weights
    }

    fn interpolant(&self) -> Interpolant {
        Interpolant::Explicit(self.table)
    }

    fn unknowns(&mut self, ivp: &Ivp<'_>, step: &StepView<'_>, out: &mut Vec<f64>) {
        self.take(ivp, step);
        out.clear();
        out.extend_from_slice(&self.rows);
    }

    fn prepare(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        self.linear.prepare(ivp)?;
        for vector in [&mut self.point, &mut self.back, &mut self.weighted] {
            vector.resize(ivp.u0.len(), 0.0);
        }
        Ok(())
    }

    fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        cotangents: &mut [f64],
        sums: &mut Sums<'_>,
    ) -> Result<u64, SolveError> {
        let (n, h) = (step.start.len(), step.h());
        self.take(ivp, step);
        let mut products = 0;
        for i in (0..self.stages()).rev() {
            let (before, own) = cotangents.split_at_mut(i * n);
            if is_zero(&own[..n]) {
                continue;
            }
            let t = self.argument(step, i);
            for (weighted, v) in self.weighted.iter_mut().zip(&own[..n]) {
                *weighted = h * v;
            }
            self.back.fill(0.0);
            let at = (t, &self.point[..]);
            let by_time = self.linear.pull_back(ivp, at, &self.weighted, &mut self.back, sums.p);
            if sums.timed {
                let row = &self.rows[i * n..(i + 1) * n];
                let along: f64 = own.iter().zip(row).map(|(v, x)| v * x).sum();
                *sums.t += by_time;
                *sums.h += self.table.stage(i).1 * by_time + along / h;
            }
            for (a, before) in self.table.stage(i).0.iter().zip(before.chunks_exact_mut(n)) {
                add_scaled(before, *a, &self.back);
            }
            add_scaled(sums.start, 1.0, &self.back);
            products += 1;
        }
        Ok(products)
    }

    fn tangents(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        along: Directions<'_>,
        rows: &mut [f64],
    ) -> Result<u64, SolveError> {
        let (n, s) = (step.start.len(), self.stages());
        self.take(ivp, step);
        for i in 0..s {
            let t = self.argument(step, i);
            for (d, rows) in rows.chunks_exact_mut(s * n).enumerate() {
                let (before, own) = rows.split_at_mut(i * n);
                let own = &mut own[..n];
                self.back.copy_from_slice(&along.states[d * n..(d + 1) * n]);
                for (a, row) in self.table.stage(i).0.iter().zip(before.chunks_exact(n)) {
                    add_scaled(&mut self.back, *a, row);
                }
                let (dt, dh) = along.times(d);
                let parameter = along.parameter(d, ivp.p.len());
                let change = (parameter, dt + self.table.stage(i).1 * dh);
                self.linear.push_forward(ivp, (t, &self.point), &self.back, change, own);
                own.iter_mut().for_each(|x| *x *= step.h());
                add_scaled(own, dh / step.h(), &self.rows[i * n..(i + 1) * n]);
            }
        }
        Ok((s * along.states.len() / n) as u64)
    }
}
