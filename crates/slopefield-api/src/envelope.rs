//! What stands in the JSON of a message between client and worker.

use crate::schema::{Block, Command};
use crate::{ApiError, frame::Frame};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Changes when client and worker of different versions could misunderstand each other.
pub const PROTOCOL: u32 = 1;

/// Client to worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Number chosen by the client; every answer carries it.
    pub id: u64,
    /// What to do.
    pub command: Command,
    /// The command's request.
    pub request: Value,
}

/// Worker to client. The first message is `Hello`; every request is answered by any number of
/// `Progress` and then one `Reply` or one `Error`. `Alive` and `Record` come only from the process
/// of a plugin, whose client is the worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Answer {
    /// The worker is ready.
    Hello {
        /// [`PROTOCOL`] of the worker.
        protocol: u32,
        /// Its version.
        version: String,
        /// Its process id.
        pid: u32,
    },
    /// A `Progress` value.
    Progress {
        /// Request.
        id: u64,
        /// The value.
        body: Value,
    },
    /// The reply.
    Reply {
        /// Request.
        id: u64,
        /// The value.
        body: Value,
    },
    /// The failure.
    Error {
        /// Request.
        id: u64,
        /// What happened.
        error: ApiError,
    },
    /// The process runs, whatever it is busy with.
    Alive,
    /// Something to be stored in the project of the client, which the process does not open.
    Record {
        /// What, in the worker's own form.
        body: Value,
    },
}

impl Answer {
    /// The message on the pipe.
    pub fn into_frame(self, block: Block) -> Frame {
        let json = serde_json::to_vec(&self).unwrap_or_default();
        Frame { json, block }
    }
}
