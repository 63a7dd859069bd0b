//! The worker process as its owner sees it: start it, call it, notice when it dies.
//!
//! A dead worker is started again by the next call, and the project that was open is opened again
//! before anything else. Nothing here computes.

use crate::envelope::{Answer, PROTOCOL, Request};
use crate::frame::{self, Frame};
use crate::schema::{Block, Command};
use crate::{ApiError, Code};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

/// How to start the worker.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Program.
    pub program: PathBuf,
    /// Arguments.
    pub arguments: Vec<OsString>,
}

/// Something that happened to the worker outside any call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerEvent {
    /// It ended; why, and the last lines of its log.
    Died {
        /// One sentence.
        message: String,
        /// Last lines it wrote to standard error.
        log: Vec<String>,
    },
    /// It runs again.
    Restarted,
}

type OnEvent = Box<dyn Fn(WorkerEvent) + Send + Sync>;
type Answered = Result<(Value, Block), ApiError>;

/// What comes back for one call.
enum Part {
    Progress(Value, Block),
    End(Answered),
}

/// A connection to one worker process at a time.
pub struct Client {
    launch: Launch,
    on_event: OnEvent,
    link: tokio::sync::Mutex<Option<Link>>,
    next: std::sync::atomic::AtomicU64,
    /// File of the open project, to open it again after a crash.
    project: Mutex<Option<String>>,
    /// A worker has died since the last start.
    died: Arc<std::sync::atomic::AtomicBool>,
}

/// A running worker.
struct Link {
    stdin: ChildStdin,
    waiting: Waiting,
}

/// Calls without an answer yet; `None` once the worker is gone.
type Waiting = Arc<Mutex<Option<HashMap<u64, mpsc::UnboundedSender<Part>>>>>;

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// A client that starts the worker at the first call.
    pub fn new(launch: Launch, on_event: impl Fn(WorkerEvent) + Send + Sync + 'static) -> Client {
        Client {
            launch,
            on_event: Box::new(on_event),
            link: tokio::sync::Mutex::new(None),
            next: 1.into(),
            project: Mutex::new(None),
            died: Arc::default(),
        }
    }

    /// Calls a command. `progress` gets what the worker sends on the way.
    ///
    /// # Errors
    /// What the command answers, or [`Code::WorkerDied`] when the process ends before it answers.
    pub async fn call(
        self: &Arc<Self>,
        command: Command,
        request: Value,
        mut progress: impl FnMut(Value, Block) + Send,
    ) -> Answered {
        let mut parts = self.send(command, request).await?;
        while let Some(part) = parts.recv().await {
            match part {
                Part::Progress(body, block) => progress(body, block),
                Part::End(answer) => {
                    if let Ok((reply, _)) = &answer {
                        self.remember(command, reply);
                    }
                    return answer;
                }
            }
        }
        Err(died("the worker process ended before it answered", Vec::new()))
    }

    /// Keeps the open project's file in mind.
    fn remember(&self, command: Command, reply: &Value) {
        match command {
            Command::project_close => *lock(&self.project) = None,
            _ => {
                if let (Some(file), Some(_)) = (reply.get("file"), reply.get("study")) {
                    *lock(&self.project) = file.as_str().map(str::to_owned);
                }
            }
        }
    }

    /// Sends a request, starting the worker when none runs.
    async fn send(
        self: &Arc<Self>,
        command: Command,
        request: Value,
    ) -> Result<mpsc::UnboundedReceiver<Part>, ApiError> {
        let mut link = self.link.lock().await;
        let gone = |l: &Link| lock(&l.waiting).is_none();
        if link.as_ref().is_none_or(gone) {
            let mut fresh = self.start().await?;
            if self.died.swap(false, std::sync::atomic::Ordering::AcqRel) {
                self.reopen(&mut fresh).await?;
                (self.on_event)(WorkerEvent::Restarted);
            }
            *link = Some(fresh);
        }
        let Some(link) = link.as_mut() else {
            return Err(died("the worker process could not be started", Vec::new()));
        };
        self.post(link, command, request).await
    }

    /// Opens the project again in a fresh worker.
    async fn reopen(&self, link: &mut Link) -> Result<(), ApiError> {
        let file = lock(&self.project).clone();
        if let Some(path) = file {
            let mut parts = self.post(link, Command::project_open, json!({ "path": path })).await?;
            while let Some(part) = parts.recv().await {
                if let Part::End(answer) = part {
                    answer?;
                }
            }
        }
        Ok(())
    }

    async fn post(
        &self,
        link: &mut Link,
        command: Command,
        request: Value,
    ) -> Result<mpsc::UnboundedReceiver<Part>, ApiError> {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, receiver) = mpsc::unbounded_channel();
        match lock(&link.waiting).as_mut() {
            Some(waiting) => waiting.insert(id, sender),
            None => return Err(died("the worker process has ended", Vec::new())),
        };
        let json = serde_json::to_vec(&Request { id, command, request }).unwrap_or_default();
        let bytes = Frame { json, block: Vec::new() }.to_bytes();
        let sent = async {
            link.stdin.write_all(&bytes).await?;
            link.stdin.flush().await
        };
        // A failed write means that the process is ending; the reader reports how.
        let _ = sent.await;
        Ok(receiver)
    }

    async fn start(self: &Arc<Self>) -> Result<Link, ApiError> {
        let mut command = tokio::process::Command::new(&self.launch.program);
        command
            .args(&self.launch.arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true);
        // Its own group: Ctrl+C in a terminal asks the owner, who then stops the job in good order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| ApiError {
            code: Code::WorkerDied,
            message: format!(
                "the worker program {} could not be started: {e}",
                self.launch.program.display()
            ),
            advice: Some("reinstall Slopefield, or build the worker beside this program".into()),
            details: Vec::new(),
        })?;
        let (Some(stdin), Some(mut stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(died("the worker process has no pipes", Vec::new()));
        };
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let lines = log.clone();
        let logging = tokio::spawn(async move {
            let mut reader = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                let mut lines = lock(&lines);
                if lines.len() == 20 {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        });
        if let Err(message) = hello(&mut stdout).await {
            let status = child.wait().await;
            let _ = logging.await;
            let log = lock(&log).iter().cloned().collect();
            return Err(died(&format!("{message} ({})", describe(status)), log));
        }
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(self.clone().read(child, stdout, waiting.clone(), log, logging));
        Ok(Link { stdin, waiting })
    }

    /// Hands answers to their calls until the worker ends, then fails what still waits.
    async fn read(
        self: Arc<Self>,
        mut child: Child,
        mut stdout: ChildStdout,
        waiting: Waiting,
        log: Arc<Mutex<VecDeque<String>>>,
        logging: tokio::task::JoinHandle<()>,
    ) {
        let broken = loop {
            match read_frame(&mut stdout).await {
                Ok(Some(frame)) => {
                    if let Err(e) = deliver(&waiting, frame) {
                        break Some(e);
                    }
                }
                Ok(None) => break None,
                Err(e) => break Some(e.to_string()),
            }
        };
        if broken.is_some() {
            let _ = child.start_kill();
        }
        let status = child.wait().await;
        let _ = logging.await;
        self.died.store(true, std::sync::atomic::Ordering::Release);
        let message = match broken {
            Some(e) => format!("the worker process sent something unreadable ({e})"),
            None => format!("the worker process ended ({})", describe(status)),
        };
        let log: Vec<String> = lock(&log).iter().cloned().collect();
        for sender in lock(&waiting).take().unwrap_or_default().into_values() {
            let _ = sender.send(Part::End(Err(died(&message, log.clone()))));
        }
        (self.on_event)(WorkerEvent::Died { message, log });
    }
}

