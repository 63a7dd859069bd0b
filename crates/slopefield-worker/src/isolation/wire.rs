//! Records between the process of a plugin and the worker: words as JSON, numbers in the block
//! beside it, bit for bit. What comes in is not trusted: every place is checked.

use super::record::Record;
use crate::numbers::Numbers;
use serde::{Deserialize, Serialize};
use slopefield_api::schema::Block;
use slopefield_api::types::{self as api, Slice};
use slopefield_project::{
    Curve, Fact, FactKind, HistoryPoint, NewRun, NewUncertainty, Parameters, RecordedNetwork,
    RunState, RunStatus, Weights,
};

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Wire {
    Start {
        model_text: String,
        study_text: String,
        seed: u64,
        tables: Vec<String>,
        facts: Vec<(Kind, String, String)>,
        start: WireParameters,
        networks: Vec<(String, Bytes)>,
        recorded: Vec<WireNetwork>,
    },
    Resume {
        run: String,
    },
    History {
        /// Iteration, loss, best, hold-out, parameters of each.
        points: Slice,
        width: u32,
        state: Slice,
    },
    Note {
        iteration: u32,
        message: String,
    },
    Status {
        status: api::RunStatus,
    },
    Checkpoint {
        iteration: u32,
        bytes: Bytes,
        best: Option<WireParameters>,
    },
    Starts {
        result_json: String,
        numbers: Slice,
    },
    End {
        best: WireParameters,
        /// Experiment, observation, times, values.
        curves: Vec<(String, String, Slice, Slice)>,
        status: api::RunStatus,
        reason: String,
        state: Slice,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Version,
    Plugin,
    Setting,
}

/// Eight bytes in a number.
#[derive(Serialize, Deserialize)]
struct Bytes {
    len: u32,
    numbers: Slice,
}

/// A network that a plugin recorded.
#[derive(Serialize, Deserialize)]
struct WireNetwork {
    kind: String,
    options: String,
    inputs: u32,
    outputs: u32,
    plugin_version: String,
    plugin_blake3: String,
    op_set: u32,
    bytes: Bytes,
}

#[derive(Serialize, Deserialize)]
struct WireParameters {
    names: Vec<String>,
    scalars: Slice,
    weights: Vec<(String, Vec<u32>, Slice)>,
}

/// A record as it travels.
pub fn to_wire(record: &Record) -> (serde_json::Value, Block) {
    let mut n = Numbers::default();
    let wire = match record {
        Record::Start { new, start, networks, recorded } => Wire::Start {
            model_text: new.model_text.clone(),
            study_text: new.study_text.clone(),
            seed: new.seed,
            tables: new.tables.clone(),
            facts: new
                .facts
                .iter()
                .map(|f| {
                    let kind = match f.kind {
                        FactKind::Version => Kind::Version,
                        FactKind::Plugin => Kind::Plugin,
                        FactKind::Setting => Kind::Setting,
                    };
                    (kind, f.name.clone(), f.value.clone())
                })
                .collect(),
            start: put_parameters(&mut n, start),
            networks: networks.iter().map(|(w, b)| (w.clone(), put_bytes(&mut n, b))).collect(),
            recorded: recorded.iter().map(|network| put_network(&mut n, network)).collect(),
        },
        Record::Resume { run } => Wire::Resume { run: run.clone() },
        Record::History { points, state } => {
            let width = points.first().map_or(0, |p| p.parameters.len());
            let rows = points.iter().flat_map(|p| {
                let head = [f64::from(p.iteration), p.loss, p.best, p.hold_out.unwrap_or(f64::NAN)];
                head.into_iter().chain(p.parameters.iter().copied())
            });
            Wire::History {
                points: n.add(rows.collect::<Vec<_>>()),
                width: width as u32,
                state: put_state(&mut n, state),
            }
        }
        Record::Note { iteration, message } => {
            Wire::Note { iteration: *iteration, message: message.clone() }
        }
        Record::Status(status) => Wire::Status { status: put_status(*status) },
        Record::Checkpoint { iteration, bytes, best } => Wire::Checkpoint {
            iteration: *iteration,
            bytes: put_bytes(&mut n, bytes),
            best: best.as_ref().map(|best| put_parameters(&mut n, best)),
        },
        Record::Starts(starts) => Wire::Starts {
            result_json: starts.result_json.clone(),
            numbers: n.add(starts.numbers.iter().copied()),
        },
        Record::End { best, curves, status, reason, state } => Wire::End {
            best: put_parameters(&mut n, best),
            curves: curves
                .iter()
                .map(|c| {
                    let times = n.add(c.times.iter().copied());
                    let values = n.add(c.values.iter().copied());
                    (c.experiment.clone(), c.observation.clone(), times, values)
                })
                .collect(),
            status: put_status(*status),
            reason: reason.clone(),
            state: put_state(&mut n, state),
        },
    };
    (serde_json::to_value(wire).unwrap_or_default(), n.into_block())
}

/// A record that came in.
///
/// # Errors
/// What has not the form of a record, in words.
pub fn from_wire(body: serde_json::Value, block: &[f64]) -> Result<Record, String> {
    let wire: Wire = serde_json::from_value(body).map_err(|e| e.to_string())?;
    Ok(match wire {
        Wire::Start { model_text, study_text, seed, tables, facts, start, networks, recorded } => {
            let facts = facts.into_iter().map(|(kind, name, value)| {
                let kind = match kind {
                    Kind::Version => FactKind::Version,
                    Kind::Plugin => FactKind::Plugin,
                    Kind::Setting => FactKind::Setting,
                };
                Fact { kind, name, value }
            });
            let facts = facts.collect();
            let networks = networks.into_iter().map(|(w, b)| Ok((w, take_bytes(&b, block)?)));
            Record::Start {
                new: NewRun { model_text, study_text, seed, tables, facts },
                start: take_parameters(start, block)?,
                networks: networks.collect::<Result<_, String>>()?,
                recorded: recorded
                    .into_iter()
                    .map(|network| take_network(network, block))
                    .collect::<Result<_, String>>()?,
            }
        }
        Wire::Resume { run } => Record::Resume { run },
        Wire::History { points, width, state } => {
            let rows = take(points, block)?.chunks(4 + width as usize).map(|row| match row {
                [iteration, loss, best, hold_out, parameters @ ..]
                    if parameters.len() == width as usize =>
                {
                    Ok(HistoryPoint {
                        iteration: *iteration as u32,
                        loss: *loss,
                        best: *best,
                        hold_out: Some(*hold_out).filter(|h| !h.is_nan()),
                        parameters: parameters.to_vec(),
                    })
                }
                _ => Err("a point of the history is not whole".to_owned()),
            });
            let points = rows.collect::<Result<_, _>>()?;
            Record::History { points, state: take_state(state, block)? }
        }
        Wire::Note { iteration, message } => Record::Note { iteration, message },
        Wire::Status { status } => Record::Status(take_status(status)),
        Wire::Checkpoint { iteration, bytes, best } => Record::Checkpoint {
            iteration,
            bytes: take_bytes(&bytes, block)?,
            best: best.map(|best| take_parameters(best, block)).transpose()?,
        },
        Wire::Starts { result_json, numbers } => Record::Starts(NewUncertainty {
            method: crate::starts::METHOD.into(),
            result_json,
            numbers: take(numbers, block)?.to_vec(),
        }),
        Wire::End { best, curves, status, reason, state } => {
            let curves = curves.into_iter().map(|(experiment, observation, times, values)| {
                let (times, values) = (take(times, block)?.to_vec(), take(values, block)?.to_vec());
                Ok(Curve { experiment, observation, times, values })
            });
            Record::End {
                best: take_parameters(best, block)?,
                curves: curves.collect::<Result<_, String>>()?,
                status: take_status(status),
                reason,
                state: take_state(state, block)?,
            }
        }
    })
}

fn take(slice: Slice, block: &[f64]) -> Result<&[f64], String> {
    let start = slice.start as usize;
    let end = start.checked_add(slice.len as usize);
    end.and_then(|end| block.get(start..end)).ok_or_else(|| "numbers are missing".to_owned())
}

fn put_network(n: &mut Numbers, network: &RecordedNetwork) -> WireNetwork {
    WireNetwork {
        kind: network.kind.clone(),
        options: network.options.clone(),
        inputs: network.inputs,
        outputs: network.outputs,
        plugin_version: network.plugin_version.clone(),
        plugin_blake3: network.plugin_blake3.clone(),
        op_set: network.op_set,
        bytes: put_bytes(n, &network.bytes),
    }
}

/// Its graph is looked at when it is used.
fn take_network(wire: WireNetwork, block: &[f64]) -> Result<RecordedNetwork, String> {
    Ok(RecordedNetwork {
        kind: wire.kind,
        options: wire.options,
        inputs: wire.inputs,
        outputs: wire.outputs,
        plugin_version: wire.plugin_version,
        plugin_blake3: wire.plugin_blake3,
        op_set: wire.op_set,
        bytes: take_bytes(&wire.bytes, block)?,
    })
}

fn put_parameters(n: &mut Numbers, p: &Parameters) -> WireParameters {
    WireParameters {
        names: p.scalars.iter().map(|s| s.0.clone()).collect(),
        scalars: n.add(p.scalars.iter().map(|s| s.1)),
        weights: p
            .weights
            .iter()
            .map(|w| {
                let shape = w.shape.iter().map(|&d| d as u32).collect();
                (w.name.clone(), shape, n.add(w.values.iter().copied()))
            })
            .collect(),
    }
}

fn take_parameters(p: WireParameters, block: &[f64]) -> Result<Parameters, String> {
    let values = take(p.scalars, block)?;
    if values.len() != p.names.len() {
        return Err("there is not one value for each parameter".to_owned());
    }
    let weights = p.weights.into_iter().map(|(name, shape, values)| {
        let shape = shape.into_iter().map(|d| d as usize).collect();
        Ok(Weights { name, shape, values: take(values, block)?.to_vec() })
    });
    Ok(Parameters {
        scalars: p.names.into_iter().zip(values.iter().copied()).collect(),
        weights: weights.collect::<Result<_, String>>()?,
    })
}

fn put_bytes(n: &mut Numbers, bytes: &[u8]) -> Bytes {
    let number = |chunk: &[u8]| {
        let mut eight = [0; 8];
        eight[..chunk.len()].copy_from_slice(chunk);
        f64::from_le_bytes(eight)
    };
    Bytes { len: bytes.len() as u32, numbers: n.add(bytes.chunks(8).map(number)) }
}

fn take_bytes(bytes: &Bytes, block: &[f64]) -> Result<Vec<u8>, String> {
    let mut all: Vec<u8> =
        take(bytes.numbers, block)?.iter().flat_map(|x| x.to_le_bytes()).collect();
    if (bytes.len as usize).div_ceil(8) * 8 != all.len() {
        return Err("bytes are missing".to_owned());
    }
    all.truncate(bytes.len as usize);
    Ok(all)
}

fn put_state(n: &mut Numbers, state: &RunState) -> Slice {
    let known = |x: Option<f64>| x.unwrap_or(f64::NAN);
    n.add([
        f64::from(state.iterations),
        known(state.best_loss),
        known(state.log_likelihood),
        known(state.hold_out),
        state.seconds,
    ])
}

fn take_state(state: Slice, block: &[f64]) -> Result<RunState, String> {
    let known = |x: f64| Some(x).filter(|x| !x.is_nan());
    match *take(state, block)? {
        [iterations, best_loss, log_likelihood, hold_out, seconds] => Ok(RunState {
            iterations: iterations as u32,
            best_loss: known(best_loss),
            log_likelihood: known(log_likelihood),
            hold_out: known(hold_out),
            seconds,
        }),
        _ => Err("the state of the run is not whole".to_owned()),
    }
}

fn put_status(status: RunStatus) -> api::RunStatus {
    match status {
        RunStatus::Running => api::RunStatus::Running,
        RunStatus::Paused => api::RunStatus::Paused,
        RunStatus::Finished => api::RunStatus::Finished,
        RunStatus::Stopped => api::RunStatus::Stopped,
        RunStatus::Interrupted => api::RunStatus::Interrupted,
        RunStatus::Failed => api::RunStatus::Failed,
    }
}

fn take_status(status: api::RunStatus) -> RunStatus {
    match status {
        api::RunStatus::Running => RunStatus::Running,
        api::RunStatus::Paused => RunStatus::Paused,
        api::RunStatus::Finished => RunStatus::Finished,
        api::RunStatus::Stopped => RunStatus::Stopped,
        api::RunStatus::Interrupted => RunStatus::Interrupted,
        api::RunStatus::Failed => RunStatus::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Parameters {
        Parameters {
            scalars: vec![("a".into(), 1.5), ("k".into(), -0.0)],
            weights: vec![Weights {
                name: "f.layer0".into(),
                shape: vec![2, 1],
                values: vec![1e-300, f64::MIN_POSITIVE],
            }],
        }
    }

    fn state() -> RunState {
        RunState {
            iterations: 7,
            best_loss: Some(0.25),
            log_likelihood: None,
            hold_out: Some(3.0),
            seconds: 1.25,
        }
    }

    fn all() -> Vec<Record> {
        let point = |iteration, hold_out| HistoryPoint {
            iteration,
            loss: f64::INFINITY,
            best: 0.5,
            hold_out,
            parameters: vec![1.0, 2.0],
        };
        let fact = |kind| Fact { kind, name: "n".into(), value: "v".into() };
        vec![
            Record::Start {
                new: NewRun {
                    model_text: "state x = 1".into(),
                    study_text: "seed = 1".into(),
                    seed: u64::MAX,
                    tables: vec!["t.csv".into()],
                    facts: vec![
                        fact(FactKind::Version),
                        fact(FactKind::Plugin),
                        fact(FactKind::Setting),
                    ],
                },
                start: parameters(),
                networks: vec![("f".into(), vec![1, 2, 3, 255, 0, 0, 0, 0, 9])],
                recorded: vec![RecordedNetwork {
                    kind: "org.example.plugin/net".into(),
                    options: "width: 4.0".into(),
                    inputs: 1,
                    outputs: 2,
                    plugin_version: "1.0.0".into(),
                    plugin_blake3: "ab".into(),
                    op_set: 1,
                    bytes: vec![7; 17],
                }],
            },
            Record::Resume { run: "id".into() },
            Record::History { points: vec![point(6, None), point(7, Some(2.0))], state: state() },
            Record::History { points: Vec::new(), state: state() },
            Record::Note { iteration: 3, message: "rate halved".into() },
            Record::Status(RunStatus::Paused),
            // Bytes that are a signalling NaN as a number.
            Record::Checkpoint {
                iteration: 5,
                bytes: vec![1, 0, 0, 0, 0, 0, 0xf0, 0x7f],
                best: Some(parameters()),
            },
            Record::Starts(NewUncertainty {
                method: crate::starts::METHOD.into(),
                result_json: r#"{"reached":1}"#.into(),
                numbers: vec![0.5, -1.0],
            }),
            Record::Checkpoint { iteration: 5, bytes: Vec::new(), best: None },
            Record::End {
                best: parameters(),
                curves: vec![Curve {
                    experiment: "e".into(),
                    observation: "o".into(),
                    times: vec![0.0, 1.0],
                    values: vec![f64::INFINITY, 2.0],
                }],
                status: RunStatus::Stopped,
                reason: "by hand".into(),
                state: state(),
            },
        ]
    }

    #[test]
    fn records_survive_the_pipe() {
        for record in all() {
            let (body, block) = to_wire(&record);
            let frame = slopefield_api::frame::Frame { json: body.to_string().into(), block };
            let mut bytes: &[u8] = &frame.to_bytes();
            let read = slopefield_api::frame::Frame::read(&mut bytes).unwrap().unwrap();
            let body = serde_json::from_slice(&read.json).unwrap();
            assert_eq!(from_wire(body, &read.block).unwrap(), record);
        }
    }

    /// The other side may be broken or hostile: whatever is missing is an error, never a panic.
    #[test]
    fn what_is_not_whole_is_refused() {
        for record in all() {
            let (body, block) = to_wire(&record);
            for len in 0..block.len() {
                assert!(from_wire(body.clone(), &block[..len]).is_err(), "{record:?} cut at {len}");
            }
        }
        let far = serde_json::json!({
            "kind": "history", "width": u32::MAX, "points": { "start": u32::MAX, "len": u32::MAX },
            "state": { "start": 0, "len": 0 }
        });
        assert!(from_wire(far, &[]).is_err());
        assert!(from_wire(serde_json::json!({ "kind": "poem" }), &[]).is_err());
    }
}
