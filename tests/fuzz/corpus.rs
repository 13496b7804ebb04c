//! What the inputs are made of: the runbooks of the tests, sound and broken, those that are shipped, and their words.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

pub struct Corpus {
    pub texts: Vec<String>,
    /// Every key that stands in them.
    pub keys: Vec<String>,
    /// What stands behind a key.
    pub values: Vec<String>,
    /// Everything between `{{` and `}}`.
    pub templates: Vec<String>,
}

static CORPUS: LazyLock<Corpus> = LazyLock::new(Corpus::read);

pub fn corpus() -> &'static Corpus {
    &CORPUS
}

impl Corpus {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut texts = Vec::new();
        for folder in ["tests/sound", "tests/broken", "tests/network/sound", "runbooks"] {
            let mut paths: Vec<_> =
                fs::read_dir(root.join(folder)).expect(folder).map(|entry| entry.expect(folder).path()).collect();
            // By name, so that a seed means the same everywhere.
            paths.sort();
            let yaml = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
            texts.extend(yaml.map(|path| String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned()));
        }
        let (mut keys, mut values, mut templates) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for line in texts.iter().flat_map(|text| text.lines()) {
            for part in line.split([',', '{', '}']) {
                if let Some((key, value)) = part.split_once(": ") {
                    keys.insert(key.trim_start_matches([' ', '-']).to_string());
                    values.insert(value.trim().to_string());
                }
            }
            let inside = line.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
            templates.extend(inside.map(|inside| inside.trim().to_string()));
        }
        let list = |set: BTreeSet<String>| set.into_iter().filter(|word| !word.is_empty()).collect();
        Self { texts, keys: list(keys), values: list(values), templates: list(templates) }
    }
}
