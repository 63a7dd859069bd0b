//! Which gradient method `auto` picks.

/// Cost of a vector–Jacobian product of compiled kernels, in evaluations of the right-hand side.
const REVERSE_PRODUCT: f64 = 2.1;
/// Cost of a Jacobian–vector product. It gives the value as well.
const FORWARD_PRODUCT: f64 = 1.3;

/// The cheapest method for `states` states and `params` parameters, and one sentence that says
/// why. `reversible` tells whether the solver is one whose very steps can be
/// differentiated.
///
/// The costs are counted in solves. A step of `s` evaluations needs `s` reverse products, or `s`
/// forward products per initial value and parameter; the factors above are those of the compiled
/// kernels of this project (measured: 1.8–2.1 and 1.2–1.3 evaluations). With them forward
/// sensitivities win for a single unknown only: the often quoted limit of about a hundred
/// parameters is one of continuous adjoints in other programs, not of a taped discrete adjoint.
pub fn choose(states: usize, params: usize, reversible: bool) -> (&'static str, String) {
    let unknowns = states + params;
    if !reversible {
        return (
            "gauss",
            "The gauss adjoint, because it needs only the dense output of the solver.".into(),
        );
    }
    let reverse = 1.0 + REVERSE_PRODUCT;
    let forward = 1.0 + FORWARD_PRODUCT * unknowns as f64;
    if forward < reverse {
        let sentence = format!(
            "Forward sensitivities, because they cost about {forward:.1} solves for {unknowns} \
             unknown and the discrete adjoint about {reverse:.1}."
        );
        return ("forward", sentence);
    }
    let sentence = format!(
        "The discrete adjoint, because it costs about {reverse:.1} solves whatever the number of \
         unknowns, and forward sensitivities about {forward:.1} for {unknowns}."
    );
    ("discrete", sentence)
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_choice_follows_the_counts_and_says_them() {
        let (name, sentence) = choose(2, 252, true);
        assert_eq!(name, "discrete");
        assert!(sentence.contains("254") && sentence.contains("331.2"), "{sentence}");
        assert_eq!(choose(1, 1, true).0, "discrete");
        let (name, sentence) = choose(1, 0, true);
        assert_eq!(name, "forward");
        assert!(sentence.contains("2.3 solves for 1 unknown"), "{sentence}");
        assert_eq!(choose(1, 0, false).0, "gauss");
        assert_eq!(choose(100, 1000, false).0, "gauss");
    }
}
