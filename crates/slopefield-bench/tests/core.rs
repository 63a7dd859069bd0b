//! Every case of the suite `core`: results agree with C and with the stored references, and a
//! wrong result gives no figures. Nothing here looks at a time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use slopefield_bench::{
    BenchError, Case, Comparators, Figures, Machine, Outcome, Record, Setting, Target, once, run,
    suite,
};

fn cases() -> Vec<Case> {
    suite("core").unwrap().choose(&[]).unwrap()
}

fn measured(comparators: &Comparators) -> Vec<Outcome> {
    let setting = Setting { comparators, compile_rounds: 1, program: None };
    cases().into_iter().map(|case| run(case, &setting, 0.0)).collect()
}

fn figures(outcome: &Outcome) -> &Figures {
    match &outcome.figures {
        Ok(figures) => figures,
        Err(e) => panic!("{}: {e}", outcome.case.name),
    }
}

#[test]
fn names_and_places_in_the_tables_are_used_once() {
    let mut names: Vec<_> = cases().into_iter().map(|case| case.name).collect();
    let mut places: Vec<_> = cases().into_iter().map(|c| (c.saved.bench, c.saved.case)).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    places.sort();
    places.dedup();
    assert_eq!((names.len(), places.len()), (count, count));
}

#[test]
fn names_choose_themselves_and_what_they_begin() {
    let core = suite("core").unwrap();
    let choose = |names: &[&str]| -> Vec<String> {
        let names: Vec<_> = names.iter().map(|n| (*n).to_owned()).collect();
        core.choose(&names).unwrap().into_iter().map(|case| case.name).collect()
    };
    assert_eq!(choose(&["lv-rhs"]), ["lv-rhs"]);
    assert_eq!(choose(&["lv"]), ["lv-rhs", "lv-product", "lv-solve", "lv-gradient"]);
    assert_eq!(choose(&["lv-solve", "scaling-1e2-solve"]), ["lv-solve", "scaling-1e2-solve"]);
    let Err(BenchError::UnknownCase { name, known, .. }) = core.choose(&["l".into()]) else {
        panic!("`l` begins no name at a hyphen");
    };
    assert_eq!(name, "l");
    assert_eq!(known.len(), cases().len());
    let Err(BenchError::UnknownSuite { known, .. }) = suite("gpus").map(|s| s.name) else {
        panic!("there is no such suite");
    };
    assert!(known.contains(&"core"));
}

/// With a compiler: every case with a comparator has been compared with it.
#[test]
fn every_result_agrees_with_c_and_with_its_reference() {
    let folder = tempfile::tempdir().unwrap();
    let comparators = Comparators::find(folder.path().to_path_buf());
    assert!(comparators.description().is_some(), "the tests need a C and a C++ compiler");
    for outcome in measured(&comparators) {
        let found = figures(&outcome);
        let name = &outcome.case.name;
        let alone = name.starts_with("compile");
        assert_eq!(found.comparator.is_none(), alone, "{name}");
        assert_eq!(found.disagreement.is_none(), alone, "{name}");
        let ratio = found.ratio.map_or(0.0, |r| r.min);
        assert!(alone || ratio > 0.0, "{name}: {ratio}");
        match outcome.case.target {
            Some(Target::Ratio(most)) => assert_eq!(found.reached, Some(ratio <= most), "{name}"),
            Some(Target::Seconds(most)) => {
                assert_eq!(found.reached, Some(found.ours.min <= most), "{name}");
            }
            Some(Target::Peers(_)) | None => assert_eq!(found.reached, None, "{name}"),
        }
        assert!(found.ours.rounds >= 5, "{name}");
        if found.comparator_error.is_some() {
            assert!(found.error.is_some(), "{name}");
        }
    }
}

/// Without a compiler: the same figures of ours, no ratios, and records with every field.
#[test]
fn without_a_compiler_our_figures_stand_alone_and_make_records() {
    let load = Machine::here().load;
    for outcome in measured(&Comparators::none()) {
        let found = figures(&outcome);
        assert!(found.comparator.is_none() && found.ratio.is_none());
        let record = Record::of(&outcome, load, Some(0.01));
        let written = serde_json::to_value(&record).unwrap();
        let fields = "bench tool case kind metric value unit min p90 n error rhs_evals cold_s \
                      setup_s other_cpu loadavg when notes";
        for field in fields.split(' ') {
            assert!(written.get(field).is_some(), "{field} is not in {written}");
        }
        assert_eq!((&*record.tool, &*record.kind), ("slopefield", "peer"));
        let sorted = [record.min, record.value, record.p90].is_sorted();
        let falling = [record.p90, record.value, record.min].is_sorted();
        assert!(if record.unit == "1/s" { falling } else { sorted }, "{written}");
        let back: Record = serde_json::from_value(written).unwrap();
        assert_eq!(back.case, record.case);
        // The tables group by what stands before a colon; cases without one are a bench of their
        // own.
        assert_eq!(record.case.contains(": "), ["B3", "B5", "B7", "B8"].contains(&&*record.bench));
    }
}

#[test]
fn every_case_can_be_done_once() {
    for case in cases() {
        once(&case, None).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    }
}
