//! Reactions: stoichiometry, and what they add to the equations.

use slopefield_lang::{Model, StateId, check, evaluate_derivatives};

#[track_caller]
fn right(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    model
}

fn codes(text: &str) -> Vec<&'static str> {
    check(text).1.iter().map(|d| d.code).collect()
}

#[test]
fn a_reversible_reaction_is_two() {
    let model = right(
        "state A = 2, B = 3, AB = 0\nparam kf = 5, kr = 7\n\
         reaction bind: 2 A + B <-> AB rate kf*A*B, kr*AB\n",
    );
    assert_eq!(model.reactions.len(), 2);
    let (forth, back) = (&model.reactions[0], &model.reactions[1]);
    assert_eq!((forth.name.as_str(), back.name.as_str()), ("bind", "bind⁻¹"));
    assert_eq!(forth.reactants, [(StateId(0), 2.0), (StateId(1), 1.0)]);
    assert_eq!(forth.change, [(StateId(0), -2.0), (StateId(1), -1.0), (StateId(2), 1.0)]);
    assert_eq!(back.change, [(StateId(2), -1.0), (StateId(0), 2.0), (StateId(1), 1.0)]);
    // A = 2, B = 3, AB = 4: forth 30, back 28.
    let slopes = evaluate_derivatives(&model, 0.0, &[2.0, 3.0, 4.0], &[5.0, 7.0]);
    assert_eq!(slopes, [-4.0, -2.0, 2.0]);
    assert!(model.states.iter().all(|s| s.besides_reactions.is_none()));
}

#[test]
fn reactions_add_to_equations() {
    let model = right(
        "state S = 10, E = 1, P = 0, Q = 1\n\
         reaction make: S + E -> P + E rate 3*S*E\nreaction gain: 0 -> S rate 2\n\
         reaction pair: P + P -> 0 rate P\nS' = -S\nQ' = S' + P'\n",
    );
    // E is a catalyst, and P + P counts twice.
    assert_eq!(model.reactions[0].change, [(StateId(0), -1.0), (StateId(2), 1.0)]);
    assert_eq!(model.reactions[2].reactants, [(StateId(2), 2.0)]);
    let slopes = evaluate_derivatives(&model, 0.0, &[10.0, 2.0, 4.0, 0.0], &[]);
    let (s, p) = (-10.0 - 60.0 + 2.0, 60.0 - 8.0);
    assert_eq!(slopes, [s, 0.0, p, s + p]);
    let besides: Vec<bool> = model.states.iter().map(|s| s.besides_reactions.is_some()).collect();
    assert_eq!(besides, [true, false, false, true]);
}

#[test]
fn many_reactions_of_one_species_stay_flat() {
    let mut text = String::from("state A = 1\n");
    for i in 1..=2000 {
        text.push_str(&format!("reaction r{i}: A -> 0 rate {i}*A\n"));
    }
    let model = right(&text);
    let slopes = evaluate_derivatives(&model, 0.0, &[1.0], &[]);
    assert_eq!(slopes, [-2_001_000.0]);
}

#[test]
fn wrong_reactions_are_explained() {
    let head = "state A = 1, B = 1\nstate u[3] = 0\nu' = 0\nparam k = 1\nlet z = k\n";
    let with =
        |line: &str| codes(&format!("{head}reaction r: {line}\nreaction s: A + B -> 0 rate z\n"));
    assert_eq!(with("A -> C rate 1"), ["unknown-name"]);
    assert_eq!(with("A -> k rate 1"), ["wrong-species"]);
    assert_eq!(with("A -> u rate 1"), ["wrong-species"]);
    assert_eq!(with("0.5 A -> B rate 1"), ["wrong-species"]);
    assert_eq!(with("A -> A rate 1"), ["wrong-species"]);
    assert_eq!(with("0 -> 0 rate 1"), ["wrong-species"]);
    assert_eq!(with("A -> B rate A'"), ["cycle"]);
    assert_eq!(with("A -> B rate q"), ["unknown-name"]);
    assert_eq!(with("A -> B rate s"), ["no-value"]);
    assert_eq!(
        codes("state x = 1, x' = 0\nx'' = 0\nreaction r: x -> 0 rate 1\n"),
        ["wrong-species"]
    );
}
