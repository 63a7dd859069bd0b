//! Time, constants, params, named expressions and observations.

use super::Checker;
use super::build::Slot;
use super::equation::nothing;
use super::expression::{Context, Scope, count};
use super::scope::{Kind, Symbol};
use crate::model::{Constant, Expr, ExprKind, Let, Noise, Observation, Param, Prior, Scale, Time};
use crate::syntax::{Applied, Expression, ParamItem};
use crate::{Diagnostic, Span, suggest};

/// Priors with the names of their arguments.
const PRIORS: [(&str, &[&str]); 12] = [
    ("normal", &["mean", "sd"]),
    ("lognormal", &["mean of the log", "sd of the log"]),
    ("uniform", &["lower", "upper"]),
    ("laplace", &["centre", "scale"]),
    ("cauchy", &["centre", "scale"]),
    ("gamma", &["shape", "rate"]),
    ("exponential", &["rate"]),
    ("beta", &["a", "b"]),
    ("chisquare", &["degrees of freedom"]),
    ("rayleigh", &["scale"]),
    ("log_uniform", &["lower", "upper"]),
    ("log_laplace", &["centre of the log", "scale of the log"]),
];

/// Noise models with the names of their arguments.
const NOISES: [(&str, &[&str]); 9] = [
    ("normal", &["sd"]),
    ("lognormal", &["sd of the log"]),
    ("laplace", &["scale"]),
    ("student_t", &["degrees of freedom", "scale"]),
    ("poisson", &[]),
    ("negative_binomial", &["phi"]),
    ("binomial", &["n"]),
    ("bernoulli", &[]),
    ("categorical", &[]),
];

impl<'a> Checker<'a> {
    pub(super) fn time(&mut self) {
        if let Some((name, unit, from)) = self.declared.time {
            let start = from.and_then(|e| self.fixed_number(e, "the start time")).unwrap_or(0.0);
            let unit = unit.map(|u| u.text.clone());
            self.model.time = Time { name: name.text.clone(), unit, start };
        }
    }

    pub(super) fn constants(&mut self) {
        self.resolution.constants = vec![Slot::Pending; self.declared.constants.len()];
        for index in self.constant_order() {
            self.constant(index);
        }
        for index in 0..self.declared.constants.len() {
            let (item, span) = self.declared.constants[index];
            let value = self.constant(index).unwrap_or(f64::NAN);
            self.model.constants.push(Constant { name: item.name.text.clone(), value, span });
        }
    }

    /// `in [lo, hi]`, when both are numbers and in order.
    pub(super) fn range(
        &mut self,
        bounds: Option<&'a (Expression, Expression)>,
    ) -> Option<(f64, f64)> {
        let (low, high) = bounds?;
        let span = low.span.to(high.span);
        let low = self.fixed_number(low, "a bound");
        let (low, high) = (low?, self.fixed_number(high, "a bound")?);
        if low >= high {
            let message = format!("the lower bound {low} is not below the upper bound {high}");
            self.error("empty-range", span, message);
            return None;
        }
        Some((low, high))
    }

    pub(super) fn parameters(&mut self) {
        for index in 0..self.declared.params.len() {
            let (item, span) = self.declared.params[index];
            let value = self.fixed_number(&item.value, "the start value of a param");
            let bounds = self.range(item.bounds.as_ref());
            let broken = item.bounds.is_some() && bounds.is_none();
            let prior = item.prior.as_ref().and_then(|p| self.prior(p));
            let param = Param {
                name: item.target.name.text.clone(),
                unit: item.unit.as_ref().map(|u| u.text.clone()),
                value: value.unwrap_or(f64::NAN),
                bounds: bounds.unwrap_or(match item.scale {
                    Scale::Log => (0.0, f64::INFINITY),
                    Scale::Logit => (0.0, 1.0),
                    Scale::Linear => (f64::NEG_INFINITY, f64::INFINITY),
                }),
                scale: item.scale,
                prior,
                initial_of: None,
                span,
            };
            if !broken && value.is_some() {
                self.parameter_range(item, &param);
            }
            self.model.params.push(param);
        }
    }

