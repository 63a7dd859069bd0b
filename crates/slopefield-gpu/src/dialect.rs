//! The two languages of the text, and what differs between them.
//!
//! All text is written once, in a part of WGSL that has no pointers, vectors or references and that
//! calls its types `real` (a number), `word` (a 32-bit count) and `ticks` (a count of time). C++ is
//! made of it line by line: only the heads of functions and declarations differ. What is private to
//! a thread is a module variable in WGSL and a member of a structure in C++, so that functions find
//! it by name in both.

use std::collections::BTreeSet;
use std::fmt::Write;

use slopefield_solve::step_rules::{EXP2, LOG2};

use crate::error::GpuError;

/// The language of a kernel's text, and its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// WebGPU's shading language, `f32`.
    Wgsl,
    /// CUDA C++, `f32`.
    CudaSingle,
    /// CUDA C++, `f64`.
    CudaDouble,
}

/// What a kernel may keep in numbers for each thread: 8 KiB of `f32`, the least that WebGPU
/// promises.
pub(crate) const PRIVATE_LIMIT: usize = 2048;

const WGSL_FUNCTIONS: &str = include_str!("text/functions.wgsl");
const CUDA_FUNCTIONS: &str = include_str!("text/functions.cu");

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 3] = [Dialect::Wgsl, Dialect::CudaSingle, Dialect::CudaDouble];

    /// Name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Wgsl => "WGSL",
            Dialect::CudaSingle => "CUDA C++ in single precision",
            Dialect::CudaDouble => "CUDA C++",
        }
    }

    /// Whether numbers are `f64`.
    #[must_use]
    pub fn is_double(self) -> bool {
        self == Dialect::CudaDouble
    }

    /// Binary logarithm of the ticks of a whole time span: half the range of the counter, so that
    /// sums do not overflow.
    pub(crate) fn log2_ticks(self) -> u32 {
        if self.is_double() { 62 } else { 31 }
    }

    /// A number as text. What is not finite in the precision is read from memory, because WGSL has
    /// no text for it.
    pub(crate) fn number(self, x: f64) -> String {
        let rounded = if self.is_double() { x } else { f64::from(x as f32) };
        if rounded.is_nan() {
            "nan()".into()
        } else if rounded.is_infinite() {
            if rounded > 0.0 { "infinity()".into() } else { "(-infinity())".into() }
        } else if self.is_double() {
            format!("real({rounded:e})")
        } else {
            format!("real({:e})", rounded as f32)
        }
    }

    /// The definitions of the functions `text` calls, and of those they call, in an order in which
    /// C++ accepts them.
    fn functions(self, text: &str) -> Result<String, GpuError> {
        let library = match self {
            Dialect::Wgsl => WGSL_FUNCTIONS,
            _ => CUDA_FUNCTIONS,
        };
        let mut wanted = BTreeSet::new();
        let mut open: Vec<String> = called(text).map(str::to_owned).collect();
        while let Some(name) = open.pop() {
            let definition = definition(library, &name)
                .ok_or_else(|| GpuError::NoRule { function: name.clone(), dialect: self.name() })?;
            if wanted.insert(name) {
                open.extend(called(definition).map(str::to_owned));
            }
        }
        let mut ordered = String::new();
        let mut heads = String::new();
        for paragraph in library.split("\n\n") {
            if let Some(name) = defined(paragraph)
                && wanted.contains(name)
            {
                if self != Dialect::Wgsl {
                    let line = paragraph.lines().find(|line| line.ends_with('{'));
                    let head = line.and_then(|line| line.strip_suffix(" {")).unwrap_or_default();
                    _ = writeln!(heads, "{head};");
                }
                ordered += paragraph.trim_end();
                ordered += "\n\n";
            }
        }
        if !heads.is_empty() {
            heads.push('\n');
        }
        // The controller's polynomials are those of the processor.
        for (name, coefficients) in [("$log2_", &LOG2[..]), ("$exp2_", &EXP2[..])] {
            for (k, coefficient) in coefficients.iter().enumerate() {
                ordered = ordered.replace(&format!("{name}{k}"), &self.number(*coefficient));
            }
        }
        Ok(heads + &ordered)
    }

    /// A whole program.
    pub(crate) fn program(self, program: &Program) -> Result<String, GpuError> {
        self.program_of_groups(program, &[])
    }

    /// A whole program whose groups of threads share arrays of numbers, and wait for each other at
    /// `workgroupBarrier()`.
    pub(crate) fn program_of_groups(
        self,
        program: &Program,
        common: &[(&'static str, usize)],
    ) -> Result<String, GpuError> {
        let functions = self.functions(&program.body)?;
        let double = self.is_double();
        let mut text = String::new();
        let out = &mut text;
        if self == Dialect::Wgsl {
            _ = writeln!(out, "alias real = f32;\nalias word = u32;\nalias ticks = u32;\n");
            for (at, array) in program.shared.iter().enumerate() {
                let access = if array.writable { "read_write" } else { "read" };
                let (name, element) = (array.name, array.element.wgsl());
                _ = writeln!(
                    out,
                    "@group(0) @binding({at}) var<storage, {access}> {name}: array<{element}>;"
                );
            }
            _ = writeln!(out, "\nvar<private> lane: word;\nvar<private> lanes: word;");
            for (name, len) in &program.private {
                _ = writeln!(out, "var<private> {name}: array<real, {}>;", (*len).max(1));
            }
            for (name, len) in &program.private_words {
                _ = writeln!(out, "var<private> {name}: array<word, {len}>;");
            }
            for (name, len) in common {
                _ = writeln!(out, "var<workgroup> {name}: array<real, {len}>;");
            }
            _ = writeln!(out, "\nfn nan() -> real {{\n    return joint_values[0u];\n}}\n");
            _ = writeln!(out, "fn infinity() -> real {{\n    return joint_values[1u];\n}}\n");
            text += &functions;
            text += &program.body;
            text += &format!(
                "\n@compute @workgroup_size({WORKGROUP})\nfn run(@builtin(global_invocation_id) id: \
                 vec3<u32>) {{\n    lane = id.x;\n    run_lane();\n}}\n"
            );
            return Ok(text);
        }
        let (real, ticks, max) = if double {
            ("double", "unsigned long long", "1.7976931348623157e308")
        } else {
            ("float", "unsigned int", "3.402823466e38f")
        };
        _ = writeln!(
            out,
            "typedef {real} real;\ntypedef unsigned int word;\ntypedef {ticks} ticks;\n\
             #define REAL_MAX real({max})\n"
        );
        text += &functions;
        text += SELECT;
        for (name, len) in common {
            text += &format!("__shared__ real {name}[{len}];\n");
        }
        if !common.is_empty() {
            text += BARRIER;
        }
        text += "struct Lane {\n    word lane;\n    word lanes;\n";
        for array in &program.shared {
            let constant = if array.writable { "" } else { "const " };
            text += &format!("    {constant}{}* {};\n", array.element.c(), array.name);
        }
        for (name, len) in &program.private {
            text += &format!("    real {name}[{}];\n", (*len).max(1));
        }
        for (name, len) in &program.private_words {
            text += &format!("    word {name}[{len}];\n");
        }
        text += "\n__device__ real nan() {\n    return joint_values[0u];\n}\n\n";
        text += "__device__ real infinity() {\n    return joint_values[1u];\n}\n\n";
        // The arrays of a thread stay in registers where all that touches them is in one function.
        let inline = program.body.len() < LONG_BODY;
        text += &in_c(&program.body, inline);
        text += "};\n\nextern \"C\" __global__ void run(";
        let parameters = program.shared.iter().map(|array| {
            let constant = if array.writable { "" } else { "const " };
            format!("{constant}{}* {}", array.element.c(), array.name)
        });
        text += &parameters.collect::<Vec<_>>().join(", ");
        text += ") {\n    Lane self;\n    self.lane = blockIdx.x * blockDim.x + threadIdx.x;\n";
        for array in &program.shared {
            text += &format!("    self.{0} = {0};\n", array.name);
        }
        text += "    self.run_lane();\n}\n";
        Ok(text)
    }
}

/// Bytes of a body that is too long to be inlined into one function.
const LONG_BODY: usize = 40_000;

/// Threads of a group.
pub(crate) const WORKGROUP: u32 = 64;

/// WGSL's `select(if_false, if_true, condition)`.
const SELECT: &str = "template <class T> __device__ static T select(T if_false, T if_true, bool \
                      condition) {\n    return condition ? if_true : if_false;\n}\n\n";

/// WGSL's `workgroupBarrier()`.
const BARRIER: &str = "__device__ static void workgroupBarrier() {\n    __syncthreads();\n}\n\n";

/// What the elements of an array in the memory of the card are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ElementType {
    Real,
    Word,
    Ticks,
    /// Counted up by all threads.
    Counter,
}

