//! Where numbers that depend on the solution pass 0.
//!
//! Within a step each number is sampled on the dense output at nine Chebyshev points. A number that
//! nine samples do not resolve is sampled again on half the interval. Between two samples of one
//! sign, the polynomial through the samples tells where the number comes closest to 0, and it is
//! evaluated there: two crossings between samples are found that way. Only signs of the numbers
//! themselves make an event, never those of the polynomial.

use super::STORM_SPAN;
use super::locate::{Bracket, narrow};
use super::samples::{DEGREE, Samples};
use super::slopes::Slopes;
use crate::{Ivp, Real, Settings, SolveError, Step, Stepper};
use slopefield_kernel::{Crossing, Event, Kernel, Point, Tangent, Trigger};

/// Intervals are not halved below this fraction of a step.
const SHORTEST_PIECE: f64 = 1.0 / 64.0;

/// Crossings of several numbers.
pub(super) struct RootSearch<'a, T: Real> {
    kernel: &'a dyn Kernel<T>,
    /// For each root, whether an event waits for it to rise and to fall, as time grows.
    wanted: Vec<[bool; 2]>,
    direction: f64,
    rtol: f64,
    atol: Vec<f64>,
    n: usize,
    /// Where the search has got to.
    t: f64,
    /// Sign of each number just after that; 0 where it is not known yet.
    signs: Vec<f64>,
    /// Size up to which the value of each number there is no more than a rounding error.
    noise: Vec<f64>,
    samples: Samples,
    slopes: Slopes<T>,
    /// When each number last passed 0 for an event,
    fired_at: Vec<f64>,
    /// from which side,
    came_from: Vec<f64>,
    /// how long after the time before,
    flight: Vec<f64>,
    /// and whether that was a moment only, as when a ball comes to rest.
    piling_up: Vec<bool>,
    /// Signs before a change of the state.
    before: Vec<f64>,
    /// Numbers that pass 0 at the instant found: in growing time −1 falling, +1 rising, 0 neither.
    fired: Vec<f64>,
    brackets: Vec<Option<Bracket>>,
    /// State and delayed values.
    u: Vec<T>,
    values: Vec<T>,
    rates: Vec<T>,
    leeway: Vec<T>,
    dependence: Vec<T>,
    tangent: Vec<T>,
    no_parameters: Vec<T>,
    scratch: Vec<T>,
}

impl<'a, T: Real> RootSearch<'a, T> {
    pub(super) fn new(
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        kernel: &'a dyn Kernel<T>,
        list: &[Event],
    ) -> Result<Self, SolveError> {
        let shape = kernel.shape();
        let mut wanted = vec![[false; 2]; shape.outputs];
        for (index, event) in list.iter().enumerate() {
            if let Trigger::Crossing { root, direction } = event.trigger {
                let Some(wanted) = wanted.get_mut(root as usize) else {
                    return Err(SolveError::Invalid(format!(
                        "event {index} refers to a number that the model does not give"
                    )));
                };
                wanted[0] |= direction != Crossing::Falling;
                wanted[1] |= direction != Crossing::Rising;
            }
        }
        let (m, n) = (shape.outputs, ivp.u0.len());
        Ok(RootSearch {
            kernel,
            wanted,
            direction: ivp.direction(),
            rtol: settings.rtol,
            atol: settings.atol.clone(),
            n,
            t: ivp.t0,
            signs: vec![0.0; m],
            noise: vec![0.0; m],
            samples: Samples::new(m),
            slopes: Slopes::new(ivp, settings),
            fired_at: vec![f64::NAN; m],
            came_from: vec![0.0; m],
            flight: vec![f64::INFINITY; m],
            piling_up: vec![false; m],
            before: vec![0.0; m],
            fired: vec![0.0; m],
            brackets: vec![None; m],
            u: vec![T::ZERO; shape.states],
            values: vec![T::ZERO; m],
            rates: vec![T::ZERO; m],
            leeway: vec![T::ZERO; m],
            dependence: vec![T::ZERO; m],
            tangent: vec![T::ZERO; shape.states],
            no_parameters: vec![T::ZERO; ivp.p.len()],
            scratch: vec![T::ZERO; kernel.scratch_len()],
        })
    }

    /// Which way number `root` passes 0 at the instant found: −1, +1, or 0 when it does not.
    pub(super) fn fired(&self, root: usize) -> f64 {
        self.fired[root]
    }

    /// Begins at the state `u` (with delayed values) at `t`. A number that is 0 there, up to
    /// rounding, has not passed 0: what it does next decides.
    pub(super) fn begin(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) -> Result<(), SolveError> {
        self.fired.fill(0.0);
        self.noise.fill(0.0);
        self.signs.fill(0.0);
        self.look(ivp, t, u)
    }

