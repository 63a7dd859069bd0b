//! `slopefield devices`.
use crate::common::{Place, close, decay, number, table};

/// The first device there is, software at least.
fn name(place: &Place) -> String {
    let devices = place.run(&["devices", "--json"]).json();
    let name = &devices["cards"][0]["name"];
    name.as_str().expect("a Vulkan driver, software at least").to_owned()
}

#[test]
fn devices_are_listed_and_the_choice_is_explained() {
    let place = Place::new();
    let view = place.run(&["devices", "--json"]).json();
    assert!(view["processor"]["cores"].as_u64().unwrap() > 0);
    let cards = view["cards"].as_array().unwrap();
    // Either there are cards, or it is said why there are none.
    assert_eq!(cards.is_empty(), view["none_because"].is_string(), "{view}");
    let best = cards.iter().find(|card| card["software"] == false);
    let expected = best.map_or(&view["processor"]["name"], |card| &card["name"]);
    assert_eq!(&view["chosen"], expected);
    for card in cards {
        assert!(card["largest_array"].as_u64().unwrap() > 0 && card["finest"] == 1e-5, "{card}");
    }
    let text = place.run(&["devices"]).good();
    for (heading, name) in [("processor", &view["processor"]["name"]), ("auto", &view["chosen"])] {
        let line = text.lines().find(|line| line.starts_with(heading)).unwrap();
        assert!(line.contains(name.as_str().unwrap()), "{text}");
    }
    assert!(text.lines().any(|line| line.starts_with("CUDA")), "{text}");
    let rows = text.lines().filter(|line| line.starts_with("card")).count();
    assert_eq!(rows, cards.len().max(1), "{text}");
}

/// Where no driver is found the list says so in a sentence, and a scan that asks for a card is done all the
/// same.
#[test]
#[cfg(target_os = "linux")]
fn without_a_driver_the_processor_computes_and_it_is_said() {
    let place = Place::new();
    place.write("model.slope", crate::common::DECAY);
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        // The loader of Vulkan finds no driver there.
        for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            command.env(variable, place.path("nowhere.json"));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap())
    };
    let [list, _] = run(&["devices"]);
    assert!(list.contains("card       none: no Vulkan driver answers"), "{list}");
    let [rows, said] = run(&["simulate", "model.slope", "--scan", "k=0.1:1:10", "--device", "gpu"]);
    assert_eq!(rows.lines().count(), 11);
    assert!(
        said.contains("the processor, because no card can be used: no Vulkan driver"),
        "{said}"
    );
}

/// Several starts in lockstep and one alone, with gradients of the first stages in single precision: the same
/// minimum as on the processor, whose loss it is.
#[test]
fn training_takes_gradients_from_a_card_and_finishes_on_the_processor() {
    let place = Place::new();
    decay(&place);
    let name = name(&place);
    let study = place.read("study.toml");
    for starts in ["", "\n[training]\nstarts = 5\n"] {
        place.write("study.toml", &format!("{study}{starts}"));
        let fit = |device: &str| place.run(&["fit", "study.toml", "--device", device, "--json"]);
        let here = fit("cpu");
        assert!(!here.err.contains("single precision"), "{}", here.err);
        let there = fit(&name);
        let said =
            format!("{name}, as asked for, computes the gradients of all stages but the last");
        assert!(there.err.contains(&said), "{}", there.err);
        let (here, there) = (here.json(), there.json());
        for (name, value) in here["parameters"].as_object().unwrap() {
            close(number(&there["parameters"][name]), number(value), 1e-4);
        }
        close(number(&there["loss"]), number(&here["loss"]), 1e-6);
    }
    // What a card has no form for is the processor's, and that is said.
    place.write("study.toml", &format!("{study}\n[solver]\nmethod = \"rodas5p\"\n"));
    let run = place.run(&["fit", "study.toml", "--device", &name]);
    assert!(run.err.contains("rodas5p has no gradients on cards"), "{}", run.err);
    run.good();
    place.write("study.toml", &study);
    let run = place.run(&["fit", "study.toml", "--device", "no such card"]);
    assert!(run.err.contains("no card is called `no such card`"), "{}", run.err);
    run.good();
}

/// Robertson's reaction to t = 40 by a Rosenbrock method, and doses at given times by an explicit one.
#[test]
fn stiff_scans_and_scans_with_doses_are_solved_on_a_card() {
    let place = Place::new();
    let name = name(&place);
    let both = |arguments: &[&str]| {
        let on = |device: &str, rtol: &str| {
            let all =
                [&["simulate", "model.slope"], arguments, &["--device", device, "--rtol", rtol]];
            let run = place.run(&all.concat());
            (run.err.clone(), table(&run.good()).1)
        };
        let (said, found) = on(&name, "1e-4");
        assert!(said.contains(&format!("{name}, as asked for")), "{said}");
        assert!(!said.contains("instead"), "{said}");
        let (_, wanted) = on("cpu", "1e-8");
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-3 * b.abs();
            assert!(found.iter().zip(wanted).all(near), "{found:?}, not {wanted:?}");
        }
        said
    };
    place.write(
        "model.slope",
        "state a = 1\nstate b = 0\nstate c = 0\nparam k = 0.04\na' = -k*a + 1e4*b*c\n\
         b' = k*a - 1e4*b*c - 3e7*b^2\nc' = 3e7*b^2\n",
    );
    let said = both(&["--scan", "k=0.03:0.05:20", "--to", "40", "--atol", "1e-9"]);
    assert!(said.contains("the card solves by rodas5p"), "{said}");
    place.write(
        "model.slope",
        "state x = 1\nparam k = 0.5\nx' = -k*x\nat 2: x = x + 1\nevery 3 from 1: x = x + 0.5\n",
    );
    let said = both(&["--scan", "k=0.2:1:30", "--to", "10", "--points", "21"]);
    assert!(said.contains("the card solves by tsit5"), "{said}");
}
