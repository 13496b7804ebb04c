//! Certificates, tokens and the kubeconfig of a control plane, made anew for each.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// The token of somebody who is known and may do nothing.
pub const STRANGER: &str = "rig-stranger";

/// Files in the folder of the control plane.
pub struct Keys {
    folder: PathBuf,
    admin: String,
}

impl Keys {
    pub fn make(folder: &Path, port: u16) -> Result<Keys> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "rig");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        write(&folder.join("ca.crt"), &authority.self_signed(&authority_key)?.pem())?;
        let issuer = Issuer::new(authority, authority_key);

        let server_key = KeyPair::generate()?;
        let server = CertificateParams::new(vec!["127.0.0.1".to_string(), "localhost".to_string()])?;
        write(&folder.join("server.crt"), &server.signed_by(&server_key, &issuer)?.pem())?;
        write(&folder.join("server.key"), &server_key.serialize_pem())?;

        let accounts = KeyPair::generate()?;
        write(&folder.join("accounts.key"), &accounts.serialize_pem())?;
        write(&folder.join("accounts.pub"), &accounts.public_key_pem())?;

        let admin = format!("rig-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let tokens = format!("{admin},admin,admin,\"system:masters\"\n{STRANGER},stranger,stranger\n");
        write(&folder.join("tokens.csv"), &tokens)?;
        let keys = Keys { folder: folder.to_path_buf(), admin };
        write(&keys.kubeconfig(), &keys.kubeconfig_of(&keys.admin, port))?;
        Ok(keys)
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    pub fn kubeconfig_of(&self, token: &str, port: u16) -> String {
        let authority = self.folder.join("ca.crt");
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: rig\n\
             clusters:\n- name: rig\n  cluster: {{server: 'https://127.0.0.1:{port}', certificate-authority: {}}}\n\
             users:\n- name: rig\n  user: {{token: {token}}}\n\
             contexts:\n- name: rig\n  context: {{cluster: rig, user: rig}}\n",
            authority.display()
        )
    }

    pub fn api_arguments(&self) -> Vec<String> {
        self.arguments(&[
            ("tls-cert-file", "server.crt"),
            ("tls-private-key-file", "server.key"),
            ("client-ca-file", "ca.crt"),
            ("token-auth-file", "tokens.csv"),
            ("service-account-key-file", "accounts.pub"),
            ("service-account-signing-key-file", "accounts.key"),
        ])
    }

    pub fn controller_arguments(&self) -> Vec<String> {
        self.arguments(&[("service-account-private-key-file", "accounts.key"), ("root-ca-file", "ca.crt")])
    }

    fn arguments(&self, files: &[(&str, &str)]) -> Vec<String> {
        files.iter().map(|(flag, file)| format!("--{flag}={}", self.folder.join(file).display())).collect()
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    let mut file = fs::File::options().create_new(true).write(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
