use super::*;

fn found(text: &str) -> (Vec<Use>, Model) {
    let (model, _) = slopefield_lang::check(text);
    let document = slopefield_lang::parse(text).document;
    (uses(&document, &model, &model.networks[0]), model)
}

const NETWORK: &str = "network n: mlp(inputs: 2, outputs: 2)\nstate x = 1\nstate y = 2\n";

#[test]
fn quantities_and_their_factors_are_told_apart() {
    let text =
        format!("const K = 2\n{NETWORK}let z = n(x/(K + 1), 4*(y*K)/5)\nx' = z[1]\ny' = z[2]\n");
    let (uses, _) = found(&text);
    assert_eq!(factors(&uses, 2), [Some(1.0 / 3.0), Some(4.0 / 5.0 * 2.0)]);
    assert_eq!(name(&uses, 0, true, &text), "x");
    assert_eq!(name(&uses, 1, true, &text), "y");
    let Place::Named(name, value) = uses[0].place else { panic!("{:?}", uses[0].place) };
    assert_eq!(expression_text(&text, name), "z");
    assert_eq!(expression_text(&text, value), "n(x/(K + 1), 4*(y*K)/5)");
}

#[test]
fn every_place_is_found_and_how_outputs_are_taken() {
    let text =
        format!("{NETWORK}x' = n(x, y)[2]\ny' = n(x/2, y)[1] + sin(n(x, 3*y)[K])\nconst K = 1\n");
    let (uses, _) = found(&text);
    let places: Vec<_> = uses.iter().map(|u| u.place).collect();
    let [Place::Output(a, 1), Place::Output(b, 0), Place::Output(c, 0)] = places[..] else {
        panic!("{places:?}")
    };
    assert_eq!(
        [a, b, c].map(|s| expression_text(&text, s)),
        ["n(x, y)[2]", "n(x/2, y)[1]", "n(x, 3*y)[K]"]
    );
    // Factors that differ are none; the inputs are then what the network takes.
    assert_eq!(factors(&uses, 2), [None, None]);
}

#[test]
fn arguments_of_a_function_hide_constants() {
    let text = "const k = 2\nnetwork n: mlp(inputs: 1, outputs: 1)\nstate x = 1\n\
                function f(k, a) = n(k*a)\nx' = f(x, 3)\n";
    let (uses, _) = found(text);
    assert_eq!(factors(&uses, 1), [Some(1.0)]);
    assert_eq!(name(&uses, 0, true, text), "k*a");
}

#[test]
fn outputs_taken_as_a_whole_are_told() {
    let text = "network n: mlp(inputs: 2, outputs: 2)\nstate u[2] = [1, 2]\nu' = n(u) - u\n";
    let (uses, _) = found(text);
    assert!(matches!(uses[0].place, Place::Whole(_)), "{:?}", uses[0].place);
    assert_eq!(factors(&uses, 2), [None, None]);
    assert_eq!(name(&uses, 0, false, text), "input 1");
}

#[test]
fn brackets_around_all_of_an_expression_are_taken_off() {
    for (text, expected) in
        [("(x)", "x"), ("((a + b))", "a + b"), ("(a)*(b)", "(a)*(b)"), ("f(a)", "f(a)"), ("x", "x")]
    {
        assert_eq!(bare(text), expected);
    }
}
