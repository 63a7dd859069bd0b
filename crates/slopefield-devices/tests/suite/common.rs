//! What the tests of this crate share: trajectories of Lotka–Volterra, and a card that fails on purpose.

use slopefield_adjoint::{DiscreteAdjoint, GradientMethod};
use slopefield_cpu::CompiledBatch;
use slopefield_devices::{
    Card, CardError, CardInfo, CardLoss, CardProgram, Cards, Differentiated, Found,
    GradientCardProgram, GradientWork, Method, PathCardProgram, PathWork, Work,
};
use slopefield_ensemble::{Ensemble, Failure, Run, TrajectoryResult, Values};
use slopefield_graph::{BuiltinNetworks, Interpreter, LoweredModel, lower};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Tableau, tableau};
use std::sync::{Arc, Mutex};

pub const LOTKA: &str = "
state x = 1
state y = 1
param a = 1.5
param b = 1
param c = 3
param d = 1
x' = a*x - b*x*y
y' = d*x*y - c*y
";

pub fn lowered(text: &str) -> LoweredModel {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    lower(&model, &BuiltinNetworks).expect("the model is right")
}

/// Lotka–Volterra to t = 10 with a rate of growth of each trajectory's own, from 1 to 2.
pub struct Scan {
    model: LoweredModel,
    rhs: CompiledBatch,
    own: Vec<f64>,
    pub settings: Settings,
}

impl Scan {
    pub fn new(count: usize) -> Scan {
        Scan::of(LOTKA, count)
    }

    pub fn of(text: &str, count: usize) -> Scan {
        let model = lowered(text);
        let rhs = slopefield_cpu::compile_batch(&model.rhs.eval, &[0]).expect("it compiles");
        let own = (0..count).map(|i| 1.0 + i as f64 / count as f64).collect();
        Scan { model, rhs, own, settings: Settings::with_tolerances(1e-5, 1e-6) }
    }

    pub fn work(&self) -> Work<'_> {
        Work {
            model: &self.model,
            rhs: &self.rhs,
            t0: 0.0,
            t1: 10.0,
            count: self.own.len(),
            u0: Values::Same(&[1.0, 1.0]),
            shared: &[f64::NAN, 1.0, 3.0, 1.0],
            own: Values::Each(&self.own),
            method: Method::Explicit(tsit5()),
            apart: None,
            settings: &self.settings,
            saves: &[5.0, 10.0],
        }
    }

    /// States by the ensembles themselves.
    pub fn expected(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.work().row() * self.own.len()];
        ensemble(&self.work(), &mut out);
        out
    }
}

pub fn tsit5() -> &'static Tableau {
    tableau("tsit5").expect("built in")
}

fn ensemble(work: &Work<'_>, out: &mut [f64]) -> Vec<TrajectoryResult> {
    let Work { rhs, t0, t1, count, u0, shared, own, .. } = *work;
    let ensemble = Ensemble { rhs, t0, t1, count, u0, shared, own };
    let run = Run::default();
    slopefield_ensemble::solve(&ensemble, tsit5(), work.settings, work.saves, out, run)
        .expect("the problem makes sense")
        .trajectories
}

/// What a card does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    Nothing,
    NoDriver,
    DriverPanics,
    RefusesTheModel,
    /// Holds no more trajectories than this.
    MemoryOf(usize),
    /// Is lost in this portion, after half of its states have been written.
    LostIn(usize),
    PanicsIn(usize),
    AnswersForHalfIn(usize),
    /// Trajectories with these numbers fail there.
    StepsTooSmallAt(&'static [usize]),
}

/// A card that computes on the processor and adds [`MARK`] to every state, so that tests see who computed.
#[derive(Clone)]
pub struct Fake(Arc<State>);

pub const MARK: f64 = 1000.0;

struct State {
    info: CardInfo,
    fault: Fault,
    /// Sizes of the portions it was given.
    portions: Mutex<Vec<usize>>,
}

impl Fake {
    pub fn new(fault: Fault) -> Fake {
        Fake::with(fault, false)
    }

