//! What limited-memory methods keep from one iteration to the next.

use super::Stepped;

/// Keeps a pair of differences, of places and of gradients, oldest first; with `memory` pairs already
/// there, the oldest is forgotten.
pub(super) fn keep_pair(
    memory: usize,
    (places, gradients): (&mut Vec<f64>, &mut Vec<f64>),
    (s, y): (&[f64], &[f64]),
) {
    let n = s.len();
    if places.len() >= memory * n {
        places.drain(..n);
        gradients.drain(..n);
    }
    places.extend_from_slice(s);
    gradients.extend_from_slice(y);
}

/// Counts iterations in a row without a noticeable decrease; three of them end the search.
pub(super) fn settled(decrease: f64, noticeable: f64, in_a_row: &mut u32) -> Stepped {
    *in_a_row = if decrease <= noticeable { *in_a_row + 1 } else { 0 };
    if *in_a_row >= 3 { Stepped::Settled } else { Stepped::Moved }
}
