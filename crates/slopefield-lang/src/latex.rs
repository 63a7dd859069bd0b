//! Equations as LaTeX that KaTeX sets.
//!
//! Works on the syntax tree, so that it shows what was written, also in a model with errors.

use crate::parser::expression::precedence as p;
use crate::print::level;
use crate::syntax::{
    Applied, AssignOperator, Assignment, Declarator, Dimension, Direction, Expression,
    ExpressionKind as K, Loop, Name, Species, StatementKind as S,
};
use crate::{Binary, Unary};

/// The equations of a model text in its order: differential and algebraic equations, named
/// expressions, functions, observations, reactions, histories, correlations, events and jumps; one
/// LaTeX formula each. Statements that
/// could not be read are left out.
#[must_use]
pub fn latex(text: &str) -> Vec<String> {
    let parsed = crate::parse(text);
    let mut time = "t".to_owned();
    for statement in parsed.document.statements() {
        if let S::Time { name, .. } = &statement.kind
            && !name.text.is_empty()
        {
            time = symbol(&name.text);
        }
    }
    let set = Setter { time };
    let statements = parsed.document.statements();
    statements.filter_map(|s| set.statement(&s.kind)).collect()
}

struct Setter {
    time: String,
}

/// Names that have a Greek letter. `omicron` looks like `o` and has no command.
const GREEK: [&str; 34] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
    "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi",
    "Omega",
];

/// A name as a symbol: Greek letters, subscripts after `_` and for digits at the end, upright words.
fn symbol(name: &str) -> String {
    let parts: Vec<&str> = name.split('_').filter(|part| !part.is_empty()).collect();
    let Some((&first, rest)) = parts.split_first() else { return r"\_".to_owned() };
    let stem = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let (stem, digits) = if stem.is_empty() { (first, "") } else { first.split_at(stem.len()) };
    let mut below: Vec<String> = Vec::new();
    if !digits.is_empty() {
        below.push(digits.to_owned());
    }
    below.extend(rest.iter().map(|part| {
        if part.bytes().all(|b| b.is_ascii_digit()) { (*part).to_owned() } else { word(part) }
    }));
    let stem = word(stem);
    if below.is_empty() { stem } else { format!("{stem}_{{{}}}", below.join(",")) }
}

fn word(part: &str) -> String {
    if GREEK.contains(&part) {
        format!("\\{part}")
    } else if part.chars().count() == 1 {
        part.to_owned()
    } else {
        format!("\\mathrm{{{part}}}")
    }
}

fn number(text: &str) -> String {
    let text = text.replace('_', "");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let exponent = exponent.trim_start_matches('+');
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", exponent),
    };
    let digits = digits.trim_start_matches('0');
    let power = format!("10^{{{sign}{}}}", if digits.is_empty() { "0" } else { digits });
    if mantissa == "1" { power } else { format!("{mantissa} \\cdot {power}") }
}

