//! The header and the Rust types are one interface: every size, offset and constant that C prints
//! equals Rust's, in C99, C11, C++11 and C++20 with warnings as errors, and equals the layout
//! recorded for release 1.0 in `tests/abi/slopefield-1.0.json`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use serde_json::{Map, Value};
use slopefield_plugin_abi::*;
use std::fmt::Write as _;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Layout of one struct as Rust sees it: name, size, then offset and size of every field. `r#type`
/// is a Rust spelling; C says `type`.
struct Layout {
    name: &'static str,
    size: usize,
    fields: Vec<(&'static str, usize, usize)>,
}

fn field_size<T, F>(_: impl FnOnce(&T) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! layouts {
    ($($name:ident { $($field:ident),+ $(,)? })+) => {
        vec![$(Layout {
            name: stringify!($name),
            size: size_of::<$name>(),
            fields: vec![$((
                stringify!($field).trim_start_matches("r#"),
                offset_of!($name, $field),
                field_size(|v: &$name| &v.$field),
            )),+],
        }),+]
    };
}

macro_rules! constants {
    ($($name:ident)+) => { vec![$((stringify!($name), i64::from($name))),+] };
}

fn rust_layouts() -> Vec<Layout> {
    layouts! {
        slf_str { ptr, len }
        slf_error { struct_size, code, message_len, reserved, message }
        slf_host { struct_size, abi_minor, ctx, name, version, get_extension, log }
        slf_plugin { struct_size, abi_minor, id, version, get_factory, shutdown }
        slf_option { name, r#type, reserved, i64, f64, text, list, list_len }
        slf_sparsity { struct_size, reserved, nnz, col_ptr, row_idx }
        slf_problem {
            struct_size, dtype, n, ctx, rhs, jacobian, jvp, vjp, dfdt, mass, jacobian_pattern,
            mass_pattern, poll, get_extension,
        }
        slf_solver_config {
            struct_size, reserved, rtol, atol, h_init, h_min, h_max, options, n_options,
        }
        slf_step { struct_size, flags, t_prev, t, h_next, error_norm, y, n_rejected }
        slf_solver_info {
            struct_size, caps, id, name, reference, order, dense_order, options_json,
        }
        slf_solver_factory {
            struct_size, reserved, count, info, create, start, step, interpolate, restart, destroy,
            get_extension,
        }
        slf_attr { name, r#type, reserved, i64, f64, text, len }
        slf_init { struct_size, kind, a, b }
        slf_graph_builder {
            struct_size, opset, inputs, outputs, ctx, input, param, constant, op, shape, output,
            push_scope, pop_scope, op_supported,
        }
        slf_network_info { struct_size, min_opset, id, name, reference, options_json }
        slf_network_factory { struct_size, reserved, count, info, build, get_extension }
        slf_implicit_problem {
            struct_size, flags, ctx, jacobian_pattern, mass_pattern, jacobian, mass, mass_product,
            linearise, factor, solve, solve_transposed,
        }
        slf_reversal {
            struct_size, reserved, t_prev, t, y_prev, y, record, n_inside, inside, inside_weights,
            weights, ctx, pull_back,
        }
        slf_step_vjp { struct_size, reserved, record_len, record, reverse }
        slf_split_problem { struct_size, flags, ctx, stiff, rest, linearise }
        slf_noise_problem {
            struct_size, kind, calculus, reserved, sources, ctx, coefficients, coefficients_jvp,
            increments,
        }
        slf_delay_problem { struct_size, reserved, n_lags, lags, ctx, history }
        slf_state_delay_problem { struct_size, reserved, ctx, lengths }
        slf_step_redo { struct_size, reserved, redo }
        slf_segment { struct_size, basis, degree, reserved, coefficients }
        slf_dense_segment { struct_size, reserved, max_degree, segment }
        slf_custom_info { struct_size, reserved, id }
        slf_custom_shape { struct_size, n_operands, lengths, n_in, n_out }
        slf_custom_ops { struct_size, reserved, count, info, check, forward, reverse }
    }
}

fn rust_constants() -> Vec<(&'static str, i64)> {
    constants! {
        SLF_ABI_MAJOR SLF_ABI_MINOR
        SLF_OK SLF_RECOVERABLE SLF_ERR_ARGUMENT SLF_ERR_UNSUPPORTED SLF_ERR_MEMORY
        SLF_ERR_CANCELLED SLF_ERR_STEP_TOO_SMALL SLF_ERR_DIVERGED SLF_ERR_NON_FINITE SLF_ERR_HOST
        SLF_ERR_PANIC SLF_ERR_INTERNAL
        SLF_LOG_ERROR SLF_LOG_WARN SLF_LOG_INFO SLF_LOG_DEBUG
        SLF_OPTION_I64 SLF_OPTION_F64 SLF_OPTION_BOOL SLF_OPTION_TEXT SLF_OPTION_LIST
        SLF_F64
        SLF_CAP_ADAPTIVE SLF_CAP_IMPLICIT SLF_CAP_MASS_MATRIX SLF_CAP_SINGULAR_MASS
        SLF_CAP_BACKWARD SLF_CAP_F32 SLF_CAP_F64 SLF_CAP_BITWISE_DETERMINISTIC
        SLF_STEP_AT_LIMIT
        SLF_ATTR_I64 SLF_ATTR_F64 SLF_ATTR_TEXT
        SLF_INIT_ZEROS SLF_INIT_CONSTANT SLF_INIT_NORMAL SLF_INIT_UNIFORM SLF_INIT_XAVIER_UNIFORM
        SLF_INIT_KAIMING_NORMAL SLF_INIT_ORTHOGONAL
        SLF_MASS_SINGULAR SLF_SPLIT_LINEAR
        SLF_CAP_STEP_VJP SLF_CAP_NOISE SLF_CAP_DELAYS
        SLF_NOISE_ADDITIVE SLF_NOISE_DIAGONAL SLF_NOISE_COMMUTATIVE SLF_NOISE_GENERAL
        SLF_CALCULUS_ITO SLF_CALCULUS_STRATONOVICH
        SLF_CAP_STEP_REDO SLF_CAP_DENSE_SEGMENT SLF_BASIS_POWERS SLF_BASIS_CHEBYSHEV
        SLF_CAP_STATE_DELAYS
    }
}

/// One line per fact, the form both sides print.
fn facts(layouts: &[Layout], constants: &[(&str, i64)]) -> String {
    let mut out = String::new();
    for l in layouts {
        writeln!(out, "{} {}", l.name, l.size).unwrap();
        for (field, offset, size) in &l.fields {
            writeln!(out, "{}.{field} {offset} {size}", l.name).unwrap();
        }
    }
    for (name, value) in constants {
        writeln!(out, "{name} {value}").unwrap();
    }
    out
}

/// A C (and C++) program that prints the same lines.
fn c_program(layouts: &[Layout], constants: &[(&str, i64)]) -> String {
    let mut out =
        String::from("#include \"slopefield_plugin.h\"\n#include <stdio.h>\nint main(void) {\n");
    for l in layouts {
        let s = l.name;
        writeln!(out, "  printf(\"{s} %u\\n\", (unsigned)sizeof({s}));").unwrap();
        for (f, _, _) in &l.fields {
            writeln!(
                out,
                "  printf(\"{s}.{f} %u %u\\n\", (unsigned)offsetof({s}, {f}), \
                 (unsigned)sizeof((({s} *)0)->{f}));"
            )
            .unwrap();
        }
    }
    for (name, _) in constants {
        writeln!(out, "  printf(\"{name} %ld\\n\", (long){name});").unwrap();
    }
    out.push_str("  return 0;\n}\n");
    out
}

fn header_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// The compiler from the environment variable or the usual name, when it runs at all.
fn compiler(variable: &str, usual: &str) -> Option<String> {
    let name = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
    Command::new(&name).arg("--version").output().ok().filter(|o| o.status.success())?;
    Some(name)
}

fn compile_and_run(compiler: &str, language: &str, standard: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join(if language == "c" { "layout.c" } else { "layout.cpp" });
    let program = folder.path().join("layout");
    std::fs::write(&source, c_program(&rust_layouts(), &rust_constants())).unwrap();
    let compile = Command::new(compiler)
        .args([&format!("-std={standard}"), "-Wall", "-Wextra", "-Wpadded", "-pedantic", "-Werror"])
        .arg("-I")
        .arg(header_folder())
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap();
    assert!(
        compile.status.success(),
        "{compiler} -std={standard}:\n{}",
        String::from_utf8_lossy(&compile.stderr)
    );
    let run = Command::new(&program).output().unwrap();
    assert!(run.status.success());
    String::from_utf8(run.stdout).unwrap().replace('\r', "")
}

#[test]
fn c_and_rust_agree() {
    let cc = compiler("CC", "cc").expect(
        "no C compiler found: install one (gcc or clang), or name it in the environment variable CC",
    );
    let ours = facts(&rust_layouts(), &rust_constants());
    for standard in ["c99", "c11"] {
        assert_eq!(compile_and_run(&cc, "c", standard), ours, "{standard}");
    }
}

#[test]
fn cpp_and_rust_agree() {
    let Some(cxx) = compiler("CXX", "c++") else {
        eprintln!("no C++ compiler found (c++, or the environment variable CXX): C++ not checked");
        return;
    };
    let ours = facts(&rust_layouts(), &rust_constants());
    for standard in ["c++11", "c++20"] {
        assert_eq!(compile_and_run(&cxx, "c++", standard), ours, "{standard}");
    }
}

/// The lists above are complete: the sizes of the fields add up to the size of the struct (which
/// also says that there is no padding), and every constant of the header is in the list.
#[test]
fn nothing_is_left_out() {
    for l in rust_layouts() {
        let sum: usize = l.fields.iter().map(|f| f.2).sum();
        assert_eq!(sum, l.size, "{}", l.name);
    }
    let header = std::fs::read_to_string(header_folder().join("slopefield_plugin.h")).unwrap();
    let structs = header.lines().filter(|l| l.starts_with("typedef struct") && l.ends_with('{'));
    assert_eq!(structs.count(), rust_layouts().len());
    let known = rust_constants();
    for line in header.lines() {
        let Some(rest) = line.strip_prefix("#define ") else { continue };
        let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
        let macro_only = ["SLOPEFIELD_PLUGIN_H", "SLF_CALL", "SLF_EXPORT"].contains(&name)
            || name.starts_with("SLF_HAS(");
        assert!(
            macro_only || known.iter().any(|(n, _)| *n == name),
            "{name} = {value} is in the header and not in Rust"
        );
    }
}

fn recorded(file: &str) -> Map<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/abi").join(file);
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// What was released is a promise: what it laid out never moves. To add a field, extend the
/// struct at its end and record a new file; a new extension is recorded where the others are.
#[test]
fn layouts_of_releases() {
    let layouts = rust_layouts();
    let mut known = 0;
    for file in ["slopefield-1.0.json", "extensions-1.json"] {
        known += compare_with_recorded(&recorded(file), &layouts);
    }
    assert_eq!(known, layouts.len(), "every struct is recorded in one file");
}

/// The number of structs recorded.
fn compare_with_recorded(recorded: &Map<String, Value>, layouts: &[Layout]) -> usize {
    let structs = recorded["structs"].as_object().unwrap();
    for (name, old) in structs {
        let l = layouts.iter().find(|l| l.name == name).unwrap_or_else(|| panic!("{name} is gone"));
        assert!(l.size as u64 >= old["size"].as_u64().unwrap(), "{} shrank", l.name);
        for (field, place) in old["fields"].as_object().unwrap() {
            let (_, offset, size) = l
                .fields
                .iter()
                .find(|f| f.0 == field)
                .unwrap_or_else(|| panic!("{}.{field} is gone", l.name));
            assert_eq!(
                place,
                &serde_json::json!([offset, size]),
                "{}.{field} moved or changed size",
                l.name
            );
        }
    }
    for (name, value) in recorded["constants"].as_object().unwrap() {
        let now = rust_constants().iter().find(|c| c.0 == name).map(|c| c.1);
        assert_eq!(value.as_i64(), now, "{name}");
    }
    structs.len()
}
