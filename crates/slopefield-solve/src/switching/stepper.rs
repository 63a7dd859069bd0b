//! The choice between an explicit and an implicit method.
//!
//! After L. R. Petzold, *Automatic selection of methods for solving stiff and nonstiff systems of
//! ordinary differential equations*, SIAM J. Sci. Stat. Comput. 4 (1983) 136–148,
//! doi:10.1137/0904010, with the test of Hairer and Wanner, *Solving ODEs II*, section IV.2: an
//! explicit step whose length times the largest eigenvalue is about the size of the region of
//! stability is bounded by stability and not by accuracy.

use super::power::PowerIteration;
use super::report::{Side, SwitchReport};
use crate::bdf::BackwardStep;
use crate::breaks::is_gap;
use crate::rosenbrock::{RODAS5P, Rosenbrock};
use crate::runge_kutta::{TSIT5, VERN7};
use crate::{
    Bdf, ErrorNorm, ExplicitRungeKutta, Ivp, Real, Settings, SolveError, Stages, Stats, Step,
    StepUnknowns, Stepper, Tableau,
};

/// Tsit5 (Vern7 below a relative tolerance of 1e-6) and Rodas5P (BDF above 50 states), whichever
/// suits the solution where it is. Systems with a mass matrix are solved by the implicit one.
pub struct Switching<T: Real = f64> {
    methods: Methods<T>,
    /// No explicit method can solve the system.
    implicit_only: bool,
    /// Before the next step, the other side begins.
    change: bool,
    /// Steps in a row that speak for the other side.
    against: u32,
    /// Length of the last explicit step before the implicit ones,
    explicit_h: f64,
    /// and number of steps since the switch.
    since: u32,
    /// End and length of the last accepted step.
    t: f64,
    h: f64,
    power: PowerIteration<T>,
    norm: ErrorNorm,
    state: Vec<T>,
    inner: Settings,
    /// Counters of the methods before the present one, and of the power iteration.
    spent: Stats,
    report: SwitchReport,
}

/// The methods to choose from, and the choice.
struct Methods<T: Real> {
    tsit5: ExplicitRungeKutta<T>,
    vern7: ExplicitRungeKutta<T>,
    rodas5p: Rosenbrock<T>,
    bdf: Bdf<T>,
    /// Tight tolerances: Vern7 and not Tsit5.
    tight: bool,
    /// Many states: BDF and not Rodas5P.
    large: bool,
    side: Side,
}

impl<T: Real> Methods<T> {
    fn active(&self) -> &dyn Stepper<T> {
        match (self.side, self.tight, self.large) {
            (Side::Explicit, false, _) => &self.tsit5,
            (Side::Explicit, true, _) => &self.vern7,
            (Side::Implicit, _, false) => &self.rodas5p,
            (Side::Implicit, _, true) => &self.bdf,
        }
    }

    fn active_mut(&mut self) -> &mut dyn Stepper<T> {
        match (self.side, self.tight, self.large) {
            (Side::Explicit, false, _) => &mut self.tsit5,
            (Side::Explicit, true, _) => &mut self.vern7,
            (Side::Implicit, _, false) => &mut self.rodas5p,
            (Side::Implicit, _, true) => &mut self.bdf,
        }
    }

    fn explicit_table(&self) -> &'static Tableau {
        if self.tight { &VERN7 } else { &TSIT5 }
    }
}

/// Relative tolerance below which Vern7 is cheaper than Tsit5.
const TIGHT: f64 = 1e-6;
/// Largest number of states for Rodas5P, which factors a matrix in each step.
const LARGEST: usize = 50;
/// So many explicit steps at the bound of stability in a row ask for the implicit method,
const STIFF_STEPS: u32 = 10;
/// and so many implicit steps within it for the explicit one.
const NON_STIFF_STEPS: u32 = 3;
/// Implicit methods may begin with short steps, which say nothing. They count when one has been
/// longer than the last explicit step, or after so many of them.
const LONGEST_BEGINNING: u32 = 30;
/// The first implicit step is longer than the last explicit one by this factor, and the first
/// explicit step shorter than the last implicit one.
const STRIDE: f64 = 2.0;

