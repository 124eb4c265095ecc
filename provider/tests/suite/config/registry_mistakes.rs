//! Mistakes in entries of `registries`, with the whole message.

use super::check;

/// The mistake of a second entry that never applies.
fn never(second: &str, first: &str) -> String {
    format!(
        ":4: registries[1].host: found {second}, which never applies: registries[0] \"{first}\" is before it and has all of \
         its repositories, expected each registry once, and the narrower one first"
    )
}

#[test]
fn refuses_bad_registries() {
    let host = "expected host[:port][/path] as in image references, with *. or **. only before at least two labels, for \
                example registry.example.com";
    check("registries: [{plainHttp: true}]", &[&format!(":2: registries[0].host: found nothing, {host}")]);
    for bad in [
        "a.b/C", "a.b/c:v1", "a.b/*", "*.com", "**.com", "*", "**", "a.*.b", "a*.b.c", "a.**.b.c", "-a.b", "a..b",
        "[::1", "a.b.",
    ] {
        check(
            &format!("registries: [{{host: \"{bad}\"}}]"),
            &[&format!(":2: registries[0].host: found \"{bad}\", {host}")],
        );
    }
    let number = "its last label is a number, which some programs read as an address; expected four decimal \
                  numbers up to 255 without leading zeros, or a name";
    let hub = "container runtimes do not use this spelling for Docker Hub; expected docker.io";
    for (bad, why) in [
        ("a.b:0", "expected a port from 1 to 65535"),
        ("a.b:65536", "expected a port from 1 to 65535"),
        ("127.1", number),
        ("*.0x7f.1", number),
        ("Docker.io", hub),
        ("docker.io:443", hub),
    ] {
        let host = host.replace("labels,", &format!("labels ({why}),"));
        check(
            &format!("registries: [{{host: \"{bad}\"}}]"),
            &[&format!(":2: registries[0].host: found \"{bad}\", {host}")],
        );
    }
    check("registries:\n- host: docker.io\n- host: index.docker.io", &[&never("index.docker.io", "docker.io")]);
    for (first, second) in [
        ("a.b", "A.B"),
        ("a.b", "a.b:0443"),
        ("'*.a.b:5000'", "'*.A.b:05000'"),
        ("'[fd00::1]:5000'", "'[FD00:0::1]:5000'"),
        ("10.0.0.5", "'[::ffff:a00:5]'"),
        ("a.b", "a.b/team"),
        ("a.b/team", "A.b/team/app"),
        ("'**.b.c'", "'*.b.c/team'"),
        ("'*.b.c'", "a.b.c"),
    ] {
        check(
            &format!("registries:\n- host: {first}\n- host: {second}"),
            &[&never(&second.replace('\'', ""), &first.replace('\'', ""))],
        );
    }
    check("registries:\n- {host: a.b, plainHttp: true}\n- host: a.b:80", &[&never("a.b:80", "a.b")]);
    // Entries for some repositories of a host, and hosts that no entry before has.
    check(
        "registries:\n- {host: a.b/team, plainHttp: true}\n- host: a.b",
        &[
            ":4: registries[1].plainHttp: found false beside registries[0] \"a.b/team\", which can be for repositories of the \
           same host, expected the same in both",
        ],
    );
    check(
        "registries:\n- host: '*.a.b/team'\n- {host: x.a.b, plainHttp: true}",
        &[
            ":4: registries[1].plainHttp: found true beside registries[0] \"*.a.b/team\", which can be for repositories of \
           the same host, expected the same in both",
        ],
    );
    check(
        "registries: [{host: 'a.b:443', plainHttp: true}]",
        &[":2: registries[0].plainHttp: found true beside the port of https in a.b:443, expected another port, or \
             none for port 80; references can omit the default port of https"],
    );
    for host in ["docker.io", "Registry-1.docker.io"] {
        check(
            &format!("registries: [{{host: {host}, plainHttp: true}}]"),
            &[&format!(
                ":2: registries[0].plainHttp: found true beside {host}, which is Docker Hub, expected https; all of \
                 its names mean port 443"
            )],
        );
    }
    check(
        "registries: [{host: a.b, requestTimeout: 0s, maxRequests: 0, requestsPerSecond: 1001}]",
        &[
            ":2: registries[0].requestTimeout: found \"0s\", expected a duration with its unit (h, m, s or ms), from 50ms to 1m, \
             for example 5s",
            ":2: registries[0].maxRequests: found the number 0, expected a whole number from 1 to 1024, for example 8",
            ":2: registries[0].requestsPerSecond: found the number 1001, expected a whole number from 1 to 1000, for example 10",
        ],
    );
    check(
        "registries: [{host: a.b, plainHttp: true, ca: x}]",
        &[
            ":2: registries[0].plainHttp: found true beside ca, expected one or the other; plain HTTP has no certificates",
        ],
    );
    check(
        "registries: [{host: a.b, plainHttp: true, clientCertificate: {certificateFile: x, keyFile: y}}]",
        &[
            ":2: registries[0].plainHttp: found true beside clientCertificate, expected one or the other; plain HTTP has no \
             certificates",
        ],
    );
    check(
        "registries: [{host: a.b, clientCertificate: {certificateFile: x, forRealmHosts: true}}]",
        &[
            ":2: registries[0].clientCertificate.keyFile: found nothing, expected a PEM file, for example registry-client/tls.key",
        ],
    );
    check(
        "registries: [{host: a.b, clientCertificate: {certificateFile: x, keyFile: y, forRealmHosts: true}}]",
        &[
            ":2: registries[0].clientCertificate: found forRealmHosts: true without realmHosts, expected hosts in realmHosts \
             beside it, or false",
        ],
    );
    for (mirror, key, found) in [
        (
            "https://m.c",
            "mirrors[0]",
            "a URL with its scheme, expected host[:port][/path]; TLS is used unless the entry of the mirror has plainHttp; write \
             m.c, without https://",
        ),
        (
            "user:hunter2@m.c",
            "mirrors[0]",
            "a user name or password, expected host[:port][/path]; the credentials of a mirror are those of its own entry",
        ),
        ("x, '*.m.c'", "mirrors[1]", "another text, expected host[:port][/path] of one registry, without wildcards"),
        (
            "A.B:443",
            "mirrors",
            "\"A.B:443\", which is the registry itself, expected other locations; the registry is the last one unless mirrorsOnly \
             is true",
        ),
        ("m.c, M.C", "mirrors", "\"M.C\" twice, expected each mirror once"),
        ("m.c, 1", "mirrors[1]", "a number, expected a list of host[:port][/path]"),
    ] {
        check(
            &format!("registries: [{{host: a.b, mirrors: [{mirror}]}}]"),
            &[&format!(":2: registries[0].{key}: found {found}")],
        );
    }
    check(
        "registries: [{host: a.b, mirrorsOnly: true}]",
        &[":2: registries[0].mirrorsOnly: found true without mirrors, expected mirrors beside mirrorsOnly, or false"],
    );
    check(
        "registries: [{host: a.b, mirrors: [c.d/x]}, {host: c.d, mirrors: [a.b/y]}]",
        &[
            ":2: registries[1].mirrors: found \"a.b/y\", whose entry a.b has mirrors that lead back to this one, expected mirrors \
             without a circle; the mirrors of a mirror are not used",
        ],
    );
    check(
        "registries: [{host: a.b, connectTimeout: 2m}]",
        &[
            ":2: registries[0].connectTimeout: found \"2m\", expected a duration with its unit (h, m, s or ms), from 50ms to 1m, \
           for example 1s",
        ],
    );
    check(
        "registries: [{host: a.b, plainHttp: true, credentials: {dockerConfig: x}}]",
        &[":2: registries[0].plainHttp: found true beside credentials, expected one or the other; credentials would \
             be sent in clear text"],
    );
    check(
        "registries: [{host: a.b, realmHosts: ['https://c']}]",
        &[":2: registries[0].realmHosts[0]: found \"https://c\", expected host[:port]; write c, without https://"],
    );
    check(
        "registries: [{host: a.b, credentials: {usernameFile: u}}]",
        &[":2: registries[0].credentials.passwordFile: found nothing, expected the file with the password beside \
         usernameFile, for example registry-login/password"],
    );
    check(
        "registries: [{host: a.b, credentials: {passwordFile: u}}]",
        &[
            ":2: registries[0].credentials.usernameFile: found nothing, expected the file with the name beside passwordFile, \
         for example registry-login/username",
        ],
    );
    let kinds = "expected one of dockerConfig, usernameFile with passwordFile, ecr, acr, google, or anonymous: true";
    check(
        "registries: [{host: a.b, credentials: {dockerConfig: d, anonymous: true}}]",
        &[&format!(":2: registries[0].credentials: found 2 kinds, {kinds}")],
    );
    check(
        "registries: [{host: a.b, credentials: {dockerConfig: d, usernameFile: u, passwordFile: p, anonymous: true}}]",
        &[&format!(":2: registries[0].credentials: found 3 kinds, {kinds}")],
    );
    check(
        "registries: [{host: a.b, credentials: {anonymous: false}}]",
        &[&format!(":2: registries[0].credentials: found none, {kinds}")],
    );
}

