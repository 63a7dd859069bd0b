//! Which gradient method `auto` picks: the one with the least estimated time, from costs measured
//! on the system itself.
//!
//! The estimates count what each method does per step of the trial solve (`docs/reference/
//! gradients.md` has the formulas); they are good to a factor of about 1.5, which is why an inexact
//! method must be clearly cheaper to displace an exact one.

use crate::{Costs, MethodInfo};

/// What a method would cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Name of the method.
    pub method: &'static str,
    /// Seconds of one gradient, the forward solve included.
    pub seconds: f64,
    /// Bytes of tape, checkpoints or tangents.
    pub memory: u64,
}

/// The method that `auto` picks, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct GradientChoice {
    /// Name of the method.
    pub method: &'static str,
    /// One sentence with the numbers that decided.
    pub reason: String,
    /// All methods that were compared, in the order of the table.
    pub estimates: Vec<Estimate>,
}

/// An inexact method displaces an exact one when its estimated time is below this share.
const CLEARLY_CHEAPER: f64 = 0.4;
/// Evaluations of a restart of the way back: the first step's length and a short first step.
const RESTART: f64 = 16.0;
/// Seconds to look up the stored path and to take a share of a step of a method that is not
/// compiled for the system: per evaluation, and per state.
const LOOKUP: f64 = 40e-9;
const LOOKUP_STATE: f64 = 4e-9;
/// The same for tangents along the recorded stages.
const TANGENT: f64 = 8e-9;
const TANGENT_STATE: f64 = 4e-9;
/// Seconds of a parameter that is carried as a state of the reverse system, per evaluation.
const CARRIED: f64 = 2e-9;
/// Bytes of a number.
const NUMBER: f64 = 8.0;

/// Chooses among methods that go through the solver and the system. `memory` is the budget in
/// bytes.
///
/// Methods that integrate the trajectory back (`backsolve`) are never chosen: on dissipative and on
/// chaotic systems the path back is not the path there.
pub fn choose(
    costs: &Costs,
    applicable: &[&'static MethodInfo],
    memory: u64,
) -> Option<GradientChoice> {
    let all: Vec<(&MethodInfo, Estimate)> =
        applicable.iter().filter_map(|m| Some((*m, estimate(costs, m, memory)?))).collect();
    let fits = |e: &Estimate| e.memory <= memory || e.method == "discrete";
    let cheapest = |exact: bool| {
        let candidates =
            all.iter().filter(|(m, e)| m.exact == exact && m.id != "backsolve" && fits(e));
        candidates.min_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds))
    };
    let best = match (cheapest(true), cheapest(false)) {
        (Some(exact), Some(inexact)) if inexact.1.seconds < CLEARLY_CHEAPER * exact.1.seconds => {
            inexact
        }
        (Some(exact), _) => exact,
        (None, Some(inexact)) => inexact,
        // Nothing fits: what needs least.
        (None, None) => all.iter().min_by_key(|(_, e)| e.memory)?,
    };
    let reason = sentence(costs, best, &all, memory);
    let estimates = all.iter().map(|(_, e)| *e).collect();
    Some(GradientChoice { method: best.0.id, reason, estimates })
}

