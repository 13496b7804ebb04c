//! The schema for editors: the committed file is what the program prints, takes every sound runbook, and refuses every
//! broken one whose defect it can see.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use regrow::kinds::{KINDS, Kinds};
use regrow::runbook::catalog::Catalog;
use regrow::runbook::codes;
use regrow::runbook::schema::{part_schema, schema};
use serde_json::Value;

/// Each with the command that prints it, and the folders of files that fit.
const FILES: &[(&str, &str, Schema, &[&str])] = &[
    ("schemas/runbook.schema.json", "schema", schema, &["tests/sound", "tests/network/sound", "runbooks"]),
    (
        "schemas/include.schema.json",
        "schema --include",
        part_schema,
        &["tests/sound/lib", "tests/sound/lib/deeper", "runbooks/lib"],
    ),
];

type Schema = fn(&dyn Catalog) -> Value;

/// Problems that no schema can tell, each with the reason: an editor that shows none of them is no `check`.
const UNSEEN: &[(&str, &[&str])] = &[
    (
        "the text is no YAML, or no text that a schema is given",
        &[
            codes::YAML,
            codes::DUPLICATE_KEY,
            codes::TWO_DOCUMENTS,
            codes::TAB,
            codes::ALIAS_BOMB,
            codes::FILE_TOO_LARGE,
            codes::NOT_UTF8,
            codes::DIRECTORY,
            codes::MISSING_FILE,
            codes::UNQUOTED_TEMPLATE,
            codes::TOO_DEEP,
            codes::UNREADABLE,
            codes::ODD_YAML,
            codes::RESERVED_KEY,
        ],
    ),
    (
        "it takes the graph, or the names of other places in the file",
        &[
            codes::DUPLICATE_ID,
            codes::UNKNOWN_NEED,
            codes::CYCLE,
            codes::NEEDS_FINALLY,
            codes::UNKNOWN_HOLD,
            codes::IDLE_HOLD,
            codes::IDLE_RETRY,
            codes::HOLD_MISPLACED,
            codes::HOLD_READ_CHANGES,
            codes::HALF_HELD,
            codes::STUB,
            codes::FORGOTTEN_NEEDS,
            codes::UNKNOWN_STEP,
            codes::NOBODYS_ROLE,
            codes::TOO_FEW_PEOPLE,
            codes::IN_PLACE_UNSAID,
            codes::IN_PLACE_UNAPPROVED,
            codes::NOT_IN_PLACE,
            codes::NOT_ANCESTOR,
            codes::UNKNOWN_OUTPUT,
            codes::SELF_OUTSIDE_VERIFY,
            codes::DUPLICATE_NEED,
            codes::UNKNOWN_PARAM,
            codes::UNKNOWN_VAR,
            codes::UNKNOWN_SECRET,
            codes::UNKNOWN_ROLE,
            codes::VARS_RING,
            codes::INCLUDE_RING,
            codes::PARAM_MISSING,
            codes::PARAM_UNKNOWN,
        ],
    ),
    (
        "it stands inside of a template or of an expression",
        &[
            codes::TEMPLATE_SYNTAX,
            codes::TEMPLATE_BLOCK,
            codes::UNKNOWN_HELPER,
            codes::ARGUMENT_COUNT,
            codes::UNKNOWN_NAME,
            codes::VAGUE_REFERENCE,
            codes::NOT_BOOLEAN,
            codes::TEMPLATE_IN_SQL,
            codes::TEMPLATE_LIMIT,
            codes::ARGUMENT_TYPE,
            codes::ENV_OUTSIDE_VARS,
        ],
    ),
    (
        "it takes the meaning of a value: a secret, a URL, an expression of another language",
        &[
            codes::URL_PASSWORD,
            codes::SECRET_MISPLACED,
            codes::SECRET_IN_CLEAR,
            codes::PARAM_TYPE,
            codes::PARAM_ENUM,
            codes::PARAM_PATTERN,
            codes::BAD_PATTERN,
            codes::BAD_TIMESTAMP,
        ],
    ),
];

