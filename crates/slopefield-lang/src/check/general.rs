//! Equations that do not give one derivative by itself: algebraic ones and mass matrices.
//!
//! Each is taken apart into `Σ m_k x_k' = f`. One derivative alone is divided by its factor; no
//! derivative makes an algebraic equation, which is given to an algebraic state; several make a row
//! of the mass matrix.

use super::Checker;
use super::equation::Part;
use super::expression::{Context, Scope, count};
use super::scope::{GeneralItem, Kind, elements};
use super::symbols::{Linear, SLOPES, measured};
use crate::model::{Expr, ExprKind, Mass, element_name};
use crate::syntax::{Expression, ExpressionKind as K};
use crate::{Binary, Diagnostic, Span, Unary};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// One scalar equation: factors of derivatives, and what stands on the other side.
struct Row {
    terms: Vec<(u32, Expr)>,
    part: Part,
    span: Span,
}

/// Most equations whose place in the mass matrix is looked for by exchanging others.
const MAX_MATCHED: usize = 4096;

impl<'a> Checker<'a> {
    pub(super) fn general_equations(&mut self) {
        let mut rows = Vec::new();
        let mut broken = false;
        for item in self.declared.general.clone() {
            match self.rows_of(item) {
                Some(found) => rows.extend(found),
                None => broken = true,
            }
        }
        if broken {
            return; // counts of equations would mislead
        }
        self.place_rows(rows);
    }

    fn rows_of(&mut self, item: GeneralItem<'a>) -> Option<Vec<Row>> {
        self.is_equation(item.left)?;
        let outside = Scope::new(Context::Implicit);
        let entered = match item.loops {
            [] => None,
            loops => Some(self.enter_loops(loops, &outside)?),
        };
        let scope = match &entered {
            None => outside,
            Some(e) => Scope { locals: &e.locals, lanes: Some(&e.lanes), ..outside },
        };
        let lanes = entered.as_ref().map(|e| e.lanes.count);
        let (left, right) = (self.scalar(item.left, &scope), self.scalar(item.right, &scope));
        let (left, right) = (self.linear(left?.expr), self.linear(right?.expr));
        let (left, right) = (without_zero(left?), without_zero(right?));
        let derivatives = |linear: &Linear| Linear {
            rest: None,
            terms: linear.terms.iter().filter(|(s, _)| !s.is_noise()).cloned().collect(),
        };
        let others = |linear: &Linear| Linear {
            rest: linear.rest.clone(),
            terms: linear.terms.iter().filter(|(s, _)| s.is_noise()).cloned().collect(),
        };
        let span = item.span;
        let slopes = self.combined(Binary::Sub, derivatives(&left), derivatives(&right), span)?;
        let rest = self.combined(Binary::Sub, others(&right), others(&left), span)?;
        let parts = self.parts(rest, lanes, span)?;
        let mut rows: Vec<Row> =
            parts.into_iter().map(|part| Row { terms: Vec::new(), part, span }).collect();
        for (symbols, factor) in slopes.terms {
            let factors = self.spread_out(factor, lanes);
            for (lane, factor) in factors.into_iter().enumerate() {
                let state = symbols.at(lane) - SLOPES;
                let terms = &mut rows[lane].terms;
                match terms.iter().position(|(s, _)| *s == state) {
                    Some(at) => {
                        let before = measured(terms[at].1.clone());
                        let sum = self.binary(Binary::Add, before, measured(factor), span)?;
                        rows[lane].terms[at].1 = sum.expr;
                    }
                    None => terms.push((state, factor)),
                }
            }
        }
        for row in &mut rows {
            row.terms.sort_by_key(|(state, _)| *state);
            row.terms.retain(|(_, factor)| !matches!(factor.kind, ExprKind::Number(x) if x == 0.0));
        }
        Some(rows)
    }

    /// `y = …` is an equation only of an algebraic state.
    fn is_equation(&mut self, left: &Expression) -> Option<()> {
        let K::Name(name) = &left.kind else { return Some(()) };
        if let Some(Kind::State(index)) = self.names.table.get(name.as_str()).map(|s| s.kind)
            && self.declared.states[index].algebraic
        {
            return Some(());
        }
        let message = format!("`{name} = …` is no equation");
        let hint =
            format!("write `{name}' = …` for a state, `let {name} = …` for a named expression");
        self.error_hint("not-an-equation", left.span, message, hint);
        None
    }

