//! Heun's method of order 2 with the Euler step inside it as an error estimate. Replace `attempt`
//! by your method, and its order and error below.

use slopefield_plugin_sdk::prelude::*;

options! {
    /// Options of the method.
    pub struct MethodOptions {
        /// Share of the step size that the error estimate would allow.
        safety: f64 = 0.9, min(0.1), max(1.0);
    }
}

/// Largest change of the step size from one step to the next.
const SHRINK: f64 = 0.2;
const GROW: f64 = 5.0;
/// Change of the step size where the model is not defined.
const RETREAT: f64 = 0.25;

/// An instance for a fixed number of states.
pub struct Method {
    rtol: f64,
    atol: Vec<f64>,
    h_init: Option<f64>,
    h_min: f64,
    h_max: f64,
    safety: f64,
    t: f64,
    t_end: f64,
    /// Size of the next step, positive.
    h: f64,
    y: Vec<f64>,
    work: Work,
}

/// Slopes, the new state and its error.
struct Work {
    k1: Vec<f64>,
    k2: Vec<f64>,
    new: Vec<f64>,
    error: Vec<f64>,
}

impl Work {
    fn new(n: usize) -> Work {
        let zero = vec![0.0; n];
        Work { k1: zero.clone(), k2: zero.clone(), new: zero.clone(), error: zero }
    }
}

/// A step of `y' = f(t, y)` from `(t, y)` to `t_new`: the new state and its error.
fn attempt(
    mut f: impl FnMut(f64, &[f64], &mut [f64]) -> Result<(), Error>,
    (t, y): (f64, &[f64]),
    t_new: f64,
    work: &mut Work,
) -> Result<(), Error> {
    let h = t_new - t;
    let Work { k1, k2, new, error } = work;
    f(t, y, k1)?;
    for ((new, y), k1) in new.iter_mut().zip(y).zip(&*k1) {
        *new = y + h * k1;
    }
    f(t_new, new, k2)?;
    for (i, new) in new.iter_mut().enumerate() {
        *new = y[i] + 0.5 * h * (k1[i] + k2[i]);
        error[i] = 0.5 * h * (k2[i] - k1[i]);
    }
    Ok(())
}

impl Method {
    /// The error in units of the tolerance.
    fn error_norm(&self) -> f64 {
        let mut worst = 0.0;
        for (i, error) in self.work.error.iter().enumerate() {
            let size = self.y[i].abs().max(self.work.new[i].abs());
            let scaled = error.abs() / (self.atol[i] + self.rtol * size);
            // A NaN must not get lost.
            worst = if scaled <= worst { worst } else { scaled };
        }
        worst
    }
}

impl Solver for Method {
    const INFO: SolverInfo = SolverInfo::new("{{local}}", "{{local}}", 2.0)
        .reference("Heun (1900); replace this by the paper of your method")
        .caps(Caps::ADAPTIVE.and(Caps::BACKWARD).and(Caps::DETERMINISTIC));
    type Options = MethodOptions;

    fn create(problem: &Problem<'_>, config: &Config<'_, MethodOptions>) -> Result<Self, Error> {
        let n = problem.len();
        Ok(Method {
            rtol: config.rtol,
            atol: config.atol.to_vec(),
            h_init: config.h_init,
            h_min: config.h_min,
            h_max: config.h_max,
            safety: config.options.safety,
            t: 0.0,
            t_end: 0.0,
            h: 0.0,
            y: vec![0.0; n],
            work: Work::new(n),
        })
    }

    fn start(&mut self, problem: &Problem<'_>, t0: f64, t_end: f64, y0: &[f64]) -> Result<(), Error> {
        self.t_end = t_end;
        self.restart(problem, t0, y0)
    }

    fn restart(&mut self, _: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.t = t;
        self.y.copy_from_slice(y);
        // Too long a step is rejected, too short a one grows.
        let span = (self.t_end - t).abs();
        let guess = (1e-3 * span).max(100.0 * f64::EPSILON * t.abs());
        self.h = self.h_init.unwrap_or(guess).min(self.h_max);
        Ok(())
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        let direction = if t_limit < self.t { -1.0 } else { 1.0 };
        let floor = self.h_min.max(10.0 * f64::EPSILON * self.t.abs());
        // If this fails, `self` is as it was: only what is meant for one step is written before.
        let (mut h, mut rejected) = (self.h, 0);
        loop {
            // No sliver of a step at the end, which is met exactly.
            let last = 1.01 * h >= (t_limit - self.t).abs();
            let t_new = if last { t_limit } else { self.t + direction * h };
            let tried = (t_new - self.t).abs();
            if tried == 0.0 || (tried < floor && (!last || rejected > 0)) {
                return Err(Error::step_too_small(tried));
            }
            let f = |t: f64, y: &[f64], out: &mut [f64]| problem.rhs(t, y, out);
            match attempt(f, (self.t, &self.y), t_new, &mut self.work) {
                Ok(()) => {}
                Err(e) if e.is_recoverable() => {
                    rejected += 1;
                    h = RETREAT * tried;
                    continue;
                }
                Err(e) => return Err(e),
            }
            let error = self.error_norm();
            if !error.is_finite() || !self.work.new.iter().all(|v| v.is_finite()) {
                rejected += 1;
                h = RETREAT * tried;
                continue;
            }
            // The error of a step is of order 2 in its size.
            let factor = (self.safety / error.sqrt()).clamp(SHRINK, GROW);
            if error > 1.0 {
                rejected += 1;
                h = tried * factor.min(self.safety);
                continue;
            }
            std::mem::swap(&mut self.y, &mut self.work.new);
            let t_prev = std::mem::replace(&mut self.t, t_new);
            // A step cut short by the limit says little about the next one.
            let next = if last && rejected == 0 { self.h.max(tried * factor) } else { tried * factor };
            self.h = next.min(self.h_max);
            return Ok(Step { t_prev, t: t_new, h_next: self.h, error_norm: error, rejected });
        }
    }

    fn state(&self) -> &[f64] {
        &self.y
    }
}

export_plugin! { id: "{{id}}", solvers: [Method], networks: [] }

#[cfg(test)]
mod tests {
    use super::*;

    /// Error of `y' = -y`, `y(0) = 1` at 1 with so many steps.
    fn error(steps: u32) -> f64 {
        let (mut y, mut work) = (vec![1.0], Work::new(1));
        let h = 1.0 / f64::from(steps);
        for i in 0..steps {
            let f = |_: f64, y: &[f64], out: &mut [f64]| {
                out[0] = -y[0];
                Ok(())
            };
            let t = f64::from(i) * h;
            attempt(f, (t, &y), t + h, &mut work).unwrap();
            y.copy_from_slice(&work.new);
        }
        (y[0] - (-1f64).exp()).abs()
    }

    #[test]
    fn the_method_has_order_two() {
        let order = (error(100) / error(200)).log2();
        assert!((order - 2.0).abs() < 0.05, "{order}");
    }
}
