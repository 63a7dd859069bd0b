//! What is said of a solve that failed: time, state and the place in the text.

use crate::CompiledModel;
use slopefield_lang::{Span, State};
use slopefield_solve::SolveError;

/// States that an error shows with their values.
const SHOWN: usize = 12;

impl CompiledModel {
    /// One sentence for a solve that failed: state, time and the expression that broke.
    pub fn explain(&self, error: &SolveError, p: &[f64]) -> String {
        let time = &self.model.time.name;
        match error {
            SolveError::NonFinite { t, state, u } => self.explain_non_finite((*t, u, p), *state),
            SolveError::StepTooSmall { t, h } => format!(
                "the step size fell to {h:.3e} at {time} = {t}; the solution may end there, or the \
                 system is too stiff for this method"
            ),
            SolveError::Inconsistent { t, equation, residual } => {
                let place = self.model.states.get(*equation).map(|s| s.equation_span);
                format!(
                    "no consistent initial values: {} is off by {residual:e} at {time} = {t}",
                    self.place(place, "equation", *equation)
                )
            }
            SolveError::BadLag { t, lag, value } => {
                let place = self.model.lags.get(*lag).map(|lag| lag.span);
                format!(
                    "{} is {value} at {time} = {t}; lags are 0 or more",
                    self.place(place, "the lag", *lag)
                )
            }
            SolveError::EventStorm { t, event, count } => {
                let (events, jumps) = (&self.model.events, &self.model.jumps);
                // Whoever simulates jumps counts these, and a model may have both.
                let place = match (events.is_empty(), jumps.is_empty()) {
                    (false, true) => events.get(*event).map(|event| event.span),
                    (true, false) => jumps.get(*event).map(|jump| jump.span),
                    _ => None,
                };
                let last = place.map_or_else(String::new, |place| {
                    format!(", the last by {}", self.place(Some(place), "event", *event))
                });
                format!("{count} events happened at {time} = {t} without time passing{last}")
            }
            SolveError::NoSteadyState { t, iterations, state, slope } => format!(
                "no steady state was found at {time} = {t} in {iterations} iterations; the slope of \
                 `{}` is still {slope:e}",
                self.state_name(*state)
            ),
            other => other.to_string(),
        }
    }

    fn explain_non_finite(&self, (t, u, p): (f64, &[f64], &[f64]), state: usize) -> String {
        let at = self.locate_non_finite(t, u, p);
        // The solution of a linear system has no finite number in any state when one equation has none.
        let guilty = at.as_ref().and_then(|at| {
            let within = |s: &State| {
                s.equation_span.start <= at.span.start && at.span.end <= s.equation_span.end
            };
            self.model.states.iter().position(within)
        });
        let state = guilty.unwrap_or(state);
        let (name, time) = (self.state_name(state), &self.model.time.name);
        let start = format!("the equation of `{name}` gave no finite number at {time} = {t}");
        match at {
            Some(at) => {
                let what = self.place(Some(at.span), "an expression", 0);
                format!("{start}: {what} is {}", at.description)
            }
            None => {
                // Of many states the first, and the one that failed.
                let shown = |i: &usize| u.len() <= SHOWN || *i < SHOWN || *i == state;
                let values = (0..u.len())
                    .filter(shown)
                    .map(|i| format!("{} = {:.6}", self.state_name(i), u[i]));
                format!("{start}, where {}", values.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn state_name(&self, state: usize) -> &str {
        self.model.states.get(state).map_or("?", |s| s.name.as_str())
    }

    /// What stands in the text, and in which line; otherwise the kind of thing with its number.
    fn place(&self, span: Option<Span>, kind: &str, index: usize) -> String {
        match span {
            Some(span) => {
                let (line, _) = slopefield_lang::line_column(&self.text, span.start);
                let text = slopefield_lang::expression_text(&self.text, span);
                format!("`{text}` (line {line})")
            }
            None => format!("{kind} {index}"),
        }
    }
}