impl ElementType {
    fn wgsl(self) -> &'static str {
        match self {
            ElementType::Real => "real",
            ElementType::Word => "word",
            ElementType::Ticks => "ticks",
            ElementType::Counter => "atomic<word>",
        }
    }

    fn c(self) -> &'static str {
        match self {
            ElementType::Real => "real",
            ElementType::Word | ElementType::Counter => "word",
            ElementType::Ticks => "ticks",
        }
    }
}

/// An array in the memory of the card.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedArray {
    pub(crate) name: &'static str,
    pub(crate) element: ElementType,
    pub(crate) writable: bool,
}

/// A program before it is written in a dialect.
pub(crate) struct Program {
    /// Arrays in the memory of the card, in the order of their bindings. One is `joint_values`, which
    /// begins with NaN and infinity.
    pub(crate) shared: Vec<SharedArray>,
    /// Arrays of numbers that each thread has of its own.
    pub(crate) private: Vec<(&'static str, usize)>,
    /// Arrays of words that each thread has of its own.
    pub(crate) private_words: Vec<(&'static str, usize)>,
    /// Functions; the last one is `run_lane`, what each thread does.
    pub(crate) body: String,
}

/// Names of library functions that a text calls.
fn called(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !is_name(c))
        .filter(|word| (word.starts_with("sf_") && word.len() > 3) || word.starts_with("control_"))
}

/// The name of the function that a paragraph of a library defines.
fn defined(paragraph: &str) -> Option<&str> {
    let head = paragraph.lines().find(|line| line.ends_with('{'))?;
    let before = head.split('(').next()?;
    // `__device__ static real sf_exp` or `fn sf_exp`.
    before.rsplit(' ').next().filter(|name| !name.is_empty())
}

fn definition<'a>(library: &'a str, name: &str) -> Option<&'a str> {
    library.split("\n\n").find(|paragraph| defined(paragraph) == Some(name))
}

