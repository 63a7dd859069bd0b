//! What a model declares, and where each name leads.

use crate::Span;
use crate::syntax::Text;
use crate::syntax::{
    Assignment, ConstItem, Declarator, Direction, Expression, Loop, Name, OptionExpression,
    ParamItem, Species, Statement,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What a name stands for; the numbers index [`Declarations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Time,
    State(usize),
    Param(usize),
    Const(usize),
    Let(usize),
    Function(usize),
    Network(usize),
    Observation,
    /// A forcing signal.
    Input(usize),
    /// A Wiener process.
    Noise(usize),
    Reaction,
    /// Something that has been reported.
    Later(&'static str),
}

impl Kind {
    /// With its article, for messages.
    pub(super) fn article(self) -> &'static str {
        match self {
            Kind::Time => "time",
            Kind::State(_) => "a state",
            Kind::Param(_) => "a parameter",
            Kind::Const(_) => "a constant",
            Kind::Let(_) => "a named expression",
            Kind::Function(_) => "a function",
            Kind::Network(_) => "a network",
            Kind::Observation => "an observation",
            Kind::Input(_) => "an input",
            Kind::Noise(_) => "a noise",
            Kind::Reaction => "a reaction",
            Kind::Later(what) => what,
        }
    }
}

/// First and last value of each index of an array; of none for a single quantity.
pub(super) type Shape = Rc<[(i64, i64)]>;

/// Number of elements.
pub(super) fn elements(shape: &[(i64, i64)]) -> usize {
    shape.iter().map(|(first, last)| (last - first + 1).max(0) as usize).product()
}

/// Where the elements of a declared state or param are.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub first: u32,
    /// `None` when its size could not be worked out, which has been reported.
    pub shape: Option<Shape>,
}

impl Placed {
    pub(super) fn is_array(&self) -> bool {
        self.shape.as_ref().is_none_or(|shape| !shape.is_empty())
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    pub kind: Kind,
    pub span: Span,
    pub used: bool,
}

#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    pub table: BTreeMap<&'a str, Symbol>,
    /// States of higher order by name and number of primes.
    pub derivatives: BTreeMap<(&'a str, u32), usize>,
}

/// A declared state.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateEntry<'a> {
    pub target: &'a Declarator,
    pub initial: Option<&'a Expression>,
    pub unit: Option<&'a Text>,
    pub bounds: Option<&'a (Expression, Expression)>,
    pub positive: bool,
    pub fit: bool,
    pub algebraic: bool,
    pub span: Span,
}

#[derive(Debug)]
pub(super) struct LetItem<'a> {
    pub target: &'a Declarator,
    pub value: &'a Expression,
    pub span: Span,
}

#[derive(Debug)]
pub(super) struct FunctionItem<'a> {
    pub name: &'a Name,
    pub arguments: &'a [Name],
    pub body: &'a Expression,
}

#[derive(Debug)]
pub(super) struct NetworkItem<'a> {
    pub name: &'a Name,
    pub kind: &'a Name,
    pub options: &'a [(Name, OptionExpression)],
    pub span: Span,
}

#[derive(Debug)]
pub(super) struct ObservationItem<'a> {
    pub target: &'a Declarator,
    pub value: &'a Expression,
    pub unit: Option<&'a Text>,
    pub noise: Option<&'a crate::syntax::Applied>,
    pub span: Span,
}

#[derive(Debug)]
pub(super) struct EquationItem<'a> {
    /// State that is differentiated.
    pub name: &'a str,
    /// Number of primes.
    pub order: u32,
    /// `u[i]' = …`: which elements.
    pub indices: Option<&'a [Expression]>,
    pub loops: &'a [Loop],
    pub right: &'a Expression,
    pub left_span: Span,
    pub span: Span,
}

/// An equation that does not give one derivative by itself: `0 = …`, `a' + b' = …`.
#[derive(Debug, Clone, Copy)]
pub(super) struct GeneralItem<'a> {
    pub left: &'a Expression,
    pub right: &'a Expression,
    pub loops: &'a [Loop],
    pub span: Span,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryItem<'a> {
    pub target: &'a Declarator,
    pub value: &'a Expression,
    pub span: Span,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct InputItem<'a> {
    pub name: &'a Name,
    pub column: &'a Text,
    pub interpolation: Option<&'a Name>,
    pub unit: Option<&'a Text>,
    pub span: Span,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct NoiseItem<'a> {
    pub target: &'a Declarator,
    pub stratonovich: bool,
    pub correlated: Option<&'a (Name, Expression)>,
    pub span: Span,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HamiltonianItem<'a> {
    pub name: &'a Name,
    pub arguments: &'a [Name],
    pub body: &'a Expression,
    pub span: Span,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ReactionItem<'a> {
    pub name: &'a Name,
    pub left: &'a [Species],
    pub right: &'a [Species],
    pub rates: &'a [Expression],
    pub span: Span,
}

/// When an event or jump happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum When<'a> {
    Crossing { expression: &'a Expression, level: &'a Expression, direction: Direction },
    At(&'a Expression),
    Every { period: &'a Expression, from: Option<&'a Expression>, count: Option<&'a Expression> },
    Jump { rate: &'a Expression, bound: Option<&'a Expression>, lasting: Option<&'a Expression> },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct EventItem<'a> {
    pub when: When<'a>,
    pub assignments: &'a [Assignment],
    pub stop: bool,
    pub span: Span,
}

#[derive(Debug, Default)]
pub(super) struct Declarations<'a> {
    pub title: Option<&'a Statement>,
    pub time: Option<(&'a Name, Option<&'a Text>, Option<&'a Expression>)>,
    pub states: Vec<StateEntry<'a>>,
    pub params: Vec<(&'a ParamItem, Span)>,
    pub constants: Vec<(&'a ConstItem, Span)>,
    pub lets: Vec<LetItem<'a>>,
    pub functions: Vec<FunctionItem<'a>>,
    pub networks: Vec<NetworkItem<'a>>,
    pub observations: Vec<ObservationItem<'a>>,
    pub equations: Vec<EquationItem<'a>>,
    pub general: Vec<GeneralItem<'a>>,
    pub histories: Vec<HistoryItem<'a>>,
    pub inputs: Vec<InputItem<'a>>,
    pub noises: Vec<NoiseItem<'a>>,
    pub hamiltonians: Vec<HamiltonianItem<'a>>,
    pub reactions: Vec<ReactionItem<'a>>,
    /// Events and jumps in order.
    pub events: Vec<EventItem<'a>>,
    /// States under a prime in equations that do not give one derivative by itself.
    pub implicit: BTreeSet<&'a str>,
    /// States that reactions, jumps or a Hamiltonian change, and that need no equation.
    pub changed: BTreeSet<&'a str>,
    /// States in an equation that has been reported.
    pub excused: Vec<&'a str>,
}
