//! Graphics cards that are there, and work on one of them.

mod sequence;

pub(crate) use sequence::{Launch, Sequence};

use crate::bytes::bytes_of_words;
#[cfg(feature = "cuda")]
use crate::cuda::{self, Cuda, CudaArray, CudaProgram};
use crate::dialect::{Dialect, SharedArray};
use crate::error::GpuError;
use crate::points::{self, PointProgram};
use crate::portable::{Portable, PortableProgram, adapters, described, missing, rank};

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
    /// Whether programs run there in double precision too.
    pub double: bool,
    /// Operations in single precision that it can start in a second, a multiplication with an addition as
    /// one; where the interface tells what that follows from.
    pub operations: Option<f64>,
}

impl DeviceInfo {
    /// Name and interface, by which [`Device::named`] finds it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} ({})", self.name, self.interface)
    }
}

/// What [`devices`] finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Devices {
    /// The best first; software last.
    pub found: Vec<DeviceInfo>,
    /// Why there is none, where there is none.
    pub none_because: Option<String>,
}

/// How a device is opened.
enum Way {
    Portable(wgpu::Adapter),
    /// The number of the card.
    #[cfg(feature = "cuda")]
    Cuda(usize),
}

/// Every device, the best first: cards through CUDA where that is installed, for its double precision and
/// its quick starts.
fn ways() -> Result<Vec<(DeviceInfo, Way)>, GpuError> {
    let mut found = Vec::new();
    #[cfg(feature = "cuda")]
    for (ordinal, info) in cuda::cards().unwrap_or_default().into_iter().enumerate() {
        found.push((info, Way::Cuda(ordinal)));
    }
    match adapters() {
        Ok(adapters) => {
            found.extend(adapters.into_iter().map(|a| (described(&a), Way::Portable(a))));
        }
        Err(e) if found.is_empty() => return Err(e),
        // The card can be reached without them.
        Err(_) => {}
    }
    found.sort_by_key(|(info, _)| rank(info.kind));
    Ok(found)
}

/// Every device that programs can run on. A card is there once for each interface that reaches it.
#[must_use]
pub fn devices() -> Devices {
    match ways() {
        Ok(ways) if ways.is_empty() => Devices { found: Vec::new(), none_because: Some(missing()) },
        Ok(ways) => {
            Devices { found: ways.into_iter().map(|(info, _)| info).collect(), none_because: None }
        }
        Err(e) => Devices { found: Vec::new(), none_because: Some(e.to_string()) },
    }
}

/// A device on which programs run.
#[derive(Debug)]
pub struct Device {
    info: DeviceInfo,
    interface: Interface,
}

#[derive(Debug)]
enum Interface {
    Portable(Portable),
    #[cfg(feature = "cuda")]
    Cuda(Cuda),
}

/// An array in the memory of a device.
pub(crate) enum DeviceArray {
    Portable(wgpu::Buffer),
    #[cfg(feature = "cuda")]
    Cuda(CudaArray),
}

impl DeviceArray {
    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            DeviceArray::Portable(array) => array.size(),
            #[cfg(feature = "cuda")]
            DeviceArray::Cuda(array) => array.size(),
        }
    }
}

/// A program of a device.
pub(crate) enum Compiled {
    Portable(PortableProgram),
    #[cfg(feature = "cuda")]
    Cuda(CudaProgram),
}

impl Device {
    /// The best device; one that is software only where `software` allows it.
    ///
    /// # Errors
    /// [`GpuError::NoDevice`] with the reason, [`GpuError::Device`] if its driver fails.
    pub fn best(software: bool) -> Result<Device, GpuError> {
        let Some((info, way)) = ways()?.into_iter().next() else {
            return Err(GpuError::NoDevice { why: missing() });
        };
        if info.kind == DeviceKind::Software && !software {
            let why = format!("the only device is {}, which runs on the processor", info.name);
            return Err(GpuError::NoDevice { why });
        }
        Device::of(info, &way)
    }

    /// The best device whose label ([`DeviceInfo::label`], `NVIDIA H100 (Vulkan)`) holds `part`, whatever
    /// the case of its letters; software too.
    ///
    /// # Errors
    /// [`GpuError::NoDevice`] with the names there are, [`GpuError::Device`] if its driver fails.
    pub fn named(part: &str) -> Result<Device, GpuError> {
        let wanted = part.to_lowercase();
        let mut names = Vec::new();
        for (info, way) in ways()? {
            let name = info.label();
            if name.to_lowercase().contains(&wanted) {
                return Device::of(info, &way);
            }
            names.push(name);
        }
        let there = match names.is_empty() {
            true => missing(),
            false => format!("there is {}", names.join(", ")),
        };
        Err(GpuError::NoDevice { why: format!("none is called `{part}`; {there}") })
    }

