//! The one place that opens a database connection, with one set of settings.
//!
//! A project file is input from a stranger, and several defaults of SQLite are chosen for
//! compatibility rather than safety. Every connection of this crate is configured here and nowhere
//! else; `settings` reads everything back, and a test compares. Follows SQLite's page "Defense
//! Against The Dark Arts" and its list of `sqlite3_db_config` verbs.

use crate::error::{Doing, ProjectError};
use crate::tables;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// First SQLite without the fault that could corrupt a WAL database written by two connections.
const OLDEST_SQLITE: i32 = 3_051_003;
/// Longest time one operation may take; an endless query in a hostile file stops here.
const OPERATION: Duration = Duration::from_secs(60);
/// Longest time for operations that read or write the whole file.
const WHOLE_FILE: Duration = Duration::from_secs(600);
/// Virtual-machine steps between two looks at the clock.
const STEPS_PER_LOOK: i32 = 10_000;
/// How long to wait for a lock that another program holds.
const BUSY_MILLIS: u64 = 5_000;
/// Memory SQLite may take in this process.
const HEAP_BYTES: i64 = 256 << 20;

/// Limits of SQLite's parser and virtual machine. `ATTACHED` is 1 because `VACUUM` attaches.
const LIMITS: &[(Limit, i32)] = &[
    (Limit::SQLITE_LIMIT_LENGTH, 64 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 50),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 16),
    (Limit::SQLITE_LIMIT_ATTACHED, 1),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 250),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    (Limit::SQLITE_LIMIT_SCHEMA, 200),
];

/// Switches of `sqlite3_db_config`.
const SWITCHES: &[(DbConfig, bool)] = &[
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
];

/// Pragmas with the value they must read back.
const PRAGMAS: &[(&str, i64)] = &[
    ("cell_size_check", 1),
    ("mmap_size", 0),
    ("foreign_keys", 1),
    ("hard_heap_limit", HEAP_BYTES),
    ("busy_timeout", BUSY_MILLIS as i64),
];

/// Pragmas that statements after opening may use.
const ALLOWED_PRAGMAS: &[&str] = &[
    "application_id",
    "busy_timeout",
    "cell_size_check",
    "foreign_key_check",
    "foreign_keys",
    "freelist_count",
    "hard_heap_limit",
    "integrity_check",
    "journal_mode",
    "locking_mode",
    "mmap_size",
    "page_count",
    "page_size",
    "quick_check",
    "synchronous",
    "user_version",
    "wal_checkpoint",
];

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading with ordinary locks; never creates a file.
    Read,
    /// Reading without locks and without looking at `-wal` or `-journal`: for files of strangers.
    ReadImmutable,
    /// Reading and writing an existing file.
    Write,
    /// Reading and writing, creating the file.
    Create,
}

/// A configured connection with the clock that stops runaway statements.
pub(crate) struct Link {
    conn: Connection,
    watch: Arc<Watch>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// Opens `path`, which must be absolute: the bundled SQLite would read a relative
    /// `file:…` name as a URI.
    pub fn open(path: &Path, access: Access) -> Result<Link, ProjectError> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(ProjectError::OldSqlite { found: rusqlite::version().to_string() });
        }
        if !path.is_absolute() {
            return Err(ProjectError::NotAProject {
                path: path.to_path_buf(),
                reason: "the path is not absolute".into(),
            });
        }
        // No mutex: a `Connection` is not shared between threads.
        let base = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match access {
            Access::Read => {
                Connection::open_with_flags(path, base | OpenFlags::SQLITE_OPEN_READ_ONLY)
            }
            Access::ReadImmutable => Connection::open_with_flags(
                immutable_uri(path)?,
                base | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
            ),
            Access::Write => {
                Connection::open_with_flags(path, base | OpenFlags::SQLITE_OPEN_READ_WRITE)
            }
            Access::Create => Connection::open_with_flags(
                path,
                base | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            ),
        };
        Link::configure(opened.doing("opening the file")?)
    }

    /// A database in memory with the same settings, to compare schemas with.
    pub fn in_memory() -> Result<Link, ProjectError> {
        Link::configure(Connection::open_in_memory().doing("opening a database in memory")?)
    }

    fn configure(mut conn: Connection) -> Result<Link, ProjectError> {
        const DOING: &str = "configuring the connection";
        conn.busy_timeout(Duration::from_millis(BUSY_MILLIS)).doing(DOING)?;
        for (limit, value) in LIMITS {
            conn.set_limit(*limit, *value).doing(DOING)?;
        }
        for (switch, value) in SWITCHES {
            conn.set_db_config(*switch, *value).doing(DOING)?;
        }
        let watch = Arc::new(Watch::new());
        let clock = Arc::clone(&watch);
        conn.progress_handler(STEPS_PER_LOOK, Some(move || clock.passed())).doing(DOING)?;
        for (name, value) in PRAGMAS {
            set_pragma(&conn, name, &value.to_string())?;
        }
        let guard = Arc::clone(&watch);
        conn.authorizer(Some(move |context: AuthContext<'_>| {
            if guard.maintenance.load(Ordering::Relaxed) {
                Authorization::Allow
            } else {
                authorise(context.action)
            }
        }))
        .doing(DOING)?;
        Ok(Link { conn, watch })
    }

    /// The connection, with the clock set for an ordinary operation.
    pub fn conn(&self) -> &Connection {
        self.watch.arm(OPERATION);
        &self.conn
    }

    /// The connection for a transaction, with the clock set for an ordinary operation.
    pub fn conn_mut(&mut self) -> &mut Connection {
        self.watch.arm(OPERATION);
        &mut self.conn
    }

    /// The connection, with the clock set for an operation on the whole file.
    pub fn whole_file(&self) -> &Connection {
        self.watch.arm(WHOLE_FILE);
        &self.conn
    }

    /// Runs `work` with the authorizer allowing everything: for creating the schema and for
    /// `VACUUM`, whose own statements it would refuse. `work` runs constant SQL only.
    pub fn maintenance<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        self.watch.maintenance.store(true, Ordering::Relaxed);
        let done = work(self.whole_file());
        self.watch.maintenance.store(false, Ordering::Relaxed);
        done
    }

    #[cfg(test)]
    /// Every setting as it reads back, with the value it must have: name, found, expected.
    pub fn settings(&self) -> Result<Vec<(String, i64, i64)>, ProjectError> {
        const DOING: &str = "reading the settings";
        let conn = self.conn();
        let mut settings = Vec::new();
        for (limit, value) in LIMITS {
            let found = conn.limit(*limit).doing(DOING)?;
            settings.push((format!("{limit:?}"), i64::from(found), i64::from(*value)));
        }
        for (switch, value) in SWITCHES {
            let found = conn.db_config(*switch).doing(DOING)?;
            settings.push((format!("{switch:?}"), i64::from(found), i64::from(*value)));
        }
        for (name, value) in PRAGMAS {
            settings.push(((*name).to_string(), pragma(conn, name)?.unwrap_or(0), *value));
        }
        Ok(settings)
    }
}

