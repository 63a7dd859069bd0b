//! The cards that `slopefield-gpu` reaches, in single precision.

use crate::{Card, CardError, CardInfo, CardProgram, Cards, Found, Work};
use slopefield_ensemble::TrajectoryResult;
use slopefield_gpu::{
    Device, DeviceInfo, DeviceKind, Dialect, GpuError, Solver, Trajectories, TrajectoryProgram,
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
        let (own, method) = (work.rhs.own_params(), work.method);
        let program = TrajectoryProgram::of_model(work.model, own, method, Dialect::Wgsl);
        let program = program.map_err(failure)?;
        let solver = Solver::keeping(&self.device, program).map_err(failure)?;
        Ok(Box::new(OfSolver(solver)))
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
