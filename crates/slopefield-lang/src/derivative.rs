//! Exact derivatives of expressions, as expressions.
//!
//! Rules and choices at corners are those of compiled code: `abs'(0) = 0`, `relu'(0) = 0`, `min` and
//! `max` follow the first operand at a tie, functions that are constant in pieces have derivative
//! 0, and `a^b` by `b` is `a^b ln|a|`, and 0 where `a` is 0. Named expressions and elements of loops
//! are written out. What the language cannot express (the derivative of a network or of the gamma
//! function) is refused.

use crate::model::{Expr, ExprKind, Lanes, Model, Reduction, Source, VectorKind};
use crate::{Binary, LetId, ParamId, Span, StateId, Unary};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E, LOG10_E};

/// What an expression is differentiated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// Time, where it is written; states do not count as functions of it.
    Time,
    /// A state, or a delayed value.
    State(StateId),
    /// A param.
    Param(ParamId),
}

/// Why there is no derivative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDifferentiable {
    /// A network.
    #[error("the derivative of a network has no formula")]
    Network(Span),
    /// The gamma function, or its logarithm.
    #[error("the derivative of the gamma function is no function of the language")]
    Gamma(Span),
    /// An input by time: what is known of it are its values.
    #[error("the derivative of an input by time is not known")]
    Input(Span),
    /// The least or greatest element of an array.
    #[error("the least or greatest of many has no formula for its derivative")]
    Extremum(Span),
    /// More operations or levels than a model may have.
    #[error("the derivative is too large")]
    TooLarge(Span),
}

/// Most operations that one derivative makes, those of one question about a model, and levels.
const MAX_STEPS: u32 = 200_000;
pub(crate) const MAX_TOTAL: u32 = 2_000_000;
const MAX_DEPTH: u32 = 1_500;

/// The derivative of an expression of a model.
///
/// # Errors
/// [`NotDifferentiable`] says why there is none, and where.
pub fn derivative(model: &Model, expr: &Expr, by: Variable) -> Result<Expr, NotDifferentiable> {
    derivative_within(model, expr, by, &mut { MAX_STEPS })
}

/// As [`derivative`], with a bound on the work for many of them, which is used up.
pub(crate) fn derivative_within(
    model: &Model,
    expr: &Expr,
    by: Variable,
    left: &mut u32,
) -> Result<Expr, NotDifferentiable> {
    let mut differentiator = Differentiator { model, by, left: MAX_STEPS.min(*left) };
    let before = differentiator.left;
    let found = differentiator.of(expr, None, 0);
    *left -= before - differentiator.left;
    found
}

struct Differentiator<'m> {
    model: &'m Model,
    by: Variable,
    /// Operations that may still be made.
    left: u32,
}

