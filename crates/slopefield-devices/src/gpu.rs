//! The cards that `slopefield-gpu` reaches: in single precision where that holds the tolerance, else in
//! double precision where a card has it.

use crate::work::SINGLE;
use crate::{Card, CardError, CardInfo, CardProgram, Cards, Found, Work};
use slopefield_ensemble::TrajectoryResult;
use slopefield_gpu::{
    Device, DeviceInfo, DeviceKind, GpuError, Solver, Trajectories, TrajectoryProgram,
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

impl Card for OfDevice {
    fn info(&self) -> &CardInfo {
        &self.info
    }

    fn program(&self, work: &Work<'_>) -> Result<Box<dyn CardProgram + '_>, CardError> {
        let (own, method) = (work.rhs.own_params(), work.method);
        let dialect = self.device.dialect(work.is_fine()).ok_or_else(|| {
            CardError::Refused(format!("{} computes in single precision only", self.info.name))
        })?;
        let program = TrajectoryProgram::of_model(work.model, own, method, dialect);
        let program = program.map_err(failure)?;
        let solver = Solver::keeping(&self.device, program).map_err(failure)?;
        Ok(Box::new(OfSolver { solver, busy_s: Cell::new(None) }))
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
