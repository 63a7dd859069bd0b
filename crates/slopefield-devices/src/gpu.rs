//! The cards that `slopefield-gpu` reaches: in single precision where that holds the tolerance, else in
//! double precision where a card has it.

use crate::work::SINGLE;
use crate::{
    Card, CardError, CardInfo, CardLoss, CardProgram, Cards, Differentiated, Found,
    GradientCardProgram, GradientWork, Method, Work,
};
use slopefield_ensemble::TrajectoryResult;
use slopefield_gpu::{
    Device, DeviceInfo, DeviceKind, Dialect, GpuError, GradientProgram, GradientSolver, Solver,
    Trajectories, TrajectoryProgram,
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
}

impl Card for OfDevice {
    fn info(&self) -> &CardInfo {
        &self.info
    }

    fn program(&self, work: &Work<'_>) -> Result<Box<dyn CardProgram + '_>, CardError> {
        let (model, own) = (work.model, work.rhs.own_params());
        let dialect = self.dialect(work.is_fine())?;
        let program = match work.method {
            Method::Explicit(table) => TrajectoryProgram::of_model(model, own, table, dialect),
            Method::Timed(table, events) => {
                TrajectoryProgram::with_timed_events(model, events, own, table, dialect)
            }
            Method::Rosenbrock(table, jacobian) => {
                TrajectoryProgram::of_stiff_model(model, jacobian, own, table, dialect)
            }
        };
        let program = program.map_err(failure)?;
        let solver = Solver::keeping(&self.device, program).map_err(failure)?;
        Ok(Box::new(OfSolver { solver, busy_s: Cell::new(None) }))
    }

    fn gradient_program(
        &self,
        work: &GradientWork<'_>,
    ) -> Result<Box<dyn GradientCardProgram + '_>, CardError> {
        let GradientWork { model, own_params, method, .. } = *work;
        let dialect = self.dialect(false)?;
        let program = GradientProgram::of_model(model, own_params, method, dialect);
        let program = program.map_err(failure)?;
        let solver = GradientSolver::keeping(&self.device, program).map_err(failure)?;
        Ok(Box::new(OfGradientSolver(solver)))
    }
}

struct OfGradientSolver<'a>(GradientSolver<'a>);

impl GradientCardProgram for OfGradientSolver<'_> {
    fn gradients(
        &self,
        portion: &GradientWork<'_>,
        loss: &mut CardLoss<'_>,
    ) -> Result<Differentiated, CardError> {
        let GradientWork { t0, t1, count, u0, shared, own, .. } = *portion;
        let problem = Trajectories { t0, t1, count, u0, shared, own };
        let report = self.0.gradient(&problem, portion.settings, portion.saves, loss);
        let report = report.map_err(failure)?;
        Ok(Differentiated {
            trajectories: report.trajectories,
            by_u0: report.by_u0,
            by_own: report.by_own,
            by_shared: report.by_shared,
        })
    }
}

struct OfSolver<'a> {
    solver: Solver<'a>,
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
        let report = self.solver.solve(&problem, portion.settings, portion.saves, out);
        let report = report.map_err(failure)?;
        self.busy_s.set(Some(report.device_s));
        Ok(report.trajectories)
    }

    fn busy_s(&self) -> Option<f64> {
        self.busy_s.get()
    }
}