fn deliver(waiting: &Waiting, frame: Frame) -> Result<(), String> {
    let answer: Answer = serde_json::from_slice(&frame.json).map_err(|e| e.to_string())?;
    let mut waiting = lock(waiting);
    let Some(waiting) = waiting.as_mut() else { return Ok(()) };
    match answer {
        Answer::Hello { .. } | Answer::Alive | Answer::Record { .. } => {}
        Answer::Progress { id, body } => {
            if let Some(sender) = waiting.get(&id) {
                let _ = sender.send(Part::Progress(body, frame.block));
            }
        }
        Answer::Reply { id, body } => {
            if let Some(sender) = waiting.remove(&id) {
                let _ = sender.send(Part::End(Ok((body, frame.block))));
            }
        }
        Answer::Error { id, error } => {
            if let Some(sender) = waiting.remove(&id) {
                let _ = sender.send(Part::End(Err(error)));
            }
        }
    }
    Ok(())
}

async fn hello(stdout: &mut ChildStdout) -> Result<(), String> {
    let frame = match read_frame(stdout).await {
        Ok(Some(frame)) => frame,
        Ok(None) => return Err("the worker process ended at once".into()),
        Err(e) => return Err(format!("the worker process did not greet: {e}")),
    };
    match serde_json::from_slice(&frame.json) {
        Ok(Answer::Hello { protocol: PROTOCOL, .. }) => Ok(()),
        Ok(Answer::Hello { protocol, version, .. }) => Err(format!(
            "the worker is of another version ({version}, protocol {protocol}, needed {PROTOCOL})"
        )),
        _ => Err("the worker process did not greet".into()),
    }
}

async fn read_frame(stdout: &mut ChildStdout) -> std::io::Result<Option<Frame>> {
    let mut head = [0; 8];
    match stdout.read_exact(&mut head).await {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let (json_len, block_len) = frame::lengths(head)?;
    let mut json = vec![0; json_len];
    stdout.read_exact(&mut json).await?;
    let mut numbers = vec![0; 8 * block_len];
    stdout.read_exact(&mut numbers).await?;
    Ok(Some(Frame { json, block: frame::numbers_from(&numbers) }))
}

fn describe(status: std::io::Result<std::process::ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(e) => format!("its exit status is unknown: {e}"),
    }
}

fn died(message: &str, log: Vec<String>) -> ApiError {
    ApiError {
        code: Code::WorkerDied,
        message: message.to_owned(),
        advice: Some(
            "the project is kept; start the job again or resume the interrupted run".into(),
        ),
        details: log,
    }
}
