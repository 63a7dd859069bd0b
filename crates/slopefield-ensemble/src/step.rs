//! The arithmetic of a step, eight lanes at a time: stages, error norm, controller, interpolant.
//!
//! Operation for operation that of `slopefield_solve` (its `Stages`, `ErrorNorm`, `PiController`
//! and `ExplicitRungeKutta`), with one rounding each and in the same order, so a lane has the very
//! bits of a solve of its own.

use slopefield_solve::runge_kutta::MAX_STAGES;
use slopefield_solve::step_rules::{EXP2, LOG2, LOG2_SMALLEST_REMEMBERED, SMALLEST_SQUARE};

use crate::rules::Rules;
use crate::vector::{LANES, Vector};

/// Rows that control the steps, in the order in which they lie in [`View::control`].
#[derive(Clone, Copy)]
pub(crate) enum Control {
    /// Time at the beginning of the step.
    T,
    /// Length of the next attempt, positive.
    H,
    /// End of the attempt.
    TNew,
    /// Length of the attempt with its sign: `TNew − T` as rounded.
    Step,
    /// Length of the attempt as the controller sees it.
    Taken,
    /// Shortest step allowed.
    Floor,
    /// Next save time; infinitely far where there is none.
    TSave,
    /// Base-2 logarithm of the previous accepted error.
    Previous,
    /// 1 right after a rejection, else 0.
    AfterRejection,
    /// Accepted steps.
    Accepted,
    /// Accepted and rejected steps.
    Attempts,
    /// Squared error norm of the attempt.
    Square,
    /// Its logarithm, for the controller.
    Log2Error,
}

impl Control {
    /// Number of rows.
    pub(crate) const COUNT: usize = 13;
}

/// Where the rows of a block lie. All arrays are `rows × width`.
#[derive(Clone, Copy)]
pub(crate) struct View {
    /// Length of a row, a multiple of [`LANES`].
    pub width: usize,
    /// Number of states.
    pub states: usize,
    /// [`Control`] rows.
    pub control: *mut f64,
    /// States at the beginning of the step.
    pub u: *mut f64,
    /// State of the stage in work; after the last one, the result.
    pub stage: *mut f64,
    /// Slopes of all stages, stage by stage.
    pub slopes: *mut f64,
}

impl View {
    /// # Safety
    /// `v * LANES < width`; the pointer is good for the row.
    #[inline(always)]
    unsafe fn control(&self, row: Control, v: usize) -> *mut f64 {
        // SAFETY: the caller's promise.
        unsafe { self.control.add(row as usize * self.width + v * LANES) }
    }
}

/// What came of the attempts of eight lanes, one bit per lane.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// Accurate enough.
    pub accepted: u8,
    /// Accepted and at the end of the span.
    pub finished: u8,
    /// Rejected, and no shorter step is allowed.
    pub stuck: u8,
    /// The error estimate is a number.
    pub finite: u8,
    /// The step budget is used up.
    pub spent: u8,
}

/// Sets out the attempts of vectors `0..vectors`: where they end and how long they are.
///
/// # Safety
/// As for [`Vector`]; the rows of `view` are valid for `vectors` vectors.
#[inline(always)]
pub(crate) unsafe fn begin<V: Vector>(view: &View, rules: &Rules, vectors: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let (end, direction) = (V::splat(rules.t1), V::splat(rules.direction));
        for v in 0..vectors {
            let t = V::load(view.control(Control::T, v));
            let h = V::load(view.control(Control::H, v));
            let scale = t.abs().greatest(V::splat(rules.smallest_scale));
            let floor = V::splat(rules.floor_factor).mul(scale).greatest(V::splat(rules.h_min));
            let h = h.greatest(floor).least(V::splat(rules.h_max));
            let remaining = end.sub(t).abs();
            let clipped = remaining.le(V::splat(rules.stretch).mul(h));
            let t_new = V::select(clipped, end, t.add(direction.mul(h)));
            h.store(view.control(Control::H, v));
            floor.store(view.control(Control::Floor, v));
            t_new.store(view.control(Control::TNew, v));
            t_new.sub(t).store(view.control(Control::Step, v));
            V::select(clipped, remaining, h).store(view.control(Control::Taken, v));
        }
    }
}

