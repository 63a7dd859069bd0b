//! Syntax tree to checked model: names, functions, constants, equations, units.
//!
//! A finding never stops the check: what could not be resolved becomes NaN in a model that is
//! marked incomplete, and is reported once.

mod array;
mod build;
mod classify;
pub(crate) use classify::classification;
mod declare;
mod delay;
mod elements;
mod equation;
mod event;
mod expression;
mod facts;
mod general;
mod hamiltonian;
mod index;
mod input;
mod items;
mod lanes;
mod name;
mod network;
mod noise;
mod order;
mod reaction;
mod reduce;
mod scope;
mod symbols;

use crate::model::Model;
use crate::syntax::Document;
use crate::units::UnitCheck;
use crate::{Diagnostic, Severity, Span, VectorId};
pub(crate) use build::MAX_RESOLVED_HEIGHT;
use build::{CallTable, Resolution};
pub use lanes::MAX_ELEMENTS;
use scope::{Declarations, Names};
use std::collections::HashMap;

/// Most expression nodes of a checked model, after functions have been inlined, however short its
/// text is; a longer text may give as many as it has bytes.
pub const MAX_EXPANDED: usize = 200_000;

/// Most findings that are listed.
pub const MAX_DIAGNOSTICS: usize = 200;

/// What the checker is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckOptions {
    /// How units are checked.
    pub units: UnitCheck,
}

/// Checks a model text: the model and the findings in order of position.
#[must_use]
pub fn check(text: &str) -> (Model, Vec<Diagnostic>) {
    check_with(text, CheckOptions::default())
}

/// Checks a model text with options.
#[must_use]
pub fn check_with(text: &str, options: CheckOptions) -> (Model, Vec<Diagnostic>) {
    let parsed = crate::parse(text);
    let most = MAX_EXPANDED.max(text.len());
    check_document(&parsed.document, parsed.diagnostics, options, most)
}

fn check_document(
    document: &Document,
    diagnostics: Vec<Diagnostic>,
    options: CheckOptions,
    most: usize,
) -> (Model, Vec<Diagnostic>) {
    let mut checker = Checker {
        diagnostics,
        names: Names::default(),
        declared: Declarations::default(),
        resolution: Resolution::default(),
        calls: CallTable::default(),
        facts: facts::Facts::default(),
        index_note: None,
        vectors: HashMap::new(),
        model: Model::default(),
        size: 0,
        most,
        table_entries: 0,
        initial_vectors: Vec::new(),
        depth: 0,
    };
    for statement in document.statements() {
        checker.declare(statement);
    }
    checker.resolve();
    if !checker.has_errors() {
        checker.warn_unused();
    }
    crate::units::check_units(document, options.units, &mut checker.diagnostics);
    checker.finish()
}

struct Checker<'a> {
    diagnostics: Vec<Diagnostic>,
    names: Names<'a>,
    declared: Declarations<'a>,
    resolution: Resolution<'a>,
    calls: CallTable,
    facts: facts::Facts,
    /// What was done about an index above 1.
    index_note: Option<String>,
    /// Vectors made so far, by a hash of their structure.
    vectors: HashMap<(u64, u64), VectorId>,
    model: Model,
    /// Expression nodes made so far.
    size: usize,
    /// Most of them.
    most: usize,
    /// Entries of tables of lanes made so far.
    table_entries: usize,
    /// Values of vectors at the start, as far as they do not need states.
    initial_vectors: Vec<Vec<f64>>,
    /// Levels of expressions being resolved, across names and functions.
    depth: u32,
}

impl<'a> Checker<'a> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(code, span, message.into()));
    }

    fn error_hint(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.report(Diagnostic::error(code, span, message.into()).hint(hint));
    }

    fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// The pipeline, in order. Lets go before what uses them; only equations and observations
    /// make the remaining network calls.
    fn resolve(&mut self) {
        self.constants();
        self.place();
        self.time();
        self.networks();
        self.parameters();
        self.noises();
        self.index_equations();
        self.named_expressions();
        self.reactions();
        self.general_equations();
        self.hamiltonians();
        self.states();
        self.mass();
        self.observations();
        self.events();
        self.histories();
        self.unused_functions();
        if !self.has_errors() {
            self.reduce_index();
        }
        self.classify();
    }

    fn finish(mut self) -> (Model, Vec<Diagnostic>) {
        // A function inlined twice reports what is wrong inside it twice.
        self.diagnostics.sort_by(|a, b| {
            (a.span, b.severity, a.code, &a.message).cmp(&(b.span, a.severity, b.code, &b.message))
        });
        self.diagnostics.dedup();
        self.model.is_complete = !self.has_errors();
        if let Some(worst) = self.diagnostics.iter().skip(MAX_DIAGNOSTICS).map(|d| d.severity).max()
        {
            let more = self.diagnostics.len() - MAX_DIAGNOSTICS;
            self.diagnostics.truncate(MAX_DIAGNOSTICS);
            let span = self.diagnostics.last().map_or(Span::default(), |d| d.span);
            let message = format!("{more} further findings are not shown");
            self.report(Diagnostic::new(worst, "too-many", span, message));
        }
        (self.model, self.diagnostics)
    }
}
