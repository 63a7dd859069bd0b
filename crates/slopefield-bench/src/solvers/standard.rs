//! Standard problems beyond the contests: measured when they are asked for by name, without comparators.

use super::contest::{Contest, FEWER, PATIENCE};
use slopefield_problems::{Class, Problem, Reference, everything};

/// The standard problem of this name, up to the last time at which it is known.
pub(super) fn contest(name: &str) -> Option<Contest> {
    let problem = known().find(|problem| problem.id == name)?;
    let end = problem.references.last()?;
    let largest = end.u.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let (id, about) = (problem.id, problem.name);
    Some(Contest {
        name: id,
        about,
        absolute: if largest > 0.0 { 1e-2 * largest } else { 1.0 },
        floor: 1e-2,
        tolerances: FEWER,
        stiff: matches!(problem.class, Class::Stiff | Class::Algebraic),
        patience: PATIENCE,
        // A name that was found is found again.
        problem: Box::new(move || {
            known().find(|problem| problem.id == id).unwrap_or_else(|| unreachable!("{id}"))
        }),
    })
}

/// Names of all that can be asked for.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    known().map(|problem| problem.id)
}

/// Problems without chance whose state is known at some time, which is then their end.
fn known() -> impl Iterator<Item = Problem> {
    everything().into_iter().filter_map(|mut problem| {
        if matches!(problem.class, Class::Stochastic | Class::Jump) {
            return None;
        }
        if problem.references.is_empty() {
            let reference = closed_form(&problem)?;
            problem.references.push(reference);
        }
        problem.references.sort_by(|a, b| a.t.total_cmp(&b.t));
        problem.t1 = problem.references.last()?.t;
        let t1 = problem.t1;
        problem.breaks.retain(|at| *at < t1);
        Some(problem)
    })
}

/// The state at the usual end, where the solution is known as a function.
pub(super) fn closed_form(problem: &Problem) -> Option<Reference> {
    let Problem { t0, t1, u0, p, .. } = problem;
    let mut u = vec![0.0; u0.len()];
    problem.exact?(*t1, *t0, u0, p, &mut u);
    Some(Reference { t: *t1, u, tolerance: 0.0, relative: 1e-15, source: "closed form" })
}
