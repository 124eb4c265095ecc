use super::*;

const A: Hop<'static> = Hop { home: "a", about: "", host: "a", own: true, listed: true };

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The failures after which `hop` is taken for one that fails, each after this time.
async fn fail(health: &Health, hop: Hop<'_>, after: Duration) {
    for number in 1..limits::FAILURES {
        health.failed(hop, Text::of(format_args!("refused {number}")), after);
        tokio::time::sleep(ms(50)).await;
    }
    health.failed(hop, "refused at last".into(), after);
}

fn refused(host: &str, failures: u32, ago: Duration, last: &str) -> Result<Admitted, FetchError> {
    Err(FetchError::Failing { host: host.to_owned(), failures, ago, last: last.into() })
}

fn far() -> Instant {
    Instant::now() + ms(60_000)
}

#[tokio::test(start_paused = true)]
async fn few_failures_or_failures_at_one_moment_do_not_count() {
    let health = Health::new();
    for _ in 0..100 {
        health.failed(A, "refused".into(), ms(1));
    }
    assert_eq!(health.admit(A, far()).await, Ok(Admitted::Usual));
    let health = Health::new();
    for _ in 0..100 {
        health.failed(A, "refused".into(), ms(1));
        health.succeeded(A, ms(1));
        tokio::time::sleep(ms(100)).await;
    }
    assert_eq!(health.admit(A, far()).await, Ok(Admitted::Usual));
    let health = Health::new();
    for _ in 1..limits::FAILURES {
        health.failed(A, "refused".into(), ms(1));
        tokio::time::sleep(ms(1000)).await;
    }
    assert_eq!(health.admit(A, far()).await, Ok(Admitted::Usual));
    assert!(!health.is_failing(A));
}

