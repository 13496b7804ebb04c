//! One question to one server.

use std::net::SocketAddr;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, Record};

use super::fault;
use super::record::{RrSet, Type, read_name};
use super::wire::{over_tcp, over_udp};
use crate::model::Fault;

/// Survives every network without being cut to pieces.
const PAYLOAD: u16 = 1232;

#[derive(Debug)]
pub struct Answer {
    /// `NOERROR` or `NXDOMAIN`: anything else is a fault.
    pub code: String,
    pub authoritative: bool,
    pub(super) records: Vec<Record>,
}

impl Answer {
    /// The set of exactly that name and type.
    pub fn set(&self, name: &str, kind: Type) -> Option<RrSet> {
        RrSet::among(&self.records, &read_name(name).ok()?, kind)
    }

    /// All values of a type, also those behind an alias, sorted; and how long they may be kept.
    pub fn values(&self, kind: Type) -> (Vec<String>, Option<u32>) {
        let fitting = || self.records.iter().filter(|record| record.record_type() == kind.wire());
        let mut values: Vec<String> = fitting().map(|record| super::record::written(&record.data)).collect();
        values.sort();
        (values, fitting().map(|record| record.ttl).min())
    }
}

/// Asks for records. A resolver is asked to look further (`recursive`), a server of the zone only for what it has.
pub async fn ask(server: SocketAddr, name: &str, kind: Type, recursive: bool) -> Result<Answer, Fault> {
    let place = server.to_string();
    let owner = read_name(name).map_err(|why| Fault::new("RG2503", why))?;
    let reply = exchange(server, &question(owner, kind, recursive)).await?;
    match reply.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(Answer {
            code: fault::word(reply.response_code),
            authoritative: reply.authoritative,
            records: reply.answers,
        }),
        code => Err(fault::of_question(&place, &format!("`{name}` {}", kind.word()), code)),
    }
}

fn question(owner: Name, kind: Type, recursive: bool) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = recursive;
    message.add_query(Query::query(owner, kind.wire()));
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    message.set_edns(edns);
    message
}

async fn exchange(server: SocketAddr, message: &Message) -> Result<Message, Fault> {
    let place = server.to_string();
    let garbled = |why: String| Fault::new("RG2502", format!("the answer of {place} cannot be read: {why}"));
    let bytes = message.to_vec().map_err(|error| garbled(error.to_string()))?;
    let answer = over_udp(server, &bytes).await.map_err(|error| fault::silent(&place, &error))?;
    let reply = Message::from_vec(&answer);
    if let Ok(reply) = &reply
        && reply.queries != message.queries
        && !reply.queries.is_empty()
    {
        return Err(garbled("it answers another question".to_owned()));
    }
    // The bit may be all that could be read of a message that is cut.
    let cut = answer.get(2).is_some_and(|flags| flags & 0x02 != 0);
    if !cut {
        return reply.map_err(|error| garbled(error.to_string()));
    }
    let whole = over_tcp(server, &bytes).await.map_err(|broken| fault::silent(&place, &broken.error))?;
    Message::from_vec(&whole).map_err(|error| garbled(error.to_string()))
}
