//! Runs and everything that belongs to them.

use super::samples::{full, point, table};
use crate::{
    CHECKPOINTS_KEPT, Curve, NewRun, Parameters, Project, ProjectError, Role, RunState, RunStatus,
};

fn with_run() -> (tempfile::TempDir, Project, String) {
    let folder = tempfile::tempdir().unwrap();
    let (project, run) = full(&folder.path().join("p.slopefield"));
    (folder, project, run)
}

#[test]
fn a_run_comes_back_as_it_was() {
    let (_folder, project, id) = with_run();
    let run = &project.runs().unwrap()[0];
    assert_eq!((run.id.as_str(), run.number, run.status), (id.as_str(), 1, RunStatus::Finished));
    assert_eq!(run.stop_reason.as_deref(), Some("converged"));
    assert_eq!((run.iterations, run.best_loss, run.hold_out), (4, Some(2.5), Some(3.75)));
    assert_eq!((run.log_likelihood, run.seconds, run.resumable), (Some(-12.0), 1.5, false));
    let detail = project.run(&id).unwrap();
    assert_eq!(detail.seed, u64::MAX);
    assert_eq!(detail.model_text, "d/dt x = r * x");
    assert_eq!(detail.facts[0].value, "0.1.0");
    assert_eq!(detail.tables[0].0, "counts");

    let history = project.history(&id).unwrap();
    assert_eq!(history.iterations, [1, 2, 3, 4]);
    assert_eq!(history.width, 2);
    assert_eq!(history.parameters, [10.0, 20.0, 5.0, 10.0, 10.0 / 3.0, 20.0 / 3.0, 2.5, 5.0]);
    assert!(history.hold_out[0].is_nan());
    assert_eq!(history.hold_out[1], 7.5);

    let best = project.parameters(&id, Role::Best).unwrap();
    assert_eq!(best.scalars, [("r".to_string(), 0.31), ("x0".to_string(), 1.1)]);
    assert_eq!(best.weights[0].shape, [2, 3]);
    assert_eq!(project.parameters(&id, Role::Start).unwrap(), Parameters::default());
    assert_eq!(project.networks(&id).unwrap(), [("nn".to_string(), vec![1, 2, 3])]);
    assert_eq!(project.notes(&id).unwrap()[0].message, "loss spiked");
    assert_eq!(project.newest_checkpoint(&id).unwrap().unwrap().bytes, b"state three");
}

#[test]
fn a_run_keeps_its_model_and_its_data() {
    let (_folder, mut project, id) = with_run();
    project.apply_model("another", "edit", false).unwrap();
    project.remove_table("counts").unwrap();
    project.add_table(table("counts", 2)).unwrap();
    project.compact().unwrap();
    assert_eq!(project.run(&id).unwrap().model_text, "d/dt x = r * x");
    assert_eq!(project.run_table(&id, "counts").unwrap().summary.row_count, 5);
    assert!(matches!(project.run_table(&id, "x"), Err(ProjectError::UnknownTable { .. })));
}

#[test]
fn a_loss_that_overflowed_is_stored() {
    let (_folder, mut project, id) = with_run();
    let mut bad = point(5);
    bad.loss = f64::NAN;
    bad.best = f64::INFINITY;
    project.append_history(&id, &[bad]).unwrap();
    let history = project.history(&id).unwrap();
    assert!(history.loss[4].is_nan());
    assert_eq!(history.best[4], f64::INFINITY);
    assert!(project.verify().ok, "{:?}", project.verify());
}