/// Length of the interval of stability of Tsit5 or Vern7 on the negative real axis.
pub(super) fn stability(table: &Tableau) -> f64 {
    if table.id == VERN7.id { 4.6400 } else { 3.5068 }
}

/// Step lengths times the largest eigenvalue from which stability bounds the steps: those of both
/// methods settle just within the interval of stability on stiff solutions at rest.
fn bound(table: &Tableau) -> f64 {
    0.9 * stability(table)
}

impl<T: Real> Default for Switching<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Switching<T> {
    /// Number of states above which the implicit side is BDF.
    pub const LARGEST_FOR_RODAS5P: usize = LARGEST;

    /// The explicit method for a relative tolerance.
    pub fn explicit_table(rtol: f64) -> &'static Tableau {
        if rtol < TIGHT { &VERN7 } else { &TSIT5 }
    }

    /// The method.
    pub fn new() -> Self {
        Switching {
            methods: Methods {
                tsit5: ExplicitRungeKutta::new(&TSIT5),
                vern7: ExplicitRungeKutta::new(&VERN7),
                rodas5p: Rosenbrock::new(&RODAS5P),
                bdf: Bdf::new(),
                tight: false,
                large: false,
                side: Side::Explicit,
            },
            implicit_only: false,
            change: false,
            against: 0,
            explicit_h: 0.0,
            since: 0,
            t: 0.0,
            h: 0.0,
            power: PowerIteration::default(),
            norm: ErrorNorm::default(),
            state: Vec::new(),
            inner: Settings::default(),
            spent: Stats::default(),
            report: SwitchReport::begin(Side::Explicit, "", ""),
        }
    }

    /// Takes over the settings; allocates only when there are more tolerances.
    fn configure(&mut self, settings: &Settings) {
        let mut atol = std::mem::take(&mut self.inner.atol);
        atol.clone_from(&settings.atol);
        self.inner = Settings {
            atol,
            rtol: settings.rtol,
            h_init: settings.h_init,
            h_min: settings.h_min,
            h_max: settings.h_max,
            max_steps: settings.max_steps,
            seed: settings.seed,
            path: settings.path,
            cancel: settings.cancel.clone(),
            deadline: settings.deadline,
        };
    }

    /// Lets the other side begin where the last step ended.
    fn switch(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        (self.change, self.against, self.since) = (false, 0, 0);
        self.explicit_h = self.h;
        self.state.copy_from_slice(self.methods.active().state());
        self.spent += self.methods.active().stats();
        let used = self.spent.accepted + self.spent.rejected;
        self.inner.max_steps = settings.max_steps.saturating_sub(used);
        let remaining = (ivp.t1 - self.t).abs();
        let (side, h) = match self.methods.side {
            Side::Explicit => (Side::Implicit, STRIDE * self.h),
            Side::Implicit => (Side::Explicit, self.h / STRIDE),
        };
        // BDF begins with order 1 and knows itself how short its first step must be.
        let chosen = h > 0.0 && !(side == Side::Implicit && self.methods.large);
        self.inner.h_init = chosen.then_some(h.min(remaining));
        self.methods.side = side;
        self.power.begin();
        self.report.switched(self.t, side);
        let here = Ivp { t0: self.t, u0: &self.state, ..*ivp };
        self.methods.active_mut().start(&here, &self.inner)
    }

    /// Looks at the step just taken for signs that the other side would suit better.
    fn look(&mut self, ivp: &Ivp<'_, T>) {
        let bound = bound(self.methods.explicit_table());
        let active = self.methods.active();
        let (speaks_against, patience) = match self.methods.side {
            Side::Explicit => {
                let estimate =
                    active.stages().and_then(|stages| stages.stiffness_estimate(&self.norm));
                // NaN counts as stiff.
                (estimate.is_some_and(|size| !(size <= bound)), STIFF_STEPS)
            }
            Side::Implicit if self.implicit_only => return,
            Side::Implicit => {
                self.spent.rhs += 1;
                let size = self.power.advance(ivp, self.t, active.state());
                self.since =
                    if self.h > self.explicit_h { LONGEST_BEGINNING } else { self.since + 1 };
                (self.since >= LONGEST_BEGINNING && size * self.h <= bound, NON_STIFF_STEPS)
            }
        };
        self.against = if speaks_against { self.against + 1 } else { 0 };
        self.change = self.against >= patience;
    }

    fn begin(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) {
        self.configure(settings);
        self.norm.configure(settings, ivp.u0.len());
        (self.t, self.h) = (ivp.t0, 0.0);
        (self.change, self.against, self.since) = (false, 0, 0);
        self.spent = Stats::default();
    }
}