    fn parameter_range(&mut self, item: &ParamItem, param: &Param) {
        let Param { name, value, bounds: (low, high), .. } = param;
        let at = item.value.span;
        let written = item.bounds.as_ref().map(|(l, h)| l.span.to(h.span));
        if param.scale == Scale::Log && *low <= 0.0 && written.is_some() {
            let message = format!("`{name}` is on a log scale, but its lower bound is {low}");
            let hint = "a log scale needs a lower bound above 0, such as 1e-3";
            self.error_hint("scale-bounds", written.unwrap_or(at), message, hint);
        } else if param.scale == Scale::Log && *value <= 0.0 {
            let message = format!("`{name}` is on a log scale, but starts at {value}");
            self.error_hint("scale-bounds", at, message, "start above 0, or remove `log`");
        } else if param.scale == Scale::Logit && !(low.is_finite() && high.is_finite()) {
            let message = format!("`{name}` is on a logit scale, which needs two finite bounds");
            let hint = "write `in [0, 1]`";
            self.error_hint("scale-bounds", written.unwrap_or(at), message, hint);
        } else if value < low || value > high {
            let message = format!(
                "the start value {value} of `{name}` lies outside its bounds [{low}, {high}]"
            );
            self.error_hint("out-of-bounds", at, message, "change the value or the bounds");
        } else if param.scale == Scale::Logit && (value == low || value == high) {
            let message = format!("`{name}` is on a logit scale, but starts on its bound {value}");
            self.error_hint("scale-bounds", at, message, "start strictly between the bounds");
        }
    }

    fn prior(&mut self, prior: &'a Applied) -> Option<Prior> {
        self.arity(prior, &PRIORS, "prior")?;
        let mut arguments = Vec::new();
        for argument in &prior.arguments {
            arguments.push(self.fixed_number(argument, "an argument of a prior")?);
        }
        let name = prior.name.text.as_str();
        let span = prior.arguments.first().map_or(prior.name.span, |a| a.span);
        let ordered = matches!(name, "uniform" | "log_uniform");
        if ordered && arguments[0] >= arguments[1] {
            self.error(
                "prior-arguments",
                span,
                format!("`{name}` needs its lower end below its upper end"),
            );
            return None;
        }
        // All but places (means, centres, ends) are positive.
        let first = usize::from(matches!(
            name,
            "normal" | "lognormal" | "laplace" | "cauchy" | "uniform" | "log_laplace"
        ));
        if name != "uniform"
            && let Some(at) = (first..arguments.len()).find(|&i| arguments[i] <= 0.0)
        {
            let message = format!("this argument of `{name}` must be above 0");
            self.error("prior-arguments", prior.arguments[at].span, message);
            return None;
        }
        Some(Prior { distribution: name.to_owned(), arguments })
    }

    /// Looks a prior or noise model up and compares the number of arguments.
    fn arity(&mut self, applied: &Applied, table: &[(&str, &[&str])], what: &str) -> Option<()> {
        let name = applied.name.text.as_str();
        if name.is_empty() {
            return None;
        }
        let Some((_, wanted)) = table.iter().find(|(n, _)| *n == name) else {
            let known: Vec<&str> = table.iter().map(|(n, _)| *n).collect();
            let hint = match name {
                "gaussian" => "did you mean `normal`?".to_owned(),
                "student" | "t" => "did you mean `student_t`?".to_owned(),
                _ => suggest::did_you_mean(name, known.iter().copied())
                    .unwrap_or_else(|| format!("choose one of {}", known.join(", "))),
            };
            let code = if what == "prior" { "unknown-prior" } else { "unknown-noise" };
            self.error_hint(code, applied.name.span, format!("there is no {what} `{name}`"), hint);
            return None;
        };
        if applied.arguments.len() != wanted.len() {
            let message = format!(
                "the {what} `{name}` takes {}, not {}",
                count(wanted.len(), "argument"),
                applied.arguments.len()
            );
            let hint = format!("write `{name}({})`", wanted.join(", "));
            self.error_hint("wrong-argument-count", applied.name.span, message, hint);
            return None;
        }
        Some(())
    }

    pub(super) fn named_expressions(&mut self) {
        self.resolution.lets = vec![Slot::Pending; self.declared.lets.len()];
        for index in self.let_order() {
            let at = self.declared.lets[index].name.span;
            self.named_expression(index, at);
        }
        // Those with errors are still shown.
        for index in 0..self.declared.lets.len() {
            if let Slot::Done(None) = self.resolution.lets[index] {
                let item = &self.declared.lets[index];
                let (name, span) = (item.name.text.clone(), item.span);
                self.model.lets.push(Let { name, value: vec![nothing(span)], span });
            }
        }
    }

