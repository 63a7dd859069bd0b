//! Checks model files: `cargo run -p slopefield-lang --example check -- model.slope`.
fn main() {
    for file in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let (model, diagnostics) = slopefield_lang::check(&text);
        println!("{}", slopefield_lang::render(&text, &file, &diagnostics, false));
        println!("{}", model.class.sentence);
        match slopefield_lang::format(&text) {
            Some(formatted) if formatted == text => println!("formatted"),
            Some(formatted) => println!("not formatted; canonical text:\n{formatted}"),
            None => println!("does not parse"),
        }
        for line in slopefield_lang::latex(&text) {
            println!("{line}");
        }
    }
}
