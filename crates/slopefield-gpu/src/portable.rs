//! A card of any maker, through `wgpu`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::device::{DeviceInfo, DeviceKind};
use crate::dialect::{SharedArray, WORKGROUP};
use crate::error::GpuError;

fn instance() -> wgpu::Instance {
    let mut wanted = wgpu::InstanceDescriptor::new_without_display_handle();
    // Without OpenGL, whose software form may answer where Vulkan has no driver.
    wanted.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    wgpu::Instance::new(wanted)
}

/// Every adapter, the best first.
pub(crate) fn adapters() -> Result<Vec<wgpu::Adapter>, GpuError> {
    let find = || {
        let mut found = pollster::block_on(instance().enumerate_adapters(wgpu::Backends::all()));
        found.sort_by_key(|adapter| rank(kind(adapter.get_info().device_type)));
        found
    };
    // A broken driver must not take the program along.
    catch_unwind(AssertUnwindSafe(find))
        .map_err(|_| GpuError::NoDevice { why: "the graphics driver failed".into() })
}

fn kind(device: wgpu::DeviceType) -> DeviceKind {
    match device {
        wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
        wgpu::DeviceType::VirtualGpu => DeviceKind::Virtual,
        wgpu::DeviceType::Cpu => DeviceKind::Software,
        wgpu::DeviceType::Other => DeviceKind::Other,
    }
}

/// The maker with this number in the list of PCI, or of Khronos above 0xffff.
fn maker(number: u32) -> &'static str {
    match number {
        0x1002 | 0x1022 => "AMD",
        0x106b => "Apple",
        0x10de => "NVIDIA",
        0x13b5 => "Arm",
        0x1010 => "Imagination",
        0x1414 => "Microsoft",
        0x14e4 => "Broadcom",
        0x144d => "Samsung",
        0x19e5 => "Huawei",
        0x1ed5 => "Moore Threads",
        0x5143 => "Qualcomm",
        0x8086 | 0x8087 => "Intel",
        0x1_0005 => "Mesa",
        _ => "",
    }
}

pub(crate) fn rank(kind: DeviceKind) -> u8 {
    match kind {
        DeviceKind::Discrete => 0,
        DeviceKind::Integrated => 1,
        DeviceKind::Virtual => 2,
        DeviceKind::Other => 3,
        DeviceKind::Software => 4,
    }
}

pub(crate) fn described(adapter: &wgpu::Adapter) -> DeviceInfo {
    let info = adapter.get_info();
    let limits = adapter.limits();
    let driver = format!("{} {}", info.driver, info.driver_info);
    DeviceInfo {
        kind: kind(info.device_type),
        interface: match info.backend {
            wgpu::Backend::Vulkan => "Vulkan",
            wgpu::Backend::Metal => "Metal",
            wgpu::Backend::Dx12 => "Direct3D 12",
            _ => "another interface",
        },
        driver: driver.trim().to_owned(),
        maker: maker(info.vendor),
        largest_array: limits.max_buffer_size.min(limits.max_storage_buffer_binding_size),
        shared_memory: limits.max_compute_workgroup_storage_size,
        // WGSL has no elementary functions for it.
        double: false,
        operations: None,
        name: info.name,
    }
}

/// What to look for where no driver answers.
pub(crate) fn missing() -> String {
    let advice = if cfg!(target_os = "linux") {
        "no Vulkan driver answers. Install the driver of the card's maker and the loader \
         libvulkan.so.1 (Debian and Ubuntu: libvulkan1 and nvidia-driver or mesa-vulkan-drivers; the \
         latter also has a software driver)"
    } else if cfg!(target_os = "windows") {
        "no Direct3D 12 or Vulkan driver answers. Install the driver of the card's maker"
    } else {
        "no driver answers"
    };
    advice.into()
}

/// A device on which WGSL runs.
#[derive(Debug)]
pub(crate) struct Portable {
    name: String,
    largest_array: u64,
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// Why it is gone, once it is.
    lost: Arc<Mutex<Option<String>>>,
    /// What the driver complained of outside of [`Portable::checked`]; `wgpu` would panic.
    complaint: Arc<Mutex<Option<String>>>,
}

