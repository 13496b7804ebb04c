//! Velero's own result files: what it warned of, and what failed. They lie in its bucket; Velero gives an address to read them by.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::params::Params;
use super::{Prior, gzip};
use crate::journal::store::replace_private;
use crate::kind::{Op, WorkCx};
use crate::model::{Fault, RetryClass};
use crate::provider::http::{self, Call, Failure};
use crate::provider::kubernetes::{Cluster, field, metadata};
use crate::provider::mask::Masker;
use crate::provider::velero;

const PATIENCE: Duration = Duration::from_secs(30);
/// Of lines in the log.
const SAID: usize = 2000;

#[derive(Debug, Default, PartialEq)]
pub struct Results {
    pub warnings: Vec<Message>,
    pub errors: Vec<Message>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// A namespace, or `cluster`, or `velero` where it is about the work itself.
    pub place: String,
    pub text: String,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

impl Message {
    /// Whether one of the patterns is its text: `*` stands for anything.
    pub fn is_among(&self, patterns: &[String]) -> bool {
        patterns.iter().any(|pattern| {
            let text = regex::escape(pattern).replace(r"\*", ".*");
            regex::Regex::new(&format!("(?s)^{text}$")).is_ok_and(|pattern| pattern.is_match(&self.text))
        })
    }
}

impl Results {
    /// What failed comes first.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let errors = self.errors.iter().map(|message| format!("error: {message}"));
        errors.chain(self.warnings.iter().map(|message| format!("warning: {message}")))
    }

    fn read(packed: &[u8]) -> Result<Results, Fault> {
        let wrong = || Fault::new("RG3110", "the result files of the restore cannot be read");
        let text = gzip::unpack(packed).ok_or_else(wrong)?;
        let file: File = serde_json::from_slice(&text).map_err(|error| wrong().caused_by(&error))?;
        Ok(Results { warnings: file.warnings.messages(), errors: file.errors.messages() })
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    warnings: Part,
    #[serde(default)]
    errors: Part,
}

/// By where it happened.
#[derive(Default, Deserialize)]
struct Part {
    #[serde(default)]
    velero: Vec<String>,
    #[serde(default)]
    cluster: Vec<String>,
    #[serde(default)]
    namespaces: BTreeMap<String, Vec<String>>,
}

impl Part {
    fn messages(self) -> Vec<Message> {
        let own = [("velero".to_owned(), self.velero), ("cluster".to_owned(), self.cluster)];
        let all = own.into_iter().chain(self.namespaces);
        all.flat_map(|(place, texts)| texts.into_iter().map(move |text| Message { place: place.clone(), text }))
            .collect()
    }
}

/// None while Velero has not answered. What is asked carries the name of the restore, so a crash asks nothing twice.
pub async fn fetch(
    cx: &WorkCx,
    cluster: &Cluster,
    op: &Op<Params, Prior>,
    restore: &str,
) -> Result<Option<Results>, Fault> {
    let with = &op.params;
    let named = with.named("DownloadRequest", restore);
    let place = cluster.place(&named).await?;
    let Some(request) = place.find().await? else {
        let body = json!({
            "apiVersion": "velero.io/v1",
            "kind": "DownloadRequest",
            "metadata": {"name": restore, "namespace": with.namespace},
            "spec": {"target": {"kind": "RestoreResults", "name": restore}},
        });
        place.create(cx, &body).await?;
        return Ok(None);
    };
    // Left behind by one that was killed: its address is of no use any more.
    if has_expired(&request, Timestamp::now()) {
        place.delete(cx, metadata(&request, "uid")).await?;
        return Ok(None);
    }
    if field(&request, "status.phase") != "Processed" {
        return Ok(None);
    }
    let url = field(&request, "status.downloadURL").as_str().unwrap_or_default();
    let ca = trusted(cx, cluster, op).await?;
    let got = download(url, ca, cx.masker()).await;
    // An address that was used up helps nobody. Velero takes it away as well, and what was read is worth more.
    if let Err(fault) = place.delete(cx, metadata(&request, "uid")).await {
        cx.say(&format!("{} stays until Velero takes it away: {}", place.what, fault.message));
    }
    got.and_then(|packed| Results::read(&packed)).map(Some)
}

fn has_expired(request: &Value, now: Timestamp) -> bool {
    let end = field(request, "status.expiration").as_str().and_then(|text| text.parse::<Timestamp>().ok());
    end.is_some_and(|end| end <= now)
}

/// A file with the authorities that the location of the backup names besides the machine's, as Velero itself believes them. A
/// location that is not there any more names none.
async fn trusted(cx: &WorkCx, cluster: &Cluster, op: &Op<Params, Prior>) -> Result<Option<PathBuf>, Fault> {
    let Some(location) = velero::location_named(cluster, &op.params.namespace, &op.prior.backup).await? else {
        return Ok(None);
    };
    let packed = field(&location, "spec.objectStorage.caCert").as_str().unwrap_or_default();
    let unfit = || Fault::new("RG3110", "the `caCert` of the storage location cannot be used");
    if packed.is_empty() {
        return Ok(None);
    }
    let certificates = STANDARD.decode(packed).map_err(|error| unfit().caused_by(&error))?;
    let path = cx.work.join(format!("{}.ca", op.id.file_name()));
    replace_private(&path, &certificates).map_err(|error| unfit().caused_by(&error))?;
    Ok(Some(path))
}

/// The address holds a signature: it is never shown.
async fn download(url: &str, ca: Option<PathBuf>, masker: Masker) -> Result<Vec<u8>, Fault> {
    let call = Call {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: BTreeMap::new(),
        body: None,
        ca,
        timeout: PATIENCE,
        masker,
    };
    let wrong = |why: String| Fault::new("RG3110", format!("the result files of the restore cannot be fetched: {why}"));
    match http::send(&call).await.map_err(Failure::fault) {
        Ok(reply) if reply.cut => Err(wrong("they are too long".to_owned())),
        Ok(reply) if reply.status == 200 => Ok(reply.bytes),
        // The storage was away when Velero had an end, and Velero does not come back to it.
        Ok(reply) if reply.status == 404 => {
            Err(wrong("Velero could not leave them in its storage".to_owned()).retry(RetryClass::Anew))
        }
        Ok(reply) => Err(wrong(format!("the storage answers {}", reply.status))),
        Err(fault) => Err(wrong(fault.message)),
    }
}

/// Into the log of the step.
pub fn tell(cx: &WorkCx, results: Result<&Results, &Fault>) {
    match results {
        Ok(results) => {
            results.lines().take(SAID).for_each(|line| cx.say(&line));
            let more = (results.errors.len() + results.warnings.len()).saturating_sub(SAID);
            if more > 0 {
                cx.say(&format!("and {more} more, which `velero restore describe` lists"));
            }
        }
        Err(fault) => cx.say(&fault.message),
    }
}

#[cfg(test)]
mod tests {
    use super::super::gzip::tests::packed;
    use super::*;

