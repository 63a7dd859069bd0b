//! An open project: how it is created, opened, written and closed.
//!
//! A project is opened for *viewing*: one read-only connection, and not a byte of the file or its
//! folder changes. The first edit turns it into the *working* state: an exclusive connection with a
//! write-ahead log. Closing brings it back to one plain file. What the program left behind when it
//! was killed is recovered at the next opening.

use crate::connect::{Access, Link, pragma, set_pragma};
use crate::error::{Doing, IoDoing, ProjectError};
use crate::identify::{self, Header, MAX_FILE_BYTES, WRITE_VERSION};
use crate::private::PrivateFolder;
use crate::registry::{self, Claim};
use crate::schema::{self, Agreement};
use crate::tables::{edit, meta, run};
use crate::time::now_utc_ms;
use rusqlite::{Connection, TransactionBehavior};
use std::fs;
use std::path::{Path, PathBuf};

/// Name and version that go into `created_by` and `last_written_by`.
const PROGRAM: &str = concat!("slopefield ", env!("CARGO_PKG_VERSION"));

/// An open project file.
#[derive(Debug)]
pub struct Project {
    pub(crate) link: Link,
    pub(crate) path: PathBuf,
    state: State,
    /// Content of a file that was saved to or copied from: its path and its hash then.
    pub(crate) seen: Option<(PathBuf, blake3::Hash)>,
    // Dropped last: the connection must be closed before its folder goes.
    pub(crate) private: Option<PrivateFolder>,
}

#[derive(Debug)]
enum State {
    /// Reading; may become `Working`.
    Viewing,
    /// Reading only, and why.
    ReadOnly(String),
    /// Exclusive, with a write-ahead log.
    Working(#[expect(dead_code, reason = "held for its Drop")] Claim),
}

impl Project {
    /// Creates a project with an empty model and study.
    ///
    /// # Errors
    /// When something exists at `path` or the folder cannot be written.
    pub fn create(path: impl AsRef<Path>) -> Result<Project, ProjectError> {
        let path = identify::absolute(path.as_ref())?;
        create_file(&path, |link| {
            let tx = link.conn().unchecked_transaction().doing("creating the project")?;
            edit::insert_head(&tx)?;
            for (key, value) in [
                ("project_uuid", uuid::Uuid::now_v7().to_string()),
                ("write_version", WRITE_VERSION.to_string()),
                ("created_by", PROGRAM.to_string()),
                ("created_utc_ms", now_utc_ms().to_string()),
                ("last_written_by", PROGRAM.to_string()),
            ] {
                meta::set(&tx, key, &value)?;
            }
            tx.commit().doing("creating the project")
        })?;
        Project::open(path)
    }

    /// Opens a project that this installation wrote. Nothing is written until the first edit,
    /// unless the file was left behind by a program that was killed: then it is recovered, and
    /// runs that were going on are marked [`RunStatus::Interrupted`](crate::RunStatus).
    ///
    /// For a file from somebody else use [`Project::open_foreign`].
    ///
    /// # Errors
    /// When the file is no project, is damaged, comes from a newer version, or is being written by
    /// another window or program.
    pub fn open(path: impl AsRef<Path>) -> Result<Project, ProjectError> {
        let path = identify::absolute(path.as_ref())?;
        registry::check(&path)?;
        let header = identify::identify(&path, MAX_FILE_BYTES)?;
        if header.write_protected {
            return Project::open_unwritten(&path, &header, "the file is write-protected");
        }
        if header.unclean() {
            return Project::recover(path);
        }
        let link = Link::open(&path, Access::Read)?;
        let state = gate(&link, &path).map_err(|e| e.at(&path))?;
        let left_running = run::any_running(link.conn())?;
        if left_running && matches!(state, State::Viewing) {
            drop(link);
            return Project::recover(path);
        }
        Ok(Project { link, path, state, seen: None, private: None })
    }

