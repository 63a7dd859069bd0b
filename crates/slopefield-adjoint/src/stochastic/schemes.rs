//! The steps of the methods for noise, as operations on a tape.
//!
//! The formulas are those of `slopefield-stochastic`, with its coefficients; error estimates and
//! step lengths are left out, because a gradient takes the accepted steps as they are. A test
//! compares every step with the one that the method took.

use super::system::{Rhs, System};
use super::tape::{Row, StepTape};
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_stochastic::tables::{
    Dri1Table, SOSRA, SOSRI, SRA1, SRIW1, STAGES, SraTable, SriTable, dri1_table,
};

/// A method whose steps can be differentiated.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scheme {
    EulerMaruyama,
    EulerHeun,
    Milstein,
    ImplicitMilstein,
    Sri(&'static SriTable),
    Sra(&'static SraTable),
    Dri1,
}

/// One accepted step.
pub(super) struct Taken<'a> {
    /// Beginning.
    pub(super) t: f64,
    /// End.
    pub(super) t_new: f64,
    /// Increments of the sources of noise.
    pub(super) w: &'a [f64],
    /// Their space–time Lévy areas.
    pub(super) area: &'a [f64],
    /// State at the end, which implicit steps do not compute again.
    pub(super) end: &'a [f64],
}

/// What a step leaves on the tape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded {
    /// State at the end.
    pub(super) end: Row,
    /// Coefficients of noise at the beginning.
    pub(super) coefficients: Row,
}

impl Scheme {
    /// The method called `id`.
    pub(super) fn named(id: &str) -> Option<Scheme> {
        Some(match id {
            "em" => Scheme::EulerMaruyama,
            "euler-heun" => Scheme::EulerHeun,
            "milstein" => Scheme::Milstein,
            "implicit-milstein" => Scheme::ImplicitMilstein,
            "sriw1" => Scheme::Sri(&SRIW1),
            "sosri" => Scheme::Sri(&SOSRI),
            "sra1" => Scheme::Sra(&SRA1),
            "sosra" => Scheme::Sra(&SOSRA),
            "dri1" => Scheme::Dri1,
            _ => return None,
        })
    }

    /// Its name.
    pub(super) fn id(self) -> &'static str {
        match self {
            Scheme::EulerMaruyama => "em",
            Scheme::EulerHeun => "euler-heun",
            Scheme::Milstein => "milstein",
            Scheme::ImplicitMilstein => "implicit-milstein",
            Scheme::Sri(table) => table.id,
            Scheme::Sra(table) => table.id,
            Scheme::Dri1 => "dri1",
        }
    }

    /// The calculus in which it wants the drift.
    pub(super) fn calculus(self, given: Calculus) -> Calculus {
        match self {
            Scheme::EulerMaruyama | Scheme::Sri(_) | Scheme::Dri1 => Calculus::Ito,
            Scheme::EulerHeun => Calculus::Stratonovich,
            Scheme::Milstein | Scheme::ImplicitMilstein | Scheme::Sra(_) => given,
        }
    }

    /// Whether its steps use derivatives of noise that is not additive.
    pub(super) fn differentiates_noise(self) -> bool {
        matches!(self, Scheme::Milstein | Scheme::ImplicitMilstein)
    }

    /// Takes a step from the beginning on the tape.
    pub(super) fn record(
        self,
        tape: &mut StepTape,
        system: &System<'_>,
        step: &Taken<'_>,
        u: Row,
    ) -> Recorded {
        let coefficients = tape.function(system, Rhs::Noise, step.t, u);
        let mut write = Write { tape, system, step, u, g: coefficients, h: step.t_new - step.t };
        let end = match self {
            Scheme::EulerMaruyama => write.euler_maruyama(),
            Scheme::EulerHeun => write.euler_heun(),
            Scheme::Milstein => write.milstein(),
            Scheme::ImplicitMilstein => write.implicit_milstein(),
            Scheme::Sri(table) => write.sri(table),
            Scheme::Sra(table) => write.sra(table),
            Scheme::Dri1 => write.dri1(&dri1_table()),
        };
        Recorded { end, coefficients }
    }
}

/// A step being written.
struct Write<'a, 's> {
    tape: &'a mut StepTape,
    system: &'a System<'s>,
    step: &'a Taken<'a>,
    /// The beginning, and the coefficients of noise there.
    u: Row,
    g: Row,
    h: f64,
}

impl Write<'_, '_> {
    fn n(&self) -> usize {
        self.system.ivp.u0.len()
    }

    /// The drift in the calculus of the method.
    fn drift(&mut self, t: f64, u: Row) -> Row {
        let drift = self.tape.function(self.system, Rhs::Drift, t, u);
        let correction = self.system.correction;
        if correction == 0.0 {
            return drift;
        }
        let g = self.diffusion(t, u);
        let mut sum = drift;
        for j in 0..g.columns(self.n()) {
            let column = g.column(j, self.n());
            let along = self.tape.along(self.system, t, u, column).column(j, self.n());
            sum = self.tape.sum([(1.0, sum), (correction, along)]);
        }
        sum
    }

