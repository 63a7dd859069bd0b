//! One step of a method for noise as a list of operations on rows of numbers, and its derivatives:
//! cotangents from the last operation to the first, tangents from the first to the last.
//!
//! The methods are written once, in `schemes.rs`, as calls of [`StepTape::sum`], [`StepTape::drift`]
//! and so on, which compute values and remember what they did. Of the derivatives only the
//! operations have to know anything. All memory is kept between steps.

use super::implicit::ImplicitStage;
use super::system::{Rhs, System};
use slopefield_kernel::{Cotangent, Point, Tangent};

/// A row of numbers on a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Row {
    at: usize,
    len: usize,
}

impl Row {
    /// Part `j` of length `n`: the coefficients of source `j`.
    pub(super) fn column(self, j: usize, n: usize) -> Row {
        debug_assert!((j + 1) * n <= self.len);
        Row { at: self.at + j * n, len: n }
    }

    /// Number of parts of length `n`.
    pub(super) fn columns(self, n: usize) -> usize {
        self.len / n
    }

    fn range(self) -> std::ops::Range<usize> {
        self.at..self.at + self.len
    }
}

/// What was done.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// `out = Σ c row` over a part of the terms.
    Sum { out: Row, first: usize, count: usize },
    /// `out = Σ_j g_j x_j` with numbers `x` from `weights` on: `g_i x_i` for diagonal noise.
    Noise { out: Row, coefficients: Row, weights: usize },
    /// `out = f(t, u)`, of the drift or the coefficients of noise.
    Function { which: Rhs, out: Row, t: f64, u: Row },
    /// `out = (∂g/∂u)(t, u) d` of the coefficients of noise.
    Along { out: Row, t: f64, u: Row, direction: Row },
    /// `out = known + h f(t, out)`.
    Implicit { out: Row, t: f64, h: f64, known: Row },
}

/// The tape of one step.
#[derive(Default)]
pub(super) struct StepTape {
    n: usize,
    ops: Vec<Op>,
    values: Vec<f64>,
    terms: Vec<(f64, Row)>,
    weights: Vec<f64>,
    cotangents: Vec<f64>,
    /// One after the other for each direction.
    tangents: Vec<f64>,
    /// The cotangent of the operation in hand, or a unit vector of its results.
    w: Vec<f64>,
    /// A direction of the parameters, 0 but for one place at most.
    along_p: Vec<f64>,
    /// Results that nobody wants.
    rest_u: Vec<f64>,
    rest_p: Vec<f64>,
    rest_out: Vec<f64>,
    scratch: Vec<f64>,
    stage: ImplicitStage,
    /// Products and evaluations so far.
    pub(super) products: u64,
}

impl StepTape {
    /// Sizes the work space for a system and forgets the counter.
    pub(super) fn configure(&mut self, system: &System<'_>) {
        let (n, p) = (system.ivp.u0.len(), system.ivp.p.len());
        self.n = n;
        self.scratch.resize(system.scratch_len(), 0.0);
        for (vector, len) in [(&mut self.along_p, p), (&mut self.rest_p, p), (&mut self.rest_u, n)]
        {
            vector.clear();
            vector.resize(len, 0.0);
        }
        self.rest_out.resize(n.max(system.outputs()), 0.0);
        self.stage.forget();
        self.products = 0;
    }

    /// Begins a step at a state.
    pub(super) fn begin(&mut self, u: &[f64]) -> Row {
        self.ops.clear();
        self.values.clear();
        self.terms.clear();
        self.weights.clear();
        self.values.extend_from_slice(u);
        Row { at: 0, len: u.len() }
    }

    /// The numbers of a row.
    #[cfg(test)]
    pub(super) fn value(&self, row: Row) -> &[f64] {
        &self.values[row.range()]
    }

    /// Bytes in use.
    pub(super) fn bytes(&self) -> u64 {
        let numbers =
            self.values.capacity() + self.cotangents.capacity() + self.tangents.capacity();
        8 * numbers as u64
    }

    fn room(&mut self, len: usize) -> Row {
        let at = self.values.len();
        self.values.resize(at + len, 0.0);
        Row { at, len }
    }

