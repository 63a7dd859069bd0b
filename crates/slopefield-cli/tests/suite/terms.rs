//! `slopefield terms`: curves, distances, formulas, and formulas in the place of networks.
use crate::common;

use common::{Place, close, number};

/// A decay whose rate, x/(1 + x), is left to a network.
const MODEL: &str = "state x = 4\nnetwork n: mlp(inputs: 1, outputs: 1, hidden: [6])\nx' = -n(x/4)\n\
                     observe y = x\n";
const STUDY: &str = "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n[forecast]\nuntil = 12\n\
                     [[experiment]]\nname = \"bath\"\ndata = \"d\"\n";

fn place() -> Place {
    let place = Place::new();
    place.write("model.slope", MODEL);
    place.write("study.toml", STUDY);
    // x + ln x = 4 + ln 4 - t, by Newton's method.
    let mut text = String::from("t,y\n");
    let mut x: f64 = 4.0;
    for k in 0..=40 {
        let t = f64::from(k) * 0.15;
        for _ in 0..20 {
            x -= (x + x.ln() - 4.0 - 4f64.ln() + t) / (1.0 + 1.0 / x);
        }
        text += &format!("{t},{x}\n");
    }
    place.write("d.csv", &text);
    place
}

#[test]
fn curves_distances_and_formulas_are_told() {
    let place = place();
    place.run(&["fit", "study.toml", "--out", "p.slopefield", "--quiet"]).good();
    let arguments = ["terms", "p.slopefield", "--formulas", "--points", "41", "--csv", "c.csv"];
    let printed = place.run(&arguments).good();
    assert!(printed.contains("from t = ") && printed.contains("never saw"), "{printed}");
    assert!(printed.contains("x/("), "{printed}");
    let rows = place.read("c.csv");
    assert!(rows.starts_with("output,input,at,value,5 %,95 %,distance\n\"n\",\"x\","));
    assert_eq!(rows.lines().count(), 42);

    let reply = place.run(&["terms", "p.slopefield", "--spread", "50", "--json"]).json();
    let input = &reply["terms"][0]["inputs"][0];
    for (k, at) in input["at"].as_array().unwrap().iter().enumerate() {
        let x = number(at);
        if (0.3..=4.0).contains(&x) {
            let curve = &input["curves"][0];
            let found = number(&curve["value"][k]);
            assert!((found - x / (1.0 + x)).abs() < 0.05, "n({x}) = {found}");
            assert!(number(&curve["band"][0][k]) <= number(&curve["band"][1][k]));
        }
    }
}

/// The law is found, put in the place of the network, and fits the exact data better than it.
#[test]
fn a_formula_in_the_place_of_the_network_is_trained_and_compared() {
    let place = place();
    let arguments = ["terms", "study.toml", "--replace", "--out", "new.slope", "--json"];
    let reply = place.run(&arguments).json();
    let text = place.read("new.slope");
    assert!(text.contains("x' = -(n_1*x/(n_2 + x))") && !text.contains("network"), "{text}");
    close(number(&reply["parameters"]["n_1"]), 1.0, 1e-3);
    close(number(&reply["parameters"]["n_2"]), 1.0, 1e-3);
    let [old, new] = [&reply["comparison"][0], &reply["comparison"][1]];
    assert_eq!((&old["parameters"], &new["parameters"]), (&19.into(), &2.into()));
    for (what, factor) in [("loss", 0.5), ("aic", 1.0), ("bic", 1.0)] {
        assert!(number(&new[what]) < factor * number(&old[what]), "{what}: {reply}");
    }
    // Two free parameters and one standard deviation: 2k - 2 ln L of a normal distribution.
    let (n, sse) = (41.0, number(&new["loss"]));
    let twice = n * ((std::f64::consts::TAU * sse / n).ln() + 1.0);
    close(number(&new["aic"]), twice + 6.0, 1e-6);
    close(number(&new["bic"]), twice + 3.0 * f64::ln(n), 1e-6);
}

#[test]
fn what_there_is_not_is_refused() {
    let place = place();
    place.run(&["fit", "study.toml", "--out", "p.slopefield", "--iterations", "5"]).good();
    place.run(&["terms", "p.slopefield", "--at", "z=1"]).bad(&["no learned term has an input `z`"]);
    let run = place.run(&["terms", "p.slopefield", "--replace", "m=1"]);
    run.bad(&["no learned term has an output `m`; there are `n`"]);
    place.run(&["terms", "p.slopefield", "--replace", "n=99"]).bad(&["formulas for `n`"]);
    place.run(&["terms", "p.slopefield", "--replace", "n=x"]).bad(&["whole number"]);
}
