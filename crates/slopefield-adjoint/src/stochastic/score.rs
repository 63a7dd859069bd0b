//! Gradients of means of jump processes by the score function (likelihood ratio).
//!
//! Paths of a jump process are steps in time, whose derivative by a parameter is 0 or does not
//! exist, although means depend on it smoothly. What depends on the parameters is how likely a path
//! is: a path with jumps `j_k` at `t_k` has the density
//!
//! ```text
//! log q = Σ_k log a_{j_k}(x_k, p) − ∫ Σ_j a_j(x(t), p) dt
//! ```
//!
//! and `d/dp E[L] = E[L · d log q/dp + ∂L/∂p at fixed jumps]`. Any number that does not depend on
//! the path may be subtracted from `L` in the first term, because the mean of the score is 0.
//! (Glynn, *Likelihood ratio gradient estimation for stochastic systems*, Comm. ACM 33 (1990) 75,
//! doi:10.1145/84537.84552; Plyasunov, Arkin, *Efficient stochastic sensitivity analysis of discrete
//! event systems*, J. Comput. Phys. 221 (2007) 724, doi:10.1016/j.jcp.2006.06.047.) A save time
//! sees what has happened before it alone, so its weight meets the score up to it alone.

use super::estimate::{PathGradient, PathLoss};
use crate::method::validate_gradients;
use crate::{Evaluated, GradientMethod, Loss};
use slopefield_kernel::{Cotangent, JumpChange, Jumps, Part, Point};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, drive};
use slopefield_stochastic::{Happened, PureJump, Selection};

/// The score-function gradient of a jump process with rates that are constant between jumps.
///
/// As a [`PathGradient`] it is one term of a mean over paths ([`crate::mean_gradient`],
/// [`crate::moment_gradient`]), which is where it belongs. As a [`GradientMethod`] it estimates
/// the gradient of the mean loss over a few paths, from that of the settings on; the loss is then
/// called for each path once, and twice where there are several.
///
/// The derivative by the initial state counts it as a real number, with the same changes.
pub struct JumpScore {
    stepper: PureJump,
    paths: usize,
    states: Vec<f64>,
    by_state: Vec<f64>,
    weights: Vec<f64>,
    /// States before each jump, and after the last.
    visited: Vec<f64>,
    lambda: Vec<f64>,
    before: Vec<f64>,
    rates: Vec<f64>,
    cotangents: Vec<f64>,
    scratch: Vec<f64>,
    products: u64,
}

impl JumpScore {
    /// Paths over which [`GradientMethod::evaluate`] takes the mean, unless told otherwise.
    pub const PATHS: usize = 64;

