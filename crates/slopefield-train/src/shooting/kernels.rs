//! Model functions over parameters that hold the ends of segments besides the model's own.
//!
//! With `n` states and `m` parameters of the model, `p` is the model's parameters, the state at
//! which the segment begins (`n`), that at which the next one begins (`n`), and the weight of a
//! jump between them for each state (`n`).

use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use std::sync::Arc;

/// What a function gives.
enum Role {
    /// The derivatives of the states.
    Rhs,
    /// The state at which the model begins.
    Start,
    /// That at which the segment begins, from its parameters.
    Free,
    /// What the model observes, and behind it each state's weighted jump to the next segment.
    Observe,
}

/// One of the functions of a segment.
struct Segmented {
    /// The model's.
    inner: Arc<dyn Kernel>,
    role: Role,
    states: usize,
    /// Parameters of the model.
    params: usize,
}

/// Elements of `p` for a model with `n` states and `m` parameters.
pub(super) fn parameters(n: usize, m: usize) -> usize {
    m + 3 * n
}

/// The right-hand side.
pub(super) fn rhs(inner: &Arc<dyn Kernel>) -> Arc<dyn Kernel> {
    Segmented::shared(inner, Role::Rhs, inner.shape().states)
}

/// The initial state of a first segment.
pub(super) fn start(inner: &Arc<dyn Kernel>) -> Arc<dyn Kernel> {
    Segmented::shared(inner, Role::Start, inner.shape().outputs)
}

/// The initial state of another segment of a model with this initial state.
pub(super) fn free(inner: &Arc<dyn Kernel>) -> Arc<dyn Kernel> {
    Segmented::shared(inner, Role::Free, inner.shape().outputs)
}

/// What is observed, then the weighted jumps.
pub(super) fn observe(inner: &Arc<dyn Kernel>) -> Arc<dyn Kernel> {
    Segmented::shared(inner, Role::Observe, inner.shape().states)
}

impl Segmented {
    fn shared(inner: &Arc<dyn Kernel>, role: Role, states: usize) -> Arc<dyn Kernel> {
        let params = inner.shape().params;
        Arc::new(Segmented { inner: Arc::clone(inner), role, states, params })
    }

    /// Start of the segment, start of the next and weights.
    fn ends<'a>(&self, p: &'a [f64]) -> [&'a [f64]; 3] {
        let n = self.states;
        [0, 1, 2].map(|k| &p[self.params + k * n..][..n])
    }
}

impl Kernel for Segmented {
    fn shape(&self) -> Shape {
        let inner = self.inner.shape();
        let more = if matches!(self.role, Role::Observe) { self.states } else { 0 };
        let params = parameters(self.states, self.params);
        Shape { params, outputs: inner.outputs + more, ..inner }
    }

    fn scratch_len(&self) -> usize {
        self.inner.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let own = &p[..self.params];
        let [start, next, weights] = self.ends(p);
        match self.role {
            Role::Rhs | Role::Start => self.inner.eval(t, u, own, out, scratch),
            Role::Free => out.copy_from_slice(start),
            Role::Observe => {
                let (observed, jumps) = out.split_at_mut(self.inner.shape().outputs);
                self.inner.eval(t, u, own, observed, scratch);
                for (i, jump) in jumps.iter_mut().enumerate() {
                    *jump = weights[i] * (u[i] - next[i]);
                }
            }
        }
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        let own = Point { p: &at.p[..self.params], ..at };
        let inwards = Tangent { p: &along.p[..self.params], ..along };
        let [start, next, weights] = self.ends(at.p);
        let [by_start, by_next, by_weights] = self.ends(along.p);
        match self.role {
            Role::Rhs | Role::Start => self.inner.jvp(own, inwards, out, dout, scratch),
            Role::Free => {
                out.copy_from_slice(start);
                dout.copy_from_slice(by_start);
            }
            Role::Observe => {
                let outputs = self.inner.shape().outputs;
                let (observed, jumps) = out.split_at_mut(outputs);
                let (by_observed, by_jumps) = dout.split_at_mut(outputs);
                self.inner.jvp(own, inwards, observed, by_observed, scratch);
                for i in 0..self.states {
                    let gap = at.u[i] - next[i];
                    jumps[i] = weights[i] * gap;
                    by_jumps[i] = weights[i] * (along.u[i] - by_next[i]) + by_weights[i] * gap;
                }
            }
        }
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let own = Point { p: &at.p[..self.params], ..at };
        let [_, next, weights] = self.ends(at.p);
        let Cotangent { t, u, p } = grad;
        let (by_own, by_ends) = p.split_at_mut(self.params);
        let n = self.states;
        match self.role {
            Role::Rhs | Role::Start => {
                self.inner.vjp(own, w, Cotangent { t, u, p: by_own }, scratch);
            }
            Role::Free => {
                for (by_start, w) in by_ends.iter_mut().zip(w) {
                    *by_start += w;
                }
            }
            Role::Observe => {
                let (observed, jumps) = w.split_at(self.inner.shape().outputs);
                for (i, jump) in jumps.iter().enumerate() {
                    u[i] += weights[i] * jump;
                    by_ends[n + i] -= weights[i] * jump;
                    by_ends[2 * n + i] += (at.u[i] - next[i]) * jump;
                }
                self.inner.vjp(own, observed, Cotangent { t, u, p: by_own }, scratch);
            }
        }
    }
}
