//! The `terms` command: what the networks of a fit have learned.

use crate::failure;
use crate::job::Jobs;
use crate::numbers::Numbers;
use crate::{runs, uncertainty, waiting};
use slopefield_api::schema::{Block, Emit};
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_discovery::Candidate;
use slopefield_project::Project;
use slopefield_study::terms::{self, LearnedTerm, NEAR, Replacement, Spread, Visited};
use slopefield_study::{Prepared, Solvers};
use slopefield_train::Control;
use std::sync::{Arc, Mutex, PoisonError};

/// Inputs of a term that have curves.
const INPUTS: usize = 16;
/// Points of a curve, and the most that are computed.
const POINTS: u32 = 81;
const MOST_POINTS: u32 = 2001;
/// Visited values that are told of an input.
const RUG: usize = 400;

/// A fit, and what its learned terms are asked.
pub struct Studied {
    /// The study.
    pub prepared: Prepared,
    /// The fitted parameters.
    pub theta: Vec<f64>,
    /// The run of a project that it is from.
    pub run: Option<RunSummary>,
    /// Its learned terms,
    pub terms: Vec<LearnedTerm>,
    /// what they are asked,
    pub visited: Visited,
    /// vectors θ that are about as good,
    draws: Vec<Vec<f64>>,
    /// the middle of the normal distribution that they are of, if they are of one,
    centre: Option<Vec<f64>>,
    /// and where these come from.
    spread: Option<String>,
    /// Formulas, once they were asked for.
    formulas: Mutex<Option<Arc<Formulas>>>,
}

/// Formulas of each output of each term.
pub struct Formulas {
    of: Vec<Vec<Vec<Candidate>>>,
    /// How far the search had come when it was stopped, if it was.
    stopped_at: Option<f64>,
}

impl Formulas {
    /// Whether the search was stopped before its end.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped_at.is_some()
    }
}

impl Studied {
    /// Follows a fit.
    ///
    /// # Errors
    /// A study without networks, and curves that cannot be followed.
    pub fn new(
        prepared: Prepared,
        theta: Vec<f64>,
        run: Option<RunSummary>,
        until: Option<f64>,
        solvers: &dyn Solvers,
    ) -> Result<Studied, ApiError> {
        let terms = LearnedTerm::all(&prepared.model);
        if terms.is_empty() {
            return Err(failure::advised(
                Code::Model,
                "the model has no learned term: no network is applied in it",
                "put a network where a part of the equations is unknown, as in `let z = n(x, y)`",
            ));
        }
        let until = until.unwrap_or_else(|| prepared.forecast_end());
        let visited = terms::visited(&prepared, &terms, &theta, until, solvers);
        let visited = visited.map_err(failure::study)?;
        Ok(Studied {
            prepared,
            theta,
            run,
            terms,
            visited,
            draws: Vec::new(),
            centre: None,
            spread: None,
            formulas: Mutex::default(),
        })
    }

    /// Takes draws from the newest stored answer about the run that has some of everything.
    ///
    /// # Errors
    /// A project that cannot be read.
    pub fn take_stored_draws(&mut self, project: &Project) -> Result<(), ApiError> {
        let Some(run) = &self.run else { return Ok(()) };
        for answer in uncertainty::list(project, &run.id)?.answers {
            let (view, block) = uncertainty::view(project, &answer.id)?;
            let Some(whole) = &view.result.whole else { continue };
            // Far from the middle of a normal distribution a network says something else, so that its
            // draws are of no use without it.
            let placed = view.result.centre.is_some_and(|s| s.len as usize == whole.names.len());
            if answer.method == uncertainty::LAPLACE && !placed {
                continue;
            }
            if whole.names == self.prepared.theta_names {
                let rows = whole.values.of(&block).chunks_exact(whole.names.len().max(1));
                self.draws = rows.map(<[f64]>::to_vec).collect();
                self.centre = view.result.centre.map(|s| s.of(&block).to_vec());
                self.spread = Some(view.result.title.clone());
                return Ok(());
            }
        }
        Ok(())
    }

    /// Draws from the normal distribution around the fit.
    ///
    /// # Errors
    /// A fit whose second derivatives say nothing.
    pub fn draw(
        &mut self,
        count: u32,
        seed: Option<u64>,
        solvers: &Arc<dyn Solvers + Send + Sync>,
        control: &Control,
    ) -> Result<(), ApiError> {
        let seed = seed.unwrap_or(self.prepared.file.seed);
        let (objective, curvature, laplace) =
            uncertainty::curvature(&self.prepared, &self.theta, solvers, control)?;
        self.draws = laplace.draws(&curvature, &objective, count as usize, seed);
        self.centre = Some(curvature.theta);
        self.spread =
            Some(format!("{count} draws from the normal distribution around the fit (Laplace)"));
        Ok(())
    }