/// Writes the time `t + c · step` of a stage to `out`; exactly `t_new` for `c = 1`.
///
/// # Safety
/// As for [`begin`], and for the row `out`.
#[inline(always)]
pub(crate) unsafe fn stage_time<V: Vector>(view: &View, c: f64, vectors: usize, out: *mut f64) {
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..vectors {
            let time = if c == 1.0 {
                V::load(view.control(Control::TNew, v))
            } else {
                let step = V::load(view.control(Control::Step, v));
                V::load(view.control(Control::T, v)).add(V::splat(c).mul(step))
            };
            time.store(out.add(v * LANES));
        }
    }
}

/// `stage = u + step Σ weights_j slopes_j`.
///
/// # Safety
/// As for [`begin`]; there are at least `weights.len()` stages.
#[inline(always)]
pub(crate) unsafe fn stage<V: Vector>(view: &View, weights: &[f64], vectors: usize) {
    // SAFETY: the caller's promise; each length is matched by its instance.
    unsafe {
        match weights.len() {
            1 => stage_of::<V, 1>(view, weights, vectors),
            2 => stage_of::<V, 2>(view, weights, vectors),
            3 => stage_of::<V, 3>(view, weights, vectors),
            4 => stage_of::<V, 4>(view, weights, vectors),
            5 => stage_of::<V, 5>(view, weights, vectors),
            6 => stage_of::<V, 6>(view, weights, vectors),
            7 => stage_of::<V, 7>(view, weights, vectors),
            _ => stage_of_many::<V>(view, weights, vectors),
        }
    }
}

#[inline(always)]
unsafe fn stage_of<V: Vector, const TERMS: usize>(view: &View, weights: &[f64], vectors: usize) {
    let weights = &weights[..TERMS];
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..vectors {
            let step = V::load(view.control(Control::Step, v));
            let mut w = [step; TERMS];
            for j in 0..TERMS {
                w[j] = step.mul(V::splat(weights[j]));
            }
            for i in 0..view.states {
                let at = i * view.width + v * LANES;
                // First slope first, as the single solve adds them.
                let mut sum = V::load(view.u.add(at));
                for (j, w) in w.iter().enumerate() {
                    let k = V::load(view.slopes.add(j * view.states * view.width + at));
                    sum = sum.add(w.mul(k));
                }
                sum.store(view.stage.add(at));
            }
        }
    }
}

#[inline(always)]
unsafe fn stage_of_many<V: Vector>(view: &View, weights: &[f64], vectors: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..vectors {
            let step = V::load(view.control(Control::Step, v));
            for i in 0..view.states {
                let at = i * view.width + v * LANES;
                let mut sum = V::load(view.u.add(at));
                for (j, &weight) in weights.iter().enumerate() {
                    let k = V::load(view.slopes.add(j * view.states * view.width + at));
                    sum = sum.add(step.mul(V::splat(weight)).mul(k));
                }
                sum.store(view.stage.add(at));
            }
        }
    }
}

/// Squared norm of the numbers that `error` gives for each state, of a step from `before` to
/// `after`.
#[inline(always)]
unsafe fn square_norm<V: Vector>(
    view: &View,
    rules: &Rules,
    v: usize,
    (before, after): (*const f64, *const f64),
    mut error: impl FnMut(usize) -> V,
) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = V::splat(0.0);
        for i in 0..view.states {
            let at = i * view.width + v * LANES;
            let (before, after) = (V::load(before.add(at)), V::load(after.add(at)));
            // An infinite `after` would make the scale infinite and hide itself: ∞·0 is NaN.
            let poison = after.mul(V::splat(0.0));
            let size = before.abs().greatest(after.abs());
            let scale = V::splat(rules.atol[i]).add(V::splat(rules.rtol).mul(size));
            let ratio = error(i).add(poison).div(scale.greatest(V::splat(f64::MIN_POSITIVE)));
            sum = sum.add(ratio.mul(ratio));
        }
        sum.mul(V::splat(rules.reciprocal_length))
    }
}