/// Limit of one operation in seconds, for the sentence of [`ProjectError::TookTooLong`].
pub(crate) fn deadline_seconds() -> u64 {
    OPERATION.as_secs()
}

/// Reads a pragma that answers with one integer; `None` when it answers with no row.
pub(crate) fn pragma(conn: &Connection, name: &str) -> Result<Option<i64>, ProjectError> {
    let mut statement =
        conn.prepare(&format!("PRAGMA {name}")).doing("reading a setting of the file")?;
    let mut rows = statement.query([]).doing("reading a setting of the file")?;
    match rows.next().doing("reading a setting of the file")? {
        Some(row) => Ok(Some(row.get(0).doing("reading a setting of the file")?)),
        None => Ok(None),
    }
}

/// Sets a pragma and returns its answer as text, empty when it gives none.
pub(crate) fn set_pragma(
    conn: &Connection,
    name: &str,
    value: &str,
) -> Result<String, ProjectError> {
    const DOING: &str = "setting up the file";
    let mut statement = conn.prepare(&format!("PRAGMA {name}={value}")).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    let mut answer = String::new();
    while let Some(row) = rows.next().doing(DOING)? {
        answer = match row.get::<_, rusqlite::types::Value>(0).doing(DOING)? {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            _ => String::new(),
        };
    }
    Ok(answer)
}

/// The clock, and whether the authorizer rests.
struct Watch {
    begin: Instant,
    /// Milliseconds after `begin` at which statements stop.
    stop_ms: AtomicU64,
    maintenance: AtomicBool,
}

impl Watch {
    fn new() -> Self {
        Watch {
            begin: Instant::now(),
            stop_ms: AtomicU64::new(u64::MAX),
            maintenance: AtomicBool::new(false),
        }
    }

    fn arm(&self, time: Duration) {
        let stop = self.begin.elapsed() + time;
        self.stop_ms.store(u64::try_from(stop.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn passed(&self) -> bool {
        self.begin.elapsed().as_millis() > u128::from(self.stop_ms.load(Ordering::Relaxed))
    }
}

/// Second line of defence after the constant statements of this crate: only known tables, only
/// listed pragmas, nothing that creates, attaches or loads.
fn authorise(action: AuthAction<'_>) -> Authorization {
    let known = |table: &str| tables::is_known(table) || table == "sqlite_schema";
    let allowed = match action {
        AuthAction::Select | AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => true,
        AuthAction::Read { table_name, .. } => known(table_name) || table_name == "sqlite_master",
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => tables::is_known(table_name),
        AuthAction::Pragma { pragma_name, .. } => ALLOWED_PRAGMAS.contains(&pragma_name),
        AuthAction::Function { function_name } => {
            matches!(
                function_name,
                "count" | "max" | "min" | "sum" | "total" | "length" | "coalesce"
            )
        }
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

/// `file:` URI with `immutable=1`. The only URI this program builds; everything outside the
/// unreserved characters of RFC 3986 is percent-encoded.
fn immutable_uri(path: &Path) -> Result<PathBuf, ProjectError> {
    use std::fmt::Write as _;
    let text = path.to_str().ok_or_else(|| ProjectError::NotAProject {
        path: path.to_path_buf(),
        reason: "its name is not valid Unicode".into(),
    })?;
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.to_string() };
    let mut uri = String::from("file:");
    if !text.starts_with('/') {
        uri.push('/');
    }
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            b':' if cfg!(windows) => uri.push(':'),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push_str("?immutable=1");
    Ok(PathBuf::from(uri))
}

#[cfg(test)]
mod tests;
