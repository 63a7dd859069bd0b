//! What a plugin answers when it cannot go on.

use slopefield_plugin_abi as abi;
use std::borrow::Cow;
use std::fmt;

/// A failure: a status the host understands and a sentence for the reader.
///
/// Host callbacks return it too, without a sentence and without allocating. `?` is always right:
/// cancellation and [recoverable](Error::is_recoverable) failures pass through unchanged.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    status: abi::slf_status,
    message: Cow<'static, str>,
    last_step: f64,
}

impl Error {
    fn new(status: abi::slf_status, message: impl Into<Cow<'static, str>>) -> Self {
        Error { status, message: message.into(), last_step: 0.0 }
    }

    /// An argument or option makes no sense.
    pub fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(abi::SLF_ERR_ARGUMENT, message)
    }

    /// The plugin does not offer this.
    pub fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(abi::SLF_ERR_UNSUPPORTED, message)
    }

    /// The step size collapsed; `h` is the last step tried.
    pub fn step_too_small(h: f64) -> Self {
        Error {
            status: abi::SLF_ERR_STEP_TOO_SMALL,
            message: Cow::Borrowed("the step size became too small"),
            last_step: h,
        }
    }

    /// A linear or nonlinear solve gave up.
    pub fn diverged(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(abi::SLF_ERR_DIVERGED, message)
    }

    /// The state is not finite and no smaller step helps.
    pub fn non_finite(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(abi::SLF_ERR_NON_FINITE, message)
    }

    /// Anything else that went wrong inside the plugin.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(abi::SLF_ERR_INTERNAL, message)
    }

    /// The right-hand side is not defined here; a smaller step may do. An adaptive solver rejects
    /// the step; anyone else passes it on.
    pub fn is_recoverable(&self) -> bool {
        self.status == abi::SLF_RECOVERABLE
    }

    /// The host asked to stop; pass it on at once.
    pub fn is_cancelled(&self) -> bool {
        self.status == abi::SLF_ERR_CANCELLED
    }

    /// The sentence; empty when the host's callback failed, because the host knows why.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Last step tried, for [`Error::step_too_small`]; else 0.
    pub(crate) fn last_step(&self) -> f64 {
        self.last_step
    }

    pub(crate) fn status(&self) -> abi::slf_status {
        self.status
    }

    /// A status that came from the host.
    #[inline]
    pub(crate) fn check(status: abi::slf_status) -> Result<(), Error> {
        if status == abi::SLF_OK { Ok(()) } else { Err(Self::from_host(status, String::new())) }
    }

    pub(crate) fn from_host(status: abi::slf_status, message: String) -> Self {
        Error { status, message: Cow::Owned(message), last_step: 0.0 }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.message.is_empty(), self.status) {
            (false, _) => f.write_str(&self.message),
            (true, abi::SLF_RECOVERABLE) => f.write_str("the right-hand side is not defined here"),
            (true, abi::SLF_ERR_CANCELLED) => f.write_str("cancelled by the host"),
            (true, status) => write!(f, "the host reported status {status}"),
        }
    }
}

impl std::error::Error for Error {}
