//! `slopefield uncertainty`: intervals, verdicts, tables, refusals.
use crate::common;

use common::{Place, close, number};

/// A constant with known noise: the fit is the mean of the points, its error 0.5/√n.
const MODEL: &str = "state x = m\nparam m = 1\nx' = 0\nobserve y = x with normal(0.5)\n";

fn place(model: &str) -> Place {
    let place = Place::new();
    place.write("model.slope", model);
    place.write("study.toml", "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n");
    place.write("d.csv", "t,y\n0,1.2\n1,0.7\n2,1.9\n3,1.4\n");
    place
}

#[test]
fn every_method_gives_the_known_interval() {
    let place = place(MODEL);
    for (method, allowed) in
        [("laplace", 1e-6_f64), ("profile", 1e-5), ("bootstrap", 0.15), ("nuts", 0.1)]
    {
        let arguments = ["uncertainty", "study.toml", "--method", method, "--json"];
        let reply = place.run(&arguments).json();
        let m = &reply["parameters"][0];
        assert_eq!((&m["name"], &m["verdict"]), (&"m".into(), &"identifiable".into()), "{method}");
        close(number(&m["value"]), 1.3, 1e-6);
        close(number(&m["standard_error"]), 0.25, allowed.max(1e-5));
        let half = 1.959_964 * 0.25;
        for (end, expected) in [("low", 1.3 - half), ("high", 1.3 + half)] {
            let found = number(&m[end]);
            assert!((found - expected).abs() < allowed * 0.6 + 1e-5, "{method} {end}: {found}");
        }
    }
    let reply = place
        .run(&["uncertainty", "study.toml", "--method", "ensemble", "--draws", "4", "--json"])
        .json();
    close(number(&reply["parameters"][0]["low"]), 1.3, 1e-3);
}

#[test]
fn tables_are_written_and_read_like_sentences() {
    let place =
        place(&MODEL.replace("x = m\nparam m = 1", "x = a*b\nparam a = 1 log\nparam b = 1 log"));
    let arguments = ["uncertainty", "study.toml", "--out", "draws.csv", "--bands", "bands.csv"];
    let printed = place.run(&arguments).good();
    assert!(printed.contains("only the product a*b"), "{printed}");
    assert!(place.read("draws.csv").starts_with("a,b\n"));
    let bands = place.read("bands.csv");
    assert!(bands.starts_with("experiment,observation,t,2.5 %,5 %"), "{}", &bands[..60]);
    assert_eq!(bands.lines().count(), 202);
}

#[test]
fn what_cannot_be_assessed_says_why() {
    let model = MODEL.replace(" with normal(0.5)", "").replace("m = 1", "m = 1 ~ normal(1, 1)");
    let run = place(&model).run(&["uncertainty", "study.toml", "--quiet"]);
    run.bad(&["cannot be weighed against priors"]);
}

/// Refits by the gradients of whatever card there is, software too: the intervals of the processor.
#[test]
fn refits_take_gradients_from_a_card_and_say_so() {
    let model = "state x = a\nparam a = 1 in [0.1, 10]\nparam k = 0.4 in [0.01, 5]\nx' = -k*x\n\
                 observe y = x with normal(0.05)\n";
    let place = place(model);
    place.write(
        "study.toml",
        "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n[solver]\nmethod = \"tsit5\"\n\
         [training]\ngradient = \"discrete\"\n",
    );
    place.write("d.csv", "t,y\n0,1.02\n1,0.64\n2,0.45\n3,0.28\n4,0.15\n5,0.12\n");
    let devices = place.run(&["devices", "--json"]).json();
    let name = devices["cards"][0]["name"].as_str().expect("a Vulkan driver, software at least");
    let ask = |more: &[&str]| {
        let asked = ["uncertainty", "study.toml", "--method", "bootstrap", "--draws", "40"];
        place.run(&[&asked[..], more].concat())
    };
    let (here, there) = (ask(&["--device", "cpu", "--json"]), ask(&["--device", name, "--json"]));
    let said = format!("{name}, as asked for, computes the gradients");
    assert!(there.err.contains(&said), "{}", there.err);
    let (here, there) = (here.json(), there.json());
    assert_eq!(here["notes"], serde_json::json!([]));
    assert!(there["notes"][0].as_str().is_some_and(|note| note.starts_with(&said)), "{there}");
    for i in 0..2 {
        for key in ["standard_error", "low", "high"] {
            let [got, want] = [&there, &here].map(|reply| number(&reply["parameters"][i][key]));
            assert!((got - want).abs() <= 1e-4 * want.abs(), "{key} {i}: {got}, not {want}");
        }
    }
    let laplace = ["uncertainty", "study.toml", "--device", name];
    let told = place.run(&laplace).err;
    assert!(told.contains("only bootstrap and ensemble ask a card"), "{told}");
}
