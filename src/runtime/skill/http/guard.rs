//! Which hosts and addresses may be reached.
//!
//! Names are judged as they stand in the address; what they resolve to is judged in the resolver that the connection
//! itself uses, so a name cannot mean one address when it is checked and another when it is used.

use crate::engine::Failure;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// What `[skills.http]` says about hosts.
#[derive(Clone, Debug)]
pub(super) struct HostRules {
    pub(super) allow: Option<Vec<String>>,
    pub(super) deny: Vec<String>,
    pub(super) private: bool,
}

impl HostRules {
    /// Whether a request may go to an address.
    ///
    /// # Errors
    /// `denied`, saying how to allow it; `invalid_input` for what is no web address.
    pub(super) fn check(&self, url: &Url) -> Result<(), Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::new(
                "invalid_input",
                format!("the scheme `{}` is not http or https", url.scheme()),
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let message =
                "the address holds a user name or password; send the header `authorization` instead";
            return Err(Failure::new("invalid_input", message));
        }
        let Some(host) = url.host() else {
            return Err(Failure::new("invalid_input", "the address has no host"));
        };
        let name = host.to_string().trim_end_matches('.').to_ascii_lowercase();
        let port = url.port_or_known_default().unwrap_or(0);
        let among = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, &name, port));
        if among(&self.deny) {
            let message =
                format!("the host `{name}` is refused by `deny_hosts` in `[skills.http]` of `aos.toml`");
            return Err(Failure::new("denied", message));
        }
        if self.allow.as_deref().is_some_and(|allow| !among(allow)) {
            let message = format!(
                "the host `{name}` is not allowed; add it to `allow_hosts` in `[skills.http]` of `aos.toml`"
            );
            return Err(Failure::new("denied", message));
        }
        let address = match host {
            // These names are this machine by definition, whatever the resolver makes of them.
            Host::Domain(_) if name == "localhost" || name.ends_with(".localhost") => {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            }
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(v4) => IpAddr::V4(v4),
            Host::Ipv6(v6) => IpAddr::V6(v6),
        };
        if self.reaches(address) { Ok(()) } else { Err(Blocked { host: name, address }.failure()) }
    }

    fn reaches(&self, address: IpAddr) -> bool {
        match kind(address) {
            Kind::Public => true,
            Kind::Private => self.private,
            Kind::LinkLocal => false,
        }
    }
}

/// Whether a pattern of `aos.toml` covers a host.
fn matches(pattern: &str, host: &str, port: u16) -> bool {
    let pattern = pattern.trim().to_ascii_lowercase();
    let (pattern, wanted) = match pattern.rsplit_once(':') {
        // The colons of an IPv6 address in brackets are none of a port.
        Some((name, digits)) if !digits.ends_with(']') => match digits.parse::<u16>() {
            Ok(wanted) => (name.to_owned(), Some(wanted)),
            Err(_) => return false,
        },
        Some(_) | None => (pattern.clone(), None),
    };
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) if suffix.starts_with('.') => host.len() > suffix.len() && host.ends_with(suffix),
        Some(_) => false,
        None => pattern.trim_end_matches('.') == host,
    }
}

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Public,
    /// This machine, a private network, or nowhere.
    Private,
    /// The link itself, where clouds serve the credentials of the machine.
    LinkLocal,
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    let [a, b, c, d] = address.octets();
    match (a, b, c) {
        (169, 254, _) => Kind::LinkLocal,
        (100, 100, 100) if d == 200 => Kind::LinkLocal,
        (0 | 10 | 127, _, _) | (192, 168, _) | (192, 0, 0 | 2) => Kind::Private,
        (172, 16..=31, _) | (100, 64..=127, _) | (198, 18 | 19, _) => Kind::Private,
        (198, 51, 100) | (203, 0, 113) => Kind::Private,
        (224..=255, _, _) => Kind::Private,
        _ => Kind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let [one, two] = high.to_be_bytes();
        let [three, four] = low.to_be_bytes();
        kind_v4(Ipv4Addr::new(one, two, three, four))
    };
    match (a, b, c, d, e, f) {
        // Mapped, compatible and translated IPv4 addresses; `::` and `::1` are among the compatible ones.
        (0, 0, 0, 0, 0, 0xffff | 0) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(g, h),
        (0x64, 0xff9b, 1, ..) => Kind::Private,
        (0x2002, ..) => v4(b, c),
        // Teredo hides an address; documentation and benchmarks are nowhere.
        (0x2001, 0 | 2 | 0xdb8, ..) => Kind::Private,
        (0xfd00, 0xec2, ..) => Kind::LinkLocal,
        (0xfe80..=0xfebf, ..) => Kind::LinkLocal,
        (0xfc00..=0xfdff, ..) | (0xfec0..=0xfeff, ..) | (0xff00..=0xffff, ..) => Kind::Private,
        _ => Kind::Public,
    }
}

