//! Programs of a device on one list of arrays.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::device::{Compiled, Device, DeviceArray, Launch, Sequence};
use crate::dialect::{Dialect, SharedArray, WORKGROUP};
use crate::error::GpuError;
use crate::tensor::pieces::Kernel;

/// Groups of threads of a program that every card allows.
const MOST_GROUPS: usize = 65_535;

/// The arrays of a batch on a device, in the order of their bindings.
pub(crate) type OnDevice = [DeviceArray; 8];

/// Programs whose arrays are the same. Which text of a program suits depends on the number of
/// trajectories, so they are compiled when they are wanted.
pub(crate) struct Programs<'a> {
    pub(crate) device: &'a Device,
    dialect: Dialect,
    shared: &'static [SharedArray],
    compiled: RefCell<HashMap<String, Rc<Compiled>>>,
}

impl<'a> Programs<'a> {
    pub(crate) fn new(
        device: &'a Device,
        dialect: Dialect,
        shared: &'static [SharedArray],
    ) -> Self {
        Programs { device, dialect, shared, compiled: RefCell::new(HashMap::new()) }
    }

    /// Compiles the programs that have one text.
    pub(crate) fn prepare<'k>(
        &self,
        kernels: impl Iterator<Item = &'k Kernel>,
    ) -> Result<(), GpuError> {
        for kernel in kernels.filter(|kernel| kernel.texts.len() == 1) {
            self.compiled(&kernel.texts[0])?;
        }
        Ok(())
    }

    fn compiled(&self, text: &str) -> Result<Rc<Compiled>, GpuError> {
        if let Some(known) = self.compiled.borrow().get(text) {
            return Ok(Rc::clone(known));
        }
        let made = Rc::new(self.device.compile(self.dialect, text, self.shared)?);
        self.compiled.borrow_mut().insert(text.to_owned(), Rc::clone(&made));
        Ok(made)
    }

    /// Trajectories at once, if the largest array has so many bytes for each and so many are wanted.
    pub(crate) fn most_lanes<'k>(
        &self,
        widest: u64,
        wanted: usize,
        kernels: impl Iterator<Item = &'k Kernel>,
    ) -> Result<usize, GpuError> {
        let limit = self.device.info().largest_array;
        let mut most = (limit / widest).min(wanted as u64) as usize;
        for kernel in kernels {
            while most > 1 && kernel.threads.of(most).1 > MOST_GROUPS * WORKGROUP as usize {
                most /= 2;
            }
        }
        if most == 0 {
            let device = self.device.info().name.clone();
            return Err(GpuError::Memory { device, needed: widest, limit });
        }
        Ok(most)
    }

    /// Programs one after the other, for so many trajectories.
    pub(crate) fn record(
        &self,
        arrays: &OnDevice,
        kernels: &[&Kernel],
        lanes: usize,
    ) -> Result<Sequence, GpuError> {
        let mut programs = Vec::with_capacity(kernels.len());
        for kernel in kernels {
            let (which, threads) = kernel.threads.of(lanes);
            programs.push((self.compiled(&kernel.texts[which])?, threads));
        }
        let launches =
            programs.iter().map(|(program, threads)| Launch { program, threads: *threads });
        let launches: Vec<Launch<'_>> = launches.collect();
        self.device.sequence(&arrays.each_ref(), &launches)
    }
}
