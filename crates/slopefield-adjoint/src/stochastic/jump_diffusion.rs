//! Gradients of means of differential equations, with or without noise, on which jumps act.
//!
//! The times and kinds of the jumps are random with a density that follows the path,
//!
//! ```text
//! log q = Σ_k log a_{j_k}(t_k, x(t_k−), p) − Λ,     Λ' = Σ_j a_j(t, x, p),
//! ```
//!
//! given the Brownian motion, which does not depend on anything. With the jumps held fixed the path
//! is a chain of solutions of the differential equation with changes between them, and has an
//! ordinary derivative. So
//!
//! ```text
//! d/dp E[L] = E[∂L/∂p at fixed jumps + (L − b) d log q/dp],
//! ```
//!
//! in which `d log q` is taken along the path that moves with the parameters. Where rates depend
//! neither on the state nor on parameters, `d log q` is 0 and the derivative is that of the path.

use super::estimate::{PathGradient, PathLoss};
use super::score::mean_over;
use crate::method::validate_gradients;
use crate::{Evaluated, GradientMethod, Loss};
use slopefield_kernel::{Cotangent, JumpChange, Jumps, Part, Point, Structure};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper, drive};
use slopefield_stochastic::{Augmented, Happened, JumpDiffusion};
use std::ops::Range;

/// The gradient of jump diffusions: pathwise between jumps, by any exact gradient method of the
/// solver, and by the score for the jumps.
///
/// The jumps are simulated first; then the solutions between them are computed anew with the jumps
/// given. As a [`GradientMethod`] it estimates the gradient of the mean loss over a few paths like
/// [`crate::JumpScore`].
pub struct JumpDiffusionGradient {
    simulate: JumpDiffusion,
    solve: Box<dyn Stepper>,
    /// None only while it is at work.
    gradient: Option<Box<dyn GradientMethod>>,
    paths: usize,
    segments: Vec<Segment>,
    /// States at the beginning of each segment, after the jump there.
    begins: Vec<f64>,
    states: Vec<f64>,
    by_state: Vec<f64>,
    weights: Vec<f64>,
    times: Vec<f64>,
    rows: Vec<f64>,
    lambda: Vec<f64>,
    before: Vec<f64>,
    start: Vec<f64>,
    by_start: Vec<f64>,
    by_p: Vec<f64>,
    rates: Vec<f64>,
    scratch: Vec<f64>,
}

/// A stretch between jumps.
#[derive(Debug, Clone)]
struct Segment {
    begin: f64,
    end: f64,
    /// Save points from the beginning to before the end; to the end in the last segment.
    saves: Range<usize>,
    /// The jump at the end.
    jump: Option<usize>,
}

