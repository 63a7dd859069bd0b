//! Evolved expressions in a form with few constants.
//!
//! Evolution works on scaled samples and leaves constants in places where they say the same twice,
//! as in `2*(3*x)` or `exp(1 + x)`. Here every part is a number times something without one, so that
//! such constants, and the scales, meet in one number.

use crate::expression::{Expression, Function, Node};

/// A number times something; the number alone without it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    scale: f64,
    core: Option<Box<Core>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Core {
    Input(usize),
    Sum(Part, Part),
    Product(Box<Core>, Box<Core>),
    Quotient(Option<Box<Core>>, Box<Core>),
    Square(Box<Core>),
    Power(Part, Part),
    Call(Function, Part),
}

impl Part {
    pub(super) fn constant(scale: f64) -> Part {
        Part { scale, core: None }
    }

    /// An input times a scale.
    pub(super) fn input(index: usize, scale: f64) -> Part {
        Part::of(scale, Core::Input(index))
    }

    fn of(scale: f64, core: Core) -> Part {
        match scale {
            0.0 => Part::constant(0.0),
            _ => Part { scale, core: Some(Box::new(core)) },
        }
    }

    fn times(mut self, factor: f64) -> Part {
        self.scale *= factor;
        if self.scale == 0.0 {
            self.core = None;
        }
        self
    }

    pub(super) fn sum(self, other: Part) -> Part {
        match (self, other) {
            (a, b) if a.core.is_none() && b.core.is_none() => Part::constant(a.scale + b.scale),
            (a, b) if a.core.is_none() => b.shifted(a.scale),
            (a, b) if b.core.is_none() => a.shifted(b.scale),
            (a, mut b) => {
                let scale = a.scale;
                b.scale /= scale;
                Part::of(scale, Core::Sum(Part { scale: 1.0, core: a.core }, b))
            }
        }
    }

    /// A part that is no constant, and a constant; a sum with one already takes it in.
    fn shifted(self, by: f64) -> Part {
        if by == 0.0 {
            return self;
        }
        let scale = self.scale;
        let shift = by / scale;
        match self.core.map(|core| *core) {
            None => Part::constant(scale + by),
            Some(Core::Sum(first, rest)) if first.core.is_none() => match first.scale + shift {
                0.0 => rest.times(scale),
                known => Part::of(scale, Core::Sum(Part::constant(known), rest)),
            },
            Some(core) => Part::of(scale, Core::Sum(Part::constant(shift), Part::of(1.0, core))),
        }
    }

    pub(super) fn difference(self, other: Part) -> Part {
        self.sum(other.times(-1.0))
    }

    pub(super) fn product(self, other: Part) -> Part {
        let scale = self.scale * other.scale;
        match (self.core, other.core) {
            (None, None) => Part::constant(scale),
            (Some(a), None) | (None, Some(a)) => Part::of(scale, *a),
            (Some(a), Some(b)) if a == b => Part::of(scale, Core::Square(a)),
            (Some(a), Some(b)) => Part::of(
                scale,
                match (a.turned(), b.turned()) {
                    (_, Some(below)) => Core::Quotient(Some(a), below),
                    (Some(below), None) => Core::Quotient(Some(b), below),
                    (None, None) => Core::Product(a, b),
                },
            ),
        }
    }

    pub(super) fn quotient(self, other: Part) -> Part {
        let scale = self.scale / other.scale;
        match (self.core, other.core) {
            (None, None) => Part::constant(scale),
            (Some(a), None) => Part::of(scale, *a),
            (None, Some(b)) => Part::of(
                scale,
                match b.turned() {
                    Some(above) => *above,
                    None => Core::Quotient(None, b),
                },
            ),
            (Some(a), Some(b)) => Part::of(
                scale,
                match b.turned() {
                    Some(above) => Core::Product(a, above),
                    None => Core::Quotient(Some(a), b),
                },
            ),
        }
    }

    pub(super) fn power(self, exponent: Part) -> Part {
        if exponent.core.is_some() {
            if self.core.is_none() && self.scale > 0.0 {
                return exponent.times(self.scale.ln()).call(Function::Exp);
            }
            return Part::of(1.0, Core::Power(self, exponent));
        }
        let n = exponent.scale;
        let scale = self.scale.powf(n);
        match self.core {
            None => Part::constant(scale),
            _ if n == 0.0 => Part::constant(1.0),
            Some(core) if n == 1.0 => Part::of(self.scale, *core),
            Some(core) if scale.is_finite() => {
                Part::of(scale, Core::Power(Part::of(1.0, *core), exponent))
            }
            // A negative number has no such power, but its product with the rest may have one.
            core => Part::of(1.0, Core::Power(Part { scale: self.scale, core }, exponent)),
        }
    }