impl Differentiator<'_> {
    /// The derivative of an expression, inside a loop in one of its lanes.
    fn of(
        &mut self,
        expr: &Expr,
        lane: Option<usize>,
        depth: u32,
    ) -> Result<Expr, NotDifferentiable> {
        let span = expr.span;
        if self.left == 0 || depth > MAX_DEPTH {
            return Err(NotDifferentiable::TooLarge(span));
        }
        self.left -= 1;
        let depth = depth + 1;
        let zero = || number(0.0, span);
        let is = |yes: bool| number(f64::from(u8::from(yes)), span);
        Ok(match &expr.kind {
            ExprKind::Number(_) => zero(),
            ExprKind::Time => is(self.by == Variable::Time),
            ExprKind::State(id) => self.of_state(*id, span)?,
            ExprKind::Param(id) => is(self.by == Variable::Param(*id)),
            ExprKind::Let(id, component) => self.of_let(*id, *component, span, depth)?,
            ExprKind::Output(call, _) => self.of_network(&self.arguments(call.0), None, span)?,
            ExprKind::Element(vector, element) => {
                self.of_element(vector.0, *element as usize, span, depth)?
            }
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Numbers(_) => zero(),
                Lanes::Elements(source, table) => {
                    let i = lane.and_then(|l| table.get(l)).copied().unwrap_or(0);
                    match source {
                        Source::States => self.of_state(StateId(i), span)?,
                        Source::Params => is(self.by == Variable::Param(ParamId(i))),
                        Source::Let(id) => self.of_let(*id, i, span, depth)?,
                        Source::Call(call) => {
                            self.of_network(&self.arguments(call.0), None, span)?
                        }
                        Source::Vector(id) => self.of_element(id.0, i as usize, span, depth)?,
                    }
                }
            },
            ExprKind::Unary(f, a) => {
                let da = self.of(a, lane, depth)?;
                if is_zero(&da) {
                    return Ok(zero());
                }
                unary(*f, &at_lane(a, lane), da, span)?
            }
            ExprKind::Binary(f, a, b) => {
                let (da, db) = (self.of(a, lane, depth)?, self.of(b, lane, depth)?);
                if is_zero(&da) && is_zero(&db) {
                    return Ok(zero());
                }
                binary(*f, &at_lane(a, lane), &at_lane(b, lane), da, db, span)
            }
            ExprKind::If(c, a, b) => {
                let (da, db) = (self.of(a, lane, depth)?, self.of(b, lane, depth)?);
                choose(at_lane(c, lane), da, db, span)
            }
        })
    }

    fn of_state(&self, id: StateId, span: Span) -> Result<Expr, NotDifferentiable> {
        if self.by == Variable::Time && self.model.input(id).is_some() {
            return Err(NotDifferentiable::Input(span));
        }
        Ok(number(f64::from(u8::from(self.by == Variable::State(id))), span))
    }

    fn of_let(
        &mut self,
        id: LetId,
        component: u32,
        span: Span,
        depth: u32,
    ) -> Result<Expr, NotDifferentiable> {
        let model = self.model;
        let value = model.lets.get(id.0 as usize).and_then(|l| l.value.get(component as usize));
        value.map_or(Ok(number(0.0, span)), |value| self.of(value, None, depth))
    }

    fn arguments(&self, call: u32) -> Vec<Expr> {
        self.model.calls.get(call as usize).map_or_else(Vec::new, |c| c.arguments.clone())
    }

    /// A network whose inputs do not change does not change either.
    fn of_network(
        &mut self,
        arguments: &[Expr],
        lane: Option<usize>,
        span: Span,
    ) -> Result<Expr, NotDifferentiable> {
        for argument in arguments {
            if !is_zero(&self.of(argument, lane, 0)?) {
                return Err(NotDifferentiable::Network(span));
            }
        }
        Ok(number(0.0, span))
    }

    fn of_element(
        &mut self,
        vector: u32,
        element: usize,
        span: Span,
        depth: u32,
    ) -> Result<Expr, NotDifferentiable> {
        let model = self.model;
        match model.vectors.get(vector as usize).map(|v| &v.kind) {
            None => Ok(number(0.0, span)),
            Some(VectorKind::Each(body)) => self.of(body, Some(element), depth),
            Some(VectorKind::Reduce { reduction, of, ends }) => {
                let end = ends.get(element).copied().unwrap_or(0) as usize;
                let start = if element == 0 { 0 } else { ends[element - 1] as usize };
                let mut sum = number(0.0, span);
                for lane in start..end {
                    let part = self.of_element(of.0, lane, span, depth)?;
                    if *reduction != Reduction::Sum && !is_zero(&part) {
                        return Err(NotDifferentiable::Extremum(span));
                    }
                    sum = add(sum, part, span);
                }
                Ok(sum)
            }
            Some(VectorKind::Network { network, arguments }) => {
                let outputs = model.networks.get(network.0 as usize).map_or(1, |n| n.outputs);
                let lane = element / outputs.max(1) as usize;
                self.of_network(arguments, Some(lane), span)
            }
        }
    }
}

