//! Events and jumps: when they happen and what they change.

use super::Checker;
use super::array::{ArrayOf, ArrayRef};
use super::build::{Built, Value};
use super::expression::{Context, Scope};
use super::lanes::LaneScope;
use super::scope::{EventItem, Kind, When, elements};
use crate::model::{Event, EventTrigger, Expr, ExprKind, Jump, RateBound, Source, StateId};
use crate::syntax::{AssignOperator, Assignment, Expression, ExpressionKind as K};
use crate::{Binary, Diagnostic, Span};
use std::collections::HashMap;

/// What an assignment changes.
enum Target {
    One(u32),
    Whole(ArrayRef),
}

impl<'a> Checker<'a> {
    pub(super) fn events(&mut self) {
        for index in 0..self.declared.events.len() {
            let item = self.declared.events[index];
            let assignments = self.assignments(item.assignments);
            match item.when {
                When::Crossing { expression, level, direction } => {
                    let Some(value) = self.crossing(expression, level) else { continue };
                    let trigger = EventTrigger::Crossing { value, direction };
                    self.event(item, trigger, assignments);
                }
                When::At(times) => {
                    let Some(times) = self.event_times(times) else { continue };
                    self.event(item, EventTrigger::At(times), assignments);
                }
                When::Every { period, from, count } => {
                    let Some(trigger) = self.repeated(period, from, count, item.span) else {
                        continue;
                    };
                    self.event(item, trigger, assignments);
                }
                When::Jump { rate, bound, lasting } => {
                    let scope = Scope::new(Context::Dynamic);
                    let Some(rate) = self.scalar(rate, &scope) else { continue };
                    if rate.number().is_some_and(|rate| rate < 0.0) {
                        let message = "the rate of a jump cannot be negative";
                        self.error("wrong-event", rate.expr.span, message);
                    }
                    let bound = bound.and_then(|bound| self.rate_bound(bound, lasting));
                    let (rate, span) = (rate.expr, item.span);
                    self.model.jumps.push(Jump { rate, bound, assignments, span });
                }
            }
        }
    }

    /// What the text says of a rate.
    fn rate_bound(
        &mut self,
        bound: &'a Expression,
        lasting: Option<&'a Expression>,
    ) -> Option<RateBound> {
        let scope = Scope::new(Context::Dynamic);
        let value = self.scalar(bound, &scope)?;
        if value.number().is_some_and(|bound| !(bound >= 0.0 && bound.is_finite())) {
            let message = "the bound of a rate must be a finite number, 0 or more";
            self.error("wrong-event", value.expr.span, message);
        }
        let lasting = match lasting {
            Some(lasting) => Some(self.scalar(lasting, &scope)?),
            None => None,
        };
        if let Some(time) = &lasting
            && time.number().is_some_and(|time| !(time > 0.0))
        {
            let message = "the time for which a bound holds must be positive";
            self.error("wrong-event", time.expr.span, message);
        }
        Some(RateBound { value: value.expr, lasting: lasting.map(|time| time.expr) })
    }

    fn event(
        &mut self,
        item: EventItem<'a>,
        trigger: EventTrigger,
        assignments: Vec<(StateId, Expr)>,
    ) {
        let (stop, span) = (item.stop, item.span);
        self.model.events.push(Event { trigger, assignments, stop, span });
    }

    /// The watched expression minus its level.
    fn crossing(&mut self, expression: &'a Expression, level: &'a Expression) -> Option<Expr> {
        let span = expression.span.to(level.span);
        let scope = Scope::new(Context::Dynamic);
        let (value, level) = (self.scalar(expression, &scope), self.scalar(level, &scope));
        let (value, level) = (value?, level?);
        let value = match level.number() {
            Some(0.0) => value,
            _ => self.binary(Binary::Sub, value, level, span)?,
        };
        if self.uses(&value.expr).is_constant() {
            let message = "this event never happens: what it watches does not change".to_owned();
            self.report(
                Diagnostic::warning("constant-event", span, message)
                    .hint("a crossing watches an expression of states or time"),
            );
        }
        Some(value.expr)
    }

