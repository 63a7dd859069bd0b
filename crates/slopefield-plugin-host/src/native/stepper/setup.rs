//! What an instance of the plugin is made for, and which systems it is not given.

use super::PluginSolver;
use crate::describe::SolverDescription;
use crate::native::callbacks;
use crate::native::error_text;
use crate::native::options::{c_options, spelled_options};
use slopefield_kernel::Part;
use slopefield_plugin_abi as abi;
use slopefield_solve::{Ivp, Settings, SolveError};
use std::ptr;

/// What an instance was created for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Setup {
    pub(super) mass: bool,
    rtol: f64,
    atol: Vec<f64>,
    h_init: f64,
    h_min: f64,
    h_max: f64,
}

impl Setup {
    fn new(n: usize, mass: bool, s: &Settings) -> Self {
        Setup {
            mass,
            rtol: s.rtol,
            atol: if s.atol.len() == n { s.atol.clone() } else { vec![s.atol[0]; n] },
            h_init: s.h_init.map_or(0.0, f64::abs),
            h_min: s.h_min,
            h_max: bounded(s.h_max),
        }
    }

    /// Whether an instance made for `self` serves; allocates nothing.
    fn matches(&self, n: usize, mass: bool, s: &Settings) -> bool {
        let same_atol = if s.atol.len() == n {
            self.atol == s.atol
        } else {
            self.atol.iter().all(|a| *a == s.atol[0])
        };
        same_atol
            && self.atol.len() == n
            && self.mass == mass
            && self.rtol == s.rtol
            && self.h_init == s.h_init.map_or(0.0, f64::abs)
            && self.h_min == s.h_min
            && self.h_max == bounded(s.h_max)
    }
}

/// Infinity is 0 in the interface.
fn bounded(h_max: f64) -> f64 {
    if h_max.is_finite() { h_max } else { 0.0 }
}

pub(super) fn check(ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
    let n = ivp.u0.len();
    let shape = ivp.rhs.shape();
    let invalid = |message: String| Err(SolveError::Invalid(message));
    if shape.states != n || shape.outputs != n || shape.params != ivp.p.len() {
        return invalid(format!(
            "the model has {} states, {} derivatives and {} parameters, and {n} values and {} \
             parameters were given",
            shape.states,
            shape.outputs,
            shape.params,
            ivp.p.len()
        ));
    }
    if !ivp.t0.is_finite() || !ivp.t1.is_finite() {
        return invalid(format!("the times {} to {} are not finite", ivp.t0, ivp.t1));
    }
    if settings.atol.len() != n && settings.atol.len() != 1 {
        return invalid(format!(
            "{} absolute tolerances were given for {n} states; give one or {n}",
            settings.atol.len()
        ));
    }
    let positive = |v: f64| v.is_finite() && v >= 0.0;
    let tolerances = positive(settings.rtol) && settings.atol.iter().all(|a| positive(*a));
    if !tolerances || (settings.rtol == 0.0 && settings.atol.contains(&0.0)) {
        return invalid("tolerances must be positive".to_owned());
    }
    let steps = positive(settings.h_min)
        && settings.h_max > 0.0
        && settings.h_init.is_none_or(|h| h.is_finite() && h != 0.0);
    if !steps {
        return invalid("step bounds must be positive, and the first step not zero".to_owned());
    }
    if let Some(state) = ivp.u0.iter().position(|v| !v.is_finite()) {
        return Err(SolveError::NonFinite { t: ivp.t0, state, u: ivp.u0.to_vec() });
    }
    Ok(())
}

/// A part of the system that the solver does not say it honours would silently change the solution.
/// Events are the loop's own matter.
pub(super) fn refuse_undeclared(
    about: &SolverDescription,
    ivp: &Ivp<'_>,
) -> Result<(), SolveError> {
    // An undeclared part is replaced by one that everybody honours.
    let declared = |yes, part| if yes { part } else { Part::Events };
    let honoured = [
        Part::Events,
        declared(about.mass_matrix, Part::Mass),
        declared(about.noise, Part::Noise),
        declared(about.delays, Part::Delays),
    ];
    match ivp.rhs.structure().beyond(&honoured) {
        Some(part) => Err(refused(about, part.words())),
        None => Ok(()),
    }
}

pub(super) fn refused(about: &SolverDescription, what: &str) -> SolveError {
    SolveError::Invalid(format!(
        "the solver `{}` of a plugin does not declare that it solves systems with {what}; use a \
         built-in method, or `auto`",
        about.id
    ))
}

impl PluginSolver {
    /// Makes the instance fit the problem and the settings.
    /// `singular`: whether the system has algebraic equations.
    pub(super) fn ready(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        singular: bool,
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let mass = ivp.rhs.structure().mass.is_some();
        let callbacks = self.callbacks();
        let parts = callbacks.implicit.prepare(ivp, singular);
        let noise = callbacks.noise.prepare(ivp, settings)?;
        self.described &= parts && noise && self.callbacks().split.fits(ivp);
        let fits = !self.instance.is_null()
            && !self.dead
            && self.described
            && self.callbacks().compiled.is_known()
            && self.created_for.matches(n, mass, settings);
        if fits {
            return Ok(());
        }
        self.destroy();
        (self.dead, self.described) = (false, true);
        let setup = Setup::new(n, mass, settings);
        let spelled = spelled_options(&self.options);
        let options = c_options(&spelled);
        let config = abi::slf_solver_config {
            struct_size: size_of::<abi::slf_solver_config>() as u32,
            reserved: 0,
            rtol: setup.rtol,
            atol: setup.atol.as_ptr(),
            h_init: setup.h_init,
            h_min: setup.h_min,
            h_max: setup.h_max,
            options: options.as_ptr(),
            n_options: options.len() as u64,
        };
        let rhs = self.callbacks().compiled.make_known();
        // SAFETY: owned, and no instance exists that could be reading it.
        unsafe { *self.problem = callbacks::problem(n, mass, self.callbacks, rhs) };
        let Some(create) = self.entry.table.create else { return Err(self.missing()) };
        let err = self.empty_error();
        let mut instance = ptr::null_mut();
        self.callbacks().describe(ivp);
        // SAFETY: a function of the plugin; id, settings and options live during the call, the
        // problem until `destroy`.
        let status = unsafe {
            create(
                abi::slf_str::borrowed(self.entry.description.local_id()),
                self.problem,
                &config,
                &mut instance,
                err,
            )
        };
        self.callbacks().leave();
        if status != abi::SLF_OK {
            return Err(self.failed(ivp.t0, error_text(&self.err, status)));
        }
        if instance.is_null() {
            return Err(self.failed(ivp.t0, "it reported success and made no instance".into()));
        }
        self.instance = instance;
        self.created_for = setup;
        Ok(())
    }
}
