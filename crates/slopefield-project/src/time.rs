//! The clock, as the file writes it: milliseconds since 1970 UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now. 0 on a machine whose clock is before 1970.
pub(crate) fn now_utc_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|d| i64::try_from(d.as_millis()).ok())
        .unwrap_or(0)
}