impl Setter {
    fn statement(&self, kind: &S) -> Option<String> {
        Some(match kind {
            S::Equation { left, right, loops } => {
                if matches!(left.kind, K::Missing) {
                    return None;
                }
                let left = match &left.kind {
                    K::Derivative(x, n) => self.quotient(x, *n),
                    _ => self.expression(left, 0),
                };
                format!("{left} = {}{}", self.expression(right, 0), self.ranges(loops))
            }
            S::Let { target, value, .. } => self.defined(target, value),
            S::Function { name, arguments, body } | S::Hamiltonian { name, arguments, body } => {
                let list: Vec<String> = arguments.iter().map(|a| symbol(&a.text)).collect();
                let (name, body) = (symbol(&name.text), self.expression(body, 0));
                format!("{name}({}) = {body}", list.join(", "))
            }
            S::Observe { target, value, noise, .. } => {
                self.observation(target, value, noise.as_ref())
            }
            S::Reaction { left, right, reversible, rates, .. } => {
                let rates: Vec<String> = rates.iter().map(|e| self.expression(e, 0)).collect();
                let arrow = match (reversible, rates.as_slice()) {
                    (true, [forth, back]) => format!(r"\xrightleftharpoons[{back}]{{{forth}}}"),
                    (_, rates) => format!(r"\xrightarrow{{{}}}", rates.join(", ")),
                };
                format!("{} {arrow} {}", species(left), species(right))
            }
            S::History { target, value } => {
                let (name, ranges) = self.declared(target);
                let dots = r"'".repeat(target.order as usize);
                let (t, value) = (&self.time, self.expression(value, 0));
                format!(r"{name}{dots}\left({t}\right) = {value},\quad {t} \le {t}_{{0}}{ranges}")
            }
            S::Noise { target, correlated: Some((other, rho)), .. } => {
                let (name, other) = (symbol(&target.name.text), symbol(&other.text));
                let rho = self.expression(rho, p::PRODUCT);
                format!(
                    r"\mathrm{{d}} {name}\,\mathrm{{d}} {other} = {rho}\,\mathrm{{d}} {}",
                    self.time
                )
            }
            S::When { expression, level, direction, assignments } => {
                let when = self.crossing(expression, level, *direction);
                format!(r"\text{{when }} {when}:\quad {}", self.changes(assignments))
            }
            S::Stop { expression, level, direction } => {
                format!(r"\text{{stop when }} {}", self.crossing(expression, level, *direction))
            }
            S::At { times, assignments } => {
                let times = match &times.kind {
                    K::List(list) => self.list(list),
                    _ => self.expression(times, 0),
                };
                format!(r"{} = {times}:\quad {}", self.time, self.changes(assignments))
            }
            S::Every { period, from, count, assignments } => {
                let (t, period) = (&self.time, self.expression(period, p::PRODUCT));
                let first = match from {
                    Some(from) => self.expression(from, p::SUM),
                    None => format!("{t}_{{0}}"),
                };
                let last = match count {
                    Some(count) => format!(r"{} - 1", self.expression(count, p::SUM)),
                    None => r"\infty".to_owned(),
                };
                let changes = self.changes(assignments);
                format!(r"{t} = {first} + n\,{period},\ n = 0, \ldots, {last}:\quad {changes}")
            }
            S::Jump { rate, assignments, .. } => {
                let rate = self.expression(rate, 0);
                format!(r"\text{{at rate }} {rate}:\quad {}", self.changes(assignments))
            }
            _ => return None,
        })
    }

    /// `h \downarrow 0`.
    fn crossing(&self, e: &Expression, level: &Expression, direction: Direction) -> String {
        let sign = match direction {
            Direction::Both => "=",
            Direction::Rising => r"\nearrow",
            Direction::Falling => r"\searrow",
        };
        format!("{} {sign} {}", self.expression(e, p::SUM), self.expression(level, p::SUM))
    }

    /// `v \leftarrow -v`.
    fn changes(&self, list: &[Assignment]) -> String {
        let one = |a: &Assignment| {
            let target = self.expression(&a.target, p::POSTFIX);
            let value = |min| self.expression(&a.value, min);
            let value = match a.operator {
                AssignOperator::Set => value(0),
                AssignOperator::Add => format!("{target} + {}", value(p::SUM)),
                AssignOperator::Subtract => format!("{target} - {}", value(p::PRODUCT)),
                AssignOperator::Multiply => format!(r"{target} \cdot {}", value(p::SIGN)),
                AssignOperator::Divide => format!(r"\frac{{{target}}}{{{}}}", value(0)),
            };
            format!(r"{target} \leftarrow {value}")
        };
        list.iter().map(one).collect::<Vec<_>>().join(r",\ ")
    }

    /// `\frac{dx}{dt}`.
    fn quotient(&self, x: &Expression, order: u32) -> String {
        let power = if order > 1 { format!("^{{{order}}}") } else { String::new() };
        let (x, t) = (self.expression(x, p::POSTFIX), &self.time);
        format!(r"\frac{{\mathrm{{d}}{power} {x}}}{{\mathrm{{d}} {t}{power}}}")
    }

    fn defined(&self, target: &Declarator, value: &Expression) -> String {
        let (name, ranges) = self.declared(target);
        format!("{name} = {}{ranges}", self.expression(value, 0))
    }

    /// A declared name with the indices of an array, and their ranges.
    fn declared(&self, target: &Declarator) -> (String, String) {
        let name = symbol(&target.name.text);
        let loops = target.dimensions.iter().filter_map(|dimension| match dimension {
            Dimension::Loop(l) => Some(l.clone()),
            Dimension::Size(_) => None,
        });
        let loops: Vec<Loop> = loops.collect();
        if loops.is_empty() {
            return (name, String::new());
        }
        let indices: Vec<String> = loops.iter().map(|l| symbol(&l.index.text)).collect();
        (format!("{{{name}}}_{{{}}}", indices.join(",")), self.ranges(&loops))
    }

