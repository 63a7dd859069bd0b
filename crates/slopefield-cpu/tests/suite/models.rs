//! Whole models: native code against the plan interpreter and the executed luminal graph.

use crate::common;

use common::running::Running;
use common::*;
use slopefield_cpu::{Options, compile_hessian};
use slopefield_graph::plan::{Entry, Plans};
use slopefield_graph::{
    BuiltinNetworks, Element, HessianInterpreter, Interpreter, LoweredModel, ModelFunction,
    ReferenceInputs, lower, lower_hessian, reference_eval,
};
use slopefield_kernel::Kernel;
use slopefield_lang::Model;

/// The text files of the models, in order of name.
fn paths() -> std::io::Result<Vec<std::path::PathBuf>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/models");
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "slope"));
    paths.sort();
    Ok(paths)
}

/// Texts of all models that the built-in networks can run, by file name.
fn models() -> Vec<(String, Model, LoweredModel)> {
    let mut models = Vec::new();
    for path in paths().expect("the folder of models can be read") {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).expect("models are text");
        let (model, diagnostics) = slopefield_lang::check(&text);
        let needs_plugin = model.networks.iter().any(|n| n.kind.contains('/'));
        if !model.is_complete || needs_plugin {
            // Only texts that are about plugins or errors may be left out.
            assert!(needs_plugin || !diagnostics.is_empty(), "{name}");
            continue;
        }
        let lowered = lower(&model, &BuiltinNetworks)
            .unwrap_or_else(|e| panic!("{name} cannot be lowered: {e}"));
        models.push((name, model, lowered));
    }
    assert!(models.len() >= 8, "too few models were found");
    models
}

fn plans(lowered: &LoweredModel, function: ModelFunction) -> &Plans {
    lowered.plans(function).expect("the model has the function")
}

/// Inputs inside the domains of the models: positive states below 1, params near their start,
/// small weights.
fn inputs(random: &mut Random, model: &Model, kernel: &dyn Kernel) -> Inputs {
    let mut i = random.inputs(kernel.shape());
    i.u.iter_mut().for_each(|u| *u = 0.5 + 0.4 * *u);
    i.t += 1.5;
    for (k, p) in i.p.iter_mut().enumerate() {
        *p = match model.params.get(k) {
            Some(param) => param.value * (1.0 + 0.1 * *p),
            None => 0.5 * *p,
        };
    }
    i
}

/// Results of one entry as one list; gradients start from what `common::vjp` puts there.
fn reference(model: &Model, function: ModelFunction, entry: Entry, i: &Inputs) -> Vec<f64> {
    let inputs = ReferenceInputs {
        t: i.t,
        u: i.u.clone(),
        p: i.p.clone(),
        along: (i.dt, i.du.clone(), i.dp.clone()),
        weights: i.w.clone(),
    };
    let mut r = reference_eval(model, &BuiltinNetworks, function, entry, &inputs)
        .expect("a model that lowers can be executed");
    match entry {
        Entry::Eval => r.out,
        Entry::Jvp => [r.out, r.out_tangent].concat(),
        Entry::Vjp | Entry::Factored | Entry::Hvp => {
            r.gradient.0 += 0.5;
            r.gradient.1.iter_mut().for_each(|x| *x += 0.25);
            r.gradient.2.iter_mut().for_each(|x| *x -= 0.125);
            [vec![r.gradient.0], r.gradient.1, r.gradient.2].concat()
        }
    }
}

