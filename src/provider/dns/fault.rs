//! What a server's code means for a person.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::tsig::TsigError;

use crate::model::{Fault, RetryClass};

/// The name that documentation and tools use for a code.
pub fn word(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".into(),
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::NXDomain => "NXDOMAIN".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::YXDomain => "YXDOMAIN".into(),
        ResponseCode::YXRRSet => "YXRRSET".into(),
        ResponseCode::NXRRSet => "NXRRSET".into(),
        ResponseCode::NotAuth => "NOTAUTH".into(),
        ResponseCode::NotZone => "NOTZONE".into(),
        other => format!("code {}", u16::from(other)),
    }
}

/// Nobody answers.
pub fn silent(server: &str, error: &std::io::Error) -> Fault {
    Fault::new("RG2501", format!("no DNS server answers at {server}"))
        .hint("look whether it runs and whether port 53, UDP and TCP, is open from here")
        .retry(RetryClass::Later)
        .caused_by(error)
}

/// A code other than "fine" to a question.
pub fn of_question(server: &str, what: &str, code: ResponseCode) -> Fault {
    let retry = if code == ResponseCode::ServFail { RetryClass::Later } else { RetryClass::Never };
    Fault::new("RG2502", format!("the server at {server} does not answer what {what} is: {}", word(code)))
        .hint("ask a server that is responsible for the name, or a resolver that serves this machine")
        .retry(retry)
}

/// A code other than "fine" to a change; those of prerequisites are the caller's.
pub fn of_update(server: &str, zone: &str, code: ResponseCode) -> Fault {
    let says = |text: &str| format!("the server at {server} {text}: {}", word(code));
    match code {
        ResponseCode::Refused => Fault::new("RG2504", says(&format!("does not let this key change `{zone}`")))
            .hint("let the key change these names (BIND: `update-policy`), and send to the primary"),
        ResponseCode::NotAuth => Fault::new("RG2507", says(&format!("is not responsible for the zone `{zone}`")))
            .hint("name the zone as the server has it, and its primary as `server`"),
        ResponseCode::NotZone => Fault::new("RG2507", says(&format!("finds a name outside of the zone `{zone}`")))
            .hint("name the zone that holds the record: a subdomain may be one of its own"),
        ResponseCode::ServFail => Fault::new("RG2513", says("could not make the change"))
            .hint("its log says why; BIND needs to write the zone's folder for its journal")
            .retry(RetryClass::Later),
        ResponseCode::NotImp => Fault::new("RG2513", says("takes no updates"))
            .hint("switch dynamic updates on for the zone, or name another `server`"),
        _ => Fault::new("RG2513", says("does not take the change")).hint("its log says why"),
    }
}

/// The signature was refused.
pub fn of_signature(server: &str, key: &str, error: TsigError) -> Fault {
    match error {
        TsigError::BadKey => {
            Fault::new("RG2505", format!("the server at {server} does not know the key `{key}`: BADKEY"))
                .hint("name and algorithm have to be those of the server's configuration")
        }
        TsigError::BadTime => {
            Fault::new("RG2506", format!("the clocks of this machine and of {server} are too far apart: BADTIME"))
                .hint("set the clock that is wrong; five minutes are allowed")
        }
        TsigError::BadSig | TsigError::BadTrunc | TsigError::Unknown(_) => {
            Fault::new("RG2505", format!("the server at {server} does not accept what `{key}` signs: BADSIG"))
                .hint("the secret, or its algorithm, is not the one that the server has under this name")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_code_its_word_and_what_to_do() {
        let update = |code| of_update("192.0.2.53:53", "example.test.", code);
        let signature = |error| of_signature("192.0.2.53:53", "key", error);
        let cases = [
            (update(ResponseCode::Refused), "RG2504", "REFUSED"),
            (update(ResponseCode::NotAuth), "RG2507", "NOTAUTH"),
            (update(ResponseCode::NotZone), "RG2507", "NOTZONE"),
            (update(ResponseCode::ServFail), "RG2513", "SERVFAIL"),
            (update(ResponseCode::NotImp), "RG2513", "NOTIMP"),
            (update(ResponseCode::FormErr), "RG2513", "FORMERR"),
            (signature(TsigError::BadKey), "RG2505", "BADKEY"),
            (signature(TsigError::BadSig), "RG2505", "BADSIG"),
            (signature(TsigError::BadTime), "RG2506", "BADTIME"),
        ];
        for (fault, code, word) in cases {
            assert_eq!(fault.code, code);
            assert!(fault.message.ends_with(word) && fault.hint.is_some(), "{fault:?}");
        }
    }
}