/// The common text as C++: heads of functions and declarations are turned around.
fn in_c(text: &str, inline: bool) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        let body = line.trim_start();
        out += &line[..line.len() - body.len()];
        match head_in_c(body) {
            Some(line) if inline => {
                out += &line.replace("__device__ ", "__device__ __forceinline__ ")
            }
            Some(line) => out += &line,
            None => out += body,
        }
        out.push('\n');
    }
    out
}

/// `let x: real = …` as `const real x = …`, and so on; `None` for lines that are the same in both.
fn head_in_c(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("let ") {
        let (name, rest) = rest.split_once(": ")?;
        let (kind, value) = rest.split_once(" = ")?;
        return Some(format!("const {kind} {name} = {value}"));
    }
    if let Some(rest) = line.strip_prefix("var ") {
        let (name, rest) = rest.split_once(": ")?;
        let (kind, value) = rest.split_once(" = ")?;
        return Some(format!("{kind} {name} = {value}"));
    }
    if let Some(rest) = line.strip_prefix("for (var ") {
        let (name, rest) = rest.split_once(": ")?;
        let (kind, value) = rest.split_once(" = ")?;
        return Some(format!("for ({kind} {name} = {value}"));
    }
    let rest = line.strip_prefix("fn ")?;
    let (name, rest) = rest.split_once('(')?;
    let (parameters, result) = rest.split_once(')')?;
    let parameters = parameters.split(", ").filter_map(|p| p.split_once(": "));
    let parameters: Vec<_> = parameters.map(|(name, kind)| format!("{kind} {name}")).collect();
    let result = result.strip_prefix(" -> ").unwrap_or(" {");
    let result = result.strip_suffix(" {").unwrap_or_default();
    let result = if result.is_empty() { "void" } else { result };
    Some(format!("__device__ {result} {name}({}) {{", parameters.join(", ")))
}
