//! What the plugin answers: steps that are checked before they count, and failures in words.

use super::PluginSolver;
use crate::native::{borrow, error_text};
use slopefield_plugin_abi as abi;
use slopefield_solve::SolveError;
use slopefield_solve::runge_kutta::copy_few;

impl PluginSolver {
    pub(super) fn failed(&self, t: f64, message: String) -> SolveError {
        SolveError::Plugin { plugin: self.entry.description.id.clone(), t, message }
    }

    pub(in crate::native) fn missing(&self) -> SolveError {
        self.failed(self.sign * self.t, "a function of its table is null".to_owned())
    }

    /// The plugin broke a rule: no further call on this instance.
    pub(in crate::native) fn broke(&mut self, message: String) -> SolveError {
        self.dead = true;
        self.failed(self.sign * self.t, message)
    }

    /// The error behind a status that is not success.
    pub(in crate::native) fn error(&mut self, status: abi::slf_status, h: f64) -> SolveError {
        let t = self.sign * self.t;
        let trouble = std::mem::take(&mut self.callbacks().trouble);
        if status == abi::SLF_ERR_PANIC {
            self.dead = true;
        }
        let error = if trouble.cancelled || status == abi::SLF_ERR_CANCELLED {
            SolveError::Cancelled { t }
        } else if trouble.panicked {
            self.failed(t, "a function of the model panicked".to_owned())
        } else if let Some(misuse) = &trouble.misuse {
            self.broke(misuse.clone())
        } else {
            let about_domain = [
                abi::SLF_RECOVERABLE,
                abi::SLF_ERR_STEP_TOO_SMALL,
                abi::SLF_ERR_NON_FINITE,
                abi::SLF_ERR_HOST,
            ];
            match trouble.non_finite {
                Some((t, state)) if about_domain.contains(&status) => {
                    SolveError::NonFinite { t, state, u: trouble.state.clone() }
                }
                _ if status == abi::SLF_ERR_STEP_TOO_SMALL => {
                    SolveError::StepTooSmall { t, h: if h.is_finite() { h.abs() } else { 0.0 } }
                }
                _ => self.failed(t, error_text(&self.err, status)),
            }
        };
        // Give the buffer back, so that the next call allocates nothing.
        self.callbacks().trouble.state = trouble.state;
        error
    }

    /// Checks when a step began and ended; all are plugin times.
    #[inline]
    pub(super) fn check_times(&self, t_prev: f64, t: f64, t_limit: f64) -> Result<(), String> {
        let forwards = t_limit > self.t;
        let on = if forwards { self.t < t && t <= t_limit } else { t_limit <= t && t < self.t };
        // A NaN is on no way, and infinity behind every limit.
        if t_prev == self.t && on { Ok(()) } else { Err(self.wrong_times(t_prev, t, t_limit)) }
    }

    #[cold]
    fn wrong_times(&self, t_prev: f64, t: f64, t_limit: f64) -> String {
        let (sign, forwards) = (self.sign, t_limit > self.t);
        if t_prev != self.t {
            return format!(
                "its step begins at {} and the last one ended at {}",
                sign * t_prev,
                sign * self.t
            );
        }
        if !t.is_finite() {
            return format!("it stepped to the time {t}");
        }
        if t == self.t || (t > self.t) != forwards {
            return format!(
                "it stepped from {} to {}, which is not towards {}",
                sign * self.t,
                sign * t,
                sign * t_limit
            );
        }
        format!("it stepped to {}, past the limit {}", sign * t, sign * t_limit)
    }

    /// Takes over a step after checking it; `t_limit` is plugin time.
    pub(super) fn accept(&mut self, step: &abi::slf_step, t_limit: f64) -> Result<(), String> {
        self.check_times(step.t_prev, step.t, t_limit)?;
        // SAFETY: the state belongs to the plugin until the next call and is copied here.
        let Some(y) = (unsafe { borrow(step.y.cast::<f64>(), self.y.len()) }) else {
            return Err("it returned a state that is null or misaligned".to_owned());
        };
        if let Some(i) = y.iter().position(|v| !v.is_finite()) {
            return Err(format!("it accepted a state whose element {i} is {}", y[i]));
        }
        std::mem::swap(&mut self.y, &mut self.y_prev);
        copy_few(&mut self.y, y);
        self.t_prev = self.t;
        self.t = step.t;
        self.segments.forget();
        Ok(())
    }
}
