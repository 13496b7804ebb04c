//! One boot of a machine, by the id that its kernel made.
//!
//! Every moment of a run names one, and almost all name the same: the text is held once for all that are read or made one after
//! another. Of 10,000 steps with three moments each that is a megabyte and a half.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Boot(Arc<str>);

thread_local! {
    static NEWEST: RefCell<Boot> = RefCell::new(Boot("".into()));
}

impl Boot {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Boot {
    fn from(text: &str) -> Self {
        NEWEST.with_borrow_mut(|newest| {
            if newest.as_str() != text {
                *newest = Self(text.into());
            }
            newest.clone()
        })
    }
}

/// None that there ever was.
impl Default for Boot {
    fn default() -> Self {
        Self::from("")
    }
}

impl fmt::Debug for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Boot {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;

        impl serde::de::Visitor<'_> for Text {
            type Value = Boot;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a boot")
            }

            fn visit_str<E>(self, text: &str) -> Result<Boot, E> {
                Ok(Boot::from(text))
            }
        }

        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_one_boot_is_held_once() {
        let read: Vec<Boot> = serde_json::from_str(r#"["one", "one", "two"]"#).unwrap();
        assert!(Arc::ptr_eq(&read[0].0, &read[1].0));
        assert_eq!((read[0].as_str(), read[2].as_str()), ("one", "two"));
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["one","one","two"]"#);
    }
}
