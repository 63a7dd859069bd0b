//! `slopefield sample`: draws, tables, refusals.
use crate::common;

use common::{Place, close, number};

/// A constant with known noise: the posterior is normal around the mean of the points, 1/√n wide.
const MODEL: &str = "state x = m\nparam m = 1\nx' = 0\nobserve y = x with normal(0.5)\n";

fn place(model: &str) -> Place {
    let place = Place::new();
    place.write("model.slope", model);
    place.write("study.toml", "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n");
    place.write("d.csv", "t,y\n0,1.2\n1,0.7\n2,1.9\n3,1.4\n");
    place
}

#[test]
fn draws_and_bands_are_those_of_the_known_posterior() {
    let place = place(MODEL);
    let reply = place
        .run(&["sample", "study.toml", "--out", "draws.csv", "--bands", "bands.csv", "--json"])
        .json();
    let m = &reply["parameters"][0];
    assert_eq!(m["name"], "m");
    assert!((number(&m["mean"]) - 1.3).abs() < 4.0 * number(&m["standard_error"]));
    close(number(&m["sd"]), 0.25, 0.1);
    assert_eq!(reply["warnings"].as_array().unwrap().len(), 0, "{reply}");
    assert_eq!((number(&reply["chains"]), number(&reply["draws"])), (4.0, 1000.0));

    let draws = place.read("draws.csv");
    let rows: Vec<Vec<f64>> =
        draws.lines().skip(1).map(|l| l.split(',').map(|x| x.parse().unwrap()).collect()).collect();
    assert!(draws.starts_with("chain,draw,m\n"), "{}", &draws[..40]);
    assert_eq!(
        (rows.len(), rows[0][..2].to_vec(), rows[3999][..2].to_vec()),
        (4000, vec![1.0, 1.0], vec![4.0, 1000.0])
    );
    let mean = rows.iter().map(|r| r[2]).sum::<f64>() / 4000.0;
    close(mean, number(&m["mean"]), 1e-12);

    // The model is constant: its bands are the quantiles of the parameter.
    let bands = place.read("bands.csv");
    assert!(bands.starts_with("experiment,observation,t,5 %,50 %,95 %\n"), "{}", &bands[..60]);
    let last: Vec<&str> = bands.lines().last().unwrap().split(',').collect();
    assert_eq!(last[..2], ["\"d\"", "\"y\""]);
    let at: Vec<f64> = last[2..].iter().map(|x| x.parse().unwrap()).collect();
    close(at[0], 3.75, 1e-12);
    for (value, expected) in at[1..].iter().zip([1.3 - 0.411, 1.3, 1.3 + 0.411]) {
        assert!((value - expected).abs() < 0.06, "{at:?}");
    }
    // The same seed, the same draws.
    place.run(&["sample", "study.toml", "--out", "again.csv", "--quiet"]).good();
    assert_eq!(place.read("again.csv"), draws);
    place.run(&["sample", "study.toml", "--seed", "7", "--out", "other.csv", "--quiet"]).good();
    assert_ne!(place.read("other.csv"), draws);
}

#[test]
fn a_table_for_people_has_every_parameter() {
    let place = Place::with_example("hudson-bay");
    let text = place.run(&["sample", "study.toml", "--draws", "300", "--warmup", "300"]).good();
    for word in ["alpha", "sigma_lynx", "R̂", "4 chains of 300 draws", "divergences"] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn what_cannot_be_drawn_says_why() {
    let least_squares = place(&MODEL.replace(" with normal(0.5)", ""));
    let failed = least_squares.run(&["sample", "study.toml"]);
    failed.bad(&["observation y has no noise model", "with normal(sigma)"]);
    place(MODEL).run(&["sample", "study.toml", "--draws", "0"]).bad(&["--draws"]);
    place(MODEL).run(&["sample", "nowhere.toml"]).bad(&["nowhere.toml"]);
}
