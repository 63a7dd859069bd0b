//! Which step of the past goes on beyond the edge of a piece of it.
//!
//! A polynomial says little about times farther from its step than the step is long, and steps beside an
//! edge may be as short as rounding allows. So the step at the edge goes on for its own length, and behind
//! it the nearest one that is long beside the distance.

/// Steps that are looked at. Steps behind an edge grow by a factor of up to ten, so these are more than
/// enough.
const MOST_STEPS: usize = 16;
/// How far other steps than the one at the edge go on, in parts of their length.
const REACH: f64 = 0.1;

/// Whether the step at an edge goes on to a place, which is 0 at its beginning and 1 at its end.
pub fn reaches(place: f64) -> bool {
    within(1.0, place)
}

/// The step that goes on to a time: the one at the `edge` of the piece, or one of those that are `next` in
/// the piece; none where all are too short. `place` says where the time is in a step.
pub fn step_that_goes_on(
    edge: usize,
    place: impl Fn(usize) -> f64,
    next: impl Fn(usize) -> Option<usize>,
) -> Option<usize> {
    if reaches(place(edge)) {
        return Some(edge);
    }
    let mut others = std::iter::successors(next(edge), |step| next(*step)).take(MOST_STEPS - 1);
    others.find(|step| within(REACH, place(*step)))
}

fn within(reach: f64, place: f64) -> bool {
    (-reach..=1.0 + reach).contains(&place)
}
