//! The device that this machine has, software at least, behind the same seam.

use crate::common::{LOTKA, Scan};
use slopefield_devices::{Site, Wanted, cards, solve};

/// Name of the best device there is.
pub fn name() -> String {
    let found = cards().find();
    let card = found.cards.first().unwrap_or_else(|| {
        panic!(
            "these tests need a Vulkan driver, the software one of Debian's and Ubuntu's packages \
             mesa-vulkan-drivers and libvulkan1 at least: {:?}",
            found.none_because
        )
    });
    card.name.clone()
}

/// In single precision at a tolerance of 1e-5, cut into portions, against double precision at 1e-11.
#[test]
fn states_are_as_near_as_single_precision_lets_them() {
    let (mut strict, scan) = (Scan::new(500), Scan::new(500));
    strict.settings = slopefield_solve::Settings::with_tolerances(1e-11, 1e-11);
    let want = strict.expected();
    let site = Site { portion: 200, ..Site::new(cards()) };
    let mut out = vec![f64::NAN; want.len()];
    let solved =
        solve(&scan.work(), &Wanted::Named(name()), &site, &mut out).expect("it makes sense");
    assert_eq!((solved.on_card, solved.device), (500, name()));
    let mut errors: Vec<f64> =
        out.iter().zip(&want).map(|(got, want)| (got - want).abs() / want.abs()).collect();
    errors.sort_by(f64::total_cmp);
    assert!(errors[500] <= 5e-5 && errors[errors.len() - 1] <= 5e-4, "{:e}", errors[500]);
    // In one portion: the same bits.
    let mut whole = vec![f64::NAN; want.len()];
    solve(&scan.work(), &Wanted::Named(name()), &Site::new(cards()), &mut whole).expect("it works");
    assert_eq!(out, whole);
}

#[test]
fn a_model_with_events_is_solved_on_the_processor_and_it_is_said() {
    let text = format!("{LOTKA}when x crosses 2 rising: x = 1\n");
    let scan = Scan::of(&text, 20);
    let mut out = vec![0.0; 80];
    let named = Wanted::Named(name());
    let solved = solve(&scan.work(), &named, &Site::new(cards()), &mut out).expect("it works");
    assert_eq!(solved.device, "processor");
    let said = &solved.sentences[1];
    assert!(said.starts_with("the processor computes instead: events are not solved on"), "{said}");
}

#[test]
fn a_software_driver_is_no_card() {
    let is_card = cards().find().cards.iter().any(|card| !card.software);
    let scan = Scan::new(20);
    let mut out = vec![0.0; 80];
    let solved = solve(&scan.work(), &Wanted::Card, &Site::new(cards()), &mut out).expect("works");
    assert_eq!(solved.device == "processor", !is_card);
    assert_eq!(solved.sentences[0].contains("runs on the processor"), !is_card);
    assert_eq!(out == scan.expected(), !is_card);
}
