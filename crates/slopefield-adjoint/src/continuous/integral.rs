//! The parameter integral `∫ (∂f/∂p)ᵀ λ dt` over a stretch of the reverse pass, in three ways.

use super::algebraic::Algebraic;
use super::equation::AdjointEquation;
use super::path::{DensePath, Part};
use slopefield_kernel::{Cotangent, Point};
use slopefield_solve::{Ivp, Settings, SolveError, Step, StepObserver, Stepper, drive};

/// A stretch of the reverse pass without jumps.
pub(crate) struct Stretch<'a> {
    pub ivp: &'a Ivp<'a>,
    pub equation: &'a AdjointEquation<'a>,
    pub from: f64,
    pub until: f64,
    pub stepper: &'a mut dyn Stepper,
    pub settings: &'a Settings,
}

/// How the integral is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integral {
    /// By three Gauss points in each step of the reverse solve (Norcliffe, Deisenroth, *Faster
    /// training of neural ODEs using Gauss–Legendre quadrature*, TMLR 2023).
    Gauss,
    /// As part of the reverse equation.
    Interpolating,
    /// After the reverse solve, adaptively, over the stored λ.
    Quadrature,
}

/// Work space of integrals.
#[derive(Default)]
pub(crate) struct Work {
    state: Vec<f64>,
    lambda: Vec<f64>,
    slope: Vec<f64>,
    unused: Vec<f64>,
    scratch: Vec<f64>,
    /// Length of the longest of the last steps, for the next stretch.
    pub(crate) last_step: Option<f64>,
    pub(crate) products: u64,
    /// Most bytes held for λ.
    pub(crate) peak: u64,
    /// λ over a stretch.
    adjoint: DensePath,
    /// Intervals still to be integrated, with the values of a rule on each.
    intervals: Vec<(f64, f64)>,
    fine: Vec<f64>,
    coarse: Vec<f64>,
    value: Vec<f64>,
    /// λ and the integral, together.
    both: Vec<f64>,
    end: Vec<f64>,
    tolerances: Settings,
}

impl Work {
    pub(crate) fn resize(&mut self, ivp: &Ivp<'_>) {
        let n = ivp.u0.len();
        for vector in [&mut self.state, &mut self.lambda, &mut self.slope, &mut self.unused] {
            vector.resize(n, 0.0);
        }
        for vector in [&mut self.fine, &mut self.coarse, &mut self.value] {
            vector.resize(ivp.p.len(), 0.0);
        }
        self.scratch.resize(ivp.rhs.scratch_len(), 0.0);
        self.last_step = None;
        self.products = 0;
        self.peak = 0;
    }

    /// Adds `factor (∂f/∂p)ᵀ λ` at `t` to `sums`, with the λ held, which is used up.
    fn add(
        &mut self,
        ivp: &Ivp<'_>,
        part: &Part<'_>,
        (t, factor): (f64, f64),
        algebraic: &mut Algebraic,
        sums: Option<&mut [f64]>,
    ) {
        part.at(t, &mut self.state);
        for l in &mut self.lambda {
            *l *= factor;
        }
        if algebraic.depends_on_parameters() {
            part.slope(t, &mut self.slope);
            algebraic.add_outer(1.0, &self.lambda, &self.slope);
        }
        if let Some(sums) = sums {
            self.unused.fill(0.0);
            let at = Point { t, u: &self.state, p: ivp.p };
            let grad = Cotangent { t: &mut 0.0, u: &mut self.unused, p: sums };
            ivp.rhs.vjp(at, &self.lambda, grad, &mut self.scratch);
            self.products += 1;
        }
    }
}

/// Solves the adjoint equation over a stretch, from λ at its later end to λ at its earlier one, and
/// adds the integral to `grad_p`. Returns the number of evaluations of the equation.
pub(crate) fn integrate(
    integral: Integral,
    work: &mut Work,
    stretch: Stretch<'_>,
    lambda: &mut [f64],
    algebraic: &mut Algebraic,
    grad_p: &mut [f64],
) -> Result<u64, SolveError> {
    match integral {
        Integral::Gauss => on_the_way(work, stretch, lambda, algebraic, Some(grad_p)),
        Integral::Interpolating => within(work, stretch, lambda, algebraic, grad_p),
        Integral::Quadrature => afterwards(work, stretch, lambda, algebraic, grad_p),
    }
}