    fn event_times(&mut self, times: &'a Expression) -> Option<Vec<Expr>> {
        let context = Context::Before { what: "the time of an event", time: false };
        let list = match self.value(times, &Scope::new(context))? {
            Value::Scalar(one) => vec![one],
            Value::Vector(list) => list,
            Value::Array(array) => self.all_elements(&array, times.span),
        };
        if list.is_empty() {
            self.error("wrong-event", times.span, "an event needs at least one time");
            return None;
        }
        if let Some(wrong) = list.iter().find(|b| b.number().is_some_and(|t| !t.is_finite())) {
            let span = wrong.expr.span;
            self.error("not-finite", span, "the time of an event must be a finite number");
            return None;
        }
        Some(list.into_iter().map(|b| b.expr).collect())
    }

    fn repeated(
        &mut self,
        period: &'a Expression,
        from: Option<&'a Expression>,
        count: Option<&'a Expression>,
        span: Span,
    ) -> Option<EventTrigger> {
        let before = |what| Scope::new(Context::Before { what, time: false });
        let built = self.scalar(period, &before("the period of an event"));
        let first = match from {
            Some(from) => self.scalar(from, &before("the first time of an event")),
            None => Some(self.number(self.model.time.start, span)),
        };
        let count = match count {
            None => Some(None),
            Some(e) => match self.fixed_number(e, "how often an event happens") {
                Some(n) if n.fract() == 0.0 && (1.0..=1e15).contains(&n) => Some(Some(n as u64)),
                None => None,
                Some(n) => {
                    let message =
                        format!("how often an event happens is a whole number from 1 on, not {n}");
                    self.error("wrong-event", e.span, message);
                    None
                }
            },
        };
        let (built, first, count) = (built?, first?, count?);
        if let Some(x) = built.number()
            && !(x > 0.0 && x.is_finite())
        {
            let message = format!("the period of an event must be above 0, not {x}");
            self.error("wrong-event", period.span, message);
            return None;
        }
        Some(EventTrigger::Every { period: built.expr, from: first.expr, count })
    }

    fn assignments(&mut self, list: &'a [Assignment]) -> Vec<(StateId, Expr)> {
        let mut all = Vec::new();
        let mut seen: HashMap<u32, Span> = HashMap::new();
        for assignment in list {
            let Some(target) = self.assigned(&assignment.target) else {
                // What is wrong with the value is worth saying too.
                self.value(&assignment.value, &Scope::new(Context::Dynamic));
                continue;
            };
            let Some(changes) = self.change(target, assignment) else { continue };
            for (state, value) in changes {
                if let Some(first) = seen.insert(state, assignment.target.span) {
                    let message = "this event changes the same state twice".to_owned();
                    self.report(
                        Diagnostic::error("duplicate-assignment", assignment.target.span, message)
                            .hint("the assignments of one event happen at once; write one of them")
                            .related(first, "first changed here"),
                    );
                    break;
                }
                all.push((StateId(state), value));
            }
        }
        all
    }

