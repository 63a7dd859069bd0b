//! Bounds of the rates of jumps, for simulation by thinning.

use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_lang::{Enclosure, Expr, ExprKind, Inputs, Interval, Model};

/// A bound is taken for as long as it holds if it is not more than this times the rate.
const LOOSE: f64 = 2.0;

/// Most times that a length of time is doubled or halved.
const MAX_TRIES: usize = 200;

/// What the rates of a model's jumps do not exceed from a time on, and for how long
/// ([`slopefield_kernel::Structure::rate_bounds`]).
///
/// What the text declares is believed, and checked while jumps are simulated. Rates of which it says
/// nothing must not change between jumps but with the time: they are enclosed over a length of time
/// by interval arithmetic. The length is the longest found for which at most one candidate is
/// expected in it, or all time where the bound is then close.
pub(crate) struct RateBounds {
    /// States, inputs and delayed values.
    states: usize,
    params: usize,
    rates: usize,
    /// Which jumps declare a bound, their bounds, and then the times for which some of them hold.
    declared: Vec<usize>,
    given: Enclosure,
    /// The other jumps and their rates.
    varying: Vec<usize>,
    enclosed: Enclosure,
}

impl RateBounds {
    /// Those of a model, as a function of `params` parameters and weights; none where a rate has no
    /// bound that could be found.
    pub(crate) fn new(model: &Model, params: usize) -> Option<RateBounds> {
        if model.jumps.is_empty() {
            return None;
        }
        let all = || model.jumps.iter().enumerate();
        let bounds = || model.jumps.iter().filter_map(|jump| jump.bound.as_ref());
        let declared = all().filter(|(_, jump)| jump.bound.is_some()).map(|(i, _)| i).collect();
        let times = bounds().filter_map(|bound| bound.lasting.as_ref());
        let given = Enclosure::new(model, bounds().map(|bound| &bound.value).chain(times))?;
        let others = || all().filter(|(_, jump)| jump.bound.is_none());
        let enclosed = Enclosure::new(model, others().map(|(_, jump)| &jump.rate))?;
        if !enclosed.states().all(|state| stays(model, state)) {
            return None;
        }
        Some(RateBounds {
            states: model.variables(),
            params,
            rates: model.jumps.len(),
            declared,
            given,
            varying: others().map(|(i, _)| i).collect(),
            enclosed,
        })
    }

    /// Encloses the rates without declared bounds from the time of `inputs` on for `length`, writes
    /// their bounds and gives the sum of those.
    fn enclose(
        &self,
        inputs: &Inputs<'_>,
        length: f64,
        out: &mut [f64],
        scratch: &mut [f64],
    ) -> f64 {
        let from = inputs.time.lo;
        let inputs = Inputs { time: Interval::new(from, from + length), ..*inputs };
        let mut total = 0.0;
        self.enclosed.eval(&inputs, scratch, |k, rate| {
            out[self.varying[k]] = rate.hi;
            total += rate.hi.max(0.0);
        });
        total
    }

    /// Encloses them for as long as that is of use, at most for `longest`, and gives that time.
    fn enclose_ahead(
        &self,
        inputs: &Inputs<'_>,
        longest: f64,
        out: &mut [f64],
        scratch: &mut [f64],
    ) -> f64 {
        let now = self.enclose(inputs, 0.0, out, scratch);
        let bound = self.enclose(inputs, longest, out, scratch);
        if bound <= LOOSE * now || bound * longest <= 1.0 {
            return longest;
        }
        let first = if bound.is_finite() { 1.0 / bound } else { 1.0 };
        let mut length = first.min(longest);
        let mut good = None;
        for _ in 0..MAX_TRIES {
            match self.enclose(inputs, length, out, scratch) * length <= 1.0 {
                // A longer one did not do.
                true if length < first => return length,
                true => good = Some(length),
                false if good.is_some() => break,
                false => {}
            }
            length *= if good.is_some() { 2.0 } else { 0.5 };
            if length >= longest {
                break;
            }
        }
        let length = good.unwrap_or(length);
        self.enclose(inputs, length, out, scratch);
        length
    }
}

/// Whether a model's jumps can be simulated by thinning.
pub(crate) fn has_rate_bounds(model: &Model) -> bool {
    RateBounds::new(model, model.params.len()).is_some()
}

/// Whether nothing but jumps and events changes a state. Inputs and delayed values change.
fn stays(model: &Model, state: usize) -> bool {
    let zero = |e: &Expr| matches!(e.kind, ExprKind::Number(x) if x == 0.0);
    // A row of a mass matrix with several slopes says nothing of a single one.
    let alone = |(row, column, _): &(u32, u32, Expr)| row == column || *row as usize != state;
    let alone = model.mass.as_ref().is_none_or(|mass| mass.entries.iter().all(alone));
    alone
        && model
            .states
            .get(state)
            .is_some_and(|s| !s.algebraic && s.noise.is_empty() && zero(&s.derivative))
}

impl Kernel for RateBounds {
    fn shape(&self) -> Shape {
        Shape { states: self.states, params: self.params, outputs: self.rates + 1 }
    }

    fn scratch_len(&self) -> usize {
        self.given.scratch_len().max(self.enclosed.scratch_len())
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let inputs = Inputs { time: Interval::point(t), states: u, params: p };
        let (out, length) = out.split_at_mut(self.rates);
        length[0] = f64::INFINITY;
        self.given.eval(&inputs, scratch, |k, value| match self.declared.get(k) {
            Some(jump) => out[*jump] = value.hi,
            None => length[0] = length[0].min(value.lo),
        });
        if !self.varying.is_empty() && length[0] > 0.0 {
            length[0] = self.enclose_ahead(&inputs, length[0], out, scratch);
        }
    }

    /// Bounds have no derivatives that could be of use: NaN, so that a use is seen.
    fn jvp(
        &self,
        at: Point<'_>,
        _: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.eval(at.t, at.u, at.p, out, scratch);
        dout.fill(f64::NAN);
    }

    /// As [`RateBounds::jvp`].
    fn vjp(&self, _: Point<'_>, _: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        *grad.t = f64::NAN;
        grad.u.fill(f64::NAN);
        grad.p.fill(f64::NAN);
    }
}
