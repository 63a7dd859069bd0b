//! Tests of networks.

use crate::context::Context;
use crate::outcome::{Finding, passed, skipped, warning};
use crate::raw::build_refused;
use crate::solver::{default_value, doubt, option_trouble, refused_values};
use slopefield_graph::custom::CustomOp;
use slopefield_graph::network::{NetworkGraph, NetworkLibrary, OP_SET, encode};
use slopefield_kernel::{Cotangent, Kernel, Point};
use slopefield_lang::OptionValue;
use slopefield_study::CompiledModel;
use std::fmt::Write as _;
use std::sync::Arc;

/// Numbers of inputs and outputs to build for.
const SIZES: [(u32, u32); 6] = [(1, 1), (2, 2), (3, 1), (1, 4), (7, 5), (2, 1)];
/// Draws of weights and inputs.
const DRAWS: usize = 20;

/// The network with options.
fn build(
    cx: &Context,
    (inputs, outputs): (u32, u32),
    options: &[(String, OptionValue)],
) -> Result<NetworkGraph, String> {
    let graph = cx.networks()?.build(&cx.full_id()?, inputs, outputs, options);
    graph.map_err(|e| e.message)
}

/// Weights between −1 and 1, the size of those that training has found.
fn weights(graph: &NetworkGraph, random: &mut impl FnMut() -> f64) -> Vec<f64> {
    (0..graph.weight_count()).map(|_| 2.0 * random() - 1.0).collect()
}

fn inputs(n: usize, random: &mut impl FnMut() -> f64) -> Vec<f64> {
    (0..n).map(|_| 4.0 * random() - 2.0).collect()
}

pub(crate) fn description(cx: &Context) -> Finding {
    let (about, provided) = (cx.network()?, cx.provided()?);
    if about.min_opset > OP_SET {
        return Err(format!(
            "it needs op set {}, and this application has {OP_SET}",
            about.min_opset
        ));
    }
    if let Some(problem) = about.options.iter().find_map(|o| option_trouble(o).err()) {
        return Err(problem);
    }
    if let Some(word) = doubt(&about.name, &provided.name, (&about.reference, "network")) {
        return warning(word);
    }
    passed(format!("op set {}, {} options", about.min_opset, about.options.len()))
}

pub(crate) fn unknown_id(cx: &Context) -> Finding {
    let networks = cx.raw()?.networks().ok_or("the library has no networks")?;
    let longer = format!("{}x", cx.subject);
    let mut silent = false;
    for id in ["no-such-network", &longer, &cx.subject[..cx.subject.len() - 1], ""] {
        if cx.manifest()?.provides.iter().any(|p| p.id == id) {
            continue;
        }
        match build_refused(&networks, id).outcome {
            Ok(()) => return Err(format!("it builds \"{id}\"")),
            Err(e) => silent |= e.message.is_empty(),
        }
    }
    if silent { warning("it refuses without a sentence") } else { passed("") }
}

pub(crate) fn builds(cx: &Context) -> Finding {
    let mut text = Vec::new();
    for size in SIZES {
        let graph = build(cx, size, &[])
            .map_err(|e| format!("with {} inputs and {} outputs: {e}", size.0, size.1))?;
        graph.verify().map_err(|e| e.message)?;
        text.push(format!("{}→{}: {}", size.0, size.1, graph.weight_count()));
    }
    let text = format!("weights {}", text.join(", "));
    if build(cx, SIZES[0], &[])?.weight_count() == 0 {
        return warning("it has no weights, so there is nothing to train");
    }
    passed(text)
}

pub(crate) fn determinism(cx: &Context) -> Finding {
    let all = || -> Result<Vec<Vec<u8>>, String> {
        SIZES.iter().map(|size| Ok(encode(&build(cx, *size, &[])?))).collect()
    };
    let first = all()?;
    for (size, expected) in SIZES.iter().zip(&first).rev() {
        if encode(&build(cx, *size, &[])?) != *expected {
            return Err(format!("another graph for {} inputs and {} outputs", size.0, size.1));
        }
    }
    // On threads, as the application may do it.
    let runs = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..4).map(|_| scope.spawn(all)).collect();
        handles.into_iter().map(|h| h.join().unwrap_or_else(|_| Err("lost".into()))).collect()
    });
    let runs: Vec<Result<Vec<Vec<u8>>, String>> = runs;
    for run in runs {
        if run? != first {
            return Err("another graph when several are built at once".to_owned());
        }
    }
    passed("")
}

