//! Delays: `delay(expr, tau)` and `history x = …`.
//!
//! What is delayed is resolved as if it stood outside, and then moved into the past: each state
//! becomes a delayed value, time becomes `t - tau`, and names, networks and loops are made again
//! of delayed values.

use super::Checker;
use super::build::{Built, write_key};
use super::expression::{Context, MAX_DEPTH, Scope, count};
use super::lanes::depends_on_lane;
use super::name::id;
use super::scope::{Kind, elements};
use super::symbols::SLOPES;
use crate::model::{
    Delay, Expr, ExprKind, Lag, Lanes, Source, StateId, Vector, VectorId, VectorKind,
};
use crate::syntax::Expression;
use crate::{Binary, Diagnostic, Span};

/// How far back, in each lane or in all.
struct Past {
    lags: Vec<u32>,
    value: Built,
}

impl<'a> Checker<'a> {
    /// `delay(x, tau)`.
    pub(super) fn delay(
        &mut self,
        arguments: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let [of, by] = arguments else {
            let message =
                format!("`delay` takes {}, not {}", count(2, "argument"), arguments.len());
            let hint = "write `delay(x, tau)`: the value of x at time t - tau";
            self.error_hint("wrong-argument-count", span, message, hint);
            return None;
        };
        if let Context::Constant(what) | Context::Before { what, .. } = scope.context {
            let message = format!("{what} cannot use `delay`: there is no past yet");
            let hint = "the value before the start is given by `history x = …`";
            self.error_hint("misplaced-delay", span, message, hint);
            return None;
        }
        if scope.delayed {
            let message = "a delay cannot stand inside a delay";
            let hint = "add the lags: `delay(x, a + b)`";
            self.error_hint("misplaced-delay", span, message, hint);
            return None;
        }
        let outside = Scope { context: Context::Dynamic, ..*scope };
        let lag = self.scalar(by, &outside);
        let Some(lag) = lag else {
            self.value(of, &outside);
            return None;
        };
        if self.uses(&lag.expr).inputs {
            let message = "a lag cannot depend on an input";
            let hint = "a lag may depend on time, params and states as they are now";
            self.error_hint("wrong-lag", by.span, message, hint);
            return None;
        }
        if self.uses(&lag.expr).delayed {
            let message = "a lag cannot depend on delayed values";
            let hint = "a lag may depend on time, params and states as they are now";
            self.error_hint("wrong-lag", by.span, message, hint);
            return None;
        }
        let mut least = lag.number();
        if let Some(list) = lag.lane_table() {
            least = list.iter().copied().reduce(f64::min);
        } else if least.is_none() && self.uses(&lag.expr).is_constant() {
            let start = self.start_value(&lag.expr);
            if start < 0.0 {
                least = Some(start);
            }
        }
        match least {
            Some(x) if x < 0.0 || !x.is_finite() => {
                let message = if x < 0.0 {
                    format!("a lag of {x} would look into the future")
                } else {
                    "a lag must be finite".to_owned()
                };
                self.error_hint("wrong-lag", by.span, message, "a lag is above 0");
                return None;
            }
            Some(0.0) if lag.number().is_some() => {
                let message = "a lag of 0 is no delay".to_owned();
                let text = crate::print_expression(of);
                self.report(
                    Diagnostic::warning("wrong-lag", by.span, message)
                        .hint(format!("write `{text}` itself")),
                );
                return self.scalar(of, &outside);
            }
            _ => {}
        }
        let value = self.scalar(of, &Scope { delayed: true, ..outside })?;
        let lags = if depends_on_lane(&lag.expr) {
            let lanes = scope.lanes.map_or(1, |l| l.count);
            let each = self.lane_by_lane(lag.clone(), lanes);
            each.into_iter().map(|e| self.lag(e, by.span)).collect()
        } else {
            vec![self.lag(lag.expr.clone(), by.span)]
        };
        let past = Past { lags, value: lag };
        let mut built = self.in_the_past(&value.expr, &past, 0)?;
        built.expr.span = span;
        Some(built)
    }

    /// The number of a lag; equal ones are one.
    fn lag(&mut self, value: Expr, span: Span) -> u32 {
        let mut key = Vec::new();
        write_key(&value, &mut key);
        let next = id(self.model.lags.len());
        let found = *self.resolution.lags.entry(key).or_insert(next);
        if found == next {
            let constant = self.uses(&value).is_constant();
            self.model.lags.push(Lag { value, constant, span });
        }
        found
    }

