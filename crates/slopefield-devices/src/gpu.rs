//! The cards that `slopefield-gpu` reaches: in single precision where that holds the tolerance, else in
//! double precision where a card has it.

use crate::work::SINGLE;
use crate::{
    Card, CardError, CardInfo, CardLoss, CardProgram, Cards, Differentiated, Found,
    GradientCardProgram, GradientWork, Method, PathCardProgram, PathWork, Work,
};
use slopefield_ensemble::{TrajectoryResult, Values};
use slopefield_gpu::{
    Device, DeviceInfo, DeviceKind, Dialect, GpuError, GradientProgram, GradientSolver, PathMethod,
    PathProgram, PathSolver, Solver, TensorGradientProgram, TensorGradientSolver, TensorProgram,
    TensorSolver, Trajectories, TrajectoryProgram,
};
use std::cell::Cell;

/// Relative tolerances below this are finer than double precision holds over many steps.
const DOUBLE: f64 = 1e-12;

pub(crate) struct OfThisMachine;

fn described(info: &DeviceInfo) -> CardInfo {
    CardInfo {
        name: info.name.clone(),
        maker: info.maker.into(),
        kind: info.kind.name(),
        software: info.kind == DeviceKind::Software,
        interface: info.interface,
        driver: info.driver.clone(),
        largest_array: info.largest_array,
        shared_memory: info.shared_memory,
        double: info.double,
        operations: info.operations,
        finest: if info.double { DOUBLE } else { SINGLE },
    }
}

fn failure(e: GpuError) -> CardError {
    let sentence = e.to_string();
    match e {
        GpuError::NoDevice { why } => CardError::Missing(why),
        GpuError::Memory { .. } | GpuError::OutOfMemory { .. } => CardError::Memory(sentence),
        GpuError::Device { .. } | GpuError::Lost { .. } => CardError::Failed(sentence),
        // Sizes and times that make no sense are refused by the processor too, in its words.
        _ => CardError::Refused(sentence),
    }
}

impl Cards for OfThisMachine {
    fn find(&self) -> Found {
        let found = slopefield_gpu::devices();
        Found {
            cards: found.found.iter().map(described).collect(),
            none_because: found.none_because,
        }
    }

    fn open(&self, name: Option<&str>) -> Result<Box<dyn Card>, CardError> {
        let device = match name {
            Some(name) => Device::named(name),
            None => Device::best(false),
        };
        let device = device.map_err(failure)?;
        Ok(Box::new(OfDevice { info: described(device.info()), device }))
    }
}

struct OfDevice {
    info: CardInfo,
    device: Device,
}

impl OfDevice {
    /// The language of its programs, in double precision where that is needed.
    fn dialect(&self, fine: bool) -> Result<Dialect, CardError> {
        self.device.dialect(fine).ok_or_else(|| {
            CardError::Refused(format!("{} computes in single precision only", self.info.name))
        })
    }

    /// A thread for each trajectory.
    fn in_threads(
        &self,
        program: TrajectoryProgram,
    ) -> Result<Box<dyn CardProgram + '_>, CardError> {
        let solver = Solver::keeping(&self.device, program).map_err(failure)?;
        Ok(Box::new(OfSolver { way: Way::Threads(Box::new(solver)), busy_s: Cell::new(None) }))
    }
}

impl Card for OfDevice {
    fn info(&self) -> &CardInfo {
        &self.info
    }

    fn program(&self, work: &Work<'_>) -> Result<Box<dyn CardProgram + '_>, CardError> {
        let (model, own) = (work.model, work.rhs.own_params());
        let dialect = self.dialect(work.is_fine())?;
        let in_threads = || match work.method {
            Method::Explicit(table) => TrajectoryProgram::of_model(model, own, table, dialect),
            Method::Timed(table, events) => {
                TrajectoryProgram::with_timed_events(model, events, own, table, dialect)
            }
            Method::Rosenbrock(table, jacobian) => {
                TrajectoryProgram::of_stiff_model(model, jacobian, own, table, dialect)
            }
        };
        // Batched solves have explicit methods only.
        let Method::Explicit(table) = work.method else {
            return self.in_threads(in_threads().map_err(failure)?);
        };
        let because = if TensorProgram::suits(&model.rhs.eval, own) {
            LARGE_MATRICES.to_owned()
        } else {
            match in_threads() {
                Ok(program) => return self.in_threads(program),
                Err(e) => too_large(e)?,
            }
        };
        let program = TensorProgram::of_model(model, own, table, dialect).map_err(failure)?;
        let solver = TensorSolver::keeping(&self.device, program).map_err(failure)?;
        let way = Way::Batched(Box::new(solver), because);
        Ok(Box::new(OfSolver { way, busy_s: Cell::new(None) }))
    }

    fn gradient_program(
        &self,
        work: &GradientWork<'_>,
    ) -> Result<Box<dyn GradientCardProgram + '_>, CardError> {
        let GradientWork { model, own_params: own, method, .. } = *work;
        let dialect = self.dialect(false)?;
        let because = if TensorProgram::suits(&model.rhs.eval, own) {
            LARGE_MATRICES.to_owned()
        } else {
            match GradientProgram::of_model(model, own, method, dialect) {
                Ok(program) => {
                    let solver = GradientSolver::keeping(&self.device, program).map_err(failure)?;
                    return Ok(Box::new(OfGradientSolver(GradientWay::Threads(Box::new(solver)))));
                }
                Err(e) => too_large(e)?,
            }
        };
        let program = TensorGradientProgram::of_model(model, own, method, dialect);
        let program = program.map_err(failure)?;
        let solver = TensorGradientSolver::keeping(&self.device, program).map_err(failure)?;
        Ok(Box::new(OfGradientSolver(GradientWay::Batched(Box::new(solver), because))))
    }