    pub(super) fn observations(&mut self) {
        for index in 0..self.declared.observations.len() {
            let item = &self.declared.observations[index];
            let (name, value, unit, noise, span) =
                (item.name, item.value, item.unit, item.noise, item.span);
            let scope = Scope { context: Context::Dynamic, locals: &[] };
            let built = self.scalar(value, &scope);
            let noise = noise.and_then(|n| self.noise(n)).unwrap_or(Noise::LeastSquares);
            let value = built.map_or_else(|| nothing(span), |b| b.expr);
            let unit = unit.map(|u| u.text.clone()).or_else(|| match value.kind {
                ExprKind::State(id) => self.model.states.get(id.0 as usize)?.unit.clone(),
                _ => None,
            });
            let name = name.text.clone();
            self.model.observations.push(Observation { name, unit, value, noise, span });
        }
    }

    fn noise(&mut self, noise: &'a Applied) -> Option<Noise> {
        self.arity(noise, &NOISES, "noise model")?;
        let scope = Scope { context: Context::Dynamic, locals: &[] };
        let mut arguments: Vec<Expr> = Vec::new();
        for argument in &noise.arguments {
            let built = self.scalar(argument, &scope)?;
            if built.number().is_some_and(|x| x <= 0.0) {
                let message = format!(
                    "this argument of the noise model `{}` must be above 0",
                    noise.name.text
                );
                self.error("noise-arguments", argument.span, message);
                return None;
            }
            arguments.push(built.expr);
        }
        let mut arguments = arguments.into_iter();
        let mut next = || arguments.next();
        Some(match noise.name.text.as_str() {
            "normal" => Noise::Normal(next()?),
            "lognormal" => Noise::LogNormal(next()?),
            "laplace" => Noise::Laplace(next()?),
            "student_t" => Noise::StudentT(next()?, next()?),
            "poisson" => Noise::Poisson,
            "negative_binomial" => Noise::NegativeBinomial(next()?),
            "binomial" => Noise::Binomial(next()?),
            "bernoulli" => Noise::Bernoulli,
            _ => Noise::Categorical,
        })
    }

    /// A function that nobody calls is still checked, with time for every argument; the network
    /// calls this makes are taken back.
    pub(super) fn unused_functions(&mut self) {
        let calls = self.model.calls.len();
        for index in 0..self.declared.functions.len() {
            let item = &self.declared.functions[index];
            let (name, arguments, body) = (item.name, item.arguments, item.body);
            if self.names.table.get(name.text.as_str()).is_some_and(|s| s.used) {
                continue;
            }
            let time: Vec<_> = arguments
                .iter()
                .map(|a| (a.text.as_str(), self.leaf(ExprKind::Time, a.span)))
                .collect();
            self.begin(&name.text, name.span);
            self.value(body, &Scope { context: Context::Dynamic, locals: &time });
            self.resolution.active.pop();
        }
        self.model.calls.truncate(calls);
    }

    /// Declared and never used.
    pub(super) fn warn_unused(&mut self) {
        let unused: Vec<(String, Symbol)> = self
            .names
            .table
            .iter()
            .filter(|(_, s)| !s.used)
            .map(|(name, symbol)| ((*name).to_owned(), *symbol))
            .collect();
        for (name, symbol) in unused {
            let Symbol { kind, span, .. } = symbol;
            let (what, hint) = match kind {
                Kind::Param(_) => {
                    ("parameter", "training cannot determine it; remove it or use it")
                }
                Kind::Network(_) => {
                    ("network", "training cannot determine it; remove it or use it")
                }
                Kind::Function(_) => ("function", "remove it, or use it"),
                Kind::Const(_) => ("constant", "remove it, or use it"),
                _ => continue,
            };
            let message = format!("the {what} `{name}` is never used");
            let loud = matches!(kind, Kind::Param(_) | Kind::Network(_));
            let make: fn(&'static str, Span, String) -> Diagnostic =
                if loud { Diagnostic::warning } else { Diagnostic::note };
            self.report(make("unused", span, message).hint(hint));
        }
        if self.model.states.is_empty() && self.declared.title.is_some() {
            let message = "the model has no state".to_owned();
            let span = self.declared.title.map_or(Span::default(), |t| t.span);
            self.report(
                Diagnostic::warning("no-state", span, message)
                    .hint("declare one as `state x = 1` and give it an equation `x' = …`"),
            );
        }
    }
}
