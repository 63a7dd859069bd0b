//! `slopefield bench gpu`, on whatever device there is, software at least. No test looks at a time.
use crate::common::{Place, number};
use serde_json::Value;

#[test]
fn a_device_is_checked_and_measured_as_far_as_the_time_allows() {
    let place = Place::new();
    let record = ["bench", "gpu", "--seconds", "0", "--record", "ours.jsonl"];
    let found = place.run(&[&record[..], &["--json"]].concat()).json();
    let report = &found["report"];
    let counts: Vec<_> =
        report["points"].as_array().unwrap().iter().map(|p| p["count"].clone()).collect();
    assert_eq!(counts, [100, 1000]);
    assert_eq!(report["left_out"], Value::from(vec![10_000, 100_000, 1_000_000]));
    for who in ["card", "processor"] {
        let (median, worst) = (&report["errors"][who][0], &report["errors"][who][1]);
        assert!(number(median) <= 5e-5 && number(worst) <= 5e-4, "{report}");
    }
    // The same method with the same tolerance takes as many steps, but for those that rounding tips.
    assert!((number(&report["errors"]["attempts_ratio"]) - 1.0).abs() < 0.03, "{report}");
    let lines = place.read("ours.jsonl");
    let records: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    // Of each number the card, the processor, and how long the card was busy.
    assert_eq!(records.len(), 6);
    let device = report["device"].as_str().unwrap();
    assert_eq!(records[0]["tool"], format!("slopefield on {device}"));
    assert_eq!(records[0]["notes"] == "a software driver", report["software"] == true);
    assert!(records.iter().all(|r| r["bench"] == "gpu" && number(&r["value"]) > 0.0));
}

#[test]
fn a_table_has_a_line_for_each_number_of_trajectories() {
    let place = Place::new();
    let text = place.run(&["bench", "gpu", "--seconds", "0"]).good();
    let row = |count: &str| text.lines().find(|l| l.split_whitespace().next() == Some(count));
    assert!(row("100").is_some() && row("1000").is_some() && row("10000").is_none(), "{text}");
    assert!(text.contains("left out, for want of time: 10000, 100000, 1000000"), "{text}");
    assert!(text.contains("errors at the end: median"), "{text}");
}

#[test]
fn a_card_that_is_not_there_is_not_measured() {
    let place = Place::new();
    place
        .run(&["bench", "gpu", "--device", "no such card"])
        .bad(&["no card can be measured", "none is called `no such card`"]);
}

#[test]
fn gradients_are_checked_and_measured_beside_the_processor() {
    let place = Place::new();
    let case = ["bench", "gpu", "--case", "gradients", "--seconds", "0", "--record", "ours.jsonl"];
    let found = place.run(&[&case[..], &["--json"]].concat()).json();
    let report = &found["report"];
    assert_eq!((&report["work"], &found["case"]), (&"gradients".into(), &"gradients".into()));
    let counts: Vec<_> =
        report["points"].as_array().unwrap().iter().map(|p| p["count"].clone()).collect();
    assert_eq!(counts, [1000]);
    assert_eq!(report["left_out"], Value::from(vec![10_000, 100_000]));
    for who in ["card", "processor"] {
        let (median, worst) = (&report["errors"][who][0], &report["errors"][who][1]);
        assert!(number(median) <= 2e-4 && number(worst) <= 4e-3, "{report}");
    }
    assert!((number(&report["errors"]["attempts_ratio"]) - 1.0).abs() < 0.03, "{report}");
    let lines = place.read("ours.jsonl");
    let records: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record["metric"], "gradients per second");
        assert_eq!(record["case"], "1000: gradients, Tsit5 rtol 1e-5");
        assert!(number(&record["value"]) > 0.0, "{record}");
    }
    let text = place.run(&["bench", "gpu", "--case", "gradients", "--seconds", "0"]).good();
    assert!(text.contains("errors of gradients, relative to the largest"), "{text}");
    assert!(text.lines().any(|l| l.split_whitespace().next() == Some("1000")), "{text}");
}
