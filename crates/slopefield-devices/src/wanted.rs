//! What was asked for.

/// The device that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wanted {
    /// The one that is expected to be done first.
    #[default]
    Auto,
    /// The processor.
    Processor,
    /// The best graphics card.
    Card,
    /// The card whose name holds this, software too.
    Named(String),
}

impl Wanted {
    /// `auto`, `cpu`, `gpu`, or a part of a card's name.
    #[must_use]
    pub fn of(word: &str) -> Wanted {
        match word.trim().to_lowercase().as_str() {
            "" | "auto" => Wanted::Auto,
            "cpu" | "processor" => Wanted::Processor,
            "gpu" | "card" => Wanted::Card,
            _ => Wanted::Named(word.trim().to_owned()),
        }
    }
}
