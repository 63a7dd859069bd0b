//! Kinds of networks from the text of a model to a stored project and back.
use crate::common;

use common::{Place, STUDY, number, table};

/// Points of `x = e^-t`, and of its slope.
fn points(place: &Place, columns: &str) {
    let line = |t: f64| format!("{t},{},{}\n", (-t).exp(), -(-t).exp());
    let rows: String = (0..=20).map(|i| line(0.1 * f64::from(i))).collect();
    place.write("points.csv", &format!("t,x,slope\n{rows}"));
    place.write("study.toml", &STUDY.replace("{ x_seen = \"x\" }", columns));
}

#[test]
fn a_network_is_trained_stored_and_opened_again() {
    let place = Place::new();
    points(&place, "{ x_seen = \"x\" }");
    place.write(
        "model.slope",
        "state x = 1\nnetwork rate: spline(inputs: 1, outputs: 1, intervals: 4, range: [0, 1])\n\
         x' = -rate(x)\nobserve x_seen = x\n",
    );
    let arguments = ["fit", "study.toml", "--json", "--iterations", "250", "--out", "a.slopefield"];
    let fit = place.run(&arguments).json();
    // Per point 3 in 1000 of the start value at most.
    assert!(number(&fit["loss"]) < 21.0 * 9e-6, "{fit}");
    let curves = place.run(&["forecast", "a.slopefield"]).good();
    for name in ["model.slope", "points.csv", "study.toml"] {
        std::fs::remove_file(place.path(name)).unwrap();
    }
    assert_eq!(place.run(&["forecast", "a.slopefield"]).good(), curves);
    let verified = place.run(&["project", "verify", "a.slopefield"]).good();
    assert!(verified.contains("nothing is wrong"), "{verified}");
}

#[test]
fn gradients_through_derivatives_of_networks_agree() {
    let place = Place::new();
    points(&place, "{ x_seen = \"x\", v_seen = \"slope\" }");
    for network in [
        "lagrangian(inputs: 2, outputs: 1, hidden: [5])",
        "lagrangian(inputs: 2, outputs: 1, hidden: [4], form: general)",
        "kan(inputs: 2, outputs: 1, hidden: [2], basis: chebyshev)",
    ] {
        place.write(
            "model.slope",
            &format!(
                "state x = 1\nstate v = -1\nnetwork a: {network}\nx' = v\nv' = a(x, v)\n\
                 observe x_seen = x\nobserve v_seen = v\n"
            ),
        );
        let arguments = ["gradient", "study.toml", "--compare", "--check", "--json"];
        let reply = place.run(&arguments).json();
        for method in reply["methods"].as_array().unwrap() {
            let bound = if method["exact"] == true { 1e-8 } else { 1e-4 };
            assert!(number(&method["check"]) <= bound, "{network}: {method}");
        }
    }
}

/// Whatever the weights are: the energy of a Hamiltonian network stays, to the tolerance of the
/// solver, while its arguments move.
#[test]
fn the_energy_of_a_hamiltonian_network_stays() {
    let place = Place::new();
    place.write(
        "model.slope",
        "state q = 1\nstate p = 0.5\n\
         network motion: hamiltonian(inputs: 2, outputs: 3, hidden: [8, 8], energy: true, last: full)\n\
         let d = motion(q, p)\nq' = d[1]\np' = d[2]\nobserve q_seen = q\n",
    );
    for seed in ["1", "2", "3"] {
        let arguments = ["simulate", "model.slope", "--seed", seed, "--points", "201"];
        let text = place.run(&arguments).good();
        let (header, rows) = table(&text);
        assert_eq!(header, ["t", "q", "p", "d[1]", "d[2]", "d[3]", "q_seen"]);
        let moved = rows.iter().fold(0f64, |m, r| m.max((r[1] - 1.0).abs() + (r[2] - 0.5).abs()));
        let drift = rows.iter().fold(0f64, |m, r| m.max((r[5] - rows[0][5]).abs()));
        assert!(moved > 0.5, "seed {seed}: it moves by {moved} only");
        assert!(drift < 1e-4 * moved, "seed {seed}: the energy drifts by {drift:e}");
    }
}

#[test]
fn wrong_options_are_answered_at_the_declaration() {
    let place = Place::new();
    let check = |network: &str, parts: &[&str]| {
        place.write("model.slope", &format!("state x = 1\nnetwork n: {network}\nx' = n(x)\n"));
        let run = place.run(&["check", "model.slope"]);
        let said = format!("{}{}", run.out, run.err);
        assert!(!run.ok, "{said}");
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in\n{said}");
        }
    };
    check("splin(inputs: 1, outputs: 1)", &["model.slope:2", "`splin`", "did you mean `spline`?"]);
    check(
        "spline(inputs: 1, outputs: 1, degree: 9)",
        &["the network `n`", "`degree` of `spline` is 9", "from 1 to 5"],
    );
    check(
        "mlp(inputs: 1, outputs: 1, hiden: [4])",
        &["no option `hiden`", "did you mean `hidden`?"],
    );
    check(
        "mlp(inputs: 1, outputs: 1, activation: tahn)",
        &["`tahn`", "did you mean `tan` or `tanh`?"],
    );
}
