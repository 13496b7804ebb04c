//! The workspace we belong to, and the cargo that runs us.

use std::path::PathBuf;

use tokio::process::Command;

/// The cargo that runs us, in the workspace, without what `cargo run` says about the package `rig` alone: it would make
/// build scripts of other packages run again.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_INCREMENTAL", "1").current_dir(root());
    command
}

/// Where `Cargo.toml` of the workspace lies.
pub fn root() -> PathBuf {
    let known = std::env::var_os("CARGO_WORKSPACE_DIR").map(PathBuf::from);
    known.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}