    /// Takes note of a change of the state at the instant found to `u`. Numbers which that change
    /// brings to the other side have fired, except those that fired before it: what an event does
    /// to its own number does not trigger it again.
    pub(super) fn change(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) -> Result<(), SolveError> {
        self.before.copy_from_slice(&self.signs);
        self.look(ivp, t, u)?;
        for root in 0..self.signs.len() {
            let passed = self.before[root] * self.signs[root] < 0.0 && self.fired[root] == 0.0;
            self.fired[root] = 0.0;
            if passed {
                self.fire(root, self.signs[root]);
            }
        }
        Ok(())
    }

    /// Takes note that the solution reaches the state `u` at `t`, the end of a step, where events
    /// happen for other reasons. Numbers that are 0 there, up to rounding, and go on to the other
    /// side pass 0 at the same instant.
    pub(super) fn arrive(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) -> Result<(), SolveError> {
        self.before.copy_from_slice(&self.signs);
        self.look(ivp, t, u)?;
        for root in 0..self.signs.len() {
            if self.fired[root] == 0.0 && self.before[root] * self.signs[root] < 0.0 {
                self.fire(root, self.signs[root]);
            }
        }
        Ok(())
    }

    /// Marks `root` as having come to the side `sign`, if an event waits for that.
    fn fire(&mut self, root: usize, sign: f64) {
        let rising = sign * self.direction > 0.0;
        if self.wanted[root][usize::from(!rising)] {
            self.fired[root] = if rising { 1.0 } else { -1.0 };
        }
    }

    /// Values and signs at `t`: those of the values, or of their rates of change where the values
    /// are rounding errors.
    fn look(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) -> Result<(), SolveError> {
        self.t = t;
        self.u.copy_from_slice(u);
        let n = self.n;
        self.slopes.write(ivp, t, u, &mut self.tangent[..n])?;
        // Against the direction of time everything changes the other way.
        for slope in &mut self.tangent {
            *slope *= T::of(self.direction);
        }
        let at = Point { t: T::of(t), u, p: ivp.p };
        let along = Tangent { t: T::of(self.direction), u: &self.tangent, p: &self.no_parameters };
        self.kernel.jvp(at, along, &mut self.values, &mut self.rates, &mut self.scratch);
        self.measure_leeway(at);
        if ivp.rhs.structure().delays.is_some() {
            self.forget_delayed_rates(at);
        }
        check_finite(&self.values, t)?;
        let moment = 8.0 * f64::EPSILON * t.abs().max(1e-3 * (ivp.t1 - ivp.t0).abs());
        for root in 0..self.signs.len() {
            let value = self.values[root].f64();
            let rate = self.rates[root].f64();
            // Bounces so low that the tolerances hide which way they go: down again, for sure.
            let leeway = self.leeway[root].f64().abs();
            let hidden = self.piling_up[root] && rate.abs() * self.flight[root] <= leeway;
            let noise = self.noise[root].max(moment * rate.abs());
            self.noise[root] = if value.abs() <= noise { noise } else { 0.0 };
            self.signs[root] = if value.abs() > noise {
                value.signum()
            } else if hidden {
                self.came_from[root]
            } else if rate != 0.0 && !rate.is_nan() {
                rate.signum()
            } else {
                0.0
            };
        }
        Ok(())
    }

    /// Writes to `leeway` what the tolerances of the states let the numbers be off by, where numbers
    /// pass 0 again and again.
    fn measure_leeway(&mut self, at: Point<'_, T>) {
        self.leeway.fill(T::ZERO);
        if !self.piling_up.iter().any(|piling_up| *piling_up) {
            return;
        }
        self.tangent[self.n..].fill(T::ZERO);
        for (k, change) in self.tangent[..self.n].iter_mut().enumerate() {
            let atol = self.atol[k.min(self.atol.len() - 1)];
            let tolerance = atol + self.rtol * at.u[k].f64().abs();
            // Different ones, so that dependencies do not cancel.
            *change = T::of(tolerance * (1.0 + 1.0 / (k as f64 + 1.3)));
        }
        let along = Tangent { t: T::ZERO, u: &self.tangent, p: &self.no_parameters };
        self.kernel.jvp(at, along, &mut self.values, &mut self.leeway, &mut self.scratch);
    }

