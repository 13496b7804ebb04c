//! Names of tables, exactly as written: `orders`, `shop.orders`, `"Shop"."na.me"`.
//!
//! Unquoted text is taken letter by letter (no folding to lower case) and split at its one dot; a name that holds a dot or
//! a quote is written between double quotes, a quote inside doubled, as in SQL. Without a schema it is `public`.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A table with its schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub schema: String,
    pub name: String,
}

impl Name {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// As SQL takes it.
    pub fn sql(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }
}

/// An identifier as SQL takes it, always quoted: so reserved words and capitals need no care.
pub fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A text constant as SQL takes it, whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!(" E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// As it is written in a runbook: quotes only where they are needed.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &str| if text.contains(['.', '"']) { quote(text) } else { text.to_owned() };
        write!(f, "{}.{}", part(&self.schema), part(&self.name))
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "`{text}` is no name of a table: `table`, `schema.table`, or with dots inside `\"sche.ma\".\"ta.ble\"`"
            )
        };
        let (first, rest) = part(text).ok_or_else(bad)?;
        if rest.is_empty() {
            return Ok(Self::new("public", first));
        }
        let (second, rest) = rest.strip_prefix('.').and_then(part).ok_or_else(bad)?;
        if rest.is_empty() { Ok(Self::new(first, second)) } else { Err(bad()) }
    }
}

/// The first part of a name and what follows it.
fn part(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['.', '"']).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return (!name.is_empty()).then_some((name, rest)),
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TableName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "string", "description": "a table: `orders`, `shop.orders`, `\"Shop\".\"na.me\"`"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_letter_by_letter() {
        for (text, schema, name) in [
            ("orders", "public", "orders"),
            ("Shop.Orders", "Shop", "Orders"),
            ("\"sh.op\".\"or\"\"ders\"", "sh.op", "or\"ders"),
            ("\"a.b\"", "public", "a.b"),
            ("größe.naïve table", "größe", "naïve table"),
        ] {
            let parsed: Name = text.parse().unwrap();
            assert_eq!(parsed, Name::new(schema, name), "{text}");
            assert_eq!(parsed.to_string().parse::<Name>().unwrap(), parsed, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", ".", "a.", ".b", "a.b.c", "\"a", "\"a\"b", "\"\""] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn constants_survive_both_ways_of_reading_backslashes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b"), " E'a\\\\b'");
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
    }
}
