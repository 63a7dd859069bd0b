//! Families of functions of one variable on an interval: polynomials, splines, Gaussian bumps.
//!
//! Features of a vector come function by function: all inputs of the first function, then all of
//! the second, and so on. Outside the interval a function continues straight, with the slope that
//! it has at the end, or stays constant; Gaussian bumps just die out.

use super::{NetworkBuilder, NetworkError, NodeId};

type Recorded = Result<NodeId, NetworkError>;

/// A family of functions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Family {
    /// T₁ … T of a degree; the constant T₀ is left to a bias.
    Chebyshev { degree: u32 },
    /// P₁ … P of a degree, likewise.
    Legendre { degree: u32 },
    /// B-splines of a degree on equal intervals; they add up to 1.
    Spline { intervals: u32, degree: u32 },
    /// exp(-(x - c)²/(2 w²)) around equally spaced centres; `width` is w over their distance.
    Radial { count: u32, width: f64 },
}

/// What becomes of a function outside the interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    Linear,
    Constant,
}

/// A family on an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Basis {
    pub(crate) family: Family,
    pub(crate) range: (f64, f64),
    pub(crate) outside: Outside,
}

impl Basis {
    /// Number of functions.
    pub(crate) fn count(&self) -> u32 {
        match self.family {
            Family::Chebyshev { degree } | Family::Legendre { degree } => degree,
            Family::Spline { intervals, degree } => intervals + degree,
            Family::Radial { count, .. } => count,
        }
    }

    /// Whether the constants are among the sums of the functions, so that a bias adds nothing.
    pub(crate) fn has_constants(&self) -> bool {
        matches!(self.family, Family::Spline { .. })
    }

    /// How many functions are felt at one point, for the spread of coefficients.
    pub(crate) fn overlap(&self) -> f64 {
        match self.family {
            Family::Chebyshev { degree } | Family::Legendre { degree } => f64::from(degree),
            // They are positive and add up to 1.
            Family::Spline { .. } => 1.0,
            Family::Radial { width, .. } => width.max(1.0),
        }
    }

    /// All functions of all elements of `x`; see the module for the order.
    pub(crate) fn record(&self, b: &mut NetworkBuilder, x: NodeId) -> Recorded {
        let (low, high) = self.range;
        match self.family {
            Family::Radial { count, width } => radial(b, x, self.range, count, width),
            Family::Spline { intervals, degree } => {
                let cells = f64::from(intervals);
                let moved = b.shifted(x, -low)?;
                let u = b.scaled(moved, cells / (high - low))?;
                let inside = b.clamped(u, 0.0, cells)?;
                let functions = spline(b, inside, intervals, degree)?;
                let slopes = spline_end_slopes(intervals, degree);
                self.continued(b, functions, (u, 0.0, cells), slopes)
            }
            Family::Chebyshev { degree } | Family::Legendre { degree } => {
                let moved = b.shifted(x, -0.5 * (low + high))?;
                let z = b.scaled(moved, 2.0 / (high - low))?;
                let inside = b.clamped(z, -1.0, 1.0)?;
                let chebyshev = matches!(self.family, Family::Chebyshev { .. });
                let functions = polynomials(b, inside, degree, chebyshev)?;
                let slopes = polynomial_end_slopes(degree, chebyshev);
                self.continued(b, functions, (z, -1.0, 1.0), slopes)
            }
        }
    }

    /// `functions` of the argument held inside, plus what the argument is outside times the slopes
    /// at the ends.
    fn continued(
        &self,
        b: &mut NetworkBuilder,
        functions: NodeId,
        (u, low, high): (NodeId, f64, f64),
        (at_low, at_high): (Vec<f64>, Vec<f64>),
    ) -> Recorded {
        if self.outside == Outside::Constant {
            return Ok(functions);
        }
        let inputs = b.elements(u);
        let mut sum = functions;
        for (slopes, end, sign) in [(at_low, low, -1.0), (at_high, high, 1.0)] {
            // How far outside, with the sign of the direction.
            let beyond = b.shifted(u, -end)?;
            let beyond = b.scaled(beyond, sign)?;
            let beyond = b.map("relu", beyond)?;
            let beyond = repeated(b, beyond, slopes.len())?;
            let slopes: Vec<f64> = slopes
                .iter()
                .flat_map(|s| std::iter::repeat_n(sign * s, inputs as usize))
                .collect();
            let slopes = b.constant(&[slopes.len() as u32], &slopes)?;
            let straight = b.mul(beyond, slopes)?;
            sum = b.add(sum, straight)?;
        }
        Ok(sum)
    }
}

fn repeated(b: &mut NetworkBuilder, x: NodeId, times: usize) -> Recorded {
    b.joined(&vec![x; times])
}

/// T₁ … or P₁ … by their recurrences: T_{k+1} = 2 z T_k - T_{k-1} and
/// (k+1) P_{k+1} = (2k+1) z P_k - k P_{k-1} (Abramowitz & Stegun 22.7).
fn polynomials(b: &mut NetworkBuilder, z: NodeId, degree: u32, chebyshev: bool) -> Recorded {
    let inputs = b.elements(z);
    let mut before = b.constant(&[inputs], &vec![1.0; inputs as usize])?;
    let mut all = vec![z];
    for k in 1..degree {
        let last = all[all.len() - 1];
        let product = b.mul(z, last)?;
        let n = f64::from(k);
        let (forward, back) =
            if chebyshev { (2.0, 1.0) } else { ((2.0 * n + 1.0) / (n + 1.0), n / (n + 1.0)) };
        let product = b.scaled(product, forward)?;
        let earlier = b.scaled(before, back)?;
        before = last;
        all.push(b.sub(product, earlier)?);
    }
    b.joined(&all)
}