impl<T: Real> Stepper<T> for Switching<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        self.implicit_only = ivp.rhs.structure().mass.is_some();
        let side = if self.implicit_only { Side::Implicit } else { Side::Explicit };
        let methods = &mut self.methods;
        methods.tight = settings.rtol < TIGHT;
        methods.large = n > LARGEST;
        methods.side = side;
        let implicit = if methods.large { "BDF" } else { "Rodas5P" };
        let explicit = if methods.tight { "Vern7" } else { "Tsit5" };
        self.report = SwitchReport::begin(side, explicit, implicit);
        self.state.resize(n, T::ZERO);
        self.power.configure(ivp);
        self.power.begin();
        self.begin(ivp, settings);
        self.methods.active_mut().start(ivp, &self.inner)
    }

    fn restart(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.begin(ivp, settings);
        self.methods.active_mut().restart(ivp, &self.inner)
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        if self.change {
            self.switch(ivp, settings)?;
        }
        let mut taken = self.methods.active_mut().step(ivp, &self.inner, t_limit);
        // Stiffness may be what makes explicit steps collapse.
        let collapsed =
            matches!(taken, Err(SolveError::StepTooSmall { .. } | SolveError::NonFinite { .. }));
        if collapsed && self.methods.side == Side::Explicit {
            let again = self
                .switch(ivp, settings)
                .and_then(|()| self.methods.active_mut().step(ivp, &self.inner, t_limit));
            let decisive = matches!(
                again,
                Ok(_)
                    | Err(SolveError::Cancelled { .. }
                        | SolveError::OutOfTime { .. }
                        | SolveError::TooManySteps { .. })
            );
            if decisive {
                taken = again;
            }
        }
        let step = taken.map_err(|error| match error {
            SolveError::TooManySteps { t, .. } => {
                SolveError::TooManySteps { t, steps: settings.max_steps }
            }
            other => other,
        })?;
        self.report.stepped(step.t_prev, step.t, self.methods.side);
        self.t = step.t;
        if is_gap(&step, ivp) {
            return Ok(step);
        }
        self.h = (step.t - step.t_prev).abs();
        self.look(ivp);
        Ok(step)
    }

    fn begins_again_at_breaks(&self) -> bool {
        self.methods.active().begins_again_at_breaks()
    }

    fn state(&self) -> &[T] {
        self.methods.active().state()
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        self.methods.active_mut().prepare_dense(ivp);
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.methods.active_mut().interpolate(t, out)
    }

    fn stages(&self) -> Option<&Stages<T>> {
        self.methods.active().stages()
    }

    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        self.methods.active().unknowns()
    }

    fn backward_step(&self) -> Option<BackwardStep> {
        self.methods.active().backward_step()
    }

    fn dense_degree(&self) -> usize {
        self.methods.active().dense_degree()
    }

    fn stats(&self) -> Stats {
        let mut stats = self.spent;
        stats += self.methods.active().stats();
        stats
    }

    fn switches(&self) -> Option<&SwitchReport> {
        Some(&self.report)
    }
}