#[tokio::test(start_paused = true)]
async fn of_a_host_that_does_not_respond_one_request_is_sent_each_400_ms_and_the_others_fail_at_once() {
    let health = Health::new();
    fail(&health, A, ms(900)).await;
    assert!(health.is_failing(A));
    let began = Instant::now();
    // As long as the last failure is new, its end may be near.
    assert_eq!(health.admit(A, far()).await, refused("a", 5, ms(100), "refused at last"));
    assert_eq!(began.elapsed(), ms(100));
    assert_eq!(health.admit(A, far()).await, refused("a", 5, ms(100), "refused at last"));
    assert_eq!(began.elapsed(), ms(100));
    let mut probes = Vec::new();
    while probes.len() < 4 {
        if health.admit(A, far()).await == Ok(Admitted::Probe) {
            probes.push(began.elapsed());
        } else {
            tokio::time::sleep(ms(10)).await;
        }
    }
    assert_eq!(probes, [ms(400), ms(800), ms(1200), ms(1600)]);
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_the_next_look_at_a_host_that_fails_at_once_and_go_on_after_its_return() {
    let health = Health::new();
    fail(&health, A, ms(1)).await;
    let began = Instant::now();
    assert_eq!(health.admit(A, far()).await, Ok(Admitted::Probe));
    assert_eq!(began.elapsed(), limits::PROBE_FAST);
    // Its result is that of those that wait.
    let result = async {
        tokio::time::sleep(ms(5)).await;
        health.failed(A, "refused again".into(), ms(5));
    };
    let (one, other, ()) = tokio::join!(health.admit(A, far()), health.admit(A, far()), result);
    assert_eq!((one, other), (refused("a", 6, ms(0), "refused again"), refused("a", 6, ms(0), "refused again")));
    assert_eq!(began.elapsed(), ms(105));
    let probe = health.admit(A, far()).await;
    assert_eq!((probe, began.elapsed()), (Ok(Admitted::Probe), ms(200)));
    let result = async {
        tokio::time::sleep(ms(25)).await;
        health.succeeded(A, ms(25));
    };
    let (one, other, ()) = tokio::join!(health.admit(A, far()), health.admit(A, far()), result);
    assert_eq!((one, other), (Ok(Admitted::Usual), Ok(Admitted::Usual)));
    assert_eq!(began.elapsed(), ms(225));
    assert!(!health.is_failing(A));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_fails_on_behalf_of_another_one_does_not_fail_for_all() {
    let health = Health::new();
    let store = |home| Hop { home, about: "", host: "store", own: false, listed: false };
    fail(&health, store("a"), ms(900)).await;
    tokio::time::sleep(ms(100)).await;
    assert!(health.admit(store("a"), far()).await.is_err());
    for other in [A, store("b"), Hop { listed: true, ..store("a") }] {
        assert_eq!(health.admit(other, far()).await, Ok(Admitted::Usual));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_does_not_wait_beyond_its_deadline() {
    let health = Health::new();
    fail(&health, A, ms(1)).await;
    let began = Instant::now();
    assert_eq!(health.admit(A, began + ms(50)).await, refused("a", 5, ms(0), "refused at last"));
    assert_eq!(began.elapsed(), ms(0));
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_response_has_half_of_the_time_unless_the_host_is_known_to_be_slower() {
    let health = Health::new();
    let until = Instant::now() + ms(1800);
    assert_eq!(health.head_time(A, until), None);
    health.failed(A, "refused".into(), ms(1));
    assert_eq!(health.head_time(A, until), None);
    health.succeeded(A, ms(25));
    assert_eq!(health.head_time(A, until), Some(ms(900)));
    assert_eq!(health.head_time(A, Instant::now()), Some(limits::HEAD_LEAST));
    health.succeeded(A, ms(800));
    assert_eq!(health.head_time(A, until), Some(ms(3200)));
    // A response that is faster counts little by little.
    health.succeeded(A, ms(25));
    assert_eq!(health.head_time(A, until), Some(ms(2800)));
    // One that did not come has more time the next time.
    let health = Health::new();
    health.succeeded(A, ms(25));
    health.was_slow(A, ms(900));
    assert_eq!(health.head_time(A, until), Some(ms(1800)));
}

#[tokio::test(start_paused = true)]
async fn of_the_requests_to_a_host_that_fails_one_in_five_seconds_waits_longer_than_its_callers() {
    let health = Health::new();
    health.succeeded(A, ms(25));
    fail(&health, A, ms(900)).await;
    let until = || Instant::now() + ms(1800);
    for _ in 0..2 {
        assert_eq!(health.head_time(A, until()), None);
        // And one at a time as long as they do.
        assert_eq!(health.head_time(A, until()), Some(ms(1800)));
        for _ in 0..3 {
            assert_eq!(health.head_time(A, until()), Some(limits::HEAD_LEAST));
        }
        tokio::time::sleep(ms(1800)).await;
        assert_eq!(health.head_time(A, until()), Some(ms(1800)));
        assert_eq!(health.head_time(A, until()), Some(limits::HEAD_LEAST));
        // That they had no response says nothing new.
        health.was_slow(A, ms(5000));
        tokio::time::sleep(limits::PROBE_PATIENT).await;
    }
    health.succeeded(A, ms(3000));
    assert_eq!(health.head_time(A, until()), Some(ms(12_000)));
}

#[tokio::test(start_paused = true)]
async fn the_text_of_a_failure_is_short() {
    let health = Health::new();
    for _ in 0..10 {
        health.failed(A, Text::of("x".repeat(1000)), ms(900));
        tokio::time::sleep(ms(100)).await;
    }
    assert_eq!(health.admit(A, Instant::now()).await, Ok(Admitted::Probe));
    let Err(FetchError::Failing { last, .. }) = health.admit(A, Instant::now()).await else { panic!() };
    assert_eq!(last.as_str().len(), limits::FAILURE_TEXT_BYTES);
}

#[tokio::test(start_paused = true)]
async fn a_request_about_a_part_without_one_for_some_time_is_sent_for_a_few_parts_at_a_time() {
    let health = Health::new();
    let about = |about| Hop { about, ..A };
    fail(&health, about("a"), ms(900)).await;
    let parts: Vec<String> = (1..=limits::PROBE_PARTS).map(|number| format!("b{number}")).collect();
    let (last, first) = parts.split_last().unwrap();
    let began = Instant::now();
    for part in first {
        assert_eq!(health.admit(about(part), far()).await, Ok(Admitted::Probe));
        assert!(health.admit(about(part), began).await.is_err(), "{part}");
    }
    assert!(health.admit(about(last), began).await.is_err());
    assert_eq!(began.elapsed(), ms(0));
    tokio::time::sleep(limits::PROBE_PATIENT).await;
    // The first one in place of the next probe.
    for part in [last, &parts[0], "a"] {
        assert_eq!(health.admit(about(part), far()).await, Ok(Admitted::Probe), "{part}");
    }
    assert!(health.admit(about(last), Instant::now()).await.is_err());
    health.succeeded(about(last), ms(25));
    assert_eq!(health.admit(about("a"), far()).await, Ok(Admitted::Usual));
}

#[tokio::test(start_paused = true)]
async fn what_a_host_has_answered_about_lately_is_known_for_few_parts_and_a_minute() {
    let health = Health::new();
    let of = |about| Hop { about, ..A };
    health.succeeded(of("one"), ms(1));
    let answered = |about| health.has_answered(of(about));
    assert_eq!(["one", "bad"].map(answered), [true, false]);
    // A failure changes nothing, and neither does another host.
    fail(&health, of("bad"), ms(1)).await;
    assert_eq!(["one", "bad"].map(answered), [true, false]);
    assert!(!health.has_answered(Hop { host: "b", ..of("one") }));
    // The one whose response is the oldest makes room.
    for about in ["2", "3", "4", "5", "6", "7", "8", "one", "9"] {
        tokio::time::sleep(ms(1000)).await;
        health.succeeded(of(about), ms(1));
    }
    assert_eq!(["one", "2", "3", "8", "9"].map(answered), [true, false, true, true, true]);
    tokio::time::sleep(limits::ANSWERED - ms(1)).await;
    assert_eq!(["one", "9"].map(answered), [false, true]);
    tokio::time::sleep(ms(1)).await;
    assert!(!answered("9"));
}