/// Writes the squared norm of `value` at the state `at` to the row `out`.
///
/// # Safety
/// As for [`begin`], and for the arrays `value` and `at` and the row `out`.
#[inline(always)]
pub(crate) unsafe fn square_of_value<V: Vector>(
    view: &View,
    rules: &Rules,
    (value, at): (*const f64, *const f64),
    vectors: usize,
    out: *mut f64,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..vectors {
            let square = square_norm::<V>(view, rules, v, (at, at), |i| {
                V::load(value.add(i * view.width + v * LANES))
            });
            square.store(out.add(v * LANES));
        }
    }
}

/// Judges the attempts and chooses the length of the next ones. In three passes: each is a chain of
/// operations that wait for each other, and short ones of several vectors overlap in the processor.
///
/// # Safety
/// As for [`begin`]; `outcomes` has `vectors` elements and there is a slope per error weight.
#[inline(always)]
pub(crate) unsafe fn judge<V: Vector>(view: &View, rules: &Rules, outcomes: &mut [Outcome]) {
    // SAFETY: the caller's promise; each length is matched by its instance.
    unsafe {
        let vectors = outcomes.len();
        match rules.table.b_error.len() {
            7 => error_of::<V, 7>(view, rules, vectors),
            4 => error_of::<V, 4>(view, rules, vectors),
            _ => error_of::<V, 0>(view, rules, vectors),
        }
        for v in 0..outcomes.len() {
            // Accepted errors are at most 1 and rejected ones above, so both bounds may stand.
            let clamped = V::load(view.control(Control::Square, v))
                .greatest(V::splat(SMALLEST_SQUARE))
                .least(V::splat(1.0 / SMALLEST_SQUARE));
            let log2_error = V::splat(0.5).mul(log2(clamped));
            log2_error.store(view.control(Control::Log2Error, v));
        }
        for (v, outcome) in outcomes.iter_mut().enumerate() {
            *outcome = control::<V>(view, rules, v);
        }
    }
}

/// Squared error norms for `TERMS` error weights, for any number if it is 0.
#[inline(always)]
unsafe fn error_of<V: Vector, const TERMS: usize>(view: &View, rules: &Rules, vectors: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let b = if TERMS > 0 { &rules.table.b_error[..TERMS] } else { rules.table.b_error };
        for v in 0..vectors {
            let step = V::load(view.control(Control::Step, v));
            let mut w = [step; TERMS];
            for j in 0..TERMS {
                w[j] = step.mul(V::splat(b[j]));
            }
            let square = square_norm::<V>(view, rules, v, (view.u, view.stage), |i| {
                let at = i * view.width + v * LANES;
                let stride = view.states * view.width;
                if TERMS > 0 {
                    let mut sum = w[0].mul(V::load(view.slopes.add(at)));
                    for (j, w) in w.iter().enumerate().skip(1) {
                        sum = sum.add(w.mul(V::load(view.slopes.add(j * stride + at))));
                    }
                    return sum;
                }
                let mut sum = V::splat(0.0);
                for (j, &weight) in b.iter().enumerate() {
                    let k = V::load(view.slopes.add(j * stride + at));
                    sum = sum.add(step.mul(V::splat(weight)).mul(k));
                }
                sum
            });
            square.store(view.control(Control::Square, v));
        }
    }
}