    /// The state, or the array of states, that an assignment changes.
    fn assigned(&mut self, target: &'a Expression) -> Option<Target> {
        let (base, indices) = match &target.kind {
            K::Index(base, indices) => (&**base, Some(indices.as_slice())),
            _ => (target, None),
        };
        let (base, order) = match &base.kind {
            K::Derivative(inner, order) => (&**inner, *order),
            _ => (base, 0),
        };
        // `u[3]'` is the third element of `u'`.
        let (base, indices) = match (&base.kind, indices) {
            (K::Index(inner, indices), None) => (&**inner, Some(indices.as_slice())),
            _ => (base, indices),
        };
        let K::Name(name) = &base.kind else {
            if !matches!(base.kind, K::Missing) {
                let message = "only a state can be assigned to";
                self.error("wrong-assignment", target.span, message);
            }
            return None;
        };
        let index = match self.names.table.get(name.as_str()).map(|s| s.kind) {
            Some(Kind::State(index)) => index,
            Some(Kind::Later(_)) => return None,
            Some(kind) => {
                let message = format!("`{name}` is {} and keeps its value", kind.article());
                let hint = match kind {
                    Kind::Param(_) | Kind::Const(_) => {
                        format!(
                            "make it a state: `state {name} = …` with the equation `{name}' = 0`"
                        )
                    }
                    _ => "an event changes states".to_owned(),
                };
                self.error_hint("wrong-assignment", target.span, message, hint);
                return None;
            }
            None => {
                self.name(name, base.span, &Scope::new(Context::Dynamic));
                return None;
            }
        };
        if self.declared.states[index].algebraic {
            let message = format!("`{name}` is algebraic: its equation gives its value");
            let hint = "change the states that it depends on";
            self.error_hint("wrong-assignment", target.span, message, hint);
            return None;
        }
        let index = match order {
            0 => index,
            _ => match self.names.derivatives.get(&(name.as_str(), order)) {
                Some(index) => *index,
                None => {
                    let message = format!("`{name}'` follows from an equation and is no state");
                    let hint = "change the state itself";
                    self.error_hint("wrong-assignment", target.span, message, hint);
                    return None;
                }
            },
        };
        let placed = self.resolution.states[index].clone();
        let shape = placed.shape?;
        match indices {
            Some(indices) if !shape.is_empty() => {
                let scope = Scope::new(Context::Dynamic);
                let places = self.places(&shape, name, indices, target.span, &scope)?;
                Some(Target::One(placed.first + places.first().copied().unwrap_or(0)))
            }
            Some(_) => {
                let message = format!("`{name}` has no elements to choose from");
                self.error("index-of-scalar", target.span, message);
                None
            }
            None if shape.is_empty() => Some(Target::One(placed.first)),
            None => {
                let of = ArrayOf::Elements(Source::States, placed.first);
                Some(Target::Whole(ArrayRef { of, shape }))
            }
        }
    }

    /// The new values.
    fn change(&mut self, target: Target, assignment: &'a Assignment) -> Option<Vec<(u32, Expr)>> {
        let span = assignment.target.span.to(assignment.value.span);
        match target {
            Target::One(state) => {
                let value = self.scalar(&assignment.value, &Scope::new(Context::Dynamic))?;
                let before = self.state_leaf(state, assignment.target.span);
                let value = self.assign(assignment.operator, before, value, span)?;
                Some(vec![(state, value.expr)])
            }
            Target::Whole(array) => {
                let total = elements(&array.shape);
                let lanes =
                    LaneScope { count: total, active: None, whole: Some(array.shape.clone()) };
                let scope = Scope { lanes: Some(&lanes), ..Scope::new(Context::Dynamic) };
                let value = self.scalar(&assignment.value, &scope)?;
                let before = self.as_lanes(&array, assignment.target.span)?;
                let value = self.assign(assignment.operator, before, value, span)?;
                let ArrayOf::Elements(_, first) = array.of else { return None };
                let values = self.lane_by_lane(value, total);
                Some((first..).zip(values).collect())
            }
        }
    }

    fn assign(
        &mut self,
        operator: AssignOperator,
        before: Built,
        value: Built,
        span: Span,
    ) -> Option<Built> {
        let f = match operator {
            AssignOperator::Set => return Some(value),
            AssignOperator::Add => Binary::Add,
            AssignOperator::Subtract => Binary::Sub,
            AssignOperator::Multiply => Binary::Mul,
            AssignOperator::Divide => Binary::Div,
        };
        if f == Binary::Div && matches!(value.expr.kind, ExprKind::Number(x) if x == 0.0) {
            self.error("wrong-assignment", span, "a state cannot be divided by 0");
            return None;
        }
        self.binary(f, before, value, span)
    }
}