    /// Delayed values of states, one or one for each lane.
    fn delayed_states(&mut self, table: &[u32], past: &Past, span: Span) -> Option<Built> {
        let lanes = table.len().max(past.lags.len());
        let mut all = Vec::with_capacity(lanes);
        for lane in 0..lanes {
            let state = table[lane.min(table.len() - 1)];
            let lag = past.lags[lane.min(past.lags.len() - 1)];
            let (state, slope) =
                if state >= SLOPES { (state - SLOPES, true) } else { (state, false) };
            if state >= self.resolution.state_count && state < self.resolution.first_delayed {
                let input = &self.declared.inputs[(state - self.resolution.state_count) as usize];
                let message = format!("the input `{}` cannot be delayed", input.name.text);
                let hint =
                    "give the data a column that is shifted in time, and declare an input for it";
                self.error_hint("misplaced-delay", span, message, hint);
                return None;
            }
            if state >= self.resolution.state_count {
                let message = "a delay cannot stand inside a delay";
                let hint = "add the lags: `delay(x, a + b)`";
                self.error_hint("misplaced-delay", span, message, hint);
                return None;
            }
            let next = id(self.model.delays.len());
            let found = *self.resolution.delays.entry((state, lag, slope)).or_insert(next);
            if found == next {
                self.model.delays.push(Delay { state: StateId(state), lag, slope, span });
            }
            all.push(self.resolution.first_delayed + found);
        }
        self.lane_elements(Source::States, all, span)
    }