    /// Forgets the rates of change of numbers that depend on delayed values, whose rates are not
    /// known, and on algebraic variables, which may follow them.
    fn forget_delayed_rates(&mut self, at: Point<'_, T>) {
        self.slopes.algebraic(&mut self.tangent[..self.n]);
        // Different ones, so that dependencies do not cancel.
        for (k, change) in self.tangent[self.n..].iter_mut().enumerate() {
            *change = T::of(1.0 / (k as f64 + 1.3));
        }
        let along = Tangent { t: T::ZERO, u: &self.tangent, p: &self.no_parameters };
        self.kernel.jvp(at, along, &mut self.values, &mut self.dependence, &mut self.scratch);
        self.tangent[self.n..].fill(T::ZERO);
        for (rate, dependence) in self.rates.iter_mut().zip(&self.dependence) {
            if *dependence != T::ZERO {
                *rate = T::ZERO;
            }
        }
    }

    /// The next instant, after where the search has got to and up to the end of `step`, at which
    /// events happen because numbers pass 0.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] when a number is not finite; those of the stepper.
    pub(super) fn next(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        step: &Step,
    ) -> Result<Option<f64>, SolveError> {
        self.fired.fill(0.0);
        stepper.prepare_dense(ivp);
        let length = (step.t - step.t_prev).abs();
        // Pieces as short as rounding errors of the time have no inside, as in the gap at a jump.
        let shortest =
            (SHORTEST_PIECE * length).max(8.0 * f64::EPSILON * step.t.abs().max(step.t_prev.abs()));
        let mut piece = step.t - self.t;
        while (step.t - self.t) * self.direction > 0.0 {
            let mut end = self.t + piece;
            if (step.t - end) * self.direction <= 1e-3 * length || end == self.t {
                end = step.t;
            }
            self.sample(ivp, stepper, end)?;
            let halved = 0.5 * (end - self.t);
            if !self.samples.resolved(T::EPSILON) && halved.abs() >= shortest {
                piece = halved;
                continue;
            }
            if self.bracket(ivp, stepper, end)? {
                return self.first_instant(ivp, stepper, step).map(Some);
            }
            piece = 2.0 * (end - self.t);
            self.t = end;
        }
        Ok(None)
    }

    /// Fills the samples from where the search has got to to `end`.
    fn sample(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        end: f64,
    ) -> Result<(), SolveError> {
        for i in 0..=DEGREE {
            self.evaluate(ivp, stepper, self.time(i, end))?;
            self.samples.set(i, &self.values);
        }
        Ok(())
    }

    /// Time of sample `i`.
    fn time(&self, i: usize, end: f64) -> f64 {
        if i == DEGREE { end } else { self.t + self.samples.point(i) * (end - self.t) }
    }

    /// The numbers at `t` within the step.
    fn evaluate(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        t: f64,
    ) -> Result<(), SolveError> {
        let (u, z) = self.u.split_at_mut(self.n);
        stepper.interpolate(t, u)?;
        stepper.delayed(ivp, t, z)?;
        self.kernel.eval(T::of(t), &self.u, ivp.p, &mut self.values, &mut self.scratch);
        check_finite(&self.values, t)
    }

    fn value(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        root: usize,
        t: f64,
    ) -> Result<f64, SolveError> {
        self.evaluate(ivp, stepper, t)?;
        Ok(self.values[root].f64())
    }

    /// Brackets the first wanted crossing of each number; whether there is any. Signs follow to
    /// the end of the interval where there is none.
    fn bracket(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        end: f64,
    ) -> Result<bool, SolveError> {
        let mut any = false;
        for root in 0..self.signs.len() {
            self.brackets[root] = None;
            if self.wanted[root] == [false; 2] {
                continue;
            }
            if self.signs[root] == 0.0 {
                self.signs[root] = self.first_sign(ivp, stepper, root, end)?;
            }
            let mut sign = self.signs[root];
            let mut a = (self.t, self.samples.at(0, root));
            for i in 1..=DEGREE {
                let b = (self.time(i, end), self.samples.at(i, root));
                let closest = match self.samples.closest(root, sign, i) {
                    Some(x) => {
                        let t = self.t + x * (end - self.t);
                        Some((t, self.value(ivp, stepper, root, t)?))
                    }
                    None => None,
                };
                for (t, value) in closest.into_iter().chain([b]) {
                    // At the very end nothing comes after: a number that arrives at 0 is there.
                    let arrives = value == 0.0 && t == ivp.t1;
                    if (value * sign < 0.0 || arrives && sign != 0.0)
                        && self.brackets[root].is_none()
                    {
                        let rising = sign * self.direction < 0.0;
                        if self.wanted[root][usize::from(!rising)] {
                            self.brackets[root] =
                                Some(Bracket { a: a.0, at_a: a.1, b: t, at_b: value });
                            any = true;
                        }
                    }
                    if value != 0.0 {
                        sign = value.signum();
                        a = (t, value);
                    }
                }
                if self.brackets[root].is_some() {
                    break;
                }
            }
            if self.brackets[root].is_none() {
                let last = self.samples.at(DEGREE, root);
                if last != 0.0 {
                    self.signs[root] = last.signum();
                    self.noise[root] = 0.0;
                }
            }
        }
        Ok(any)
    }