/// An expression inside a loop as it is in one lane.
pub(crate) fn at_lane(expr: &Expr, lane: Option<usize>) -> Expr {
    let Some(l) = lane else { return expr.clone() };
    let inner = |e: &Expr| Box::new(at_lane(e, lane));
    let kind = match &expr.kind {
        ExprKind::Lanes(lanes) => match &**lanes {
            Lanes::Numbers(list) => ExprKind::Number(list.get(l).copied().unwrap_or(f64::NAN)),
            Lanes::Elements(source, table) => {
                let i = table.get(l).copied().unwrap_or(0);
                match source {
                    Source::States => ExprKind::State(StateId(i)),
                    Source::Params => ExprKind::Param(ParamId(i)),
                    Source::Let(id) => ExprKind::Let(*id, i),
                    Source::Call(id) => ExprKind::Output(*id, i),
                    Source::Vector(id) => ExprKind::Element(*id, i),
                }
            }
        },
        ExprKind::Unary(f, a) => ExprKind::Unary(*f, inner(a)),
        ExprKind::Binary(f, a, b) => ExprKind::Binary(*f, inner(a), inner(b)),
        ExprKind::If(c, a, b) => ExprKind::If(inner(c), inner(a), inner(b)),
        leaf => leaf.clone(),
    };
    Expr { kind, span: expr.span }
}

/// `f'(a)·da`.
fn unary(f: Unary, a: &Expr, da: Expr, span: Span) -> Result<Expr, NotDifferentiable> {
    let n = |value| number(value, span);
    let of = |f: Unary| apply(f, a.clone(), span);
    let square = |e: Expr| mul(e.clone(), e, span);
    let one_minus = |e: Expr| sub(n(1.0), e, span);
    let times = |factor: Expr, da: Expr| mul(factor, da, span);
    let over = |da: Expr, divisor: Expr| div(da, divisor, span);
    // √(1 − a)·√(1 + a) keeps its digits near 1.
    let root = |sign: f64| {
        let (low, high) = match sign > 0.0 {
            true => (one_minus(a.clone()), add(n(1.0), a.clone(), span)),
            false => (sub(a.clone(), n(1.0), span), add(a.clone(), n(1.0), span)),
        };
        mul(apply(Unary::Sqrt, low, span), apply(Unary::Sqrt, high, span), span)
    };
    let gauss = |scale: f64, rate: f64| {
        let exponent = mul(n(rate), square(a.clone()), span);
        mul(n(scale), apply(Unary::Exp, exponent, span), span)
    };
    Ok(match f {
        Unary::Neg => negative(da, span),
        Unary::Not | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Step => {
            n(0.0)
        }
        Unary::Abs => times(of(Unary::Sign), da),
        Unary::Sqrt => over(da, mul(n(2.0), of(Unary::Sqrt), span)),
        Unary::Cbrt => over(da, mul(n(3.0), square(of(Unary::Cbrt)), span)),
        Unary::Exp | Unary::Expm1 => times(of(Unary::Exp), da),
        Unary::Ln => over(da, a.clone()),
        Unary::Log2 => over(mul(n(LOG2_E), da, span), a.clone()),
        Unary::Log10 => over(mul(n(LOG10_E), da, span), a.clone()),
        Unary::Log1p => over(da, add(n(1.0), a.clone(), span)),
        Unary::Sin => times(of(Unary::Cos), da),
        Unary::Cos => negative(times(of(Unary::Sin), da), span),
        Unary::Tan => times(add(n(1.0), square(of(Unary::Tan)), span), da),
        Unary::Asin => over(da, root(1.0)),
        Unary::Acos => negative(over(da, root(1.0)), span),
        Unary::Atan => over(da, add(n(1.0), square(a.clone()), span)),
        Unary::Sinh => times(of(Unary::Cosh), da),
        Unary::Cosh => times(of(Unary::Sinh), da),
        Unary::Tanh => times(one_minus(square(of(Unary::Tanh))), da),
        Unary::Asinh => over(da, apply(Unary::Sqrt, add(n(1.0), square(a.clone()), span), span)),
        Unary::Acosh => over(da, root(-1.0)),
        Unary::Atanh => over(da, mul(one_minus(a.clone()), add(n(1.0), a.clone(), span), span)),
        Unary::Sigmoid => times(mul(of(Unary::Sigmoid), one_minus(of(Unary::Sigmoid)), span), da),
        Unary::Softplus => times(of(Unary::Sigmoid), da),
        Unary::Relu => choose(compare(Binary::Greater, a.clone(), n(0.0), span), da, n(0.0), span),
        Unary::Gelu => {
            // Φ(a) + a φ(a), with Φ(a) = erfc(−a/√2)/2.
            let below = apply(Unary::Erfc, mul(n(-FRAC_1_SQRT_2), a.clone(), span), span);
            let density = gauss(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2, -0.5);
            let slope = add(mul(n(0.5), below, span), mul(a.clone(), density, span), span);
            times(slope, da)
        }
        Unary::Erf => times(gauss(FRAC_2_SQRT_PI, -1.0), da),
        Unary::Erfc => times(gauss(-FRAC_2_SQRT_PI, -1.0), da),
        Unary::Gamma | Unary::LnGamma => return Err(NotDifferentiable::Gamma(span)),
    })
}

