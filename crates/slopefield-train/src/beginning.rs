//! Where training begins: at the start values, or at a place that the data lead to.

use crate::collocation::match_changes;
use crate::control::Event;
use crate::fit::StopReason;
use crate::recipe::Beginning;
use crate::session::Session;
use crate::shooting::{Joined, Unjoined, join_segments_told};
use std::time::Instant;

/// Share that must be done before a guess is made of the time that is left.
const KNOWN: f64 = 0.02;

impl Session<'_> {
    /// Moves the start to where the recipe wants to begin, if the loss is lower there, and says
    /// what it did and why.
    ///
    /// # Errors
    /// A cancellation, which leaves the start where it was.
    pub(crate) fn begin(&mut self) -> Result<(), StopReason> {
        let found = match self.recipe.beginning {
            Beginning::Given => return Ok(()),
            Beginning::Changes => self.begin_with_changes(),
            Beginning::Segments => self.begin_with_segments()?,
            Beginning::ChangesOrSegments => match self.begin_with_changes() {
                Ok(place) => Ok(place),
                Err(changes) => {
                    self.begin_with_segments()?.map_err(|segments| format!("{changes}; {segments}"))
                }
            },
        };
        if self.control.cancelled() {
            return Err(StopReason::Cancelled);
        }
        match found {
            Ok((z, note)) => {
                self.state.z = z;
                self.note(note);
            }
            Err(reason) => self.note(format!("It begins at the start values: {reason}.")),
        }
        Ok(())
    }

    /// Where the equations have the changes of the data, with a sentence, if the first stage's
    /// loss is lower there.
    fn begin_with_changes(&mut self) -> Result<(Vec<f64>, String), String> {
        let given = self.state.z.clone();
        let matched = match_changes(self.objective, &given)?;
        let horizon = self.state.stages[0].horizon;
        let losses = self
            .compared(&given, &matched.z, horizon)
            .ok_or("matching the changes of the smoothed data led to nothing better")?;
        let note = format!(
            "It begins with parameters for which the equations change as the smoothed data do: \
             {losses}."
        );
        Ok((matched.z, note))
    }

    /// Where segments of the span join, with a sentence, if the loss over the whole of it is lower
    /// there.
    fn begin_with_segments(&mut self) -> Result<Result<(Vec<f64>, String), String>, StopReason> {
        let given = self.state.z.clone();
        // The segments begin on the smoothed data: so may the parameters, where that works.
        let near = match_changes(self.objective, &given).map_or_else(|_| given.clone(), |m| m.z);
        let joined = match self.join(&near) {
            Err(Unjoined::Because(_)) if near != given => self.join(&given),
            first => first,
        };
        let joined = match joined {
            Ok(joined) => joined,
            Err(Unjoined::Cancelled) => return Err(StopReason::Cancelled),
            Err(Unjoined::Because(reason)) => return Ok(Err(reason)),
        };
        self.state.evaluations += joined.evaluations;
        let Some(losses) = self.compared(&given, &joined.z, 1.0) else {
            let nothing = "joining segments of the span led to nothing better";
            return Ok(Err(nothing.into()));
        };
        let note = format!(
            "It begins with parameters for which {} segments of the span join, the states between \
             them free at first: {losses}.",
            joined.segments
        );
        Ok(Ok((joined.z, note)))
    }

    /// Makes segments join from a place, and tells how far that is.
    fn join(&mut self, z: &[f64]) -> Result<Joined, Unjoined> {
        let (objective, emit) = (&*self.objective, &mut *self.emit);
        let began = Instant::now();
        join_segments_told(objective, z, &mut |share| {
            let passed = began.elapsed().as_secs_f64();
            let left = (share > KNOWN).then(|| passed * (1.0 - share) / share);
            emit(Event::Joining { share, left });
        })
    }

    /// Both losses in words, if that at the other place is the lower one.
    fn compared(&mut self, given: &[f64], other: &[f64], horizon: f64) -> Option<String> {
        let mut loss = |z: &[f64]| self.evaluate(z, horizon, None).map(|found| found.loss);
        match (loss(given), loss(other)) {
            (Ok(before), Ok(after)) if after < before => {
                Some(format!("the loss is {after:.6} there and {before:.6} at the start values"))
            }
            (Err(_), Ok(after)) => Some(format!(
                "the loss is {after:.6} there, and cannot be computed at the start values"
            )),
            _ => None,
        }
    }
}