    /// `Σ c row`. Terms of 0 are left out.
    pub(super) fn sum(&mut self, terms: impl IntoIterator<Item = (f64, Row)>) -> Row {
        let out = self.room(self.n);
        let first = self.terms.len();
        self.terms.extend(terms.into_iter().filter(|(c, _)| *c != 0.0));
        let (before, here) = self.values.split_at_mut(out.at);
        for (c, row) in &self.terms[first..] {
            for (out, x) in here.iter_mut().zip(&before[row.range()]) {
                *out += c * x;
            }
        }
        self.ops.push(Op::Sum { out, first, count: self.terms.len() - first });
        out
    }

    /// The noise of numbers, one for each source, with the given coefficients.
    pub(super) fn noise(
        &mut self,
        system: &System<'_>,
        coefficients: Row,
        numbers: impl IntoIterator<Item = f64>,
    ) -> Row {
        let out = self.room(self.n);
        let weights = self.weights.len();
        self.weights.extend(numbers);
        debug_assert_eq!(self.weights.len() - weights, system.noise.sources);
        let (before, here) = self.values.split_at_mut(out.at);
        let (g, x) = (&before[coefficients.range()], &self.weights[weights..]);
        if system.is_diagonal() {
            for ((out, g), x) in here.iter_mut().zip(g).zip(x) {
                *out = g * x;
            }
        } else {
            for (column, x) in g.chunks_exact(self.n).zip(x) {
                for (out, g) in here.iter_mut().zip(column) {
                    *out += g * x;
                }
            }
        }
        self.ops.push(Op::Noise { out, coefficients, weights });
        out
    }

    /// A function of the system at a state on the tape.
    pub(super) fn function(&mut self, system: &System<'_>, which: Rhs, t: f64, u: Row) -> Row {
        let kernel = system.kernel(which);
        let out = self.room(kernel.shape().outputs);
        let (before, here) = self.values.split_at_mut(out.at);
        kernel.eval(t, &before[u.range()], system.ivp.p, here, &mut self.scratch);
        self.products += 1;
        self.ops.push(Op::Function { which, out, t, u });
        out
    }

    /// The derivative of the coefficients of noise along a row of the tape.
    pub(super) fn along(&mut self, system: &System<'_>, t: f64, u: Row, direction: Row) -> Row {
        let kernel = system.kernel(Rhs::Noise);
        let out = self.room(kernel.shape().outputs);
        let (before, here) = self.values.split_at_mut(out.at);
        let at = Point { t, u: &before[u.range()], p: system.ivp.p };
        let along = Tangent { t: 0.0, u: &before[direction.range()], p: &self.along_p };
        kernel.jvp(at, along, &mut self.rest_out[..out.len], here, &mut self.scratch);
        self.products += 1;
        self.ops.push(Op::Along { out, t, u, direction });
        out
    }

    /// The solution `x` of `x = known + h f(t, x)`.
    pub(super) fn implicit(&mut self, t: f64, h: f64, known: Row, x: &[f64]) -> Row {
        let out = self.room(self.n);
        self.values[out.range()].copy_from_slice(x);
        self.ops.push(Op::Implicit { out, t, h, known });
        out
    }

    /// Sets all cotangents to 0.
    pub(super) fn clear_cotangents(&mut self) {
        self.cotangents.clear();
        self.cotangents.resize(self.values.len(), 0.0);
    }

    /// The cotangents of a row, to add to before [`StepTape::reverse`] and to read after it.
    pub(super) fn cotangent(&mut self, row: Row) -> &mut [f64] {
        &mut self.cotangents[row.range()]
    }

