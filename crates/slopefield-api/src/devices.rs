//! What many trajectories can be solved on.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The devices of this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DevicesView {
    /// The processor, which computes everything that no card does.
    pub processor: ProcessorView,
    /// Graphics cards, the best first; software that stands in for one last.
    pub cards: Vec<CardView>,
    /// Why there is no card, where there is none.
    pub none_because: Option<String>,
    /// NVIDIA's own libraries.
    pub cuda: CudaView,
    /// The device that would be considered where many trajectories are solved.
    pub chosen: String,
    /// Why, in a sentence without a full stop.
    pub because: String,
}

/// The processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProcessorView {
    /// As it calls itself.
    pub name: String,
    /// The instructions that steps of many trajectories are computed with.
    pub instructions: String,
    /// Cores that may be used.
    pub cores: u32,
}

/// A graphics card, or software that stands in for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CardView {
    /// Name, from its driver; a part of it is what `--device` takes.
    pub name: String,
    /// Who made it; may be empty.
    pub maker: String,
    /// What it is, in words.
    pub kind: String,
    /// It runs on the processor; never chosen unless named.
    pub software: bool,
    /// Vulkan, Metal or Direct3D 12.
    pub interface: String,
    /// The driver and its version; may be empty.
    pub driver: String,
    /// The largest array in bytes.
    #[ts(type = "number")]
    pub largest_array: u64,
    /// Memory in bytes that threads of a workgroup share.
    pub shared_memory: u32,
    /// It can compute in double precision. Trajectories are solved in single precision on cards.
    pub double: bool,
    /// The finest relative tolerance that trajectories can hold there.
    pub finest: f64,
}

/// NVIDIA's own libraries, as files; both are needed to reach cards through CUDA.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CudaView {
    /// The library of the driver.
    pub driver: Option<String>,
    /// Version of the driver, where the system tells it.
    pub version: Option<String>,
    /// The library that compiles CUDA C++ at run time (NVRTC).
    pub compiler: Option<String>,
}