/// What a method would cost; none for one that this file knows nothing of.
pub fn estimate(costs: &Costs, method: &MethodInfo, memory: u64) -> Option<Estimate> {
    let Costs { states, params, evaluation, forward_product, reverse_product, solve, .. } = *costs;
    let (n, directions) = (states as f64, (states + params) as f64);
    let steps = costs.trial.accepted as f64;
    // What rejected attempts evaluated is not differentiated.
    let attempts = steps + costs.trial.rejected as f64;
    let accepted = if attempts > 0.0 { steps / attempts } else { 1.0 };
    let evaluations = costs.trial.rhs as f64 * accepted;
    // Implicit steps have derivatives of products with the Jacobian: twice the products, and the
    // factors of every step again.
    let products = if costs.implicit() { 2.0 } else { 1.0 } * evaluations;
    let again = accepted * costs.linear_algebra() + steps * costs.jacobian;
    let substitutions = costs.trial.solves as f64 * accepted * costs.substitution();
    let states_only = reverse_product.min(2.5 * evaluation);
    // The way back begins anew at every save point, and looks up the path at every evaluation.
    let back = 1.2 * evaluations + RESTART * costs.saves as f64;
    let lookup = LOOKUP + LOOKUP_STATE * n;
    // Exact methods through events take implicit steps a second time, with their factors.
    let second = if costs.implicit() && costs.events { solve } else { 0.0 };
    let tape = NUMBER * n * (evaluations + steps);
    let path = NUMBER * n * 8.0 * steps;
    let (seconds, bytes) = match method.id {
        "discrete" => {
            let replay = if tape > memory as f64 { evaluations * evaluation + again } else { 0.0 };
            let reverse = products * reverse_product + again;
            (solve + second + replay + reverse, tape.min(memory as f64))
        }
        "forward" => {
            let product = forward_product + TANGENT + TANGENT_STATE * n;
            let tangents = directions * (products * product + substitutions);
            (
                solve + second + tangents + again,
                tape.min(memory as f64) + NUMBER * 2.0 * n * directions,
            )
        }
        // One product by the states per stage on the way back, three by the parameters per step.
        "gauss" => {
            let quadrature = 3.0 * (steps + costs.saves as f64) * (reverse_product + lookup);
            (solve + back * (states_only + lookup) + quadrature + again, path)
        }
        // The parameters are carried as states of the reverse system.
        "interpolating" => {
            let carried = CARRIED * params as f64;
            (solve + back * (reverse_product + lookup + carried) + again, path)
        }
        // A second path is stored, and an adaptive quadrature goes over both.
        "quadrature" => {
            let quadrature = 15.0 * (steps + costs.saves as f64) * (reverse_product + lookup);
            (solve + back * (states_only + lookup) + quadrature + again, 2.0 * path)
        }
        "backsolve" => {
            let carried = CARRIED * params as f64;
            let reverse = back * (reverse_product + evaluation + lookup + carried);
            (solve + reverse + again, NUMBER * (2.0 * n + params as f64))
        }
        // One linear system with the transposed Jacobian.
        "steady" | "steady-state" => {
            let factor = costs.jacobian + n * n * n * 1e-9;
            (solve + factor + reverse_product, NUMBER * n * n)
        }
        _ if method.exact => (solve + products * reverse_product + again, tape),
        _ => return None,
    };
    Some(Estimate { method: method.id, seconds, memory: bytes as u64 })
}

fn sentence(
    costs: &Costs,
    best: &(&MethodInfo, Estimate),
    all: &[(&MethodInfo, Estimate)],
    memory: u64,
) -> String {
    let solves = |e: &Estimate| format!("{:.1}", e.seconds / costs.solve.max(1e-12));
    let unknowns = costs.states + costs.params;
    let mut text = format!(
        "{}: about {} forward solves ({}) for {unknowns} unknown{}",
        best.0.title,
        solves(&best.1),
        time(best.1.seconds),
        if unknowns == 1 { "" } else { "s" },
    );
    let others: Vec<String> = all
        .iter()
        .filter(|(m, _)| m.id != best.0.id)
        .map(|(m, e)| {
            let over = if e.memory > memory && m.id != "discrete" {
                " and more memory than allowed"
            } else {
                ""
            };
            format!("{}{over} by {}", solves(e), m.id)
        })
        .collect();
    match (others.is_empty(), best.0.exact) {
        (true, _) => text += ", the only method that goes through here",
        (false, true) => text += &format!(", and exact; {}", others.join(", ")),
        (false, false) => text += &format!("; {}", others.join(", ")),
    }
    text += &format!(
        ". Measured at the start values: f {}, vᵀJ {}, J·v {}",
        time(costs.evaluation),
        time(costs.reverse_product),
        time(costs.forward_product)
    );
    if costs.implicit() {
        text += &format!(", Jacobian {}", time(costs.jacobian));
    }
    text + &format!(", a solve {} in {} steps", time(costs.solve), costs.trial.accepted)
}