    /// Carries the cotangents from the last operation to the first and adds the gradient with
    /// respect to the parameters. False where a stage has no derivative.
    pub(super) fn reverse(&mut self, system: &System<'_>, grad_p: &mut [f64]) -> bool {
        for at in (0..self.ops.len()).rev() {
            let op = self.ops[at];
            let out = match op {
                Op::Sum { out, .. }
                | Op::Noise { out, .. }
                | Op::Function { out, .. }
                | Op::Along { out, .. }
                | Op::Implicit { out, .. } => out,
            };
            self.w.clear();
            self.w.extend_from_slice(&self.cotangents[out.range()]);
            if self.w.iter().all(|w| *w == 0.0) {
                continue;
            }
            match op {
                Op::Sum { first, count, .. } => {
                    for (c, row) in &self.terms[first..first + count] {
                        for (to, w) in self.cotangents[row.range()].iter_mut().zip(&self.w) {
                            *to += c * w;
                        }
                    }
                }
                Op::Noise { coefficients, weights, .. } => {
                    self.reverse_noise(system, coefficients, weights);
                }
                Op::Function { which, t, u, .. } => {
                    let at = Point { t, u: &self.values[u.range()], p: system.ivp.p };
                    let (mut by_time, u) = (0.0, &mut self.cotangents[u.range()]);
                    let grad = Cotangent { t: &mut by_time, u, p: grad_p };
                    system.kernel(which).vjp(at, &self.w, grad, &mut self.scratch);
                    self.products += 1;
                }
                Op::Along { t, u, direction, .. } => {
                    self.reverse_along(system, t, u, direction, grad_p);
                }
                Op::Implicit { out, t, h, known } => {
                    let x = &self.values[out.range()];
                    if !self.stage.solve_transposed(system.ivp, t, h, x, &mut self.w) {
                        return false;
                    }
                    for (to, w) in self.cotangents[known.range()].iter_mut().zip(&mut self.w) {
                        *to += *w;
                        *w *= h;
                    }
                    let at = Point { t, u: x, p: system.ivp.p };
                    let (mut by_time, u) = (0.0, &mut self.rest_u[..]);
                    let grad = Cotangent { t: &mut by_time, u, p: grad_p };
                    system.kernel(Rhs::Drift).vjp(at, &self.w, grad, &mut self.scratch);
                    self.products += 1;
                }
            }
        }
        true
    }

    fn reverse_noise(&mut self, system: &System<'_>, coefficients: Row, weights: usize) {
        let (x, n) = (&self.weights[weights..], self.n);
        let g = &mut self.cotangents[coefficients.range()];
        if system.is_diagonal() {
            for ((g, w), x) in g.iter_mut().zip(&self.w).zip(x) {
                *g += x * w;
            }
            return;
        }
        for (column, x) in g.chunks_exact_mut(n).zip(x) {
            for (g, w) in column.iter_mut().zip(&self.w) {
                *g += x * w;
            }
        }
    }

    /// Of `(∂g/∂u) d`: a reverse product for `d`, one of second derivatives for state and
    /// parameters.
    fn reverse_along(
        &mut self,
        system: &System<'_>,
        t: f64,
        u: Row,
        direction: Row,
        grad_p: &mut [f64],
    ) {
        let at = Point { t, u: &self.values[u.range()], p: system.ivp.p };
        let mut by_time = 0.0;
        let (to, rest) = (&mut self.cotangents[direction.range()], &mut self.rest_p[..]);
        let grad = Cotangent { t: &mut by_time, u: to, p: rest };
        system.kernel(Rhs::Noise).vjp(at, &self.w, grad, &mut self.scratch);
        self.products += 1;
        let Some(hessian) = system.noise.hessian else { return };
        let along = Tangent { t: 0.0, u: &self.values[direction.range()], p: &self.along_p };
        let grad = Cotangent { t: &mut by_time, u: &mut self.cotangents[u.range()], p: grad_p };
        hessian.hvp(at, along, &self.w, grad, &mut self.scratch);
        self.products += 1;
    }

    /// The tangent of a row along a direction, after [`StepTape::propagate`].
    pub(super) fn tangent(&self, direction: usize, row: Row) -> &[f64] {
        let at = direction * self.values.len() + row.at;
        &self.tangents[at..at + row.len]
    }

    /// Carries tangents from the first operation to the last: of the beginning those in `first`,
    /// one after the other; of the parameters unit vectors for the directions from `parameters` on,
    /// and none for those before. False where a stage has no derivative.
    pub(super) fn propagate(
        &mut self,
        system: &System<'_>,
        first: &[f64],
        parameters: usize,
    ) -> bool {
        let (n, len) = (self.n, self.values.len());
        let directions = first.len() / n;
        self.tangents.clear();
        self.tangents.resize(directions * len, 0.0);
        for (tangents, first) in self.tangents.chunks_exact_mut(len).zip(first.chunks_exact(n)) {
            tangents[..n].copy_from_slice(first);
        }
        for at in 0..self.ops.len() {
            let op = self.ops[at];
            if let Op::Along { out, t, u, direction } = op {
                self.second_derivatives(system, (t, out, u, direction), parameters);
            }
            if let Op::Implicit { out, t, h, .. } = op
                && !self.stage.prepare(system.ivp, t, h, &self.values[out.range()])
            {
                return false;
            }
            for k in 0..directions {
                if k >= parameters {
                    self.along_p[k - parameters] = 1.0;
                }
                self.propagate_one(system, op, k);
                if k >= parameters {
                    self.along_p[k - parameters] = 0.0;
                }
            }
        }
        true
    }

