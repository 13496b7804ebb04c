//! Which servers there are, and where.

use std::net::{IpAddr, SocketAddr};

use super::ask::ask;
use super::record::Type;
use crate::model::{Fault, RetryClass};

const PORT: u16 = 53;

/// The address that `host`, `host:port` or `[v6]:port` stands for. Of several that a name has, one of IPv4: many machines have
/// no IPv6, and UDP does not tell.
pub async fn address(text: &str) -> Result<SocketAddr, Fault> {
    let (host, port) = split(text)?;
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    let unknown = |error: std::io::Error| {
        Fault::new("RG2501", format!("the address of the DNS server `{host}` is not known here"))
            .hint("name it by its address, which needs no other server")
            .retry(RetryClass::Later)
            .caused_by(&error)
    };
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.map_err(unknown)?.collect();
    let chosen = found.iter().find(|address| address.is_ipv4()).or(found.first());
    chosen.copied().ok_or_else(|| unknown(std::io::ErrorKind::NotFound.into()))
}

fn split(text: &str) -> Result<(&str, u16), Fault> {
    let text = text.trim();
    let wrong = || {
        Fault::new("RG2503", format!("`{text}` is no DNS server"))
            .hint("for example 192.0.2.53, [2001:db8::53]:5353 or ns1.example.net")
    };
    if text.is_empty() || text.contains(char::is_whitespace) || text.contains('/') {
        return Err(wrong());
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text, PORT));
    }
    let bare = |host: &str| host.starts_with('[') && host.ends_with(']');
    let (host, port) = match text.rsplit_once(':').filter(|_| !bare(text)) {
        None => (text, PORT),
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?),
    };
    let inner = if bare(host) { &host[1..host.len() - 1] } else { host };
    if inner.is_empty() || (!bare(host) && inner.contains(':')) { Err(wrong()) } else { Ok((inner, port)) }
}

/// Whether it has the form of a server's address.
pub fn is_address(text: &str) -> Result<(), Fault> {
    split(text).map(drop)
}

/// The resolver that this machine asks first.
pub fn system_resolver() -> Result<SocketAddr, Fault> {
    let file = "/etc/resolv.conf";
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim);
    // A scope (`fe80::1%eth0`) cannot be asked by address alone.
    let address = named.filter_map(|word| word.parse::<IpAddr>().ok()).next();
    address
        .map(|address| SocketAddr::new(address, PORT))
        .ok_or_else(|| Fault::new("RG2501", format!("no resolver is named in `{file}`")).hint("name a `server`"))
}

/// The servers that the zone's NS records name, each with every address it has. The zone's own server is asked first, so that
/// nothing else has to work.
pub async fn name_servers(zone: &str, server: SocketAddr) -> Result<Vec<(String, SocketAddr)>, Fault> {
    let (names, _) = ask(server, zone, Type::Ns, false).await?.values(Type::Ns);
    let mut found = Vec::new();
    for name in names {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for kind in [Type::A, Type::Aaaa] {
            if let Ok(answer) = ask(server, &name, kind, false).await {
                addresses.extend(answer.values(kind).0.iter().filter_map(|text| text.parse::<IpAddr>().ok()));
            }
        }
        if addresses.is_empty() {
            let host = name.trim_end_matches('.').to_owned();
            addresses = match tokio::net::lookup_host((host.as_str(), server.port())).await {
                Ok(all) => all.map(|address| address.ip()).collect(),
                Err(error) => {
                    return Err(Fault::new(
                        "RG2501",
                        format!("the address of the zone's server `{name}` is not known"),
                    )
                    .hint("name the servers to wait for under `wait: {servers: […]}`")
                    .retry(RetryClass::Later)
                    .caused_by(&error));
                }
            };
        }
        found.extend(addresses.into_iter().map(|address| (name.clone(), SocketAddr::new(address, server.port()))));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_port_or_the_usual_one() {
        let cases = [
            ("192.0.2.1", ("192.0.2.1", 53)),
            ("192.0.2.1:5353", ("192.0.2.1", 5353)),
            ("::1", ("::1", 53)),
            ("[::1]", ("::1", 53)),
            ("[::1]:5353", ("::1", 5353)),
            ("ns1.example.net", ("ns1.example.net", 53)),
        ];
        for (text, wanted) in cases {
            assert_eq!(split(text).unwrap(), wanted, "{text}");
        }
        for wrong in ["", "http://x", "x:0", "x:y", ":53", "a b"] {
            assert_eq!(split(wrong).unwrap_err().code, "RG2503", "{wrong}");
        }
    }
}