#[test]
fn refuses_bad_proxies_without_showing_them() {
    let proxy = |text: &str, expected: &str| {
        check(
            &format!("registries: [{{host: r.example, proxy: {text}}}]"),
            &[&format!(":2: registries[0].proxy{expected}")],
        );
    };
    let wanted = "none, environment, or a URL that begins with http:// or https://";
    proxy("hunter2@p.example:3128", &format!(": found a string that is none of them, expected {wanted}"));
    proxy("'off'", &format!(": found a string that is none of them, expected {wanted}"));
    proxy("3128", &format!(": found a number, expected {wanted}"));
    proxy("'socks5://u:hunter2@p.example'", ": found a URL with scheme \"socks5\", expected http or https");
    proxy(
        "'http://u:hun/ter2@p.example'",
        ": found no URL with a host, expected http://host:port or https://host:port, with special characters of a \
         user name or password percent-encoded",
    );
    proxy(
        "'http://p.example/x'",
        ": found a URL with a path, a query or a fragment, expected only scheme, host \
                                   and port",
    );
    proxy(
        "{usernameFile: u, passwordFile: p}",
        ".url: found nothing, expected a URL that begins with http:// or https://, for example http://proxy.example.com:3128",
    );
    proxy(
        "{url: 'http://p.example', usernameFile: u}",
        ".passwordFile: found nothing, expected the file with the password beside usernameFile, for example \
         proxy-login/password",
    );
    proxy(
        "{url: 'http://u:hunter2@p.example', usernameFile: u, passwordFile: p}",
        ".url: found a user name or password beside usernameFile, expected one or the other",
    );
    proxy(
        "{url: 'http://p.example', ca: c}",
        ".ca: found authorities for a proxy that is reached by http, expected an https URL beside them, or none",
    );
    for (host, what) in [
        ("10.0.0.5:5000", "a private address"),
        ("localhost:5000", "a name or address of this machine"),
        ("[::1]:5000", "a name or address of this machine"),
        ("169.254.169.254", "a link-local or metadata address"),
        ("registry.tools.svc:5000", "a name inside the cluster"),
    ] {
        check(
            &format!("registries: [{{host: '{host}', proxy: 'http://u:hunter2@p.example:3128'}}]"),
            &[&format!(
                ":2: registries[0].proxy: found the proxy http://p.example:3128 for {host}, which is {what}, expected none, as no \
                 proxy is used for this host"
            )],
        );
    }
}

