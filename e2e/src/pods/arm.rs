//! What is compared: a baseline, and arms that differ from it in one factor each.

use std::time::Duration;

/// The baseline in words, for the output.
pub(super) const BASELINE: &str = "baseline: Countersign, 1 replica, controllers with 400 requests/s (bursts of 800), a Deployment with \
                                   an image and a repository of its own for each Pod, 25 ms to the registry, tokens, nothing in memory";

/// One of the things that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arm {
    Baseline,
    NoWebhook,
    AlwaysAllow,
    Ratify,
    DefaultLimits,
    OneDeployment,
    OneDeploymentAlwaysAllow,
    NoRoundTrip,
    Warm,
    Mutation,
    DefaultThreads,
}

/// All factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) webhook: Webhook,
    pub(super) limits: Limits,
    /// Whether all Pods are of one Deployment, with one image.
    pub(super) is_one_deployment: bool,
    /// That of the network to the registry.
    pub(super) round_trip: Duration,
    /// Whether the provider has the verdicts in memory.
    pub(super) is_warm: bool,
    /// Whether tags become digests.
    pub(super) mutates: bool,
    /// Whether Gatekeeper validates as many objects at the same time as there are processors.
    pub(super) has_default_threads: bool,
}

/// What decides about the Pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Webhook {
    /// The API server alone.
    None,
    /// Gatekeeper with a template that never denies and has no provider.
    AlwaysAllow,
    /// Gatekeeper with Countersign and its templates.
    Countersign,
    /// Gatekeeper with Ratify and the default template of its library.
    Ratify,
}

/// How often each controller may call the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// In a second, on average.
    pub(super) qps: u32,
    pub(super) burst: u32,
}

impl Limits {
    /// Between two arms, too.
    pub(super) const HIGH: Self = Self { qps: 400, burst: 800 };
    /// The defaults of kube-controller-manager.
    const DEFAULT: Self = Self { qps: 20, burst: 30 };
}

impl Arm {
    pub(super) const ALL: [Self; 11] = [
        Self::Baseline,
        Self::NoWebhook,
        Self::AlwaysAllow,
        Self::Ratify,
        Self::DefaultLimits,
        Self::OneDeployment,
        Self::OneDeploymentAlwaysAllow,
        Self::NoRoundTrip,
        Self::Warm,
        Self::Mutation,
        Self::DefaultThreads,
    ];

    /// Those that show that everything of this project works.
    pub(super) const SHORT: [Self; 5] =
        [Self::Baseline, Self::NoWebhook, Self::OneDeployment, Self::Warm, Self::Mutation];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::NoWebhook => "no-webhook",
            Self::AlwaysAllow => "always-allow",
            Self::Ratify => "ratify",
            Self::DefaultLimits => "limits-20-30",
            Self::OneDeployment => "one-deployment",
            Self::OneDeploymentAlwaysAllow => "one-deployment-always-allow",
            Self::NoRoundTrip => "0-ms",
            Self::Warm => "warm",
            Self::Mutation => "mutation",
            Self::DefaultThreads => "threads-as-processors",
        }
    }

    /// The only round of an arm that takes minutes, counted from 0.
    pub(super) fn only_round(self) -> Option<usize> {
        match self {
            Self::Ratify => Some(0),
            Self::DefaultLimits | Self::DefaultThreads => Some(1),
            Self::Baseline
            | Self::NoWebhook
            | Self::AlwaysAllow
            | Self::OneDeployment
            | Self::OneDeploymentAlwaysAllow
            | Self::NoRoundTrip
            | Self::Warm
            | Self::Mutation => None,
        }
    }

    pub(super) fn setting(self) -> Setting {
        let baseline = Setting {
            webhook: Webhook::Countersign,
            limits: Limits::HIGH,
            is_one_deployment: false,
            round_trip: Duration::from_millis(25),
            is_warm: false,
            mutates: false,
            has_default_threads: false,
        };
        match self {
            Self::Baseline => baseline,
            Self::NoWebhook => Setting { webhook: Webhook::None, ..baseline },
            Self::AlwaysAllow => Setting { webhook: Webhook::AlwaysAllow, ..baseline },
            Self::Ratify => Setting { webhook: Webhook::Ratify, ..baseline },
            Self::DefaultLimits => Setting { limits: Limits::DEFAULT, ..baseline },
            Self::OneDeployment => Setting { is_one_deployment: true, ..baseline },
            Self::OneDeploymentAlwaysAllow => {
                Setting { webhook: Webhook::AlwaysAllow, is_one_deployment: true, ..baseline }
            }
            Self::NoRoundTrip => Setting { round_trip: Duration::ZERO, ..baseline },
            Self::Warm => Setting { is_warm: true, ..baseline },
            Self::Mutation => Setting { mutates: true, ..baseline },
            Self::DefaultThreads => Setting { has_default_threads: true, ..baseline },
        }
    }
}
