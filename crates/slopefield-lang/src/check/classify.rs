//! What kind of system it is, and the sentence that says so.

use super::Checker;
use crate::evaluate::Values;
use crate::model::{
    Classification, DelayStructure, Expr, ExprKind, Model, NoiseStructure, StateId,
};
use crate::noise::noise_structure;
use crate::reads::Reader;
use crate::{Binary, Unary};

impl Checker<'_> {
    /// Second-order equations as pairs of states: those declared as such, and those of a
    /// Hamiltonian whose velocities are its momenta.
    pub(super) fn pairs(&mut self) {
        let mut pairs = Vec::new();
        for ((name, order), velocity) in &self.names.derivatives {
            if *order != 1 || self.highest_order(name) != 2 {
                continue;
            }
            let position = match self.names.table.get(name).map(|s| s.kind) {
                Some(super::scope::Kind::State(position)) => position,
                _ => continue,
            };
            let (q, v) = (&self.resolution.states[position], &self.resolution.states[*velocity]);
            if let (Some(shape), true) = (&q.shape, q.shape == v.shape) {
                let count = super::scope::elements(shape) as u32;
                pairs.extend((0..count).map(|i| (StateId(q.first + i), StateId(v.first + i))));
            }
        }
        if let Some(hamiltonian) = &self.model.hamiltonian {
            let is_velocity = |(q, p): &&(StateId, StateId)| {
                let slope = self.model.states.get(q.0 as usize).map(|s| &s.derivative.kind);
                slope == Some(&ExprKind::State(*p))
            };
            pairs.extend(hamiltonian.pairs.iter().filter(is_velocity));
        }
        pairs.sort_unstable();
        self.model.pairs = pairs;
    }

    pub(super) fn classify(&mut self) {
        self.pairs();
        self.model.class = classification(&self.model, self.index_note.as_deref());
    }
}

/// "one state", "2 states", "no states".
fn count(n: usize, one: &str, many: &str) -> String {
    match n {
        0 => format!("no {many}"),
        1 => format!("one {one}"),
        n => format!("{n} {many}"),
    }
}

/// What kind of system a checked model is.
pub(crate) fn classification(model: &Model, index_note: Option<&str>) -> Classification {
    let algebraic = model.states.iter().any(|s| s.algebraic) || has_singular_mass(model);
    let noise = noise_structure(model);
    let delays = delay_structure(model);
    let is_zero = |e: &Expr| matches!(e.kind, ExprKind::Number(x) if x == 0.0);
    let moves =
        algebraic || noise.is_some() || model.states.iter().any(|s| !is_zero(&s.derivative));
    let mut kinds = Vec::new();
    if algebraic {
        kinds.push("dae");
    }
    if delays.is_some() {
        kinds.push("dde");
    }
    if noise.is_some() {
        kinds.push("sde");
    }
    if kinds.is_empty() && (moves || model.jumps.is_empty()) {
        kinds.push("ode");
    }
    if !model.jumps.is_empty() {
        kinds.push("jump");
    }
    let hybrid = !model.events.is_empty();
    let sentence = sentence(model, (noise, delays), (moves, algebraic), index_note);
    Classification { kind: kinds.join("+"), hybrid, sentence, noise, delays }
}

