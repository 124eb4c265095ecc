//! Texts that are image references or scopes, or nearly: parts of the grammar, put together, and then changed at random.

use super::super::random::Random;

/// 64 hexadecimal digits.
const DIGITS: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Parts with which every reader accepts a text.
const GOOD_HOSTS: &[&str] = &[
    "registry.example",
    "Registry.EXAMPLE",
    "localhost",
    "a-b.c-d.example",
    "ghcr.io",
    "127.0.0.1",
    "10.0.0.255",
    "docker.io",
];
const GOOD_PORTS: &[&str] = &[":443", ":0443", ":5000", ":05000", ":80", ":1", ":65535"];
const GOOD_PATHS: &[&str] =
    &["nginx", "library/nginx", "team/app", "team/app/sub/part", "a", "0", "a__b", "a--b/c---d", "a.b_c"];
const GOOD_TAGS: &[&str] = &[":v1", ":latest", ":V_1.x-y", ":_", ":1"];

const HOSTS: &[&str] = &[
    "LOCALHOST",
    "r",
    "R",
    "Docker.io",
    "index.docker.io",
    "INDEX.docker.io",
    "registry-1.docker.io",
    "Registry-1.docker.io",
    "registry.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
    "127.1",
    "010.0.0.5",
    "0x7f.1",
    "256.1.1.1",
    "1.2.3",
    "2130706433",
    "registry.0x7f",
    "registry.5",
    "[::1]",
    "[FD00:0::1]",
    "[fd00::1]",
    "[::ffff:a00:5]",
    "[::ffff:10.0.0.5]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[1:2:3:4:5:6:7:8]",
    "[1:2:3:4:5:6:7:8:9]",
    "[abcd]",
    "[]",
    "::1",
    "xn--bcher-kva.example",
    "xn--a.example",
    "xn--.example",
    "XN--BCHER-KVA.example",
    "registry_1.example",
    "_registry.example",
    "registry.example.",
    ".registry.example",
    "registry..example",
    "-registry.example",
    "registry-.example",
    "registry.-example",
    "b\u{fc}cher.example",
    "user@registry.example",
    "https://registry.example",
    "registry/example",
    "",
];

const PORTS: &[&str] = &[":0", ":00", ":65536", ":99999999999999999999", ":", ":a", ":50a", ":5000:1"];

const PATHS: &[&str] = &[
    "a___b",
    "a..b",
    "a._b",
    "a_",
    "_a",
    "-a",
    "a-",
    "a/",
    "/a",
    "a//b",
    "App",
    "team/App",
    "sha256",
    "sha512",
    "localhost",
    "a b",
    "a%2fb",
    "a*",
    "*",
    "",
];

const TAGS: &[&str] = &[":-a", ":.a", ":", ":a:b", ":a/b", ":a b", ":2", ":5000"];

const DIGESTS: &[&str] =
    &["sha256:", "sha512:", "sha384:", "md5:", "sha1:", "SHA256:", "sha256+b64:", "sha256", "", ":"];

/// Characters that are inserted.
const CHARACTERS: &[char] = &[
    '.', ':', '-', '_', '/', '@', '[', ']', '%', 'A', 'z', '0', '9', ' ', '\t', '\n', '\0', '\u{e9}', '\u{3002}',
    '\u{202e}', '*', '\\', '"', '+', '#', '?',
];

/// `count` texts; the same for the same seed.
pub(super) fn texts(seed: u64, count: usize) -> impl Iterator<Item = String> {
    let mut random = Random::new(seed);
    (0..count).map(move |_| text(&mut random))
}

fn text(random: &mut Random) -> String {
    let mut text = String::new();
    if !random.one_in(4) {
        text.push_str(&host(random));
        if random.one_in(3) {
            text.push_str(part(random, GOOD_PORTS, PORTS));
        }
        if !random.one_in(30) {
            text.push('/');
        }
    }
    text.push_str(&path(random));
    if random.one_in(3) {
        text.push_str(&tag(random));
    }
    if random.one_in(4) {
        text.push('@');
        text.push_str(&digest(random));
    }
    // Most texts stay as they are.
    let changes = random.weighted([14, 4, 1, 1].into_iter());
    (0..changes).fold(text, |text, _| changed(&text, random))
}

/// Mostly one of the good parts.
fn part(random: &mut Random, good: &[&'static str], odd: &[&'static str]) -> &'static str {
    let parts = if random.one_in(3) { odd } else { good };
    random.pick::<&'static str>(parts)
}

fn host(random: &mut Random) -> String {
    match random.below(40) {
        0 => format!("{}.example", "a".repeat(63)),
        1 => format!("{}.example", "a".repeat(64)),
        2 => format!("{}example", "abcdefgh.".repeat(27)),
        3 => format!("{}example", "abcdefgh.".repeat(28)),
        _ => part(random, GOOD_HOSTS, HOSTS).to_owned(),
    }
}

fn path(random: &mut Random) -> String {
    match random.below(40) {
        0 => DIGITS.to_owned(),
        1 => DIGITS[1..].to_owned(),
        2 => DIGITS.to_uppercase(),
        // Near the greatest length of a repository, 255 characters.
        3 => "a".repeat(225 + random.below(40)),
        4 => format!("{}b", "a/".repeat(110 + random.below(20))),
        _ => part(random, GOOD_PATHS, PATHS).to_owned(),
    }
}

fn tag(random: &mut Random) -> String {
    match random.below(30) {
        0 => format!(":{}", "t".repeat(128)),
        1 => format!(":{}", "t".repeat(129)),
        _ => part(random, GOOD_TAGS, TAGS).to_owned(),
    }
}

fn digest(random: &mut Random) -> String {
    let algorithm = if random.one_in(2) { "sha256:" } else { random.pick(DIGESTS) };
    let digits = match (algorithm, random.below(10)) {
        (_, 0) => DIGITS[1..].to_owned(),
        (_, 1) => DIGITS.to_uppercase(),
        (_, 2) => format!("{DIGITS}@sha256:{DIGITS}"),
        ("sha512:", _) => DIGITS.repeat(2),
        ("sha384:", _) => DIGITS.repeat(2)[..96].to_owned(),
        ("md5:", _) => DIGITS[..32].to_owned(),
        _ => DIGITS.to_owned(),
    };
    format!("{algorithm}{digits}")
}

/// The text with one change.
fn changed(text: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len() + 1);
    match random.below(6) {
        0 | 1 => characters.insert(at, *random.pick(CHARACTERS)),
        2 if at < characters.len() => drop(characters.remove(at)),
        3 if at + 1 < characters.len() => characters.swap(at, at + 1),
        4 if at < characters.len() => characters.insert(at, characters[at]),
        5 if at < characters.len() => characters[at] = other_case(characters[at]),
        _ => characters.push(*random.pick(CHARACTERS)),
    }
    characters.into_iter().collect()
}

fn other_case(character: char) -> char {
    if character.is_ascii_lowercase() { character.to_ascii_uppercase() } else { character.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_texts() {
        let all: Vec<String> = texts(7, 2000).collect();
        assert_eq!(all, texts(7, 2000).collect::<Vec<_>>());
        assert_ne!(all, texts(8, 2000).collect::<Vec<_>>());
        assert!(all.iter().collect::<BTreeSet<_>>().len() > 1500);
    }
}
