//! Euler–Maruyama for equations with noise and constant delays.

use super::euler::EulerMaruyama;
use super::past::{Past, fill};
use super::stepper::SdeStepper;
use slopefield_kernel::{
    Cotangent, Delays, Kernel, Noise, NoiseKind, Point, Shape, Structure, Tangent,
};
use slopefield_solve::{Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// Euler–Maruyama, also with constant delays in drift and noise: then steps are no longer than the
/// shortest delay, and what lies between the ends of past steps is their chord with the noise of the
/// very motion there. Strong order 1/2, and 1 where noise is additive (E. Buckwar, *Introduction to
/// the numerical analysis of stochastic delay differential equations*, J. Comput. Appl. Math. 125
/// (2000) 297–307, doi:10.1016/S0377-0427(00)00475-1).
pub(crate) struct DelayedEuler<T: Real = f64> {
    inner: SdeStepper<EulerMaruyama<T>, T>,
    past: Past<T>,
    /// Whether the system has delays.
    delayed: bool,
    t: f64,
    scratch: Vec<T>,
}

impl<T: Real> DelayedEuler<T> {
    pub(crate) fn new() -> Self {
        DelayedEuler {
            inner: SdeStepper::with(EulerMaruyama::default()),
            past: Past::default(),
            delayed: false,
            t: 0.0,
            scratch: Vec::new(),
        }
    }

    /// What a first start and one after an event have in common.
    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        anew: bool,
    ) -> Result<(), SolveError> {
        let structure = ivp.rhs.structure();
        self.t = ivp.t0;
        self.delayed = structure.delays.is_some();
        let (Some(delays), Some(noise)) = (structure.delays, &structure.noise) else {
            return self.inner.start(ivp, settings);
        };
        if structure.mass.is_some() || structure.jumps.is_some() {
            return Err(SolveError::Invalid(
                "the method em solves no equations with delays that have a mass matrix or jumps, \
                 too; jumps are simulated along them where their rates have bounds"
                    .into(),
            ));
        }
        if anew {
            let coefficients = noise.coefficients.shape().outputs;
            let diagonal = noise.kind == NoiseKind::Diagonal;
            let noise = (coefficients, noise.sources, diagonal);
            self.past.begin(ivp, &delays, noise, (settings.seed, settings.path))?;
        } else {
            self.past.cut(ivp.t0);
        }
        let Some(filled) = Filled::new(ivp.rhs, &self.past) else {
            unreachable!("looked at above");
        };
        self.scratch.resize(filled.drift().scratch_len(), T::ZERO);
        self.inner.start(&Ivp { rhs: &filled.drift(), ..*ivp }, settings)
    }
}

impl<T: Real> Stepper<T> for DelayedEuler<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.begin(ivp, settings, true)
    }

    fn restart(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.begin(ivp, settings, false)
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        if !self.delayed {
            return self.inner.step(ivp, settings, t_limit);
        }
        let shortest = self.past.shortest();
        let limit = t_limit.min(self.t + shortest);
        if limit <= self.t {
            return Err(SolveError::StepTooSmall { t: self.t, h: shortest });
        }
        let Some(filled) = Filled::new(ivp.rhs, &self.past) else {
            return Err(SolveError::Invalid("the system has no delays any more".into()));
        };
        let step = self.inner.step(&Ivp { rhs: &filled.drift(), ..*ivp }, settings, limit)?;
        let (before, after, coefficients, w) = self.inner.last();
        self.past.push((step.t_prev, step.t), (before, after, coefficients), w);
        self.t = step.t;
        Ok(step)
    }

    fn begins_again_at_breaks(&self) -> bool {
        false
    }

    fn state(&self) -> &[T] {
        self.inner.state()
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.inner.interpolate(t, out)
    }

    fn delayed(&mut self, ivp: &Ivp<'_, T>, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        let Some(delays) = ivp.rhs.structure().delays else { return Ok(()) };
        let (n, all) = (ivp.u0.len(), ivp.rhs.shape().states);
        let (full, rest) = self.scratch.split_at_mut(all);
        let (before, rest) = rest.split_at_mut(n);
        full[..n].copy_from_slice(self.inner.state());
        if self.past.lags.contains(&0.0) && t != self.t {
            self.inner.interpolate(t, &mut full[..n])?;
        }
        fill(&self.past, &delays, (t, ivp.p), full, before, rest);
        out.copy_from_slice(&full[n..]);
        Ok(())
    }

    fn stats(&self) -> Stats {
        self.inner.stats()
    }
}

