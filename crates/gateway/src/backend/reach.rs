//! Which addresses an upstream's name may stand for: the guard against requests forged from the gateway's
//! place in the network (CWE-918).
//!
//! The rule: what a project registers may only lead to addresses of the public Internet. From here loopback
//! leads to the platform itself, link-local to a cloud's metadata service, private networks to other tenants
//! and to what is guarded by nothing but its network. It is applied to the addresses that are connected to, so
//! a name that stands for another address a moment later changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of the public Internet.
    Public,
    /// Any. Only who runs the platform decides this.
    Private,
}

impl Reach {
    /// Whether an address may be connected to.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Private, _) => true,
            (Self::Public, IpAddr::V4(address)) => is_public_v4(address),
            (Self::Public, IpAddr::V6(address)) => is_public_v6(address),
        }
    }

    /// False for a host that is an address which may not be connected to. A name is decided about when it is
    /// resolved.
    pub(super) fn allows_host(self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host.parse().map_or(true, |address| self.allows(address))
    }
}

/// IANA's registry of special-purpose addresses (RFC 6890), and multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_unspecified()
        || a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        // Shared address space of carriers (RFC 6598).
        || (a == 100 && (64..128).contains(&b))
        // Protocol assignments (RFC 6890) and the old relays of 6to4 (RFC 7526).
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        // Benchmarks (RFC 2544).
        || (a == 198 && (b == 18 || b == 19))
        // Reserved (RFC 1112).
        || a >= 240;
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // What carries an IPv4 address leads there: mapped, compatible, translated (RFC 6052), 6to4 (RFC 3056).
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(g, h),
        (0x2002, ..) => v4(b, c),
        // Global unicast is all that is handed out (RFC 4291 §2.4), without documentation (RFC 3849, RFC 9637),
        // Teredo and other protocol assignments (RFC 2928).
        _ => {
            (0x2000..0x4000).contains(&a)
                && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
                && !(a == 0x3fff && b < 0x1000)
        }
    }
}