/// Points on [0, 1] and weights of the three-point Gauss–Legendre rule: √(3/5)/2 off the middle.
const GAUSS: [(f64, f64); 3] = [
    (0.112_701_665_379_258_3, 5.0 / 18.0),
    (0.5, 8.0 / 18.0),
    (0.887_298_334_620_741_7, 5.0 / 18.0),
];

/// Adds the integral over each reverse step.
struct OnTheWay<'a> {
    ivp: &'a Ivp<'a>,
    part: Part<'a>,
    work: &'a mut Work,
    algebraic: &'a mut Algebraic,
    grad_p: Option<&'a mut [f64]>,
    /// Where λ is stored.
    keep: Option<&'a mut DensePath>,
    /// Length of λ with what is integrated beside it.
    unknowns: usize,
}

impl StepObserver for OnTheWay<'_> {
    fn interpolates(&self) -> bool {
        self.grad_p.is_some() || self.keep.is_some() || self.algebraic.depends_on_parameters()
    }

    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let h = step.t - step.t_prev;
        self.work.last_step = Some(h.abs().max(self.work.last_step.unwrap_or(0.0) * 0.5));
        if let Some(path) = &mut self.keep {
            path.record(step, solution)?;
        }
        if self.grad_p.is_none() && !self.algebraic.depends_on_parameters() {
            return Ok(());
        }
        let n = self.part.states();
        for (point, weight) in GAUSS {
            let t = step.t_prev + point * h;
            let work = &mut *self.work;
            work.lambda.resize(self.unknowns, 0.0);
            solution.interpolate(t, &mut work.lambda)?;
            work.lambda.truncate(n);
            // The integral runs forward in time and the step backward: −h.
            let grad_p = self.grad_p.as_deref_mut();
            work.add(self.ivp, &self.part, (t, -h * weight), self.algebraic, grad_p);
        }
        Ok(())
    }
}

fn on_the_way(
    work: &mut Work,
    stretch: Stretch<'_>,
    lambda: &mut [f64],
    algebraic: &mut Algebraic,
    grad_p: Option<&mut [f64]>,
) -> Result<u64, SolveError> {
    solve(work, stretch, lambda, algebraic, grad_p, None)
}

fn solve(
    work: &mut Work,
    stretch: Stretch<'_>,
    lambda: &mut [f64],
    algebraic: &mut Algebraic,
    grad_p: Option<&mut [f64]>,
    keep: Option<&mut DensePath>,
) -> Result<u64, SolveError> {
    let Stretch { ivp, equation, from, until, stepper, settings } = stretch;
    let mut end = std::mem::take(&mut work.end);
    end.resize(lambda.len(), 0.0);
    let back = Ivp { rhs: equation, t0: from, t1: until, u0: lambda, p: &[] };
    let part = equation.part.clone();
    let unknowns = lambda.len();
    let mut observer = OnTheWay { ivp, part, work, algebraic, grad_p, keep, unknowns };
    let solved = drive(stepper, &back, settings, &[until], &mut end, Some(&mut observer));
    lambda.copy_from_slice(&end);
    work.end = end;
    Ok(solved?.rhs)
}

fn within(
    work: &mut Work,
    stretch: Stretch<'_>,
    lambda: &mut [f64],
    algebraic: &mut Algebraic,
    grad_p: &mut [f64],
) -> Result<u64, SolveError> {
    let (n, m) = (lambda.len(), grad_p.len());
    let mut both = std::mem::take(&mut work.both);
    both.clear();
    both.extend_from_slice(lambda);
    both.extend_from_slice(grad_p);
    // An error of the integral as large as its own change over the stretch at the first slope, times
    // the tolerance, is as good as one of λ.
    let mut tolerances = std::mem::take(&mut work.tolerances);
    tolerances.clone_from(stretch.settings);
    work.lambda.copy_from_slice(lambda);
    work.coarse.fill(0.0);
    let mut rates = std::mem::take(&mut work.coarse);
    let span = (stretch.until - stretch.from).abs();
    let part = stretch.equation.part.clone();
    let mut unweighted = Algebraic::default();
    work.add(stretch.ivp, &part, (stretch.from, 1.0), &mut unweighted, Some(&mut rates));
    let sizes = rates.iter().map(|r| r.abs() * span).chain(grad_p.iter().map(|g| g.abs()));
    let size = sizes.fold(0.0, f64::max);
    let own = stretch.settings.atol[0];
    let integral = (0.1 * stretch.settings.rtol * size).max(own);
    tolerances.atol.clear();
    tolerances.atol.resize(n, own);
    tolerances.atol.resize(n + m, integral);
    work.coarse = rates;
    let Stretch { ivp, equation, from, until, stepper, .. } = stretch;
    let augmented =
        Stretch { ivp, equation, from, until, stepper: &mut *stepper, settings: &tolerances };
    let solved = on_the_way(work, augmented, &mut both, algebraic, None);
    lambda.copy_from_slice(&both[..n]);
    grad_p.copy_from_slice(&both[n..]);
    work.both = both;
    work.tolerances = tolerances;
    solved
}

