//! What functions make of intervals.

use super::Interval;
use crate::{Binary, Unary};
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// Angles beyond this are known too badly to say where in a period they lie.
const FAR: f64 = 1e9;

/// Where the function called gelu has its least value, which is −0.16997…; on either side it only
/// falls or rises.
const GELU_LEAST: (f64, f64) = (-0.751_791_524_693_564_5, -0.169_971_207_479_903_7);

/// Where Γ has its least value between 0 and infinity, which is 0.8856…
const GAMMA_LEAST: f64 = 1.461_632_144_968_362_3;

const TRUE: Interval = Interval::point(1.0);
const FALSE: Interval = Interval::point(0.0);
const UNDECIDED: Interval = Interval { lo: 0.0, hi: 1.0 };

impl Unary {
    /// An interval that holds the values of the function on `x`.
    #[must_use]
    pub(crate) fn enclose(self, x: Interval) -> Interval {
        let rising = |least: f64, greatest: f64| match least <= x.lo && x.hi <= greatest {
            true => Interval::new(self.apply(x.lo), self.apply(x.hi)).widened(),
            false => Interval::ALL,
        };
        let everywhere = (f64::NEG_INFINITY, f64::INFINITY);
        match self {
            Unary::Neg => Interval::new(-x.hi, -x.lo),
            Unary::Not if x == FALSE => TRUE,
            Unary::Not if !x.contains(0.0) => FALSE,
            Unary::Not => UNDECIDED,
            Unary::Abs => distance(x),
            Unary::Sqrt | Unary::Ln | Unary::Log2 | Unary::Log10 => rising(0.0, everywhere.1),
            Unary::Log1p => rising(-1.0, everywhere.1),
            Unary::Asin | Unary::Atanh => rising(-1.0, 1.0),
            Unary::Acosh => rising(1.0, everywhere.1),
            Unary::Acos if -1.0 <= x.lo && x.hi <= 1.0 => {
                Interval::new(self.apply(x.hi), self.apply(x.lo)).widened()
            }
            Unary::Acos => Interval::ALL,
            // What is no number stays none.
            _ if x == Interval::ALL => Interval::ALL,
            Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Step | Unary::Relu => {
                Interval::new(self.apply(x.lo), self.apply(x.hi))
            }
            Unary::Erfc => Interval::new(self.apply(x.hi), self.apply(x.lo)).widened(),
            Unary::Cbrt
            | Unary::Exp
            | Unary::Expm1
            | Unary::Atan
            | Unary::Sinh
            | Unary::Tanh
            | Unary::Asinh
            | Unary::Sigmoid
            | Unary::Softplus
            | Unary::Erf => rising(everywhere.0, everywhere.1),
            Unary::Cosh => {
                let x = distance(x);
                Interval::new(self.apply(x.lo), self.apply(x.hi)).widened()
            }
            Unary::Sin => wave(x, FRAC_PI_2, libm::sin),
            Unary::Cos => wave(x, 0.0, libm::cos),
            Unary::Tan if x.hi - x.lo < PI && x.lo.abs().max(x.hi.abs()) < FAR => {
                let branch = |x: f64| ((x + FRAC_PI_2) / PI).floor();
                let clear = 1e-6;
                match branch(x.lo - clear) == branch(x.hi + clear) {
                    true => rising(everywhere.0, everywhere.1),
                    false => Interval::ALL,
                }
            }
            Unary::Tan => Interval::ALL,
            Unary::Gelu => {
                let ends = [self.apply(x.lo), self.apply(x.hi)];
                let least = match x.contains(GELU_LEAST.0) {
                    true => GELU_LEAST.1,
                    false => ends[0].min(ends[1]),
                };
                Interval::new(least, ends[0].max(ends[1])).widened()
            }
            Unary::Gamma | Unary::LnGamma if x.lo > 0.0 => {
                let ends = [self.apply(x.lo), self.apply(x.hi)];
                let least = match x.contains(GAMMA_LEAST) {
                    true => self.apply(GAMMA_LEAST),
                    false => ends[0].min(ends[1]),
                };
                Interval::new(least, ends[0].max(ends[1])).widened()
            }
            Unary::Gamma | Unary::LnGamma => Interval::ALL,
        }
    }
}

/// |x|.
fn distance(x: Interval) -> Interval {
    match x {
        _ if x.lo >= 0.0 => x,
        _ if x.hi <= 0.0 => Interval::new(-x.hi, -x.lo),
        _ => Interval::new(0.0, x.hi.max(-x.lo)),
    }
}