    fn of(info: DeviceInfo, way: &Way) -> Result<Device, GpuError> {
        let interface = match way {
            Way::Portable(adapter) => Interface::Portable(Portable::new(adapter, &info)?),
            #[cfg(feature = "cuda")]
            Way::Cuda(ordinal) => Interface::Cuda(Cuda::new(*ordinal, &info)?),
        };
        Ok(Device { info, interface })
    }

    /// Gives the device up, as a fault of its driver would: everything that is asked of it from now on
    /// fails with [`GpuError::Lost`]. For tests of what happens then.
    #[doc(hidden)]
    pub fn lose(&self) {
        match &self.interface {
            Interface::Portable(device) => device.lose(),
            #[cfg(feature = "cuda")]
            Interface::Cuda(device) => device.lose(),
        }
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// The language of its programs, in single or double precision; none where it has none.
    #[must_use]
    pub fn dialect(&self, double: bool) -> Option<Dialect> {
        match (&self.interface, double) {
            (Interface::Portable(_), false) => Some(Dialect::Wgsl),
            (Interface::Portable(_), true) => None,
            #[cfg(feature = "cuda")]
            (Interface::Cuda(_), false) => Some(Dialect::CudaSingle),
            #[cfg(feature = "cuda")]
            (Interface::Cuda(_), true) => Some(Dialect::CudaDouble),
        }
    }

    /// A program ready to run.
    ///
    /// # Errors
    /// [`GpuError::Dialect`] where the device does not speak it; what the driver refuses.
    pub(crate) fn compile(
        &self,
        dialect: Dialect,
        text: &str,
        arrays: &[SharedArray],
    ) -> Result<Compiled, GpuError> {
        if self.dialect(dialect.is_double()) != Some(dialect) {
            let (device, interface) = (self.info.name.clone(), self.info.interface);
            return Err(GpuError::Dialect { device, interface, dialect: dialect.name() });
        }
        Ok(match &self.interface {
            Interface::Portable(device) => Compiled::Portable(device.compile(text, arrays)?),
            #[cfg(feature = "cuda")]
            Interface::Cuda(device) => Compiled::Cuda(device.compile(text)?),
        })
    }

    /// An array on the device with these bytes.
    pub(crate) fn array(&self, bytes: &[u8]) -> Result<DeviceArray, GpuError> {
        Ok(match &self.interface {
            Interface::Portable(device) => DeviceArray::Portable(device.array(bytes)?),
            #[cfg(feature = "cuda")]
            Interface::Cuda(device) => DeviceArray::Cuda(device.array(bytes)?),
        })
    }

    /// An array of so many bytes, all 0.
    pub(crate) fn empty(&self, len: u64) -> Result<DeviceArray, GpuError> {
        Ok(match &self.interface {
            Interface::Portable(device) => DeviceArray::Portable(device.empty(len)?),
            #[cfg(feature = "cuda")]
            Interface::Cuda(device) => DeviceArray::Cuda(device.empty(len)?),
        })
    }

    /// Writes to an array from `offset` on, a multiple of 4.
    pub(crate) fn write_at(
        &self,
        array: &DeviceArray,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), GpuError> {
        match (&self.interface, array) {
            (Interface::Portable(device), DeviceArray::Portable(array)) => {
                device.write_at(array, offset, bytes);
                Ok(())
            }
            #[cfg(feature = "cuda")]
            (Interface::Cuda(device), DeviceArray::Cuda(array)) => {
                device.write_at(array, offset, bytes)
            }
            #[cfg(feature = "cuda")]
            _ => Err(self.foreign()),
        }
    }

    /// Writes `len` bytes to the beginning of an array; `fill` makes them.
    pub(crate) fn write_with(
        &self,
        array: &DeviceArray,
        len: u64,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<(), GpuError> {
        #[cfg(feature = "cuda")]
        if let (Interface::Cuda(device), DeviceArray::Cuda(array)) = (&self.interface, array) {
            return device.write_with(array, len, fill);
        }
        let mut bytes = vec![0; len as usize];
        fill(&mut bytes);
        self.write_at(array, 0, &bytes)
    }

    /// Makes all bytes of an array 0.
    pub(crate) fn clear(&self, array: &DeviceArray) -> Result<(), GpuError> {
        match (&self.interface, array) {
            (Interface::Portable(device), DeviceArray::Portable(array)) => device.clear(array),
            #[cfg(feature = "cuda")]
            (Interface::Cuda(device), DeviceArray::Cuda(array)) => device.clear(array),
            #[cfg(feature = "cuda")]
            _ => Err(self.foreign()),
        }
    }

    /// Runs a program with a thread for each of `lanes`, on arrays in the order of their bindings.
    pub(crate) fn run(
        &self,
        program: &Compiled,
        arrays: &[&DeviceArray],
        lanes: usize,
    ) -> Result<(), GpuError> {
        match (&self.interface, program) {
            (Interface::Portable(device), Compiled::Portable(program)) => {
                device.run(program, &self.portable_arrays(arrays)?, lanes)
            }
            #[cfg(feature = "cuda")]
            (Interface::Cuda(device), Compiled::Cuda(program)) => {
                device.run(program, &self.cuda_arrays(arrays)?, lanes)
            }
            #[cfg(feature = "cuda")]
            _ => Err(self.foreign()),
        }
    }

    fn portable_arrays<'a>(
        &self,
        arrays: &[&'a DeviceArray],
    ) -> Result<Vec<&'a wgpu::Buffer>, GpuError> {
        let portable = |array: &&'a DeviceArray| match array {
            DeviceArray::Portable(array) => Ok(array),
            #[cfg(feature = "cuda")]
            DeviceArray::Cuda(_) => Err(self.foreign()),
        };
        arrays.iter().map(portable).collect()
    }