    /// Sign just after the beginning of the interval of a number that is 0 there with a rate of
    /// change that is 0 or not known.
    fn first_sign(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        root: usize,
        end: f64,
    ) -> Result<f64, SolveError> {
        let noise = self.noise[root];
        let start = self.t;
        let mut fraction = 2.0_f64.powi(-40);
        while fraction < 1.0 {
            let t = start + fraction * (end - start);
            if t != start {
                let value = self.value(ivp, stepper, root, t)?;
                if value.abs() > 8.0 * noise && value != 0.0 {
                    return Ok(value.signum());
                }
            }
            fraction *= 2.0;
        }
        Ok(0.0)
    }

    /// Narrows the brackets and moves to the first instant; crossings that differ from it by
    /// rounding belong to it.
    fn first_instant(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        step: &Step,
    ) -> Result<f64, SolveError> {
        let mut first: Option<f64> = None;
        for root in 0..self.signs.len() {
            let Some(found) = self.brackets[root] else { continue };
            let found = self.narrowed(ivp, stepper, root, found)?;
            self.brackets[root] = Some(found);
            if first.is_none_or(|first| (first - found.b) * self.direction > 0.0) {
                first = Some(found.b);
            }
        }
        let first = first.unwrap_or(step.t);
        let length = (step.t - step.t_prev).abs();
        let moment =
            64.0 * f64::EPSILON * first.abs().max(step.t.abs()) + 16.0 * T::EPSILON * length;
        let mut instant = first;
        for found in self.brackets.iter().flatten() {
            if (found.b - first).abs() <= moment && (found.b - instant) * self.direction > 0.0 {
                instant = found.b;
            }
        }
        if (step.t - instant).abs() <= moment {
            instant = step.t;
        }
        self.evaluate(ivp, stepper, instant)?;
        self.t = instant;
        for root in 0..self.signs.len() {
            let value = self.values[root].f64();
            match self.brackets[root].take() {
                Some(found) if (found.b - first).abs() <= moment => {
                    let before = if found.at_b != 0.0 {
                        -found.at_b.signum()
                    } else if found.at_a != 0.0 {
                        found.at_a.signum()
                    } else {
                        self.signs[root]
                    };
                    self.fire(root, -before);
                    self.signs[root] = -before;
                    let since = (instant - self.fired_at[root]).abs();
                    self.flight[root] = since;
                    self.piling_up[root] = since <= STORM_SPAN * instant.abs();
                    (self.fired_at[root], self.came_from[root]) = (instant, before);
                    self.noise[root] =
                        4.0 * found.at_a.abs().max(found.at_b.abs()).max(value.abs());
                }
                _ => {
                    if value.abs() > self.noise[root] {
                        self.signs[root] = value.signum();
                        self.noise[root] = 0.0;
                    }
                }
            }
        }
        Ok(instant)
    }

    fn narrowed(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        root: usize,
        mut bracket: Bracket,
    ) -> Result<Bracket, SolveError> {
        if bracket.at_b == 0.0 && bracket.b == ivp.t1 {
            return Ok(bracket);
        }
        // The sign just after the beginning may differ from that of the value there, which is a
        // rounding error. Then the crossing lies between the beginning and `b`, perhaps so close
        // to the beginning that no number lies between.
        if bracket.at_a * bracket.at_b >= 0.0 {
            let start = bracket.a;
            loop {
                let t = start + 0.5 * (bracket.b - start);
                if t == start || t == bracket.b {
                    return Ok(bracket);
                }
                let value = self.value(ivp, stepper, root, t)?;
                if value * bracket.at_b < 0.0 {
                    (bracket.a, bracket.at_a) = (t, value);
                    break;
                }
                if value != 0.0 {
                    (bracket.b, bracket.at_b) = (t, value);
                } else {
                    return Ok(Bracket { a: t, at_a: 0.0, ..bracket });
                }
            }
        }
        narrow(bracket, |t| self.value(ivp, stepper, root, t))
    }
}

fn check_finite<T: Real>(values: &[T], t: f64) -> Result<(), SolveError> {
    match values.iter().position(|value| !value.finite()) {
        None => Ok(()),
        Some(root) => Err(SolveError::Invalid(format!(
            "the number whose zero is an event (number {root} of the events) is not finite at \
             t = {t}; look for a division by zero or a value outside a function's domain in the \
             condition of the event"
        ))),
    }
}