    /// An expression at an earlier time.
    fn in_the_past(&mut self, expr: &Expr, past: &Past, level: u32) -> Option<Built> {
        let span = expr.span;
        if level > MAX_DEPTH {
            self.too_large(span);
            return None;
        }
        let level = level + 1;
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Param(_) => Some(self.leaf(expr.kind.clone(), span)),
            ExprKind::Time => {
                let (now, lag) = (self.leaf(ExprKind::Time, span), self.copy(&past.value, span)?);
                self.binary(Binary::Sub, now, lag, span)
            }
            ExprKind::State(state) => self.delayed_states(&[state.0], past, span),
            ExprKind::Let(of, component) => {
                let value = self.model.lets.get(of.0 as usize)?.value.get(*component as usize);
                let value = value?.clone();
                self.in_the_past(&value, past, level)
            }
            ExprKind::Output(call, component) => {
                let call = self.call_in_the_past(*call, past, level)?;
                Some(self.leaf(ExprKind::Output(call, *component), span))
            }
            ExprKind::Element(vector, element) => {
                let vector = self.vector_in_the_past(*vector, past, level, span)?;
                Some(self.leaf(ExprKind::Element(vector, *element), span))
            }
            ExprKind::Lanes(lanes) => self.lanes_in_the_past(&lanes.clone(), past, level, span),
            ExprKind::Unary(f, a) => {
                let a = self.in_the_past(a, past, level)?;
                self.unary(*f, a, span)
            }
            ExprKind::Binary(f, a, b) => {
                let (a, b) = (self.in_the_past(a, past, level)?, self.in_the_past(b, past, level)?);
                self.binary(*f, a, b, span)
            }
            ExprKind::If(c, a, b) => {
                let c = self.in_the_past(c, past, level)?;
                let (a, b) = (self.in_the_past(a, past, level)?, self.in_the_past(b, past, level)?);
                self.choose(c, a, b, span)
            }
        }
    }

    fn lanes_in_the_past(
        &mut self,
        lanes: &Lanes,
        past: &Past,
        level: u32,
        span: Span,
    ) -> Option<Built> {
        let (source, table) = match lanes {
            Lanes::Numbers(list) => return self.lane_numbers(list.clone(), span),
            Lanes::Elements(source, table) => (*source, table.clone()),
        };
        match source {
            Source::Params => self.lane_elements(source, table, span),
            Source::States => self.delayed_states(&table, past, span),
            Source::Call(call) => {
                let call = self.call_in_the_past(call, past, level)?;
                self.lane_elements(Source::Call(call), table, span)
            }
            Source::Vector(vector) => {
                let vector = self.vector_in_the_past(vector, past, level, span)?;
                self.lane_elements(Source::Vector(vector), table, span)
            }
            Source::Let(of) => {
                // An array that has a name: its components are elements of one thing.
                let value = &self.model.lets.get(of.0 as usize)?.value;
                let parts: Option<Vec<(Source, u32)>> =
                    table.iter().map(|i| element_of(value.get(*i as usize)?)).collect();
                let same = parts.filter(|p| p.windows(2).all(|w| w[0].0 == w[1].0));
                let Some(parts) = same else {
                    let message = "elements of this list cannot be delayed in a loop";
                    let hint = "write what they stand for";
                    self.error_hint("misplaced-delay", span, message, hint);
                    return None;
                };
                let source = parts.first()?.0;
                let table = parts.into_iter().map(|(_, i)| i).collect();
                self.lanes_in_the_past(&Lanes::Elements(source, table), past, level, span)
            }
        }
    }

    /// A network of delayed inputs.
    fn call_in_the_past(
        &mut self,
        call: crate::CallId,
        past: &Past,
        level: u32,
    ) -> Option<crate::CallId> {
        let call = self.model.calls.get(call.0 as usize)?.clone();
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(self.in_the_past(argument, past, level)?.expr);
        }
        Some(self.network_call(call.network, arguments, call.span))
    }

    /// A family of expressions, each at the earlier time.
    fn vector_in_the_past(
        &mut self,
        vector: VectorId,
        past: &Past,
        level: u32,
        span: Span,
    ) -> Option<VectorId> {
        if past.lags.len() > 1 {
            let message = "a sum or a named array cannot have a lag that differs in a loop";
            let hint = "write what is delayed inside the loop";
            self.error_hint("misplaced-delay", span, message, hint);
            return None;
        }
        if level > MAX_DEPTH {
            self.too_large(span);
            return None;
        }
        let Vector { kind, len, span } = self.model.vectors.get(vector.0 as usize)?.clone();
        match kind {
            VectorKind::Each(body) => {
                let body = self.in_the_past(&body, past, level + 1)?;
                Some(self.each(body, len as usize, span))
            }
            VectorKind::Reduce { reduction, of, ends } => {
                let of = self.vector_in_the_past(of, past, level + 1, span)?;
                Some(self.reduce(reduction, of, ends.to_vec(), span))
            }
            VectorKind::Network { network, arguments } => {
                let outputs = self.model.networks[network.0 as usize].outputs as usize;
                let lanes = len as usize / outputs.max(1);
                let mut past_arguments = Vec::with_capacity(arguments.len());
                for argument in &arguments {
                    past_arguments.push(self.in_the_past(argument, past, level + 1)?.expr);
                }
                self.network_lanes(network, past_arguments, (lanes, outputs), span)
            }
        }
    }

    /// `history x = …`, once the states are there.
    pub(super) fn histories(&mut self) {
        for index in 0..self.declared.histories.len() {
            let item = self.declared.histories[index];
            let (name, order) = (item.target.name.text.as_str(), item.target.order);
            if name.is_empty() {
                continue; // reported by the parser
            }
            let kind = self.names.table.get(name).map(|s| s.kind);
            let state = match kind {
                Some(Kind::State(state)) if order == 0 => Some(state),
                Some(Kind::State(_)) => self.names.derivatives.get(&(name, order)).copied(),
                Some(Kind::Later(_)) => continue,
                _ => None,
            };
            let shown = super::declare::primed(name, order.min(16));
            let Some(state) = state else {
                let message = match kind {
                    Some(kind) if !matches!(kind, Kind::State(_)) => {
                        format!("`{name}` is {} and has no history", kind.article())
                    }
                    _ => format!("there is no state `{shown}`"),
                };
                self.error_hint("wrong-history", item.span, message, "only states have a history");
                continue;
            };
            let placed = self.resolution.states[state].clone();
            let Some(shape) = placed.shape else { continue };
            let first = placed.first as usize;
            if self.model.states.get(first).is_some_and(|s| s.history.is_some()) {
                let message = format!("`{shown}` has two histories");
                self.error("wrong-history", item.span, message);
                continue;
            }
            if self.model.delays.is_empty() {
                let message = format!("the history of `{shown}` is never used");
                let note = Diagnostic::note("unused", item.span, message)
                    .hint("nothing in this model is delayed");
                self.report(note);
            }
            let what = format!("the history of `{shown}`");
            let context = Context::Before { what: &what, time: true };
            let values = if shape.is_empty() && item.target.dimensions.is_empty() {
                self.scalar(item.value, &Scope::new(context)).map(|b| vec![b.expr])
            } else {
                let declared = match item.target.dimensions.is_empty() {
                    true => Some(shape.clone()),
                    false => self.shape(item.target),
                };
                if declared.as_ref().is_some_and(|d| *d != shape) {
                    let message = format!("`{shown}` has another size than its history");
                    self.error("array-shape", item.span, message);
                    continue;
                }
                let total = elements(&shape);
                let built = self.array_value(item.target, &shape, item.value, context);
                built.map(|built| self.components(built, total))
            };
            for (element, value) in values.into_iter().flatten().enumerate() {
                if let Some(state) = self.model.states.get_mut(first + element) {
                    state.history = Some(value);
                }
            }
        }
    }
}

/// An expression that is an element of something.
pub(super) fn element_of(expr: &Expr) -> Option<(Source, u32)> {
    let found = match &expr.kind {
        ExprKind::State(id) => (Source::States, id.0),
        ExprKind::Param(id) => (Source::Params, id.0),
        ExprKind::Let(id, i) => (Source::Let(*id), *i),
        ExprKind::Output(id, i) => (Source::Call(*id), *i),
        ExprKind::Element(id, i) => (Source::Vector(*id), *i),
        _ => return None,
    };
    Some(found)
}
