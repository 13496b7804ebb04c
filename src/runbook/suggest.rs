//! "Did you mean": the known word nearest to what was written.

/// What users of other systems write for what is called otherwise here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("depends_on", "needs"),
    ("dependsOn", "needs"),
    ("after", "needs"),
    ("when", "if"),
    ("condition", "if"),
    ("environment", "env"),
    ("shell", "run"),
    ("command", "run"),
    ("kind", "uses"),
    ("action", "uses"),
    ("type", "uses"),
    ("args", "with"),
    ("inputs", "params"),
    ("parameters", "params"),
    ("variables", "vars"),
    ("retries", "retry"),
    ("continue_on_error", "allow_failure"),
    ("continue-on-error", "allow_failure"),
    ("ignore_errors", "allow_failure"),
    ("timeout-minutes", "timeout"),
    ("strategy", "foreach"),
    ("matrix", "foreach"),
    ("loop", "foreach"),
    ("with_items", "foreach"),
    ("always", "finally"),
    ("tasks", "steps"),
    ("jobs", "steps"),
    ("title", "name"),
    ("rollback", "undo"),
    ("check", "verify"),
    ("assert", "require"),
    ("name", "key"),
    ("variable", "key"),
    ("equals", "eq"),
    ("len", "length"),
    ("size", "length"),
];

/// What stands in the step in other systems, and in its `with` here.
const INSIDE: &[(&str, &str)] =
    &[("env", "with"), ("dir", "with"), ("working-directory", "with"), ("stdin", "with"), ("probe", "with")];

/// Bytes of a word that somebody may have meant to write otherwise: twice an id.
const LONGEST: usize = 128;

/// Of so few letters each is near to much else: nothing is guessed.
const TOO_SHORT: usize = 2;
/// So many letters tell which word was begun.
const BEGUN: usize = 4;

/// So many words are listed where none is near.
const MOST_LISTED: usize = 40;

/// The nearest of `known`, if any is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let scored = known.clone().into_iter().map(|candidate| (score(&lower, &candidate.to_lowercase()), candidate));
    // The first of equals, so that the answer does not hang on the order of a hash.
    let best = scored.fold(None, |best: Option<(f64, &str)>, next| match best {
        Some(held) if held.0 >= next.0 => Some(held),
        _ => Some(next),
    });
    if let Some((score, candidate)) = best
        && score >= 0.6
    {
        return Some(candidate);
    }
    if let Some(begun) = begun(&lower, known.clone()) {
        return Some(begun);
    }
    let (_, here) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == word)?;
    known.into_iter().find(|candidate| candidate == here)
}

/// The one word of which the other is the beginning: `data_dir`, `uppercase`.
fn begun<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let is_begun = |candidate: &&str| {
        let goes_on = word.len() >= BEGUN && candidate.starts_with(word);
        goes_on || (candidate.len() >= BEGUN && word.starts_with(candidate))
    };
    let mut found = known.into_iter().filter(is_begun);
    found.next().filter(|_| found.next().is_none())
}

/// `did you mean …?`, or what there is to choose from when that is short.
pub fn help<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    let has = |wanted: &str| known.clone().into_iter().any(|candidate| candidate == wanted);
    if let Some((field, place)) = INSIDE.iter().find(|(field, place)| *field == word && has(place)) {
        let field = if *field == "working-directory" { "dir" } else { field };
        return Some(format!("write it inside of `{place}`: `{place}: {{ {field}: … }}`"));
    }
    let listed = known.clone().into_iter().count();
    if let Some(near) = nearest(word, known.clone()).filter(|_| word.len() > TOO_SHORT || listed > MOST_LISTED) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<_> = known.into_iter().map(|candidate| format!("`{candidate}`")).collect();
    (!all.is_empty() && all.len() <= MOST_LISTED).then(|| format!("there is {}", all.join(", ")))
}

fn score(word: &str, candidate: &str) -> f64 {
    let (short, long) = (word.len().min(candidate.len()), word.len().max(candidate.len()));
    // Comparing takes the product of both lengths: what is no word, or far too short to be near, is not compared.
    if word.is_empty() || long > LONGEST || short * 5 < long {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(word, candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keys = ["needs", "name", "uses", "with", "if"];
        assert_eq!(nearest("neds", keys), Some("needs"));
        assert_eq!(nearest("Uses", keys), Some("uses"));
        assert_eq!(nearest("depends_on", keys), Some("needs"));
        assert_eq!(help("env", keys).unwrap(), "write it inside of `with`: `with: { env: … }`");
        assert_eq!(nearest("zzz", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest("data_dir", ["backup", "data_directory", "as_of"]), Some("data_directory"));
        assert_eq!(nearest("uppercase", ["lower", "upper"]), Some("upper"));
        assert_eq!(help("AA", ["A", "AAAA", "CAA"]).unwrap(), "there is `A`, `AAAA`, `CAA`");
    }
}
