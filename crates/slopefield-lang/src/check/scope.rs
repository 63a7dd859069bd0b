//! What a model declares, and where each name leads.

use crate::Span;
use crate::syntax::Text;
use crate::syntax::{
    ConstItem, Declarator, Expression, Loop, Name, OptionExpression, ParamItem, StateItem,
    Statement,
};
use std::collections::BTreeMap;
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
    /// Declared by a statement that this version does not run, and has been reported.
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

#[derive(Debug, Default)]
pub(super) struct Declarations<'a> {
    pub title: Option<&'a Statement>,
    pub time: Option<(&'a Name, Option<&'a Text>, Option<&'a Expression>)>,
    pub states: Vec<(&'a StateItem, Span)>,
    pub params: Vec<(&'a ParamItem, Span)>,
    pub constants: Vec<(&'a ConstItem, Span)>,
    pub lets: Vec<LetItem<'a>>,
    pub functions: Vec<FunctionItem<'a>>,
    pub networks: Vec<NetworkItem<'a>>,
    pub observations: Vec<ObservationItem<'a>>,
    pub equations: Vec<EquationItem<'a>>,
    /// States that stand under a prime in an equation that this version does not run.
    pub equations_later: Vec<&'a str>,
}