    fn path_program(
        &self,
        work: &PathWork<'_>,
    ) -> Result<Box<dyn PathCardProgram + '_>, CardError> {
        let dialect = self.dialect(false)?;
        let method = PathMethod::named(work.method).ok_or_else(|| {
            let method = work.method;
            CardError::Refused(format!("{method} has no form on cards; em, sriw1 and sosri have"))
        })?;
        let program = PathProgram::of_model(work.model, work.noise, &[], method, dialect);
        let solver = PathSolver::keeping(&self.device, program.map_err(failure)?);
        Ok(Box::new(OfPathSolver(solver.map_err(failure)?)))
    }
}

struct OfPathSolver<'a>(PathSolver<'a>);

impl PathCardProgram for OfPathSolver<'_> {
    fn paths(
        &self,
        portion: &PathWork<'_>,
        out: &mut [f64],
    ) -> Result<Vec<TrajectoryResult>, CardError> {
        let PathWork { t0, t1, count, u0, p, settings, saves, .. } = *portion;
        let (u0, own) = (Values::Same(u0), Values::Same(&[]));
        let problem = Trajectories { t0, t1, count, u0, shared: p, own };
        let report = self.0.solve(&problem, settings, saves, out).map_err(failure)?;
        Ok(report.trajectories)
    }
}

/// Why models with large matrices are not left to threads.
const LARGE_MATRICES: &str = "all trajectories share large matrices";

/// Why a model that a thread does not hold is solved another way; other errors stay.
fn too_large(e: GpuError) -> Result<String, CardError> {
    match e {
        GpuError::TooLarge { needed, limit } => {
            Ok(format!("a trajectory needs {needed} numbers, and a thread holds {limit}"))
        }
        e => Err(failure(e)),
    }
}

/// How trajectories are differentiated.
enum GradientWay<'a> {
    Threads(Box<GradientSolver<'a>>),
    /// Why.
    Batched(Box<TensorGradientSolver<'a>>, String),
}

struct OfGradientSolver<'a>(GradientWay<'a>);

impl GradientCardProgram for OfGradientSolver<'_> {
    fn gradients(
        &self,
        portion: &GradientWork<'_>,
        loss: &mut CardLoss<'_>,
    ) -> Result<Differentiated, CardError> {
        let GradientWork { t0, t1, count, u0, shared, own, settings, saves, .. } = *portion;
        let problem = Trajectories { t0, t1, count, u0, shared, own };
        let report = match &self.0 {
            GradientWay::Threads(solver) => solver.gradient(&problem, settings, saves, loss),
            GradientWay::Batched(solver, _) => solver.gradient(&problem, settings, saves, loss),
        };
        let report = report.map_err(failure)?;
        Ok(Differentiated {
            trajectories: report.trajectories,
            by_u0: report.by_u0,
            by_own: report.by_own,
            by_shared: report.by_shared,
        })
    }

    fn batched_because(&self) -> Option<&str> {
        match &self.0 {
            GradientWay::Threads(_) => None,
            GradientWay::Batched(_, because) => Some(because),
        }
    }
}

/// How trajectories are solved.
enum Way<'a> {
    Threads(Box<Solver<'a>>),
    /// Why.
    Batched(Box<TensorSolver<'a>>, String),
}

struct OfSolver<'a> {
    way: Way<'a>,
    busy_s: Cell<Option<f64>>,
}

impl CardProgram for OfSolver<'_> {
    fn solve(
        &self,
        portion: &Work<'_>,
        out: &mut [f64],
    ) -> Result<Vec<TrajectoryResult>, CardError> {
        let Work { t0, t1, count, u0, shared, own, .. } = *portion;
        let problem = Trajectories { t0, t1, count, u0, shared, own };
        let (settings, saves) = (portion.settings, portion.saves);
        let report = match &self.way {
            Way::Threads(solver) => solver.solve(&problem, settings, saves, out),
            Way::Batched(solver, _) => solver.solve(&problem, settings, saves, out),
        };
        let report = report.map_err(failure)?;
        self.busy_s.set(Some(report.device_s));
        Ok(report.trajectories)
    }

    fn busy_s(&self) -> Option<f64> {
        self.busy_s.get()
    }

    fn batched_because(&self) -> Option<&str> {
        match &self.way {
            Way::Threads(_) => None,
            Way::Batched(_, because) => Some(because),
        }
    }
}