pub(crate) fn stops(cx: &Context) -> Finding {
    let networks = cx.raw()?.networks().ok_or("the library has no networks")?;
    let refusal = build_refused(&networks, &cx.subject);
    match refusal.outcome {
        Ok(()) => Err("it reports success although every call failed".to_owned()),
        Err(_) if refusal.calls == 0 => skipped("it refuses before it asks for anything"),
        Err(_) if refusal.calls > 1 => {
            Err(format!("it makes {} more calls after the first has failed", refusal.calls - 1))
        }
        Err(e) if e.message.is_empty() => warning("it passes no sentence on"),
        Err(e) => passed(e.to_string()),
    }
}

pub(crate) fn options(cx: &Context) -> Finding {
    let about = cx.network()?;
    let size = (2, 2);
    let plain = encode(&build(cx, size, &[])?);
    let one = |name: &str, value: OptionValue| [(name.to_owned(), value)];
    let must_refuse =
        |name: &str, value: OptionValue, what: &str| match build(cx, size, &one(name, value)) {
            Ok(_) => Err(format!("it accepts {what}")),
            Err(_) => Ok(()),
        };
    must_refuse("no_such_option", OptionValue::Number(1.0), "an option that it does not have")?;
    for option in &about.options {
        option_trouble(option)?;
        for (value, what) in refused_values(option) {
            must_refuse(&option.name, value, &what)?;
        }
        let Some(value) = default_value(option) else { continue };
        let given = build(cx, size, &one(&option.name, value))
            .map_err(|e| format!("`{}` given with its default: {e}", option.name))?;
        if encode(&given) != plain {
            return Err(format!("`{}` given with its default makes another graph", option.name));
        }
    }
    if about.options.is_empty() {
        return skipped("it has no options, and refuses others");
    }
    passed(format!("{} options", about.options.len()))
}

pub(crate) fn finite(cx: &Context) -> Finding {
    let mut random = cx.random("finite");
    for size in SIZES {
        let graph = build(cx, size, &[])?;
        for draw in 0..DRAWS {
            let weights = weights(&graph, &mut random);
            let mut x = inputs(size.0 as usize, &mut random);
            match draw {
                0 => x.fill(0.0),
                1 => x.fill(1.0),
                2 => x.fill(-30.0),
                3 => x.fill(30.0),
                _ => {}
            }
            let y = graph.evaluate(&weights, &x);
            if let Some(v) = y.iter().find(|v| !v.is_finite()) {
                return Err(format!("it gives {v} at {x:?}, seed {}", cx.seed));
            }
        }
    }
    passed(format!("seed {}", cx.seed))
}

pub(crate) fn inputs_matter(cx: &Context) -> Finding {
    let mut random = cx.random("inputs matter");
    let mut unused = Vec::new();
    for size in [(3, 2), (1, 1)] {
        let graph = build(cx, size, &[])?;
        let names: Vec<(String, usize)> = graph
            .weights()
            .map(|(name, dims, _)| (name.to_owned(), dims.iter().map(|n| *n as usize).product()))
            .collect();
        let mut inputs_matter = vec![false; size.0 as usize];
        let mut weights_matter = vec![false; names.len()];
        for _ in 0..DRAWS {
            let (w, x) = (weights(&graph, &mut random), inputs(size.0 as usize, &mut random));
            let y = graph.evaluate(&w, &x);
            for (i, matters) in inputs_matter.iter_mut().enumerate() {
                let mut moved = x.clone();
                moved[i] += 0.01;
                *matters |= graph.evaluate(&w, &moved) != y;
            }
            let mut begin = 0;
            for ((_, len), matters) in names.iter().zip(&mut weights_matter) {
                let mut moved = w.clone();
                moved[begin..begin + len].iter_mut().for_each(|w| *w += 0.1 * random());
                *matters |= graph.evaluate(&moved, &x) != y;
                begin += len;
            }
        }
        let dead = inputs_matter.iter().enumerate().filter(|(_, m)| !**m);
        unused.extend(dead.map(|(i, _)| format!("input {} of {}", i + 1, size.0)));
        let dead = names.iter().zip(&weights_matter).filter(|(_, m)| !**m);
        unused.extend(dead.map(|((name, _), _)| format!("the weights `{name}`")));
    }
    if unused.is_empty() {
        return passed("");
    }
    warning(format!("the output does not depend on {}", unused.join(", ")))
}

