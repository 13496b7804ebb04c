//! What type an expression has, as far as the text tells.

use serde_json::Value;

use super::Expr;

/// The type of a value, as coarse as helpers need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Not known before the run.
    Any,
    Text,
    Number,
    Boolean,
    Timestamp,
    Duration,
    List,
    Map,
}

impl Type {
    pub fn what(self) -> &'static str {
        match self {
            Type::Any => "anything",
            Type::Text => "text",
            Type::Number => "a number",
            Type::Boolean => "true or false",
            Type::Timestamp => "a timestamp",
            Type::Duration => "a duration",
            Type::List => "a list",
            Type::Map => "a map",
        }
    }

    /// Whether a value of this type may stand where `wanted` is asked for.
    pub fn fits(self, wanted: Type) -> bool {
        use Type::{Any, Duration, Text, Timestamp};
        match (self, wanted) {
            (Any, _) | (_, Any) => true,
            // Timestamps and durations are texts, and a text may turn out to be one.
            (Text | Timestamp | Duration, Text) | (Text, Timestamp | Duration) => true,
            (found, wanted) => found == wanted,
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Type::Any,
            Value::Bool(_) => Type::Boolean,
            Value::Number(_) => Type::Number,
            Value::String(_) => Type::Text,
            Value::Array(_) => Type::List,
            Value::Object(_) => Type::Map,
        }
    }
}

/// The type of `expr`, given that of every path. What does not fit is told to `complain`.
pub fn infer(expr: &Expr, path: &dyn Fn(&[String]) -> Type, complain: &mut dyn FnMut(String, String)) -> Type {
    match expr {
        Expr::Literal(value) => Type::of(value),
        Expr::Path(names) => path(names),
        Expr::Call(helper, args) => {
            for (index, arg) in args.iter().enumerate() {
                let wanted = *helper.takes.get(index).or(helper.takes.last()).unwrap_or(&Type::Any);
                let found = infer(arg, path, complain);
                if !found.fits(wanted) {
                    let message = format!("`{}` takes {}, not {}", helper.name, wanted.what(), found.what());
                    complain(message, format!("use it as `{}`", helper.usage));
                }
            }
            helper.gives
        }
    }
}