    fn observation(
        &self,
        target: &Declarator,
        value: &Expression,
        noise: Option<&Applied>,
    ) -> String {
        let (name, ranges) = self.declared(target);
        let mean = self.expression(value, 0);
        let Some(noise) = noise else { return format!(r"{name} \approx {mean}{ranges}") };
        let law = match noise.name.text.as_str() {
            "normal" => r"\mathcal{N}",
            "lognormal" => r"\operatorname{LogNormal}",
            "laplace" => r"\operatorname{Laplace}",
            "student_t" => r"\operatorname{Student}",
            "poisson" => r"\operatorname{Poisson}",
            "negative_binomial" => r"\operatorname{NegBin}",
            "binomial" => r"\operatorname{Binomial}",
            "bernoulli" => r"\operatorname{Bernoulli}",
            _ => r"\operatorname{Categorical}",
        };
        let mut arguments: Vec<String> =
            noise.arguments.iter().map(|e| self.expression(e, 0)).collect();
        // The usual order of each law: normal by variance, t by degrees of freedom first.
        match (noise.name.text.as_str(), noise.arguments.as_slice()) {
            ("normal", [sd]) => {
                arguments = vec![mean, format!("{}^{{2}}", self.expression(sd, p::POSTFIX))];
            }
            ("lognormal", [sd]) => {
                let mean = format!(r"\ln {}", self.expression(value, p::POSTFIX));
                arguments = vec![mean, format!("{}^{{2}}", self.expression(sd, p::POSTFIX))];
            }
            ("student_t", [_, _]) => arguments.insert(1, mean),
            ("binomial", [_]) => arguments.push(mean),
            _ => arguments.insert(0, mean),
        }
        format!(r"{name} \sim {law}\left({}\right){ranges}", arguments.join(", "))
    }

    fn ranges(&self, loops: &[Loop]) -> String {
        let all = loops.iter().map(|l| {
            let (start, end) =
                (self.expression(&l.range.start, 0), self.expression(&l.range.end, 0));
            format!(r",\quad {} = {start}, \ldots, {end}", symbol(&l.index.text))
        });
        all.collect()
    }

    fn expression(&self, e: &Expression, min: u8) -> String {
        let text = self.bare(e);
        if tightness(e) < min { format!(r"\left({text}\right)") } else { text }
    }

    fn list(&self, list: &[Expression]) -> String {
        list.iter().map(|e| self.expression(e, 0)).collect::<Vec<_>>().join(", ")
    }

    fn bare(&self, e: &Expression) -> String {
        match &e.kind {
            K::Missing => r"\ldots".into(),
            K::Number(n) => number(&n.text),
            K::Name(name) => match name.as_str() {
                "e" => r"\mathrm{e}".into(),
                "inf" => r"\infty".into(),
                _ => symbol(name),
            },
            K::Unary(Unary::Not, a) => format!(r"\neg {}", self.expression(a, p::POSTFIX)),
            K::Unary(_, a) => format!("-{}", self.expression(a, p::PRODUCT)),
            K::Binary(Binary::Div, a, b) => {
                format!(r"\frac{{{}}}{{{}}}", self.expression(a, 0), self.expression(b, 0))
            }
            K::Binary(Binary::Pow, a, b) => {
                let base = if matches!(a.kind, K::Binary(Binary::Div, ..)) {
                    format!(r"\left({}\right)", self.bare(a))
                } else {
                    self.expression(a, p::POSTFIX)
                };
                // A group, so that a base with a subscript or dots takes the exponent.
                format!("{{{base}}}^{{{}}}", self.expression(b, 0))
            }
            K::Binary(Binary::Mul, a, b) => {
                let left = self.expression(a, p::PRODUCT);
                let right = self.expression(b, p::SIGN);
                let digits = right.starts_with(|c: char| c.is_ascii_digit());
                let dot = digits || right.starts_with('-');
                format!("{left}{}{right}", if dot { r" \cdot " } else { r"\," })
            }
            K::Binary(f, a, b) => {
                let sign = match f {
                    Binary::And => r"\land",
                    Binary::Or => r"\lor",
                    f => f.symbol(),
                };
                let own = level(e);
                let signed = matches!(b.kind, K::Unary(Unary::Neg, _));
                let right = self.expression(b, if signed { p::POWER } else { own + 1 });
                format!("{} {sign} {right}", self.expression(a, own))
            }
            K::Comparison(first, rest) => {
                let mut text = self.expression(first, p::SUM);
                for (f, b) in rest {
                    let sign = match f {
                        Binary::LessEqual => r"\le",
                        Binary::GreaterEqual => r"\ge",
                        Binary::NotEqual => r"\ne",
                        Binary::Equal => "=",
                        f => f.symbol(),
                    };
                    text = format!("{text} {sign} {}", self.expression(b, p::SUM));
                }
                text
            }
            K::If(c, a, b) => self.cases(c, a, b),
            K::Call(name, arguments) => self.call(name, arguments),
            K::Index(a, indices) => {
                format!("{{{}}}_{{{}}}", self.expression(a, p::POSTFIX), self.list(indices))
            }
            K::Derivative(a, n) => {
                let x = self.expression(a, p::POSTFIX);
                match n {
                    1 => format!(r"\dot{{{x}}}"),
                    2 => format!(r"\ddot{{{x}}}"),
                    _ => format!("{{{x}}}^{{({n})}}"),
                }
            }
            K::List(list) => format!(r"\left[{}\right]", self.list(list)),
            K::Comprehension(a, loops) => {
                format!("{}{}", self.expression(a, 0), self.ranges(loops))
            }
        }
    }