/// The network as the right-hand side of a model, compiled, with its number of states: `x_i' = y_i`,
/// where the longer of inputs and outputs is made up with zeros.
fn compiled(cx: &Context, size: (u32, u32)) -> Result<(Arc<dyn Kernel>, usize), String> {
    let states = size.0.max(size.1);
    let mut text = String::new();
    for i in 1..=states {
        let _ = writeln!(text, "state x{i} = 0.1");
    }
    let (inputs, outputs) = size;
    let id = cx.full_id()?;
    let _ = writeln!(text, "network f: {id}(inputs: {inputs}, outputs: {outputs})");
    let arguments: Vec<String> = (1..=inputs).map(|i| format!("x{i}")).collect();
    let _ = writeln!(text, "let y = f({})", arguments.join(", "));
    for i in 1..=states {
        let slope = match (i <= outputs, outputs) {
            (false, _) => format!("0*x{i}"),
            (true, 1) => "y".to_owned(),
            (true, _) => format!("y[{i}]"),
        };
        let _ = writeln!(text, "x{i}' = {slope}");
    }
    let model = CompiledModel::new(&text, &cx.networks()?).map_err(|e| e.to_string())?;
    if let Some(why) = model.interpreted {
        return Err(format!("no code can be made on this system: {why}"));
    }
    Ok((model.rhs, states as usize))
}

/// A point at which to evaluate: states, weights, and room for the kernel.
struct At {
    u: Vec<f64>,
    p: Vec<f64>,
    scratch: Vec<f64>,
}

impl At {
    fn random(kernel: &dyn Kernel, random: &mut impl FnMut() -> f64) -> At {
        let shape = kernel.shape();
        At {
            u: inputs(shape.states, random),
            p: (0..shape.params).map(|_| 2.0 * random() - 1.0).collect(),
            scratch: vec![0.0; kernel.scratch_len()],
        }
    }

    fn eval(&mut self, kernel: &dyn Kernel) -> Vec<f64> {
        let mut out = vec![0.0; kernel.shape().outputs];
        kernel.eval(0.0, &self.u, &self.p, &mut out, &mut self.scratch);
        out
    }
}

pub(crate) fn gradient(cx: &Context) -> Finding {
    /// Step of the differences, and room for their truncation, which is of the fourth order.
    const STEP: f64 = 1e-3;
    const ROOM: f64 = 1e-8;
    let mut random = cx.random("gradient");
    let (mut worst, mut checked) = (0f64, 0);
    for size in [(2, 2), (3, 1), (1, 1)] {
        let (kernel, _) = compiled(cx, size)?;
        let mut bends = 0;
        for _ in 0..5 {
            let mut at = At::random(&*kernel, &mut random);
            let w: Vec<f64> = (0..kernel.shape().outputs).map(|_| 2.0 * random() - 1.0).collect();
            let (mut t, mut u, mut p) = (0.0, vec![0.0; at.u.len()], vec![0.0; at.p.len()]);
            let grad = Cotangent { t: &mut t, u: &mut u, p: &mut p };
            let point = Point { t: 0.0, u: &at.u, p: &at.p };
            kernel.vjp(point, &w, grad, &mut at.scratch);
            let scale = u.iter().chain(&p).fold(1.0f64, |s, v| s.max(v.abs()));
            for i in 0..u.len() + p.len() {
                let exact = if i < u.len() { u[i] } else { p[i - u.len()] };
                let mut value = |by: f64| {
                    let place = |at: &mut At, by: f64| {
                        let n = at.u.len();
                        if i < n { at.u[i] += by } else { at.p[i - n] += by }
                    };
                    place(&mut at, by);
                    let out = at.eval(&*kernel);
                    place(&mut at, -by);
                    out.iter().zip(&w).map(|(a, b)| a * b).sum::<f64>()
                };
                let mut central = |h: f64| (value(h) - value(-h)) / (2.0 * h);
                // Richardson; where half the step tells another story there is a bend nearby.
                let extrapolate = |c: f64, f: f64| (4.0 * f - c) / 3.0;
                let (c, f, ff) = (central(STEP), central(STEP / 2.0), central(STEP / 4.0));
                let (coarse, fine) = (extrapolate(c, f), extrapolate(f, ff));
                let smooth = (coarse - fine).abs() <= ROOM * scale;
                if !smooth {
                    bends += 1;
                    continue;
                }
                let off = (fine - exact).abs() / scale;
                if !(off <= 10.0 * ROOM) {
                    let what = if i < u.len() { "input" } else { "weight" };
                    let number = if i < u.len() { i } else { i - u.len() };
                    return Err(format!(
                        "by {what} {number} the derivative is {exact} and differences give {fine} \
                         ({} inputs, {} outputs, seed {})",
                        size.0, size.1, cx.seed
                    ));
                }
                worst = worst.max(off);
                checked += 1;
            }
        }
        if bends > checked {
            return warning(format!(
                "{bends} of {} derivatives are too rough for differences",
                bends + checked
            ));
        }
    }
    passed(format!("{checked} derivatives within {worst:.0e}, seed {}", cx.seed))
}

