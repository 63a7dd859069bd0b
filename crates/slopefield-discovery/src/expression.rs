//! Expressions of any form.

use crate::formula::{Constant, ConstantKind};

/// A function of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `exp(x)`.
    Exp,
    /// `ln(x)`.
    Ln,
    /// `sin(x)`.
    Sin,
    /// `cos(x)`.
    Cos,
}

impl Function {
    /// Its value.
    #[must_use]
    pub fn value(self, x: f64) -> f64 {
        match self {
            Function::Exp => x.exp(),
            Function::Ln => x.ln(),
            Function::Sin => x.sin(),
            Function::Cos => x.cos(),
        }
    }

    /// Its derivative.
    fn slope(self, x: f64) -> f64 {
        match self {
            Function::Exp => x.exp(),
            Function::Ln => x.recip(),
            Function::Sin => x.cos(),
            Function::Cos => -x.sin(),
        }
    }

    /// Its name in the model language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Function::Exp => "exp",
            Function::Ln => "ln",
            Function::Sin => "sin",
            Function::Cos => "cos",
        }
    }
}

/// A part of an expression; numbers are the places of its operands in the list of parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// An input, by its index.
    Input(usize),
    /// A constant that is fitted.
    Constant(f64),
    /// A whole number that is not fitted: an exponent.
    Whole(i32),
    /// `a + b`.
    Sum(usize, usize),
    /// `a - b`.
    Difference(usize, usize),
    /// `a*b`.
    Product(usize, usize),
    /// `a/b`.
    Quotient(usize, usize),
    /// `a^b`.
    Power(usize, usize),
    /// A function of a part.
    Call(Function, usize),
}

/// An expression: its parts, operands before what is made of them, the whole last.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    nodes: Vec<Node>,
}

/// How tightly a written part holds together; greater is tighter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Sum,
    Product,
    Power,
    Atom,
}

/// Where a part stands, for the kinds of constants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Below,
    Inside(Option<Function>),
}

impl Expression {
    /// An expression of parts.
    ///
    /// Returns `None` where a part is not before what is made of it, or where there is none.
    #[must_use]
    pub fn new(nodes: Vec<Node>) -> Option<Expression> {
        let before = |at: usize, node: &Node| match *node {
            Node::Input(_) | Node::Constant(_) | Node::Whole(_) => true,
            Node::Call(_, a) => a < at,
            Node::Sum(a, b)
            | Node::Difference(a, b)
            | Node::Product(a, b)
            | Node::Quotient(a, b)
            | Node::Power(a, b) => a < at && b < at,
        };
        let sound = !nodes.is_empty() && nodes.iter().enumerate().all(|(at, n)| before(at, n));
        sound.then_some(Expression { nodes })
    }

    /// Its parts.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Its value for inputs.
    #[must_use]
    pub fn value(&self, inputs: &[f64]) -> f64 {
        let mut values = Vec::with_capacity(self.nodes.len());
        self.fill(inputs, &mut values);
        values.last().copied().unwrap_or(f64::NAN)
    }

    /// The values of all parts for inputs.
    pub(crate) fn fill(&self, inputs: &[f64], values: &mut Vec<f64>) {
        values.clear();
        for node in &self.nodes {
            let value = match *node {
                Node::Input(i) => inputs[i],
                Node::Constant(c) => c,
                Node::Whole(n) => f64::from(n),
                Node::Sum(a, b) => values[a] + values[b],
                Node::Difference(a, b) => values[a] - values[b],
                Node::Product(a, b) => values[a] * values[b],
                Node::Quotient(a, b) => values[a] / values[b],
                Node::Power(a, b) => match self.nodes[b] {
                    Node::Whole(n) => f64::powi(values[a], n),
                    _ => f64::powf(values[a], values[b]),
                },
                Node::Call(f, a) => f.value(values[a]),
            };
            values.push(value);
        }
    }

