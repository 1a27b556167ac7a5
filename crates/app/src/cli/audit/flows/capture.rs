//! A capture as text: lines `host:port`, or what `ss -tn` prints. A line that is neither is an error: what is not
//! understood may be just what somebody looks for.

use super::{Observed, Seen};
use crate::cli::failure::Failure;

/// Reads a capture; connections to the platform's own port came from outside.
pub(super) fn read(text: &str, own_port: Option<u16>) -> Result<Observed, Failure> {
    let mut observed = Observed::default();
    for (number, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let seen = match words.as_slice() {
            [] => continue,
            [first, ..] if first.starts_with('#') || *first == "State" => continue,
            ["LISTEN" | "UNCONN", ..] => continue,
            [peer] => seen(peer, None),
            [_, _, _, local, peer, rest @ ..] => {
                if own_port.is_some() && port(local) == own_port {
                    continue;
                }
                seen(peer, rest.first().copied())
            }
            _ => None,
        };
        let Some(seen) = seen else {
            let message = format!("line {} is neither `host:port` nor from `ss -tn`", number + 1);
            return Err(Failure::invalid(message)
                .remedy("give the output of `ss -tn`, or one `host:port` on each line"));
        };
        observed.outgoing.insert(seen);
    }
    Ok(observed)
}

fn port(text: &str) -> Option<u16> {
    text.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}

/// `ss -tnp` ends with `users:(("name",pid=17,fd=9))`.
fn seen(peer: &str, users: Option<&str>) -> Option<Seen> {
    let (host, _) = peer.rsplit_once(':').filter(|_| port(peer).is_some())?;
    let users = users.unwrap_or_default();
    let process = users.split('"').nth(1).map(str::to_owned);
    let pid = users.split("pid=").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
    let destination = peer.replace("[::ffff:", "").replace("]:", ":");
    let destination = if peer.starts_with("[::ffff:") { destination } else { peer.to_owned() };
    (!host.is_empty()).then_some(Seen { destination, pid, process })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_is_skipped_in_silence() {
        let text = "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
            ESTAB 0 0 127.0.0.1:7711 127.0.0.1:40000\n\
            ESTAB 0 0 10.0.0.1:40001 192.0.2.7:443 users:((\"python3\",pid=17,fd=9))\n\
            SYN-SENT 0 1 [2001:db8::1]:5 [::ffff:192.0.2.9]:80\n\n# by hand\nkms.example.fr:443\n";
        let found = read(text, Some(7_711)).unwrap().outgoing;
        let found: Vec<String> = found
            .iter()
            .map(|one| format!("{} {:?} {:?}", one.destination, one.pid, one.process))
            .collect();
        let expected = [
            "192.0.2.7:443 Some(17) Some(\"python3\")",
            "192.0.2.9:80 None None",
            "kms.example.fr:443 None None",
        ];
        assert_eq!(found, expected);
        for wrong in ["nonsense", "a b", "ESTAB 0 0 10.0.0.1:1 somewhere", ":443"] {
            assert!(read(wrong, None).is_err(), "{wrong}");
        }
    }
}
