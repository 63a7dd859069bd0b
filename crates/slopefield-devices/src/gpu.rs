//! The cards that `slopefield-gpu` reaches, in single precision.

use crate::{
    Card, CardError, CardInfo, CardLoss, CardProgram, Cards, Differentiated, Found,
    GradientCardProgram, GradientWork, Method, Work,
};
use slopefield_ensemble::TrajectoryResult;
use slopefield_gpu::{
    Device, DeviceInfo, DeviceKind, Dialect, GpuError, GradientProgram, GradientSolver, Solver,
    Trajectories, TrajectoryProgram,
};

/// Relative tolerances below this are finer than single precision holds (docs/reference/gpu.md).
const FINEST: f64 = 1e-5;

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
        finest: FINEST,
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

impl Card for OfDevice {
    fn info(&self) -> &CardInfo {
        &self.info
    }

    fn program(&self, work: &Work<'_>) -> Result<Box<dyn CardProgram + '_>, CardError> {
        let (model, own, dialect) = (work.model, work.rhs.own_params(), Dialect::Wgsl);
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
        Ok(Box::new(OfSolver(solver)))
    }

    fn gradient_program(
        &self,
        work: &GradientWork<'_>,
    ) -> Result<Box<dyn GradientCardProgram + '_>, CardError> {
        let GradientWork { model, own_params, method, .. } = *work;
        let program = GradientProgram::of_model(model, own_params, method, Dialect::Wgsl);
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

struct OfSolver<'a>(Solver<'a>);

impl CardProgram for OfSolver<'_> {
    fn solve(
        &self,
        portion: &Work<'_>,
        out: &mut [f64],
    ) -> Result<Vec<TrajectoryResult>, CardError> {
        let Work { t0, t1, count, u0, shared, own, .. } = *portion;
        let problem = Trajectories { t0, t1, count, u0, shared, own };
        let report = self.0.solve(&problem, portion.settings, portion.saves, out);
        report.map(|report| report.trajectories).map_err(failure)
    }
}