/// The total derivative of `f(a, b)`.
fn binary(f: Binary, a: &Expr, b: &Expr, da: Expr, db: Expr, span: Span) -> Expr {
    let n = |value| number(value, span);
    let (x, y) = (|| a.clone(), || b.clone());
    match f {
        Binary::Add => add(da, db, span),
        Binary::Sub => sub(da, db, span),
        Binary::Mul => add(mul(da, y(), span), mul(x(), db, span), span),
        Binary::Div => {
            let second = mul(div(x(), y(), span), db, span);
            div(sub(da, second, span), y(), span)
        }
        Binary::Pow => {
            let less = match b.kind {
                ExprKind::Number(b) => n(b - 1.0),
                _ => sub(y(), n(1.0), span),
            };
            let by_base = mul(mul(y(), power(x(), less, span), span), da, span);
            let size = apply(Unary::Ln, apply(Unary::Abs, x(), span), span);
            let growth = choose(x(), mul(power(x(), y(), span), size, span), n(0.0), span);
            add(by_base, mul(growth, db, span), span)
        }
        Binary::Atan2 => {
            // The angle of (b, a): (b da − a db)/(a² + b²), and 0 at the origin.
            let turn = sub(mul(y(), da, span), mul(x(), db, span), span);
            let square = add(mul(x(), x(), span), mul(y(), y(), span), span);
            choose(square.clone(), div(turn, square, span), n(0.0), span)
        }
        Binary::Min => choose(compare(Binary::LessEqual, x(), y(), span), da, db, span),
        Binary::Max => choose(compare(Binary::GreaterEqual, x(), y(), span), da, db, span),
        _ => n(0.0),
    }
}

pub(crate) fn number(value: f64, span: Span) -> Expr {
    Expr { kind: ExprKind::Number(value), span }
}

pub(crate) fn is_zero(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Number(x) if x == 0.0)
}

fn value(e: &Expr) -> Option<f64> {
    match e.kind {
        ExprKind::Number(x) => Some(x),
        _ => None,
    }
}

/// `c*e` as the number c and e.
fn scale(e: &Expr) -> Option<(f64, &Expr)> {
    match &e.kind {
        ExprKind::Binary(Binary::Mul, a, b) => value(a).map(|a| (a, &**b)),
        _ => None,
    }
}

fn apply(f: Unary, a: Expr, span: Span) -> Expr {
    match value(&a) {
        Some(x) => number(f.apply(x), span),
        None => Expr::unary(f, a, span),
    }
}