/// Sine or cosine, which has a crest at `crest` and one each full turn from there.
fn wave(x: Interval, crest: f64, f: fn(f64) -> f64) -> Interval {
    let whole = Interval { lo: -1.0, hi: 1.0 };
    if x.hi - x.lo >= TAU || x.lo.abs().max(x.hi.abs()) > FAR {
        return whole;
    }
    // Room for the rounding of the places of crests and troughs.
    let room = 1e-6;
    let reaches = |place: f64| {
        let turn = ((x.lo - room - place) / TAU).ceil();
        place + turn * TAU <= x.hi + room
    };
    let ends = Interval::around([f(x.lo), f(x.hi), f(x.lo), f(x.hi)]).widened();
    let hi = if reaches(crest) { 1.0 } else { ends.hi.min(1.0) };
    let lo = if reaches(crest + PI) { -1.0 } else { ends.lo.max(-1.0) };
    Interval::new(lo, hi)
}

impl Binary {
    /// An interval that holds the values of the function on `a` and `b`.
    #[must_use]
    pub(crate) fn enclose(self, a: Interval, b: Interval) -> Interval {
        if matches!(self, Binary::And | Binary::Or) {
            return self.connect(truth(a), truth(b));
        }
        if a == Interval::ALL || b == Interval::ALL {
            // Comparisons of what is no number have a value.
            return match self {
                Binary::Less
                | Binary::LessEqual
                | Binary::Greater
                | Binary::GreaterEqual
                | Binary::Equal
                | Binary::NotEqual => UNDECIDED,
                _ => Interval::ALL,
            };
        }
        let corners = || {
            let f = |a, b| self.apply(a, b);
            Interval::around([f(a.lo, b.lo), f(a.lo, b.hi), f(a.hi, b.lo), f(a.hi, b.hi)])
        };
        match self {
            Binary::Add | Binary::Sub | Binary::Mul => corners().widened(),
            Binary::Div if !b.contains(0.0) => corners().widened(),
            Binary::Div => Interval::ALL,
            Binary::Pow => power(a, b, corners),
            Binary::Atan2 if b.lo > 0.0 => corners().widened(),
            Binary::Atan2 => Interval { lo: -PI, hi: PI }.widened(),
            Binary::Min | Binary::Max => corners(),
            Binary::Less => decided(a.hi < b.lo, a.lo >= b.hi),
            Binary::LessEqual => decided(a.hi <= b.lo, a.lo > b.hi),
            Binary::Greater => decided(a.lo > b.hi, a.hi <= b.lo),
            Binary::GreaterEqual => decided(a.lo >= b.hi, a.hi < b.lo),
            Binary::Equal | Binary::NotEqual => {
                let (apart, same) = (a.hi < b.lo || b.hi < a.lo, a.lo == b.hi && a.hi == b.lo);
                match self {
                    Binary::Equal => decided(same, apart),
                    _ => decided(apart, same),
                }
            }
            Binary::And | Binary::Or => UNDECIDED,
        }
    }

    fn connect(self, a: Interval, b: Interval) -> Interval {
        let f = |a, b| self.apply(a, b);
        Interval::new(f(a.lo, b.lo), f(a.hi, b.hi))
    }
}

/// Whether a number is not 0, as 1 or 0.
fn truth(x: Interval) -> Interval {
    decided(!x.contains(0.0), x == FALSE)
}

fn decided(yes: bool, no: bool) -> Interval {
    match (yes, no) {
        (true, _) => TRUE,
        (_, true) => FALSE,
        _ => UNDECIDED,
    }
}

/// `a^b`. On bases above 0 it rises or falls in each argument alone, so that corners tell.
fn power(a: Interval, b: Interval, corners: impl Fn() -> Interval) -> Interval {
    if a.lo > 0.0 || (a.lo == 0.0 && b.lo > 0.0) {
        return corners().widened();
    }
    let exponent = b.lo;
    let whole = b.lo == b.hi && exponent.fract() == 0.0 && exponent.abs() < FAR;
    if !whole || (exponent < 0.0 && a.contains(0.0)) {
        return Interval::ALL;
    }
    if exponent % 2.0 == 0.0 {
        let a = distance(a);
        let ends = [libm::pow(a.lo, exponent), libm::pow(a.hi, exponent)];
        return Interval::around([ends[0], ends[1], ends[0], ends[1]]).widened();
    }
    corners().widened()
}
