//! The secrets of a run as the executor has them: those of the runbook, and those that were born in the run.
//!
//! Promises: whatever a provider or a person said, no known secret gets into a record; a secret output is known from the
//! moment its record is made, and to every later executor that has the key.

use serde_json::Value;

use crate::model::record::Event;
use crate::model::sealed;
use crate::model::secret::Secret;
use crate::provider::mask::{self, Masker};
use crate::provider::seal::Seal;
use crate::runbook::template::{Secrets, sealed_name};

pub struct Vault {
    secrets: Secrets,
    /// All that is known, as text.
    masks: Vec<Secret>,
    masker: Masker,
    seal: Option<Seal>,
    given: Vec<(String, Secret)>,
}

impl Vault {
    /// `given`: values of secret outputs whose key is gone.
    pub fn new(secrets: Secrets, seal: Option<Seal>, given: Vec<(String, Secret)>) -> Self {
        let masks: Vec<Secret> = secrets.values().cloned().collect();
        let masker = Masker::new(&masks);
        Self { secrets, masks, masker, seal, given }
    }

    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Opens what is sealed in outputs; what is new has to be kept out of all that is printed.
    pub fn learn<'a>(&mut self, outputs: impl Iterator<Item = &'a Value>) -> Vec<Secret> {
        let mut born = Vec::new();
        for output in outputs {
            sealed::each(output, &mut |text, of| {
                let name = sealed_name(text);
                if self.secrets.contains_key(&name) {
                    return;
                }
                let Some(value) = self.value(text, of) else { return };
                born.extend(mask::texts(&value));
                self.secrets.insert(name, Secret::new(value.to_string()));
            });
        }
        if !born.is_empty() {
            self.masks.extend_from_slice(&born);
            self.masker = Masker::new(&self.masks);
        }
        born
    }

    fn value(&self, text: &str, of: &str) -> Option<Value> {
        let given = || self.given.iter().find(|(name, _)| name == of);
        let opened = self.seal.as_ref().and_then(|seal| seal.open(text, of));
        opened.or_else(|| Some(Value::String(given()?.1.expose().to_owned())))
    }

    /// Without any secret that is known.
    pub fn masked(&self, event: Event) -> Event {
        if self.masks.is_empty() { event } else { self.masker.masked(event) }
    }
}
