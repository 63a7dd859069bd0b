//! The TypeScript of the window is generated from the Rust types and kept in the repository.
//! `UPDATE_TYPESCRIPT=1 cargo test -p slopefield-api` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use slopefield_api::schema::{Command, CommandVisitor, Type};
use slopefield_api::types::Progress;
use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Default)]
struct Page {
    declarations: BTreeMap<String, String>,
    commands: String,
}

impl CommandVisitor for Page {
    fn command(&mut self, name: &str, request: Type, reply: Type) {
        writeln!(
            self.commands,
            "  {name}: {{ request: {}; reply: {} }};",
            request.name, reply.name
        )
        .unwrap();
        self.declarations.extend(request.declarations);
        self.declarations.extend(reply.declarations);
    }
}

#[test]
fn generated_types_are_up_to_date() {
    let mut page = Page::default();
    Command::visit(&mut page);
    page.declarations.extend(Type::of::<Progress>().declarations);
    page.declarations.extend(Type::of::<slopefield_api::ApiError>().declarations);
    let mut text = String::from(
        "// Generated from the Rust types by `UPDATE_TYPESCRIPT=1 cargo test -p slopefield-api`.\n// Not edited by hand.\n",
    );
    for declaration in page.declarations.values() {
        write!(text, "\n{declaration}\n").unwrap();
    }
    write!(
        text,
        "\n/** Request and reply of every command. */\nexport type Commands = {{\n{}}};\n",
        page.commands
    )
    .unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/generated/api.ts");
    if std::env::var_os("UPDATE_TYPESCRIPT").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "ui/src/generated/api.ts is out of date: run UPDATE_TYPESCRIPT=1 cargo test -p slopefield-api"
    );
}
