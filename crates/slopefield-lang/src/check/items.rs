//! Time, constants, params, named expressions and observations.

use super::Checker;
use super::build::{Built, Slot, Value};
use super::equation::nothing;
use super::expression::{Context, Scope, count};
use super::name::id;
use super::scope::{Kind, Shape, Symbol, elements};
use crate::functions::{Function, Meaning, PathMoment};
use crate::model::{
    Array, ArrayElements, Constant, Expr, ExprKind, Let, Noise, Observation, Param, ParamId, Prior,
    Scale, Time, element_name,
};
use crate::syntax::{Applied, Expression, ExpressionKind as K, ParamItem, Text};
use crate::{Diagnostic, Span, functions, suggest};

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

/// A noise model of its arguments.
type MakeNoise = fn(&[Expr]) -> Noise;

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
            if !self.resolution.constant_arrays.contains_key(&index) {
                let name = item.target.name.text.clone();
                self.model.constants.push(Constant { name, value, span });
            }
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
            let Some(shape) = self.resolution.params[index].shape.clone() else { continue };
            let name = item.target.name.text.as_str();
            let values = if shape.is_empty() {
                vec![self.fixed_number(&item.value, "the start value of a param")]
            } else {
                let first = ParamId(id(self.model.params.len()));
                self.model.arrays.push(Array {
                    name: name.to_owned(),
                    dimensions: shape.to_vec(),
                    elements: ArrayElements::Params(first),
                });
                self.parameter_values(item, &shape)
            };
            let bounds = self.range(item.bounds.as_ref());
            let broken = item.bounds.is_some() && bounds.is_none();
            let prior = item.prior.as_ref().and_then(|p| self.prior(p));
            for (element, value) in values.into_iter().enumerate() {
                let name = match shape.is_empty() {
                    true => name.to_owned(),
                    false => element_name(name, &shape, element),
                };
                let param = Param {
                    name,
                    unit: item.unit.as_ref().map(|u| u.text.clone()),
                    value: value.unwrap_or(f64::NAN),
                    bounds: bounds.unwrap_or(match item.scale {
                        Scale::Log => (0.0, f64::INFINITY),
                        Scale::Logit => (0.0, 1.0),
                        Scale::Linear => (f64::NEG_INFINITY, f64::INFINITY),
                    }),
                    scale: item.scale,
                    prior: prior.clone(),
                    initial_of: None,
                    span,
                };
                if !broken && value.is_some() && self.diagnostics.len() <= super::MAX_DIAGNOSTICS {
                    self.parameter_range(item, &param);
                }
                self.model.params.push(param);
            }
        }
    }

    /// Start values of an array of params.
    fn parameter_values(&mut self, item: &'a ParamItem, shape: &Shape) -> Vec<Option<f64>> {
        let total = elements(shape);
        let what = "the start value of a param";
        let context = Context::Constant(what);
        let Some(built) = self.array_value(&item.target, shape, &item.value, context) else {
            return vec![None; total];
        };
        let values = self.components(built, total).into_iter().map(|e| match e.kind {
            ExprKind::Number(x) if x.is_finite() => Some(x),
            _ => None,
        });
        let values: Vec<_> = values.collect();
        if let Some(wrong) = values.iter().position(Option::is_none) {
            let name = element_name(&item.target.name.text, shape, wrong);
            let message = format!("{what} must be a finite number, but `{name}` has none");
            self.error("not-finite", item.value.span, message);
        }
        values
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
            let at = self.declared.lets[index].target.name.span;
            self.named_expression(index, at);
        }
        // Those with errors are still shown.
        for index in 0..self.declared.lets.len() {
            if let Slot::Done(None) = self.resolution.lets[index] {
                let item = &self.declared.lets[index];
                let (name, span) = (item.target.name.text.clone(), item.span);
                if self.resolution.noisy.contains(&index) {
                    continue;
                }
                let value = vec![nothing(span)];
                self.note_let(&value);
                self.model.lets.push(Let { name, value, span });
            }
        }
    }

    pub(super) fn observations(&mut self) {
        for index in 0..self.declared.observations.len() {
            let item = &self.declared.observations[index];
            let (target, unit, noise, span) = (item.target, item.unit, item.noise, item.span);
            let (value, over_paths) = self.over_paths(item.value);
            if target.dimensions.is_empty() {
                let scope = Scope::new(Context::Dynamic);
                let built = self.scalar(value, &scope).map(|b| b.expr);
                let noise = noise.and_then(|n| self.noise(n, &scope));
                let noise = noise.map_or(Noise::LeastSquares, |(make, arguments)| {
                    make(&arguments.into_iter().map(|b| b.expr).collect::<Vec<_>>())
                });
                let value = built.unwrap_or_else(|| nothing(span));
                let name = target.name.text.clone();
                self.observation(name, unit, (value, over_paths), noise, span);
                continue;
            }
            let Some(shape) = self.shape(target) else { continue };
            let total = elements(&shape);
            let context = Context::Dynamic;
            let values = self.array_value(target, &shape, value, context);
            let values = values.map(|built| self.components(built, total));
            let (lanes, locals) = self.declared_lanes(target, &shape);
            let scope = Scope { locals: &locals, lanes: Some(&lanes), ..Scope::new(context) };
            let noise = noise.and_then(|n| self.noise(n, &scope)).map(|(make, arguments)| {
                let per_argument: Vec<Vec<Expr>> =
                    arguments.into_iter().map(|a| self.components(a.into(), total)).collect();
                (make, per_argument)
            });
            let Some(values) = values else { continue };
            self.model.arrays.push(Array {
                name: target.name.text.clone(),
                dimensions: shape.to_vec(),
                elements: ArrayElements::Observations(id(self.model.observations.len())),
            });
            for (element, value) in values.into_iter().enumerate() {
                let noise = match &noise {
                    None => Noise::LeastSquares,
                    Some((make, per_argument)) => {
                        let arguments = per_argument.iter().map(|list| list[element].clone());
                        make(&arguments.collect::<Vec<_>>())
                    }
                };
                let name = element_name(&target.name.text, &shape, element);
                self.observation(name, unit, (value, over_paths), noise, span);
            }
        }
    }

    /// What a moment over paths is of, where a value is one as a whole.
    fn over_paths(&self, value: &'a Expression) -> (&'a Expression, Option<PathMoment>) {
        if let K::Call(name, arguments) = &value.kind
            && let [inner] = arguments.as_slice()
            && !self.names.table.contains_key(name.text.as_str())
            && let Some(Function { meaning: Meaning::OverPaths(moment), .. }) =
                functions::find(&name.text)
        {
            return (inner, Some(*moment));
        }
        (value, None)
    }

    fn observation(
        &mut self,
        name: String,
        unit: Option<&'a Text>,
        (value, over_paths): (Expr, Option<PathMoment>),
        noise: Noise,
        span: Span,
    ) {
        let squared = over_paths == Some(PathMoment::Variance);
        let unit = unit.map(|u| u.text.clone()).or_else(|| match value.kind {
            ExprKind::State(_) if squared => None,
            ExprKind::State(id) => match self.model.input(id) {
                Some(input) => input.unit.clone(),
                None => self.model.states.get(id.0 as usize)?.unit.clone(),
            },
            _ => None,
        });
        self.model.observations.push(Observation { name, unit, value, over_paths, noise, span });
    }

    /// A noise model: its arguments, and what makes it of them.
    fn noise(
        &mut self,
        noise: &'a Applied,
        scope: &Scope<'_, 'a>,
    ) -> Option<(MakeNoise, Vec<Built>)> {
        self.arity(noise, &NOISES, "noise model")?;
        let mut arguments: Vec<Built> = Vec::new();
        for argument in &noise.arguments {
            let built = self.scalar(argument, scope)?;
            let not_positive = |x: &f64| *x <= 0.0;
            let fixed = built.number();
            let wrong = fixed.as_ref().is_some_and(not_positive)
                || built.lane_table().is_some_and(|list| list.iter().any(not_positive));
            if wrong {
                let message = format!(
                    "this argument of the noise model `{}` must be above 0",
                    noise.name.text
                );
                self.error("noise-arguments", argument.span, message);
                return None;
            }
            arguments.push(built);
        }
        let make: MakeNoise = match noise.name.text.as_str() {
            "normal" => |a| Noise::Normal(a[0].clone()),
            "lognormal" => |a| Noise::LogNormal(a[0].clone()),
            "laplace" => |a| Noise::Laplace(a[0].clone()),
            "student_t" => |a| Noise::StudentT(a[0].clone(), a[1].clone()),
            "poisson" => |_| Noise::Poisson,
            "negative_binomial" => |a| Noise::NegativeBinomial(a[0].clone()),
            "binomial" => |a| Noise::Binomial(a[0].clone()),
            "bernoulli" => |_| Noise::Bernoulli,
            _ => |_| Noise::Categorical,
        };
        Some((make, arguments))
    }

    /// A function that nobody calls is still checked, with time for every argument; the network
    /// calls this makes are taken back.
    pub(super) fn unused_functions(&mut self) {
        let (calls, vectors) = (self.model.calls.len(), self.model.vectors.len());
        let (delays, lags) = (self.model.delays.len(), self.model.lags.len());
        for index in 0..self.declared.functions.len() {
            let item = &self.declared.functions[index];
            let (name, arguments, body) = (item.name, item.arguments, item.body);
            if self.names.table.get(name.text.as_str()).is_some_and(|s| s.used) {
                continue;
            }
            if self.may_take_arrays(body) {
                continue; // an argument may be an index or an array, and time is neither
            }
            let time: Vec<_> = arguments
                .iter()
                .map(|a| (a.text.as_str(), Value::Scalar(self.leaf(ExprKind::Time, a.span))))
                .collect();
            self.begin(&name.text, name.span);
            let scope = Scope { locals: &time, ..Scope::new(Context::Equation) };
            self.value(body, &scope);
            self.resolution.active.pop();
        }
        self.model.delays.truncate(delays);
        self.model.lags.truncate(lags);
        self.model.calls.truncate(calls);
        self.model.vectors.truncate(vectors);
        self.facts.truncate(calls, vectors);
    }

    /// Whether a function indexes something or reduces it.
    fn may_take_arrays(&self, body: &Expression) -> bool {
        let mut found = false;
        body.walk(&mut |e| {
            found = found
                || match &e.kind {
                    K::Index(..) | K::Comprehension(..) => true,
                    K::Call(name, _) => {
                        matches!(
                            self.names.table.get(name.text.as_str()).map(|s| s.kind),
                            Some(Kind::Function(_) | Kind::Network(_))
                        ) || functions::find(&name.text)
                            .is_some_and(|f| f.meaning == functions::Meaning::Reduction)
                    }
                    _ => false,
                };
        });
        found
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
                Kind::Noise(_) => ("noise", "remove it, or use its white noise in an equation"),
                Kind::Input(_) => ("input", "remove it, or use it"),
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
