//! Records as a runbook writes them and as the wire has them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use hickory_proto::rr::rdata::{A, AAAA, CAA, CNAME, MX, NS, PTR, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text;

/// Types that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Type {
    A,
    Aaaa,
    Cname,
    Txt,
    Mx,
    Srv,
    Caa,
    Ptr,
    Ns,
    Soa,
}

impl Type {
    pub fn word(self) -> &'static str {
        match self {
            Type::A => "A",
            Type::Aaaa => "AAAA",
            Type::Cname => "CNAME",
            Type::Txt => "TXT",
            Type::Mx => "MX",
            Type::Srv => "SRV",
            Type::Caa => "CAA",
            Type::Ptr => "PTR",
            Type::Ns => "NS",
            Type::Soa => "SOA",
        }
    }

    pub(super) fn wire(self) -> RecordType {
        match self {
            Type::A => RecordType::A,
            Type::Aaaa => RecordType::AAAA,
            Type::Cname => RecordType::CNAME,
            Type::Txt => RecordType::TXT,
            Type::Mx => RecordType::MX,
            Type::Srv => RecordType::SRV,
            Type::Caa => RecordType::CAA,
            Type::Ptr => RecordType::PTR,
            Type::Ns => RecordType::NS,
            Type::Soa => RecordType::SOA,
        }
    }
}

/// All records of one name and type. Names are absolute, values canonical and sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RrSet {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Type,
    pub ttl: u32,
    pub values: Vec<String>,
}

impl RrSet {
    /// The set of that name and type among records of an answer.
    pub(super) fn among(records: &[Record], name: &Name, kind: Type) -> Option<RrSet> {
        let own: Vec<&Record> =
            records.iter().filter(|it| it.name == *name && it.record_type() == kind.wire()).collect();
        let ttl = own.first()?.ttl;
        let mut values: Vec<String> = own.iter().map(|record| written(&record.data)).collect();
        values.sort();
        Some(RrSet { name: name.to_lowercase().to_ascii(), kind, ttl, values })
    }

    /// Whether both are absent, or hold the same values.
    pub fn same_values(one: Option<&RrSet>, other: Option<&RrSet>) -> bool {
        one.map(|set| &set.values) == other.map(|set| &set.values)
    }
}

/// A name with its final dot, lower case.
pub fn absolute(name: &str) -> Result<String, String> {
    let dotted = if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
    read_name(&dotted).map(|name| name.to_ascii())
}

/// A record's name in its zone: `@` is the zone, what has no final dot is relative to it.
pub fn name_in(zone: &str, name: &str) -> Result<String, String> {
    let zone = absolute(zone)?;
    let full = match name {
        "@" => zone.clone(),
        _ if name.ends_with('.') => absolute(name)?,
        _ => absolute(&format!("{name}.{zone}"))?,
    };
    if read_name(&zone)?.zone_of(&read_name(&full)?) {
        Ok(full)
    } else {
        Err(format!("`{name}` does not lie in the zone `{zone}`"))
    }
}

pub(super) fn read_name(name: &str) -> Result<Name, String> {
    if name.trim().is_empty() || name.contains(char::is_whitespace) || name.contains("..") {
        return Err(format!("`{name}` is no domain name"));
    }
    let read = if name.is_ascii() { Name::from_ascii(name) } else { Name::from_utf8(name) };
    read.map(|name| name.to_lowercase()).map_err(|error| format!("`{name}` is no domain name: {error}"))
}

/// A name that a record points at. A relative one would mean something else in every tool.
fn target(name: &str) -> Result<Name, String> {
    if name.ends_with('.') || name.contains('.') {
        return read_name(&absolute(name)?);
    }
    Err(format!("`{name}` is no full name; write the whole name it stands for, such as `{name}.example.net.`"))
}

/// The value as it is compared and shown.
pub fn canonical(kind: Type, value: &str) -> Result<String, String> {
    parse(kind, value).map(|data| written(&data))
}

