//! Stages and several starts: told before and after the training, stored, and on the report.
use crate::common;

use common::{Place, decay, number};

#[test]
fn several_starts_are_trained_from_stored_and_reported() {
    let place = Place::new();
    decay(&place);
    let study = place.read("study.toml");
    let training = "\n[training]\nstarts = 4\nrecipe = \"custom\"\n\n[[training.stages]]\n\
                    optimiser = \"adam\"\niterations = 20\nschedule = \"cosine\"\nclip = \"norm\"\n\n\
                    [[training.stages]]\noptimiser = \"lbfgs\"\niterations = 60\n";
    place.write("study.toml", &format!("{study}{training}"));
    let run = place.run(&["fit", "study.toml", "--out", "r.slopefield", "--json"]);
    for part in [
        "stage 1 Adam, 20 iterations, rate 0.05, falling to 10 % (cosine), gradient at most 5",
        "stage 2 L-BFGS, 60 iterations",
        "4 starts, the most promising of 13 places",
    ] {
        assert!(run.err.contains(part), "`{part}` is not in\n{}", run.err);
    }
    let fit = run.json();
    let losses: Vec<f64> = fit["starts"].as_array().unwrap().iter().map(number).collect();
    assert_eq!(losses.len(), 4);
    assert_eq!(losses[0], number(&fit["loss"]));
    assert!(losses.windows(2).all(|l| l[0] <= l[1]), "{losses:?}");

    let again = place.run(&["fit", "study.toml", "--json"]).json();
    assert_eq!(again["starts"], fit["starts"]);
    place.run(&["report", "r.slopefield", "--out", "r.html"]).good();
    let page = place.read("r.html");
    assert!(page.contains("of 4 starts came to the best loss"));
    place.run(&["project", "verify", "r.slopefield"]).good();

    place.replace("study.toml", "starts = 4", "starts = 0");
    place.run(&["fit", "study.toml"]).bad(&["training.starts", "must be 1 to 10000, not 0"]);
}
