//! The methods for stochastic differential equations by name.

use super::SdeStepper;
use super::delayed::DelayedEuler;
use super::dri1::Dri1;
use super::euler::{EulerHeun, EulerMaruyama};
use super::milstein::{ImplicitMilstein, Milstein};
use super::splitting::Splitting;
use super::sra::{SOSRA, SRA1, Sra};
use super::sri::{SOSRI, SRIW1, Sri};
use crate::methods::{MethodInfo, Process};
use slopefield_solve::Stepper;

macro_rules! stepper {
    ($scheme:expr) => {
        || Box::new(SdeStepper::with($scheme))
    };
}

/// A stepper for paths side by side, of the methods that need no derivatives.
pub(crate) fn lane_stepper(name: &str, lanes: usize) -> Option<Box<dyn Stepper>> {
    Some(match name {
        "em" => Box::new(SdeStepper::in_lanes(EulerMaruyama::default(), lanes)),
        "sriw1" => Box::new(SdeStepper::in_lanes(Sri::new(&SRIW1), lanes)),
        "sosri" => Box::new(SdeStepper::in_lanes(Sri::new(&SOSRI), lanes)),
        "splitting" => Box::new(SdeStepper::in_lanes(Splitting::default(), lanes)),
        _ => return None,
    })
}

pub(crate) static METHODS: [MethodInfo; 10] = [
    MethodInfo {
        id: "sosri",
        name: "SOSRI",
        process: Process::Diffusion,
        strong_order: 1.5,
        weak_order: 1.5,
        dense_order: 1.0,
        advice: "The first choice for diagonal noise.",
        reference: "10.48550/arXiv.1804.04344",
        build: stepper!(Sri::new(&SOSRI)),
        single: stepper!(Sri::new(&SOSRI)),
    },
    MethodInfo {
        id: "sriw1",
        name: "SRIW1",
        process: Process::Diffusion,
        strong_order: 1.5,
        weak_order: 2.0,
        dense_order: 1.0,
        advice: "Diagonal noise without stiffness; half the drift evaluations of SOSRI.",
        reference: "10.1137/09076636X",
        build: stepper!(Sri::new(&SRIW1)),
        single: stepper!(Sri::new(&SRIW1)),
    },
    MethodInfo {
        id: "sosra",
        name: "SOSRA",
        process: Process::Diffusion,
        strong_order: 1.5,
        weak_order: 2.0,
        dense_order: 1.0,
        advice: "The first choice for additive noise.",
        reference: "10.48550/arXiv.1804.04344",
        build: stepper!(Sra::new(&SOSRA)),
        single: stepper!(Sra::new(&SOSRA)),
    },
    MethodInfo {
        id: "sra1",
        name: "SRA1",
        process: Process::Diffusion,
        strong_order: 1.5,
        weak_order: 2.0,
        dense_order: 1.0,
        advice: "Additive noise without stiffness; two evaluations a step.",
        reference: "10.1137/09076636X",
        build: stepper!(Sra::new(&SRA1)),
        single: stepper!(Sra::new(&SRA1)),
    },
    MethodInfo {
        id: "splitting",
        name: "Foster–dos Reis–Strange splitting",
        process: Process::Diffusion,
        strong_order: 1.5,
        weak_order: 2.0,
        dense_order: 1.0,
        advice: "Paths with additive, diagonal or commutative noise in both calculi, accurate at long \
                 steps.",
        reference: "10.48550/arXiv.2210.17543",
        build: stepper!(Splitting::default()),
        single: stepper!(Splitting::default()),
    },
    MethodInfo {
        id: "milstein",
        name: "Milstein",
        process: Process::Diffusion,
        strong_order: 1.0,
        weak_order: 1.0,
        dense_order: 1.0,
        advice: "Commutative noise, in both calculi.",
        reference: "10.1137/1119062",
        build: stepper!(Milstein::default()),
        single: stepper!(Milstein::default()),
    },
    MethodInfo {
        id: "implicit-milstein",
        name: "Drift-implicit Milstein",
        process: Process::Diffusion,
        strong_order: 1.0,
        weak_order: 1.0,
        dense_order: 1.0,
        advice: "Stiff drift with additive, diagonal or commutative noise.",
        reference: "10.1007/978-3-662-12616-5",
        build: stepper!(ImplicitMilstein::default()),
        single: stepper!(ImplicitMilstein::default()),
    },
    MethodInfo {
        id: "em",
        name: "Euler–Maruyama",
        process: Process::Diffusion,
        strong_order: 0.5,
        weak_order: 1.0,
        dense_order: 0.5,
        advice: "Any noise, also with constant delays; the simplest method.",
        reference: "10.1007/BF02846028",
        build: || Box::new(DelayedEuler::new()),
        single: || Box::new(DelayedEuler::new()),
    },
    MethodInfo {
        id: "euler-heun",
        name: "Euler–Heun",
        process: Process::Diffusion,
        strong_order: 0.5,
        weak_order: 1.0,
        dense_order: 0.5,
        advice: "Any noise in the sense of Stratonovich.",
        reference: "10.48550/arXiv.1210.0933",
        build: stepper!(EulerHeun::default()),
        single: stepper!(EulerHeun::default()),
    },
    MethodInfo {
        id: "dri1",
        name: "DRI1",
        process: Process::Diffusion,
        strong_order: 0.5,
        weak_order: 2.0,
        dense_order: 0.5,
        advice: "Means and other moments, with any noise.",
        reference: "10.1016/j.apnum.2008.03.012",
        build: stepper!(Dri1::default()),
        single: stepper!(Dri1::default()),
    },
];