/// A program of such a device.
pub(crate) struct PortableProgram {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

/// Launches with their groups and their arrays, ready to be repeated.
pub(crate) struct PortableSequence {
    launches: Vec<(wgpu::ComputePipeline, wgpu::BindGroup, u32)>,
}

impl Portable {
    pub(crate) fn new(adapter: &wgpu::Adapter, info: &DeviceInfo) -> Result<Self, GpuError> {
        let wanted = wgpu::DeviceDescriptor {
            label: Some("slopefield"),
            // Defaults are those of the smallest devices: arrays of 128 MiB.
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&wanted))
            .map_err(|e| GpuError::Device { device: info.name.clone(), message: e.to_string() })?;
        let lost = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&lost);
        device.set_device_lost_callback(move |_, message| {
            *tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
        });
        let complaint = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&complaint);
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
            let mut first = tell.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| e.to_string());
        }));
        let (name, largest_array) = (info.name.clone(), info.largest_array);
        Ok(Portable { name, largest_array, device, queue, lost, complaint })
    }

    pub(crate) fn lose(&self) {
        self.device.destroy();
    }

    /// A failure of the driver: that of the work, or the loss of the device behind it.
    fn refuses(&self, message: impl ToString) -> GpuError {
        let device = self.name.clone();
        // The loss itself is told when the device is asked how far it is.
        _ = self.device.poll(wgpu::PollType::Poll);
        match &*self.lost.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(why) if !why.is_empty() => GpuError::Lost { device, message: why.clone() },
            Some(_) => GpuError::Lost { device, message: "its driver gave it up".into() },
            None => GpuError::Device { device, message: message.to_string() },
        }
    }

    /// Fails if the device is gone or its driver has complained since it was asked last.
    fn content(&self) -> Result<(), GpuError> {
        let gone = self.lost.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take();
        match complaint {
            Some(complaint) => Err(self.refuses(complaint)),
            None if gone => Err(self.refuses("")),
            None => Ok(()),
        }
    }

    /// Runs `work` and gives the first error that the driver has with it: `wgpu` would panic.
    fn checked<T>(&self, work: impl FnOnce() -> T) -> Result<T, GpuError> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let result = work();
        let errors = [
            pollster::block_on(internal.pop()),
            pollster::block_on(validation.pop()),
            pollster::block_on(memory.pop()),
        ];
        match errors.into_iter().flatten().next() {
            Some(wgpu::Error::OutOfMemory { .. }) => {
                Err(GpuError::OutOfMemory { device: self.name.clone() })
            }
            Some(e) => Err(self.refuses(e)),
            None => self.content().map(|()| result),
        }
    }

    /// A program ready to run.
    pub(crate) fn compile(
        &self,
        wgsl: &str,
        arrays: &[SharedArray],
    ) -> Result<PortableProgram, GpuError> {
        // Told and not derived, because a program need not touch all its arrays.
        let entry = |(array, binding): (&SharedArray, u32)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: !array.writable },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = arrays.iter().zip(0..).map(entry).collect();
        let (pipeline, layout) = self.checked(|| {
            let layout = self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: None,
                entries: &entries,
            });
            let whole = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let text = wgpu::ShaderModuleDescriptor {
                label: None,
                source: wgpu::ShaderSource::Wgsl(wgsl.into()),
            };
            // SAFETY: the text is written by this crate from a plan that is verified: every index lies
            // within its array, and every loop ends. Checks would keep drivers from holding small arrays
            // in registers.
            #[allow(unsafe_code, reason = "the program checks no indices")]
            let module = unsafe {
                self.device
                    .create_shader_module_trusted(text, wgpu::ShaderRuntimeChecks::unchecked())
            };
            let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: Some(&whole),
                module: &module,
                entry_point: Some("run"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            });
            (pipeline, layout)
        })?;
        Ok(PortableProgram { pipeline, layout })
    }

    /// An array on the device with these bytes.
    pub(crate) fn array(&self, bytes: &[u8]) -> Result<wgpu::Buffer, GpuError> {
        let buffer = self.empty(bytes.len() as u64)?;
        self.queue.write_buffer(&buffer, 0, bytes);
        Ok(buffer)
    }

    /// An array of so many bytes, all 0.
    pub(crate) fn empty(&self, len: u64) -> Result<wgpu::Buffer, GpuError> {
        if len > self.largest_array {
            let limit = self.largest_array;
            return Err(GpuError::Memory { device: self.name.clone(), needed: len, limit });
        }
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        self.checked(|| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                // Bindings must not be empty.
                size: len.max(4),
                usage,
                mapped_at_creation: false,
            })
        })
    }

    /// Writes to an array from `offset` on, a multiple of 4.
    pub(crate) fn write_at(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.queue.write_buffer(buffer, offset, bytes);
    }

    /// Runs a program with a thread for each of `lanes`, on arrays in the order of their bindings.
    pub(crate) fn run(
        &self,
        program: &PortableProgram,
        arrays: &[&wgpu::Buffer],
        lanes: usize,
    ) -> Result<(), GpuError> {
        let once = self.sequence(arrays, &[(program, lanes)])?;
        self.play(&[(&once, 1)])
    }

    /// Writes down launches, each with its threads, on arrays in the order of their bindings.
    pub(crate) fn sequence(
        &self,
        arrays: &[&wgpu::Buffer],
        launches: &[(&PortableProgram, usize)],
    ) -> Result<PortableSequence, GpuError> {
        let entries: Vec<_> = arrays
            .iter()
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let record = |(program, threads): &(&PortableProgram, usize)| {
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &program.layout,
                entries: &entries,
            });
            (program.pipeline.clone(), group, (*threads as u32).div_ceil(WORKGROUP))
        };
        self.checked(|| PortableSequence { launches: launches.iter().map(record).collect() })
    }

    /// Runs sequences in their order, each so many times.
    pub(crate) fn play(&self, sequences: &[(&PortableSequence, u32)]) -> Result<(), GpuError> {
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

    /// Makes all bytes of an array 0.
    pub(crate) fn clear(&self, buffer: &wgpu::Buffer) -> Result<(), GpuError> {
        self.checked(|| {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.clear_buffer(buffer, 0, None);
            self.queue.submit([encoder.finish()]);
        })
    }

    /// Gives parts of arrays, from an offset on so many bytes, all multiples of 4, to `use_them`, after
    /// everything that runs has ended.
    pub(crate) fn read_parts<T>(
        &self,
        parts: &[(&wgpu::Buffer, u64, u64)],
        use_them: impl FnOnce(&[&[u8]]) -> T,
    ) -> Result<T, GpuError> {
        // Parts begin at multiples of 8, as those who map them expect.
        let begins: Vec<u64> = parts
            .iter()
            .scan(0, |end, (_, _, size)| {
                let begin = *end;
                *end += size.next_multiple_of(8);
                Some(begin)
            })
            .collect();
        let len = parts.iter().map(|(_, _, size)| size.next_multiple_of(8)).sum::<u64>().max(8);
        let copy = self.checked(|| {
            let copy = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: len,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let mut encoder = self.device.create_command_encoder(&Default::default());
            for ((buffer, offset, size), begin) in parts.iter().zip(&begins) {
                encoder.copy_buffer_to_buffer(buffer, *offset, &copy, *begin, *size);
            }
            self.queue.submit([encoder.finish()]);
            copy
        })?;
        let (send, answer) = std::sync::mpsc::channel();
        copy.map_async(wgpu::MapMode::Read, .., move |result| _ = send.send(result));
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| self.refuses(e))?;
        match answer.recv() {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(self.refuses(e)),
            Err(e) => return Err(self.refuses(e)),
        }
        self.content()?;
        let bytes = copy.get_mapped_range(..).map_err(|e| self.refuses(e))?;
        let part = |((_, _, size), begin): (&(_, _, u64), &u64)| {
            &bytes[*begin as usize..(*begin + *size) as usize]
        };
        let parts: Vec<&[u8]> = parts.iter().zip(&begins).map(part).collect();
        Ok(use_them(&parts))
    }
}
