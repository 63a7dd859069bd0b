//! A card of NVIDIA, through its own interface: in single or double precision.
//!
//! Nothing is linked. The driver and NVRTC, which compiles CUDA C++, are looked for when the program
//! runs (`cudarc`, which panics where a function is missing: every call is guarded).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, DriverError, LaunchConfig, PinnedHostSlice,
    PushKernelArg, sys,
};
use cudarc::nvrtc::{self, CompileError, CompileOptions};

use crate::device::{DeviceInfo, DeviceKind};
use crate::dialect::WORKGROUP;
use crate::error::GpuError;

/// The cards that CUDA C++ can run on, or why there are none.
pub(crate) fn cards() -> Result<Vec<DeviceInfo>, String> {
    let find = || {
        if !is_there() {
            return Err("CUDA's driver and NVRTC are not both installed".to_owned());
        }
        let count = CudaContext::device_count().map_err(|e| e.to_string())?;
        (0..count as usize).map(|ordinal| described(ordinal).map_err(|e| e.to_string())).collect()
    };
    catch_unwind(AssertUnwindSafe(find)).unwrap_or_else(|_| Err("CUDA's driver failed".into()))
}

/// Whether both libraries can be loaded and the driver answers.
#[allow(unsafe_code, reason = "libraries of the system are loaded")]
fn is_there() -> bool {
    // SAFETY: loads libraries by the names under which NVIDIA installs them; what they do when they are
    // loaded is theirs, as for every program that uses CUDA.
    let found = unsafe { sys::is_culib_present() && nvrtc::sys::is_culib_present() };
    found && cudarc::driver::result::init().is_ok()
}

fn described(ordinal: usize) -> Result<DeviceInfo, DriverError> {
    use sys::CUdevice_attribute_enum as Attribute;
    let context = CudaContext::new(ordinal)?;
    let (major, minor) = context.compute_capability()?;
    let shared = context.attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK)?;
    let integrated = context.attribute(Attribute::CU_DEVICE_ATTRIBUTE_INTEGRATED)? != 0;
    // Programming guide of CUDA, "Arithmetic Instructions": results per clock cycle and multiprocessor.
    let lanes = match (major, minor) {
        (8.., 6..) | (9.., _) => 128.0,
        (6, 1 | 2) | (5, _) => 128.0,
        _ => 64.0,
    };
    let number = |what| context.attribute(what).map(f64::from);
    let processors = number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
    let clock = 1e3 * number(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)?;
    Ok(DeviceInfo {
        name: context.name()?,
        maker: "NVIDIA",
        kind: if integrated { DeviceKind::Integrated } else { DeviceKind::Discrete },
        interface: "CUDA",
        driver: format!("compute capability {major}.{minor}"),
        // Several arrays are there at once.
        largest_array: context.total_mem()? as u64 / 4,
        shared_memory: shared as u32,
        double: true,
        operations: Some(lanes * processors * clock),
    })
}

/// A device on which CUDA C++ runs.
#[derive(Debug)]
pub(crate) struct Cuda {
    name: String,
    largest_array: u64,
    /// As NVRTC is told: `--gpu-architecture=compute_90`.
    architecture: String,
    stream: Arc<CudaStream>,
    staging: Mutex<Option<PinnedHostSlice<u8>>>,
    given_up: AtomicBool,
    /// Why it is gone, once it is.
    lost: Mutex<Option<String>>,
}

/// An array on the device.
#[derive(Debug, Clone)]
pub(crate) struct CudaArray {
    bytes: Arc<Mutex<CudaSlice<u8>>>,
    len: u64,
}

impl CudaArray {
    pub(crate) fn size(&self) -> u64 {
        self.len
    }
}

/// A program of such a device.
#[derive(Clone)]
pub(crate) struct CudaProgram {
    function: CudaFunction,
}

/// Launches with their groups and their arrays, ready to be repeated.
pub(crate) struct CudaSequence {
    launches: Vec<(CudaProgram, u32)>,
    arrays: Vec<CudaArray>,
}

/// What the driver cannot recover from: nothing that was on the device can be read any more.
fn is_fatal(e: DriverError) -> bool {
    use sys::cudaError_enum as Code;
    matches!(
        e.0,
        Code::CUDA_ERROR_ILLEGAL_ADDRESS
            | Code::CUDA_ERROR_LAUNCH_TIMEOUT
            | Code::CUDA_ERROR_LAUNCH_FAILED
            | Code::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | Code::CUDA_ERROR_MISALIGNED_ADDRESS
            | Code::CUDA_ERROR_INVALID_ADDRESS_SPACE
            | Code::CUDA_ERROR_INVALID_PC
            | Code::CUDA_ERROR_HARDWARE_STACK_ERROR
            | Code::CUDA_ERROR_ECC_UNCORRECTABLE
            | Code::CUDA_ERROR_CONTEXT_IS_DESTROYED
            | Code::CUDA_ERROR_DEINITIALIZED
    )
}

