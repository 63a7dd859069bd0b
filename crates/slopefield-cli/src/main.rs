//! The `slopefield` command: the same engine as the window, in a terminal.
//!
//! Nearly every subcommand is a request to a worker process, which this program starts from
//! itself; so one file is enough to install, and a crash in a plugin cannot take the terminal's
//! output along. `bench` measures in this very process: a pipe would be in the way of the clock;
//! `plugin check` starts this program once more for every test.

mod arguments;
mod commands;
mod output;
mod progress;
mod worker;

use arguments::{Arguments, Task};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut raw = std::env::args_os().skip(1);
    match raw.next() {
        Some(first) if first == worker::SUBCOMMAND => return worker::serve(raw),
        Some(first) if first == slopefield_plugin_check::SUBCOMMAND => {
            return slopefield_plugin_check::child(raw);
        }
        _ => {}
    }
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("error: the program could not start its threads: {e}");
            return ExitCode::FAILURE;
        }
    };
    let json = arguments.json;
    let result = runtime.block_on(run(arguments));
    match result {
        Ok(code) => code,
        Err(error) => {
            output::failure(&error, json);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, slopefield_api::ApiError> {
    let session = commands::Session {
        client: worker::client(&arguments),
        json: arguments.json,
        quiet: arguments.quiet,
    };
    match arguments.task {
        Task::Check(check) => commands::check::run(&session, check).await,
        Task::Simulate(simulate) => commands::simulate::run(&session, simulate).await,
        Task::Fit(fit) => commands::fit::run(&session, fit).await,
        Task::Sample(sample) => commands::sample::run(&session, sample).await,
        Task::Uncertainty(uncertainty) => commands::uncertainty::run(&session, uncertainty).await,
        Task::Terms(terms) => commands::terms::run(&session, terms).await,
        Task::Forecast(forecast) => commands::forecast::run(&session, forecast).await,
        Task::Gradient(gradient) => commands::gradient::run(&session, gradient).await,
        Task::Report(report) => commands::project::report(&session, report).await,
        Task::Project(project) => commands::project::run(&session, project).await,
        Task::Plugin(plugin) => commands::plugin::run(&session, plugin).await,
        Task::Devices => commands::devices::run(&session).await,
        Task::Bench(bench) => commands::bench::run(&session, bench),
    }
}
