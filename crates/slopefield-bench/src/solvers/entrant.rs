//! Those who solve: our methods and the comparators.

use super::Contest;
use crate::comparator::native::Peer;
use crate::comparator::{CVODE, HAND_WRITTEN};
use crate::{BenchError, Comparators};
use slopefield_kernel::Kernel;
use slopefield_problems::Problem;
use slopefield_solve::{Ivp, MethodInfo, Settings, Stats, Stepper, delay_method, drive, methods};
use std::rc::Rc;
use std::sync::Arc;

/// Counters of one run; what a solver does not count is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Steps, accepted ones where the solver tells them apart.
    pub steps: u64,
    /// Evaluations of the right-hand side.
    pub rhs: u64,
    /// Evaluations of the Jacobian.
    pub jacobians: u64,
    /// Factorisations.
    pub factorisations: u64,
}

impl Counts {
    fn add(&mut self, stats: &Stats) {
        self.steps += stats.accepted;
        self.rhs += stats.rhs;
        self.jacobians += stats.jacobians;
        self.factorisations += stats.factorisations;
    }
}

/// A problem compiled from its text.
#[derive(Clone)]
pub(super) struct System {
    pub rhs: Arc<dyn Kernel>,
    /// The usual start, and that of states which were added.
    pub start: Vec<f64>,
}

/// A solver with a problem at a tolerance.
pub(super) trait Entrant {
    /// Solves once.
    fn run(&mut self) -> Result<(), BenchError>;
    /// Solves once and gives the state at the end.
    fn result(&mut self) -> Result<Vec<f64>, BenchError>;
    /// Counters of the last run.
    fn counts(&self) -> Counts;
}

/// A solver that may be set to any tolerance.
pub(super) struct Maker {
    pub solver: String,
    pub ours: bool,
    /// `(rtol, atol)`.
    pub make: Make,
}

type Make = Box<dyn Fn(f64, f64) -> Result<Box<dyn Entrant>, BenchError>>;

/// Everything that takes part in a contest, and why something does not.
pub(super) fn entrants(
    contest: &Contest,
    problem: &Rc<Problem>,
    compiled: &Option<System>,
    comparators: &Comparators,
) -> Result<(Vec<Maker>, Vec<String>), BenchError> {
    let delays = problem.rhs.structure().delays.is_some();
    let mut makers: Vec<Maker> = methods()
        .filter(|method| contest.admits(method))
        .filter(|method| !delays || delay_method(method.id).is_some())
        .map(|method| Maker {
            solver: method.id.into(),
            ours: true,
            make: {
                let (problem, compiled) = (problem.clone(), compiled.clone());
                Box::new(move |rtol, atol| {
                    Ok(Box::new(Ours::new(method, &problem, &compiled, rtol, atol)))
                })
            },
        })
        .collect();
    let mut notes = Vec::new();
    let peers = [
        (&HAND_WRITTEN, "tsit5", "C: Tsit5"),
        (&HAND_WRITTEN, "rodas4", "C: Rodas4"),
        (&CVODE, "cvode-adams", "CVODE: Adams"),
        (&CVODE, "cvode-dense", "CVODE: BDF, dense"),
        (&CVODE, "cvode-band", "CVODE: BDF, banded"),
        (&CVODE, "cvode-klu", "CVODE: BDF, KLU"),
        (&CVODE, "ida", "IDA: dense"),
    ];
    for (source, method, solver) in peers {
        if method == "cvode-adams" && contest.stiff {
            continue;
        }
        // Made once to see whether there is such a pair.
        match Peer::open(comparators, source, method, problem) {
            Ok(Some(_)) => {}
            Ok(None) => continue,
            Err(BenchError::Comparator { printed, .. }) if missing_headers(&printed) => {
                if notes.is_empty() {
                    notes.push(SUNDIALS_MISSING.to_owned());
                }
                continue;
            }
            Err(e) => return Err(e),
        }
        let (problem, comparators) = (problem.clone(), comparators.clone());
        makers.push(Maker {
            solver: solver.into(),
            ours: false,
            make: Box::new(move |rtol, atol| {
                let peer = Peer::open(&comparators, source, method, &problem)?;
                let peer = peer.ok_or(BenchError::Unusable {
                    source_name: source.name,
                    reason: "it does not open twice".into(),
                })?;
                Ok(Box::new(Theirs { peer, rtol, atol }))
            }),
        });
    }
    Ok((makers, notes))
}

const SUNDIALS_MISSING: &str = "CVODE and IDA are not here: install SUNDIALS 6 with KLU \
                                (Debian and Ubuntu: apt install libsundials-dev)";

/// Whether a compiler could not find SUNDIALS or its libraries, rather than refuse our source.
fn missing_headers(printed: &str) -> bool {
    ["cvode/cvode.h", "ida/ida.h", "sunlinsol_klu.h", "klu.h", "lsundials"]
        .iter()
        .any(|name| printed.contains(name))
}

struct Ours {
    stepper: Box<dyn Stepper>,
    problem: Rc<Problem>,
    compiled: Option<System>,
    settings: Settings,
    start: Vec<f64>,
    state: Vec<f64>,
    counts: Counts,
}

impl Ours {
    fn new(
        method: &MethodInfo,
        problem: &Rc<Problem>,
        compiled: &Option<System>,
        rtol: f64,
        atol: f64,
    ) -> Ours {
        let settings = Settings { max_steps: 2_000_000, ..Settings::with_tolerances(rtol, atol) };
        // Entrants of problems with delays are those that have this.
        let delays = problem.rhs.structure().delays.is_some();
        let for_delays = delays.then(|| delay_method(method.id)).flatten();
        let states = compiled.as_ref().map_or(problem.u0.len(), |system| system.start.len());
        Ours {
            stepper: for_delays.unwrap_or_else(|| (method.build)()),
            problem: problem.clone(),
            compiled: compiled.clone(),
            settings,
            start: vec![0.0; states],
            state: vec![0.0; states],
            counts: Counts::default(),
        }
    }
}

impl Entrant for Ours {
    fn run(&mut self) -> Result<(), BenchError> {
        let problem = &*self.problem;
        let (rhs, start) = match &self.compiled {
            Some(system) => (&*system.rhs, &system.start),
            None => (&*problem.rhs, &problem.u0),
        };
        self.start.copy_from_slice(start);
        let (mut t0, mut total) = (problem.t0, Counts::default());
        // Like the comparators, new starts where the right-hand side jumps.
        for &t1 in problem.breaks.iter().chain([&problem.t1]) {
            let ivp = Ivp { rhs, t0, t1, u0: &self.start, p: &problem.p };
            let (stepper, settings) = (&mut *self.stepper, &self.settings);
            let stats = drive(stepper, &ivp, settings, &[t1], &mut self.state, None)?;
            total.add(&stats);
            self.start.copy_from_slice(&self.state);
            t0 = t1;
        }
        self.counts = total;
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run()?;
        Ok(self.state.clone())
    }

    fn counts(&self) -> Counts {
        self.counts
    }
}

struct Theirs {
    peer: Peer,
    rtol: f64,
    atol: f64,
}

impl Entrant for Theirs {
    fn run(&mut self) -> Result<(), BenchError> {
        self.peer.run(self.rtol, self.atol)
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run()?;
        Ok(self.peer.result())
    }

    fn counts(&self) -> Counts {
        let [steps, rhs, jacobians, factorisations] = self.peer.counts();
        Counts { steps, rhs, jacobians, factorisations }
    }
}
