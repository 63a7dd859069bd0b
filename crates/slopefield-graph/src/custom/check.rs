//! Whether the code of an operator is what it says: the same bits for the same numbers, nothing written
//! but the result, and derivatives that are those of the function.

use super::CustomOp;
use std::ops::Range;

/// Points at which an operator is tried.
const POINTS: u64 = 8;
/// Inputs whose derivative is compared one by one at each point, at most; with more, all are compared
/// along one direction too.
const INPUTS: usize = 32;
/// Step of the differences, for numbers around 1.
const STEP: f64 = 1e-3;
/// Parts of it that are taken. They have no common measure: of values that are rounded to multiples of
/// something, differences of commensurable steps agree by chance.
const STEPS: [f64; 3] = [1.0, 0.6180, 0.3717];
/// Distance of differences of two steps, relative to the largest derivative, up to which the function
/// counts as smooth there. Two steps with Richardson's extrapolation agree to some 1e-11 where it is.
const SMOOTH: f64 = 1e-6;
/// Distance of a derivative from the differences, likewise, from which it is wrong.
const WRONG: f64 = 1e-5;
/// Elements around a result that must stay as they are.
const MARGIN: usize = 8;
/// What these hold: a NaN that nobody computes.
const MARK: u64 = 0x7ff8_5c09_ef1e_1d00;

/// See [`CustomOp::check`].
pub(super) fn check(op: &CustomOp, seed: u64) -> Result<usize, String> {
    let mut compared = 0;
    let mut finite = 0;
    for point in 0..POINTS {
        let mut random = Random(seed.wrapping_mul(POINTS).wrapping_add(point));
        // Some functions are defined for positive numbers only, or near 0.
        let (low, high) = [(-1.0, 1.0), (0.1, 2.0), (-0.2, 0.2), (-3.0, 3.0)][point as usize % 4];
        let draw = |_| low + (high - low) * random.next();
        let x: Vec<f64> = (0..op.inputs).map(draw).collect();
        let w: Vec<f64> = (0..op.outputs).map(|_| 2.0 * random.next() - 1.0).collect();
        let y = evaluated(op, false, &x)?;
        let grad = evaluated(op, true, &[&x[..], &w[..]].concat())?;
        if y.iter().any(|v| !v.is_finite()) {
            continue;
        }
        finite += 1;
        compared += compare(&At { op, x: &x, w: &w, grad: &grad }, &mut random)?;
    }
    let name = &op.name;
    if finite == 0 {
        return Err(format!(
            "`{name}` has no finite value at any of {POINTS} points between -3 and 3, so that its \
             derivatives cannot be checked"
        ));
    }
    if compared == 0 {
        return Err(format!(
            "the derivatives of `{name}` cannot be checked: its values are too rough for differences \
             of step {STEP} at each of {finite} points"
        ));
    }
    Ok(compared)
}

/// A result, computed twice.
fn evaluated(op: &CustomOp, reverse: bool, src: &[f64]) -> Result<Vec<f64>, String> {
    let once = |fill: f64| -> Result<Vec<f64>, String> {
        let len = op.sizes(reverse).1 as usize;
        // Code in another language may write where it should not; the compiler must not think it cannot.
        let given = std::hint::black_box(src.to_vec());
        let mut room = vec![f64::from_bits(MARK); len + 2 * MARGIN];
        let dst = &mut room[MARGIN..MARGIN + len];
        // What lay there before must not matter.
        dst.fill(fill);
        op.run(reverse, &given, dst);
        let what = if reverse { "the reverse of" } else { "" };
        let name = format!("{what} `{}`", op.name);
        let mut around = room[..MARGIN].iter().chain(&room[MARGIN + len..]);
        if around.any(|v| v.to_bits() != MARK) {
            return Err(format!("{} writes beside its result", name.trim()));
        }
        if given.iter().zip(src).any(|(a, b)| a.to_bits() != b.to_bits()) {
            return Err(format!("{} writes to its operands", name.trim()));
        }
        Ok(room[MARGIN..MARGIN + len].to_vec())
    };
    let (first, second) = (once(0.0)?, once(1e30)?);
    // NaN is NaN.
    let same = |a: &f64, b: &f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    match first.iter().zip(&second).position(|(a, b)| !same(a, b)) {
        Some(i) => Err(format!(
            "`{}` gives {} and then {} for element {i} of the same {}",
            op.name,
            first[i],
            second[i],
            if reverse { "reverse product" } else { "operands" },
        )),
        None => Ok(first),
    }
}

/// An operator at a point, with the gradient that its reverse gives for some weights.
struct At<'a> {
    op: &'a CustomOp,
    x: &'a [f64],
    w: &'a [f64],
    grad: &'a [f64],
}

