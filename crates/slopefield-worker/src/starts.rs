//! What trainings from many places came to: stored beside the run, and shown.

use crate::failure::error;
use crate::numbers::Numbers;
use crate::session::project_error;
use slopefield_api::types::{Slice, StartsView};
use slopefield_api::{ApiError, Code};
use slopefield_project::{NewUncertainty, Project};
use slopefield_study::Prepared;
use slopefield_train::{Fit, reached};

/// The name under which they are stored among what is known of how sure a run is.
pub const METHOD: &str = "starts";

/// The starts of a fit, with their numbers.
fn view(prepared: &Prepared, fit: &Fit, numbers: &mut Numbers) -> StartsView {
    let all = &fit.starts;
    let likelihood = prepared.problem.observations.iter().any(|o| o.noise.has_likelihood());
    let scalars = prepared.scalars;
    StartsView {
        reached: reached(all, likelihood) as u32,
        places: numbers.add(all.iter().map(|s| f64::from(s.index))),
        first: numbers.add(all.iter().map(|s| s.first_loss)),
        losses: numbers.add(all.iter().map(|s| s.fit.loss)),
        iterations: numbers.add(all.iter().map(|s| s.fit.iterations as f64)),
        parameters: numbers.add(all.iter().flat_map(|s| s.fit.theta[..scalars].iter().copied())),
    }
}

/// The starts of a fit as they are stored, if there were several.
pub fn stored(prepared: &Prepared, fit: &Fit) -> Result<Option<NewUncertainty>, ApiError> {
    if fit.starts.is_empty() {
        return Ok(None);
    }
    let mut numbers = Numbers::default();
    let view = view(prepared, fit, &mut numbers);
    let result_json = serde_json::to_string(&view)
        .map_err(|e| error(Code::Internal, format!("the starts cannot be written: {e}")))?;
    let numbers = numbers.into_block();
    Ok(Some(NewUncertainty { method: METHOD.into(), result_json, numbers }))
}

/// Stores the starts of a run; what an earlier session of the run stored is replaced.
pub fn put(project: &mut Project, run: &str, starts: &NewUncertainty) -> Result<(), ApiError> {
    for old in project.uncertainties(run).map_err(project_error)? {
        if old.method == METHOD {
            project.delete_uncertainty(&old.id).map_err(project_error)?;
        }
    }
    project.add_uncertainty(run, starts).map_err(project_error)?;
    Ok(())
}

/// The stored starts of a run, if there were several.
pub fn of(
    project: &Project,
    run: &str,
    numbers: &mut Numbers,
) -> Result<Option<StartsView>, ApiError> {
    let stored = project.uncertainties(run).map_err(project_error)?;
    let Some(found) = stored.into_iter().rfind(|s| s.method == METHOD) else { return Ok(None) };
    let (_, stored) = project.uncertainty(&found.id).map_err(project_error)?;
    let broken = |why: String| {
        error(Code::Project, format!("the stored starts of the run cannot be read: {why}"))
    };
    let view: StartsView =
        serde_json::from_str(&stored.result_json).map_err(|e| broken(e.to_string()))?;
    let count = view.losses.len;
    let lists = [view.places, view.first, view.losses, view.iterations];
    let inside = |s: &Slice| u64::from(s.start) + u64::from(s.len) <= stored.numbers.len() as u64;
    let whole = lists.iter().all(|s| s.len == count && inside(s))
        && inside(&view.parameters)
        && view.parameters.len.checked_rem(count).unwrap_or(view.parameters.len) == 0
        && view.reached <= count;
    if !whole {
        return Err(broken("its numbers are not as many as it says".into()));
    }
    let mut add = |s: Slice| numbers.add(s.of(&stored.numbers).iter().copied());
    Ok(Some(StartsView {
        reached: view.reached,
        places: add(view.places),
        first: add(view.first),
        losses: add(view.losses),
        iterations: add(view.iterations),
        parameters: add(view.parameters),
    }))
}
