//! `slopefield terms STUDY|PROJECT`.

use super::{Session, path, write};
use crate::arguments::Terms;
use crate::output::{self, number};
use crate::progress::Bar;
use slopefield_api::schema::Block;
use slopefield_api::types::{
    FormulaChoice, ModelScore, ReplaceReply, ReplaceRequest, TermCurve, TermFormula, TermInputView,
    TermView, TermsReply, TermsRequest,
};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Tells what the networks of a fit have learned; Ctrl+C ends a training in good order.
pub async fn run(session: &Session, asked: Terms) -> Result<ExitCode, ApiError> {
    if !asked.replace.is_empty() {
        return replace(session, asked).await;
    }
    let request = request(&asked);
    let bar = Bar::new(session.quiet);
    let answer = session
        .call_until_stopped::<_, TermsReply>(Command::terms, &request, |body, block| {
            bar.take(body, block);
        })
        .await;
    bar.end();
    let (reply, block) = answer?;
    if let Some(file) = &asked.csv {
        write(file, &curves(&reply, &block))?;
    }
    if session.json {
        output::json(&value(&reply, &block));
        return Ok(ExitCode::SUCCESS);
    }
    print(&reply, &block);
    if let Some(file) = &asked.csv {
        eprintln!("written to {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The request: a study is a TOML file, everything else a project.
fn request(asked: &Terms) -> TermsRequest {
    let file = path(&asked.file);
    let is_study = asked.file.extension().is_some_and(|e| e == "toml");
    TermsRequest {
        study: is_study.then(|| file.clone()),
        project: (!is_study).then_some(file),
        run: asked.run.clone(),
        held: asked.at.iter().cloned().collect(),
        points: asked.points,
        until: asked.until,
        spread: asked.spread,
        seed: asked.seed,
        formulas: asked.formulas,
    }
}

/// Puts formulas in the place of networks, trains again and compares.
async fn replace(session: &Session, asked: Terms) -> Result<ExitCode, ApiError> {
    let fit = request(&asked);
    let chosen = asked.replace.iter().flatten();
    let choice = |(output, number): &(String, u32)| FormulaChoice {
        output: output.clone(),
        formula: Some(*number),
    };
    let request = ReplaceRequest {
        study: fit.study,
        project: fit.project,
        run: fit.run,
        choices: chosen.map(choice).collect(),
        refit: true,
    };
    let bar = Bar::new(session.quiet);
    let answer = session
        .call_until_stopped::<_, ReplaceReply>(Command::replace_terms, &request, |body, block| {
            bar.take(body, block);
        })
        .await;
    bar.end();
    let (reply, _) = answer?;
    if let Some(file) = &asked.out {
        write(file, &reply.text)?;
    }
    if session.json {
        output::json(&reply);
        return Ok(ExitCode::SUCCESS);
    }
    for (output, formula) in &reply.replaced {
        output::print(&format!("{output} = {formula}\n"));
    }
    output::print("\n");
    let rows: Vec<Vec<String>> =
        reply.parameters.iter().map(|(name, x)| vec![name.clone(), number(*x)]).collect();
    output::print(&output::table(&["parameter", "trained again"], &rows));
    output::print("\n");
    output::print(&scores(&reply.comparison));
    if let Some(file) = &asked.out {
        eprintln!("written to {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Fits beside each other.
fn scores(all: &[ModelScore]) -> String {
    let known = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), number);
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|s| {
            vec![
                s.name.clone(),
                s.parameters.to_string(),
                number(s.loss),
                known(s.log_likelihood),
                known(s.hold_out),
                known(s.aic),
                known(s.bic),
            ]
        })
        .collect();
    let header = ["", "free", "loss", "log-likelihood", "hold-out per point", "AIC", "BIC"];
    output::table(&header, &rows)
}

/// The formulas of an output, numbered.
fn formulas(output: &str, list: &[TermFormula]) -> String {
    let rows: Vec<Vec<String>> = list
        .iter()
        .enumerate()
        .map(|(k, f)| {
            let mark = if f.recommended { "*" } else { "" };
            let percent = |x: f64| format!("{:.2} %", 100.0 * x);
            let (error, validated) = (percent(f.error), percent(f.validated));
            vec![
                format!("{}{mark}", k + 1),
                f.complexity.to_string(),
                error,
                validated,
                f.text.clone(),
            ]
        })
        .collect();
    output::table(&[output, "complexity", "error", "validated", "formula"], &rows)
}

/// Every curve as a list of numbers.
fn value(reply: &TermsReply, block: &Block) -> serde_json::Value {
    let curve = |output: &String, c: &TermCurve| {
        serde_json::json!({
            "output": output,
            "value": c.value.of(block),
            "band": c.band.map(|b| b.map(|edge| edge.of(block).to_vec())),
        })
    };
    let input = |term: &TermView, i: &TermInputView| {
        let curves: Vec<_> = term.outputs.iter().zip(&i.curves).map(|(o, c)| curve(o, c)).collect();
        serde_json::json!({
            "name": i.name,
            "range": i.range,
            "held": i.held,
            "visited": i.visited.of(block),
            "at": i.at.of(block),
            "distance": i.distance.of(block),
            "curves": curves,
        })
    };
    let term = |t: &TermView| {
        let inputs: Vec<_> = t.inputs.iter().map(|i| input(t, i)).collect();
        let distances: Vec<_> = t
            .distances
            .iter()
            .map(|d| {
                serde_json::json!({
                    "experiment": d.experiment,
                    "trained_until": d.trained_until,
                    "times": d.times.of(block),
                    "values": d.values.of(block),
                    "sentence": d.sentence,
                })
            })
            .collect();
        serde_json::json!({
            "name": t.name,
            "outputs": t.outputs,
            "formulas": t.formulas,
            "inputs": inputs,
            "distances": distances,
        })
    };
    let terms: Vec<_> = reply.terms.iter().map(term).collect();
    serde_json::json!({
        "run": reply.run,
        "time": reply.time,
        "near": reply.near,
        "spread": reply.spread,
        "notes": reply.notes,
        "terms": terms,
    })
}

/// Tables and sentences for people.
fn print(reply: &TermsReply, block: &Block) {
    for term in &reply.terms {
        let mut rows = Vec::new();
        for input in &term.inputs {
            for (output, curve) in term.outputs.iter().zip(&input.curves) {
                rows.push(row(output, input, curve, block));
            }
        }
        let header = ["output", "over", "from", "to", "there from", "middle", "to"];
        output::print(&output::table(&header, &rows));
        let held = |i: &TermInputView| format!("{} = {}", i.name, number(i.held));
        if term.inputs.len() > 1 {
            let held: Vec<String> = term.inputs.iter().map(held).collect();
            output::print(&format!("the others held at {}\n", held.join(", ")));
        }
        for (output, list) in term.outputs.iter().zip(&term.formulas) {
            output::print(&format!("\n{}", formulas(output, list)));
        }
        for d in &term.distances {
            if let Some(sentence) = &d.sentence {
                output::print(&format!("{}: {sentence}\n", d.experiment));
            }
        }
        output::print("\n");
    }
    if reply.terms.iter().any(|t| !t.formulas.is_empty()) {
        output::print(
            "* the best trade: a unit of complexity takes a fifth off the validated error\n",
        );
    }
    if let Some(spread) = &reply.spread {
        output::print(&format!("± half of the 90 % band: {spread}\n"));
    }
    for note in &reply.notes {
        output::print(&format!("note: {note}\n"));
    }
}

/// A curve at the ends and in the middle of what was visited.
fn row(output: &str, input: &TermInputView, curve: &TermCurve, block: &Block) -> Vec<String> {
    let (at, value) = (input.at.of(block), curve.value.of(block));
    let [low, high] = input.range;
    let there = |x: f64| {
        let k = at.partition_point(|a| *a < x).min(at.len() - 1);
        match curve.band {
            None => number(value[k]),
            Some([from, to]) => {
                let half = 0.5 * (to.of(block)[k] - from.of(block)[k]);
                format!("{} ± {}", number(value[k]), number(half))
            }
        }
    };
    let places = [low, 0.5 * (low + high), high].map(there);
    let mut row = vec![output.to_owned(), input.name.clone(), number(low), number(high)];
    row.extend(places);
    row
}

/// All curves, one row for each point.
fn curves(reply: &TermsReply, block: &Block) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut text = String::from("output,input,at,value,5 %,95 %,distance\n");
    for term in &reply.terms {
        for input in &term.inputs {
            let (at, distance) = (input.at.of(block), input.distance.of(block));
            for (output, curve) in term.outputs.iter().zip(&input.curves) {
                for (k, x) in at.iter().enumerate() {
                    let [low, high] = match curve.band {
                        Some(band) => band.map(|edge| edge.of(block)[k].to_string()),
                        None => [String::new(), String::new()],
                    };
                    let (output, input) = (quoted(output), quoted(&input.name));
                    let y = curve.value.of(block)[k];
                    text += &format!("{output},{input},{x},{y},{low},{high},{}\n", distance[k]);
                }
            }
        }
    }
    text
}
