//! A path with given steps, for differences of the very same steps.

use slopefield_solve::{Ivp, Settings, SolveError, Stats, Step, Stepper};

/// Takes the steps that a method for noise took before, whatever the errors: what remains when
/// steps count as constants.
pub struct FrozenPath {
    inner: Box<dyn Stepper>,
    /// The start and the ends of the steps.
    times: Vec<f64>,
    next: usize,
    state: Vec<f64>,
    settings: Settings,
    stats: Stats,
}

/// Longer than any step.
const LONG: f64 = 1e300;

impl FrozenPath {
    /// The steps of `inner`, a method of `slopefield-stochastic` for equations with noise, between
    /// these times, of which the first is the start.
    #[must_use]
    pub fn new(inner: Box<dyn Stepper>, times: Vec<f64>) -> Self {
        FrozenPath {
            inner,
            times,
            next: 0,
            state: Vec::new(),
            settings: Settings::default(),
            stats: Stats::default(),
        }
    }
}

impl Stepper for FrozenPath {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        if self.times.first() != Some(&ivp.t0) {
            return Err(SolveError::Invalid(format!(
                "the steps to repeat do not begin at t = {}",
                ivp.t0
            )));
        }
        self.next = 0;
        self.state.clear();
        self.state.extend_from_slice(ivp.u0);
        self.settings = settings.clone();
        self.stats = Stats::default();
        Ok(())
    }

    fn step(&mut self, ivp: &Ivp<'_>, _: &Settings, t_limit: f64) -> Result<Step, SolveError> {
        match self.times[self.next..] {
            [t, end, ..] => self.step_between(ivp, t, end.min(t_limit)),
            _ => Err(SolveError::Invalid("there are no more steps to repeat".into())),
        }
    }

    fn state(&self) -> &[f64] {
        &self.state
    }

    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        self.inner.interpolate(t, out)
    }

    fn stats(&self) -> Stats {
        self.stats
    }
}

impl FrozenPath {
    fn step_between(&mut self, ivp: &Ivp<'_>, t: f64, end: f64) -> Result<Step, SolveError> {
        self.next += 1;
        let part = Ivp { t0: t, t1: end, u0: &self.state, ..*ivp };
        let step = step_again(&mut *self.inner, &part, &mut self.settings)?;
        self.stats += self.inner.stats();
        self.state.copy_from_slice(self.inner.state());
        Ok(step)
    }
}

/// Takes one step of a method for noise over the whole span of `ivp`, which has to be a step that it
/// took before.
pub(super) fn step_again(
    stepper: &mut dyn Stepper,
    ivp: &Ivp<'_>,
    settings: &mut Settings,
) -> Result<Step, SolveError> {
    // Steps lie within intervals of the tree of the motion, so that one that may be longer than all of
    // them goes to its limit; without a look at errors, because two lengths are equal.
    (settings.h_init, settings.h_max) = (Some(LONG), LONG);
    stepper.start(ivp, settings)?;
    let step = stepper.step(ivp, settings, ivp.t1)?;
    if step.t != ivp.t1 {
        return Err(SolveError::Invalid(format!(
            "the step from t = {} to {} cannot be repeated: it ends at {} now",
            ivp.t0, ivp.t1, step.t
        )));
    }
    Ok(step)
}