/// Nodes on [−1, 1] that are not negative, weights of Kronrod's rule of 15 points and of Gauss's of
/// 7 (every second of them): Piessens et al., *QUADPACK*, Springer 1983, routine QK15.
const KRONROD: [(f64, f64, f64); 8] = [
    (0.991_455_371_120_812_6, 0.022_935_322_010_529_224, 0.0),
    (0.949_107_912_342_758_5, 0.063_092_092_629_978_55, 0.129_484_966_168_869_7),
    (0.864_864_423_359_769_1, 0.104_790_010_322_250_18, 0.0),
    (0.741_531_185_599_394_5, 0.140_653_259_715_525_92, 0.279_705_391_489_276_64),
    (0.586_087_235_467_691_1, 0.169_004_726_639_267_9, 0.0),
    (0.405_845_151_377_397_2, 0.190_350_578_064_785_4, 0.381_830_050_505_118_9),
    (0.207_784_955_007_898_47, 0.204_432_940_075_298_9, 0.0),
    (0.0, 0.209_482_141_084_727_82, 0.417_959_183_673_469_4),
];

/// Intervals are not halved below this part of a stretch.
const SHORTEST: f64 = 1e-6;

fn afterwards(
    work: &mut Work,
    stretch: Stretch<'_>,
    lambda: &mut [f64],
    algebraic: &mut Algebraic,
    grad_p: &mut [f64],
) -> Result<u64, SolveError> {
    let (ivp, from, until) = (stretch.ivp, stretch.from, stretch.until);
    let (rtol, part) = (stretch.settings.rtol, stretch.equation.part.clone());
    let mut adjoint = std::mem::take(&mut work.adjoint);
    adjoint.clear(lambda.len());
    let solved = solve(work, stretch, lambda, algebraic, None, Some(&mut adjoint));
    work.peak = work.peak.max(adjoint.bytes());
    let along = adjoint.whole();
    let mut unweighted = Algebraic::default();
    let mut intervals = std::mem::take(&mut work.intervals);
    intervals.clear();
    if solved.is_ok() {
        // Step by step: a rule over the whole would not see a transient after a jump of λ.
        intervals.extend((0..adjoint.len()).map(|step| adjoint.step(step)));
    }
    let take = std::mem::take;
    let (mut fine, mut coarse, mut value) =
        (take(&mut work.fine), take(&mut work.coarse), take(&mut work.value));
    while let Some((a, b)) = intervals.pop() {
        let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
        fine.fill(0.0);
        coarse.fill(0.0);
        for (node, kronrod, gauss) in KRONROD {
            for side in [node, -node] {
                let t = middle + half * side;
                along.at(t, &mut work.lambda);
                value.fill(0.0);
                // The integral runs forward in time and the interval backward: −half.
                work.add(ivp, &part, (t, -half), &mut unweighted, Some(&mut value));
                for ((fine, coarse), value) in fine.iter_mut().zip(&mut coarse).zip(&value) {
                    *fine += kronrod * value;
                    *coarse += gauss * value;
                }
                if node == 0.0 {
                    break;
                }
            }
        }
        let size = grad_p.iter().chain(&fine).fold(0.0_f64, |m, x| m.max(x.abs()));
        let off = fine.iter().zip(&coarse).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
        // The difference is the error of the rule of 7 points; that of the other is about its power
        // 1.5 (QUADPACK).
        let error = size * (200.0 * off / size.max(f64::MIN_POSITIVE)).powf(1.5);
        let long = half.abs() > SHORTEST * (until - from).abs();
        if long && off > 0.0 && error > 0.1 * rtol * size {
            intervals.push((middle, b));
            intervals.push((a, middle));
        } else {
            for (g, x) in grad_p.iter_mut().zip(&fine) {
                *g += x;
            }
        }
    }
    (work.fine, work.coarse, work.value, work.intervals) = (fine, coarse, value, intervals);
    work.adjoint = adjoint;
    solved
}
