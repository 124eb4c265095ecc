//! The files that entries of `registries` name.

use super::*;

#[tokio::test]
async fn the_former_credential_stays_in_use_if_its_file_is_unusable() {
    let mut service = ReloadedService::start().await;
    service.folder.write("user", "alice\n");
    service.folder.write("password", "first\n");
    let registry = "registries: [{host: a.example, credentials: {usernameFile: user, passwordFile: password}}]";
    service.folder.write("c.yaml", config(registry));
    assert_eq!(service.poll().file_status(), [""; 0]);
    let engine = service.task.engine.server.handler_address();
    remove(&service.folder, "user");
    service.folder.write("password", "");
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]registries the files of the registries have 2 mistakes"), "{file_status:?}");
    assert_eq!(service.task.engine.server.handler_address(), engine);
    service.folder.write("user", "alice\n");
    service.folder.write("password", "second\n");
    assert_eq!(service.poll().file_status(), [""; 0]);
    // The engine stays, with its caches.
    assert_eq!(service.task.engine.server.handler_address(), engine);
}

#[tokio::test]
async fn uses_a_changed_login_or_authority_of_a_proxy() {
    let mut service = ReloadedService::start().await;
    service.folder.write("user", "alice\n");
    service.folder.write("password", "first\n");
    service.folder.write("proxy.pem", Authority::root(CertSpec::root()).pem());
    let proxy = "{url: 'https://proxy.example:3128', usernameFile: user, passwordFile: password, ca: proxy.pem}";
    let registry = format!("registries: [{{host: a.example, proxy: {proxy}}}]");
    service.folder.write("c.yaml", config(&registry));
    assert_eq!(service.poll().file_status(), [""; 0]);
    for (name, content) in [
        ("user", "bob\n".to_owned()),
        ("password", "second\n".to_owned()),
        ("proxy.pem", Authority::root(CertSpec::root().common_name("another")).pem()),
    ] {
        let engine = service.task.engine.server.handler_address();
        service.folder.write(name, &content);
        assert_eq!(service.poll().file_status(), [""; 0], "{name}");
        assert_ne!(service.task.engine.server.handler_address(), engine, "{name}");
    }
    let engine = service.task.engine.server.handler_address();
    service.folder.write("proxy.pem", "nothing");
    assert_eq!(service.poll().file_status().len(), 1);
    assert_eq!(service.task.engine.server.handler_address(), engine);
    // The choice itself is part of the configuration.
    service.folder.write("c.yaml", config("registries: [{host: a.example, proxy: none}]"));
    assert_eq!(service.poll().file_status(), [""; 0]);
    assert_ne!(service.task.engine.server.handler_address(), engine);
}

#[tokio::test]
async fn a_mistake_in_a_pull_secret_disables_its_entry_and_the_rest_is_taken_into_use() {
    let mut service = ReloadedService::start().await;
    service.folder.write("secret.json", r#"{"auths": {"a.example": {"auth": "YTpi"}}}"#);
    service.folder.write("c.yaml", config("registries: [{host: a.example, credentials: {dockerConfig: secret.json}}]"));
    assert_eq!((service.poll().file_status(), service.registry_status()), (vec![], vec![]));
    let engine = service.task.engine.server.handler_address();
    let broken = r#"{"auths": {"a.example": {"auth": "Yzpk"}, "b.example": {"auth": "!"}}, "credsStore": "desktop"}"#;
    service.folder.write("secret.json", broken);
    let file_status = service.poll().file_status();
    assert!(
        file_status[0].starts_with("[!]registries the files of the registries have 1 mistake; "),
        "{file_status:?}"
    );
    assert_eq!(
        service.registry_status(),
        [
            "[!] an entry of secret.json (registry a.example) is disabled, so that its images are inconclusive: \
             entry \"b.example\" has an auth that is not base64, expected the base64 of name:password in the \
             alphabet with + and /",
            "[!] registry a.example: secret.json: credsStore names \"desktop\": helpers are not run; requests to \
             registries without a credential in auths are anonymous",
        ]
    );
    assert_eq!(service.task.engine.server.handler_address(), engine);
    service.folder.write("secret.json", r#"{"auths": {"a.example": {"auth": "Yzpk"}}}"#);
    assert_eq!((service.poll().file_status(), service.registry_status()), (vec![], vec![]));
}

#[tokio::test]
async fn a_service_starts_without_the_files_of_a_registry_and_polls_them() {
    let mut service = ReloadedService::start().await;
    let registries = "registries: [{host: a.example, ca: ca.pem}, {host: b.example, credentials: {usernameFile: user, passwordFile: password}}]";
    service.folder.write("c.yaml", config(registries));
    let (file, config) = ConfigFile::load(&service.folder.path().join("c.yaml"), Purpose::Serve).unwrap();
    service.task = Service::start(&config).await.unwrap().following(file, None).reload;
    let missing = "cannot be read: No such file or directory (os error 2), expected a readable file";
    let disabled = [
        format!("[!] registry a.example is disabled: ca.pem: {missing}"),
        format!("[!] registry b.example is disabled: user: {missing}"),
        format!("[!] registry b.example is disabled: password: {missing}"),
    ];
    assert_eq!(service.registry_status(), disabled);
    // A configuration that changes something else is used.
    service.folder.write("c.yaml", self::config(&format!("{registries}\ncache: {{verdictLifetime: 1m}}")));
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    assert_eq!(service.registry_status(), disabled);
    // One that names a further file which is not there is not.
    service.folder.write("c.yaml", self::config(&registries.replace("ca.pem", "other.pem")));
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]config the files of the registries have 1 mistake"), "{file_status:?}");
    service.folder.write("c.yaml", self::config(registries));
    service.folder.write("ca.pem", Authority::root(CertSpec::root()).pem());
    service.folder.write("user", "alice");
    service.folder.write("password", "secret");
    assert_eq!((service.poll().file_status(), service.registry_status()), (vec![], vec![]));
}
