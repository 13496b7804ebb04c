//! Steps that people do. The engine asks and takes the answers; these say what may stand in the runbook.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::kind::{Kind, Role};
use crate::model::Effect;
use crate::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};
use crate::runbook::{codes, duration};

/// `manual.task`: a person does something and says so, filling in a form if there is one.
pub struct Task;
/// `manual.approval`: people agree before anything after it happens.
pub struct Approval;
/// `manual.notice`: people are told something.
pub struct Notice;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the engine reads the rendered fields; the type is their schema")]
pub struct TaskParams {
    /// What to do, for somebody who has not slept.
    instructions: String,
    /// What to report back, by name.
    #[serde(default)]
    form: IndexMap<String, Field>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "see above")]
struct Field {
    #[serde(default, rename = "type")]
    kind: FieldType,
    /// Asked for without an echo, never shown, and sealed until the run ends.
    #[serde(default)]
    secret: bool,
    /// Fields are required unless this says no.
    #[serde(default)]
    required: Option<bool>,
    #[serde(default, rename = "enum")]
    choices: Vec<Value>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FieldType {
    #[default]
    String,
    Integer,
    Number,
    Boolean,
    Timestamp,
    List,
    Map,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "see above")]
pub struct ApprovalParams {
    /// What is agreed to.
    show: String,
    /// Roles that may agree; anybody unless said.
    #[serde(default)]
    from: Vec<String>,
    /// How many distinct people, or `all` who have one of the roles.
    #[serde(default)]
    minimum: Option<Least>,
    /// Whether who started the run counts; yes unless said.
    #[serde(default)]
    by_starter: Option<bool>,
    /// A question that is not answered by then is said louder, and goes to more people: `15m`, or `{after, to}`.
    #[serde(default)]
    escalate_after: Option<EscalateAfter>,
}

/// See [`Least`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "see above")]
enum EscalateAfter {
    After(String),
    To(EscalateTo),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "see above")]
struct EscalateTo {
    /// How long it waits before.
    after: String,
    /// Roles that may agree from then on, too.
    #[serde(default)]
    to: Vec<String>,
}

/// Judged by its schema, which names both; never read as this type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "see above")]
enum Least {
    Count(#[schemars(range(min = 1))] u32),
    Word(All),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum All {
    All,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "see above")]
pub struct NoticeParams {
    /// Who should read it.
    audience: String,
    /// What they should know.
    message: String,
    /// Wait until somebody says that it was read.
    #[serde(default)]
    acknowledge: bool,
}

/// What the engine performs itself never gets as far as a provider.
macro_rules! by_people {
    ($kind:ty, $name:literal, $page:literal, $params:ty, $example:literal, $outputs:expr, $check:expr) => {
        impl Kind for $kind {
            const NAME: &'static str = $name;
            const PAGE: &'static str = include_str!($page);
            const ROLE: Role = Role::Intrinsic;
            const PREPARES: bool = false;
            type Params = $params;
            type Prior = Value;

            fn example() -> &'static str {
                $example
            }

            fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
                let check: fn(&Late<'_>) -> Vec<Complaint> = $check;
                check(with)
            }

            fn effect(&self, _: &Late<'_>) -> Effect {
                Effect::Human
            }

            fn outputs(&self, with: &Late<'_>) -> Shape {
                let outputs: fn(&Late<'_>) -> Shape = $outputs;
                outputs(with)
            }
        }
    };
}

by_people!(
    Task,
    "manual.task",
    "task.md",
    TaskParams,
    "id: call\nuses: manual.task\nneeds: []\nwith:\n  instructions: Call the provider and ask for a ticket.\n  form: { ticket: { type: string } }\n",
    form,
    |_| Vec::new()
);
by_people!(
    Approval,
    "manual.approval",
    "approval.md",
    ApprovalParams,
    "id: go\nuses: manual.approval\nneeds: []\nwith:\n  show: The site goes down for ten minutes now.\n  from: [commander]\n",
    |_| Shape::of([("approved_by", OutputType::List)]),
    patience
);
by_people!(
    Notice,
    "manual.notice",
    "notice.md",
    NoticeParams,
    "id: tell\nuses: manual.notice\nneeds: []\nwith:\n  audience: teachers\n  message: Grades of the last hour have to be entered again.\n",
    |_| Shape::of([]),
    |_| Vec::new()
);

/// How long a question waits is known before the run: people are told, and nobody is there to see it fail.
fn patience(with: &Late<'_>) -> Vec<Complaint> {
    let path: &[&str] =
        if with.has(&["escalate_after", "after"]) { &["escalate_after", "after"] } else { &["escalate_after"] };
    let message = match with.get(path) {
        Known::Known(Value::String(text)) => match duration::parse(text) {
            Ok(after) if !after.is_zero() => return Vec::new(),
            Ok(_) => "`escalate_after` has to be longer than 0".to_string(),
            Err(message) => message,
        },
        Known::Unknown => "`escalate_after` takes no template".to_string(),
        Known::Known(_) | Known::Absent => return Vec::new(),
    };
    let path = path.iter().map(|part| part.to_string()).collect();
    vec![Complaint { path, code: codes::BAD_DURATION, message, help: Some(duration::DURATION_HELP.into()) }]
}

/// The outputs of a task are the fields of its form.
fn form(with: &Late<'_>) -> Shape {
    let Known::Known(Value::Object(fields)) = with.get(&["form"]) else { return Shape::of([]) };
    let kind = |field: &Value| match field["secret"] == true {
        true => OutputType::Secret,
        false => shown(field),
    };
    Shape::Closed(fields.iter().map(|(name, field)| (name.clone(), kind(field))).collect())
}

fn shown(field: &Value) -> OutputType {
    match serde_json::from_value(field["type"].clone()).unwrap_or_default() {
        FieldType::String => OutputType::Text,
        FieldType::Integer => OutputType::Integer,
        FieldType::Number => OutputType::Number,
        FieldType::Boolean => OutputType::Boolean,
        FieldType::Timestamp => OutputType::Timestamp,
        FieldType::List => OutputType::List,
        FieldType::Map => OutputType::Map,
    }
}
