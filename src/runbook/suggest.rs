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
];

/// What stands in the step in other systems, and in its `with` here.
const INSIDE: &[(&str, &str)] =
    &[("env", "with"), ("dir", "with"), ("working-directory", "with"), ("stdin", "with"), ("probe", "with")];

/// Bytes of a word that somebody may have meant to write otherwise: twice an id.
const LONGEST: usize = 128;

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
    let (_, here) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == word)?;
    known.into_iter().find(|candidate| candidate == here)
}

/// `did you mean …?`, or what there is to choose from when that is short.
pub fn help<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    let has = |wanted: &str| known.clone().into_iter().any(|candidate| candidate == wanted);
    if let Some((field, place)) = INSIDE.iter().find(|(field, place)| *field == word && has(place)) {
        let field = if *field == "working-directory" { "dir" } else { field };
        return Some(format!("write it inside of `{place}`: `{place}: {{ {field}: … }}`"));
    }
    if let Some(near) = nearest(word, known.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<_> = known.into_iter().map(|candidate| format!("`{candidate}`")).collect();
    (!all.is_empty() && all.len() <= 40).then(|| format!("there is {}", all.join(", ")))
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
    }
}