/// The controller: [`Outcome`] and the rows for the next attempt.
#[inline(always)]
unsafe fn control<V: Vector>(view: &View, rules: &Rules, v: usize) -> Outcome {
    let pi = &rules.controller;
    // SAFETY: the caller's promise.
    unsafe {
        let one = V::splat(1.0);
        let h = V::load(view.control(Control::H, v));
        let taken = V::load(view.control(Control::Taken, v));
        let floor = V::load(view.control(Control::Floor, v));
        let t_new = V::load(view.control(Control::TNew, v));
        let previous = V::load(view.control(Control::Previous, v));
        let after_rejection = V::load(view.control(Control::AfterRejection, v));
        let square = V::load(view.control(Control::Square, v));
        let log2_error = V::load(view.control(Control::Log2Error, v));

        let ok = square.le(one);
        let finite = square.abs().lt(V::splat(f64::INFINITY));
        let accepted_power =
            V::splat(pi.beta).mul(previous).sub(V::splat(pi.alpha).mul(log2_error));
        let rejected_power = V::splat(-rules.rejection_exponent).mul(log2_error);
        let wanted = V::splat(pi.safety).mul(exp2(V::select(ok, accepted_power, rejected_power)));
        let calm = V::select(after_rejection.eq(one), one, V::splat(pi.max_factor));
        let ceiling = V::select(ok, calm, V::splat(0.95));
        let least = V::splat(pi.min_factor);
        let factor = wanted.greatest(least).least(ceiling);
        // A lane is not finite only if it is not accepted.
        let factor = V::select(finite, factor, V::splat(0.5 * pi.min_factor));

        // A clipped attempt may be stretched beyond h or cut short of it.
        let tried = h.least(taken);
        let next = factor.mul(V::select(ok, taken, tried));
        // A step cut short by the limit says nothing against the longer one.
        let next_accepted = V::select(taken.lt(h), next.greatest(h), next);
        V::select(ok, next_accepted, next.greatest(floor)).store(view.control(Control::H, v));
        let remembered = log2_error.greatest(V::splat(LOG2_SMALLEST_REMEMBERED));
        V::select(ok, remembered, previous).store(view.control(Control::Previous, v));
        let zero = V::splat(0.0);
        V::select(ok, zero, one).store(view.control(Control::AfterRejection, v));

        let accepted = V::load(view.control(Control::Accepted, v));
        accepted.add(V::select(ok, one, zero)).store(view.control(Control::Accepted, v));
        let attempts = V::load(view.control(Control::Attempts, v)).add(one);
        attempts.store(view.control(Control::Attempts, v));

        let accepted = V::bits(ok);
        Outcome {
            accepted,
            finished: accepted & V::bits(t_new.eq(V::splat(rules.t1))),
            stuck: !accepted & V::bits(tried.le(floor)),
            finite: V::bits(finite),
            spent: V::bits(V::splat(rules.max_steps).le(attempts)),
        }
    }
}

/// The controller's base-2 logarithm, for positive normal numbers.
#[inline(always)]
unsafe fn log2<V: Vector>(x: V) -> V {
    const SQRT_HALF_BITS: u64 = 0x3FE6_A09E_667F_3BCD;
    // SAFETY: the caller's promise.
    unsafe {
        let bits = |b: u64| f64::from_bits(b);
        // Moving the origin of the exponent to √½ makes the exponent field of the sum that of the
        // answer; the fraction goes back onto √½.
        let moved = x.add_bits(V::splat(bits(0x3ff0_0000_0000_0000 - SQRT_HALF_BITS)));
        let field = moved.shr52().or(V::splat(bits(0x4330_0000_0000_0000))); // 2^52 + exponent
        let exponent = field.sub(V::splat(4_503_599_627_370_496.0 + 1023.0));
        let rest = moved.and(V::splat(bits(0x000f_ffff_ffff_ffff)));
        let rest = rest.add_bits(V::splat(bits(SQRT_HALF_BITS)));
        let one = V::splat(1.0);
        let r = rest.sub(one);
        let r2 = r.mul(r);
        let pair = |k: usize| V::splat(LOG2[k]).add(V::splat(LOG2[k + 1]).mul(r));
        let low = pair(0).add(pair(2).mul(r2));
        exponent.add(r.mul(low.add(pair(4).mul(r2.mul(r2)))))
    }
}

/// The controller's power of 2, for |x| < 1000.
#[inline(always)]
unsafe fn exp2<V: Vector>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let one = V::splat(1.0);
        // Adding 1.5·2^52 rounds to a whole number, which then is the low end of the bits.
        let round = V::splat(6_755_399_441_055_744.0);
        let shifted = x.add(round);
        let y = x.sub(shifted.sub(round));
        let y2 = y.mul(y);
        let pair = |k: usize| V::splat(EXP2[k]).add(V::splat(EXP2[k + 1]).mul(y));
        let series = pair(0).add(pair(2).add(V::splat(EXP2[4]).mul(y2)).mul(y2));
        // The shift drops everything but the whole number.
        series.mul(shifted.shl52().add_bits(one))
    }
}