    /// Gives each equation to a state.
    fn place_rows(&mut self, rows: Vec<Row>) {
        let (differential, algebraic) = self.open_states();
        let mut open: HashSet<u32> = differential.iter().copied().collect();
        let (mut mass_rows, mut algebraic_rows) = (Vec::new(), Vec::new());
        for row in rows {
            match row.terms.as_slice() {
                [] => algebraic_rows.push(row),
                [(state, _)] if open.remove(state) => {
                    let state = *state;
                    self.divided(state, row);
                }
                _ => mass_rows.push(row),
            }
        }
        if let Some(row) = algebraic_rows.iter().find(|row| !row.part.noise.is_empty()) {
            let message = "white noise cannot stand in an algebraic equation";
            let hint = "give it to the equation of a state";
            self.error_hint("misplaced-noise", row.span, message, hint);
            return;
        }
        let differential: Vec<u32> =
            differential.into_iter().filter(|state| open.contains(state)).collect();
        let wanted = (differential.len(), algebraic.len());
        let given = (mass_rows.len(), algebraic_rows.len());
        if wanted != given {
            return self.unbalanced(&differential, &algebraic, &mass_rows, &algebraic_rows);
        }
        for (state, row) in algebraic.into_iter().zip(algebraic_rows) {
            self.resolution.given.insert(state, (row.part, row.span));
        }
        for row in &mass_rows {
            for (state, factor) in &row.terms {
                if !self.uses(factor).is_constant() {
                    let name = self.symbol_name(state + SLOPES);
                    let message = format!(
                        "the factor of `{name}` depends on time or states, which a mass matrix \
                         cannot do"
                    );
                    let hint = format!(
                        "solve the equation for `{name}`, or name the other derivatives with \
                         `algebraic` variables"
                    );
                    self.error_hint("wrong-mass", factor.span, message, hint);
                    return;
                }
            }
        }
        let places = matched(&mass_rows, &differential);
        for (row, state) in mass_rows.into_iter().zip(places) {
            self.resolution.given.insert(state, (row.part, row.span));
            self.resolution.mass_rows.insert(state, row.terms);
        }
    }

    /// States whose equation is not of the form `x' = …`, and algebraic states, by number.
    fn open_states(&self) -> (Vec<u32>, Vec<u32>) {
        let (mut differential, mut algebraic) = (Vec::new(), Vec::new());
        for (item, placed) in self.declared.states.iter().zip(&self.resolution.states) {
            let Some(shape) = &placed.shape else { continue };
            let name = item.target.name.text.as_str();
            let all = placed.first..placed.first + elements(shape) as u32;
            if item.algebraic {
                algebraic.extend(all);
                continue;
            }
            let highest = item.target.order + 1 == self.highest_order(name);
            let own = self.resolution.equation_of.contains_key(name);
            if !highest || own || !self.declared.implicit.contains(name) {
                continue;
            }
            match self.resolution.covered.get(name) {
                Some(covered) => {
                    let slots = all.zip(&covered.elements);
                    differential.extend(slots.filter(|(_, s)| s.is_none()).map(|(i, _)| i));
                }
                None => differential.extend(all),
            }
        }
        (differential, algebraic)
    }

    /// One derivative alone: the rest is divided by its factor.
    fn divided(&mut self, state: u32, row: Row) -> Option<()> {
        let Row { terms, part, span } = row;
        let factor = measured(terms.into_iter().next()?.1);
        let over = |this: &mut Self, e: Expr| match factor.number() {
            Some(1.0) => Some(e),
            Some(-1.0) => this.unary(Unary::Neg, measured(e), span).map(|b| b.expr),
            _ => {
                let factor = this.copy(&factor, span)?;
                this.binary(Binary::Div, measured(e), factor, span).map(|b| b.expr)
            }
        };
        let rest = over(self, part.rest)?;
        let mut noise = Vec::with_capacity(part.noise.len());
        for (source, e) in part.noise {
            noise.push((source, over(self, e)?));
        }
        self.resolution.given.insert(state, (Part { rest, noise }, span));
        Some(())
    }

    /// Says which kind of equation is missing or too many.
    fn unbalanced(
        &mut self,
        differential: &[u32],
        algebraic: &[u32],
        mass_rows: &[Row],
        algebraic_rows: &[Row],
    ) {
        let spare = algebraic_rows.len() > algebraic.len();
        if mass_rows.len() < differential.len() {
            let (names, at) = self.state_names(differential);
            let missing = differential.len() - mass_rows.len();
            let message = format!(
                "{names} stand in equations with several derivatives, and {} missing",
                number_of(missing, "one such equation is", "such equations are")
            );
            let hint = if spare {
                "what an algebraic equation determines is declared `algebraic`"
            } else {
                "add an equation with their derivatives"
            };
            self.error_hint("missing-equation", at, message, hint);
        }
        if algebraic_rows.len() < algebraic.len() {
            let (names, at) = self.state_names(algebraic);
            let missing = algebraic.len() - algebraic_rows.len();
            let message = format!(
                "the algebraic variables {names} have {}: {} missing",
                count(algebraic_rows.len(), "algebraic equation"),
                number_of(missing, "one is", "are")
            );
            let hint = "add an equation such as `0 = …`, or make the variable a `state`";
            self.error_hint("missing-equation", at, message, hint);
        }
        if mass_rows.len() > differential.len() {
            let row = &mass_rows[differential.len()];
            let message = "there are more equations with derivatives than states".to_owned();
            let hint = "every state has exactly one equation";
            self.report(Diagnostic::error("duplicate-equation", row.span, message).hint(hint));
        }
        if spare {
            self.resolution.spare_algebraic = true;
            let row = &algebraic_rows[algebraic.len()];
            let message = format!(
                "there {}, but {}",
                match algebraic_rows.len() {
                    1 => "is 1 algebraic equation".to_owned(),
                    n => format!("are {n} algebraic equations"),
                },
                count(algebraic.len(), "algebraic variable")
            );
            let hint = "declare the variable that it determines as `algebraic y = guess`";
            self.error_hint("duplicate-equation", row.span, message, hint);
        }
    }