#[test]
fn native_code_agrees_with_interpreter_and_graph() {
    let mut random = Random(2026);
    for (name, model, lowered) in models() {
        for function in ModelFunction::ALL {
            let plans = plans(&lowered, function);
            let interpreter = Interpreter::new(plans.clone());
            let variants = all_options().into_iter().map(|o| (o, compiled(plans, o)));
            let variants: Vec<(Options, _)> = variants.collect();
            for _ in 0..3 {
                let i = inputs(&mut random, &model, &interpreter);
                for entry in [Entry::Eval, Entry::Jvp, Entry::Vjp] {
                    let run = |kernel: &dyn Kernel| match entry {
                        Entry::Eval => eval(kernel, &i),
                        Entry::Jvp => jvp(kernel, &i),
                        Entry::Vjp => vjp(kernel, &i),
                        Entry::Factored | Entry::Hvp => unreachable!("kernels have three entries"),
                    };
                    let what = format!("{name} {function:?} {entry:?}");
                    let graph = reference(&model, function, entry, &i);
                    assert!(graph.iter().all(|x| x.is_finite()), "{what}: {graph:?}");
                    let interpreted = run(&interpreter);
                    assert_close(&interpreted, &graph, 1e-13, &format!("{what} interpreter"));
                    for (options, kernel) in &variants {
                        let what = format!("{what} {options:?}");
                        assert_close(&run(kernel), &graph, 1e-13, &what);
                        assert_close(&run(kernel), &interpreted, 1e-13, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn second_derivatives_agree_with_interpreter_and_graph() {
    let mut random = Random(2027);
    for (name, model, lowered) in models() {
        let function = ModelFunction::Rhs;
        let plan = match lower_hessian(&model, &BuiltinNetworks, function) {
            Ok(plan) => plan,
            Err(e) => panic!("{name}: {e}"),
        };
        let interpreter = HessianInterpreter::new(plan.clone()).expect("second derivatives");
        let kernel = compile_hessian(&plan).unwrap_or_else(|e| panic!("{name}: {e}"));
        let i = inputs(&mut random, &model, &Interpreter::new(lowered.rhs));
        let graph = reference(&model, function, Entry::Hvp, &i);
        assert_close(&hvp(&interpreter, &i), &graph, 1e-12, &format!("{name} interpreter"));
        assert_close(&hvp(&kernel, &i), &graph, 1e-12, &name);
    }
}

/// Three results of one entry.
fn run<T: Element>(kernel: &dyn Kernel<T>, entry: Entry, i: &Inputs) -> Vec<T> {
    match entry {
        Entry::Eval => eval_as(kernel, i),
        Entry::Jvp => jvp_as(kernel, i),
        Entry::Vjp => vjp_as(kernel, i),
        Entry::Factored | Entry::Hvp => unreachable!("kernels have three entries"),
    }
}

/// Values, tangents and gradients in `f32`, interpreted and compiled in every way, miss those in
/// `f64` by no more than a running error analysis of the plan allows; and it allows little.
#[test]
fn single_precision_errs_by_no_more_than_its_roundings() {
    let mut random = Random(1976);
    let mut worst = 0.0f64;
    let (mut results, mut loose) = (0u32, 0u32);
    for (name, model, lowered) in models() {
        for function in ModelFunction::ALL {
            let plans = plans(&lowered, function);
            let exact = Interpreter::new(plans.clone());
            let analysis = Interpreter::<Running>::with_element(plans.clone());
            let mut single: Vec<(String, Box<dyn Kernel<f32>>)> = Vec::new();
            let interpreter = Interpreter::<f32>::with_element(plans.clone());
            single.push(("interpreter".into(), Box::new(interpreter)));
            for options in whole_options() {
                single.push((format!("{options:?}"), Box::new(compiled_f32(plans, options))));
            }
            for _ in 0..3 {
                let i = inputs(&mut random, &model, &exact);
                for entry in [Entry::Eval, Entry::Jvp, Entry::Vjp] {
                    let want = run(&exact, entry, &i);
                    let bounds = run(&analysis, entry, &i);
                    let scale = want.iter().fold(1e-3f64, |m, x| m.max(x.abs()));
                    for (want, bound) in want.iter().zip(&bounds) {
                        assert_eq!(*want, bound.value, "{name} {function:?} {entry:?}");
                        results += 1;
                        loose += u32::from(bound.error / scale > 1e-4);
                    }
                    for (what, kernel) in &single {
                        let got = run(&**kernel, entry, &i);
                        for (k, (got, bound)) in got.iter().zip(&bounds).enumerate() {
                            let error = (f64::from(*got) - bound.value).abs();
                            worst = worst.max(error / scale);
                            assert!(
                                error <= bound.error,
                                "{name} {function:?} {entry:?} {what}: element {k} is {got:e} \
                                 instead of {bound:?}"
                            );
                        }
                    }
                }
            }
        }
    }
    // Some draws fall beside a pole, or on a system of equations that is hardly solvable; there the
    // analysis must allow much. Were it loose elsewhere, it would show nothing.
    assert!(loose * 200 < results, "{loose} of {results} results may miss by 1e-4 or more");
    assert!(worst > 1e-8, "rounding to single precision shows");
}