/// A host that leads only to addresses which may not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{host}` leads to {address}")]
pub(super) struct Blocked {
    pub(super) host: String,
    pub(super) address: IpAddr,
}

impl Blocked {
    /// The failure as the plan sees it.
    pub(super) fn failure(&self) -> Failure {
        let Self { host, address } = self;
        let message = match kind(*address) {
            Kind::LinkLocal => {
                format!("the host `{host}` leads to the link-local address {address}, which is never reached")
            }
            Kind::Private | Kind::Public => format!(
                "the host `{host}` leads to the private address {address}; set `allow_private_network = true` in \
                 `[skills.http]` of `aos.toml` to allow it"
            ),
        };
        Failure::new("denied", message)
    }
}

/// The system's resolver, without the addresses that may not be reached.
pub(super) struct GuardedResolver(pub(super) HostRules);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(permitted(&rules, host, found)?.into_iter()) as Addrs)
        })
    }
}

fn permitted(rules: &HostRules, host: String, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Blocked> {
    let first = found.first().map(SocketAddr::ip);
    let good: Vec<SocketAddr> = found.into_iter().filter(|address| rules.reaches(address.ip())).collect();
    match first {
        Some(address) if good.is_empty() => Err(Blocked { host, address }),
        Some(_) | None => Ok(good),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> HostRules {
        HostRules { allow: None, deny: Vec::new(), private: false }
    }

    #[test]
    fn disguised_private_addresses_are_seen() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://0.0.0.0/",
            "http://10.1.2.3/",
            "http://172.31.0.1/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://224.0.0.1/",
            "http://LOCALHOST./",
            "http://a.localhost/",
        ] {
            let error = rules().check(&Url::parse(url).unwrap()).unwrap_err();
            assert_eq!(error.kind.as_ref(), "denied", "{url}");
        }
        for url in
            ["http://1.1.1.1/", "https://[2606:4700::1111]/", "http://172.32.0.1/", "http://example.com/"]
        {
            assert!(rules().check(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }

    #[test]
    fn link_local_stays_closed_even_with_private_networks() {
        let rules = HostRules { private: true, ..rules() };
        assert!(rules.check(&Url::parse("http://127.0.0.1/").unwrap()).is_ok());
        for url in ["http://169.254.169.254/", "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/"]
        {
            assert!(rules.check(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
    }

    #[test]
    fn resolved_addresses_are_filtered() {
        let public: SocketAddr = "1.1.1.1:0".parse().unwrap();
        let private: SocketAddr = "10.0.0.1:0".parse().unwrap();
        let good = permitted(&rules(), "h".into(), vec![private, public]);
        assert_eq!(good, Ok(vec![public]));
        assert!(permitted(&rules(), "h".into(), vec![private]).is_err());
        assert_eq!(permitted(&rules(), "h".into(), Vec::new()), Ok(Vec::new()));
    }

    #[test]
    fn patterns() {
        for (pattern, host, port, expected) in [
            ("example.com", "example.com", 80, true),
            ("EXAMPLE.com.", "example.com", 80, true),
            ("example.com", "api.example.com", 80, false),
            ("*.example.com", "api.example.com", 80, true),
            ("*.example.com", "example.com", 80, false),
            ("*.example.com", "evilexample.com", 80, false),
            ("*example.com", "evilexample.com", 80, false),
            ("localhost:8080", "localhost", 8080, true),
            ("localhost:8080", "localhost", 80, false),
            ("[::1]", "[::1]", 80, true),
            ("[::1]:80", "[::1]", 80, true),
            ("*", "anything", 1, true),
        ] {
            assert_eq!(matches(pattern, host, port), expected, "{pattern} {host}:{port}");
        }
    }

    #[test]
    fn deny_wins_and_allow_limits() {
        let rules = HostRules {
            allow: Some(vec!["*.example.com".into()]),
            deny: vec!["bad.example.com".into()],
            private: false,
        };
        let check = |url: &str| rules.check(&Url::parse(url).unwrap());
        assert!(check("https://a.example.com").is_ok());
        assert!(check("https://bad.example.com").unwrap_err().message.contains("deny_hosts"));
        assert!(check("https://BAD.example.com.").is_err());
        assert!(check("https://other.com").unwrap_err().message.contains("allow_hosts"));
        assert_eq!(check("file:///etc/passwd").unwrap_err().kind.as_ref(), "invalid_input");
        assert_eq!(check("http://u:p@a.example.com").unwrap_err().kind.as_ref(), "invalid_input");
    }
}
