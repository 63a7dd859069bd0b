//! Graphics cards that are there, and work on one of them.

mod sequence;

pub(crate) use sequence::{Launch, Sequence};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::dialect::{SharedArray, WORKGROUP};
use crate::error::GpuError;
use crate::points::{self, PointProgram};

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A card with memory of its own.
    Discrete,
    /// Part of the processor, with its memory.
    Integrated,
    /// Lent by a host to a virtual machine.
    Virtual,
    /// A program on the processor that stands in for a card.
    Software,
    /// The driver does not say.
    Other,
}

impl DeviceKind {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DeviceKind::Discrete => "graphics card",
            DeviceKind::Integrated => "integrated graphics",
            DeviceKind::Virtual => "virtual graphics card",
            DeviceKind::Software => "software, no graphics card",
            DeviceKind::Other => "device",
        }
    }
}

/// A device, for people and for choosing one.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceInfo {
    /// Name, from its driver.
    pub name: String,
    /// Who made it; empty where the number that the driver gives is not known.
    pub maker: &'static str,
    /// What it is.
    pub kind: DeviceKind,
    /// How it is reached: Vulkan, Metal, Direct3D 12 or CUDA.
    pub interface: &'static str,
    /// The driver and its version; may be empty.
    pub driver: String,
    /// The largest array in bytes.
    pub largest_array: u64,
    /// Memory in bytes that threads of a workgroup share.
    pub shared_memory: u32,
    /// Whether it computes in double precision through this interface.
    pub double: bool,
}

/// What [`devices`] finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Devices {
    /// The best first; software last.
    pub found: Vec<DeviceInfo>,
    /// Why there is none, where there is none.
    pub none_because: Option<String>,
}

fn instance() -> wgpu::Instance {
    let mut wanted = wgpu::InstanceDescriptor::new_without_display_handle();
    // Without OpenGL, whose software form may answer where Vulkan has no driver.
    wanted.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    wgpu::Instance::new(wanted)
}

/// Every adapter, the best first.
fn adapters() -> Result<Vec<wgpu::Adapter>, GpuError> {
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

fn rank(kind: DeviceKind) -> u8 {
    match kind {
        DeviceKind::Discrete => 0,
        DeviceKind::Integrated => 1,
        DeviceKind::Virtual => 2,
        DeviceKind::Other => 3,
        DeviceKind::Software => 4,
    }
}

fn described(adapter: &wgpu::Adapter) -> DeviceInfo {
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
        double: adapter.features().contains(wgpu::Features::SHADER_F64),
        name: info.name,
    }
}

/// Every device that WGSL programs can run on.
#[must_use]
pub fn devices() -> Devices {
    match adapters() {
        Ok(adapters) if adapters.is_empty() => {
            Devices { found: Vec::new(), none_because: Some(missing()) }
        }
        Ok(adapters) => {
            Devices { found: adapters.iter().map(described).collect(), none_because: None }
        }
        Err(e) => Devices { found: Vec::new(), none_because: Some(e.to_string()) },
    }
}

