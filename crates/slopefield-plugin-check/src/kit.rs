//! The kit for authors as files of this program, so that a new plugin needs nothing but a compiler.

macro_rules! files {
    ($($to:literal $from:literal;)*) => {
        &[$(($to, include_str!(concat!("../../../plugins/", $from)))),*]
    };
}

/// The C header, as a path in a new plugin and its text.
pub(crate) const HEADER: &[(&str, &str)] = files! {
    "include/slopefield_plugin.h" "abi/include/slopefield_plugin.h";
};

/// The sources of both crates for Rust.
pub(crate) const RUST: &[(&str, &str)] = files! {
    "kit/abi/src/lib.rs" "abi/src/lib.rs";
    "kit/abi/src/delays.rs" "abi/src/delays.rs";
    "kit/abi/src/implicit.rs" "abi/src/implicit.rs";
    "kit/abi/src/network.rs" "abi/src/network.rs";
    "kit/abi/src/noise.rs" "abi/src/noise.rs";
    "kit/abi/src/redo.rs" "abi/src/redo.rs";
    "kit/abi/src/segment.rs" "abi/src/segment.rs";
    "kit/abi/src/solver.rs" "abi/src/solver.rs";
    "kit/abi/src/split.rs" "abi/src/split.rs";
    "kit/abi/src/state_delays.rs" "abi/src/state_delays.rs";
    "kit/abi/src/step_vjp.rs" "abi/src/step_vjp.rs";
    "kit/abi/src/custom.rs" "abi/src/custom.rs";
    "kit/sdk/src/border/definition.rs" "sdk/src/border/definition.rs";
    "kit/sdk/src/border/delays.rs" "sdk/src/border/delays.rs";
    "kit/sdk/src/border/graph.rs" "sdk/src/border/graph.rs";
    "kit/sdk/src/border/implicit.rs" "sdk/src/border/implicit.rs";
    "kit/sdk/src/border/mod.rs" "sdk/src/border/mod.rs";
    "kit/sdk/src/border/noise.rs" "sdk/src/border/noise.rs";
    "kit/sdk/src/border/problem.rs" "sdk/src/border/problem.rs";
    "kit/sdk/src/border/reversal.rs" "sdk/src/border/reversal.rs";
    "kit/sdk/src/border/operator.rs" "sdk/src/border/operator.rs";
    "kit/sdk/src/operator.rs" "sdk/src/operator.rs";
    "kit/sdk/src/border/segment.rs" "sdk/src/border/segment.rs";
    "kit/sdk/src/border/split.rs" "sdk/src/border/split.rs";
    "kit/sdk/src/border/tables.rs" "sdk/src/border/tables.rs";
    "kit/sdk/src/error.rs" "sdk/src/error.rs";
    "kit/sdk/src/lib.rs" "sdk/src/lib.rs";
    "kit/sdk/src/network.rs" "sdk/src/network.rs";
    "kit/sdk/src/options.rs" "sdk/src/options.rs";
    "kit/sdk/src/solver.rs" "sdk/src/solver.rs";
};

/// Manifests of the two crates, outside of the workspace that they come from.
pub(crate) fn manifests() -> [(&'static str, String); 2] {
    let manifest = |name: &str, dependencies: &str| {
        format!(
            "# A copy of the kit of Slopefield {version}.\n[package]\nname = \"{name}\"\n\
             version = \"{version}\"\nedition = \"2024\"\nrust-version = \"{rust}\"\n\
             license = \"{license}\"\npublish = false\n{dependencies}",
            version = env!("CARGO_PKG_VERSION"),
            rust = env!("CARGO_PKG_RUST_VERSION"),
            license = env!("CARGO_PKG_LICENSE"),
        )
    };
    let abi = "\n[dependencies]\nslopefield-plugin-abi = { path = \"../abi\" }\n";
    [
        ("kit/abi/Cargo.toml", manifest("slopefield-plugin-abi", "")),
        ("kit/sdk/Cargo.toml", manifest("slopefield-plugin-sdk", abi)),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    fn sources(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                sources(&entry.path(), &name, found);
            } else {
                found.insert(name);
            }
        }
    }

    #[test]
    fn the_kit_is_complete() {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        let mut there = BTreeSet::new();
        for name in ["abi", "sdk"] {
            sources(&plugins.join(name).join("src"), &format!("kit/{name}/src"), &mut there);
        }
        let listed: BTreeSet<String> = super::RUST.iter().map(|f| f.0.to_owned()).collect();
        assert_eq!(listed, there, "src/kit.rs must list every source of the kit");
    }
}