    pub fn with(fault: Fault, software: bool) -> Fake {
        let info = CardInfo {
            operations: None,
            name: "Fake 9000".into(),
            maker: "Nobody".into(),
            kind: "graphics card",
            software,
            interface: "none",
            driver: "1.0".into(),
            largest_array: 1 << 30,
            shared_memory: 1 << 15,
            double: false,
            finest: 1e-5,
        };
        Fake(Arc::new(State { info, fault, portions: Mutex::default() }))
    }

    pub fn portions(&self) -> Vec<usize> {
        self.0.portions.lock().expect("no panic").clone()
    }
}

impl Cards for Fake {
    fn find(&self) -> Found {
        match self.0.fault {
            Fault::NoDriver => Found { cards: vec![], none_because: Some("no driver".into()) },
            _ => Found { cards: vec![self.0.info.clone()], none_because: None },
        }
    }

    fn open(&self, name: Option<&str>) -> Result<Box<dyn Card>, CardError> {
        match self.0.fault {
            Fault::NoDriver => return Err(CardError::Missing("no driver".into())),
            Fault::DriverPanics => panic!("a driver that is broken"),
            _ => {}
        }
        match name {
            Some(name) if !self.0.info.name.contains(name) => {
                Err(CardError::Missing(format!("none is called `{name}`")))
            }
            None if self.0.info.software => Err(CardError::Missing("it is software".into())),
            _ => Ok(Box::new(self.clone())),
        }
    }
}

impl Card for Fake {
    fn info(&self) -> &CardInfo {
        &self.0.info
    }

    fn program(&self, _: &Work<'_>) -> Result<Box<dyn CardProgram + '_>, CardError> {
        match self.0.fault {
            Fault::RefusesTheModel => Err(CardError::Refused("delays are not for cards".into())),
            _ => Ok(Box::new(self.clone())),
        }
    }

    fn gradient_program(
        &self,
        _: &GradientWork<'_>,
    ) -> Result<Box<dyn GradientCardProgram + '_>, CardError> {
        match self.0.fault {
            Fault::RefusesTheModel => Err(CardError::Refused("delays are not for cards".into())),
            _ => Ok(Box::new(self.clone())),
        }
    }

