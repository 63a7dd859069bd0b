//! Many programs one after the other on the same arrays, without asking the device in between.

use super::{Compiled, Device};
use crate::dialect::WORKGROUP;
use crate::error::GpuError;

/// A program and how many threads run it, whole groups.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Compiled,
    pub(crate) threads: usize,
}

/// Launches with their arrays, ready to be repeated.
pub(crate) struct Sequence {
    launches: Vec<(wgpu::ComputePipeline, wgpu::BindGroup, u32)>,
}

impl Device {
    /// Writes down launches on arrays in the order of their bindings. Each sees what those before it
    /// wrote.
    pub(crate) fn sequence(
        &self,
        arrays: &[&wgpu::Buffer],
        launches: &[Launch<'_>],
    ) -> Result<Sequence, GpuError> {
        let entries: Vec<_> = arrays
            .iter()
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let record = |launch: &Launch<'_>| {
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &launch.program.layout,
                entries: &entries,
            });
            let groups = (launch.threads as u32).div_ceil(WORKGROUP);
            (launch.program.pipeline.clone(), group, groups)
        };
        self.checked(|| Sequence { launches: launches.iter().map(record).collect() })
    }

    /// Runs sequences in their order, each so many times.
    pub(crate) fn play(&self, sequences: &[(&Sequence, u32)]) -> Result<(), GpuError> {
        self.checked(|| {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                for (sequence, times) in sequences {
                    for _ in 0..*times {
                        for (pipeline, group, groups) in &sequence.launches {
                            pass.set_pipeline(pipeline);
                            pass.set_bind_group(0, group, &[]);
                            pass.dispatch_workgroups(*groups, 1, 1);
                        }
                    }
                }
            }
            self.queue.submit([encoder.finish()]);
        })
    }
}
