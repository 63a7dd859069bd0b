//! The index of differential-algebraic equations, and its reduction to 1.
//!
//! The algebraic equations `0 = g(t, x, y)` of `x' = f(t, x, y)` have index 1 when they determine
//! the algebraic unknowns y. Where they cannot, by which unknowns stand in which equation, the
//! smallest set of equations with too few unknowns is differentiated by time, as Pantelides does
//! (SIAM J. Sci. Stat. Comput. 9 (1988) 213, doi:10.1137/0909014): `ġ = g_t + g_x f + g_y y'`. The
//! derivatives of unknowns that appear become unknowns of their own, determined by the differentiated
//! equations; the equation that had no unknown left becomes an invariant, which holds along
//! every solution that starts on it. No state stops being one: choosing some to follow from the
//! invariants (dummy derivatives) has points where the choice is singular, as the bottom of the swing
//! is for a pendulum that starts level.
//!
//! Of equations that compete for unknowns any may be the invariant; [`leftover`] chooses one such that
//! the others determine their unknowns at the start.

mod leftover;

use crate::Span;
use crate::check::{MAX_EXPANDED, MAX_RESOLVED_HEIGHT};
use crate::derivative::{
    MAX_TOTAL, NotDifferentiable, Variable, add, derivative_within, measure, mul, number, sub,
};
use crate::evaluate::{Values, evaluate_initial};
use crate::model::{Expr, ExprKind, Model, StateId};
use crate::reads::{Reader, Reads, reads};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Most algebraic equations whose structure is looked at.
const MAX_EQUATIONS: usize = 20_000;
/// Most places of states in equations.
const MAX_INCIDENCE: usize = 2_000_000;
/// Most times one equation is differentiated, and all together.
const MAX_ORDER: u32 = 12;
const MAX_DIFFERENTIATIONS: usize = 2_000;
/// Most equations that compete for unknowns whose values are looked at,
const MAX_COMPETING: usize = 100;
/// and most operations that their derivatives make, all together.
const MAX_LOOKING: u32 = 200_000;

/// Why the index cannot be reduced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum IndexError {
    /// The equations at this place do not determine these unknowns, however often they are
    /// differentiated.
    Singular(Span),
    /// An equation that has to be differentiated has no derivative.
    NotDifferentiable(Span, NotDifferentiable),
    /// An equation that has to be differentiated depends on delayed values or noise; what.
    Beyond(Span, &'static str),
}

/// An equation in the course of the reduction.
struct Equation {
    value: Expr,
    /// Where the equation it comes from stands.
    span: Span,
    /// How often that has been differentiated.
    order: u32,
    /// Unknowns in it.
    unknowns: Vec<usize>,
    is_differentiated: bool,
}

/// An algebraic unknown: a state of the model, or one that is added.
struct Unknown {
    state: u32,
    name: String,
    derivative: Option<usize>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reduction {
    /// Equation of each algebraic state, by state, and where it stands.
    pub equations: Vec<(u32, Expr, Span)>,
    /// Right-hand sides that are new, by state.
    pub slopes: Vec<(u32, Expr)>,
    /// Names of algebraic states that are added behind the last one.
    pub added: Vec<(String, Span)>,
    /// What is 0 along every solution; where the equation stands, and its derivatives taken.
    pub invariants: Vec<(Expr, Span, u32)>,
    /// The index before.
    pub index: u32,
    /// Which equations were differentiated, and how often.
    pub differentiated: Vec<(Span, u32)>,
}

/// What is known of the index of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Index {
    /// There are no algebraic states, or their equations determine them.
    One,
    /// The model is too large to tell.
    Unknown,
    /// It was above 1.
    Reduced(Reduction),
}