    /// Names of some states for a message, and the declaration of the first.
    fn state_names(&self, list: &[u32]) -> (String, Span) {
        let mut at = Span::default();
        let mut names = Vec::new();
        for state in list.iter().take(4) {
            for (item, placed) in self.declared.states.iter().zip(&self.resolution.states) {
                let Some(shape) = &placed.shape else { continue };
                if !(placed.first..placed.first + elements(shape) as u32).contains(state) {
                    continue;
                }
                if names.is_empty() {
                    at = item.span;
                }
                let name = super::declare::primed(&item.target.name.text, item.target.order);
                names.push(match shape.is_empty() {
                    true => format!("`{name}`"),
                    false => {
                        format!("`{}`", element_name(&name, shape, (state - placed.first) as usize))
                    }
                });
            }
        }
        if list.len() > names.len() {
            names.push("others".to_owned());
        }
        (names.join(", "), at)
    }

    /// The mass matrix, once all states are there.
    pub(super) fn mass(&mut self) {
        let algebraic = self.model.states.iter().any(|s| s.algebraic);
        if self.resolution.mass_rows.is_empty() && !algebraic {
            return;
        }
        let mut entries: BTreeMap<(u32, u32), Expr> = BTreeMap::new();
        for (row, state) in (0..).zip(&self.model.states) {
            match self.resolution.mass_rows.remove(&row) {
                Some(terms) => {
                    entries.extend(terms.into_iter().map(|(column, e)| ((column, row), e)));
                }
                None if state.algebraic => {}
                None => {
                    let one = Expr { kind: ExprKind::Number(1.0), span: state.equation_span };
                    entries.insert((row, row), one);
                }
            }
        }
        let entries = entries.into_iter().map(|((column, row), e)| (row, column, e)).collect();
        self.model.mass = Some(Mass { entries });
    }
}

fn without_zero(mut linear: Linear) -> Linear {
    linear.rest = linear.rest.filter(|rest| rest.number() != Some(0.0));
    linear
}

fn number_of(n: usize, one: &str, many: &str) -> String {
    match n {
        1 => one.to_owned(),
        n => format!("{n} {many}"),
    }
}

/// A state for each row, where possible one whose derivative stands in it.
fn matched(rows: &[Row], states: &[u32]) -> Vec<u32> {
    let place: HashMap<u32, usize> = states.iter().enumerate().map(|(i, s)| (*s, i)).collect();
    let columns: Vec<Vec<usize>> = rows
        .iter()
        .map(|row| row.terms.iter().filter_map(|(s, _)| place.get(s).copied()).collect())
        .collect();
    let mut row_of: Vec<Option<usize>> = vec![None; states.len()];
    let mut column_of: Vec<Option<usize>> = vec![None; rows.len()];
    for (row, list) in columns.iter().enumerate() {
        if let Some(column) = list.iter().copied().find(|c| row_of[*c].is_none()) {
            row_of[column] = Some(row);
            column_of[row] = Some(column);
        }
    }
    if rows.len() <= MAX_MATCHED {
        for row in 0..rows.len() {
            if column_of[row].is_none() {
                exchange(row, &columns, &mut row_of, &mut column_of);
            }
        }
    }
    // The rest have no derivative of their own left: the matrix is singular.
    let mut left = (0..states.len()).filter(|c| row_of[*c].is_none());
    let left: Vec<usize> = left.by_ref().collect();
    let mut left = left.into_iter();
    let places = column_of.into_iter().map(|column| column.or_else(|| left.next()).unwrap_or(0));
    places.map(|column| states[column]).collect()
}

/// Finds a column for a row by moving others along the shortest way.
pub(super) fn exchange(
    row: usize,
    columns: &[Vec<usize>],
    row_of: &mut [Option<usize>],
    column_of: &mut [Option<usize>],
) -> bool {
    let mut from: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([row]);
    while let Some(at) = queue.pop_front() {
        for &column in &columns[at] {
            if from.contains_key(&column) {
                continue;
            }
            from.insert(column, at);
            match row_of[column] {
                Some(next) => queue.push_back(next),
                None => {
                    let mut column = column;
                    loop {
                        let at = from[&column];
                        let before = column_of[at].replace(column);
                        row_of[column] = Some(at);
                        match before {
                            Some(before) if at != row => column = before,
                            _ => return true,
                        }
                    }
                }
            }
        }
    }
    false
}