/// Seconds to two digits in a unit that suits.
fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 1e-6 => (1e9 * s, "ns"),
        s if s < 1e-3 => (1e6 * s, "µs"),
        s if s < 1.0 => (1e3 * s, "ms"),
        s => (s, "s"),
    };
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METHODS;
    use slopefield_solve::Stats;

    fn all() -> Vec<&'static MethodInfo> {
        METHODS.iter().collect()
    }

    /// A trial of 100 steps of six evaluations; products cost what compiled kernels were measured
    /// to cost (2.1 and 1.3 evaluations), and a solve a fifth more than its evaluations.
    fn explicit(states: usize, params: usize) -> Costs {
        let trial = Stats { accepted: 100, rhs: 601, ..Stats::default() };
        let f = 1e-7 * states as f64;
        Costs {
            states,
            params,
            evaluation: f,
            forward_product: 1.3 * f,
            reverse_product: 2.1 * f,
            saves: 20,
            jacobian: 0.0,
            solve: 1.2 * 601.0 * f,
            trial,
            events: false,
        }
    }

    #[test]
    fn one_unknown_goes_forward_and_many_go_back() {
        let memory = 256 << 20;
        let few = choose(&explicit(1, 0), &all(), memory).unwrap();
        assert_eq!(few.method, "forward");
        assert!(few.reason.contains("for 1 unknown,"), "{}", few.reason);
        let many = choose(&explicit(2, 252), &all(), memory).unwrap();
        assert_eq!(many.method, "discrete");
        // 1 + 2.1/1.2 solves, and 1 + 254·(1.3·200 + 16)/(1.2·200) with what tangents cost besides.
        assert!(many.reason.contains("about 2.8 forward solves"), "{}", many.reason);
        assert!(many.reason.contains("293.1 by forward"), "{}", many.reason);
        assert!(many.reason.contains("254 unknowns") && many.reason.contains("100 steps"));
        // All but the likelihood ratio, which is for random jumps.
        let estimated: Vec<&str> = many.estimates.iter().map(|e| e.method).collect();
        let known = METHODS.iter().map(|m| m.id).filter(|id| *id != "score");
        assert_eq!(estimated, known.collect::<Vec<_>>());
    }

    /// The limit lies where the measured products put it, not at a number of parameters.
    #[test]
    fn a_dear_reverse_product_moves_the_limit() {
        let mut costs = explicit(2, 8);
        assert_eq!(choose(&costs, &all(), 1 << 30).unwrap().method, "discrete");
        costs.reverse_product = 20.0 * costs.evaluation;
        assert_eq!(choose(&costs, &all(), 1 << 30).unwrap().method, "forward");
    }

    #[test]
    fn an_inexact_method_is_chosen_alone_or_when_clearly_cheaper() {
        let only: Vec<_> = all().into_iter().filter(|m| !m.exact).collect();
        let costs = explicit(3, 50);
        let choice = choose(&costs, &only, 1 << 30).unwrap();
        assert!(only.iter().any(|m| m.id == choice.method));
        assert_ne!(choice.method, "backsolve");
        let among_all = choose(&costs, &all(), 1 << 30).unwrap();
        assert!(METHODS.iter().find(|m| m.id == among_all.method).unwrap().exact);
        assert_eq!(choose(&costs, &[], 1 << 30), None);
    }

    /// Tangents of many parameters do not fit; a tape that does not fit is replayed from
    /// checkpoints, which costs a solve more.
    #[test]
    fn memory_counts() {
        let costs = explicit(2, 100);
        let wide = estimate(&costs, METHODS.iter().find(|m| m.id == "discrete").unwrap(), 1 << 30);
        let narrow = estimate(&costs, METHODS.iter().find(|m| m.id == "discrete").unwrap(), 1000);
        let (wide, narrow) = (wide.unwrap(), narrow.unwrap());
        assert!(narrow.memory == 1000 && wide.memory > 1000);
        let solves = (narrow.seconds - wide.seconds) / costs.solve;
        assert!((solves - 1.0 / 1.2).abs() < 1e-9, "{solves}");
        let mut few = costs;
        few.reverse_product *= 1e4;
        assert_eq!(choose(&few, &all(), 1 << 30).unwrap().method, "forward");
        assert_eq!(choose(&few, &all(), 1000).unwrap().method, "discrete");
    }

    /// For a stiff solver the factors of every step are needed again, and forward tangents solve a
    /// linear system per stage and direction.
    #[test]
    fn implicit_steps_pay_for_their_linear_algebra() {
        let trial = Stats {
            accepted: 50,
            rhs: 400,
            jacobians: 50,
            factorisations: 50,
            solves: 400,
            ..Stats::default()
        };
        let costs = Costs { jacobian: 1e-7, solve: 1e-3, trial, ..explicit(3, 3) };
        let linear = 1e-3 - 400.0 * costs.evaluation - 50.0 * 1e-7;
        assert!((costs.linear_algebra() - linear).abs() < 1e-15);
        let of = |id: &str| {
            let method = METHODS.iter().find(|m| m.id == id).unwrap();
            estimate(&costs, method, 1 << 30).unwrap().seconds
        };
        let reverse = 1e-3 + 800.0 * costs.reverse_product + linear + 50.0 * 1e-7;
        assert!((of("discrete") - reverse).abs() < 1e-12, "{} {reverse}", of("discrete"));
        assert!(of("forward") > 1e-3);
    }

    /// Exact methods through events solve twice where steps are implicit; explicit steps and
    /// continuous methods do not.
    #[test]
    fn events_cost_implicit_methods_a_second_solve() {
        let trial = Stats { accepted: 50, rhs: 400, factorisations: 50, ..Stats::default() };
        let implicit = Costs { jacobian: 1e-7, solve: 1e-3, trial, ..explicit(3, 3) };
        let more = |costs: Costs, id: &str| {
            let method = METHODS.iter().find(|m| m.id == id).unwrap();
            let of =
                |events| estimate(&Costs { events, ..costs }, method, 1 << 30).unwrap().seconds;
            of(true) - of(false)
        };
        for id in ["discrete", "forward"] {
            assert!((more(implicit, id) - implicit.solve).abs() < 1e-15, "{id}");
            assert_eq!(more(explicit(3, 3), id), 0.0, "{id}");
        }
        assert_eq!(more(implicit, "gauss"), 0.0);
    }
}
