//! What can go wrong between a plan and its numbers from a graphics card.

use thiserror::Error;

/// Why a plan cannot run on a graphics card, or did not.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GpuError {
    /// A function that the dialect has no text for.
    #[error("{function} has no form in {dialect}")]
    NoRule {
        /// Its name.
        function: String,
        /// The language of the text.
        dialect: &'static str,
    },
    /// More numbers for each trajectory than a thread of a graphics card holds.
    #[error(
        "each trajectory needs {needed} numbers of its own, and a thread of a graphics card holds \
         {limit}; solve this model on the processor"
    )]
    TooLarge {
        /// Numbers needed.
        needed: usize,
        /// Numbers there are.
        limit: usize,
    },
    /// A method that the kernel of whole solves has no form for.
    #[error("{method} is not for graphics cards: {why}; use tsit5, dp5 or bs3")]
    Method {
        /// Its name.
        method: &'static str,
        /// What it needs that is not there.
        why: &'static str,
    },
    /// Noise that a method has no form for.
    #[error("the method {method} {why}")]
    Noise {
        /// Its name.
        method: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// A model that is more than an ordinary differential equation.
    #[error("{what} are not solved on graphics cards; solve this model on the processor")]
    Model {
        /// What it has.
        what: &'static str,
    },
    /// Sizes, times or settings that make no sense.
    #[error("{0}")]
    Invalid(String),
    /// The work was cancelled, or the time allowed for it is over.
    #[error("stopped before the end: {why}")]
    Interrupted {
        /// Which of the two.
        why: &'static str,
    },
    /// No card, or no driver for one.
    #[error("no graphics card can be used: {why}")]
    NoDevice {
        /// What is missing.
        why: String,
    },
    /// The driver refuses the program or the memory.
    #[error("{device} refuses to run the model: {message}")]
    Device {
        /// Its name.
        device: String,
        /// What the driver says.
        message: String,
    },
    /// A program in a language that the device does not speak.
    #[error("{device} does not run {dialect} through {interface}")]
    Dialect {
        /// Its name.
        device: String,
        /// How it is reached.
        interface: &'static str,
        /// The language.
        dialect: &'static str,
    },
    /// Numbers that do not fit into the memory of the card even a trajectory at a time.
    #[error("one trajectory needs {needed} bytes and {device} gives {limit} at once")]
    Memory {
        /// Its name.
        device: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes there are.
        limit: u64,
    },
    /// The card has no memory left, although the arrays are within its limits: other programs have it.
    #[error("{device} has no memory left")]
    OutOfMemory {
        /// Its name.
        device: String,
    },
    /// The card is gone: taken out, reset by the system after a fault or a long run, or its driver
    /// updated. Nothing that was on it can be read.
    #[error("{device} was lost: {message}")]
    Lost {
        /// Its name.
        device: String,
        /// What the driver says.
        message: String,
    },
}