    fn propagate_one(&mut self, system: &System<'_>, op: Op, k: usize) {
        let (n, len, p) = (self.n, self.values.len(), system.ivp.p);
        let tangents = &mut self.tangents[k * len..(k + 1) * len];
        match op {
            Op::Sum { out, first, count } => {
                let (before, here) = tangents.split_at_mut(out.at);
                for (c, row) in &self.terms[first..first + count] {
                    for (out, x) in here.iter_mut().zip(&before[row.range()]) {
                        *out += c * x;
                    }
                }
            }
            Op::Noise { out, coefficients, weights } => {
                let (before, here) = tangents.split_at_mut(out.at);
                let (g, x) = (&before[coefficients.range()], &self.weights[weights..]);
                if system.is_diagonal() {
                    for ((out, g), x) in here.iter_mut().zip(g).zip(x) {
                        *out = g * x;
                    }
                } else {
                    for (column, x) in g.chunks_exact(n).zip(x) {
                        for (out, g) in here.iter_mut().zip(column) {
                            *out += g * x;
                        }
                    }
                }
            }
            Op::Function { which, out, t, u } => {
                let (before, here) = tangents.split_at_mut(out.at);
                let at = Point { t, u: &self.values[u.range()], p };
                let along = Tangent { t: 0.0, u: &before[u.range()], p: &self.along_p };
                let rest = &mut self.rest_out[..out.len];
                system.kernel(which).jvp(at, along, rest, &mut here[..out.len], &mut self.scratch);
                self.products += 1;
            }
            Op::Along { out, t, u, direction } => {
                // What second derivatives give stands there already.
                let (before, here) = tangents.split_at_mut(out.at);
                let at = Point { t, u: &self.values[u.range()], p };
                self.rest_p.fill(0.0);
                let along = Tangent { t: 0.0, u: &before[direction.range()], p: &self.rest_p };
                let rest = &mut self.rest_out[..out.len];
                self.w.resize(out.len, 0.0);
                system.kernel(Rhs::Noise).jvp(at, along, rest, &mut self.w, &mut self.scratch);
                self.products += 1;
                for (out, w) in here[..out.len].iter_mut().zip(&self.w) {
                    *out += w;
                }
            }
            Op::Implicit { out, t, h, known } => {
                let (before, here) = tangents.split_at_mut(out.at);
                let at = Point { t, u: &self.values[out.range()], p };
                self.rest_u.fill(0.0);
                let along = Tangent { t: 0.0, u: &self.rest_u, p: &self.along_p };
                let (rest, here) = (&mut self.rest_out[..out.len], &mut here[..out.len]);
                system.kernel(Rhs::Drift).jvp(at, along, rest, here, &mut self.scratch);
                self.products += 1;
                for (out, known) in here.iter_mut().zip(&before[known.range()]) {
                    *out = known + h * *out;
                }
                self.stage.solve(h, here);
            }
        }
    }

    /// The tangents that `(∂g/∂u) d` has from state and parameters: for each of its numbers a
    /// product with second derivatives, which serves all directions.
    fn second_derivatives(
        &mut self,
        system: &System<'_>,
        (t, out, u, direction): (f64, Row, Row, Row),
        parameters: usize,
    ) {
        let Some(hessian) = system.noise.hessian else { return };
        let (len, p) = (self.values.len(), system.ivp.p);
        for number in 0..out.len {
            self.w.clear();
            self.w.resize(out.len, 0.0);
            self.w[number] = 1.0;
            self.rest_u.fill(0.0);
            self.rest_p.fill(0.0);
            let at = Point { t, u: &self.values[u.range()], p };
            let along = Tangent { t: 0.0, u: &self.values[direction.range()], p: &self.along_p };
            let mut by_time = 0.0;
            let grad = Cotangent { t: &mut by_time, u: &mut self.rest_u, p: &mut self.rest_p };
            hessian.hvp(at, along, &self.w, grad, &mut self.scratch);
            self.products += 1;
            for (k, tangents) in self.tangents.chunks_exact_mut(len).enumerate() {
                let by_state: f64 =
                    tangents[u.range()].iter().zip(&self.rest_u).map(|(a, b)| a * b).sum();
                let by_parameter = if k >= parameters { self.rest_p[k - parameters] } else { 0.0 };
                tangents[out.at + number] = by_state + by_parameter;
            }
        }
    }
}
