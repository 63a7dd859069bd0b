//! Equations as the sum of a linear part with constant coefficients and a rest.
//!
//! Diffusion, decay and other linear terms are often what makes a system stiff; methods that treat
//! them apart (exponential and implicit–explicit ones) need them on their own. Terms are split as
//! they are written: a sum term by term, a product with a factor that does not depend on time or
//! states inside its other factor, loops as loops.

use crate::derivative::number;
use crate::model::{
    Binary, Expr, ExprKind, Lanes, Model, Reduction, Source, Unary, Vector, VectorId, VectorKind,
};
use std::collections::BTreeMap;

/// The linear part and the rest of something; none where it is 0.
type Parts<T> = (Option<T>, Option<T>);

impl Model {
    /// Two models with the same states and params whose right-hand sides add up to this one's: the
    /// terms that are linear in the states with coefficients of params, and all others. `None` when
    /// no term is linear, or when the model is more than ordinary differential equations.
    #[must_use]
    pub fn split_linear(&self) -> Option<(Model, Model)> {
        let plain = self.mass.is_none()
            && self.delays.is_empty()
            && self.noises.is_empty()
            && self.jumps.is_empty()
            && self.states.iter().all(|s| !s.algebraic);
        if !plain {
            return None;
        }
        let mut splitter = Splitter { model: self.clone(), vectors: BTreeMap::new() };
        let mut any = false;
        let (mut linear, mut rest) = (Vec::new(), Vec::new());
        for state in &self.states {
            let (l, r) = splitter.split(&state.derivative);
            any |= l.is_some();
            let zero = || number(0.0, state.derivative.span);
            linear.push(l.unwrap_or_else(zero));
            rest.push(r.unwrap_or_else(zero));
        }
        if !any {
            return None;
        }
        let with = |derivatives: Vec<Expr>| {
            let mut model = splitter.model.clone();
            for (state, derivative) in model.states.iter_mut().zip(derivatives) {
                state.derivative = derivative;
            }
            model
        };
        Some((with(linear), with(rest)))
    }
}

struct Splitter {
    /// The model, with vectors for parts of vectors behind its own.
    model: Model,
    vectors: BTreeMap<VectorId, Parts<VectorId>>,
}

impl Splitter {
    fn split(&mut self, expr: &Expr) -> Parts<Expr> {
        let rest = || (None, Some(expr.clone()));
        match &expr.kind {
            ExprKind::Number(x) if *x == 0.0 => (None, None),
            ExprKind::State(id) if self.is_state(id.0) => (Some(expr.clone()), None),
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Elements(Source::States, table)
                    if table.iter().all(|i| self.is_state(*i)) =>
                {
                    (Some(expr.clone()), None)
                }
                Lanes::Elements(Source::Vector(id), table) => {
                    let (table, (linear, rest)) = (table.clone(), self.vector(*id));
                    let lanes = |id| {
                        ExprKind::Lanes(Lanes::Elements(Source::Vector(id), table.clone()).into())
                    };
                    (linear.map(|id| like(lanes(id), expr)), rest.map(|id| like(lanes(id), expr)))
                }
                _ => rest(),
            },
            ExprKind::Let(id, k) => {
                let value = self.model.lets[id.0 as usize].value[*k as usize].clone();
                let (linear, other) = self.split(&value);
                // A named expression without a linear term stays what it is.
                if linear.is_none() { rest() } else { (linear, other) }
            }
            ExprKind::Element(id, k) => {
                let (linear, rest) = self.vector(*id);
                let element = |id| like(ExprKind::Element(id, *k), expr);
                (linear.map(element), rest.map(element))
            }
            ExprKind::Unary(Unary::Neg, a) => {
                let (linear, rest) = self.split(a);
                let negative = |e: Expr| Expr::unary(Unary::Neg, e, expr.span);
                (linear.map(negative), rest.map(negative))
            }
            ExprKind::Binary(f @ (Binary::Add | Binary::Sub), a, b) => {
                let (a, b) = (self.split(a), self.split(b));
                (combine(*f, a.0, b.0, expr), combine(*f, a.1, b.1, expr))
            }
            ExprKind::Binary(Binary::Mul, a, b) if self.is_constant(a) => {
                let (linear, rest) = self.split(b);
                let times = |e: Expr| Expr::binary(Binary::Mul, (**a).clone(), e, expr.span);
                (linear.map(times), rest.map(times))
            }
            ExprKind::Binary(f @ (Binary::Mul | Binary::Div), a, b) if self.is_constant(b) => {
                let (linear, rest) = self.split(a);
                let times = |e: Expr| Expr::binary(*f, e, (**b).clone(), expr.span);
                (linear.map(times), rest.map(times))
            }
            _ => rest(),
        }
    }

    /// The parts of a vector, as vectors.
    fn vector(&mut self, id: VectorId) -> Parts<VectorId> {
        if let Some(parts) = self.vectors.get(&id) {
            return *parts;
        }
        let Vector { kind, len, span } = self.model.vectors[id.0 as usize].clone();
        let parts = match kind {
            VectorKind::Each(body) => {
                let (linear, rest) = self.split(&body);
                match linear {
                    None => (None, Some(id)),
                    Some(linear) => {
                        let mut push = |body| self.push(VectorKind::Each(body), len, span);
                        (Some(push(linear)), rest.map(push))
                    }
                }
            }
            VectorKind::Reduce { reduction: Reduction::Sum, of, ends } => match self.vector(of) {
                (None, _) => (None, Some(id)),
                (linear, rest) => {
                    let mut sum = |of| {
                        let (reduction, ends) = (Reduction::Sum, ends.clone());
                        self.push(VectorKind::Reduce { reduction, of, ends }, len, span)
                    };
                    (linear.map(&mut sum), rest.map(&mut sum))
                }
            },
            VectorKind::Reduce { .. } | VectorKind::Network { .. } => (None, Some(id)),
        };
        self.vectors.insert(id, parts);
        parts
    }

    fn push(&mut self, kind: VectorKind, len: u32, span: crate::Span) -> VectorId {
        self.model.vectors.push(Vector { kind, len, span });
        VectorId(self.model.vectors.len() as u32 - 1)
    }

    /// A state, and no input.
    fn is_state(&self, number: u32) -> bool {
        (number as usize) < self.model.states.len()
    }

    /// Whether an expression depends on params and numbers only.
    fn is_constant(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Param(_) => true,
            ExprKind::Lanes(lanes) => {
                matches!(**lanes, Lanes::Numbers(_) | Lanes::Elements(Source::Params, _))
            }
            ExprKind::Let(id, k) => {
                self.is_constant(&self.model.lets[id.0 as usize].value[*k as usize])
            }
            ExprKind::Unary(_, a) => self.is_constant(a),
            ExprKind::Binary(_, a, b) => self.is_constant(a) && self.is_constant(b),
            ExprKind::If(c, a, b) => [c, a, b].iter().all(|e| self.is_constant(e)),
            ExprKind::Time | ExprKind::State(_) | ExprKind::Output(..) | ExprKind::Element(..) => {
                false
            }
        }
    }
}

/// `a + b` or `a − b`, where either may be 0.
fn combine(f: Binary, a: Option<Expr>, b: Option<Expr>, whole: &Expr) -> Option<Expr> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Expr::binary(f, a, b, whole.span)),
        (a, None) => a,
        (None, Some(b)) if f == Binary::Sub => Some(Expr::unary(Unary::Neg, b, whole.span)),
        (None, b) => b,
    }
}

fn like(kind: ExprKind, whole: &Expr) -> Expr {
    Expr { kind, span: whole.span }
}