fn sentence(
    model: &Model,
    (noise, delays): (Option<NoiseStructure>, Option<DelayStructure>),
    (moves, algebraic): (bool, bool),
    index_note: Option<&str>,
) -> String {
    let mut details = Vec::new();
    let mut withs = Vec::new();
    if model.states.iter().any(|s| s.algebraic) {
        details.push(index_note.unwrap_or("index 1").to_owned());
    }
    if let Some(structure) = noise {
        let stratonovich = model.noises.iter().any(|n| n.stratonovich);
        details.push(if stratonovich { "Stratonovich" } else { "Itô" }.to_owned());
        let structure = match structure {
            NoiseStructure::Additive => "additive noise",
            NoiseStructure::Diagonal => "diagonal noise",
            NoiseStructure::Commutative => "commutative noise",
            NoiseStructure::General => "general noise",
        };
        details.push(structure.to_owned());
        details.push(count(model.noises.len(), "source", "sources"));
    }
    let one = model.states.len() == 1;
    let equations = if one { "equation" } else { "equations" };
    let mut head = if model.hamiltonian.is_some() && noise.is_none() && delays.is_none() {
        let separable = model.hamiltonian.as_ref().is_some_and(|h| h.separable);
        details.push(if separable { "separable" } else { "not separable" }.to_owned());
        format!("Hamiltonian {equations}")
    } else if !moves && !model.jumps.is_empty() && delays.is_none() {
        "jump process".to_owned()
    } else {
        let stochastic = if noise.is_some() { "stochastic " } else { "" };
        let delay = match delays {
            Some(d) if d.neutral => "neutral delay ",
            Some(_) => "delay ",
            None => "",
        };
        let base = match algebraic {
            true => "differential-algebraic ",
            false if stochastic.is_empty() && delay.is_empty() => "ordinary differential ",
            false => "differential ",
        };
        format!("{stochastic}{delay}{base}{equations}")
    };
    let second_order = model.states.iter().any(|s| s.name.ends_with('\''));
    if head.starts_with("ordinary") && second_order {
        head.push_str(", lowered to first order");
    }
    if !details.is_empty() {
        head = format!("{head} ({})", details.join(", "));
    }
    if model.mass.is_some() && !model.states.iter().any(|s| s.algebraic) {
        withs.push(if algebraic { "a singular mass matrix" } else { "a mass matrix" }.to_owned());
    }
    if let Some(d) = delays {
        for (n, kind) in [
            (d.constant, "constant lag"),
            (d.varying, "time-dependent lag"),
            (d.state_dependent, "state-dependent lag"),
        ] {
            if n > 0 {
                withs.push(count(n, kind, &format!("{kind}s")));
            }
        }
        if d.vanishing
            && let Some(last) = withs.last_mut()
        {
            last.push_str(" that may vanish");
        }
    }
    if !model.jumps.is_empty() {
        withs.push(count(model.jumps.len(), "jump", "jumps"));
    }
    if let Some((last, rest)) = withs.split_last() {
        let joined = match rest {
            [] => last.clone(),
            rest => format!("{} and {last}", rest.join(", ")),
        };
        head = format!("{head} with {joined}");
    }
    let mut parts = vec![head];
    parts.push(count(model.states.len() - model.hidden.len(), "state", "states"));
    parts.push(count(model.params.len(), "free parameter", "free parameters"));
    if !model.networks.is_empty() {
        parts.push(count(model.networks.len(), "network", "networks"));
    }
    if !model.reactions.is_empty() {
        parts.push(count(model.reactions.len(), "reaction", "reactions"));
    }
    if !model.inputs.is_empty() {
        let signals = count(model.inputs.len(), "forcing signal", "forcing signals");
        parts.push(format!("driven by {signals}"));
    }
    if !model.events.is_empty() {
        parts.push(format!("with {}", count(model.events.len(), "event", "events")));
    }
    parts.join(", ")
}

/// Most states for which the rank of the mass matrix is worked out.
const MAX_RANK: usize = 400;
/// Pivots below this part of their row count as 0.
const NO_PIVOT: f64 = 1e-12;

/// Whether the mass matrix is singular at the start values of the params.
fn has_singular_mass(model: &Model) -> bool {
    let n = model.states.len();
    let Some(mass) = model.mass.as_ref().filter(|_| n <= MAX_RANK) else { return false };
    let params: Vec<f64> = model.params.iter().map(|p| p.value).collect();
    let mut values = Values::new(model, f64::NAN, &[], &params);
    for i in 0..model.lets.len() {
        values.named(i);
    }
    let mut rows = vec![vec![0.0; n]; n];
    for (row, column, e) in &mass.entries {
        rows[*row as usize][*column as usize] = values.value(e);
    }
    for row in &mut rows {
        let size = row.iter().fold(0.0f64, |size, x| size.max(x.abs()));
        row.iter_mut().for_each(|x| *x /= size);
    }
    for k in 0..n {
        let pivot = (k..n).max_by(|a, b| rows[*a][k].abs().total_cmp(&rows[*b][k].abs()));
        rows.swap(k, pivot.unwrap_or(k));
        // Also true for NaN, of a row of zeros.
        if !(rows[k][k].abs() > NO_PIVOT) {
            return true;
        }
        let (above, below) = rows.split_at_mut(k + 1);
        for row in below.iter_mut().filter(|row| row[k] != 0.0) {
            let factor = row[k] / above[k][k];
            row.iter_mut().zip(&above[k]).skip(k).for_each(|(x, p)| *x -= factor * p);
        }
    }
    false
}

