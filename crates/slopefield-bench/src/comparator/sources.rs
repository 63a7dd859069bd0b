//! The sources of the comparators, carried in the program.

use super::toolchain::{Language, Source};

/// What every comparator is compiled with: all of the machine. `-O3` as a user would write it.
#[cfg(target_arch = "x86_64")]
const NATIVE: &[&str] = &["-O3", "-march=native"];
#[cfg(not(target_arch = "x86_64"))]
const NATIVE: &[&str] = &["-O3", "-mcpu=native"];

/// Lets sums be reordered, so that they become vector code.
const FAST: &[&str] = &["-ffast-math"];

/// With a `tanh` of few operations, which keeps no digits of small results.
const SHORT: &[&str] = &["-DSHORT_TANH"];

/// As `benches/peers` compiles it.
#[cfg(target_arch = "x86_64")]
const WIDE: &[&str] =
    &["-ffast-math", "-fno-math-errno", "-pthread", "-std=gnu++17", "-mprefer-vector-width=512"];
#[cfg(not(target_arch = "x86_64"))]
const WIDE: &[&str] = &["-ffast-math", "-fno-math-errno", "-pthread", "-std=gnu++17"];

macro_rules! file {
    ($folder:literal, $name:literal) => {
        ($name, include_str!(concat!("../../../../benches/", $folder, "/", $name)))
    };
}

/// Right-hand side of Lotka–Volterra.
pub(crate) const LOTKA_VOLTERRA: Source = Source {
    name: "lotka_volterra.c",
    language: Language::C,
    files: &[file!("core", "lotka_volterra.c")],
    flags: &[NATIVE],
};

/// Right-hand side of 30 species with 40 `exp` and 20 `pow` of the C library.
pub(crate) const KINETICS: Source = Source {
    name: "kinetics30.c",
    language: Language::C,
    files: &[file!("core", "kinetics30.c")],
    flags: &[NATIVE],
};

/// Network 2–50–2 with its product, with the vector `tanh` of the C library.
pub(crate) const SMALL_NETWORK: Source = Source {
    name: "mlp_2_50_2.c",
    language: Language::C,
    files: &[file!("core", "mlp_2_50_2.c"), file!("core", "tanh.h")],
    flags: &[NATIVE, FAST],
};

/// The same with the short `tanh`.
pub(crate) const SMALL_NETWORK_SHORT: Source =
    Source { flags: &[NATIVE, FAST, SHORT], ..SMALL_NETWORK };

/// Network 16–128–128–16 with its product, with the vector `tanh` of the C library.
pub(crate) const LARGE_NETWORK: Source = Source {
    name: "mlp_16_128_128_16.c",
    language: Language::C,
    files: &[file!("core", "mlp_16_128_128_16.c"), file!("core", "tanh.h")],
    flags: &[NATIVE, FAST],
};

/// The same with the short `tanh`.
pub(crate) const LARGE_NETWORK_SHORT: Source =
    Source { flags: &[NATIVE, FAST, SHORT], ..LARGE_NETWORK };

/// Whole solves and gradients.
pub(crate) const WHOLE: Source = Source {
    name: "whole.cpp",
    language: Language::Cpp,
    files: &[file!("core", "whole.cpp"), file!("peers/c", "limits.cpp")],
    flags: &[NATIVE, WIDE],
};

/// The shared libraries of SUNDIALS; before the source, so they are kept whether or not something
/// needs them.
#[cfg(target_os = "linux")]
const SUNDIALS: &[&str] = &[
    "-Wl,--no-as-needed",
    "-I/usr/include/suitesparse",
    "-lsundials_cvode",
    "-lsundials_ida",
    "-lsundials_nvecserial",
    "-lsundials_sunmatrixdense",
    "-lsundials_sunmatrixband",
    "-lsundials_sunmatrixsparse",
    "-lsundials_sunlinsoldense",
    "-lsundials_sunlinsolband",
    "-lsundials_sunlinsolklu",
    "-lsundials_sunnonlinsolfixedpoint",
];
#[cfg(not(target_os = "linux"))]
const SUNDIALS: &[&str] =
    &["-lsundials_cvode", "-lsundials_ida", "-lsundials_nvecserial", "-lsundials_sunlinsolklu"];

/// CVODE and IDA on standard problems, with Jacobians written by hand.
pub(crate) const CVODE: Source = Source {
    name: "cvode.c",
    language: Language::C,
    files: &[file!("solvers", "cvode.c")],
    flags: &[NATIVE, SUNDIALS],
};

/// Tsit5 and Rodas4 written by hand for single problems.
pub(crate) const HAND_WRITTEN: Source = Source {
    name: "hand.cpp",
    language: Language::Cpp,
    files: &[file!("solvers", "hand.cpp"), file!("peers/c", "limits.cpp")],
    flags: &[NATIVE, WIDE],
};
