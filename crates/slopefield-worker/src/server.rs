//! Requests in, answers out. Short commands run one after another; long ones each on a thread of
//! their own; `job` is answered at once, beside whatever runs.

use crate::Engine;
use slopefield_api::envelope::{Answer, PROTOCOL, Request};
use slopefield_api::frame::Frame;
use slopefield_api::schema::{Block, dispatch};
use slopefield_api::types::Progress;
use slopefield_api::{ApiError, Code, Command};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

/// Serves requests from standard input until it ends.
///
/// # Errors
/// A pipe that breaks or carries something unreadable.
pub fn serve(engine: Engine) -> io::Result<()> {
    let engine = Arc::new(engine);
    let out = Out(Arc::new(Mutex::new(io::stdout())));
    out.send(
        Answer::Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
        },
        Vec::new(),
    );
    let (queue, requests) = mpsc::channel::<Request>();
    {
        let (engine, out) = (engine.clone(), out.clone());
        thread::spawn(move || requests.iter().for_each(|r| answer(&engine, &out, r)));
    }
    let mut input = io::stdin().lock();
    while let Some(frame) = Frame::read(&mut input)? {
        let request: Request = serde_json::from_slice(&frame.json)?;
        match request.command {
            Command::job => answer(&engine, &out, request),
            Command::train
            | Command::fit
            | Command::gradient
            | Command::forecast
            | Command::report => {
                let (engine, out) = (engine.clone(), out.clone());
                thread::spawn(move || answer(&engine, &out, request));
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

fn answer(engine: &Engine, out: &Out, request: Request) {
    let id = request.id;
    let mut emit = |progress: Progress, block: Block| {
        let body = serde_json::to_value(progress).unwrap_or_default();
        out.send(Answer::Progress { id, body }, block);
    };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        dispatch(engine, request.command, request.request, &mut emit)
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

/// Standard output, shared by the threads that answer.
#[derive(Clone)]
struct Out(Arc<Mutex<io::Stdout>>);

impl Out {
    fn send(&self, answer: Answer, block: Block) {
        let bytes = answer.into_frame(block).to_bytes();
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The owner has gone when this fails; the end of the input ends the process.
        let _ = out.write_all(&bytes).and_then(|()| out.flush());
    }
}