fn delay_structure(model: &Model) -> Option<DelayStructure> {
    if model.delays.is_empty() {
        return None;
    }
    let mut found = DelayStructure {
        constant: 0,
        varying: 0,
        state_dependent: 0,
        neutral: model.delays.iter().any(|d| d.slope),
        vanishing: false,
    };
    let mut reader = Reader::new(model);
    let mut signs = Signs { model, left: 100_000 };
    for lag in &model.lags {
        if lag.constant {
            found.constant += 1;
            continue;
        }
        let read = reader.reads(&lag.value);
        if read.states.is_empty() && !read.unknown {
            found.varying += 1;
        } else {
            found.state_dependent += 1;
        }
        found.vanishing = found.vanishing || signs.of(&lag.value, 0) != Sign::Positive;
    }
    Some(found)
}

/// What is known of the sign of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Sign {
    Unknown,
    NotNegative,
    Positive,
}

/// Signs of expressions, as far as their form and the bounds of params tell.
struct Signs<'m> {
    model: &'m Model,
    /// Expressions that may still be looked at.
    left: u32,
}

impl Signs<'_> {
    fn of(&mut self, expr: &Expr, depth: u32) -> Sign {
        use Sign::{NotNegative, Positive, Unknown};
        if depth > 200 || self.left == 0 {
            return Unknown;
        }
        self.left -= 1;
        let depth = depth + 1;
        let of_number = |x: f64| match x {
            x if x > 0.0 => Positive,
            0.0 => NotNegative,
            _ => Unknown,
        };
        let least = |a: Sign, b: Sign| if a < b { a } else { b };
        let model = self.model;
        match &expr.kind {
            ExprKind::Number(x) => of_number(*x),
            ExprKind::Param(id) => {
                let param = model.params.get(id.0 as usize);
                param.map_or(Unknown, |p| match p.scale {
                    crate::Scale::Log => Positive,
                    _ => of_number(p.bounds.0),
                })
            }
            ExprKind::State(id) => match model.states.get(id.0 as usize) {
                Some(state) if state.positive => NotNegative,
                _ => Unknown,
            },
            ExprKind::Time if model.time.start >= 0.0 => NotNegative,
            ExprKind::Let(id, i) => {
                let value = model.lets.get(id.0 as usize).and_then(|l| l.value.get(*i as usize));
                value.map_or(Unknown, |value| self.of(value, depth))
            }
            ExprKind::Unary(f, a) => match f {
                Unary::Exp | Unary::Cosh | Unary::Sigmoid | Unary::Softplus => Positive,
                Unary::Abs | Unary::Relu | Unary::Step => NotNegative,
                Unary::Sqrt | Unary::Cbrt | Unary::Tanh | Unary::Atan | Unary::Erf => {
                    self.of(a, depth)
                }
                _ => Unknown,
            },
            ExprKind::Binary(f, a, b) => {
                let (x, y) = (self.of(a, depth), self.of(b, depth));
                match f {
                    Binary::Add if x == Unknown || y == Unknown => Unknown,
                    Binary::Add => NotNegative.max_of(x).max_of(y),
                    Binary::Mul | Binary::Min => least(x, y),
                    Binary::Div if y == Positive => x,
                    Binary::Max => x.max_of(y),
                    Binary::Pow if x == Positive => Positive,
                    Binary::Pow => match b.kind {
                        ExprKind::Number(n) if n % 2.0 == 0.0 => NotNegative,
                        _ => Unknown,
                    },
                    _ => Unknown,
                }
            }
            ExprKind::If(_, a, b) => least(self.of(a, depth), self.of(b, depth)),
            _ => Unknown,
        }
    }
}

impl Sign {
    fn max_of(self, other: Sign) -> Sign {
        if self < other { other } else { self }
    }
}