/// A system with its delayed values filled in.
struct Filled<'a, T: Real> {
    rhs: &'a dyn Kernel<T>,
    coefficients: FilledKernel<'a, T>,
    sources: usize,
    kind: NoiseKind,
    calculus: slopefield_kernel::Calculus,
    past: &'a Past<T>,
}

impl<'a, T: Real> Filled<'a, T> {
    fn new(rhs: &'a dyn Kernel<T>, past: &'a Past<T>) -> Option<Self> {
        let structure = rhs.structure();
        let Noise { coefficients, sources, kind, calculus, hessian: _ } = structure.noise?;
        let coefficients = FilledKernel { kernel: coefficients, system: rhs, past, noise: None };
        Some(Filled { rhs, coefficients, sources, kind, calculus, past })
    }

    fn drift(&self) -> FilledKernel<'_, T> {
        FilledKernel {
            kernel: self.rhs,
            system: self.rhs,
            past: self.past,
            noise: Some(Noise {
                coefficients: &self.coefficients,
                sources: self.sources,
                kind: self.kind,
                calculus: self.calculus,
                hessian: None,
            }),
        }
    }
}

/// A function of states and delayed values as one of the states alone.
struct FilledKernel<'a, T: Real> {
    kernel: &'a dyn Kernel<T>,
    /// Has the delays.
    system: &'a dyn Kernel<T>,
    past: &'a Past<T>,
    noise: Option<Noise<'a, T>>,
}

impl<T: Real> FilledKernel<'_, T> {
    fn height(&self) -> usize {
        self.system.shape().outputs
    }

    fn delays(&self) -> Option<Delays<'_, T>> {
        self.system.structure().delays
    }

    /// States with delayed values, a direction, and the rest of the work space.
    fn fill<'s>(&self, t: T, u: &[T], p: &[T], scratch: &'s mut [T]) -> [&'s mut [T]; 3] {
        let (n, all) = (self.height(), self.system.shape().states);
        let (full, rest) = scratch.split_at_mut(all);
        let (before, rest) = rest.split_at_mut(n);
        full[..n].copy_from_slice(u);
        if let Some(delays) = self.delays() {
            fill(self.past, &delays, (t.f64(), p), full, before, rest);
        }
        let (direction, rest) = rest.split_at_mut(all);
        [full, direction, rest]
    }

    /// A direction of the states, and of the delayed values that are the states.
    fn point(&self, along: &[T], direction: &mut [T]) {
        let n = self.height();
        direction.fill(T::ZERO);
        direction[..n].copy_from_slice(along);
        let Some(delays) = self.delays() else { return };
        for (k, read) in delays.reads.iter().enumerate() {
            if self.past.lags[read.lag as usize] == 0.0 {
                direction[n + k] = along[read.state as usize];
            }
        }
    }
}

impl<T: Real> Kernel<T> for FilledKernel<'_, T> {
    fn shape(&self) -> Shape {
        Shape { states: self.height(), ..self.kernel.shape() }
    }

    fn scratch_len(&self) -> usize {
        let history = self.delays().map_or(0, |delays| delays.history.scratch_len());
        let all = self.system.shape().states;
        2 * all + self.height() + self.kernel.scratch_len().max(history)
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let [full, _, rest] = self.fill(t, u, p, scratch);
        self.kernel.eval(t, full, p, out, rest);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        let [full, direction, rest] = self.fill(at.t, at.u, at.p, scratch);
        self.point(along.u, direction);
        let (at, along) = (Point { u: full, ..at }, Tangent { u: direction, ..along });
        self.kernel.jvp(at, along, out, dout, rest);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        let n = self.height();
        let [full, direction, rest] = self.fill(at.t, at.u, at.p, scratch);
        direction.fill(T::ZERO);
        let Cotangent { t, u, p } = grad;
        self.kernel.vjp(Point { u: full, ..at }, w, Cotangent { t, u: direction, p }, rest);
        for (sum, x) in u.iter_mut().zip(direction.iter()) {
            *sum += *x;
        }
        let Some(delays) = self.delays() else { return };
        for (k, read) in delays.reads.iter().enumerate() {
            if self.past.lags[read.lag as usize] == 0.0 {
                u[read.state as usize] += direction[n + k];
            }
        }
    }

    fn structure(&self) -> Structure<'_, T> {
        let noise = self.noise.as_ref().map(|noise| Noise {
            coefficients: noise.coefficients,
            sources: noise.sources,
            kind: noise.kind,
            calculus: noise.calculus,
            hessian: None,
        });
        Structure { noise, ..Structure::default() }
    }
}
