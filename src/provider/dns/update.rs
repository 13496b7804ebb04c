//! A change of a zone as one signed message (RFC 2136, RFC 8945): what must be so, and what is to be.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::{DNSClass, Name, Record, RecordType, TSigner};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::record::{RrSet, Type, parse, read_name};
use super::wire::over_tcp;
use super::{fault, wire};
use crate::model::secret::Secret;
use crate::model::{Fault, RetryClass};

/// How far clocks may be apart, in seconds: what BIND and RFC 8945 use.
const FUDGE: u16 = 300;

/// The key that signs changes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tsig {
    /// As the server has it.
    pub name: String,
    #[serde(default)]
    pub algorithm: Algorithm,
    /// In base64, as `tsig-keygen` prints it.
    pub secret: Secret,
}

/// How it signs: `hmac-sha256` unless said.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    #[default]
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    #[serde(rename = "hmac-sha384")]
    HmacSha384,
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
}

impl Tsig {
    fn signer(&self) -> Result<TSigner, Fault> {
        let wrong = |why: &str| {
            Fault::new("RG2505", format!("the key `{}` cannot be used: {why}", self.name))
                .hint("the secret is the text that stands behind `secret` in the server's configuration, in base64")
        };
        let key = STANDARD.decode(self.secret.expose().trim()).map_err(|_| wrong("its secret is not in base64"))?;
        let name = read_name(&format!("{}.", self.name.trim_end_matches('.'))).map_err(|why| wrong(&why))?;
        let algorithm = match self.algorithm {
            Algorithm::HmacSha256 => TsigAlgorithm::HmacSha256,
            Algorithm::HmacSha384 => TsigAlgorithm::HmacSha384,
            Algorithm::HmacSha512 => TsigAlgorithm::HmacSha512,
        };
        TSigner::new(key, algorithm, name, FUDGE).map_err(|error| wrong(&error.to_string()))
    }
}

/// One set before and after; absent is none.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    pub name: &'a str,
    pub kind: Type,
    pub old: Option<&'a RrSet>,
    pub new: Option<&'a RrSet>,
}

/// Why a change was not made, or may not have been.
#[derive(Debug)]
pub enum Refusal {
    /// What must be so is not; the server's word for it.
    Differs(String),
    /// It was sent, and no answer came: it may have been made.
    Lost(Fault),
    /// It was not made.
    Not(Fault),
}

/// A message for one zone at one server.
pub struct Update<'a> {
    server: SocketAddr,
    zone: &'a str,
    tsig: Option<&'a Tsig>,
    message: Message,
}

impl<'a> Update<'a> {
    pub fn new(server: SocketAddr, zone: &'a str, tsig: Option<&'a Tsig>) -> Result<Self, Fault> {
        let mut message = Message::new(Message::query().id, MessageType::Query, OpCode::Update);
        message.add_query(Query::query(name(zone)?, RecordType::SOA));
        Ok(Self { server, zone, tsig, message })
    }

    /// Holds only if the set is exactly this one, its TTL aside.
    pub fn must_be(&mut self, owner: &str, kind: Type, set: Option<&RrSet>) -> Result<(), Fault> {
        match set {
            None => self.message.add_answer(class(Record::update0(name(owner)?, 0, kind.wire()), DNSClass::NONE)),
            Some(set) => self.message.add_answers(records(set, 0)?),
        };
        Ok(())
    }

    /// Holds only if there is such a set at exactly this name, which no wildcard stands in for.
    pub fn must_exist(&mut self, owner: &str, kind: Type) -> Result<(), Fault> {
        self.message.add_answer(class(Record::update0(name(owner)?, 0, kind.wire()), DNSClass::ANY));
        Ok(())
    }

    /// Takes all away before anything comes: an alias may not stand beside other records even for a moment.
    pub fn change(&mut self, changes: &[Change<'_>]) -> Result<(), Fault> {
        for change in changes {
            self.must_be(change.name, change.kind, change.old)?;
            if change.old.is_some() {
                let gone = Record::update0(name(change.name)?, 0, change.kind.wire());
                self.message.add_authority(class(gone, DNSClass::ANY));
            }
        }
        for new in changes.iter().filter_map(|change| change.new) {
            self.message.add_authorities(records(new, new.ttl)?);
        }
        Ok(())
    }

    pub async fn send(mut self) -> Result<(), Refusal> {
        let place = self.server.to_string();
        let mut verifier = None;
        if let Some(tsig) = self.tsig {
            let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
            let signed = self.message.finalize(&tsig.signer().map_err(Refusal::Not)?, now);
            verifier = signed.map_err(|error| Refusal::Not(unsendable(&error)))?;
        }
        let bytes = self.message.to_vec().map_err(|error| Refusal::Not(unsendable(&error)))?;
        let reply = over_tcp(self.server, &bytes).await.map_err(|broken| match broken {
            wire::Broken { sent: false, error } => Refusal::Not(fault::silent(&place, &error)),
            wire::Broken { sent: true, error } => Refusal::Lost(lost(&place).caused_by(&error)),
        })?;
        let message = Message::from_vec(&reply).map_err(|error| Refusal::Lost(lost(&place).caused_by(&error)))?;
        if let (Some(tsig), Some(signature)) = (self.tsig, message.signature())
            && let Some(error) = signature.data.error
        {
            return Err(Refusal::Not(fault::of_signature(&place, &tsig.name, error)));
        }
        match verifier {
            Some(mut verifier) if message.signature().is_some() => {
                verifier.verify(&reply).map_err(|error| Refusal::Lost(forged(&place).caused_by(&error)))?;
            }
            // Whoever cannot sign may refuse, and nothing was changed on his word.
            Some(_) if message.response_code == ResponseCode::NoError => return Err(Refusal::Lost(forged(&place))),
            _ => {}
        }
        match message.response_code {
            ResponseCode::NoError => Ok(()),
            code
            @ (ResponseCode::NXRRSet | ResponseCode::YXRRSet | ResponseCode::NXDomain | ResponseCode::YXDomain) => {
                Err(Refusal::Differs(fault::word(code)))
            }
            code => Err(Refusal::Not(fault::of_update(&place, self.zone, code))),
        }
    }
}

fn name(text: &str) -> Result<Name, Fault> {
    read_name(text).map_err(|why| Fault::new("RG2503", why))
}

fn class(mut record: Record, class: DNSClass) -> Record {
    record.dns_class = class;
    record
}

fn records(set: &RrSet, ttl: u32) -> Result<Vec<Record>, Fault> {
    let owner = name(&set.name)?;
    let one = |value: &String| {
        let data = parse(set.kind, value).map_err(|why| Fault::new("RG2503", why))?;
        Ok(Record::from_rdata(owner.clone(), ttl, data))
    };
    set.values.iter().map(one).collect()
}

fn unsendable(error: &dyn std::error::Error) -> Fault {
    Fault::new("RG2515", "the change does not fit into one message, which holds 64 KiB")
        .hint("split the records over several steps: each step is one change, made whole or not at all")
        .caused_by(error)
}

fn lost(place: &str) -> Fault {
    Fault::new("RG2516", format!("the server at {place} got the change, and its answer was lost"))
        .retry(RetryClass::Unknown)
}

fn forged(place: &str) -> Fault {
    Fault::new("RG2516", format!("the answer of {place} is not signed by the key, so it is not believed"))
        .retry(RetryClass::Unknown)
}