    /// Through the method called `id`: `direct`, `sorting-direct` or `next-reaction`; none for
    /// others.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        let selection = match id {
            "direct" => Selection::Direct,
            "sorting-direct" => Selection::SortingDirect,
            "next-reaction" => Selection::NextReaction,
            _ => return None,
        };
        Some(JumpScore {
            stepper: PureJump::new(selection).recording(),
            paths: Self::PATHS,
            states: Vec::new(),
            by_state: Vec::new(),
            weights: Vec::new(),
            visited: Vec::new(),
            lambda: Vec::new(),
            before: Vec::new(),
            rates: Vec::new(),
            cotangents: Vec::new(),
            scratch: Vec::new(),
            products: 0,
        })
    }

    /// With another number of paths for [`GradientMethod::evaluate`], at least 1.
    #[must_use]
    pub fn with_paths(mut self, paths: usize) -> Self {
        self.paths = paths.max(1);
        self
    }

    /// The states before each jump and after the last, from those jumps alone.
    fn visit(&mut self, ivp: &Ivp<'_>, jumps: &Jumps<'_>) {
        let n = ivp.u0.len();
        self.visited.clear();
        self.visited.extend_from_slice(ivp.u0);
        self.before.resize(n, 0.0);
        for happened in self.stepper.happened() {
            let at = self.visited.len() - n;
            self.before.copy_from_slice(&self.visited[at..]);
            self.visited.extend_from_within(at..);
            let after = &mut self.visited[at + n..];
            match &jumps.changes[happened.jump as usize] {
                JumpChange::Add(parts) => {
                    for (state, amount) in parts {
                        after[*state as usize] += amount;
                    }
                }
                JumpChange::Set(kernel) => {
                    kernel.eval(happened.t, &self.before, ivp.p, after, &mut self.scratch);
                }
            }
        }
    }

    fn configure(&mut self, ivp: &Ivp<'_>, saves: &[f64]) -> Result<(), SolveError> {
        let structure = ivp.rhs.structure();
        let Some(jumps) = &structure.jumps else {
            return Err(SolveError::Invalid(
                "the score function is for jump processes, and this system has no jumps".into(),
            ));
        };
        let kinds = jumps.changes.len();
        let set = |change: &JumpChange| match change {
            JumpChange::Add(_) => 0,
            JumpChange::Set(kernel) => kernel.scratch_len(),
        };
        let scratch = jumps.changes.iter().map(set).fold(jumps.rates.scratch_len(), usize::max);
        self.scratch.resize(scratch, 0.0);
        self.rates.resize(kinds, 0.0);
        self.cotangents.resize(kinds, 0.0);
        self.states.resize(saves.len() * ivp.u0.len(), 0.0);
        for (vector, len) in
            [(&mut self.by_state, saves.len() * ivp.u0.len()), (&mut self.weights, saves.len())]
        {
            vector.clear();
            vector.resize(len, 0.0);
        }
        Ok(())
    }

    /// From the last save point to the first: `λ` carries the derivatives of the loss and of the
    /// weighted score by the state, `weight` the sum of the weights of later save points.
    fn reverse(&mut self, ivp: &Ivp<'_>, jumps: &Jumps<'_>, saves: &[f64], grad_p: &mut [f64]) {
        let n = ivp.u0.len();
        let happened = self.stepper.happened();
        self.lambda.clear();
        self.lambda.resize(n, 0.0);
        let (mut save, mut weight) = (saves.len(), 0.0);
        let end = saves.last().copied().unwrap_or(ivp.t0);
        // Jumps behind the last save point change nothing.
        let count = happened.iter().take_while(|jump| jump.t <= end).count();
        for interval in (0..=count).rev() {
            let x = &self.visited[interval * n..(interval + 1) * n];
            let begin = if interval == 0 { ivp.t0 } else { happened[interval - 1].t };
            let jump = happened.get(interval).filter(|_| interval < count);
            let mut until = jump.map_or(end, |jump| jump.t);
            jumps.rates.eval(begin, x, ivp.p, &mut self.rates, &mut self.scratch);
            self.cotangents.fill(0.0);
            if let Some(Happened { t, jump }) = jump {
                let jump = *jump as usize;
                self.cotangents[jump] += weight / self.rates[jump];
                if let JumpChange::Set(kernel) = &jumps.changes[jump] {
                    self.before.copy_from_slice(&self.lambda);
                    self.lambda.fill(0.0);
                    let grad = Cotangent { t: &mut 0.0, u: &mut self.lambda, p: grad_p };
                    let at = Point { t: *t, u: x, p: ivp.p };
                    kernel.vjp(at, &self.before, grad, &mut self.scratch);
                    self.products += 1;
                }
            }
            // Time under these rates, weighted with what still depends on it.
            let mut exposure = 0.0;
            while save > 0 && saves[save - 1] >= begin {
                save -= 1;
                exposure += weight * (until - saves[save]);
                until = saves[save];
                weight += self.weights[save];
                let by_state = &self.by_state[save * n..(save + 1) * n];
                self.lambda.iter_mut().zip(by_state).for_each(|(l, w)| *l += w);
            }
            exposure += weight * (until - begin);
            for (cotangent, rate) in self.cotangents.iter_mut().zip(&self.rates) {
                // Negative rates count as 0.
                if !(*rate < 0.0) {
                    *cotangent -= exposure;
                }
            }
            if self.cotangents.iter().any(|c| *c != 0.0) {
                let grad = Cotangent { t: &mut 0.0, u: &mut self.lambda, p: grad_p };
                let at = Point { t: begin, u: x, p: ivp.p };
                jumps.rates.vjp(at, &self.cotangents, grad, &mut self.scratch);
                self.products += 1;
            }
        }
    }

    fn bytes(&self) -> u64 {
        8 * (self.visited.capacity() + self.states.capacity()) as u64
    }
}