    fn diffusion(&mut self, t: f64, u: Row) -> Row {
        self.tape.function(self.system, Rhs::Noise, t, u)
    }

    /// The noise of coefficients with a number for each source.
    fn noise(&mut self, coefficients: Row, number: impl Fn(usize) -> f64) -> Row {
        let sources = self.system.noise.sources;
        self.tape.noise(self.system, coefficients, (0..sources).map(number))
    }

    fn euler_maruyama(&mut self) -> Row {
        let drift = self.drift(self.step.t, self.u);
        let noise = self.noise(self.g, |j| self.step.w[j]);
        self.tape.sum([(1.0, self.u), (self.h, drift), (1.0, noise)])
    }

    fn euler_heun(&mut self) -> Row {
        let (step, half) = (self.step, 0.5 * self.h);
        let drift = self.drift(step.t, self.u);
        let noise = self.noise(self.g, |j| step.w[j]);
        let predicted = self.tape.sum([(1.0, self.u), (self.h, drift), (1.0, noise)]);
        let drift_end = self.drift(step.t_new, predicted);
        let g_end = self.diffusion(step.t_new, predicted);
        let noise_end = self.noise(g_end, |j| step.w[j]);
        let drifts = [(half, drift), (half, drift_end)];
        self.tape.sum([(1.0, self.u), (0.5, noise), (0.5, noise_end)].into_iter().chain(drifts))
    }

    /// Milstein's noise: `Σ g_j W_j + ½ Σ_jk (∂g_k/∂u) g_j (W_j W_k − δ_jk h)`, without `δ_jk h` in
    /// the sense of Stratonovich.
    fn milstein_noise(&mut self) -> Row {
        let (w, t, n) = (self.step.w, self.step.t, self.n());
        let noise = &self.system.noise;
        let subtract = if noise.calculus == Calculus::Ito { self.h } else { 0.0 };
        let mut sum = self.noise(self.g, |j| w[j]);
        match noise.kind {
            NoiseKind::Additive => {}
            NoiseKind::Diagonal => {
                let along = self.tape.along(self.system, t, self.u, self.g);
                let second = self.noise(along, |i| 0.5 * (w[i] * w[i] - subtract));
                sum = self.tape.sum([(1.0, sum), (1.0, second)]);
            }
            NoiseKind::Commutative | NoiseKind::General => {
                for j in 0..noise.sources {
                    let along = self.tape.along(self.system, t, self.u, self.g.column(j, n));
                    let own = |k| if j == k { subtract } else { 0.0 };
                    let second = self.noise(along, |k| 0.5 * (w[j] * w[k] - own(k)));
                    sum = self.tape.sum([(1.0, sum), (1.0, second)]);
                }
            }
        }
        sum
    }

    fn milstein(&mut self) -> Row {
        let drift = self.drift(self.step.t, self.u);
        let noise = self.milstein_noise();
        self.tape.sum([(1.0, self.u), (self.h, drift), (1.0, noise)])
    }

    fn implicit_milstein(&mut self) -> Row {
        let noise = self.milstein_noise();
        let known = self.tape.sum([(1.0, self.u), (1.0, noise)]);
        self.tape.implicit(self.step.t_new, self.h, known, self.step.end)
    }

    /// A stage: `u + h Σ a f + Σ b noise`.
    fn stage(&mut self, a: &[f64], drifts: &[Row], b: &[f64], noises: &[Row]) -> Row {
        let (u, h) = (self.u, self.h);
        let drifts = drifts.iter().zip(a).map(|(row, a)| (h * a, *row));
        let noises = noises.iter().zip(b).map(|(row, b)| (*b, *row));
        self.tape.sum(std::iter::once((1.0, u)).chain(drifts).chain(noises))
    }

    fn sri(&mut self, table: &SriTable) -> Row {
        let Taken { t, w, area, .. } = *self.step;
        let (h, root, used) = (self.h, self.h.sqrt(), table.drift_stages);
        // Coefficients of noise, and their noise with the mean increments and with √h.
        let (mut f, mut g) = ([self.u; STAGES], [self.g; STAGES]);
        let (mut mean, mut fixed) = (g, g);
        for s in 0..STAGES {
            if s > 0 {
                if s < used {
                    let u = self.stage(&table.a0[s][..s], &f[..s], &table.b0[s][..s], &mean[..s]);
                    f[s] = self.drift(t + table.c0[s] * h, u);
                }
                let known = s.min(used);
                let u =
                    self.stage(&table.a1[s][..known], &f[..known], &table.b1[s][..s], &fixed[..s]);
                g[s] = self.diffusion(t + table.c1[s] * h, u);
            } else {
                f[0] = self.drift(t, self.u);
            }
            mean[s] = self.noise(g[s], |j| 0.5 * w[j] + area[j]);
            fixed[s] = self.noise(g[s], |_| root);
        }
        let [b1, b2, b3, b4] = table.beta;
        let ends = [0, 1, 2, 3].map(|s| {
            self.noise(g[s], |j| {
                let (w, mean) = (w[j], 0.5 * w[j] + area[j]);
                let twice = (w * w - h) * 0.5 / root;
                let thrice = (w * w * w - 3.0 * w * h) / (6.0 * h);
                b1[s] * w + b2[s] * twice + b3[s] * mean + b4[s] * thrice
            })
        });
        self.stage(&table.alpha[..used], &f[..used], &[1.0; STAGES], &ends)
    }

