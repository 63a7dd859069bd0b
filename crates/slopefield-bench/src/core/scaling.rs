//! B7 of the peers: cost against the number of parameters. 16 states and one hidden layer, from a
//! hundred to a hundred thousand weights.

use super::gradient::Gradient;
use super::solve::{Problem, Solve, grid};
use super::{InC, compiled, texts};
use crate::comparator::native::Whole;
use crate::numpy::Generator;
use crate::{BenchError, Case, Check, Reference, Saved, Setting, Subject, Trial, stored};
use slopefield_solve::Settings;
use slopefield_study::CompiledModel;

const STATES: usize = 16;
const SAVES: usize = 10;

pub(crate) fn cases() -> Vec<Case> {
    let sizes = [(3, "1e2"), (30, "1e3"), (303, "1e4"), (3030, "1e5")];
    let case = |(hidden, size): (usize, &str), gradient: bool| {
        let (what, peers, metric) = if gradient {
            ("loss and gradient", "gradient: Tsit5 discrete adjoint", "time per loss+gradient")
        } else {
            ("solve", "forward: Tsit5", "time per forward solve")
        };
        Case {
            name: format!("scaling-{size}-{}", if gradient { "gradient" } else { "solve" }),
            about: format!(
                "network 16-{hidden}-16 ({size} parameters), {what}, Tsit5 at 1e-6, 10 points; the \
                 same hand-written"
            ),
            target: None,
            saved: Saved { bench: "B7", case: format!("P={size} {peers}, compiled model"), metric },
            prepare: Box::new(move |setting| prepare(hidden, gradient, setting)),
        }
    };
    sizes.into_iter().flat_map(|size| [case(size, false), case(size, true)]).collect()
}

/// The model's text.
pub(crate) fn text(hidden: usize) -> String {
    texts::network(STATES, hidden)
}

/// The problem with its data.
pub(crate) fn problem(model: &CompiledModel, hidden: usize) -> (Problem, Vec<f64>) {
    let Inputs { weights, u0, data } = Inputs::new(hidden);
    let problem = Problem {
        rhs: model.rhs.clone(),
        t1: 1.0,
        u0,
        p: weights,
        settings: Settings::with_tolerances(1e-6, 1e-6),
        saves: grid(0.1, 1.0, SAVES),
    };
    (problem, data)
}

fn prepare(hidden: usize, gradient: bool, setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, compile_s) = compiled(&text(hidden), setting)?;
    let (problem, data) = problem(&model, hidden);
    let input = [&problem.p[..], &problem.u0, &data].concat();
    let case = if gradient { "scaling_gradient" } else { "scaling_solve" };
    let whole = Whole::open(setting.comparators, case, &input, hidden)?;
    let stored = stored::scaling(hidden);
    // Errors of either are below 1e-6.
    let tolerance = 1e-5;
    let (ours, reference): (Box<dyn Subject>, _) = if gradient {
        let values = stored.get("gradient").to_vec();
        let scale = stored.get("largest")[0];
        let at = spread(problem.p.len(), values.len());
        let reference = Reference { at, values, scale, tolerance };
        (Box::new(Gradient::new(problem, data, false)), reference)
    } else {
        let reference = Reference::relative(0, stored.get("states"), tolerance);
        (Box::new(Solve::new(problem)), reference)
    };
    Ok(Trial {
        ours,
        comparator: InC::boxed(whole),
        check: Check { agreement: tolerance, reference: Some(reference) },
        work: 1,
        compile_s,
    })
}

/// Positions of the stored components in the result, which begins with the loss.
fn spread(len: usize, count: usize) -> Vec<usize> {
    (0..count).map(|i| 1 + i * (len - 1) / (count - 1)).collect()
}

/// `sc_problem` of `benches/peers/problems.py`.
struct Inputs {
    weights: Vec<f64>,
    u0: Vec<f64>,
    data: Vec<f64>,
}

impl Inputs {
    fn new(hidden: usize) -> Inputs {
        let mut generator = Generator::new(7);
        let mut normal = |count: usize, scale: f64, divisor: usize| -> Vec<f64> {
            let divisor = (divisor as f64).sqrt();
            (0..count).map(|_| scale * generator.normal() / divisor).collect()
        };
        let first = normal(hidden * STATES, 1.0, STATES);
        let second = normal(STATES * hidden, 2.0, hidden);
        let data = normal(SAVES * STATES, 1.0, 1);
        let weights = [&first[..], &vec![0.0; hidden], &second, &[0.0; STATES]].concat();
        let mut u0 = vec![0.0; STATES];
        u0[..2].copy_from_slice(&[1.0, -0.5]);
        Inputs { weights, u0, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_those_of_the_peers() {
        for hidden in [3, 30, 303, 3030] {
            let Inputs { weights, data, .. } = Inputs::new(hidden);
            assert_eq!(weights.len(), 33 * hidden + 16);
            let second = 17 * hidden;
            let places = [0, 16 * hidden - 1, second, second + 16 * hidden - 1];
            let found = places.map(|i| weights[i]);
            let found = found.into_iter().chain([data[0], data[159]]);
            for (found, expected) in found.zip(stored::scaling(hidden).get("corners")) {
                assert!((found - expected).abs() <= 4e-15 * expected.abs(), "{found} {expected}");
            }
        }
    }

    #[test]
    fn stored_components_go_from_first_to_last() {
        let at = spread(115, 100);
        assert_eq!((at[0], at[1], at[99]), (1, 2, 115));
        assert!(at.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