    /// A chain of `else if` is one case distinction.
    fn cases(&self, c: &Expression, a: &Expression, b: &Expression) -> String {
        let mut rows =
            vec![format!(r"{} & \text{{if }} {}", self.expression(a, 0), self.expression(c, 0))];
        let mut rest = b;
        while let K::If(c, a, b) = &rest.kind {
            rows.push(format!(
                r"{} & \text{{if }} {}",
                self.expression(a, 0),
                self.expression(c, 0)
            ));
            rest = b;
        }
        rows.push(format!(r"{} & \text{{otherwise}}", self.expression(rest, 0)));
        format!(r"\begin{{cases}} {} \end{{cases}}", rows.join(r" \\ "))
    }

    fn call(&self, name: &Name, arguments: &[Expression]) -> String {
        let one = |open: &str, close: &str| format!("{open}{}{close}", self.list(arguments));
        if let [x, index] = arguments
            && name.text == "delay"
        {
            let (x, tau) = (self.expression(x, p::POSTFIX), self.expression(index, p::PRODUCT));
            return format!(r"{x}\left({} - {tau}\right)", self.time);
        }
        match (name.text.as_str(), arguments) {
            ("sqrt", [_]) => one(r"\sqrt{", "}"),
            ("cbrt", [_]) => one(r"\sqrt[3]{", "}"),
            ("abs", [_]) => one(r"\left|", r"\right|"),
            ("path_mean", [_]) => one(r"\operatorname{E}\left[", r"\right]"),
            ("path_variance", [_]) => one(r"\operatorname{Var}\left[", r"\right]"),
            ("floor", [_]) => one(r"\left\lfloor ", r"\right\rfloor "),
            ("ceil", [_]) => one(r"\left\lceil ", r"\right\rceil "),
            ("exp", [_]) => one(r"\mathrm{e}^{", "}"),
            ("expm1", [_]) => one(r"\left(\mathrm{e}^{", r"} - 1\right)"),
            ("sum", [Expression { kind: K::Comprehension(a, loops), .. }]) => {
                let sums = loops.iter().map(|l| {
                    let (start, end) =
                        (self.expression(&l.range.start, 0), self.expression(&l.range.end, 0));
                    format!(r"\sum_{{{} = {start}}}^{{{end}}} ", symbol(&l.index.text))
                });
                format!("{}{}", sums.collect::<String>(), self.expression(a, p::PRODUCT))
            }
            _ => {
                let name = match name.text.as_str() {
                    known @ ("sin" | "cos" | "tan" | "sinh" | "cosh" | "tanh" | "ln" | "min"
                    | "max") => format!("\\{known}"),
                    "asin" => r"\arcsin".into(),
                    "acos" => r"\arccos".into(),
                    "atan" => r"\arctan".into(),
                    "log2" => r"\log_{2}".into(),
                    "log10" => r"\log_{10}".into(),
                    "gamma" => r"\Gamma".into(),
                    "lgamma" => r"\ln\Gamma".into(),
                    other if crate::functions::find(other).is_some() => {
                        format!(r"\operatorname{{{other}}}")
                    }
                    other => symbol(other),
                };
                format!(r"{name}\left({}\right)", self.list(arguments))
            }
        }
    }
}

/// As [`level`], but a fraction needs no brackets and a case distinction does.
fn tightness(e: &Expression) -> u8 {
    match &e.kind {
        K::Binary(Binary::Div, ..) => p::POSTFIX,
        // `e^x` is a power.
        K::Call(name, _) if name.text == "exp" => p::POWER,
        _ => level(e),
    }
}

fn species(list: &[Species]) -> String {
    if list.is_empty() {
        return r"\varnothing".to_owned();
    }
    let one = |s: &Species| {
        let count = s.count.as_ref().map_or(String::new(), |n| format!(r"{}\,", number(&n.text)));
        format!("{count}{}", symbol(&s.name.text))
    };
    list.iter().map(one).collect::<Vec<_>>().join(" + ")
}