    /// The reply to a request.
    ///
    /// # Errors
    /// Held inputs that no term has.
    pub fn reply(
        &self,
        request: &TermsRequest,
        found: Option<&Formulas>,
    ) -> Result<(TermsReply, Block), ApiError> {
        let inputs = || self.terms.iter().flat_map(|t| &t.inputs);
        if let Some(name) = request.held.keys().find(|n| inputs().all(|i| i.name != **n)) {
            let known: Vec<String> = inputs().map(|i| format!("`{}`", i.name)).collect();
            return Err(failure::error(
                Code::Request,
                format!("no learned term has an input `{name}`; there are {}", known.join(", ")),
            ));
        }
        let mut numbers = Numbers::default();
        let time = self.prepared.model.model.time.name.clone();
        let distances = terms::distances(&self.terms, &self.visited, &time);
        let views = self.terms.iter().enumerate().map(|(index, term)| {
            let of_term = distances.iter().filter(|d| d.term == index);
            let distances = of_term.map(|d| self.distance(d, &mut numbers)).collect();
            TermView {
                name: term.name.clone(),
                outputs: term.outputs.clone(),
                inputs: self.inputs(index, request, &mut numbers),
                distances,
                formulas: match found {
                    Some(found) => found.of[index].iter().map(|f| formulas(term, f)).collect(),
                    None => Vec::new(),
                },
            }
        });
        let terms = views.collect();
        let mut notes = self.visited.notes.clone();
        if let Some(share) = found.and_then(|f| f.stopped_at) {
            notes.push(format!(
                "the search for formulas was stopped at {:.0} %: longer ones may be better",
                100.0 * share
            ));
        }
        let (run, spread) = (self.run.clone(), self.spread.clone());
        let reply = TermsReply { run, terms, time, near: NEAR, spread, notes };
        Ok((reply, numbers.into_block()))
    }

    fn inputs(
        &self,
        index: usize,
        request: &TermsRequest,
        numbers: &mut Numbers,
    ) -> Vec<TermInputView> {
        let (term, model) = (&self.terms[index], &self.prepared.model);
        let visited = self.visited.trained(index);
        let held: Vec<Option<f64>> =
            term.inputs.iter().map(|i| request.held.get(&i.name).copied()).collect();
        let weights = term.weights(&self.prepared, &self.theta);
        let draws: Vec<&[f64]> =
            self.draws.iter().map(|theta| term.weights(&self.prepared, theta)).collect();
        let centre = self.centre.as_ref().map(|theta| term.weights(&self.prepared, theta));
        let points = request.points.unwrap_or(POINTS).clamp(2, MOST_POINTS) as usize;
        let responses = terms::responses(
            term,
            model,
            &visited,
            &held,
            (weights, Spread { draws: &draws, centre }),
            (points, INPUTS),
        );
        let view = |r: terms::Response| TermInputView {
            name: term.inputs[r.input].name.clone(),
            range: [r.range.0, r.range.1],
            held: r.held,
            visited: numbers.add(
                visited.iter().step_by(visited.len().div_ceil(RUG).max(1)).map(|row| row[r.input]),
            ),
            at: numbers.add(r.at),
            curves: r
                .curves
                .into_iter()
                .map(|c| TermCurve {
                    value: numbers.add(c.value),
                    band: c.band.map(|b| b.map(|edge| numbers.add(edge))),
                })
                .collect(),
            distance: numbers.add(r.distance),
        };
        responses.into_iter().map(view).collect()
    }

