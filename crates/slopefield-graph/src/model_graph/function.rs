//! Which functions a model has, and the expressions they compute.

use std::borrow::Cow;

use slopefield_lang::{EventTrigger, Expr, ExprKind, Model, Noise, NoiseStructure, Span, StateId};

/// The functions of a model. Those of the state take the states, and behind them the inputs and the
/// delayed values of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFunction {
    /// Initial values of the states, of params and time.
    Initial,
    /// Right-hand sides.
    Rhs,
    /// Value and noise arguments of each observation.
    Observe,
    /// Components of all `let`s.
    Lets,
    /// Entries of the mass matrix in the order of `Model::mass`, of params.
    Mass,
    /// States before the start, of time and params.
    History,
    /// How far each delay looks back.
    Lags,
    /// Coefficients of noise: for each Wiener process those of all states.
    Noise,
    /// Coefficients of noise of which each state has at most one.
    DiagonalNoise,
    /// Rate of each jump.
    Rates,
    /// What the crossing events watch, in order.
    Roots,
    /// Times and periods of the time events, in order, of params.
    EventTimes,
    /// What is 0 along every solution of equations whose index was reduced.
    Invariants,
    /// All states after an event.
    Affect(u32),
    /// All states after a jump.
    JumpAffect(u32),
}

impl ModelFunction {
    /// Those that every model has.
    pub const ALL: [ModelFunction; 4] =
        [ModelFunction::Initial, ModelFunction::Rhs, ModelFunction::Observe, ModelFunction::Lets];

    /// Those that a model has beyond [`ModelFunction::ALL`].
    #[must_use]
    pub fn others(model: &Model) -> Vec<ModelFunction> {
        let mut list = Vec::new();
        let mut when = |condition: bool, function| {
            if condition {
                list.push(function);
            }
        };
        when(model.mass.is_some(), ModelFunction::Mass);
        when(!model.delays.is_empty(), ModelFunction::History);
        when(!model.delays.is_empty(), ModelFunction::Lags);
        // Of diagonal noise the whole matrix would be a square of zeros.
        let diagonal = model.class.noise == Some(NoiseStructure::Diagonal);
        when(!model.noises.is_empty() && !diagonal, ModelFunction::Noise);
        when(!model.noises.is_empty() && diagonal, ModelFunction::DiagonalNoise);
        when(!model.jumps.is_empty(), ModelFunction::Rates);
        let crossing = |trigger: &EventTrigger| matches!(trigger, EventTrigger::Crossing { .. });
        when(model.events.iter().any(|e| crossing(&e.trigger)), ModelFunction::Roots);
        when(model.events.iter().any(|e| !crossing(&e.trigger)), ModelFunction::EventTimes);
        when(!model.invariants.is_empty(), ModelFunction::Invariants);
        for (i, event) in (0..).zip(&model.events) {
            when(!event.assignments.is_empty(), ModelFunction::Affect(i));
        }
        for i in 0..model.jumps.len() as u32 {
            when(true, ModelFunction::JumpAffect(i));
        }
        list
    }

    /// The expressions it computes, in order.
    #[must_use]
    pub fn outputs(self, model: &Model) -> Vec<Cow<'_, Expr>> {
        let states = || model.states.iter();
        match self {
            ModelFunction::Initial => borrowed(states().map(|s| &s.initial)),
            ModelFunction::Rhs => borrowed(states().map(|s| &s.derivative)),
            ModelFunction::Observe => borrowed(
                model
                    .observations
                    .iter()
                    .flat_map(|o| std::iter::once(&o.value).chain(noise_arguments(&o.noise))),
            ),
            ModelFunction::Lets => borrowed(model.lets.iter().flat_map(|l| &l.value)),
            ModelFunction::Mass => {
                borrowed(model.mass.iter().flat_map(|m| m.entries.iter().map(|(_, _, e)| e)))
            }
            ModelFunction::History => {
                borrowed(states().map(|s| s.history.as_ref().unwrap_or(&s.initial)))
            }
            ModelFunction::Lags => borrowed(model.lags.iter().map(|l| &l.value)),
            ModelFunction::Noise => {
                let sources = 0..model.noises.len() as u32;
                let all = sources.flat_map(|j| states().map(move |s| (j, s)));
                all.map(|(j, s)| {
                    let found = s.noise.iter().find(|(source, _)| *source == j);
                    found.map_or_else(zero, |(_, e)| Cow::Borrowed(e))
                })
                .collect()
            }
            ModelFunction::DiagonalNoise => states()
                .map(|s| s.noise.first().map_or_else(zero, |(_, e)| Cow::Borrowed(e)))
                .collect(),
            ModelFunction::Rates => borrowed(model.jumps.iter().map(|j| &j.rate)),
            ModelFunction::Roots => {
                borrowed(model.events.iter().filter_map(|e| match &e.trigger {
                    EventTrigger::Crossing { value, .. } => Some(value),
                    EventTrigger::At(_) | EventTrigger::Every { .. } => None,
                }))
            }
            ModelFunction::EventTimes => {
                borrowed(model.events.iter().flat_map(|e| match &e.trigger {
                    EventTrigger::Crossing { .. } => Vec::new(),
                    EventTrigger::At(times) => times.iter().collect(),
                    EventTrigger::Every { period, from, .. } => vec![period, from],
                }))
            }
            ModelFunction::Invariants => borrowed(model.invariants.iter().map(|i| &i.value)),
            ModelFunction::Affect(i) => assigned(model, &model.events[i as usize].assignments),
            ModelFunction::JumpAffect(i) => assigned(model, &model.jumps[i as usize].assignments),
        }
    }

    /// Number of states it depends on, inputs and delayed values included.
    #[must_use]
    pub fn states(self, model: &Model) -> usize {
        match self {
            ModelFunction::Initial
            | ModelFunction::Mass
            | ModelFunction::History
            | ModelFunction::EventTimes => 0,
            _ => model.variables(),
        }
    }
}

fn borrowed<'m>(exprs: impl Iterator<Item = &'m Expr>) -> Vec<Cow<'m, Expr>> {
    exprs.map(Cow::Borrowed).collect()
}

fn zero<'m>() -> Cow<'m, Expr> {
    Cow::Owned(Expr { kind: ExprKind::Number(0.0), span: Span::default() })
}

/// All states, some of them with new values.
fn assigned<'m>(model: &'m Model, assignments: &'m [(StateId, Expr)]) -> Vec<Cow<'m, Expr>> {
    let mut all: Vec<Cow<'m, Expr>> = (0..)
        .zip(&model.states)
        .map(|(i, s)| Cow::Owned(Expr { kind: ExprKind::State(StateId(i)), span: s.span }))
        .collect();
    for (state, value) in assignments {
        all[state.0 as usize] = Cow::Borrowed(value);
    }
    all
}

/// The expressions inside a noise model, in order of writing.
pub(crate) fn noise_arguments(noise: &Noise) -> impl Iterator<Item = &Expr> {
    let (a, b) = match noise {
        Noise::LeastSquares | Noise::Poisson | Noise::Bernoulli | Noise::Categorical => {
            (None, None)
        }
        Noise::Normal(a)
        | Noise::LogNormal(a)
        | Noise::Laplace(a)
        | Noise::NegativeBinomial(a)
        | Noise::Binomial(a) => (Some(a), None),
        Noise::StudentT(a, b) => (Some(a), Some(b)),
    };
    a.into_iter().chain(b)
}
