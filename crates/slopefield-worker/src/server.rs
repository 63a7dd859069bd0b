//! Requests in, answers out. Short commands run one after another; long ones each on a thread of
//! their own, and so does everything that the process of a plugin carries out; `job`, `simulate_stop`
//! and `scan_stop` are answered at once, beside whatever runs.

use crate::Engine;
use crate::isolation::{ALIVE, system};
use slopefield_api::envelope::{Answer, PROTOCOL, Request};
use slopefield_api::frame::Frame;
use slopefield_api::schema::Block;
use slopefield_api::{ApiError, Code, Command};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

/// Serves requests from standard input until it ends.
///
/// # Errors
/// A pipe that breaks or carries something unreadable; a system that refuses its limits to the
/// process of a plugin.
pub fn serve(engine: Engine) -> io::Result<()> {
    if !engine.plugins.is_process() {
        return serve_on(engine, &mut io::stdin().lock(), Box::new(io::stdout()));
    }
    system::confine()?;
    let (mut input, output) = system::take_pipes()?;
    serve_on(engine, &mut input, output)
}

fn serve_on(engine: Engine, input: &mut dyn Read, output: Box<dyn Write + Send>) -> io::Result<()> {
    let engine = Arc::new(engine);
    let out = Out { to: Arc::new(Mutex::new(output)), pid: std::process::id() };
    out.send(
        Answer::Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
        },
        Vec::new(),
    );
    if engine.plugins.is_process() {
        let (records, alive) = (out.clone(), out.clone());
        engine.tell_records(Arc::new(move |record| {
            let (body, block) = crate::isolation::to_wire(record);
            records.send(Answer::Record { body }, block);
        }));
        thread::spawn(move || {
            loop {
                alive.send(Answer::Alive, Vec::new());
                thread::sleep(ALIVE);
            }
        });
    }
    let (queue, requests) = mpsc::channel::<Request>();
    {
        let (engine, out) = (engine.clone(), out.clone());
        thread::spawn(move || {
            for request in requests {
                let plugins = engine.apart(request.command, &request.request);
                let (engine, out) = (engine.clone(), out.clone());
                if plugins.is_empty() {
                    answer(&engine, &out, request, &plugins);
                } else {
                    // A plugin that hangs must not hold up what does not need it.
                    thread::spawn(move || answer(&engine, &out, request, &plugins));
                }
            }
        });
    }
    while let Some(frame) = Frame::read(&mut &mut *input)? {
        let request: Request = serde_json::from_slice(&frame.json)?;
        match request.command {
            Command::job | Command::simulate_stop | Command::scan_stop => {
                answer(&engine, &out, request, &[]);
            }
            Command::train
            | Command::fit
            | Command::gradient
            | Command::sample
            | Command::assess
            | Command::uncertainty
            | Command::forecast
            | Command::terms
            | Command::replace_terms
            | Command::compare_runs
            | Command::devices
            | Command::scan
            | Command::scan_overview
            | Command::scan_save
            | Command::report => {
                let (engine, out) = (engine.clone(), out.clone());
                thread::spawn(move || {
                    let plugins = engine.apart(request.command, &request.request);
                    answer(&engine, &out, request, &plugins);
                });
            }
            _ => {
                if queue.send(request).is_err() {
                    return Err(io::Error::other("the thread of short commands has ended"));
                }
            }
        }
    }
    engine.shut_down();
    Ok(())
}

fn answer(engine: &Engine, out: &Out, request: Request, plugins: &[String]) {
    let id = request.id;
    let mut send = |body: serde_json::Value, block: Block| {
        out.send(Answer::Progress { id, body }, block);
    };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        engine.answer(request.command, request.request, plugins, &mut send)
    }));
    match caught {
        Ok(Ok((body, block))) => out.send(Answer::Reply { id, body }, block),
        Ok(Err(error)) => out.send(Answer::Error { id, error }, Vec::new()),
        Err(panic) => {
            let said = panic
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            let error = ApiError {
                code: Code::Internal,
                message: "this is a bug of Slopefield; the project is not harmed".into(),
                advice: Some("please report it with the model and the lines below".into()),
                details: said.into_iter().collect(),
            };
            out.send(Answer::Error { id, error }, Vec::new());
        }
    }
}

/// The pipe for answers, shared by the threads that answer.
#[derive(Clone)]
struct Out {
    to: Arc<Mutex<Box<dyn Write + Send>>>,
    /// The process that owns the pipe.
    pid: u32,
}

impl Out {
    fn send(&self, answer: Answer, block: Block) {
        if std::process::id() != self.pid {
            // A plugin has forked: two processes must not answer on one pipe.
            std::process::abort();
        }
        let bytes = answer.into_frame(block).to_bytes();
        let mut out = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        // The owner has gone when this fails; the end of the input ends the process.
        let _ = out.write_all(&bytes).and_then(|()| out.flush());
    }
}