    #[test]
    fn the_files_are_read_as_velero_writes_them() {
        let file = r#"{"errors":{"namespaces":{"edx":["no room"]}},"warnings":{"velero":["slow"],"cluster":["old"]}}"#;
        let results = Results::read(&packed(file)).unwrap();
        let lines: Vec<String> = results.lines().collect();
        assert_eq!(lines, ["error: edx: no room", "warning: velero: slow", "warning: cluster: old"]);
        assert_eq!(Results::read(&packed("{}")).unwrap(), Results::default());
        for bad in [packed("no json"), b"not packed".to_vec(), packed(file)[..20].to_vec()] {
            assert_eq!(Results::read(&bad).unwrap_err().code, "RG3110");
        }
    }

    #[test]
    fn an_address_is_good_for_a_while() {
        let now: Timestamp = "2026-11-24T08:10:00Z".parse().unwrap();
        let is_over = |end: Value| has_expired(&json!({"status": {"expiration": end}}), now);
        assert!(is_over(json!("2026-11-24T08:10:00Z")) && is_over(json!("2026-11-24T08:00:00Z")));
        assert!(!is_over(json!("2026-11-24T08:10:01Z")) && !is_over(Value::Null));
    }

    #[test]
    fn a_pattern_is_of_the_whole_text() {
        let message = Message { place: "edx".into(), text: "exceeded quota:\nsmall (1.5)".into() };
        let allows = |pattern: &str| message.is_among(&[pattern.to_owned()]);
        assert!(allows("*quota*") && allows("exceeded*(1.5)"));
        assert!(!allows("quota") && !allows("") && !allows("*(1x5)"));
    }
}