pub(crate) fn operators(cx: &Context) -> Finding {
    /// Sets of points at which derivatives are compared with differences.
    const SEEDS: u64 = 25;
    /// Points at which several threads compute at once.
    const AT_ONCE: usize = 200;
    let mut all: Vec<&'static CustomOp> = Vec::new();
    for size in SIZES {
        let bound = build(cx, size, &[])?.bind_operators().map_err(|e| e.message)?;
        bound.into_iter().for_each(|op| {
            if !all.contains(&op) {
                all.push(op)
            }
        });
    }
    if all.is_empty() {
        return skipped("it has none");
    }
    let mut compared = 0;
    for op in &all {
        for seed in 0..SEEDS {
            compared += op.check(cx.seed.wrapping_mul(SEEDS).wrapping_add(seed))?;
        }
    }
    let mut random = cx.random("operators");
    for op in &all {
        for reverse in [false, true] {
            let (from, to) = op.sizes(reverse);
            let points: Vec<Vec<f64>> =
                (0..AT_ONCE).map(|_| inputs(from as usize, &mut random)).collect();
            let results = || -> Vec<u64> {
                let mut result = vec![0.0; to as usize];
                let of = |x: &Vec<f64>| {
                    op.run(reverse, x, &mut result);
                    // NaN is NaN.
                    result.iter().map(|y| if y.is_nan() { 0 } else { y.to_bits() }).collect()
                };
                points.iter().map(of).collect::<Vec<Vec<u64>>>().concat()
            };
            let alone = results();
            let others: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(results)).collect();
                threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
            });
            if others.iter().any(|found| found.as_ref().ok() != Some(&alone)) {
                return Err(format!("`{}` gives other bits on several threads at once", op.name()));
            }
        }
    }
    passed(format!("{} sizes, {compared} derivatives, seed {}", all.len(), cx.seed))
}

pub(crate) fn compiled_values(cx: &Context) -> Finding {
    let mut random = cx.random("compiled");
    let mut worst = 0f64;
    for size in SIZES {
        let graph = build(cx, size, &[])?;
        let (kernel, states) = compiled(cx, size)?;
        for _ in 0..DRAWS {
            let mut at = At::random(&*kernel, &mut random);
            if at.p.len() != graph.weight_count() || at.u.len() != states {
                return Err("the compiled model has another number of weights".to_owned());
            }
            let found = at.eval(&*kernel);
            let expected = graph.evaluate(&at.p, &at.u[..size.0 as usize]);
            let scale = expected.iter().fold(1.0f64, |s, v| s.max(v.abs()));
            for (a, b) in found.iter().zip(&expected) {
                let off = (a - b).abs() / scale;
                if !(off < 1e-11) {
                    return Err(format!("{a} compiled and {b} by plain evaluation"));
                }
                worst = worst.max(off);
            }
        }
    }
    passed(format!("within {worst:.0e}, seed {}", cx.seed))
}