/// Reduces the index of a model to 1.
pub(crate) fn reduce(model: &Model) -> Result<Index, IndexError> {
    let algebraic = model.states.iter().filter(|s| s.algebraic).count();
    if algebraic == 0 {
        return Ok(Index::One);
    }
    if algebraic > MAX_EQUATIONS {
        return Ok(Index::Unknown);
    }
    let mut system = System::new(model);
    if !system.is_known {
        return Ok(Index::Unknown);
    }
    let mut count = 0;
    loop {
        let matching = match system.matching() {
            Ok(matching) => matching,
            Err(mut unmatched) => {
                let span = system.equations[system.active[unmatched.equation]].span;
                if !model.delays.is_empty() {
                    return Err(IndexError::Beyond(span, "delays"));
                }
                if !model.inputs.is_empty() {
                    return Err(IndexError::Beyond(span, "inputs"));
                }
                let rows = system.slopes.keys();
                if rows.into_iter().any(|row| !model.states[*row as usize].noise.is_empty()) {
                    return Err(IndexError::Beyond(span, "noise in a mass matrix"));
                }
                count += 1;
                if count > MAX_DIFFERENTIATIONS {
                    return Err(IndexError::Singular(span));
                }
                unmatched.equation = system.left_over(&unmatched);
                system.differentiate(&unmatched)?;
                if !system.is_known {
                    let why = NotDifferentiable::TooLarge(span);
                    return Err(IndexError::NotDifferentiable(span, why));
                }
                continue;
            }
        };
        return Ok(match count {
            0 => Index::One,
            _ => Index::Reduced(system.finish(&matching)),
        });
    }
}

/// Equations that cannot all be given unknowns.
struct Unmatched {
    /// Place among the active ones that is left over.
    equation: usize,
    /// Those that compete with it for unknowns, itself included.
    equations: Vec<usize>,
    /// The unknowns they compete for.
    unknowns: Vec<usize>,
}

struct System<'m> {
    model: &'m Model,
    unknowns: Vec<Unknown>,
    /// Unknown of a state.
    unknown_of: HashMap<u32, usize>,
    equations: Vec<Equation>,
    /// Equations that determine unknowns.
    active: Vec<usize>,
    invariants: Vec<usize>,
    /// Right-hand sides of states with rows of a mass matrix.
    slopes: BTreeMap<u32, Expr>,
    added: Vec<(String, Span)>,
    is_known: bool,
    /// Nodes of the derivatives so far.
    size: usize,
    /// Places of states in equations so far.
    incidence: usize,
    /// Operations that derivatives may still make.
    left: u32,
    /// The same for those that tell which equation is left over.
    looking: u32,
    reader: Reader<'m>,
}