    pub(super) fn call(self, function: Function) -> Part {
        let scale = self.scale;
        match self.core.map(|core| *core) {
            None => Part::constant(function.value(scale)),
            Some(Core::Sum(first, rest)) if function == Function::Exp && first.core.is_none() => {
                Part::of((scale * first.scale).exp(), Core::Call(function, rest.times(scale)))
            }
            Some(core) => Part::of(1.0, Core::Call(function, Part::of(scale, core))),
        }
    }

    /// The expression; `None` where a constant is no number.
    pub(super) fn expression(&self) -> Option<Expression> {
        let mut nodes = Vec::new();
        self.summand(1.0, &mut nodes);
        let sound = |n: &Node| match n {
            Node::Constant(c) => c.is_finite(),
            _ => true,
        };
        nodes.iter().all(sound).then(|| Expression::new(nodes)).flatten()
    }

    /// As a part of a sum that nothing stands around: sums are written out, `a + b*x`, not
    /// `b*(a/b + x)`.
    fn summand(&self, factor: f64, nodes: &mut Vec<Node>) -> usize {
        match self.core.as_deref() {
            Some(Core::Sum(a, b)) => {
                let factor = factor * self.scale;
                let first = a.summand(factor, nodes);
                let is_sum = matches!(b.core.as_deref(), Some(Core::Sum(..)));
                let (node, factor) = match b.scale * factor {
                    -1.0 if !is_sum => (Node::Difference as fn(usize, usize) -> Node, -factor),
                    _ => (Node::Sum as fn(usize, usize) -> Node, factor),
                };
                let second = b.summand(factor, nodes);
                push(node(first, second), nodes)
            }
            _ => Part { scale: self.scale * factor, core: self.core.clone() }.written(nodes),
        }
    }

    fn written(&self, nodes: &mut Vec<Node>) -> usize {
        match self.core.as_deref() {
            None => push(Node::Constant(self.scale), nodes),
            Some(core) if self.scale == 1.0 => core.written(nodes),
            Some(Core::Quotient(None, below)) => {
                let above = push(Node::Constant(self.scale), nodes);
                let below = below.written(nodes);
                push(Node::Quotient(above, below), nodes)
            }
            Some(core) => {
                let scale = push(Node::Constant(self.scale), nodes);
                let core = core.written(nodes);
                push(Node::Product(scale, core), nodes)
            }
        }
    }
}

impl Core {
    /// One over it, where it is a power with a negative exponent or one over something.
    fn turned(&self) -> Option<Box<Core>> {
        match self {
            Core::Quotient(None, below) => Some(below.clone()),
            Core::Power(base, exponent) if exponent.core.is_none() && exponent.scale < 0.0 => {
                let exponent = Part::constant(-exponent.scale);
                Some(Box::new(Core::Power(base.clone(), exponent)))
            }
            _ => None,
        }
    }

    fn written(&self, nodes: &mut Vec<Node>) -> usize {
        let node = match self {
            Core::Input(i) => Node::Input(*i),
            Core::Sum(a, b) if b.scale == -1.0 => {
                let b = b.clone().times(-1.0);
                Node::Difference(a.written(nodes), b.written(nodes))
            }
            Core::Sum(a, b) => Node::Sum(a.written(nodes), b.written(nodes)),
            Core::Product(a, b) => Node::Product(a.written(nodes), b.written(nodes)),
            Core::Quotient(None, b) => {
                Node::Quotient(push(Node::Whole(1), nodes), b.written(nodes))
            }
            Core::Quotient(Some(a), b) => Node::Quotient(a.written(nodes), b.written(nodes)),
            Core::Square(a) => Node::Power(a.written(nodes), push(Node::Whole(2), nodes)),
            Core::Power(a, b) => Node::Power(a.written(nodes), b.written(nodes)),
            Core::Call(f, a) => Node::Call(*f, a.written(nodes)),
        };
        push(node, nodes)
    }
}

fn push(node: Node, nodes: &mut Vec<Node>) -> usize {
    nodes.push(node);
    nodes.len() - 1
}