impl At<'_> {
    fn weighted(&self, x: &[f64]) -> f64 {
        let mut y = vec![0.0; self.w.len()];
        self.op.run(false, x, &mut y);
        y.iter().zip(self.w).map(|(y, w)| y * w).sum()
    }

    /// The derivative along a direction that moves only the elements of a range, by differences of two
    /// steps, the better one last.
    fn differences(&self, direction: &[f64], range: Range<usize>) -> (f64, f64) {
        let largest = self.x[range.clone()].iter().fold(1f64, |most, x| most.max(x.abs()));
        // However many elements move, the point moves as far.
        let step = STEP * largest / (range.len() as f64).sqrt();
        let mut moved = self.x.to_vec();
        let mut central = |h: f64| {
            let mut at = |h: f64| {
                for i in range.clone() {
                    moved[i] = self.x[i] + h * direction[i];
                }
                self.weighted(&moved)
            };
            (at(h) - at(-h)) / (2.0 * h)
        };
        let [a, b, c] = STEPS.map(|part| (part * part, central(part * step)));
        // Central differences have errors in even powers of the step.
        let extrapolated = |(p, a): (f64, f64), (q, b): (f64, f64)| (p * b - q * a) / (p - q);
        (extrapolated(a, b), extrapolated(b, c))
    }

    /// The same by the reverse.
    fn reverse(&self, direction: &[f64], range: Range<usize>) -> f64 {
        range.map(|i| self.grad[i] * direction[i]).sum()
    }

    /// What both say of the elements of a range, where they disagree; `None` too where the function is not
    /// smooth: at a bend, the end of the domain, or where values are iterated to few digits.
    fn disagreement(
        &self,
        direction: &[f64],
        range: Range<usize>,
        scale: f64,
    ) -> Option<(f64, f64)> {
        let (coarse, fine) = self.differences(direction, range.clone());
        let smooth = (coarse - fine).abs() <= SMOOTH * scale;
        let reverse = self.reverse(direction, range);
        // Written so that NaN is wrong too.
        (smooth && !((reverse - fine).abs() <= WRONG * scale)).then_some((reverse, fine))
    }

    fn wrong(&self, range: &Range<usize>, (reverse, fine): (f64, f64)) -> String {
        let by = match range.len() {
            1 => format!("element {}", range.start),
            _ => format!("elements {} to {} together", range.start, range.end - 1),
        };
        format!(
            "the derivative of `{}` by {by} of its operands is wrong: its reverse gives {reverse}, and \
             differences give {fine}",
            self.op.name
        )
    }
}

/// Compares derivatives at a point with differences; how many could be.
fn compare(at: &At<'_>, random: &mut Random) -> Result<usize, String> {
    let len = at.x.len();
    let mut chosen: Vec<usize> = (0..len).collect();
    for i in 0..len.min(INPUTS) {
        let j = i + (random.next() * (len - i) as f64) as usize;
        chosen.swap(i, j.min(len - 1));
    }
    chosen.truncate(INPUTS);
    let along = vec![1.0; len];
    let differences: Vec<_> = chosen.iter().map(|&i| at.differences(&along, i..i + 1)).collect();
    let largest = differences.iter().map(|d| d.1.abs()).filter(|d| d.is_finite());
    let value = at.weighted(at.x).abs();
    let scale = largest.fold(value, f64::max).max(1e-3);
    let mut compared = 0;
    for (&i, (coarse, fine)) in chosen.iter().zip(differences) {
        if !((coarse - fine).abs() <= SMOOTH * scale) {
            continue;
        }
        // As in `disagreement`.
        if !((at.grad[i] - fine).abs() <= WRONG * scale) {
            return Err(at.wrong(&(i..i + 1), (at.grad[i], fine)));
        }
        compared += 1;
    }
    if len > INPUTS {
        all_together(at, value, random)?;
    }
    Ok(compared)
}

/// Compares the derivative along a direction that moves every element, and where it is wrong looks for the
/// element.
fn all_together(at: &At<'_>, value: f64, random: &mut Random) -> Result<(), String> {
    let direction: Vec<f64> =
        at.x.iter().map(|_| if random.next() < 0.5 { -1.0 } else { 1.0 }).collect();
    let scale = |range: &Range<usize>| {
        let known = at.grad[range.clone()].iter().filter(|g| g.is_finite());
        known.map(|g| g * g).sum::<f64>().sqrt().max(value).max(1e-3)
    };
    let disagreement =
        |range: &Range<usize>| at.disagreement(&direction, range.clone(), scale(range));
    let mut range = 0..at.x.len();
    let Some(mut numbers) = disagreement(&range) else { return Ok(()) };
    while range.len() > 1 {
        let middle = range.start + range.len() / 2;
        let halves = [range.start..middle, middle..range.end];
        let found = halves.into_iter().find_map(|half| Some((disagreement(&half)?, half)));
        let Some((now, half)) = found else { break };
        (numbers, range) = (now, half);
    }
    Err(at.wrong(&range, numbers))
}

/// Numbers from 0 to 1 that look random (SplitMix64; Steele, Lea & Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
