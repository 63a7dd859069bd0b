//! `slopefield devices`.
use crate::common::Place;

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