#[test]
fn a_password_for_registries_of_strangers_is_refused() {
    let credentials = "credentials: {usernameFile: user, passwordFile: password}";
    for (pattern, domain) in [
        ("*.azurecr.io", "azurecr.io"),
        ("**.azurecr.us", "azurecr.us"),
        ("*.pkg.dev", "pkg.dev"),
        ("*.gcr.io/project", "gcr.io"),
        ("*.dkr.ecr.eu-west-1.amazonaws.com", "amazonaws.com"),
        ("**.amazonaws.com.cn", "amazonaws.com.cn"),
        ("1.dkr.ecr.*.amazonaws.com", "amazonaws.com"),
    ] {
        let wanted = format!(
            ":2: registries[0].credentials.passwordFile: found a password for every host of {pattern}, expected the exact name of the \
             registry in host: anybody can have a registry below {domain}, and whoever creates a pod with an image of it would get the \
             password"
        );
        check(&format!("registries: [{{host: '{pattern}', {credentials}}}]"), &[&wanted]);
    }
    // Exact hosts, patterns of one's own, and a file with exact hosts.
    for entry in [
        format!("{{host: shops.azurecr.io, {credentials}}}"),
        format!("{{host: '*.notazurecr.io.example.com', {credentials}}}"),
        format!("{{host: '*.my-azurecr.io', {credentials}}}"),
        "{host: '*.azurecr.io', credentials: {dockerConfig: config.json}}".to_owned(),
    ] {
        assert!(
            super::parse(&format!("{}registries: [{entry}]\n", super::TRUST), super::Purpose::Verify).is_ok(),
            "{entry}"
        );
    }
}

#[test]
fn positions_count_entries_that_cannot_be_read() {
    let host = "found \"a b\", expected host[:port][/path] as in image references, with *. or **. only before at least two labels, for \
                example registry.example.com";
    check(
        "registries: [{host: a b}, {host: c.d}, {host: c.d/x}, {host: e.f/x}, {host: e.f, plainHttp: true}]",
        &[
            &format!(":2: registries[0].host: {host}"),
            ":2: registries[2].host: found c.d/x, which never applies: registries[1] \"c.d\" is before it and has all of its repositories, \
             expected each registry once, and the narrower one first",
            ":2: registries[4].plainHttp: found true beside registries[3] \"e.f/x\", which can be for repositories of the same host, \
             expected the same in both",
        ],
    );
    check(
        "registries: [{host: a b}, {host: 1.dkr.x}, {host: 111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov, credentials: {ecr: {}}}]",
        &[
            &format!(":2: registries[0].host: {host}"),
            ":2: registries[2].host: found 111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov with credentials.ecr, which is in the partition \
             aws-iso, expected one of aws.partitions: aws,aws-us-gov,aws-cn",
        ],
    );
}
