//! Many programs one after the other on the same arrays, without asking the device in between.

use super::{Compiled, Device, DeviceArray, Interface};
#[cfg(feature = "cuda")]
use crate::cuda::{Cuda, CudaSequence};
use crate::error::GpuError;
use crate::portable::PortableSequence;

/// A program and how many threads run it, whole groups.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Compiled,
    pub(crate) threads: usize,
}

/// Launches with their arrays, ready to be repeated.
pub(crate) enum Sequence {
    Portable(PortableSequence),
    #[cfg(feature = "cuda")]
    Cuda(CudaSequence),
}

impl Device {
    /// Writes down launches on arrays in the order of their bindings. Each sees what those before it
    /// wrote.
    pub(crate) fn sequence(
        &self,
        arrays: &[&DeviceArray],
        launches: &[Launch<'_>],
    ) -> Result<Sequence, GpuError> {
        match &self.interface {
            Interface::Portable(device) => {
                let launches = launches.iter().map(|launch| match launch.program {
                    Compiled::Portable(program) => Ok((program, launch.threads)),
                    #[cfg(feature = "cuda")]
                    Compiled::Cuda(_) => Err(self.foreign()),
                });
                let launches = launches.collect::<Result<Vec<_>, _>>()?;
                let arrays = self.portable_arrays(arrays)?;
                Ok(Sequence::Portable(device.sequence(&arrays, &launches)?))
            }
            #[cfg(feature = "cuda")]
            Interface::Cuda(_) => {
                let launches = launches.iter().map(|launch| match launch.program {
                    Compiled::Cuda(program) => Ok((program.clone(), launch.threads)),
                    Compiled::Portable(_) => Err(self.foreign()),
                });
                let launches = launches.collect::<Result<Vec<_>, _>>()?;
                let arrays = self.cuda_arrays(arrays)?;
                Ok(Sequence::Cuda(Cuda::sequence(&arrays, launches.into_iter())))
            }
        }
    }

    /// Runs sequences in their order, each so many times.
    pub(crate) fn play(&self, sequences: &[(&Sequence, u32)]) -> Result<(), GpuError> {
        match &self.interface {
            Interface::Portable(device) => {
                let sequences = sequences.iter().map(|(sequence, times)| match sequence {
                    Sequence::Portable(sequence) => Ok((sequence, *times)),
                    #[cfg(feature = "cuda")]
                    Sequence::Cuda(_) => Err(self.foreign()),
                });
                device.play(&sequences.collect::<Result<Vec<_>, _>>()?)
            }
            #[cfg(feature = "cuda")]
            Interface::Cuda(device) => {
                for (sequence, times) in sequences {
                    match sequence {
                        Sequence::Cuda(sequence) => device.play(sequence, *times)?,
                        Sequence::Portable(_) => return Err(self.foreign()),
                    }
                }
                Ok(())
            }
        }
    }
}