    /// Opens a project for reading only. The file and its folder are not changed, whatever state
    /// they are in: what a killed program left behind is recovered in a private copy.
    ///
    /// # Errors
    /// As for [`Project::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Project, ProjectError> {
        let path = identify::absolute(path.as_ref())?;
        registry::check(&path)?;
        let header = identify::identify(&path, MAX_FILE_BYTES)?;
        Project::open_unwritten(&path, &header, "it was opened for reading")
    }

    fn open_unwritten(path: &Path, header: &Header, reason: &str) -> Result<Project, ProjectError> {
        let (link, private) = quiet_link(path, header)?;
        gate(&link, path).map_err(|e| e.at(path))?;
        Ok(Project {
            link,
            path: path.to_path_buf(),
            state: State::ReadOnly(reason.to_string()),
            seen: None,
            private,
        })
    }

    /// Copies a project from a network drive or a synchronised folder into a private working file
    /// and opens that. [`publish`](Project::publish) it back to the same path: when the original
    /// changed meanwhile, that writes a conflict copy instead.
    ///
    /// # Errors
    /// As for [`Project::open_read_only`].
    pub fn open_copy_of(path: impl AsRef<Path>) -> Result<Project, ProjectError> {
        let path = identify::absolute(path.as_ref())?;
        registry::check(&path)?;
        let header = identify::identify(&path, MAX_FILE_BYTES)?;
        if header.unclean() {
            probe_in_use(&path)?;
        }
        let hash = hash_file(&path)?;
        let folder = PrivateFolder::new()?;
        let copy = folder.copy_with_siblings(&path)?;
        let mut project = Project::open(copy)?;
        project.seen = Some((path, hash));
        project.private = Some(folder);
        Ok(project)
    }

    /// Recovers what a killed program left behind, in place.
    fn recover(path: PathBuf) -> Result<Project, ProjectError> {
        let (link, claim) = open_working(&path).map_err(|e| e.at(&path))?;
        let state = gate(&link, &path)?;
        run::mark_interrupted(link.conn(), "the program ended while this run was going on")?;
        let state = match state {
            State::Viewing => {
                schema::upgrade(&link)?;
                State::Working(claim)
            }
            other => other,
        };
        Ok(Project { link, path, state, seen: None, private: None })
    }

    /// Opens a file that `publish` just wrote for this very project, with runs that go on.
    pub(crate) fn attach(path: &Path) -> Result<Project, ProjectError> {
        let (link, claim) = open_working(path).map_err(|e| e.at(path))?;
        gate(&link, path)?;
        Ok(Project {
            link,
            path: path.to_path_buf(),
            state: State::Working(claim),
            seen: None,
            private: None,
        })
    }

    /// Where the working file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The project lives in a private temporary file that vanishes when it is closed: it was
    /// imported or copied and needs to be saved somewhere.
    pub fn is_temporary(&self) -> bool {
        self.private.is_some()
    }

    /// Why the project cannot be written; absent when it can.
    pub fn read_only(&self) -> Option<&str> {
        match &self.state {
            State::ReadOnly(reason) => Some(reason),
            State::Viewing | State::Working(_) => None,
        }
    }

    /// Closes the project: runs that still go on are marked interrupted, the log is written back,
    /// and one plain file is left. Dropping a project does the same and keeps silent about errors.
    ///
    /// # Errors
    /// When the log cannot be written back; the next opening tries again.
    pub fn close(mut self) -> Result<(), ProjectError> {
        self.finish()
    }

    pub(crate) fn finish(&mut self) -> Result<(), ProjectError> {
        if !self.is_working() {
            return Ok(());
        }
        let conn = self.link.whole_file();
        if run::any_running(conn)? {
            run::mark_interrupted(conn, "the project was closed while this run was going on")?;
        }
        leave_working(&self.link)?;
        self.link = Link::open(&self.path, Access::Read)?;
        self.state = State::Viewing;
        Ok(())
    }

