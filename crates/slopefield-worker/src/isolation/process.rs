//! The process of a plugin as the worker sees it: started, called, watched, ended.

use super::crash::{CrashReport, End};
use super::system;
use slopefield_api::envelope::{Answer, PROTOCOL, Request};
use slopefield_api::frame::Frame;
use slopefield_api::schema::Block;
use slopefield_api::types::JobAction;
use slopefield_api::{ApiError, Command};
use slopefield_train::Control;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A process says at least this often that it runs.
pub const ALIVE: Duration = Duration::from_millis(500);
/// A process that is silent for this long is ended.
const SILENCE: Duration = Duration::from_secs(15);
/// A process that has not greeted by then is ended.
const GREETING: Duration = Duration::from_secs(60);
/// A job that has not ended this long after it was asked to is ended with its process.
const STOP: Duration = Duration::from_secs(2);
/// A process that is not needed any more is ended when it has not gone by then.
const FAREWELL: Duration = Duration::from_secs(2);
/// Pause between two looks at the flags of a job.
const LOOK: Duration = Duration::from_millis(20);
/// Lines of the log that are kept, and the longest of them in bytes.
const LOG: (usize, u64) = (20, 1000);

/// What comes back for one call.
pub enum Part {
    /// As the process sent it.
    Progress(serde_json::Value, Block),
    /// Something to store.
    Record(serde_json::Value, Block),
    /// The answer.
    End(Result<(serde_json::Value, Block), ApiError>),
    /// There will be none.
    Died(CrashReport),
}

/// Why a call has no reply.
pub enum Failure {
    /// The process says so.
    Answer(ApiError),
    /// It ended.
    Crash(CrashReport),
}

impl Failure {
    /// What the user is told.
    pub fn error(self) -> ApiError {
        match self {
            Failure::Answer(error) => error,
            Failure::Crash(report) => report.error(),
        }
    }
}

/// What may end a call before its answer.
#[derive(Default)]
pub struct Watch<'a> {
    /// Its flags.
    pub control: Option<&'a Control>,
    /// The command that stops it there; none for jobs, which [`Command::job`] stops.
    pub stop: Option<(Command, serde_json::Value)>,
    /// The longest it may take.
    pub limit: Option<Duration>,
}

/// A running process.
pub struct Process {
    stdin: Mutex<Option<ChildStdin>>,
    state: Arc<State>,
    next: AtomicU64,
}

/// What its threads share.
struct State {
    plugins: Vec<String>,
    /// The process and what it starts.
    group: system::Group,
    /// Calls without an answer, oldest first; `None` once the process has gone.
    waiting: Mutex<Option<BTreeMap<u64, Sender<Part>>>>,
    gone: Condvar,
    heard: Mutex<Instant>,
    log: Mutex<VecDeque<String>>,
    /// Why it was ended from here, when it was.
    blame: Mutex<Option<End>>,
    /// Its number belongs to the system again.
    reaped: Mutex<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Ends the process; the first reason is kept.
    fn end(&self, why: End) {
        lock(&self.blame).get_or_insert(why);
        self.kill();
    }

    fn kill(&self) {
        let reaped = lock(&self.reaped);
        if !*reaped {
            self.group.kill();
        }
    }

    fn alive(&self) -> bool {
        lock(&self.waiting).is_some()
    }

    /// Waits until the process has gone, or for so long; whether it has gone.
    fn wait_gone(&self, most: Duration) -> bool {
        let waiting = lock(&self.waiting);
        let (waiting, _) = self
            .gone
            .wait_timeout_while(waiting, most, |waiting| waiting.is_some())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_none()
    }

    fn report(&self, end: End) -> CrashReport {
        let log = lock(&self.log).iter().cloned().collect();
        CrashReport { plugins: self.plugins.clone(), end, log }
    }
}