impl<'m> System<'m> {
    fn new(model: &'m Model) -> System<'m> {
        let mut system = System {
            model,
            unknowns: Vec::new(),
            unknown_of: HashMap::new(),
            equations: Vec::new(),
            active: Vec::new(),
            invariants: Vec::new(),
            slopes: BTreeMap::new(),
            added: Vec::new(),
            is_known: true,
            size: 0,
            incidence: 0,
            left: MAX_TOTAL,
            looking: MAX_LOOKING,
            reader: Reader::new(model),
        };
        for (state, item) in (0u32..).zip(&model.states) {
            if item.algebraic {
                system.unknown(state, item.name.clone());
            }
        }
        let rows = system.mass_rows();
        for row in rows.keys() {
            // `Σ m x' = f` becomes `x' = w`, `0 = f − Σ m w`.
            let span = model.states[*row as usize].equation_span;
            let name = format!("{}'", model.states[*row as usize].name);
            let w = system.add_state(name, span);
            let state = system.unknowns[w].state;
            system.slopes.insert(*row, Expr { kind: ExprKind::State(StateId(state)), span });
        }
        for (state, item) in (0u32..).zip(&model.states) {
            let span = item.equation_span;
            if item.algebraic {
                system.equation(item.derivative.clone(), span, 0);
            } else if let Some(row) = rows.get(&state) {
                let mut value = item.derivative.clone();
                for (column, factor) in row {
                    let slope = system.slope(*column);
                    value = sub(value, mul(factor.clone(), slope, span), span);
                }
                system.equation(value, span, 0);
            }
        }
        system
    }

    /// Rows of the mass matrix that are not those of the identity.
    fn mass_rows(&self) -> BTreeMap<u32, Vec<(u32, Expr)>> {
        let mut rows: BTreeMap<u32, Vec<(u32, Expr)>> = BTreeMap::new();
        let entries = self.model.mass.iter().flat_map(|m| &m.entries);
        for (row, column, value) in entries {
            rows.entry(*row).or_default().push((*column, value.clone()));
        }
        rows.retain(|row, entries| {
            let is_one = |e: &Expr| matches!(e.kind, ExprKind::Number(1.0));
            !matches!(entries.as_slice(), [(column, e)] if column == row && is_one(e))
        });
        rows
    }

    fn unknown(&mut self, state: u32, name: String) -> usize {
        self.unknown_of.insert(state, self.unknowns.len());
        self.unknowns.push(Unknown { state, name, derivative: None });
        self.unknowns.len() - 1
    }

    fn add_state(&mut self, name: String, span: Span) -> usize {
        // Behind inputs and delayed values, where there are any; systems with those are not reduced.
        let state = (self.model.variables() + self.added.len()) as u32;
        self.added.push((name.clone(), span));
        self.unknown(state, name)
    }

    /// `x'` of a state that is no unknown.
    fn slope(&self, state: u32) -> Expr {
        match self.slopes.get(&state) {
            Some(slope) => slope.clone(),
            None => self.model.states[state as usize].derivative.clone(),
        }
    }

    fn equation(&mut self, value: Expr, span: Span, order: u32) -> usize {
        let read = if self.is_known { self.reader.reads(&value) } else { Reads::default() };
        self.incidence += read.states.len();
        self.is_known = self.is_known && !read.unknown && self.incidence <= MAX_INCIDENCE;
        let unknowns = read.states.iter().filter_map(|s| self.unknown_of.get(s).copied());
        let unknowns = unknowns.collect();
        self.active.push(self.equations.len());
        self.equations.push(Equation { value, span, order, unknowns, is_differentiated: false });
        self.equations.len() - 1
    }

    /// An unknown for each active equation, or those that have too few.
    fn matching(&self) -> Result<Vec<usize>, Unmatched> {
        let mut equation_of: Vec<Option<usize>> = vec![None; self.unknowns.len()];
        let mut unknown_of: Vec<Option<usize>> = vec![None; self.active.len()];
        for place in 0..self.active.len() {
            // The shortest way to an unknown that is free, over equations that can give theirs up.
            let mut from: BTreeMap<usize, usize> = BTreeMap::new();
            let mut seen = BTreeSet::from([place]);
            let mut queue = VecDeque::from([place]);
            let mut free = None;
            'search: while let Some(at) = queue.pop_front() {
                for &unknown in &self.equations[self.active[at]].unknowns {
                    if from.contains_key(&unknown) {
                        continue;
                    }
                    from.insert(unknown, at);
                    match equation_of[unknown] {
                        None => {
                            free = Some(unknown);
                            break 'search;
                        }
                        Some(next) => {
                            if seen.insert(next) {
                                queue.push_back(next);
                            }
                        }
                    }
                }
            }
            let Some(mut unknown) = free else {
                return Err(Unmatched {
                    equation: place,
                    equations: seen.into_iter().collect(),
                    unknowns: from.into_keys().collect(),
                });
            };
            loop {
                let at = from[&unknown];
                equation_of[unknown] = Some(at);
                match unknown_of[at].replace(unknown) {
                    Some(before) if at != place => unknown = before,
                    _ => break,
                }
            }
        }
        Ok(unknown_of.into_iter().flatten().collect())
    }

    /// The place among the active equations of the one that becomes an invariant.
    fn left_over(&mut self, unmatched: &Unmatched) -> usize {
        let chosen = self.derivatives_at_start(unmatched).and_then(|rows| {
            let usual = unmatched.equations.iter().position(|i| *i == unmatched.equation)?;
            unmatched.equations.get(leftover::dispensable(rows, usual)).copied()
        });
        chosen.unwrap_or(unmatched.equation)
    }

    /// Derivatives of the equations that compete by the unknowns that they compete for, where the
    /// search for consistent values begins; `None` where that takes too long.
    fn derivatives_at_start(&mut self, unmatched: &Unmatched) -> Option<Vec<Vec<f64>>> {
        let count = unmatched.unknowns.len();
        if count > MAX_COMPETING || unmatched.equations.len() != count + 1 {
            return None;
        }
        let params: Vec<f64> = self.model.params.iter().map(|p| p.value).collect();
        let mut start = evaluate_initial(self.model, &params);
        // What is added begins at 0.
        start.resize(self.model.variables() + self.added.len(), 0.0);
        let mut values = Values::new(self.model, self.model.time.start, &start, &params);
        let mut rows = vec![vec![0.0; count]; count + 1];
        for (row, place) in rows.iter_mut().zip(&unmatched.equations) {
            let equation = &self.equations[self.active[*place]];
            for (entry, unknown) in row.iter_mut().zip(&unmatched.unknowns) {
                if equation.unknowns.contains(unknown) {
                    let by = Variable::State(StateId(self.unknowns[*unknown].state));
                    let (model, looking) = (self.model, &mut self.looking);
                    let slope = derivative_within(model, &equation.value, by, looking).ok()?;
                    *entry = values.value(&slope);
                }
            }
        }
        Some(rows)
    }