    pub(crate) fn is_working(&self) -> bool {
        matches!(self.state, State::Working(_))
    }

    /// The connection, for queries.
    pub(crate) fn read(&self) -> &Connection {
        self.link.conn()
    }

    /// Turns viewing into working.
    pub(crate) fn begin_writing(&mut self) -> Result<(), ProjectError> {
        match &self.state {
            State::Working(_) => Ok(()),
            State::ReadOnly(reason) => Err(ProjectError::ReadOnly { reason: reason.clone() }),
            State::Viewing => {
                let (link, claim) = open_working(&self.path).map_err(|e| e.at(&self.path))?;
                // Somebody else may have written between viewing and now.
                if let State::ReadOnly(reason) = gate(&link, &self.path)? {
                    leave_working(&link)?;
                    return Err(ProjectError::ReadOnly { reason });
                }
                schema::upgrade(&link)?;
                meta::set(link.conn(), "last_written_by", PROGRAM)?;
                self.link = link;
                self.state = State::Working(claim);
                Ok(())
            }
        }
    }

    /// Runs `work` in a transaction: all or nothing.
    pub(crate) fn change<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, ProjectError>,
    ) -> Result<T, ProjectError> {
        self.begin_writing()?;
        let path = &self.path;
        let tx = self
            .link
            .conn_mut()
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing(doing)
            .map_err(|e| e.at(path))?;
        let done = work(&tx).map_err(|e| e.at(path))?;
        tx.commit().doing(doing).map_err(|e| e.at(path))?;
        Ok(done)
    }

    /// As [`Project::change`], and on the disk itself when it returns.
    pub(crate) fn change_durably<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, ProjectError>,
    ) -> Result<T, ProjectError> {
        self.begin_writing()?;
        set_pragma(self.link.conn(), "synchronous", "FULL")?;
        let done = self.change(doing, work);
        set_pragma(self.link.conn(), "synchronous", "NORMAL")?;
        done
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // `close` reports errors; here nobody could read them, and the next opening recovers.
        let _ = self.finish();
    }
}

/// Creates a complete file beside `path` and gives it its name when it is done, so that a program
/// killed half-way leaves no broken project.
pub(crate) fn create_file(
    path: &Path,
    fill: impl FnOnce(&Link) -> Result<(), ProjectError>,
) -> Result<(), ProjectError> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(ProjectError::Exists { path: path.to_path_buf() });
    }
    let beside = beside(path)?;
    let made = (|| {
        let link = Link::open(&beside, Access::Create)?;
        schema::create(&link)?;
        fill(&link)?;
        drop(link);
        sync_file(&beside)?;
        // Not `rename`: it would silently replace a file that appeared meanwhile.
        if fs::symlink_metadata(path).is_ok() {
            return Err(ProjectError::Exists { path: path.to_path_buf() });
        }
        fs::rename(&beside, path).action("create", path)
    })();
    if made.is_err() {
        let _ = fs::remove_file(&beside);
    }
    made
}

/// A name in the same folder that nothing else uses.
pub(crate) fn beside(path: &Path) -> Result<PathBuf, ProjectError> {
    let name = path.file_name().ok_or_else(|| ProjectError::NotAPlainFile {
        path: path.to_path_buf(),
        what: "a folder",
    })?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", uuid::Uuid::now_v7()));
    Ok(path.with_file_name(hidden))
}

/// Asks the system to put the file on the disk itself.
pub(crate) fn sync_file(path: &Path) -> Result<(), ProjectError> {
    let file = fs::OpenOptions::new().write(true).open(path).action("open", path)?;
    file.sync_all().action("flush", path)
}

/// Hash of a file's bytes.
pub(crate) fn hash_file(path: &Path) -> Result<blake3::Hash, ProjectError> {
    let mut hasher = blake3::Hasher::new();
    let file = fs::File::open(path).action("open", path)?;
    hasher.update_reader(file).action("read", path)?;
    Ok(hasher.finalize())
}