fn locked(array: &CudaArray) -> MutexGuard<'_, CudaSlice<u8>> {
    array.bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cuda {
    /// The card with this number.
    pub(crate) fn new(ordinal: usize, info: &DeviceInfo) -> Result<Self, GpuError> {
        let refused = |message: String| GpuError::Device { device: info.name.clone(), message };
        let open = || {
            let context = CudaContext::new(ordinal)?;
            // SAFETY: all work is in one stream, whose order is that of the calls, so that nobody waits
            // for the events that would be kept of every array.
            #[allow(unsafe_code, reason = "work in a single stream needs no events")]
            unsafe {
                context.disable_event_tracking();
            }
            let (major, minor) = context.compute_capability()?;
            Ok::<_, DriverError>(Cuda {
                name: info.name.clone(),
                largest_array: info.largest_array,
                architecture: format!("--gpu-architecture=compute_{major}{minor}"),
                stream: context.default_stream(),
                staging: Mutex::new(None),
                given_up: AtomicBool::new(false),
                lost: Mutex::new(None),
            })
        };
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(opened) => opened.map_err(|e| refused(e.to_string())),
            Err(_) => Err(refused("CUDA's driver failed".into())),
        }
    }

    pub(crate) fn lose(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Asks the driver for something.
    fn asked<T>(&self, work: impl FnOnce() -> Result<T, DriverError>) -> Result<T, GpuError> {
        let device = || self.name.clone();
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if self.given_up.load(Ordering::Relaxed) {
            lost.get_or_insert_with(|| "it was given up".into());
        }
        if let Some(message) = &*lost {
            return Err(GpuError::Lost { device: device(), message: message.clone() });
        }
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(e)) if e.0 == sys::cudaError_enum::CUDA_ERROR_OUT_OF_MEMORY => {
                Err(GpuError::OutOfMemory { device: device() })
            }
            Ok(Err(e)) if is_fatal(e) => {
                let message = lost.insert(e.to_string()).clone();
                Err(GpuError::Lost { device: device(), message })
            }
            Ok(Err(e)) => Err(GpuError::Device { device: device(), message: e.to_string() }),
            Err(_) => {
                let message = "CUDA's driver failed".into();
                Err(GpuError::Device { device: device(), message })
            }
        }
    }

    /// A program ready to run.
    pub(crate) fn compile(&self, text: &str) -> Result<CudaProgram, GpuError> {
        let options =
            CompileOptions { options: vec![self.architecture.clone()], ..Default::default() };
        let compiled = || Ok(nvrtc::compile_ptx_with_opts(text, options));
        let ptx = self.asked(compiled)?.map_err(|e| {
            let message = match e {
                CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
                e => e.to_string(),
            };
            GpuError::Device { device: self.name.clone(), message }
        })?;
        self.asked(|| {
            let module = self.stream.context().load_module(ptx)?;
            Ok(CudaProgram { function: module.load_function("run")? })
        })
    }

    /// An array of so many bytes, all 0.
    pub(crate) fn empty(&self, len: u64) -> Result<CudaArray, GpuError> {
        self.check(len)?;
        // Addresses of empty arrays would be null.
        let bytes = self.asked(|| self.stream.alloc_zeros::<u8>(len.max(8) as usize))?;
        Ok(CudaArray { bytes: Arc::new(Mutex::new(bytes)), len })
    }

    /// An array with these bytes.
    pub(crate) fn array(&self, bytes: &[u8]) -> Result<CudaArray, GpuError> {
        let len = bytes.len() as u64;
        if bytes.len() < 8 {
            let array = self.empty(len)?;
            self.write_at(&array, 0, bytes)?;
            return Ok(array);
        }
        self.check(len)?;
        let bytes = self.asked(|| self.stream.clone_htod(bytes))?;
        Ok(CudaArray { bytes: Arc::new(Mutex::new(bytes)), len })
    }

    fn check(&self, needed: u64) -> Result<(), GpuError> {
        let limit = self.largest_array;
        if needed > limit {
            return Err(GpuError::Memory { device: self.name.clone(), needed, limit });
        }
        Ok(())
    }

    /// Writes to an array from `offset` on.
    pub(crate) fn write_at(
        &self,
        array: &CudaArray,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), GpuError> {
        let offset = offset as usize;
        self.asked(|| {
            let mut to = locked(array);
            self.stream.memcpy_htod(bytes, &mut to.slice_mut(offset..offset + bytes.len()))
        })
    }

    /// Runs a program with a thread for each of `lanes`, on arrays in the order of its parameters.
    pub(crate) fn run(
        &self,
        program: &CudaProgram,
        arrays: &[&CudaArray],
        lanes: usize,
    ) -> Result<(), GpuError> {
        let groups = (lanes as u32).div_ceil(WORKGROUP);
        self.asked(|| {
            let locks: Vec<_> = arrays.iter().map(|array| locked(array)).collect();
            self.launch(program, &locks, groups)
        })
    }

    fn launch(
        &self,
        program: &CudaProgram,
        arrays: &[MutexGuard<'_, CudaSlice<u8>>],
        groups: u32,
    ) -> Result<(), DriverError> {
        let config = LaunchConfig {
            grid_dim: (groups, 1, 1),
            block_dim: (WORKGROUP, 1, 1),
            shared_mem_bytes: 0,
        };
        let mut launch = self.stream.launch_builder(&program.function);
        for array in arrays {
            launch.arg(&**array);
        }
        // SAFETY: the text was written for these arrays in this order; it reads and writes within the
        // lengths that its program told, and the threads beyond its lanes do nothing.
        #[allow(unsafe_code, reason = "a kernel is started")]
        unsafe {
            launch.launch(config)?;
        }
        Ok(())
    }

    /// Writes down launches, each with its threads.
    pub(crate) fn sequence(
        arrays: &[&CudaArray],
        launches: impl Iterator<Item = (CudaProgram, usize)>,
    ) -> CudaSequence {
        let groups = |(program, threads)| (program, (threads as u32).div_ceil(WORKGROUP));
        CudaSequence {
            launches: launches.map(groups).collect(),
            arrays: arrays.iter().map(|array| (*array).clone()).collect(),
        }
    }

    /// Runs a sequence so many times.
    pub(crate) fn play(&self, sequence: &CudaSequence, times: u32) -> Result<(), GpuError> {
        self.asked(|| {
            let locks: Vec<_> = sequence.arrays.iter().map(locked).collect();
            for _ in 0..times {
                for (program, groups) in &sequence.launches {
                    self.launch(program, &locks, *groups)?;
                }
            }
            Ok(())
        })
    }

    /// Makes all bytes of an array 0.
    pub(crate) fn clear(&self, array: &CudaArray) -> Result<(), GpuError> {
        self.asked(|| self.stream.memset_zeros(&mut *locked(array)))
    }

    /// Memory of the processor that the card reads and writes by itself, of at least `len` bytes.
    fn staging<'a>(
        &self,
        staging: &'a mut Option<PinnedHostSlice<u8>>,
        len: usize,
    ) -> Result<&'a mut [u8], DriverError> {
        if staging.as_ref().is_none_or(|memory| memory.len() < len) {
            *staging = None;
            let len = len.next_power_of_two().max(1 << 16);
            // SAFETY: the memory is not set; bytes of any value are bytes, and only those are read that
            // have been written.
            #[allow(unsafe_code, reason = "memory that is not set")]
            let memory = unsafe { self.stream.context().alloc_pinned_with_flags(len, 0)? };
            *staging = Some(memory);
        }
        match staging {
            Some(memory) => Ok(&mut memory.as_mut_slice()?[..len]),
            None => Ok(&mut []),
        }
    }

    /// Writes `len` bytes to the beginning of an array; `fill` makes them.
    pub(crate) fn write_with(
        &self,
        array: &CudaArray,
        len: u64,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<(), GpuError> {
        let len = len as usize;
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        self.asked(|| {
            let bytes = self.staging(&mut staging, len)?;
            fill(bytes);
            self.stream.memcpy_htod(&*bytes, &mut locked(array).slice_mut(..len))?;
            // The memory is used again.
            self.stream.synchronize()
        })
    }

    /// Gives parts of arrays, from an offset on so many bytes, to `use_them`, after everything that runs
    /// has ended.
    pub(crate) fn read_parts<T>(
        &self,
        parts: &[(&CudaArray, u64, u64)],
        use_them: impl FnOnce(&[&[u8]]) -> T,
    ) -> Result<T, GpuError> {
        let len: usize = parts.iter().map(|(_, _, size)| *size as usize).sum();
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.asked(|| {
            let bytes = self.staging(&mut staging, len)?;
            let mut rest = &mut *bytes;
            for (array, offset, size) in parts {
                let (offset, size) = (*offset as usize, *size as usize);
                let (to, after) = rest.split_at_mut(size);
                rest = after;
                if size > 0 {
                    let from = locked(array);
                    self.stream.memcpy_dtoh(&from.slice(offset..offset + size), to)?;
                }
            }
            self.stream.synchronize()?;
            Ok(bytes)
        })?;
        let mut rest = &*bytes;
        let mut all = Vec::with_capacity(parts.len());
        for (_, _, size) in parts {
            let (part, after) = rest.split_at(*size as usize);
            rest = after;
            all.push(part);
        }
        Ok(use_them(&all))
    }
}
