//! Commands as other programs call them.

/// What other programs call our commands.
const ELSEWHERE: [(&str, &str); 5] =
    [("validate", "check"), ("lint", "check"), ("apply", "run"), ("execute", "run"), ("rehearse", "drill")];

/// Names the command that does what an unknown one does elsewhere.
pub fn suggest(error: &mut clap::Error) {
    use clap::error::{ContextKind, ContextValue};
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else { return };
    if let Some((_, here)) = ELSEWHERE.iter().find(|(elsewhere, _)| elsewhere == typed) {
        let words = ContextValue::Strings(vec![(*here).to_owned()]);
        drop(error.insert(ContextKind::SuggestedSubcommand, words));
    }
}