/// Opens the exclusive connection with a write-ahead log. Recovery of an old log happens here.
fn open_working(path: &Path) -> Result<(Link, Claim), ProjectError> {
    identify::plain_file(path)?;
    let claim = registry::claim(path)?;
    let link = Link::open(path, Access::Write)?;
    let conn = link.conn();
    // Exclusive before the first access: then the index of the log lives in memory, no `-shm`.
    set_pragma(conn, "locking_mode", "EXCLUSIVE")?;
    let mode = set_pragma(conn, "journal_mode", "WAL")?;
    if mode != "wal" {
        return Err(ProjectError::Database {
            doing: "setting up the file",
            code: 0,
            message: format!("the journal mode stays `{mode}`"),
        });
    }
    set_pragma(conn, "synchronous", "NORMAL")?;
    Ok((link, claim))
}

/// Writes the log back and leaves one file in rollback-journal form.
fn leave_working(link: &Link) -> Result<(), ProjectError> {
    let conn = link.whole_file();
    set_pragma(conn, "wal_checkpoint", "TRUNCATE")?;
    let mode = set_pragma(conn, "journal_mode", "DELETE")?;
    if mode == "delete" {
        Ok(())
    } else {
        Err(ProjectError::Database {
            doing: "closing the file",
            code: 0,
            message: format!("the journal mode stays `{mode}`"),
        })
    }
}

/// What every opening checks before anybody sees the project: versions, ledger, schema.
fn gate(link: &Link, path: &Path) -> Result<State, ProjectError> {
    let conn = link.conn();
    let found = pragma(conn, "user_version")?.unwrap_or(0);
    if found > identify::READER_VERSION {
        return Err(ProjectError::NewerVersion {
            path: path.to_path_buf(),
            found,
            known: identify::READER_VERSION,
        });
    }
    let write_version = write_version(conn)?;
    // A newer version may have added tables and columns. This one leaves them alone.
    schema::check(conn, path, Agreement::Additive)?;
    schema::check_ledger(conn, path, Agreement::Additive)?;
    if write_version > WRITE_VERSION {
        return Ok(State::ReadOnly(format!(
            "it was last written by a newer version of Slopefield (write version {write_version}; this program knows {WRITE_VERSION})"
        )));
    }
    Ok(State::Viewing)
}

/// Write version of the file.
pub(crate) fn write_version(conn: &Connection) -> Result<i64, ProjectError> {
    let text = meta::get(conn, "write_version")?;
    text.as_deref()
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| ProjectError::Damaged { finding: "the write version is missing".into() })
}

/// A connection that reads `path` and changes nothing beside it: the file itself when it was closed
/// properly, else a recovered private copy.
pub(crate) fn quiet_link(
    path: &Path,
    header: &Header,
) -> Result<(Link, Option<PrivateFolder>), ProjectError> {
    if !header.unclean() {
        return Ok((Link::open(path, Access::Read)?, None));
    }
    probe_in_use(path)?;
    let folder = PrivateFolder::new()?;
    let copy = folder.copy_with_siblings(path)?;
    let (link, _claim) = open_working(&copy)?;
    run::mark_interrupted(link.conn(), "the program ended while this run was going on")?;
    Ok((link, Some(folder)))
}

/// Fails when another program holds the file exclusively.
///
/// A read-only connection in exclusive mode cannot read a WAL file either way, but it asks for the
/// shared lock first and creates no `-shm`: the answer "busy" tells.
fn probe_in_use(path: &Path) -> Result<(), ProjectError> {
    let link = Link::open(path, Access::Read)?;
    let conn = link.conn();
    conn.busy_timeout(std::time::Duration::from_millis(200)).doing("looking at the file")?;
    set_pragma(conn, "locking_mode", "EXCLUSIVE")?;
    match pragma(conn, "user_version") {
        Err(error @ ProjectError::InUse { .. }) => Err(error.at(path)),
        _ => Ok(()),
    }
}