    /// Its value for inputs, and into `slopes` the derivatives by its constants in the order of their
    /// nodes. `values` and `adjoints` are room to work in.
    pub(crate) fn differentiate(
        &self,
        inputs: &[f64],
        (values, adjoints): (&mut Vec<f64>, &mut Vec<f64>),
        slopes: &mut Vec<f64>,
    ) -> f64 {
        self.fill(inputs, values);
        adjoints.clear();
        adjoints.resize(values.len(), 0.0);
        if let Some(last) = adjoints.last_mut() {
            *last = 1.0;
        }
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let w = adjoints[at];
            match *node {
                Node::Input(_) | Node::Constant(_) | Node::Whole(_) => {}
                Node::Sum(a, b) => {
                    adjoints[a] += w;
                    adjoints[b] += w;
                }
                Node::Difference(a, b) => {
                    adjoints[a] += w;
                    adjoints[b] -= w;
                }
                Node::Product(a, b) => {
                    adjoints[a] += w * values[b];
                    adjoints[b] += w * values[a];
                }
                Node::Quotient(a, b) => {
                    adjoints[a] += w / values[b];
                    adjoints[b] -= w * values[at] / values[b];
                }
                Node::Power(a, b) => match self.nodes[b] {
                    Node::Whole(n) => {
                        adjoints[a] += w * f64::from(n) * f64::powi(values[a], n - 1);
                    }
                    _ => {
                        adjoints[a] += w * values[b] * f64::powf(values[a], values[b] - 1.0);
                        // x^b is 0 beside x = 0, whatever b > 0 is.
                        if values[a] > 0.0 {
                            adjoints[b] += w * values[at] * values[a].ln();
                        }
                    }
                },
                Node::Call(f, a) => adjoints[a] += w * f.slope(values[a]),
            }
        }
        slopes.clear();
        let constants = self.nodes.iter().zip(&*adjoints);
        slopes.extend(constants.filter(|(n, _)| matches!(n, Node::Constant(_))).map(|(_, w)| *w));
        values.last().copied().unwrap_or(f64::NAN)
    }

    /// Its constants in the order of their nodes.
    pub(crate) fn fitted(&self) -> Vec<f64> {
        let constant = |n: &Node| match n {
            Node::Constant(c) => Some(*c),
            _ => None,
        };
        self.nodes.iter().filter_map(constant).collect()
    }

    /// The same with other constants.
    pub(crate) fn with_fitted(&self, constants: &[f64]) -> Expression {
        let mut constants = constants.iter();
        let mut nodes = self.nodes.clone();
        for node in &mut nodes {
            if let Node::Constant(c) = node {
                *c = constants.next().copied().unwrap_or(*c);
            }
        }
        Expression { nodes }
    }

    /// The same with a whole number in the place of an exponent that is near one, of any.
    pub(crate) fn with_whole_exponents(&self, near: f64) -> Option<Expression> {
        let mut nodes = self.nodes.clone();
        let mut any = false;
        for node in &self.nodes {
            let Node::Power(_, exponent) = *node else { continue };
            let Node::Constant(c) = self.nodes[exponent] else { continue };
            let whole = c.round();
            if (c - whole).abs() <= near && (2.0..=6.0).contains(&whole.abs()) {
                nodes[exponent] = Node::Whole(whole as i32);
                any = true;
            }
        }
        any.then_some(Expression { nodes })
    }

    /// Whether something below a fraction line has both signs among the inputs, or none.
    pub(crate) fn has_poles(&self, rows: &[&[f64]]) -> bool {
        let below: Vec<usize> = self
            .nodes
            .iter()
            .filter_map(|n| match *n {
                Node::Quotient(_, b) => Some(b),
                _ => None,
            })
            .collect();
        let mut signs: Vec<Option<bool>> = vec![None; below.len()];
        let mut values = Vec::new();
        for row in rows.iter().filter(|_| !below.is_empty()) {
            self.fill(row, &mut values);
            for (sign, b) in signs.iter_mut().zip(&below) {
                let v = values[*b];
                if v == 0.0 || !v.is_finite() || sign.is_some_and(|s| s != (v > 0.0)) {
                    return true;
                }
                *sign = Some(v > 0.0);
            }
        }
        false
    }

    /// Constants, inputs and functions in it, whole powers counted by their exponents: 3 for `x^3`.
    #[must_use]
    pub fn complexity(&self) -> u32 {
        let one = |n: &Node| match n {
            Node::Input(_) | Node::Constant(_) | Node::Call(..) => 1,
            Node::Whole(n) => n.unsigned_abs().saturating_sub(1).max(1),
            _ => 0,
        };
        self.nodes.iter().map(one).sum()
    }

    /// The expression in the model language; see [`crate::Formula::text`].
    pub fn text(&self, names: &[String], constant: &mut dyn FnMut(Constant) -> String) -> String {
        match self.nodes.len() {
            0 => "0".into(),
            n => self.written(n - 1, Place::Outside, names, constant).0,
        }
    }

    fn written(
        &self,
        at: usize,
        place: Place,
        names: &[String],
        constant: &mut dyn FnMut(Constant) -> String,
    ) -> (String, Tie) {
        let closed = |(text, tie): (String, Tie), least: Tie| match tie < least {
            true => format!("({text})"),
            false => text,
        };
        match self.nodes[at] {
            Node::Input(i) => (names.get(i).cloned().unwrap_or_default(), Tie::Atom),
            Node::Whole(n) if n < 0 => (n.to_string(), Tie::Sum),
            Node::Whole(n) => (n.to_string(), Tie::Atom),
            Node::Constant(value) => {
                let kind = match place {
                    Place::Outside => ConstantKind::Coefficient,
                    Place::Below if value > 0.0 => ConstantKind::Half,
                    Place::Inside(Some(Function::Sin | Function::Cos)) if value > 0.0 => {
                        ConstantKind::Frequency
                    }
                    Place::Below | Place::Inside(_) => ConstantKind::Inner,
                };
                let text = constant(Constant { kind, value });
                // A number with its sign is no factor and no base.
                let tie = if text.starts_with('-') { Tie::Sum } else { Tie::Atom };
                (text, tie)
            }
            Node::Sum(a, b) => {
                let (a, _) = self.written(a, place, names, constant);
                let (b, _) = self.written(b, place, names, constant);
                let text = match b.strip_prefix('-') {
                    Some(rest) => format!("{a} - {rest}"),
                    None => format!("{a} + {b}"),
                };
                (text, Tie::Sum)
            }
            Node::Difference(a, b) => {
                let (a, _) = self.written(a, place, names, constant);
                let b = closed(self.written(b, place, names, constant), Tie::Product);
                (format!("{a} - {b}"), Tie::Sum)
            }
            Node::Product(a, b) => {
                let first = self.written(a, place, names, constant);
                // The sign of a number in front goes with the whole product.
                let number = matches!(self.nodes[a], Node::Constant(_));
                let (a, tie) = match first {
                    (text, Tie::Sum) if number => (text, Tie::Sum),
                    first => (closed(first, Tie::Product), Tie::Product),
                };
                let b = self.written(b, place, names, constant);
                // `a*(b/c)` needs no brackets: it is `a*b/c`.
                (format!("{a}*{}", closed(b, Tie::Product)), tie)
            }
            Node::Quotient(a, b) => {
                let first = self.written(a, place, names, constant);
                let number = matches!(self.nodes[a], Node::Constant(_));
                let (a, tie) = match first {
                    (text, Tie::Sum) if number => (text, Tie::Sum),
                    first => (closed(first, Tie::Product), Tie::Product),
                };
                let below = match place {
                    Place::Outside => Place::Below,
                    inside => inside,
                };
                let b = closed(self.written(b, below, names, constant), Tie::Power);
                (format!("{a}/{b}"), tie)
            }
            Node::Power(a, b) => {
                let base = match place {
                    Place::Outside => Place::Inside(None),
                    inside => inside,
                };
                let a = closed(self.written(a, base, names, constant), Tie::Atom);
                let b = self.written(b, Place::Inside(None), names, constant);
                (format!("{a}^{}", closed(b, Tie::Atom)), Tie::Power)
            }
            Node::Call(f, a) => {
                let (a, _) = self.written(a, Place::Inside(Some(f)), names, constant);
                (format!("{}({a})", f.name()), Tie::Atom)
            }
        }
    }
}