#[test]
fn only_the_newest_checkpoints_are_kept_and_a_damaged_one_is_passed_over() {
    let (_folder, mut project, id) = with_run();
    for iteration in 10..20 {
        project.append_checkpoint(&id, iteration, &[iteration as u8; 5000]).unwrap();
    }
    let kept = |project: &Project, sql: &str| -> i64 {
        project.link.conn().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(kept(&project, "SELECT count(*) FROM checkpoint"), i64::from(CHECKPOINTS_KEPT));
    assert_eq!(
        kept(&project, "SELECT count(*) FROM array WHERE element = 'u8' AND byte_count = 5000"),
        i64::from(CHECKPOINTS_KEPT)
    );
    assert_eq!(project.newest_checkpoint(&id).unwrap().unwrap().iteration, 19);
    project
        .change("damaging", |conn| {
            conn.execute(
                "UPDATE array_chunk SET blake3 = x'00' WHERE array_id = (SELECT array_id FROM checkpoint ORDER BY id DESC LIMIT 1)",
                [],
            )
            .unwrap();
            Ok(())
        })
        .unwrap();
    assert_eq!(project.newest_checkpoint(&id).unwrap().unwrap().iteration, 18);
}

#[test]
fn resuming_goes_back_to_the_checkpoint() {
    let (_folder, mut project, id) = with_run();
    project.append_note(&id, 4, "after the checkpoint").unwrap();
    project.set_run_status(&id, RunStatus::Interrupted).unwrap();
    assert!(project.runs().unwrap()[0].resumable);
    let checkpoint = project.resume_run(&id).unwrap();
    assert_eq!((checkpoint.iteration, checkpoint.bytes.as_slice()), (3, &b"state three"[..]));
    assert_eq!(project.history(&id).unwrap().iterations, [1, 2, 3]);
    assert_eq!(project.notes(&id).unwrap().len(), 1);
    let run = &project.runs().unwrap()[0];
    assert_eq!(
        (run.status, run.iterations, run.stop_reason.as_deref()),
        (RunStatus::Running, 3, None)
    );
    // An iteration that is computed again replaces the old one.
    project.append_history(&id, &[point(3), point(4)]).unwrap();
    assert_eq!(project.history(&id).unwrap().iterations, [1, 2, 3, 4]);

    let other = project.start_run(&NewRun::default()).unwrap();
    assert!(matches!(project.resume_run(&other), Err(ProjectError::NoCheckpoint { .. })));
    assert_eq!(project.runs().unwrap()[0].number, 2);
}

#[test]
fn deleting_a_run_leaves_nothing_of_it() {
    let (_folder, mut project, id) = with_run();
    project.delete_run(&id).unwrap();
    assert!(project.runs().unwrap().is_empty());
    assert!(matches!(project.history(&id), Err(ProjectError::UnknownRun { .. })));
    for (sql, expected) in [
        ("SELECT count(*) FROM checkpoint", 0i64),
        ("SELECT count(*) FROM run_history", 0),
        ("SELECT count(*) FROM trajectory", 0),
        // Three columns of the table and the graph of a network remain.
        ("SELECT count(*) FROM array", 4),
    ] {
        let found: i64 = project.link.conn().query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(found, expected, "{sql}");
    }
}

#[test]
fn results_can_be_replaced_and_bad_ones_are_refused() {
    let (_folder, mut project, id) = with_run();
    let arrays = |project: &Project| -> i64 {
        project.link.conn().query_row("SELECT count(*) FROM array", [], |row| row.get(0)).unwrap()
    };
    let before = arrays(&project);
    let best = project.parameters(&id, Role::Best).unwrap();
    project.set_parameters(&id, Role::Best, &best).unwrap();
    let curves = project.curves(&id).unwrap();
    project.set_curves(&id, &curves).unwrap();
    let networks = project.networks(&id).unwrap();
    project.set_networks(&id, &networks).unwrap();
    assert_eq!(arrays(&project), before);
    assert_eq!(project.parameters(&id, Role::Best).unwrap(), best);

    let nan = Parameters { scalars: vec![("r".into(), f64::NAN)], ..Parameters::default() };
    assert!(matches!(
        project.set_parameters(&id, Role::Best, &nan),
        Err(ProjectError::BadValue { .. })
    ));
    assert_eq!(project.parameters(&id, Role::Best).unwrap(), best);
    let short = Curve {
        experiment: "e".into(),
        observation: "x".into(),
        times: vec![0.0, 1.0],
        values: vec![1.0],
    };
    assert!(matches!(project.set_curves(&id, &[short]), Err(ProjectError::Shape { .. })));
    let mut uneven = [point(7), point(8)];
    uneven[1].parameters.push(1.0);
    assert!(matches!(project.append_history(&id, &uneven), Err(ProjectError::Shape { .. })));
    assert!(matches!(
        project.set_run_state("none", &RunState::default()),
        Err(ProjectError::UnknownRun { .. })
    ));
}