    /// The formulas that were found, if they were looked for.
    pub fn known_formulas(&self) -> Option<Arc<Formulas>> {
        self.formulas.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Formulas of each output of each term. Stopped, the search has found what it has found, which is kept:
    /// whoever chooses one by its number must get that one.
    ///
    /// # Errors
    /// Another job runs.
    pub fn formulas(&self, jobs: &Jobs, emit: Emit<'_>) -> Result<Arc<Formulas>, ApiError> {
        if let Some(known) = self.known_formulas() {
            return Ok(known);
        }
        let job = jobs.start()?;
        let count = self.terms.len();
        let reached = Mutex::new(0.0_f64);
        let of = waiting::told(emit, "formulas", |tell| {
            let one = |term: usize| {
                let watch = |share: f64| {
                    let share = (term as f64 + share) / count as f64;
                    let going = !job.control.cancelled();
                    if going {
                        tell(share);
                        *reached.lock().unwrap_or_else(PoisonError::into_inner) = share;
                    }
                    going
                };
                let (prepared, all) = (&self.prepared, &self.terms);
                terms::discovered(prepared, all, term, &self.visited, &self.theta, &watch)
            };
            (0..count).map(one).collect()
        });
        let reached = *reached.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped_at = job.control.cancelled().then_some(reached);
        let found = Arc::new(Formulas { of, stopped_at });
        *self.formulas.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    /// The text of the model with formulas in the place of outputs, and what was replaced by what.
    ///
    /// # Errors
    /// Outputs and formulas that there are not, and what cannot be written.
    pub fn replace(
        &self,
        found: &Formulas,
        choices: &[FormulaChoice],
    ) -> Result<(String, Vec<(String, String)>), ApiError> {
        let all: Vec<FormulaChoice>;
        let choices = match choices {
            [] => {
                let outputs = self.terms.iter().flat_map(|t| &t.outputs);
                let output = |o: &String| FormulaChoice { output: o.clone(), formula: None };
                all = outputs.map(output).collect();
                &all[..]
            }
            some => some,
        };
        let (mut replacements, mut replaced) = (Vec::new(), Vec::<(String, String)>::new());
        for choice in choices {
            let outputs = |t: &LearnedTerm| t.outputs.iter().position(|o| *o == choice.output);
            let place =
                self.terms.iter().enumerate().find_map(|(t, term)| Some((t, outputs(term)?)));
            let Some((t, output)) = place else {
                let known = self.terms.iter().flat_map(|t| &t.outputs);
                let known: Vec<String> = known.map(|o| format!("`{o}`")).collect();
                return Err(failure::error(
                    Code::Request,
                    format!(
                        "no learned term has an output `{}`; there are {}",
                        choice.output,
                        known.join(", ")
                    ),
                ));
            };
            if replaced.iter().any(|(known, _)| *known == choice.output) {
                let message = format!("`{}` cannot be replaced twice", choice.output);
                return Err(failure::error(Code::Request, message));
            }
            let list = &found.of[t][output];
            let found = match choice.formula {
                None => list.iter().find(|c| c.recommended),
                Some(k) => (k as usize).checked_sub(1).and_then(|k| list.get(k)),
            };
            let Some(found) = found else {
                let message = format!("there are {} formulas for `{}`", list.len(), choice.output);
                return Err(failure::error(Code::Request, message));
            };
            let term = &self.terms[t];
            replacements.push(Replacement { term, output, formula: &found.formula });
            replaced.push((choice.output.clone(), shown(term, found)));
        }
        let (text, model) = (&self.prepared.model.text, &self.prepared.model.model);
        let text = terms::replace(text, model, &replacements);
        let text = text.map_err(|why| failure::error(Code::Model, why.to_string()))?;
        Ok((text, replaced))
    }

    /// θ of another study: what has the same name has the same value.
    #[must_use]
    pub fn start_of(&self, other: &Prepared) -> Vec<f64> {
        let known = |name: &String| self.prepared.theta_names.iter().position(|n| n == name);
        let names = other.theta_names.iter().zip(&other.problem.theta);
        names.map(|(name, spec)| known(name).map_or(spec.start, |i| self.theta[i])).collect()
    }

    fn distance(&self, found: &terms::Distances, numbers: &mut Numbers) -> TermDistance {
        let course = &self.visited.courses[found.course];
        TermDistance {
            experiment: self.prepared.problem.experiments[course.experiment].name.clone(),
            trained_until: course.trained_until,
            times: numbers.add(course.times.iter().copied()),
            values: numbers.add(found.values.iter().copied()),
            sentence: found.sentence.clone(),
        }
    }
}

fn formulas(term: &LearnedTerm, list: &[Candidate]) -> Vec<TermFormula> {
    let one = |c: &Candidate| TermFormula {
        text: shown(term, c),
        complexity: c.complexity,
        error: c.error,
        validated: c.validated,
        recommended: c.recommended,
    };
    list.iter().map(one).collect()
}

/// A formula with numbers of four digits.
fn shown(term: &LearnedTerm, found: &Candidate) -> String {
    let names: Vec<String> = term.inputs.iter().map(|i| terms::closed(i.name.clone())).collect();
    found.formula.text(&names, &mut |constant| {
        let x: f64 = format!("{:.3e}", constant.value).parse().unwrap_or(constant.value);
        match x.abs() {
            0.0 => "0".into(),
            1e-3..1e6 => format!("{x}"),
            _ => format!("{x:e}"),
        }
    })
}

/// What a stored fit is told apart by while it is kept in memory.
pub fn key(
    project: &Project,
    run: Option<&str>,
    request: &TermsRequest,
) -> Result<String, ApiError> {
    let run = runs::find(project, run)?;
    let newest = uncertainty::list(project, &run.id)?.answers.first().map(|a| a.id.clone());
    Ok(format!("{} {newest:?} {:?} {:?} {:?}", run.id, request.until, request.spread, request.seed))
}
