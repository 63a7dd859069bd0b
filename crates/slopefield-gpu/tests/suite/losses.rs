//! Devices by name, and devices that are lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::{device, dialect, lowered};
use crate::trajectories::{LOTKA, Lotka};
use slopefield_gpu::{Device, GpuError, Solver, TrajectoryProgram};
use slopefield_solve::{Settings, tableau};

fn program() -> TrajectoryProgram {
    let tsit5 = tableau("tsit5").expect("built in");
    TrajectoryProgram::of_model(&lowered(LOTKA), &[0, 1, 2, 3], tsit5, dialect())
        .expect("it has a form")
}

#[test]
fn a_device_is_found_by_a_part_of_its_name() {
    let name = &device().info().name;
    let part: String = name.chars().take(5).collect::<String>().to_uppercase();
    assert_eq!(Device::named(&part).expect("it is there").info().name, *name);
    let Err(GpuError::NoDevice { why }) = Device::named("no such card") else {
        panic!("a card was found")
    };
    assert!(why.contains("no such card") && why.contains(name.as_str()), "{why}");
}

#[test]
fn what_is_asked_of_a_lost_device_fails_and_says_so() {
    let lost = Device::named(&device().info().label()).expect("it is there");
    let solver = Solver::keeping(&lost, program()).expect("it compiles");
    let lotka = Lotka::new(10);
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let mut out = vec![0.0; 20];
    let report = solver.solve(&lotka.problem(), &settings, &[10.0], &mut out);
    assert_eq!(report.expect("it works").failures(), 0);
    lost.lose();
    for _ in 0..2 {
        let again = solver.solve(&lotka.problem(), &settings, &[10.0], &mut out);
        assert!(matches!(again, Err(GpuError::Lost { .. })), "{again:?}");
        let program = Solver::keeping(&lost, program());
        assert!(matches!(program.err(), Some(GpuError::Lost { .. })));
    }
    // Another device of the same driver is not concerned.
    let solver = Solver::new(device(), &PROGRAM).expect("it compiles");
    assert!(solver.solve(&lotka.problem(), &settings, &[10.0], &mut out).is_ok());
}

static PROGRAM: std::sync::LazyLock<TrajectoryProgram> = std::sync::LazyLock::new(program);

/// Lost at any moment of a solve: it ends with the loss or, if that came too late, with all numbers.
#[test]
fn a_device_lost_in_the_middle_of_a_solve_ends_it() {
    let lotka = Lotka::new(200);
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let mut want = vec![0.0; 400];
    let whole = Solver::new(device(), &PROGRAM).expect("it compiles");
    whole.solve(&lotka.problem(), &settings, &[10.0], &mut want).expect("it works");
    let mut losses = 0;
    for millis in [0, 1, 3, 10, 30] {
        let lost = Device::named(&device().info().label()).expect("it is there");
        let mut solver = Solver::new(&lost, &PROGRAM).expect("it compiles");
        solver.attempts = Some(1);
        let begun = AtomicBool::new(false);
        let mut out = vec![0.0; 400];
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !begun.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                std::thread::sleep(Duration::from_millis(millis));
                lost.lose();
            });
            begun.store(true, Ordering::Release);
            solver.solve(&lotka.problem(), &settings, &[10.0], &mut out)
        });
        match result {
            Ok(_) => assert_eq!(out, want),
            Err(e) => {
                assert!(matches!(e, GpuError::Lost { .. }), "{e:?}");
                losses += 1;
            }
        }
    }
    assert!(losses > 0, "every solve was done before its device was lost");
}