pub(super) fn parse(kind: Type, value: &str) -> Result<RData, String> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let form = |form: &str| format!("`{value}` is no value of {}: write `{form}`", kind.word());
    let bad = |example: &str| form(example);
    Ok(match (kind, words.as_slice()) {
        (Type::A, [word]) => RData::A(A(Ipv4Addr::from_str(word).map_err(|_| bad("192.0.2.1"))?)),
        (Type::Aaaa, [word]) => RData::AAAA(AAAA(Ipv6Addr::from_str(word).map_err(|_| bad("2001:db8::1"))?)),
        (Type::Cname, [word]) => RData::CNAME(CNAME(target(word)?)),
        (Type::Ptr, [word]) => RData::PTR(PTR(target(word)?)),
        (Type::Ns, [word]) => RData::NS(NS(target(word)?)),
        (Type::Mx, [preference, host]) => {
            let preference = preference.parse().map_err(|_| bad("10 mail.example.net."))?;
            // `0 .` says that there is no mail.
            let host = if *host == "." { Name::root() } else { target(host)? };
            RData::MX(MX::new(preference, host))
        }
        (Type::Srv, [priority, weight, port, host]) => {
            let number = |word: &str| word.parse().map_err(|_| bad("10 5 443 host.example.net."));
            let host = if *host == "." { Name::root() } else { target(host)? };
            RData::SRV(SRV::new(number(priority)?, number(weight)?, number(port)?, host))
        }
        (Type::Txt, _) => {
            let strings = text::parse(value)?;
            RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect()))
        }
        (Type::Caa, [flags, tag, ..]) => caa(flags, tag, value).ok_or_else(|| bad("0 issue \"ca.example\""))?,
        (Type::A, _) => return Err(bad("192.0.2.1")),
        (Type::Aaaa, _) => return Err(bad("2001:db8::1")),
        (Type::Mx, _) => return Err(bad("10 mail.example.net.")),
        (Type::Srv, _) => return Err(bad("10 5 443 host.example.net.")),
        (Type::Caa, _) => return Err(bad("0 issue \"ca.example\"")),
        (Type::Cname | Type::Ptr | Type::Ns, _) => return Err(bad("host.example.net.")),
        (Type::Soa, _) => return Err("SOA is the server's own".to_owned()),
    })
}

fn caa(flags: &str, tag: &str, value: &str) -> Option<RData> {
    let flags: u8 = flags.parse().ok()?;
    let rest = value.split_once(tag)?.1.trim();
    let [value] = text::parse(rest).ok()?.try_into().ok()?;
    if tag.is_empty() || !tag.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let mut caa = CAA::new_issue(flags & 0x80 != 0, None, Vec::new());
    caa.reserved_flags = flags & 0x7f;
    caa.tag = tag.to_ascii_lowercase();
    caa.value = value;
    Some(RData::CAA(caa))
}

/// In the form that [`parse`] takes.
pub(super) fn written(data: &RData) -> String {
    let name = |name: &Name| name.to_lowercase().to_ascii();
    match data {
        RData::CNAME(CNAME(to)) | RData::NS(NS(to)) | RData::PTR(PTR(to)) => name(to),
        RData::MX(mx) => format!("{} {}", mx.preference, name(&mx.exchange)),
        RData::SRV(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, name(&srv.target)),
        RData::TXT(txt) => text::write(&txt.txt_data),
        RData::CAA(caa) => {
            let value = String::from_utf8_lossy(&caa.value).replace('\\', "\\\\").replace('"', "\\\"");
            format!("{} {} \"{value}\"", caa.flags(), caa.tag)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_one_form() {
        let cases = [
            (Type::A, " 192.0.2.1 ", "192.0.2.1"),
            (Type::Aaaa, "2001:DB8:0::1", "2001:db8::1"),
            (Type::Cname, "LB.Example.net", "lb.example.net."),
            (Type::Mx, "10   mail.example.net.", "10 mail.example.net."),
            (Type::Mx, "0 .", "0 ."),
            (Type::Srv, "10 5 443 a.example.net", "10 5 443 a.example.net."),
            (Type::Caa, "0 issue letsencrypt.org", "0 issue \"letsencrypt.org\""),
            (Type::Caa, "128 ISSUEWILD \";\"", "128 issuewild \";\""),
            (Type::Txt, "v=spf1 -all", "v=spf1 -all"),
            (Type::Txt, "\"a b\"", "a b"),
        ];
        for (kind, value, wanted) in cases {
            let once = canonical(kind, value).unwrap_or_else(|why| panic!("{value}: {why}"));
            assert_eq!(once, wanted);
            assert_eq!(canonical(kind, &once).unwrap(), wanted);
        }
    }

    #[test]
    fn what_is_no_value_is_refused_with_a_form_to_follow() {
        let cases = [
            (Type::A, "example.net"),
            (Type::A, "192.0.2.1 192.0.2.2"),
            (Type::Aaaa, "192.0.2.1"),
            (Type::Cname, "lb"),
            (Type::Mx, "mail.example.net"),
            (Type::Srv, "1 2 host.example.net"),
            (Type::Caa, "issue x"),
            (Type::Soa, "x"),
        ];
        for (kind, value) in cases {
            assert!(canonical(kind, value).is_err(), "{value}");
        }
    }

    #[test]
    fn names_are_relative_to_their_zone() {
        let name = |name: &str| name_in("Example.test", name);
        assert_eq!(name("@").unwrap(), "example.test.");
        assert_eq!(name("www").unwrap(), "www.example.test.");
        assert_eq!(name("www.example.test").unwrap(), "www.example.test.example.test.");
        assert_eq!(name("www.example.test.").unwrap(), "www.example.test.");
        assert_eq!(name("*.apps").unwrap(), "*.apps.example.test.");
        assert_eq!(name("_sip._tcp").unwrap(), "_sip._tcp.example.test.");
        for wrong in ["www.example.net.", "", "a b", "a..b"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