/// Makes the end of accepted steps the beginning of the next ones: times, states and, with
/// `last_slope`, the first slope from that stage.
///
/// # Safety
/// As for [`begin`]; `last_slope` is a stage.
#[inline(always)]
pub(crate) unsafe fn promote<V: Vector>(
    view: &View,
    outcomes: &[Outcome],
    last_slope: Option<usize>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for (v, outcome) in outcomes.iter().enumerate() {
            let ok = V::mask(outcome.accepted);
            let replace = |to: *mut f64, from: *const f64| {
                V::select(ok, V::load(from), V::load(to)).store(to);
            };
            replace(view.control(Control::T, v), view.control(Control::TNew, v));
            for i in 0..view.states {
                let at = i * view.width + v * LANES;
                replace(view.u.add(at), view.stage.add(at));
                if let Some(stage) = last_slope {
                    let last = view.slopes.add(stage * view.states * view.width + at);
                    replace(view.slopes.add(at), last);
                }
            }
        }
    }
}

/// Lanes among `accepted` of vector `v` whose next save time lies within the step.
///
/// # Safety
/// As for [`begin`].
#[inline(always)]
pub(crate) unsafe fn pending<V: Vector>(view: &View, rules: &Rules, v: usize, accepted: u8) -> u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let direction = V::splat(rules.direction);
        let due = V::load(view.control(Control::TSave, v)).mul(direction);
        let end = V::load(view.control(Control::TNew, v)).mul(direction);
        accepted & V::bits(due.le(end))
    }
}

/// Writes the solution at the next save time of each lane of vector `v` to `out` (states × 8);
/// lanes without one within the step get anything.
///
/// # Safety
/// As for [`begin`], and for `out`.
#[inline(always)]
pub(crate) unsafe fn interpolate<V: Vector>(
    view: &View,
    rules: &Rules,
    v: usize,
    due: u8,
    out: *mut f64,
) {
    // SAFETY: the caller's promise; each length is matched by its instance.
    unsafe {
        let at_end =
            V::load(view.control(Control::TSave, v)).eq(V::load(view.control(Control::TNew, v)));
        if due & !V::bits(at_end) == 0 {
            for i in 0..view.states {
                let end = V::load(view.stage.add(i * view.width + v * LANES));
                end.store(out.add(i * LANES));
            }
            return;
        }
        match rules.table.stages() {
            7 => interpolate_of::<V, 7>(view, rules, v, at_end, out),
            4 => interpolate_of::<V, 4>(view, rules, v, at_end, out),
            _ => interpolate_of::<V, MAX_STAGES>(view, rules, v, at_end, out),
        }
    }
}

/// [`interpolate`] with room for `STAGES` weights.
#[inline(always)]
unsafe fn interpolate_of<V: Vector, const STAGES: usize>(
    view: &View,
    rules: &Rules,
    v: usize,
    at_end: V::Mask,
    out: *mut f64,
) {
    let dense = rules.table.dense;
    let stages = dense.len().min(STAGES);
    // SAFETY: the caller's promise.
    unsafe {
        let step = V::load(view.control(Control::Step, v));
        let t = V::load(view.control(Control::T, v));
        let theta = V::load(view.control(Control::TSave, v)).sub(t).div(step);
        let square = theta.mul(theta);
        let mut w = [step; STAGES];
        for (w, row) in w.iter_mut().zip(&dense[..stages]) {
            let weight = match **row {
                [a, b, c, d] => {
                    let low = V::splat(a).add(theta.mul(V::splat(b)));
                    let high = V::splat(c).add(theta.mul(V::splat(d)));
                    theta.mul(low.add(square.mul(high)))
                }
                _ => {
                    let mut sum = V::splat(0.0);
                    for &coefficient in row.iter().rev() {
                        sum = theta.mul(sum.add(V::splat(coefficient)));
                    }
                    sum
                }
            };
            *w = step.mul(weight);
        }
        for i in 0..view.states {
            let at = i * view.width + v * LANES;
            let mut sum = V::load(view.u.add(at));
            for (j, w) in w[..stages].iter().enumerate() {
                let k = V::load(view.slopes.add(j * view.states * view.width + at));
                sum = sum.add(w.mul(k));
            }
            let end = V::load(view.stage.add(at));
            V::select(at_end, end, sum).store(out.add(i * LANES));
        }
    }
}