fn compare(f: Binary, a: Expr, b: Expr, span: Span) -> Expr {
    match (value(&a), value(&b)) {
        (Some(x), Some(y)) => number(f.apply(x, y), span),
        _ => Expr::binary(f, a, b, span),
    }
}

pub(crate) fn negative(a: Expr, span: Span) -> Expr {
    match a.kind {
        ExprKind::Unary(Unary::Neg, inner) => *inner,
        ExprKind::Number(x) => number(-x, span),
        _ => apply(Unary::Neg, a, span),
    }
}

pub(crate) fn add(a: Expr, b: Expr, span: Span) -> Expr {
    if is_zero(&a) {
        return b;
    }
    if is_zero(&b) {
        return a;
    }
    match b.kind {
        ExprKind::Unary(Unary::Neg, inner) => compare(Binary::Sub, a, *inner, span),
        _ => compare(Binary::Add, a, b, span),
    }
}

pub(crate) fn sub(a: Expr, b: Expr, span: Span) -> Expr {
    if is_zero(&b) {
        return a;
    }
    if is_zero(&a) {
        return negative(b, span);
    }
    match b.kind {
        ExprKind::Unary(Unary::Neg, inner) => compare(Binary::Add, a, *inner, span),
        _ => compare(Binary::Sub, a, b, span),
    }
}

pub(crate) fn mul(a: Expr, b: Expr, span: Span) -> Expr {
    match (value(&a), value(&b)) {
        (Some(x), Some(y)) => number(x * y, span),
        // 0·∞ counts as 0: what does not move contributes nothing.
        (Some(0.0), _) | (_, Some(0.0)) => number(0.0, span),
        (Some(1.0), _) => b,
        (_, Some(1.0)) => a,
        (Some(-1.0), _) => negative(b, span),
        (_, Some(-1.0)) => negative(a, span),
        (Some(x), None) if scale(&b).is_some() => {
            let (y, inner) = scale(&b).unwrap_or((1.0, &b));
            mul(number(x * y, span), inner.clone(), span)
        }
        (None, Some(_)) if scale(&a).is_some() => mul(b, a, span),
        _ => Expr { kind: ExprKind::Binary(Binary::Mul, Box::new(a), Box::new(b)), span },
    }
}

pub(crate) fn div(a: Expr, b: Expr, span: Span) -> Expr {
    if is_zero(&a) || matches!(b.kind, ExprKind::Number(1.0)) {
        return a;
    }
    // `2*p/2`, when the quotient of the numbers is exact.
    if let (Some((x, inner)), Some(y)) = (scale(&a), value(&b))
        && x / y * y == x
    {
        return mul(number(x / y, span), inner.clone(), span);
    }
    compare(Binary::Div, a, b, span)
}

fn power(a: Expr, b: Expr, span: Span) -> Expr {
    match value(&b) {
        Some(0.0) => number(1.0, span),
        Some(1.0) => a,
        _ => compare(Binary::Pow, a, b, span),
    }
}

fn choose(c: Expr, a: Expr, b: Expr, span: Span) -> Expr {
    if a == b || value(&c).is_some_and(|c| c != 0.0) {
        return a;
    }
    if value(&c) == Some(0.0) {
        return b;
    }
    Expr { kind: ExprKind::If(Box::new(c), Box::new(a), Box::new(b)), span }
}

/// Levels and nodes of an expression.
pub(crate) fn measure(expr: &Expr) -> (u32, usize) {
    let parts = |list: &[&Expr]| {
        list.iter().map(|e| measure(e)).fold((0, 0), |(h, s), (a, b)| (h.max(a), s + b))
    };
    let (height, size) = match &expr.kind {
        ExprKind::Unary(_, a) => parts(&[a]),
        ExprKind::Binary(_, a, b) => parts(&[a, b]),
        ExprKind::If(c, a, b) => parts(&[c, a, b]),
        _ => (0, 0),
    };
    (height + 1, size + 1)
}