    /// Differentiates equations that have too few unknowns.
    fn differentiate(&mut self, unmatched: &Unmatched) -> Result<(), IndexError> {
        let left = self.active[unmatched.equation];
        for &unknown in &unmatched.unknowns {
            if self.unknowns[unknown].derivative.is_none() {
                let name = format!("{}'", self.unknowns[unknown].name);
                let span = self.equations[left].span;
                self.unknowns[unknown].derivative = Some(self.add_state(name, span));
            }
        }
        let chosen: Vec<usize> = unmatched.equations.iter().map(|i| self.active[*i]).collect();
        for index in chosen {
            if std::mem::replace(&mut self.equations[index].is_differentiated, true) {
                continue;
            }
            let Equation { span, order, .. } = self.equations[index];
            if order >= MAX_ORDER {
                return Err(IndexError::Singular(span));
            }
            let value = self.total(index)?;
            if matches!(value.kind, ExprKind::Number(_)) {
                return Err(IndexError::Singular(span));
            }
            let (height, size) = measure(&value);
            self.size += size;
            if height > MAX_RESOLVED_HEIGHT || self.size > MAX_EXPANDED {
                let why = NotDifferentiable::TooLarge(span);
                return Err(IndexError::NotDifferentiable(span, why));
            }
            self.equation(value, span, order + 1);
        }
        self.active.retain(|index| *index != left);
        self.invariants.push(left);
        Ok(())
    }

    /// The derivative of an equation by time.
    fn total(&mut self, index: usize) -> Result<Expr, IndexError> {
        let Equation { value, span, .. } = &self.equations[index];
        let mut left = self.left;
        let wrong = |why| IndexError::NotDifferentiable(*span, why);
        let mut sum =
            derivative_within(self.model, value, Variable::Time, &mut left).map_err(wrong)?;
        for state in reads(self.model, value).states {
            let by = Variable::State(StateId(state));
            let factor = derivative_within(self.model, value, by, &mut left).map_err(wrong)?;
            let slope = match self.unknown_of.get(&state) {
                Some(unknown) => match self.unknowns[*unknown].derivative {
                    Some(w) => {
                        let id = StateId(self.unknowns[w].state);
                        Expr { kind: ExprKind::State(id), span: *span }
                    }
                    None => number(0.0, *span),
                },
                None => {
                    if !self.model.states[state as usize].noise.is_empty() {
                        return Err(IndexError::Beyond(*span, "states with noise"));
                    }
                    self.slope(state)
                }
            };
            sum = add(sum, mul(factor, slope, *span), *span);
        }
        self.left = left;
        Ok(sum)
    }

    fn finish(&self, matching: &[usize]) -> Reduction {
        let equations = self.active.iter().zip(matching).map(|(index, unknown)| {
            let equation = &self.equations[*index];
            (self.unknowns[*unknown].state, equation.value.clone(), equation.span)
        });
        let invariants = self.invariants.iter().map(|index| {
            let Equation { value, span, order, .. } = &self.equations[*index];
            (value.clone(), *span, *order)
        });
        let mut differentiated: BTreeMap<Span, u32> = BTreeMap::new();
        for equation in self.equations.iter().filter(|e| e.order > 0) {
            let most = differentiated.entry(equation.span).or_default();
            *most = equation.order.max(*most);
        }
        Reduction {
            equations: equations.collect(),
            slopes: self.slopes.iter().map(|(state, e)| (*state, e.clone())).collect(),
            added: self.added.clone(),
            invariants: invariants.collect(),
            index: 1 + differentiated.values().copied().max().unwrap_or(0),
            differentiated: differentiated.into_iter().collect(),
        }
    }
}