/// What to look for where no driver answers.
fn missing() -> String {
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

/// A device on which programs run.
#[derive(Debug)]
pub struct Device {
    info: DeviceInfo,
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// Why it is gone, once it is.
    lost: Arc<Mutex<Option<String>>>,
    /// What the driver complained of outside of [`Device::checked`]; `wgpu` would panic.
    complaint: Arc<Mutex<Option<String>>>,
}

impl Device {
    /// The best device; one that is software only where `software` allows it.
    ///
    /// # Errors
    /// [`GpuError::NoDevice`] with the reason, [`GpuError::Device`] if its driver fails.
    pub fn best(software: bool) -> Result<Device, GpuError> {
        let adapters = adapters()?;
        let Some(adapter) = adapters.first() else {
            return Err(GpuError::NoDevice { why: missing() });
        };
        let info = described(adapter);
        if info.kind == DeviceKind::Software && !software {
            let why = format!("the only device is {}, which runs on the processor", info.name);
            return Err(GpuError::NoDevice { why });
        }
        Device::of(adapter, info)
    }

    /// The best device whose name holds `part`, whatever the case of its letters; software too.
    ///
    /// # Errors
    /// [`GpuError::NoDevice`] with the names there are, [`GpuError::Device`] if its driver fails.
    pub fn named(part: &str) -> Result<Device, GpuError> {
        let adapters = adapters()?;
        let wanted = part.to_lowercase();
        let mut names = Vec::new();
        for adapter in &adapters {
            let info = described(adapter);
            if info.name.to_lowercase().contains(&wanted) {
                return Device::of(adapter, info);
            }
            names.push(info.name);
        }
        let there = match names.is_empty() {
            true => missing(),
            false => format!("there is {}", names.join(", ")),
        };
        Err(GpuError::NoDevice { why: format!("none is called `{part}`; {there}") })
    }

    fn of(adapter: &wgpu::Adapter, info: DeviceInfo) -> Result<Device, GpuError> {
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
        Ok(Device { info, device, queue, lost, complaint })
    }

    /// Gives the device up, as a fault of its driver would: everything that is asked of it from now on
    /// fails with [`GpuError::Lost`]. For tests of what happens then.
    #[doc(hidden)]
    pub fn lose(&self) {
        self.device.destroy();
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// A failure of the driver: that of the work, or the loss of the device behind it.
    fn refuses(&self, message: impl ToString) -> GpuError {
        let device = self.info.name.clone();
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
                Err(GpuError::OutOfMemory { device: self.info.name.clone() })
            }
            Some(e) => Err(self.refuses(e)),
            None => self.content().map(|()| result),
        }
    }

    /// A program ready to run.
    pub(crate) fn compile(&self, wgsl: &str, arrays: &[SharedArray]) -> Result<Compiled, GpuError> {
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
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: None,
                source: wgpu::ShaderSource::Wgsl(wgsl.into()),
            });
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
        Ok(Compiled { pipeline, layout })
    }

    /// An array on the device with these bytes.
    pub(crate) fn array(&self, bytes: &[u8]) -> Result<wgpu::Buffer, GpuError> {
        let buffer = self.empty(bytes.len() as u64)?;
        self.queue.write_buffer(&buffer, 0, bytes);
        Ok(buffer)
    }

    /// An array of so many bytes, all 0.
    pub(crate) fn empty(&self, len: u64) -> Result<wgpu::Buffer, GpuError> {
        if len > self.info.largest_array {
            let limit = self.info.largest_array;
            return Err(GpuError::Memory { device: self.info.name.clone(), needed: len, limit });
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

    pub(crate) fn write(&self, buffer: &wgpu::Buffer, bytes: &[u8]) {
        self.queue.write_buffer(buffer, 0, bytes);
    }

    /// Writes to an array from `offset` on, a multiple of 4.
    pub(crate) fn write_at(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.queue.write_buffer(buffer, offset, bytes);
    }

    /// Runs a program with a thread for each of `lanes`, on arrays in the order of their bindings.
    pub(crate) fn run(
        &self,
        program: &Compiled,
        arrays: &[&wgpu::Buffer],
        lanes: usize,
    ) -> Result<(), GpuError> {
        let groups = (lanes as u32).div_ceil(WORKGROUP);
        self.checked(|| {
            let entries: Vec<_> = arrays
                .iter()
                .zip(0..)
                .map(|(buffer, binding)| wgpu::BindGroupEntry {
                    binding,
                    resource: buffer.as_entire_binding(),
                })
                .collect();
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &program.layout,
                entries: &entries,
            });
            let mut encoder = self.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&program.pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups(groups, 1, 1);
            }
            self.queue.submit([encoder.finish()]);
        })
    }

    /// The bytes of an array, after everything that runs has ended.
    pub(crate) fn read(&self, buffer: &wgpu::Buffer) -> Result<Vec<u8>, GpuError> {
        self.read_part(buffer, 0, buffer.size())
    }

    /// `size` bytes of an array from `offset` on, after everything that runs has ended. Both are
    /// multiples of 4.
    pub(crate) fn read_part(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        size: u64,
    ) -> Result<Vec<u8>, GpuError> {
        let copy = self.checked(|| {
            let copy = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, offset, &copy, 0, size);
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
        let bytes = copy.get_mapped_range(..).map_err(|e| self.refuses(e))?.to_vec();
        self.content()?;
        Ok(bytes)
    }

    /// Evaluates a program of [`crate::Dialect::Wgsl`] at `points` points: `own_values` and the
    /// result are laid out as [`PointProgram`] says, `params` are all parameters once.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] for arrays of the wrong length; what the driver refuses.
    pub fn evaluate(
        &self,
        program: &PointProgram,
        points: usize,
        own_values: &[f32],
        params: &[f64],
    ) -> Result<Vec<f32>, GpuError> {
        if own_values.len() != program.inputs * points {
            return Err(GpuError::Invalid(format!(
                "{} numbers were given for {points} points of {} each",
                own_values.len(),
                program.inputs
            )));
        }
        let compiled = self.compile(&program.text, &points::SHARED)?;
        let joint = self.array(&bytes_of_reals(&program.joint_values(params)))?;
        let own = self.array(&bytes_of(own_values))?;
        let tables = self.array(&bytes_of_words(&program.tables(points)))?;
        let results = self.empty(4 * (program.outputs * points) as u64)?;
        self.run(&compiled, &[&joint, &own, &tables, &results], points)?;
        let mut numbers = reals(&self.read(&results)?);
        numbers.truncate(program.outputs * points);
        Ok(numbers)
    }
}

/// A program of a device.
pub(crate) struct Compiled {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

/// `f64` as the bytes of `f32`.
pub(crate) fn bytes_of_reals(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|x| (*x as f32).to_ne_bytes()).collect()
}

pub(crate) fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_ne_bytes()).collect()
}

pub(crate) fn bytes_of_words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|x| x.to_ne_bytes()).collect()
}

pub(crate) fn reals(bytes: &[u8]) -> Vec<f32> {
    let number = |b: &[u8]| f32::from_ne_bytes([b[0], b[1], b[2], b[3]]);
    bytes.chunks_exact(4).map(number).collect()
}

pub(crate) fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |b: &[u8]| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]);
    bytes.chunks_exact(4).map(word).collect()
}