    #[cfg(feature = "cuda")]
    fn cuda_arrays<'a>(&self, arrays: &[&'a DeviceArray]) -> Result<Vec<&'a CudaArray>, GpuError> {
        let cuda = |array: &&'a DeviceArray| match array {
            DeviceArray::Cuda(array) => Ok(array),
            DeviceArray::Portable(_) => Err(self.foreign()),
        };
        arrays.iter().map(cuda).collect()
    }

    #[cfg(feature = "cuda")]
    fn foreign(&self) -> GpuError {
        GpuError::Invalid(format!(
            "an array or a program of another device than {}",
            self.info.name
        ))
    }

    /// The bytes of an array, after everything that runs has ended.
    pub(crate) fn read(&self, array: &DeviceArray) -> Result<Vec<u8>, GpuError> {
        self.read_part(array, 0, array.size())
    }

    /// `size` bytes of an array from `offset` on, after everything that runs has ended. Both are
    /// multiples of 4.
    pub(crate) fn read_part(
        &self,
        array: &DeviceArray,
        offset: u64,
        size: u64,
    ) -> Result<Vec<u8>, GpuError> {
        self.read_parts(&[(array, offset, size)], |parts| parts[0].to_vec())
    }

    /// Gives parts of arrays, from an offset on so many bytes, all multiples of 4, to `use_them`, after
    /// everything that runs has ended.
    pub(crate) fn read_parts<T>(
        &self,
        parts: &[(&DeviceArray, u64, u64)],
        use_them: impl FnOnce(&[&[u8]]) -> T,
    ) -> Result<T, GpuError> {
        match &self.interface {
            Interface::Portable(device) => {
                let parts = parts.iter().map(|(array, offset, size)| match array {
                    DeviceArray::Portable(array) => Ok((array, *offset, *size)),
                    #[cfg(feature = "cuda")]
                    DeviceArray::Cuda(_) => Err(self.foreign()),
                });
                device.read_parts(&parts.collect::<Result<Vec<_>, _>>()?, use_them)
            }
            #[cfg(feature = "cuda")]
            Interface::Cuda(device) => {
                let parts = parts.iter().map(|(array, offset, size)| match array {
                    DeviceArray::Cuda(array) => Ok((array, *offset, *size)),
                    DeviceArray::Portable(_) => Err(self.foreign()),
                });
                device.read_parts(&parts.collect::<Result<Vec<_>, _>>()?, use_them)
            }
        }
    }

    /// Evaluates a program at `points` points: `own_values` and the result are laid out as
    /// [`PointProgram`] says, `params` are all parameters once.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] for arrays of the wrong length; what the driver refuses.
    pub fn evaluate(
        &self,
        program: &PointProgram,
        points: usize,
        own_values: &[f64],
        params: &[f64],
    ) -> Result<Vec<f64>, GpuError> {
        if own_values.len() != program.inputs * points {
            return Err(GpuError::Invalid(format!(
                "{} numbers were given for {points} points of {} each",
                own_values.len(),
                program.inputs
            )));
        }
        let dialect = program.dialect;
        let compiled = self.compile(dialect, &program.text, &points::SHARED)?;
        let joint = self.array(&dialect.bytes_of_reals(&program.joint_values(params)))?;
        let own = self.array(&dialect.bytes_of_reals(own_values))?;
        let tables = self.array(&bytes_of_words(&program.tables(points)))?;
        let results = self.empty(dialect.width() * (program.outputs * points) as u64)?;
        self.run(&compiled, &[&joint, &own, &tables, &results], points)?;
        let mut numbers = dialect.reals(&self.read(&results)?);
        numbers.truncate(program.outputs * points);
        Ok(numbers)
    }
}
