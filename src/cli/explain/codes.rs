//! The pages of the codes, read out of `docs/codes`.

use std::sync::OnceLock;

use serde_json::{Value, json};

const FILES: [&str; 6] = [
    include_str!("../../../docs/codes/runbook.md"),
    include_str!("../../../docs/codes/work.md"),
    include_str!("../../../docs/codes/kubernetes.md"),
    include_str!("../../../docs/codes/velero.md"),
    include_str!("../../../docs/codes/backups.md"),
    include_str!("../../../docs/codes/run.md"),
];

#[derive(Debug)]
pub struct Page {
    pub code: &'static str,
    pub title: &'static str,
    body: &'static str,
}

pub fn find(code: &str) -> Option<&'static Page> {
    pages().iter().find(|page| page.code.eq_ignore_ascii_case(code))
}

pub fn pages() -> &'static [Page] {
    static PAGES: OnceLock<Vec<Page>> = OnceLock::new();
    PAGES.get_or_init(|| FILES.iter().flat_map(|file| file.split("\n## ").skip(1)).filter_map(page).collect())
}

/// `CODE title`, an empty line, the rest.
fn page(section: &'static str) -> Option<Page> {
    let (heading, body) = section.split_once('\n')?;
    let (code, title) = heading.split_once(' ')?;
    Some(Page { code, title, body: body.trim() })
}

impl Page {
    pub fn text(&self) -> String {
        format!("{}: {}\n\n{}\n", self.code, self.title, self.body)
    }

    pub fn json(&self) -> Value {
        json!({"code": self.code, "title": self.title, "text": self.body})
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use regex::Regex;

    use super::*;
    use crate::runbook::codes;

    /// Every code in the code itself, without that of tests, and a file it stands in.
    fn used(folder: &Path, pattern: &Regex, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if ["tests", "tests.rs", "testing.rs", "testkit.rs"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                used(&path, pattern, found);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let place = path.display().to_string();
                found.extend(pattern.captures_iter(code).map(|hit| (hit[1].to_string(), place.clone())));
            }
        }
    }

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let mut used_codes = BTreeMap::new();
        let pattern = Regex::new("\"(RG[0-9]{4})\\b").unwrap();
        used(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &pattern, &mut used_codes);
        let pageless: Vec<_> = used_codes.iter().filter(|(code, _)| find(code).is_none()).collect();
        assert!(pageless.is_empty(), "without a page in docs/codes: {pageless:?}");
        let unused: Vec<_> =
            pages().iter().map(|page| page.code).filter(|code| !used_codes.contains_key(*code)).collect();
        assert!(unused.is_empty(), "pages of codes that nothing prints: {unused:?}");
        assert!(pages().windows(2).all(|pair| pair[0].code < pair[1].code), "pages are in order, each once");
    }

    #[test]
    fn every_page_says_what_to_do_next() {
        for page in pages() {
            assert!(page.body.lines().any(|line| line.starts_with("Next: ")), "{}", page.code);
        }
    }

    #[test]
    fn the_language_and_its_pages_have_the_same_titles() {
        for (code, title) in codes::ALL {
            assert_eq!(find(code).map(|page| page.title), Some(*title), "{code}");
        }
    }
}