/// Starts a process from a thread that lives as long as this process: on Linux a process that dies
/// with its parent dies with the thread that started it.
fn spawn(command: std::process::Command) -> io::Result<Child> {
    type Order = (std::process::Command, Sender<io::Result<Child>>);
    static NURSERY: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let nursery = NURSERY.get_or_init(|| {
        let (orders, taken) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, back) in taken {
                let _ = back.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (back, child) = mpsc::channel();
    let gone = |_| io::Error::other("the thread that starts processes has ended");
    lock(nursery).send((command, back)).map_err(|_| gone(()))?;
    child.recv().map_err(|_| gone(()))?
}

impl Process {
    /// Starts this very program again, with its arguments, as the process of some plugins.
    pub fn start(plugins: &[String]) -> Result<Process, CrashReport> {
        let failed = |end: String| CrashReport {
            plugins: plugins.to_vec(),
            end: End::NotStarted(end),
            log: Vec::new(),
        };
        let program = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
        let mut command = std::process::Command::new(program);
        command.args(std::env::args_os().skip(1));
        for id in plugins {
            command.args(["--for-plugin", id]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        system::own_group(&mut command);
        let mut child = spawn(command).map_err(|e| failed(e.to_string()))?;
        // It loads nothing before it is asked to, which is after it has greeted.
        let group = system::Group::of(&child).map_err(|e| {
            let _ = child.kill().and_then(|()| child.wait().map(drop));
            failed(format!("the system does not limit it: {e}"))
        })?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("it has no pipes".into()));
        };
        let state = Arc::new(State {
            plugins: plugins.to_vec(),
            group,
            waiting: Mutex::new(Some(BTreeMap::new())),
            gone: Condvar::new(),
            heard: Mutex::new(Instant::now()),
            log: Mutex::default(),
            blame: Mutex::default(),
            reaped: Mutex::new(false),
        });
        let process =
            Process { stdin: Mutex::new(Some(stdin)), state: state.clone(), next: 1.into() };
        let (greeted, greeting) = mpsc::channel();
        let (read, all_read) = mpsc::channel();
        let (logged, all_logged) = mpsc::channel();
        let (s, l, w) = (state.clone(), state.clone(), state.clone());
        thread::spawn(move || {
            take_answers(&s, stdout, &greeted);
            let _ = read.send(());
        });
        thread::spawn(move || {
            take_log(&l, stderr);
            let _ = logged.send(());
        });
        thread::spawn(move || watch(&w));
        thread::spawn(move || bury(&state, child, &[all_read, all_logged]));
        match greeting.recv_timeout(GREETING) {
            Ok(Ok(())) => Ok(process),
            other => {
                let why = match other {
                    Ok(Err(why)) => why,
                    _ => "it did not greet".to_owned(),
                };
                process.state.end(End::NotStarted(why.clone()));
                process.state.wait_gone(FAREWELL);
                Err(process.state.report(End::NotStarted(why)))
            }
        }
    }

    /// It can be called.
    pub fn alive(&self) -> bool {
        self.state.alive()
    }

    /// The plugins it was started for.
    pub fn plugins(&self) -> &[String] {
        &self.state.plugins
    }

    fn post(&self, id: u64, command: Command, request: serde_json::Value) {
        let json = serde_json::to_vec(&Request { id, command, request }).unwrap_or_default();
        if let Some(stdin) = lock(&self.stdin).as_mut() {
            // A failed write means that the process is ending; what waits for it learns how.
            let _ = Frame { json, block: Vec::new() }.write(stdin);
        }
    }

    /// Posts a command whose answer nobody waits for: what it is about shows whether it was heard.
    fn tell(&self, command: Command, request: serde_json::Value) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.post(id, command, request);
    }

    fn job(&self, action: JobAction) {
        self.tell(Command::job, serde_json::json!({ "action": action }));
    }

    /// Calls a command. `take` gets progress and records on the way.
    pub fn call(
        &self,
        command: Command,
        request: serde_json::Value,
        watch: &Watch<'_>,
        take: &mut dyn FnMut(Part),
    ) -> Result<(serde_json::Value, Block), Failure> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, parts) = mpsc::channel();
        match lock(&self.state.waiting).as_mut() {
            Some(waiting) => {
                waiting.insert(id, sender);
            }
            None => {
                let end = lock(&self.state.blame).clone();
                let end = end.unwrap_or(End::NotStarted("it has gone".into()));
                return Err(Failure::Crash(self.state.report(end)));
            }
        }
        self.post(id, command, request);
        self.follow(&parts, watch, take)
    }

    fn follow(
        &self,
        parts: &Receiver<Part>,
        watch: &Watch<'_>,
        take: &mut dyn FnMut(Part),
    ) -> Result<(serde_json::Value, Block), Failure> {
        let began = Instant::now();
        let mut stopping: Option<Instant> = None;
        let mut paused = false;
        loop {
            match parts.recv_timeout(LOOK) {
                Ok(Part::End(answer)) => return answer.map_err(Failure::Answer),
                Ok(Part::Died(report)) => return Err(Failure::Crash(report)),
                Ok(part) => take(part),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let end = End::Unreadable("it gave no answer".into());
                    return Err(Failure::Crash(self.state.report(end)));
                }
            }
            if let Some(control) = watch.control {
                if control.cancelled() {
                    // Again and again: it may not have begun.
                    match &watch.stop {
                        Some((command, request)) => self.tell(*command, request.clone()),
                        None => self.job(JobAction::Stop),
                    }
                    if stopping.get_or_insert_with(Instant::now).elapsed() >= STOP {
                        self.state.end(End::NoStop(STOP));
                    }
                } else if control.pause.load(Ordering::Relaxed) != paused {
                    paused = !paused;
                    self.job(if paused { JobAction::Pause } else { JobAction::Resume });
                }
            }
            if let Some(limit) = watch.limit.filter(|limit| began.elapsed() >= *limit) {
                self.state.end(End::TooLong(limit));
            }
        }
    }

    /// Lets the process go in good order, and ends it when it does not.
    pub fn finish(&self) {
        drop(lock(&self.stdin).take());
        if !self.state.wait_gone(FAREWELL) {
            self.state.kill();
            self.state.wait_gone(FAREWELL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Reads answers until there are no more.
fn take_answers(state: &State, mut stdout: ChildStdout, greeted: &Sender<Result<(), String>>) {
    match Frame::read(&mut stdout).map(|frame| frame.map(|f| serde_json::from_slice(&f.json))) {
        Ok(Some(Ok(Answer::Hello { protocol: PROTOCOL, .. }))) => {
            let _ = greeted.send(Ok(()));
        }
        Ok(None) => {
            let _ = greeted.send(Err("it ended at once".into()));
            return;
        }
        _ => {
            let _ = greeted.send(Err("it did not greet".into()));
            return;
        }
    }
    loop {
        let answer = match Frame::read(&mut stdout) {
            Ok(Some(frame)) => serde_json::from_slice::<Answer>(&frame.json)
                .map(|answer| (answer, frame.block))
                .map_err(|e| e.to_string()),
            // It ends, or has closed its pipe and is of no use any more.
            Ok(None) => break,
            Err(e) => Err(e.to_string()),
        };
        *lock(&state.heard) = Instant::now();
        match answer {
            Ok((answer, block)) => deliver(state, answer, block),
            Err(why) => {
                state.end(End::Unreadable(why));
                return;
            }
        }
    }
}

fn deliver(state: &State, answer: Answer, block: Block) {
    let mut waiting = lock(&state.waiting);
    let Some(waiting) = waiting.as_mut() else { return };
    match answer {
        Answer::Hello { .. } | Answer::Alive => {}
        Answer::Progress { id, body } => {
            if let Some(sender) = waiting.get(&id) {
                let _ = sender.send(Part::Progress(body, block));
            }
        }
        // Only a training sends records, and it is the only call of its process.
        Answer::Record { body } => {
            if let Some((_, sender)) = waiting.first_key_value() {
                let _ = sender.send(Part::Record(body, block));
            }
        }
        Answer::Reply { id, body } => {
            if let Some(sender) = waiting.remove(&id) {
                let _ = sender.send(Part::End(Ok((body, block))));
            }
        }
        Answer::Error { id, error } => {
            if let Some(sender) = waiting.remove(&id) {
                let _ = sender.send(Part::End(Err(error)));
            }
        }
    }
}

/// Keeps the last lines that the process writes to standard error, and passes them on.
fn take_log(state: &State, stderr: ChildStderr) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end must not fill the memory.
        match reader.by_ref().take(LOG.1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text: String =
            text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        eprintln!("[{}] {text}", state.plugins.join(", "));
        let mut log = lock(&state.log);
        if log.len() == LOG.0 {
            log.pop_front();
        }
        log.push_back(text);
    }
}

/// Ends a process that is silent for too long, and one that takes more memory than it may where the
/// system does not see to that.
fn watch(state: &State) {
    while !state.wait_gone(ALIVE) {
        let silent = lock(&state.heard).elapsed();
        if silent >= SILENCE {
            state.end(End::Silent(SILENCE));
        }
        if let Some(limit) = system::beyond_memory(&state.group) {
            state.end(End::Memory(limit));
        }
    }
}

/// Waits for the end of the process and tells everybody who waits for it.
fn bury(state: &State, mut child: Child, pipes: &[Receiver<()>]) {
    let status = system::await_end(&mut child, &state.group, || *lock(&state.reaped) = true);
    // What it said before it ended may still be in the pipes. Something that it has started may
    // hold them open, so the wait is short.
    for pipe in pipes {
        let _ = pipe.recv_timeout(Duration::from_millis(300));
    }
    let end = lock(&state.blame).clone().unwrap_or_else(|| match status {
        Ok(status) => End::Exited(status),
        Err(e) => End::Unreadable(format!("its exit status is unknown: {e}")),
    });
    lock(&state.blame).get_or_insert(end.clone());
    let report = state.report(end);
    let waiting = lock(&state.waiting).take();
    for sender in waiting.unwrap_or_default().into_values() {
        let _ = sender.send(Part::Died(report.clone()));
    }
    state.gone.notify_all();
}