/// Slopes at -1 and 1: T_k'(1) = k², P_k'(1) = k(k+1)/2, and the sign of the parity at -1.
fn polynomial_end_slopes(degree: u32, chebyshev: bool) -> (Vec<f64>, Vec<f64>) {
    let at_one = |k: u32| {
        let n = f64::from(k);
        if chebyshev { n * n } else { 0.5 * n * (n + 1.0) }
    };
    let high: Vec<f64> = (1..=degree).map(at_one).collect();
    let low = (1..=degree).map(|k| if k % 2 == 1 { at_one(k) } else { -at_one(k) }).collect();
    (low, high)
}

/// B-splines with knots at the whole numbers, of arguments from 0 to the number of intervals, by
/// the recursion of Cox and de Boor, whose terms are all positive.
///
/// Function `j` of degree `k` lives between `j - k` and `j + 1`, so of degree `k` there are
/// `intervals + k` that are not 0 everywhere. The recursion starts from the two straight functions
/// of the interval that the argument is in; at a knot that is the interval to its right, for the
/// value and for all derivatives alike.
fn spline(b: &mut NetworkBuilder, u: NodeId, intervals: u32, degree: u32) -> Recorded {
    let inputs = b.elements(u) as usize;
    let per_function = |b: &mut NetworkBuilder, values: &mut dyn Iterator<Item = f64>| {
        let numbers: Vec<f64> = values.flat_map(|v| std::iter::repeat_n(v, inputs)).collect();
        b.constant(&[numbers.len() as u32], &numbers)
    };
    let zero = b.constant(&[inputs as u32], &vec![0.0; inputs])?;
    let one = b.number(1.0)?;

    let cell = b.map("floor", u)?;
    let last = b.number(f64::from(intervals) - 1.0)?;
    let cell = b.op("min", &[cell, last], &[])?;
    let fraction = b.sub(u, cell)?;

    // 1 for the interval of the argument, else 0: both numbers are whole.
    let cells = repeated(b, cell, intervals as usize)?;
    let numbers = per_function(b, &mut (0..intervals).map(f64::from))?;
    let distance = b.sub(cells, numbers)?;
    let distance = b.map("abs", distance)?;
    let distance = b.op("min", &[distance, one], &[])?;
    let here = b.sub(one, distance)?;

    let falling = b.joined(&[here, zero])?;
    let rising = b.joined(&[zero, here])?;
    let functions = intervals as usize + 1;
    let fraction = repeated(b, fraction, functions)?;
    let rest = b.sub(one, fraction)?;
    let falling = b.mul(falling, rest)?;
    let rising = b.mul(rising, fraction)?;
    let mut values = b.add(falling, rising)?;

    for k in 2..=degree {
        let functions = intervals + k;
        let arguments = repeated(b, u, functions as usize)?;
        let starts = per_function(b, &mut (0..functions).map(|j| f64::from(j) - f64::from(k)))?;
        let ends = per_function(b, &mut (0..functions).map(|j| f64::from(j) + 1.0))?;
        let from_start = b.sub(arguments, starts)?;
        let to_end = b.sub(ends, arguments)?;
        let left = b.joined(&[zero, values])?;
        let right = b.joined(&[values, zero])?;
        let left = b.mul(from_start, left)?;
        let right = b.mul(to_end, right)?;
        let sum = b.add(left, right)?;
        values = b.scaled(sum, 1.0 / f64::from(k))?;
    }
    Ok(values)
}

/// Slopes of the B-splines at both ends: function `j` of degree `k` has the slope of
/// `N_{j-1} - N_j` of degree `k - 1`, in the numbering of [`spline`].
fn spline_end_slopes(intervals: u32, degree: u32) -> (Vec<f64>, Vec<f64>) {
    let slopes = |u: f64, cell: usize| {
        let mut values = vec![0.0; intervals as usize];
        values[cell] = 1.0;
        for k in 1..degree {
            let value = |j: i64| {
                let inside = usize::try_from(j).ok().and_then(|j| values.get(j).copied());
                inside.unwrap_or(0.0)
            };
            let n = f64::from(k);
            values = (0..i64::from(intervals + k))
                .map(|j| {
                    let (start, end) = (j as f64 - n, j as f64 + 1.0);
                    ((u - start) * value(j - 1) + (end - u) * value(j)) / n
                })
                .collect();
        }
        let padded: Vec<f64> = [&[0.0], values.as_slice(), &[0.0]].concat();
        padded.windows(2).map(|pair| pair[0] - pair[1]).collect::<Vec<f64>>()
    };
    (slopes(0.0, 0), slopes(f64::from(intervals), intervals as usize - 1))
}

fn radial(
    b: &mut NetworkBuilder,
    x: NodeId,
    (low, high): (f64, f64),
    count: u32,
    width: f64,
) -> Recorded {
    let inputs = b.elements(x) as usize;
    let step = (high - low) / f64::from(count.max(2) - 1);
    let centre = |k: u32| if count == 1 { 0.5 * (low + high) } else { low + f64::from(k) * step };
    let centres: Vec<f64> =
        (0..count).flat_map(|k| std::iter::repeat_n(centre(k), inputs)).collect();
    let centres = b.constant(&[centres.len() as u32], &centres)?;
    let all = repeated(b, x, count as usize)?;
    let distance = b.sub(all, centres)?;
    let z = b.scaled(distance, std::f64::consts::FRAC_1_SQRT_2 / (width * step))?;
    super::activation::gaussian(b, z)
}