impl JumpDiffusionGradient {
    /// Jumps on top of what two fresh steppers of one method solve, and the gradient through it:
    /// the discrete adjoint, say. The gradient method sees the system with one more state, the
    /// integral of the rates.
    #[must_use]
    pub fn new(
        simulate: Box<dyn Stepper>,
        solve: Box<dyn Stepper>,
        gradient: Box<dyn GradientMethod>,
    ) -> Self {
        JumpDiffusionGradient {
            simulate: JumpDiffusion::new(simulate).recording(),
            solve,
            gradient: Some(gradient),
            paths: crate::JumpScore::PATHS,
            segments: Vec::new(),
            begins: Vec::new(),
            states: Vec::new(),
            by_state: Vec::new(),
            weights: Vec::new(),
            times: Vec::new(),
            rows: Vec::new(),
            lambda: Vec::new(),
            before: Vec::new(),
            start: Vec::new(),
            by_start: Vec::new(),
            by_p: Vec::new(),
            rates: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// With another number of paths for [`GradientMethod::evaluate`], at least 1.
    #[must_use]
    pub fn with_paths(mut self, paths: usize) -> Self {
        self.paths = paths.max(1);
        self
    }

    /// Cuts the span at the jumps.
    fn cut(&mut self, ivp: &Ivp<'_>, saves: &[f64]) {
        self.segments.clear();
        let (mut begin, mut save) = (ivp.t0, 0);
        for Happened { t, jump } in self.simulate.happened() {
            let first = save;
            save += saves[first..].iter().take_while(|save| **save < *t).count();
            let jump = Some(*jump as usize);
            self.segments.push(Segment { begin, end: *t, saves: first..save, jump });
            begin = *t;
        }
        self.segments.push(Segment { begin, end: ivp.t1, saves: save..saves.len(), jump: None });
    }

    /// Save points of a segment and its end.
    fn times_of(&mut self, segment: &Segment, saves: &[f64]) {
        self.times.clear();
        self.times.extend_from_slice(&saves[segment.saves.clone()]);
        self.times.push(segment.end);
    }

    /// Solves between the jumps.
    fn forward(
        &mut self,
        ivp: &Ivp<'_>,
        jumps: &Jumps<'_>,
        system: &Augmented<'_, f64>,
        settings: &Settings,
        saves: &[f64],
    ) -> Result<Stats, SolveError> {
        let n = ivp.u0.len();
        let mut stats = Stats::default();
        self.begins.clear();
        self.begins.extend_from_slice(ivp.u0);
        for index in 0..self.segments.len() {
            let segment = self.segments[index].clone();
            self.times_of(&segment, saves);
            self.rows.resize(self.times.len() * (n + 1), 0.0);
            self.start.copy_from_slice(&self.begins[index * n..]);
            self.start.push(0.0);
            let (t0, t1) = (segment.begin, segment.end);
            let part = Ivp { rhs: system, t0, t1, u0: &self.start, p: ivp.p };
            stats += drive(&mut *self.solve, &part, settings, &self.times, &mut self.rows, None)?;
            for (save, row) in segment.saves.clone().zip(self.rows.chunks_exact(n + 1)) {
                self.states[save * n..(save + 1) * n].copy_from_slice(&row[..n]);
            }
            self.start.truncate(n);
            let last = &self.rows[self.rows.len() - (n + 1)..];
            self.before.copy_from_slice(&last[..n]);
            let Some(jump) = segment.jump else { continue };
            stats.events += 1;
            match &jumps.changes[jump] {
                JumpChange::Add(parts) => {
                    for (state, amount) in parts {
                        self.before[*state as usize] += amount;
                    }
                    self.begins.extend_from_slice(&self.before);
                }
                JumpChange::Set(kernel) => {
                    let at = self.begins.len();
                    self.begins.resize(at + n, 0.0);
                    let after = &mut self.begins[at..];
                    kernel.eval(t1, &self.before, ivp.p, after, &mut self.scratch);
                }
            }
        }
        Ok(stats)
    }

    /// Carries cotangents back over the jump at the end of a segment, whose solution ends in
    /// `before`.
    fn reverse_jump(
        &mut self,
        ivp: &Ivp<'_>,
        jumps: &Jumps<'_>,
        (t, jump): (f64, usize),
        weight: f64,
        grad_p: &mut [f64],
    ) {
        let at = Point { t, u: &self.before, p: ivp.p };
        if let JumpChange::Set(kernel) = &jumps.changes[jump] {
            let after = self.lambda.clone();
            self.lambda.fill(0.0);
            let grad = Cotangent { t: &mut 0.0, u: &mut self.lambda, p: grad_p };
            kernel.vjp(at, &after, grad, &mut self.scratch);
        }
        if weight != 0.0 {
            jumps.rates.eval(t, &self.before, ivp.p, &mut self.rates, &mut self.scratch);
            let cotangent = weight / self.rates[jump];
            self.rates.fill(0.0);
            self.rates[jump] = cotangent;
            let grad = Cotangent { t: &mut 0.0, u: &mut self.lambda, p: grad_p };
            jumps.rates.vjp(at, &self.rates, grad, &mut self.scratch);
        }
    }

    /// From the last segment to the first. The jumps' own terms need the state before them, which
    /// the gradient through the segment shows to its loss.
    fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        jumps: &Jumps<'_>,
        system: &Augmented<'_, f64>,
        settings: &Settings,
        saves: &[f64],
        grad_p: &mut [f64],
    ) -> Result<(u64, u64), SolveError> {
        let n = ivp.u0.len();
        let (mut products, mut memory, mut weight) = (0, 0, 0.0);
        self.lambda.clear();
        self.lambda.resize(n, 0.0);
        // The method is taken out so that the loss may use everything else.
        let Some(mut gradient) = self.gradient.take() else {
            return Err(SolveError::Invalid("a gradient was asked for within itself".into()));
        };
        let mut result = Ok(());
        for index in (0..self.segments.len()).rev() {
            let segment = self.segments[index].clone();
            self.times_of(&segment, saves);
            self.start.clear();
            self.start.extend_from_slice(&self.begins[index * n..(index + 1) * n]);
            self.start.push(0.0);
            let start = std::mem::take(&mut self.start);
            let times = std::mem::take(&mut self.times);
            let (mut by_start, mut by_p) =
                (std::mem::take(&mut self.by_start), std::mem::take(&mut self.by_p));
            by_start.resize(n + 1, 0.0);
            by_p.resize(ivp.p.len(), 0.0);
            let (t0, t1) = (segment.begin, segment.end);
            let part = Ivp { rhs: system, t0, t1, u0: &start, p: ivp.p };
            let mut loss = |u: &[f64], slope: &mut [f64]| {
                let (u, slope) = (u.chunks_exact(n + 1), slope.chunks_exact_mut(n + 1));
                let rows = u.len();
                for (row, (u, slope)) in u.zip(slope).enumerate() {
                    if row + 1 == rows {
                        self.before.copy_from_slice(&u[..n]);
                        if let Some(jump) = segment.jump {
                            self.reverse_jump(ivp, jumps, (t1, jump), weight, grad_p);
                        }
                        slope[..n].copy_from_slice(&self.lambda);
                        slope[n] = -weight;
                    } else {
                        let save = segment.saves.start + row;
                        slope[..n].copy_from_slice(&self.by_state[save * n..(save + 1) * n]);
                        slope[n] = -self.weights[save];
                    }
                }
                0.0
            };
            let one =
                gradient.evaluate(&part, settings, &times, &mut loss, &mut by_start, &mut by_p);
            self.lambda.copy_from_slice(&by_start[..n]);
            weight += self.weights[segment.saves].iter().sum::<f64>();
            grad_p.iter_mut().zip(&by_p).for_each(|(g, x)| *g += x);
            (self.start, self.times, self.by_start, self.by_p) = (start, times, by_start, by_p);
            match one {
                Ok(one) => {
                    products += one.reverse_products;
                    memory = memory.max(one.memory);
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.gradient = Some(gradient);
        result.map(|()| (products, memory))
    }

    fn configure(&mut self, ivp: &Ivp<'_>, jumps: &Jumps<'_>, saves: &[f64]) {
        let n = ivp.u0.len();
        let set = |change: &JumpChange| match change {
            JumpChange::Add(_) => 0,
            JumpChange::Set(kernel) => kernel.scratch_len(),
        };
        let scratch = jumps.changes.iter().map(set).fold(jumps.rates.scratch_len(), usize::max);
        self.scratch.resize(scratch, 0.0);
        self.rates.resize(jumps.changes.len(), 0.0);
        self.before.resize(n, 0.0);
        self.start.resize(n, 0.0);
        self.states.resize(saves.len() * n, 0.0);
        for (vector, len) in
            [(&mut self.by_state, saves.len() * n), (&mut self.weights, saves.len())]
        {
            vector.clear();
            vector.resize(len, 0.0);
        }
    }
}

/// The jumps of a system that has some.
fn jumps_of<'a>(structure: &'a Structure<'a>) -> Result<&'a Jumps<'a>, SolveError> {
    structure.jumps.as_ref().ok_or_else(|| {
        SolveError::Invalid("the system has no jumps to differentiate along its solution".into())
    })
}

impl PathGradient for JumpDiffusionGradient {
    fn scores(&self) -> bool {
        true
    }

    fn path_gradient(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut PathLoss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        validate_gradients(ivp, grad_u0, grad_p, &[Part::Noise, Part::Jumps])?;
        let (n, structure) = (ivp.u0.len(), ivp.rhs.structure());
        let jumps = jumps_of(&structure)?;
        self.configure(ivp, jumps, saves);
        let mut forward = drive(&mut self.simulate, ivp, settings, &[], &mut [], None)?;
        self.cut(ivp, saves);
        let system = Augmented::new(ivp.rhs, jumps.rates, ivp.rhs.structure().noise);
        let mut settings = settings.clone();
        if settings.atol.len() == n && n > 1 {
            // That of the integral of the rates, which is compared with numbers about 1.
            settings.atol.push(settings.rtol.max(1e-12));
        }
        forward += self.forward(ivp, jumps, &system, &settings, saves)?;
        let loss = loss(&self.states, &mut self.by_state, &mut self.weights);
        grad_p.fill(0.0);
        let (reverse_products, memory) =
            self.reverse(ivp, jumps, &system, &settings, saves, grad_p)?;
        grad_u0.copy_from_slice(&self.lambda);
        Ok(Evaluated { loss, forward, reverse_products, memory, by_start_time: None })
    }
}

impl GradientMethod for JumpDiffusionGradient {
    fn name(&self) -> &'static str {
        "score"
    }

    fn along_paths(&mut self) -> Option<&mut dyn PathGradient> {
        Some(self)
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        let paths = self.paths;
        mean_over(self, paths, ivp, settings, saves, loss, grad_u0, grad_p)
    }
}
