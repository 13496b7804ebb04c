//! TLS to both servers, with certificates made here: who is not who the runbook says is refused before anything is asked.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::provider::postgres::testing::{Lab, Own, Server};

struct Safe {
    server: &'static Server,
    folder: tempfile::TempDir,
}

impl Safe {
    fn ca(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that lets nobody in without TLS, and whose certificate names `127.0.0.1` and nothing else.
fn safe() -> &'static Safe {
    static SAFE: OnceLock<Safe> = OnceLock::new();
    SAFE.get_or_init(|| {
        let (ours, other) = (authority(), authority());
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: String| -> PathBuf {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        put("ca.pem", ours.pem());
        put("other.pem", other.pem());
        put("none.pem", String::new());
        let own = Own::new("safe").set("ssl=on");
        own.file("server.crt", &certificate.pem());
        own.file("server.key", &key.serialize_pem());
        own.file("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
        Safe { server: own.start(), folder }
    })
}

/// A stage whose live server wants TLS.
fn stage() -> Stage {
    let pair = Lab::start();
    let stage = Stage::on(Lab::between(safe().server, pair.copy));
    stage.lab.both("create table t (id int primary key, v text)");
    stage.lab.copy("insert into t select i, 'v' || i from generate_series(1, 1000) i");
    stage
}

fn target(stage: &Stage, host: &str, mode: Value, ca: Option<&str>) -> Value {
    let url = format!("postgres://regrow@{host}:{}", stage.lab.live.port);
    let mut target = json!({"url": url, "sslmode": mode});
    if let Some(ca) = ca {
        target["ca"] = json!(if Path::new(ca).is_absolute() { ca.to_owned() } else { safe().ca(ca) });
    }
    target
}

#[tokio::test]
async fn a_server_that_is_who_it_should_be_is_loaded_into() {
    for (host, mode, ca) in [
        ("127.0.0.1", json!("verify-full"), Some("ca.pem")),
        // A CA without a word on the mode asks for everything.
        ("127.0.0.1", Value::Null, Some("ca.pem")),
        ("localhost", json!("verify-ca"), Some("ca.pem")),
        ("localhost", json!("require"), None),
        ("127.0.0.1", json!("prefer"), None),
    ] {
        let stage = stage();
        let to = target(&stage, host, mode, ca);
        let stage = stage.with("target", to.clone());
        let (out, _) = stage.run().await.unwrap_or_else(|fault| panic!("{to}: {fault:?}"));
        assert_eq!(out["rows"], json!(1000), "{to}");
        assert_eq!(stage.lab.live("select count(*) from t"), "1000");
    }
}

#[tokio::test]
async fn a_server_that_is_somebody_else_is_refused() {
    for (host, mode, ca, code) in [
        ("127.0.0.1", json!("verify-full"), Some("other.pem"), "RG2103"),
        ("127.0.0.1", json!("verify-ca"), Some("other.pem"), "RG2103"),
        ("127.0.0.1", json!("require"), Some("other.pem"), "RG2103"),
        ("localhost", json!("verify-full"), Some("ca.pem"), "RG2103"),
        ("127.0.0.1", json!("verify-full"), Some("none.pem"), "RG2103"),
        ("127.0.0.1", json!("verify-full"), Some("/nowhere/ca.pem"), "RG2103"),
        ("127.0.0.1", json!("disable"), None, "RG2102"),
    ] {
        let stage = stage();
        let to = target(&stage, host, mode, ca);
        let fault = stage.with("target", to.clone()).prepare().await.expect_err(&to.to_string());
        assert_eq!(fault.code, code, "{to}: {fault:?}");
        assert!(fault.hint.is_some() || fault.message.contains("cannot be read"), "{to}: {fault:?}");
    }
}

/// A server without TLS is not talked to where TLS was asked for.
#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_was_asked_for() {
    let stage = Stage::new("create table t (id int primary key)");
    let to = target(&stage, "127.0.0.1", json!("require"), None);
    let fault = stage.with("target", to).prepare().await.unwrap_err();
    assert_eq!(fault.code, "RG2103", "{fault:?}");
}
