//! Many paths side by side, through functions that are evaluated at many points at once.

use crate::paths::Paths;
use crate::sde::lane_stepper;
use slopefield_kernel::{
    BatchKernel, BatchPoint, Calculus, Cotangent, Kernel, Noise, NoiseKind, Point, Shape,
    Structure, Tangent,
};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, drive};
use std::sync::Mutex;

/// An Itô equation with diagonal noise for many paths at once: drift and coefficients of the noise,
/// `n` numbers each, as batches of the same width.
#[derive(Clone, Copy)]
pub struct LaneSystem<'a> {
    /// The drift.
    pub drift: &'a dyn BatchKernel,
    /// Coefficient of source `i` on state `i`.
    pub coefficients: &'a dyn BatchKernel,
}

/// A batch as one function of all lanes.
struct Side<'a>(&'a dyn BatchKernel);

impl Kernel for Side<'_> {
    fn shape(&self) -> Shape {
        let Shape { states, params, outputs } = self.0.shape();
        let width = self.0.width();
        Shape { states: states * width, params, outputs: outputs * width }
    }

    fn scratch_len(&self) -> usize {
        self.0.width() + self.0.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let (times, scratch) = scratch.split_at_mut(self.0.width());
        times.fill(t);
        self.0.eval(times.len(), BatchPoint { t: times, u, shared: p, own: &[] }, out, scratch);
    }

    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, out: &mut [f64], dout: &mut [f64], _: &mut [f64]) {
        // Batches have no derivatives; methods that need them are not offered.
        out.fill(f64::NAN);
        dout.fill(f64::NAN);
    }

    fn vjp(&self, _: Point<'_>, _: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        grad.u.fill(f64::NAN);
    }
}

/// Drift of all lanes, with the noise in its structure.
struct AllLanes<'a> {
    drift: Side<'a>,
    coefficients: Side<'a>,
}

impl Kernel for AllLanes<'_> {
    fn shape(&self) -> Shape {
        self.drift.shape()
    }

    fn scratch_len(&self) -> usize {
        self.drift.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.drift.eval(t, u, p, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.drift.jvp(at, along, out, dout, scratch);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.drift.vjp(at, w, grad, scratch);
    }

    fn structure(&self) -> Structure<'_> {
        Structure {
            noise: Some(Noise {
                coefficients: &self.coefficients,
                sources: self.coefficients.shape().outputs,
                kind: NoiseKind::Diagonal,
                calculus: Calculus::Ito,
                hessian: None,
            }),
            ..Structure::default()
        }
    }
}

/// Simulates paths like [`crate::paths`], with fixed steps and many paths side by side. A path has
/// the bits that it has alone, where both kernels have.
///
/// `span` is the time span, `u0` the initial state of every path, `p` the parameters. Methods: `em`,
/// `sriw1`, `sosri`, `splitting`.
///
/// # Errors
/// [`SolveError::Invalid`] for other methods, settings without fixed steps, or sizes that make no
/// sense; otherwise that of a solve, and then `out` is not complete.
#[expect(clippy::too_many_arguments, reason = "what `Ivp` holds for single paths, and the rest")]
pub fn paths_in_lanes(
    method: &str,
    system: LaneSystem<'_>,
    span: (f64, f64),
    u0: &[f64],
    p: &[f64],
    settings: &Settings,
    which: Paths,
    saves: &[f64],
    out: &mut [f64],
) -> Result<Stats, SolveError> {
    let refuse = |text: String| Err(SolveError::Invalid(text));
    let (width, n) = (system.drift.width(), u0.len());
    let (drift, coefficients) = (system.drift.shape(), system.coefficients.shape());
    if drift != coefficients || drift.states != n || drift.outputs != n {
        return refuse(format!(
            "drift and noise of {n} states have other sizes: {drift:?} and {coefficients:?}"
        ));
    }
    let own = system.drift.own_params().len() + system.coefficients.own_params().len();
    if system.coefficients.width() != width || own > 0 {
        return refuse(
            "drift and noise need the same lanes, without parameters of their own".into(),
        );
    }
    if settings.h_init != Some(settings.h_max) {
        return refuse("paths side by side have fixed steps: set h_init and h_max to them".into());
    }
    if settings.atol.len() > 1 {
        return refuse("fixed steps use no tolerances: give one".into());
    }
    if lane_stepper(method, 1).is_none() {
        return refuse(format!(
            "the method {method} does not work in lanes; em, sriw1, sosri and splitting do"
        ));
    }
    let row = saves.len() * n;
    if out.len() != which.count * row {
        return refuse(format!(
            "room for {} values was given, but {} paths need {}",
            out.len(),
            which.count,
            which.count * row
        ));
    }
    if row == 0 || which.count == 0 {
        return Ok(Stats::default());
    }
    let rhs = AllLanes { drift: Side(system.drift), coefficients: Side(system.coefficients) };
    let start: Vec<f64> = u0.iter().flat_map(|u| std::iter::repeat_n(*u, width)).collect();
    let ivp = Ivp { rhs: &rhs, t0: span.0, t1: span.1, u0: &start, p };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if which.threads == 0 { cores } else { which.threads };
    let threads = threads.min(which.count.div_ceil(width));
    let queue = Mutex::new(out.chunks_mut(row * width).enumerate());
    let outcome = Mutex::new(Ok(Stats::default()));
    let work = || {
        let Some(mut stepper) = lane_stepper(method, width) else { return };
        let mut settings = settings.clone();
        let mut states = vec![0.0; row * width];
        loop {
            let next = queue.lock().ok().and_then(|mut queue| queue.next());
            let Some((portion, rows)) = next else { return };
            settings.path = which.first.wrapping_add((portion * width) as u64);
            let result = drive(&mut *stepper, &ivp, &settings, saves, &mut states, None);
            let lanes = rows.len() / row;
            for (at, value) in rows.iter_mut().enumerate() {
                *value = states[(at % row) * width + at / row];
            }
            let Ok(mut outcome) = outcome.lock() else { return };
            match (&mut *outcome, result) {
                (Ok(total), Ok(mut stats)) => {
                    // Counters of one path each.
                    stats.accepted *= lanes as u64;
                    stats.rhs *= lanes as u64;
                    *total += stats;
                }
                (total @ Ok(_), Err(error)) => *total = Err(error),
                (Err(_), _) => return,
            }
        }
    };
    if threads <= 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }
    outcome.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
}
