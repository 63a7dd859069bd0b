//! Declares the commands of the shell.

fn main() {
    // Declaring the commands makes them subject to the capability files (allow-<command>) instead
    // of being open to every window.
    let commands = &["rpc", "rpc_stream", "pick_open", "pick_save", "launch_request"];
    let manifest = tauri_build::AppManifest::new().commands(commands);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest))
        .expect("tauri build script");
}
