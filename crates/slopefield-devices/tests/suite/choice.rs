//! What `auto` chooses: never software, never less precision than was asked for, and by what was
//! measured.

use crate::common::{Fake, Fault, MARK, Scan};
use slopefield_devices::{Cards, Site, Solved, Wanted, processor, solve, would_choose};
use std::path::Path;

const COUNT: usize = 3000;

fn auto(fake: &Fake, scan: &Scan, figures: Option<&Path>, quick_s: f64) -> Solved {
    let site = Site { figures, quick_s, ..Site::new(fake) };
    let mut out = vec![f64::NAN; COUNT * scan.work().row()];
    let solved = solve(&scan.work(), &Wanted::Auto, &site, &mut out).expect("it makes sense");
    let mark = if solved.device == "processor" { 0.0 } else { MARK };
    let expected = scan.expected();
    assert!(out.iter().zip(&expected).all(|(got, want)| *got == want + mark));
    solved
}

/// A file in which the fake card takes so long.
fn figures(folder: &Path, start_s: f64, step_s: f64) -> std::path::PathBuf {
    let here = processor();
    let file = folder.join("devices.json");
    let text = format!(
        r#"[{{"machine": "{}, {} cores", "card": "Fake 9000", "driver": "1.0",
            "size": {{"states": 2, "instructions": {}, "own": 1, "saves": 2}},
            "cost": {{"start_s": {start_s}, "step_s": {step_s}}}}}]"#,
        here.name,
        here.cores,
        Scan::new(1).work().model.rhs.eval.code.len().next_power_of_two()
    );
    std::fs::write(&file, text).expect("a file");
    file
}

#[test]
fn little_work_is_not_offered_to_a_card() {
    let fake = Fake::new(Fault::DriverPanics);
    let solved = auto(&fake, &Scan::new(COUNT), None, 1e9);
    assert_eq!((solved.device.as_str(), solved.on_card), ("processor", 0));
    assert!(solved.sentences[0].starts_with("the processor: all of it takes about"));
}

#[test]
fn software_is_never_chosen() {
    let fake = Fake::with(Fault::Nothing, true);
    let solved = auto(&fake, &Scan::new(COUNT), None, 0.0);
    assert_eq!(solved.device, "processor");
    assert_eq!(
        solved.sentences[0],
        "the processor: the only other device is Fake 9000, which runs on the processor too"
    );
    assert!(fake.portions().is_empty());
    let found = fake.find();
    let (chosen, why) = would_choose(&found.cards, None);
    assert_eq!(chosen, processor().name);
    assert!(why.contains("runs on the processor too"), "{why}");
    // Named, it computes.
    let mut out = vec![0.0; 400];
    let scan = Scan::new(100);
    let named = Wanted::of("Fake");
    let solved = solve(&scan.work(), &named, &Site::new(&fake), &mut out).expect("it works");
    assert_eq!(solved.on_card, 100);
}

#[test]
fn a_tolerance_that_single_precision_cannot_hold_stays_on_the_processor() {
    let mut scan = Scan::new(COUNT);
    scan.settings.rtol = 1e-6;
    let fake = Fake::new(Fault::Nothing);
    for (wanted, quick_s) in [(Wanted::Auto, 0.0), (Wanted::Card, 0.1)] {
        let site = Site { quick_s, ..Site::new(&fake) };
        let mut out = vec![f64::NAN; COUNT * scan.work().row()];
        let solved = solve(&scan.work(), &wanted, &site, &mut out).expect("it makes sense");
        assert_eq!(out, scan.expected());
        assert_eq!(
            solved.sentences,
            ["the processor: the relative tolerance 1e-6 is finer than Fake 9000 can hold; it \
              computes from 1e-5 on"]
        );
        assert!(fake.portions().is_empty());
    }
}

#[test]
fn what_was_measured_before_decides() {
    let folder = tempfile::tempdir().expect("a folder");
    let scan = Scan::new(COUNT);
    let fake = Fake::new(Fault::Nothing);
    let fast = figures(folder.path(), 0.0, 0.0);
    let solved = auto(&fake, &scan, Some(&fast), 0.0);
    assert_eq!((solved.device.as_str(), solved.on_card), ("Fake 9000", COUNT));
    assert!(solved.sentences[0].starts_with("Fake 9000, which takes about 0.0 ms; the processor"));
    // All portions were work: nothing was measured again.
    assert_eq!(fake.portions(), [COUNT]);
    for (start_s, step_s) in [(1e6, 0.0), (0.0, 1.0)] {
        let fake = Fake::new(Fault::Nothing);
        let slow = figures(folder.path(), start_s, step_s);
        let solved = auto(&fake, &scan, Some(&slow), 0.0);
        assert_eq!(solved.device, "processor");
        assert!(solved.sentences[0].contains("and Fake 9000 would take"), "{:?}", solved.sentences);
        assert!(fake.portions().is_empty());
    }
}

#[test]
fn a_card_is_measured_once_for_each_size_of_model() {
    let folder = tempfile::tempdir().expect("a folder");
    // The folder is made, and what is not a list of figures is as good as nothing.
    let file = folder.path().join("settings/devices.json");
    let scan = Scan::new(COUNT);
    let fake = Fake::new(Fault::Nothing);
    let first = auto(&fake, &scan, Some(&file), 0.0);
    let trials = [256, COUNT];
    assert_eq!(fake.portions()[..2], trials);
    let kept = std::fs::read_to_string(&file).expect("the file was written");
    assert!(kept.contains("Fake 9000"), "{kept}");
    let again = Fake::new(Fault::Nothing);
    let second = auto(&again, &scan, Some(&file), 0.0);
    assert!(again.portions().len() <= 1, "it was measured again: {:?}", again.portions());
    for solved in [first, second] {
        assert_eq!(solved.sentences.len(), 1, "{:?}", solved.sentences);
    }
    std::fs::write(&file, "{]").expect("a file");
    let broken = Fake::new(Fault::Nothing);
    auto(&broken, &scan, Some(&file), 0.0);
    assert_eq!(broken.portions()[..2], trials);
    assert!(std::fs::read_to_string(&file).expect("a file").contains("Fake 9000"));
}

#[test]
fn a_card_that_fails_when_it_is_measured_is_not_chosen() {
    for (fault, why) in [
        (Fault::RefusesTheModel, "delays are not for cards"),
        (Fault::LostIn(0), "it fell off the bus"),
        (Fault::PanicsIn(1), "the graphics driver failed"),
        (Fault::DriverPanics, "the graphics driver failed"),
        (Fault::NoDriver, "no driver"),
    ] {
        let solved = auto(&Fake::new(fault), &Scan::new(COUNT), None, 0.0);
        assert_eq!(solved.device, "processor");
        assert!(solved.sentences[0].contains(why), "{:?}", solved.sentences);
    }
}

#[test]
fn words_for_devices_are_read() {
    let read = ["auto", "", " CPU", "gpu ", "card", "processor", "RTX 4090"].map(Wanted::of);
    let named = Wanted::Named("RTX 4090".into());
    use Wanted::{Auto, Card, Processor};
    assert_eq!(read, [Auto, Auto, Processor, Card, Card, Processor, named]);
}
