//! Paths side by side are the paths alone, to the last bit.
use crate::common;

use common::*;
use slopefield_kernel::{BatchKernel, BatchPoint, Calculus, NoiseKind, Shape};
use slopefield_solve::{Ivp, SolveError};
use slopefield_stochastic::{LaneSystem, Paths, method, paths, paths_in_lanes};

/// A function in lanes, lane by lane.
struct Lanes {
    function: Function,
    width: usize,
}

impl BatchKernel for Lanes {
    fn shape(&self) -> Shape {
        let Function { states, params, outputs, .. } = self.function;
        Shape { states, params, outputs }
    }
    fn width(&self) -> usize {
        self.width
    }
    fn own_params(&self) -> &[usize] {
        &[]
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, lanes: usize, at: BatchPoint<'_>, out: &mut [f64], _: &mut [f64]) {
        for lane in 0..lanes {
            let u = [at.u[lane], at.u[self.width + lane]];
            let mut result = [0.0; 2];
            (self.function.value)(at.t[lane], &u, at.shared, &mut result);
            out[lane] = result[0];
            out[self.width + lane] = result[1];
        }
    }
}

fn system() -> System {
    System::diffusion(
        Function {
            states: 2,
            params: 0,
            outputs: 2,
            value: |t, u, _, out| out.copy_from_slice(&[u[1] + t.sin(), -u[0] - 0.1 * u[1]]),
            along: NO_CHANGE,
        },
        Noisy {
            coefficients: Function {
                states: 2,
                params: 0,
                outputs: 2,
                value: |_, u, _, out| out.copy_from_slice(&[0.3 * u[0], 0.2 * u[1].cos()]),
                along: NO_CHANGE,
            },
            sources: 2,
            kind: NoiseKind::Diagonal,
            calculus: Calculus::Ito,
        },
    )
}

#[test]
fn paths_in_lanes_have_the_bits_of_single_ones() {
    let model = Model::<f64>::new(system());
    let u0 = [1.0, 0.5];
    let ivp = Ivp { rhs: &model, t0: 0.1, t1: 1.3, u0: &u0, p: &[] };
    let settings = fixed(1.0 / 32.0, 0);
    let saves = [0.1, 0.4, 0.777, 1.3];
    let side = |width| {
        let noise = system().noise.unwrap().coefficients;
        (Lanes { function: system().drift, width }, Lanes { function: noise, width })
    };
    for name in ["em", "sriw1", "sosri", "splitting"] {
        for (width, count, threads) in [(8, 21, 1), (64, 150, 3)] {
            let which = Paths { first: 5, count, threads };
            let mut alone = vec![0.0; count * 8];
            let make = || method(name).unwrap();
            let one = paths(&make, &ivp, &settings, which, &saves, &mut alone).unwrap();
            let mut beside = vec![0.0; count * 8];
            let (drift, coefficients) = side(width);
            let system = LaneSystem { drift: &drift, coefficients: &coefficients };
            let many = paths_in_lanes(
                name,
                system,
                (0.1, 1.3),
                &u0,
                &[],
                &settings,
                which,
                &saves,
                &mut beside,
            )
            .unwrap();
            assert_eq!(alone, beside, "{name}");
            assert_eq!((one.accepted, one.rhs), (many.accepted, many.rhs));
        }
    }
}

#[test]
fn what_does_not_work_in_lanes_is_refused() {
    let drift = Lanes { function: system().drift, width: 8 };
    let run = |name: &str, settings: &slopefield_solve::Settings| {
        let system = LaneSystem { drift: &drift, coefficients: &drift };
        let which = Paths { first: 0, count: 1, threads: 1 };
        let mut out = [0.0; 2];
        let u0 = [1.0, 1.0];
        let saves = [1.0];
        match paths_in_lanes(name, system, (0.0, 1.0), &u0, &[], settings, which, &saves, &mut out)
        {
            Err(SolveError::Invalid(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    assert!(run("milstein", &fixed(0.1, 0)).contains("does not work in lanes"));
    assert!(run("em", &slopefield_solve::Settings::default()).contains("fixed steps"));
}