/// Broken files whose code a schema can tell, but not in this place. Each with the reason.
const NOT_HERE: &[(&str, &str)] = &[
    ("condition-never.yaml", "what a step reads stands inside of a template"),
    ("defaults-bad-pattern.yaml", "which kinds a pattern means is not for a schema"),
    ("defaults-field-of-no-kind.yaml", "which kinds a pattern means is not for a schema"),
    ("expect-part.yaml", "which parts a probe has"),
    ("foreach-companions-alone.yaml", "editors would refuse the step as a whole, not the key"),
    ("foreach-keys.yaml", "whether items can be told apart"),
    ("foreach-no-key.yaml", "whether items can be told apart"),
    ("foreach-of-text-param.yaml", "the type of what a template gives"),
    ("foreach-runtime-number.yaml", "the type of what a template gives"),
    ("foreach-runtime-list.yaml", "it stands inside of a template"),
    ("drill-with.yaml", "what a drill lays over the fields of a kind is judged together with them"),
    ("include-foreach-late.yaml", "it stands in another file"),
    ("include-inside.yaml", "it stands in another file"),
    ("include-missing-file.yaml", "it stands in another file"),
    ("include-runbook-keys.yaml", "it stands in another file"),
    ("kind-probe-as-step.yaml", "every probe of this program may also be a step"),
    ("param-required-default.yaml", "two keys that exclude one another"),
    ("ref-item.yaml", "it stands inside of a template"),
    ("ref-step-field.yaml", "it stands inside of a template"),
    ("step-many-attempts.yaml", "how large a count may be"),
    ("with-template-type.yaml", "the type of what a template gives"),
    ("with-var-type.yaml", "the type of what a variable holds"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema(&Kinds)).expect("the schema is one")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// The file as an editor hands it to a schema; `None` if it is no YAML.
fn value(text: &str) -> Option<Value> {
    serde_saphyr::from_str(text).ok()
}

fn flaws(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_committed_schemas_are_what_the_program_prints() {
    for (file, command, schema, _) in FILES {
        let committed = fs::read_to_string(root().join(file)).unwrap_or_default();
        let made = format!("{}\n", serde_json::to_string_pretty(&schema(&Kinds)).unwrap());
        assert!(committed == made, "{file} is not up to date; run `cargo run -- {command} > {file}`");
    }
}

#[test]
fn every_sound_runbook_fits() {
    for (_, _, schema, folders) in FILES {
        let validator = jsonschema::draft7::new(&schema(&Kinds)).expect("the schema is one");
        for path in folders.iter().flat_map(|folder| files(folder)) {
            let value = value(&fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(flaws(&validator, &value), [""; 0], "{}", path.display());
        }
    }
    let validator = validator();
    for kind in KINDS {
        let step = value(kind.example()).unwrap();
        let book = serde_json::json!({"version": 1, "name": "x", "severity": "partial", "steps": [step]});
        assert_eq!(flaws(&validator, &book), [""; 0], "{}", kind.name());
    }
}

#[test]
fn every_broken_runbook_whose_form_is_wrong_is_refused() {
    let validator = validator();
    let unseen = |code: &str| UNSEEN.iter().any(|(_, codes)| codes.contains(&code));
    let (mut passed, mut stale) = (Vec::new(), Vec::new());
    for path in files("tests/broken") {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Some(value) = value(&text) else { continue };
        let expected = text.lines().map_while(|line| line.strip_prefix("# RG"));
        // What is wrong with a file beside the runbook is not for the runbook's schema.
        let is_here = |line: &&str| !line.split(' ').nth(1).is_some_and(|place| place.contains(".yaml:"));
        let codes: Vec<String> =
            expected.filter(is_here).filter_map(|line| Some(format!("RG{}", line.split(' ').next()?))).collect();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let excused = NOT_HERE.iter().any(|(file, _)| *file == name);
        match flaws(&validator, &value).is_empty() {
            true if !excused && !codes.iter().all(|code| unseen(code.as_str())) => {
                passed.push(format!("{name}: {codes:?}"))
            }
            false if excused => stale.push(name),
            _ => {}
        }
    }
    assert!(passed.is_empty(), "the schema takes:\n{}", passed.join("\n"));
    assert!(stale.is_empty(), "the schema refuses these after all: {stale:?}");
}

#[test]
fn a_flaw_is_named_where_it_stands() {
    let book = |step: &str| {
        let text = format!("version: 1\nname: x\nseverity: partial\nsteps:\n  - {step}\n");
        flaws(&validator(), &value(&text).unwrap()).join("\n")
    };
    let cases = [
        ("{id: a, uses: postgres.restore, with: {backup: {}, data_directory: /x, as_of: x, prot: 5}}", "/steps/0/with"),
        ("{id: a, uses: manual.task}", "\"with\" is a required property"),
        ("{id: a, uses: postgres.query, with: {connection: x, sql: x}, undo: swap_back}", "/steps/0/undo"),
        ("{id: a, run: x, with: {effect: opake}}", "/steps/0/with/effect"),
        ("{id: a, run: x, verify: [{probe: tcp.connect, with: {adress: x}, expect: true}]}", "/steps/0/verify"),
        ("{id: a, run: x, timeout: 5}", "/steps/0/timeout"),
        ("{id: a, run: x, nedes: []}", "nedes"),
    ];
    for (step, place) in cases {
        assert!(book(step).contains(place), "{step}: {}", book(step));
    }
    let templated =
        "{id: a, run: x, with: {effect: '{{ params.e }}', env: '{{ vars.e }}'}, estimate: '{{ params.t }}'}";
    assert_eq!(book(templated), "");
}