    fn sra(&mut self, table: &SraTable) -> Row {
        let Taken { t, w, area, .. } = *self.step;
        let stages = table.alpha.len();
        let (mut f, mut noise, mut mean) = ([self.u; 3], [self.u; 3], [self.u; 3]);
        for s in 0..stages {
            let g = match table.c1[s] {
                0.0 => self.g,
                c => self.diffusion(t + c * self.h, self.u),
            };
            noise[s] = self.noise(g, |j| w[j]);
            mean[s] = self.noise(g, |j| 0.5 * w[j] + area[j]);
        }
        for s in 0..stages {
            let u = match s {
                0 => self.u,
                _ => self.stage(table.a0[s], &f[..s], table.b0[s], &mean[..s]),
            };
            f[s] = self.drift(t + table.c0[s] * self.h, u);
        }
        let end = self.stage(table.alpha, &f[..stages], table.beta1, &noise[..stages]);
        let bent = table.beta2.iter().zip(mean).map(|(b, row)| (*b, row));
        self.tape.sum(std::iter::once((1.0, end)).chain(bent))
    }

    fn dri1(&mut self, table: &Dri1Table) -> Row {
        let Taken { t, t_new, w, .. } = *self.step;
        let (u, h, g) = (self.u, self.h, self.g);
        let first = self.drift(t, u);
        let noise = self.noise(g, |j| w[j]);
        let stage = self.tape.sum([(1.0, u), (h * table.a02, first), (table.b02, noise)]);
        let second = self.drift(t + 0.5 * h, stage);
        let drifts = [(h * table.a03[0], first), (h * table.a03[1], second)];
        let stage = self.tape.sum([(1.0, u), (table.b03, noise)].into_iter().chain(drifts));
        let third = self.drift(t_new, stage);
        let drifts = [first, second, third];
        let mut end = self.stage(&table.alpha, &drifts, &[], &[]);
        if self.system.noise.kind == NoiseKind::Additive {
            return self.tape.sum([(1.0, end), (1.0, noise)]);
        }
        for k in 0..g.columns(self.n()) {
            end = self.dri1_source(table, first, k, end);
        }
        end
    }

    /// Adds the noise of source `k` (of all, where noise is diagonal) to `end`.
    fn dri1_source(&mut self, table: &Dri1Table, drift: Row, k: usize, end: Row) -> Row {
        let Taken { t, w, area, .. } = *self.step;
        let (u, h, root, n) = (self.u, self.h, self.h.sqrt(), self.n());
        let time = t + table.a1 * h;
        let own = self.g.column(k, n);
        let [second, third] = [1.0, -1.0].map(|sign| {
            let terms = [(1.0, u), (h * table.a1, drift), (sign * table.b1 * root, own)];
            let stage = self.tape.sum(terms);
            self.diffusion(time, stage).column(k, n)
        });
        let b = table.beta1;
        let twice = |w: f64| table.beta2 * 0.5 * (w * w - h) / root;
        if self.system.is_diagonal() {
            let first = self.noise(own, |i| b[0] * w[i]);
            let second = self.noise(second, |i| b[1] * w[i] + twice(w[i]));
            let third = self.noise(third, |i| b[2] * w[i] - twice(w[i]));
            return self.tape.sum([(1.0, end), (1.0, first), (1.0, second), (1.0, third)]);
        }
        let x = w[k];
        let others = w.len() as f64 - 1.0;
        let mut sum = self.tape.sum([
            (1.0, end),
            (b[0] * x + others * table.beta3[0] * x, own),
            (b[1] * x + twice(x), second),
            (b[2] * x - twice(x), third),
        ]);
        if w.len() == 1 {
            return sum;
        }
        // This source in the coefficients of the others.
        for (sign, beta3) in [(1.0, table.beta3[1]), (-1.0, table.beta3[2])] {
            let scale = sign * root;
            let [b2, b2_rest] = table.b2.map(|b| scale * b);
            let stage = self.tape.sum([(1.0, u), (b2, own), (b2_rest, second), (b2_rest, third)]);
            let all = self.diffusion(t, stage);
            for other in (0..w.len()).filter(|other| *other != k) {
                // The iterated integral of source k in the other, in its weak form.
                let twist = if other < k {
                    -root * root.copysign(area[other])
                } else {
                    root * root.copysign(area[k])
                };
                let twice = 0.5 * (w[other] * x + twist);
                let factor = w[other] * beta3 + sign * twice * table.beta4 / root;
                sum = self.tape.sum([(1.0, sum), (factor, all.column(other, n))]);
            }
        }
        sum
    }
}