    fn path_program(&self, _: &PathWork<'_>) -> Result<Box<dyn PathCardProgram + '_>, CardError> {
        match self.0.fault {
            Fault::RefusesTheModel => Err(CardError::Refused("delays are not for cards".into())),
            _ => Ok(Box::new(self.clone())),
        }
    }
}

impl PathCardProgram for Fake {
    /// Each path is [`MARK`] and its number, at all times.
    fn paths(
        &self,
        work: &PathWork<'_>,
        out: &mut [f64],
    ) -> Result<Vec<TrajectoryResult>, CardError> {
        let (number, _) = self.portion(work.count)?;
        let row = work.saves.len() * work.u0.len();
        for (k, row) in out.chunks_exact_mut(row).enumerate() {
            row.fill(MARK + (work.settings.path + k as u64) as f64);
        }
        match self.0.fault {
            Fault::LostIn(portion) if portion == number => {
                Err(CardError::Failed("Fake 9000 was lost: it fell off the bus".into()))
            }
            Fault::AnswersForHalfIn(portion) if portion == number => {
                Ok(vec![Ok(Stats::default()); work.count / 2])
            }
            _ => Ok(vec![Ok(Stats::default()); work.count]),
        }
    }
}

impl Fake {
    /// Number of the portion, and of its first trajectory.
    fn portion(&self, count: usize) -> Result<(usize, usize), CardError> {
        let mut portions = self.0.portions.lock().expect("no panic");
        let before: usize = portions.iter().sum();
        portions.push(count);
        match self.0.fault {
            Fault::MemoryOf(most) if count > most => Err(CardError::Memory("it is full".into())),
            _ => Ok((portions.len() - 1, before)),
        }
    }
}

/// The gradients of a portion by the processor's own method, in double precision.
pub fn differentiate(work: &GradientWork<'_>, loss: &mut CardLoss<'_>) -> Differentiated {
    let rhs = Interpreter::new(work.model.rhs.clone());
    let (n, own) = (work.states(), work.own_params.len());
    let row = |values: Values<'_>, len: usize, k: usize| match values {
        Values::Same(row) => row.to_vec(),
        Values::Each(rows) => rows[k * len..][..len].to_vec(),
    };
    let mut found =
        Differentiated { by_shared: vec![0.0; work.shared.len()], ..Differentiated::default() };
    for k in 0..work.count {
        let mut p = work.shared.to_vec();
        let values = row(work.own, own, k);
        work.own_params.iter().zip(values).for_each(|(i, value)| p[*i] = value);
        let (t0, t1, u0) = (work.t0, work.t1, row(work.u0, n, k));
        let ivp = Ivp { rhs: &rhs, t0, t1, u0: &u0, p: &p };
        let (mut by_u0, mut by_p) = (vec![0.0; n], vec![0.0; p.len()]);
        let mut own_loss = |u: &[f64], du: &mut [f64]| loss(k, u, du);
        let evaluated = DiscreteAdjoint::named("tsit5").expect("built in").evaluate(
            &ivp,
            work.settings,
            work.saves,
            &mut own_loss,
            &mut by_u0,
            &mut by_p,
        );
        let failure = |error| Box::new(Failure { error, u: u0.clone(), stats: Stats::default() });
        found.trajectories.push(evaluated.map(|e| e.forward).map_err(failure));
        found.by_u0.extend(by_u0);
        found.by_own.extend(work.own_params.iter().map(|i| std::mem::take(&mut by_p[*i])));
        found.by_shared.iter_mut().zip(by_p).for_each(|(sum, g)| *sum += g);
    }
    found
}

impl GradientCardProgram for Fake {
    fn gradients(
        &self,
        work: &GradientWork<'_>,
        loss: &mut CardLoss<'_>,
    ) -> Result<Differentiated, CardError> {
        let (number, _) = self.portion(work.count)?;
        let mut found = differentiate(work, loss);
        found.by_u0.iter_mut().for_each(|g| *g += MARK);
        match self.0.fault {
            Fault::LostIn(portion) if portion == number => {
                Err(CardError::Failed("Fake 9000 was lost: it fell off the bus".into()))
            }
            Fault::PanicsIn(portion) if portion == number => panic!("a driver that is broken"),
            Fault::AnswersForHalfIn(portion) if portion == number => {
                found.trajectories.truncate(work.count / 2);
                Ok(found)
            }
            _ => Ok(found),
        }
    }
}

impl CardProgram for Fake {
    fn solve(&self, work: &Work<'_>, out: &mut [f64]) -> Result<Vec<TrajectoryResult>, CardError> {
        let (number, before) = self.portion(work.count)?;
        let mut results = ensemble(work, out);
        out.iter_mut().for_each(|x| *x += MARK);
        match self.0.fault {
            Fault::LostIn(portion) if portion == number => {
                let half = out.len() / 2;
                out[half..].fill(f64::NAN);
                return Err(CardError::Failed("Fake 9000 was lost: it fell off the bus".into()));
            }
            Fault::PanicsIn(portion) if portion == number => panic!("a driver that is broken"),
            Fault::AnswersForHalfIn(portion) if portion == number => {
                results.truncate(work.count / 2);
            }
            Fault::StepsTooSmallAt(which) => {
                for (i, result) in results.iter_mut().enumerate() {
                    if which.contains(&(before + i)) {
                        let error = SolveError::StepTooSmall { t: 1.0, h: 1e-9 };
                        let (u, stats) = (vec![0.0; 2], Stats::default());
                        *result = Err(Box::new(Failure { error, u, stats }));
                        out[i * work.row()..][..work.row()].fill(f64::NAN);
                    }
                }
            }
            _ => {}
        }
        Ok(results)
    }
}