impl PathGradient for JumpScore {
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
        validate_gradients(ivp, grad_u0, grad_p, &[Part::Jumps])?;
        self.configure(ivp, saves)?;
        let forward = drive(&mut self.stepper, ivp, settings, saves, &mut self.states, None)?;
        let structure = ivp.rhs.structure();
        let Some(jumps) = &structure.jumps else {
            return Err(SolveError::Invalid("the system has no jumps any more".into()));
        };
        let loss = loss(&self.states, &mut self.by_state, &mut self.weights);
        self.products = 0;
        grad_p.fill(0.0);
        self.visit(ivp, jumps);
        self.reverse(ivp, jumps, saves, grad_p);
        grad_u0.copy_from_slice(&self.lambda);
        finite(grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: self.products,
            memory: self.bytes(),
            by_start_time: None,
        })
    }
}

/// Refuses scores that are not finite: a rate whose derivative is not although the rate is.
fn finite(grad_u0: &[f64], grad_p: &[f64]) -> Result<(), SolveError> {
    match grad_p.iter().chain(grad_u0).all(|g| g.is_finite()) {
        true => Ok(()),
        false => Err(SolveError::Invalid(
            "the derivative of the rates of jumps is not finite somewhere on the path, although \
             the rates are"
                .into(),
        )),
    }
}

impl GradientMethod for JumpScore {
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

/// The mean of a path gradient over `count` paths from that of the settings on, one after the
/// other, with the mean of the other paths' losses as baseline.
#[expect(clippy::too_many_arguments, reason = "those of a gradient, and of a mean")]
pub(super) fn mean_over(
    method: &mut dyn PathGradient,
    count: usize,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    loss: &mut Loss<'_>,
    grad_u0: &mut [f64],
    grad_p: &mut [f64],
) -> Result<Evaluated, SolveError> {
    let (n, p) = (grad_u0.len(), grad_p.len());
    let mut settings = settings.clone();
    let first = settings.path;
    let mut values = vec![0.0; count];
    let mut total = Evaluated {
        loss: 0.0,
        forward: Stats::default(),
        reverse_products: 0,
        memory: 0,
        by_start_time: None,
    };
    let (mut by_u0, mut by_p) = (vec![0.0; n], vec![0.0; p]);
    grad_u0.fill(0.0);
    grad_p.fill(0.0);
    // The first pass finds the losses, of which baselines are made.
    for pass in usize::from(count == 1)..2 {
        let sum: f64 = values.iter().sum();
        for (k, kept) in values.iter_mut().enumerate() {
            settings.path = first + k as u64;
            let own = *kept;
            let mut value = 0.0;
            let mut weighted = |u: &[f64], by_state: &mut [f64], weights: &mut [f64]| {
                value = loss(u, by_state);
                if pass == 0 {
                    by_state.fill(0.0);
                } else if let Some(last) = weights.last_mut() {
                    let others = if count > 1 { (sum - own) / (count - 1) as f64 } else { 0.0 };
                    *last = value - others;
                }
                value
            };
            let one = method.path_gradient(
                ivp,
                &settings,
                saves,
                &mut weighted,
                &mut by_u0,
                &mut by_p,
            )?;
            *kept = value;
            total.forward += one.forward;
            total.reverse_products += one.reverse_products;
            total.memory = total.memory.max(one.memory);
            if pass == 1 {
                total.loss += value / count as f64;
                grad_u0.iter_mut().zip(&by_u0).for_each(|(g, x)| *g += x / count as f64);
                grad_p.iter_mut().zip(&by_p).for_each(|(g, x)| *g += x / count as f64);
            }
        }
    }
    Ok(total)
}
